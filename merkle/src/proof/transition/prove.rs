//! Making transition proofs from an old state and the new one.

use alloc::vec::Vec;

use thiserror::Error;

use super::{CHANGES_LIMIT, ChangedRegion, PageChange, TRANSITION_VERSION, TransitionError, TransitionProof};
use crate::gindex::GeneralizedIndex;
use crate::hash::Hash;
use crate::layout::{self, LayoutError, StateField};
use crate::leaf::{PaddingError, decode_uint64_chunk};
use crate::multiproof::{MultiproofError, helper_indices};
use crate::proof::{LimitError, NODES_LIMIT};
use crate::state::StateTree;

/// Why there is no transition proof between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProveTransitionError {
    /// A region was added or removed, or has another kind, permissions, flags or size.
    #[error(
        "region {region:#04x} is added or removed, or its kind, permissions or size change: this version proves \
         changes of pages only"
    )]
    RegionChanged {
        /// The region.
        region: u8,
    },
    /// An allocation was made, changed or freed.
    #[error(
        "the list of allocations or the next one's number changes: this version proves changes of pages only"
    )]
    AllocationsChanged,
    /// A page is named of a region that is absent.
    #[error("region {region:#04x} is absent: it has no pages")]
    RegionAbsent {
        /// The region.
        region: u8,
    },
    /// A page is named that lies behind its region's last one.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The proof would be longer than its format allows.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A state does not give a node that it should have.
    #[error("the state has no node at generalized index {index}")]
    MissingNode {
        /// The node's place.
        index: GeneralizedIndex,
    },
    /// A state's count of settlements is no integer.
    #[error("the count of settlements is malformed: {0}")]
    Settlements(#[from] PaddingError),
    /// The places contradict each other.
    #[error("the state is inconsistent: {0}")]
    Inconsistent(#[from] MultiproofError),
    /// What was to be proven is not true: the states differ in more than the named pages.
    #[error("the named pages are not all that changes: {0}")]
    OtherChanges(TransitionError),
}

impl TransitionProof {
    /// Proves that `new` follows from `old` by changes of these pages, given as region and page, and of the count of
    /// settlements. Pages that are the same in both states are left out.
    ///
    /// # Errors
    /// [`ProveTransitionError::AllocationsChanged`], [`ProveTransitionError::RegionChanged`] and
    /// [`ProveTransitionError::OtherChanges`] if the states differ in more; [`ProveTransitionError::Limit`] if more pages
    /// change than a proof can list; the others if a page does not exist, or if a state has holes.
    pub fn prove(
        old: &impl StateTree,
        new: &impl StateTree,
        pages: impl IntoIterator<Item = (u8, u32)>,
    ) -> Result<Self, ProveTransitionError> {
        for field in [StateField::Allocations, StateField::NextAllocation].map(layout::field) {
            if node(old, field)? != node(new, field)? {
                return Err(ProveTransitionError::AllocationsChanged);
            }
        }
        if let Some(region) = (0..=u8::MAX).find(|&region| old.region(region) != new.region(region)) {
            return Err(ProveTransitionError::RegionChanged { region });
        }
        let mut pages: Vec<_> = pages.into_iter().collect();
        pages.sort_unstable();
        pages.dedup();
        let settlements = layout::field(StateField::Settlements);
        let mut proof = Self {
            version: TRANSITION_VERSION,
            old_root: node(old, GeneralizedIndex::ROOT)?,
            new_root: node(new, GeneralizedIndex::ROOT)?,
            old_settlements: decode_uint64_chunk(&node(old, settlements)?)?,
            new_settlements: decode_uint64_chunk(&node(new, settlements)?)?,
            regions: Vec::new(),
            changes: Vec::new(),
            helpers: Vec::new(),
        };
        for of_region in pages.chunk_by(|a, b| a.0 == b.0) {
            proof.add_region(old, new, of_region[0].0, of_region)?;
        }
        LimitError::check("changes", proof.changes.len(), CHANGES_LIMIT)?;
        let leaves = proof.leaves().map_err(ProveTransitionError::OtherChanges)?;
        let indices: Vec<_> = leaves.into_iter().map(|(index, _)| index).collect();
        let helpers = helper_indices(&indices)?;
        LimitError::check("helpers", helpers.len(), NODES_LIMIT)?;
        proof.helpers = helpers.into_iter().map(|index| node(old, index)).collect::<Result<_, _>>()?;
        let (old_root, new_root) = (proof.old_root, proof.new_root);
        proof.verify(&old_root, &new_root).map_err(ProveTransitionError::OtherChanges)?;
        Ok(proof)
    }

    /// Adds those of a region's pages that change, and the region if there are any.
    fn add_region(
        &mut self,
        old: &impl StateTree,
        new: &impl StateTree,
        region: u8,
        pages: &[(u8, u32)],
    ) -> Result<(), ProveTransitionError> {
        let header = old.region(region).ok_or(ProveTransitionError::RegionAbsent { region })?;
        let cap = header.cap_layout(region)?;
        let unchanged = self.changes.len();
        for &(_, page) in pages {
            let place = cap.page(page)?;
            let (old, new) = (node(old, place)?, node(new, place)?);
            if old != new {
                self.changes.push(PageChange { region: region.into(), page: page.into(), old, new });
            }
        }
        if self.changes.len() > unchanged {
            let (meta, size) = (header.meta, header.size);
            self.regions.push(ChangedRegion { region: region.into(), meta, size });
        }
        Ok(())
    }
}

fn node(state: &impl StateTree, index: GeneralizedIndex) -> Result<Hash, ProveTransitionError> {
    state.node(index).ok_or(ProveTransitionError::MissingNode { index })
}
