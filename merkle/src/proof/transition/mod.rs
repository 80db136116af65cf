//! Transition proofs: one state root follows from another by exactly these changes of pages, regions and allocations, and
//! by nothing else.
//!
//! One multiproof: with the old leaves, its helpers give the old root; with the new leaves, the same helpers give the new
//! one. So everything that is no leaf is the same in both states. The format is in `docs/proofs.md`.

mod codec;
mod leaves;
mod prove;
mod verify;

use alloc::vec::Vec;

pub use codec::TRANSITION_BYTES_LIMIT;
pub use prove::ProveTransitionError;
pub use verify::{TransitionError, verify_transition_proof};

use super::{LimitError, NODES_LIMIT};
use crate::allocation::AllocationRecord;
use crate::gindex::GeneralizedIndex;
use crate::hash::{Hash, hash_pair};
use crate::layout::REGIONS;
use crate::leaf::{Generator, RegionHeader};

/// The version of the format of transition proofs. Bits 32 and up tell the kinds of proofs apart: memory proofs have 0
/// there.
pub const TRANSITION_VERSION: u64 = 1 << 32 | 3;
/// Page changes in a proof at most.
pub const CHANGES_LIMIT: usize = 1 << 20;
/// Changed allocation records in a proof at most.
pub const RECORDS_LIMIT: usize = 1 << 17;
#[allow(clippy::cast_possible_truncation, reason = "256")]
const REGIONS_LIMIT: usize = REGIONS as usize;

/// What a state counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCounts {
    /// How many times it has settled.
    pub settlements: u64,
    /// The next allocation's number.
    pub next_allocation: u64,
    /// Length of the list of allocations: the highest used slot and one.
    pub slots: u64,
}

/// A page whose leaf is another one in the new state; or a page of a region that has another size, or is absent, in one of
/// the states, and the page is not zero in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageChange {
    /// The region's number.
    pub region: u64,
    /// The page's number in its region.
    pub page: u64,
    /// The page's leaf in the old state; zero if there is no such page.
    pub old: Hash,
    /// Its leaf in the new state; zero if there is no such page.
    pub new: Hash,
}

/// A region that changes: its header, or pages in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedRegion {
    /// The region's number.
    pub region: u64,
    /// Its header in the old state.
    pub old: TransitionHeader,
    /// Its header in the new state.
    pub new: TransitionHeader,
}

impl ChangedRegion {
    /// Whether both states have pages of this region, in the same places of the tree.
    fn keeps_places(&self) -> bool {
        self.old.size != 0
            && self.old.size == self.new.size
            && self.old.is_generative() == self.new.is_generative()
    }
}

/// What a state says of a region besides its pages: a [`RegionHeader`] as a transition proof has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitionHeader {
    /// [`RegionHeader::meta`].
    pub meta: u64,
    /// [`RegionHeader::size`].
    pub size: u64,
    /// [`Generator::seed`] of a Generative region, else 0.
    pub seed: u64,
    /// [`Generator::mode`] of a Generative region, else 0.
    pub mode: u64,
}

impl TransitionHeader {
    /// That of a region which is absent.
    pub const ABSENT: Self = Self { meta: 0, size: 0, seed: 0, mode: 0 };

    /// The region's header, whether there is one or not. Of a region that is not Generative seed and mode are left out.
    pub fn header(&self) -> RegionHeader {
        let header = RegionHeader { meta: self.meta, size: self.size, generator: None };
        let generator = Generator { seed: self.seed, mode: self.mode };
        RegionHeader { generator: header.is_generative().then_some(generator), ..header }
    }

    /// Whether the region is Generative.
    pub fn is_generative(&self) -> bool {
        self.header().is_generative()
    }
}

impl From<RegionHeader> for TransitionHeader {
    fn from(RegionHeader { meta, size, generator }: RegionHeader) -> Self {
        let Generator { seed, mode } = generator.unwrap_or(Generator { seed: 0, mode: 0 });
        Self { meta, size, seed, mode }
    }
}

/// A slot of the list of allocations that changes. A free one has [`AllocationRecord::FREE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedRecord {
    /// The slot.
    pub slot: u64,
    /// The record in the old state.
    pub old: AllocationRecord,
    /// The record in the new state.
    pub new: AllocationRecord,
}

/// A proof that a state follows from another one: the fields of the SSZ container, in its order.
///
/// All of it is true if [`TransitionProof::verify`] accepts it, and nothing is implied otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionProof {
    /// [`TRANSITION_VERSION`].
    pub version: u64,
    /// Root of the old state.
    pub old_root: Hash,
    /// Root of the new state.
    pub new_root: Hash,
    /// What the old state counts.
    pub old: StateCounts,
    /// What the new state counts.
    pub new: StateCounts,
    /// All regions that change, ascending.
    pub regions: Vec<ChangedRegion>,
    /// All pages that change, ascending by region and page, up to [`CHANGES_LIMIT`].
    pub changes: Vec<PageChange>,
    /// All slots of the list of allocations that change, ascending, up to [`RECORDS_LIMIT`].
    pub records: Vec<ChangedRecord>,
    /// The nodes that lead from the leaves to both roots, in descending order of their indices, up to [`NODES_LIMIT`].
    pub helpers: Vec<Hash>,
}

impl TransitionProof {
    pub(in crate::proof) fn check_limits(&self) -> Result<(), LimitError> {
        LimitError::check("regions", self.regions.len(), REGIONS_LIMIT)?;
        LimitError::check("changes", self.changes.len(), CHANGES_LIMIT)?;
        LimitError::check("records", self.records.len(), RECORDS_LIMIT)?;
        LimitError::check("helpers", self.helpers.len(), NODES_LIMIT)
    }
}

/// A node of the old state, and the one in its place in the new state.
type Pair = [Hash; 2];

/// A leaf of the multiproof.
type Leaf = (GeneralizedIndex, Pair);

/// The parents of two pairs. Where nothing has changed below, one hash is enough.
fn join(left: &Pair, right: &Pair) -> Pair {
    let old = hash_pair(&left[0], &right[0]);
    let unchanged = left[0] == left[1] && right[0] == right[1];
    [old, if unchanged { old } else { hash_pair(&left[1], &right[1]) }]
}
