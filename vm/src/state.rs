//! The settled state of a machine: its memory, and what else its root commits to.

use std::sync::Arc;

use travertine_memory::substrate::{BlockError, BlockStatus, Substrate};
use travertine_memory::{DirtyPage, Memory};
use travertine_merkle::layout::{self, REGIONS, STATE_FIELDS, STATE_VERSION, StateField};
use travertine_merkle::{
    Claim, GeneralizedIndex, Hash, MemoryProof, ProveError, ProveTransitionError, RegionHeader, StateTree,
    TransitionProof, ZERO_HASH, merkleize, uint64_chunk,
};

use crate::receipt::{DirtyPageRecord, Receipt};
use crate::snapshot::SnapshotPages;

/// A settled state. Its root is up to date, and any byte of it can be proven.
#[derive(Debug, Clone)]
pub struct State {
    memory: Memory,
    schedule: Hash,
    image: Hash,
    settlements: u64,
    /// The leaves of the regions up to the last one that is present, and the fields of the container: proofs ask for them often.
    leaves: Arc<[Hash]>,
    fields: [Hash; 1 << FIELD_DEPTH],
    root: Hash,
    /// The snapshot that the state was read from, which has the pages that were not touched since.
    kept: Option<Arc<SnapshotPages>>,
}

impl State {
    /// A state with this memory, which has settled or was never written.
    pub(crate) fn new(memory: Memory, schedule: Hash, image: Hash, settlements: u64) -> Self {
        let leaves = present_leaves(&memory).into();
        let fields = [ZERO_HASH; 1 << FIELD_DEPTH];
        let mut state =
            Self { memory, schedule, image, settlements, leaves, fields, root: ZERO_HASH, kept: None };
        state.fields = state.compute_fields();
        state.root = merkleize(&state.fields, STATE_FIELDS);
        state
    }

    /// The state after a successful call that worked on `memory`, and the pages that the call changed.
    pub(crate) fn settled(&self, mut memory: Memory) -> (Self, Vec<DirtyPage>) {
        let dirty = memory.settle();
        let settlements = self.settlements.checked_add(1).expect("no machine settles 2^64 times");
        let state = Self::new(memory, self.schedule, self.image, settlements);
        (Self { kept: self.kept.clone(), ..state }, dirty)
    }

    /// The state when a block begins.
    pub(crate) fn in_block(
        &self,
        substrate: &Substrate,
        header: &[u8],
        timestamp: u64,
    ) -> Result<Self, BlockError> {
        let mut memory = self.memory.clone();
        memory.begin_block(substrate, header, timestamp)?;
        let state = Self::new(memory, self.schedule, self.image, self.settlements);
        Ok(Self { kept: self.kept.clone(), ..state })
    }

    /// The block that the machine is in: what the rule says of its header, and the ledger; `None` before the first one.
    pub fn block(&self) -> Option<&BlockStatus> {
        self.memory.block()
    }

    /// The state, which was read from the snapshot that has these pages.
    pub(crate) fn keeping(self, pages: Arc<SnapshotPages>) -> Self {
        Self { kept: Some(pages), ..self }
    }

    /// The pages of the snapshot that the state was read from.
    pub(crate) fn kept_pages(&self) -> Option<&SnapshotPages> {
        self.kept.as_deref()
    }

    /// The state root.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The settled memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Limits the frames of calls that begin with this state.
    pub(crate) fn set_frame_limit(&mut self, frames: u64) {
        self.memory.set_frame_limit(frames);
    }

    /// Root of the gas schedule in force.
    pub fn schedule(&self) -> Hash {
        self.schedule
    }

    /// Root of the image that the machine was made from.
    pub fn image(&self) -> Hash {
        self.image
    }

    /// How many times the machine has settled.
    pub fn settlements(&self) -> u64 {
        self.settlements
    }

    /// A proof of these claims against [`State::root`].
    ///
    /// # Errors
    /// [`ProveError`] if a claim is malformed or names what this state does not have.
    pub fn prove(&self, claims: &[Claim]) -> Result<MemoryProof, ProveError> {
        MemoryProof::prove(self, claims)
    }

