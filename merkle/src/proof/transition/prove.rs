//! Making transition proofs from an old state and the new one.

use alloc::vec;
use alloc::vec::Vec;

use thiserror::Error;

use super::{
    CHANGES_LIMIT, ChangedRecord, ChangedRegion, PageChange, RECORDS_LIMIT, StateCounts, TRANSITION_VERSION,
    TransitionError, TransitionHeader, TransitionProof,
};
use crate::allocation::AllocationRecord;
use crate::gindex::{GeneralizedIndex, GindexError};
use crate::hash::{Hash, ZERO_HASH};
use crate::layout::{self, CapLayout, LayoutError, StateField};
use crate::leaf::{PaddingError, decode_uint64_chunk};
use crate::multiproof::{MultiproofError, helper_indices};
use crate::proof::{LimitError, NODES_LIMIT};
use crate::state::StateTree;

/// Why there is no transition proof between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProveTransitionError {
    /// A page is named of a region that is absent in both states.
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
    /// What should be an integer of a state is none.
    #[error("a count of the state, or an integer of an allocation record, is malformed: {0}")]
    Padding(#[from] PaddingError),
    /// The places contradict each other.
    #[error("the state is inconsistent: {0}")]
    Inconsistent(#[from] MultiproofError),
    /// What was to be proven is not true, or cannot be proven: the states differ in other fields, in pages that are not named,
    /// or in a region of a kind that is not supported.
    #[error("what is named is not all that changes, or cannot be proven: {0}")]
    OtherChanges(TransitionError),
}

impl From<GindexError> for ProveTransitionError {
    fn from(error: GindexError) -> Self {
        Self::Layout(error.into())
    }
}

impl TransitionProof {
    /// Proves that `new` follows from `old` by changes of these pages, given as region and page, of regions' headers, of
    /// allocations, and of the count of settlements. Pages that are the same in both states are left out; regions and records
    /// that change are found by themselves, at a cost that follows their number.
    ///
    /// If a region is absent in one of the states, has another size in it, or is Generative in one alone, all of its pages whose
    /// leaves are not zero must be named, in whichever of the states.
    ///
    /// # Errors
    /// [`ProveTransitionError::OtherChanges`] if the states differ in more; [`ProveTransitionError::Limit`] if more changes
    /// than a proof can list; the others if a page does not exist, or if a state has holes.
    pub fn prove(
        old: &impl StateTree,
        new: &impl StateTree,
        pages: impl IntoIterator<Item = (u8, u32)>,
    ) -> Result<Self, ProveTransitionError> {
        let mut pages: Vec<_> = pages.into_iter().collect();
        pages.sort_unstable();
        pages.dedup();
        let mut proof = Self {
            version: TRANSITION_VERSION,
            old_root: node(old, GeneralizedIndex::ROOT)?,
            new_root: node(new, GeneralizedIndex::ROOT)?,
            old: counts(old)?,
            new: counts(new)?,
            regions: Vec::new(),
            changes: Vec::new(),
            records: changed_records(old, new)?,
            helpers: Vec::new(),
        };
        let mut rest = &pages[..];
        for region in 0..=u8::MAX {
            let (own, others) = rest.split_at(rest.iter().take_while(|page| page.0 == region).count());
            rest = others;
            proof.add_region(old, new, region, own)?;
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

    /// Adds those of a region's pages that change, and the region if there are any, or if its header changes.
    fn add_region(
        &mut self,
        old: &impl StateTree,
        new: &impl StateTree,
        region: u8,
        pages: &[(u8, u32)],
    ) -> Result<(), ProveTransitionError> {
        let headers = [old.region(region), new.region(region)];
        if headers == [None, None] {
            return if pages.is_empty() {
                Ok(())
            } else {
                Err(ProveTransitionError::RegionAbsent { region })
            };
        }
        let [old_header, new_header] =
            headers.map(|header| header.map_or(TransitionHeader::ABSENT, TransitionHeader::from));
        let changed = ChangedRegion { region: region.into(), old: old_header, new: new_header };
        let is_whole = !changed.keeps_places();
        let before = self.changes.len();
        for &(_, page) in pages {
            let leaves = [page_leaf(old, region, page)?, page_leaf(new, region, page)?];
            if leaves == [None, None] {
                let size = old_header.size.max(new_header.size);
                CapLayout::new(layout::cap(region), size)?.page(page)?;
            }
            let [old, new] = leaves.map(|leaf| leaf.unwrap_or(ZERO_HASH));
            if old != new || (is_whole && old != ZERO_HASH) {
                self.changes.push(PageChange { region: region.into(), page: page.into(), old, new });
            }
        }
        if self.changes.len() > before || old_header != new_header {
            self.regions.push(changed);
        }
        Ok(())
    }
}

fn node(state: &impl StateTree, index: GeneralizedIndex) -> Result<Hash, ProveTransitionError> {
    state.node(index).ok_or(ProveTransitionError::MissingNode { index })
}

/// The leaf of a page; `None` if there is no such page.
fn page_leaf(state: &impl StateTree, region: u8, page: u32) -> Result<Option<Hash>, ProveTransitionError> {
    let Some(header) = state.region(region) else { return Ok(None) };
    match header.cap_layout(region)?.page(page) {
        Ok(place) => node(state, place).map(Some),
        Err(LayoutError::Page { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn counts(state: &impl StateTree) -> Result<StateCounts, ProveTransitionError> {
    let integer = |index| Ok::<_, ProveTransitionError>(decode_uint64_chunk(&node(state, index)?)?);
    Ok(StateCounts {
        settlements: integer(layout::field(StateField::Settlements))?,
        next_allocation: integer(layout::field(StateField::NextAllocation))?,
        slots: integer(layout::allocations_length())?,
    })
}

/// The slots that hold another record, found by going down where the nodes differ.
fn changed_records(
    old: &impl StateTree,
    new: &impl StateTree,
) -> Result<Vec<ChangedRecord>, ProveTransitionError> {
    let first = layout::allocation(0)?;
    let mut records = Vec::new();
    let mut pending = vec![layout::field(StateField::Allocations).left()?];
    while let Some(index) = pending.pop() {
        if node(old, index)? == node(new, index)? {
            continue;
        }
        if index.depth() < first.depth() {
            // The left one is taken first, so slots ascend.
            pending.extend([index.right()?, index.left()?]);
            continue;
        }
        let slot = index.get() - first.get();
        LimitError::check("records", records.len() + 1, RECORDS_LIMIT)?;
        records.push(ChangedRecord { slot, old: record(old, slot)?, new: record(new, slot)? });
    }
    Ok(records)
}

fn record(state: &impl StateTree, slot: u64) -> Result<AllocationRecord, ProveTransitionError> {
    if node(state, layout::allocation(slot)?)? == ZERO_HASH {
        return Ok(AllocationRecord::FREE);
    }
    let mut chunks = [ZERO_HASH; 8];
    for (chunk, index) in chunks.iter_mut().zip(layout::allocation_chunks(slot)?) {
        *chunk = node(state, index)?;
    }
    Ok(AllocationRecord::from_chunks(&chunks)?)
}
