//! Verifying transition proofs with nothing but the two roots.

use alloc::vec::Vec;

use thiserror::Error;

use super::{TRANSITION_VERSION, TransitionProof, join};
use crate::hash::Hash;
use crate::layout::LayoutError;
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
    /// A region that is not Generative has a seed or a mode.
    #[error("region {region:#04x} is not Generative and is listed with a seed or a mode")]
    Generator {
        /// The region.
        region: u8,
    },
    /// A region's size, a slot or the length of the list of allocations is none.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The listed regions do not ascend, or a changed page's region is not among them.
    #[error("the listed regions do not ascend, or lack one that has a changed page")]
    Regions,
    /// A listed region has the same header in both states, and no changed page.
    #[error("region {region:#04x} is listed, but does not change")]
    RegionUnchanged {
        /// The region.
        region: u8,
    },
    /// The slots do not ascend.
    #[error("slot {slot} of the allocations stands behind itself or a later one")]
    RecordOrder {
        /// The slot that is not above the one before it.
        slot: u64,
    },
    /// A listed slot holds the same in both states.
    #[error("slot {slot} of the allocations is listed, but does not change")]
    RecordUnchanged {
        /// The slot.
        slot: u64,
    },
    /// A record stands behind the end of the list, where there is padding.
    #[error("a record in slot {slot} of a list of {slots} allocations")]
    RecordBehindEnd {
        /// The slot.
        slot: u64,
        /// The list's length in that state.
        slots: u64,
    },
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
    /// A listed page has the same leaf in both states, or none but zero in a region whose leaf follows from its pages.
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
/// What is returned is true, all of it: these pages, regions and allocation records are as listed in the old state and in the
/// new one, so are the states' counts, and nothing else differs between them. Memory is linear in the length of the proof, and
/// so is work, apart from a sort of its indices: at most 20 hashes for each page, 14 for each record, one for each helper.
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
}