    /// A proof that the root of `new` follows from that of this state by the page changes of a call's `receipt`, and by what
    /// the call allocated.
    ///
    /// # Errors
    /// [`ProveTransitionError`] if the states differ in other things, too, or in more than a proof can list.
    pub fn prove_transition(
        &self,
        new: &Self,
        receipt: &Receipt,
    ) -> Result<TransitionProof, ProveTransitionError> {
        // A receipt of this machine names existing pages only. Others change nothing.
        let place =
            |dirty: &DirtyPageRecord| u8::try_from(dirty.region).ok().zip(u32::try_from(dirty.page).ok());
        TransitionProof::prove(self, new, receipt.dirty_pages.iter().filter_map(place))
    }

    /// The fields of the state container, in order.
    fn compute_fields(&self) -> [Hash; 1 << FIELD_DEPTH] {
        let mut fields = [ZERO_HASH; 1 << FIELD_DEPTH];
        let mut set = |field: StateField, value| fields[field as usize] = value;
        set(StateField::Version, uint64_chunk(STATE_VERSION));
        set(StateField::Regions, merkleize(&self.leaves, REGIONS));
        set(StateField::Allocations, self.memory.allocations().root());
        set(StateField::NextAllocation, uint64_chunk(self.memory.next_allocation()));
        set(StateField::GasSchedule, self.schedule);
        set(StateField::Image, self.image);
        set(StateField::Settlements, uint64_chunk(self.settlements));
        fields
    }

    fn node_below_region(&self, index: GeneralizedIndex) -> Option<Hash> {
        let leaf = index.get() >> (index.depth() - REGION_LEAF_DEPTH);
        let region = u8::try_from(leaf.checked_sub(layout::region(0).get())?).ok()?;
        self.memory.node(region, below_depth(index, REGION_LEAF_DEPTH).get()).ok()
    }
}

/// The place of a node seen from its ancestor at this depth.
fn below_depth(index: GeneralizedIndex, depth: u32) -> GeneralizedIndex {
    let root = 1 << (index.depth() - depth);
    GeneralizedIndex::new(root | index.get() & (root - 1)).expect("the ancestor itself has index 1")
}

/// Levels between the state root and its fields, and between the state root and the region leaves.
const FIELD_DEPTH: u32 = STATE_FIELDS.ilog2();
const REGION_LEAF_DEPTH: u32 = FIELD_DEPTH + REGIONS.ilog2();

/// The root over the 256 region leaves of a settled memory.
pub(crate) fn regions_root(memory: &Memory) -> Hash {
    merkleize(&present_leaves(memory), REGIONS)
}

/// The region leaves up to the last region that is present: the rest are zero and cost nothing.
fn present_leaves(memory: &Memory) -> Vec<Hash> {
    let last = memory.regions().map(|(number, _)| number).max();
    let leaf = |number| memory.region_leaf(number).expect("a settled memory has no dirty regions");
    last.map_or_else(Vec::new, |last| (0..=last).map(leaf).collect())
}

/// The node `depth` levels below the root over `leaves`, of `total` levels, at `position` from the left.
fn subtree_node(leaves: &[Hash], total: u32, depth: u32, position: u64) -> Hash {
    let width = 1 << (total - depth);
    let start = usize::try_from(position * width).map_or(leaves.len(), |start| start.min(leaves.len()));
    let rest = &leaves[start..];
    merkleize(&rest[..usize::try_from(width).map_or(rest.len(), |width| width.min(rest.len()))], width)
}

impl StateTree for State {
    fn node(&self, index: GeneralizedIndex) -> Option<Hash> {
        let depth = index.depth();
        if depth <= FIELD_DEPTH {
            return Some(subtree_node(&self.fields, FIELD_DEPTH, depth, index.get() - (1 << depth)));
        }
        let below = depth - FIELD_DEPTH;
        let regions = layout::field(StateField::Regions).get();
        let allocations = layout::field(StateField::Allocations).get();
        let field = index.get() >> below;
        if field == allocations {
            return self.memory.allocations().node(below_depth(index, FIELD_DEPTH));
        }
        if field != regions {
            return None;
        }
        if depth <= REGION_LEAF_DEPTH {
            return Some(subtree_node(
                &self.leaves,
                REGIONS.ilog2(),
                below,
                index.get() - (regions << below),
            ));
        }
        self.node_below_region(index)
    }

    fn region(&self, region: u8) -> Option<RegionHeader> {
        let region = self.memory.region(region)?;
        let cap = region.cap();
        Some(RegionHeader { meta: region.meta(), size: cap.size(), generator: cap.backing().generator() })
    }
}
