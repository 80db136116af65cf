//! Verifying transition proofs with nothing but the two roots.

use alloc::vec::Vec;
use core::cmp::Reverse;

use thiserror::Error;

use super::{Leaf, PageChange, TRANSITION_VERSION, TransitionProof, join};
use crate::gindex::GeneralizedIndex;
use crate::hash::Hash;
use crate::layout::{self, CapLayout, LayoutError, StateField};
use crate::leaf::RegionHeader;
use crate::merkleize::uint64_chunk;
use crate::multiproof::{MultiproofError, compute_root};
use crate::proof::{DecodeError, LimitError};

/// Why a transition proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TransitionError {
    /// The bytes are not an encoded transition proof.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A list is longer than the format allows.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The proof is of another version.
    #[error("transition proof version {version:#x}, this verifier knows {TRANSITION_VERSION:#x}")]
    Version {
        /// The proof's version.
        version: u64,
    },
    /// The proof starts from another root than the trusted one.
    #[error("the proof starts from another root than the trusted one")]
    OtherOldRoot,
    /// The proof leads to another root than the one asked about.
    #[error("the proof leads to another root than the one asked about")]
    OtherNewRoot,
    /// A region's number is above 255.
    #[error("region {region:#x} is above 255")]
    Region {
        /// The number.
        region: u64,
    },
    /// Nothing is known of the cap of a region of this kind.
    #[error("region {region:#04x} is of kind {kind}, which is not defined")]
    RegionKind {
        /// The region.
        region: u8,
        /// Its kind.
        kind: u8,
    },
    /// The size of a cap is none.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The listed regions are not, in ascending order, those of the changes.
    #[error("the listed regions are not those of the changed pages")]
    Regions,
    /// The changes do not ascend by region and page.
    #[error("page {page} of region {region:#x} stands behind itself or a later page")]
    Order {
        /// The region.
        region: u64,
        /// The page that is not above the one before it.
        page: u64,
    },
    /// The page lies behind the last one of its region.
    #[error("page {page} of region {region:#x}, which has {pages} pages")]
    Page {
        /// The region.
        region: u64,
        /// The page.
        page: u64,
        /// How many pages the region has.
        pages: u32,
    },
    /// A listed page has the same leaf in both states.
    #[error("page {page} of region {region:#x} is listed, but does not change")]
    Unchanged {
        /// The region.
        region: u64,
        /// The page.
        page: u64,
    },
    /// The helpers are not those of these leaves.
    #[error(transparent)]
    Multiproof(#[from] MultiproofError),
    /// The old leaves and the helpers do not lead to the old root.
    #[error("the old leaves and the helpers do not yield the old root")]
    OldRoot,
    /// The new leaves and the helpers do not lead to the new root: other things have changed.
    #[error("the new leaves and the helpers do not yield the new root")]
    NewRoot,
}

/// Verifies an encoded transition proof from a root that the caller trusts to one that is claimed to follow.
///
/// What is returned is true, all of it: these pages have these leaves in the old state and those in the new one, the
/// states have settled so many times, and nothing else differs between them. Work and memory are linear in the length of
/// the proof, apart from a sort of its indices.
///
/// # Errors
/// [`TransitionError`] for every other input than the one canonical encoding of a true proof between these roots.
pub fn verify_transition_proof(
    proof: &[u8],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<TransitionProof, TransitionError> {
    let proof = TransitionProof::decode(proof)?;
    proof.verify(old_root, new_root)?;
    Ok(proof)
}

impl TransitionProof {
    /// Verifies a decoded proof; see [`verify_transition_proof`].
    ///
    /// # Errors
    /// As for [`verify_transition_proof`], except that there is nothing to decode.
    pub fn verify(&self, old_root: &Hash, new_root: &Hash) -> Result<(), TransitionError> {
        self.check_limits()?;
        if self.version != TRANSITION_VERSION {
            return Err(TransitionError::Version { version: self.version });
        }
        if self.old_root != *old_root {
            return Err(TransitionError::OtherOldRoot);
        }
        if self.new_root != *new_root {
            return Err(TransitionError::OtherNewRoot);
        }
        let leaves = self.leaves()?;
        let indices: Vec<_> = leaves.iter().map(|&(index, _)| index).collect();
        let pairs = leaves.iter().map(|&(_, pair)| pair);
        let unchanged = |helper| [helper, helper];
        let [old, new] =
            compute_root(&indices, pairs, &self.helpers, unchanged, |_, left, right| join(&left, &right))?;
        if old != *old_root {
            return Err(TransitionError::OldRoot);
        }
        if new != *new_root {
            return Err(TransitionError::NewRoot);
        }
        Ok(())
    }

    /// The leaves of the multiproof, strictly descending: the count of settlements, meta and size of each region, the
    /// changed pages.
    pub(super) fn leaves(&self) -> Result<Vec<Leaf>, TransitionError> {
        let mut leaves = Vec::with_capacity(1 + 2 * self.regions.len() + self.changes.len());
        let settlements = [self.old_settlements, self.new_settlements];
        leaves.push((layout::field(StateField::Settlements), settlements.map(uint64_chunk)));
        let place = |change: &PageChange| (change.region, change.page);
        if let Some(pair) = self.changes.windows(2).find(|pair| place(&pair[0]) >= place(&pair[1])) {
            return Err(TransitionError::Order { region: pair[1].region, page: pair[1].page });
        }
        let by_region = self.changes.chunk_by(|a, b| a.region == b.region);
        if !by_region.clone().map(|changes| changes[0].region).eq(self.regions.iter().map(|it| it.region)) {
            return Err(TransitionError::Regions);
        }
        for (region, changes) in self.regions.iter().zip(by_region) {
            // Of a Generative region seed and mode lie below a helper, so they are the same in both states.
            let header = RegionHeader { meta: region.meta, size: region.size, generator: None };
            let number =
                u8::try_from(region.region).map_err(|_| TransitionError::Region { region: region.region })?;
            if !header.has_known_cap() {
                return Err(TransitionError::RegionKind { region: number, kind: header.kind() });
            }
            let cap = header.cap_layout(number)?;
            let size = if header.is_generative() {
                layout::generative_integers(number)[0]
            } else {
                layout::size(number)
            };
            let same = |value| [uint64_chunk(value); 2];
            leaves.push((layout::meta(number), same(header.meta)));
            leaves.push((size, same(header.size)));
            for change in changes {
                leaves.push((page_place(change, &cap)?, [change.old, change.new]));
            }
        }
        leaves.sort_unstable_by_key(|&(index, _)| Reverse(index));
        Ok(leaves)
    }
}

/// The place of a changed page.
fn page_place(change: &PageChange, cap: &CapLayout) -> Result<GeneralizedIndex, TransitionError> {
    let &PageChange { region, page, old, new } = change;
    if old == new {
        return Err(TransitionError::Unchanged { region, page });
    }
    let place = u32::try_from(page).ok().and_then(|page| cap.page(page).ok());
    place.ok_or(TransitionError::Page { region, page, pages: cap.pages() })
}
