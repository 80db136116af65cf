//! The allocator: memory that programs and the host ask for while the machine runs.
//!
//! An allocation has virtual pages, or a block of one, which never move under the program, and page frames, which are what is
//! paid for. All that the allocator knows follows from the records of the allocations and from the budget of planes that each
//! of its regions has: both are in the state tree.

mod allocate;
mod compact;
mod error;
mod frames;
mod hashes;
mod promotion;
mod query;
mod record;
mod records;
mod regions;
mod request;
mod resize;
mod restore;
mod slabs;
mod space;
mod spaces;

use travertine_merkle::layout::ALLOCATIONS_LIMIT;

use crate::persistent::{BitSet, Rest};
use crate::region::{FrameBudget, RegionKind};
use frames::Pricing;
use space::{Place, Space};
use spaces::Spaces;

pub(crate) use allocate::{FreePlan as FreedPlace, GrantPlan};
pub use compact::{CompactionPlan, CompactionReport, DEFAULT_COMPACTION_MOVES, RECOMMENDED_FRAGMENTATION_BP};
pub use error::{AllocationError, AllocationFailure};
pub use promotion::PromotionPlan;
pub use query::Property;
pub use record::{Allocation, AllocationFlags, Fragment, FragmentError, Fragments};
pub use records::{RecordError, RecordList};
pub use regions::GENERATIVE_REGIONS;
pub use request::{ALLOCATABLE_KINDS, AllocationPrices, AllocationRequest, MAX_BLOCK_BYTES, PARAMETER_BYTES};
pub(crate) use resize::{Change as ResizeChange, ResizePlan as ResizedPlace};
pub use restore::RestoreError;
pub use slabs::BLOCK_BYTES;

/// The number of a machine's first allocation.
const FIRST_ALLOCATION: u64 = 1;
/// Bits of a handle that are the slot of the record; the allocation's number is above them.
const SLOT_BITS: u32 = ALLOCATIONS_LIMIT.ilog2();

/// The state of the allocator. A clone shares all that is at rest, so a call works on one and is undone by dropping it.
#[derive(Debug, Clone)]
pub(crate) struct Allocator {
    pub(crate) records: RecordList,
    /// The number of the next allocation.
    pub(crate) next: u64,
    spaces: Spaces,
    /// The regions that were used last, the latest first.
    recent: Vec<u8>,
    /// The slots of the allocations that are gone when the call ends.
    ending: BitSet,
    /// The most frames that may be in use. The embedder's: it is not part of the state.
    frame_limit: u64,
}

impl Default for Allocator {
    fn default() -> Self {
        Self {
            records: RecordList::new(),
            next: FIRST_ALLOCATION,
            spaces: Spaces::default(),
            recent: Vec::new(),
            ending: BitSet::empty(SLOT_BITS),
            frame_limit: u64::MAX,
        }
    }
}

/// How many planes the regions of a kind have before and after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaneChange {
    /// The kind of the region.
    pub kind: RegionKind,
    /// Planes of all regions of this kind together, before.
    pub before: u64,
    /// Planes of all regions of this kind together, after.
    pub after: u64,
}

impl PlaneChange {
    fn grown(kind: RegionKind, before: u64, planes: u32) -> Self {
        Self { kind, before, after: before + u64::from(planes) }
    }
}

impl Allocator {
    pub(crate) fn set_frame_limit(&mut self, frames: u64) {
        self.frame_limit = frames;
    }

    /// Whether the allocator has opened this region.
    pub(crate) fn manages(&self, region: u8) -> bool {
        self.space(region).is_some()
    }

    #[inline]
    pub(crate) fn space(&self, region: u8) -> Option<&Space> {
        self.spaces.get(region)
    }

    /// The budgets of all regions of the allocator, as the state tree has them.
    pub(crate) fn budgets(&self) -> impl Iterator<Item = (u8, FrameBudget)> {
        self.spaces.iter().map(|(region, space)| {
            let place = self.recent.iter().position(|recent| *recent == region);
            let recency = place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(0);
            (region, FrameBudget { planes: space.frames.planes(), recency })
        })
    }

    /// The allocation whose bytes contain an address, and the slot of its record.
    #[inline]
    pub(crate) fn find(&self, address: u64) -> Result<(u32, &Allocation), AllocationError> {
        let managed = crate::Address::new(address).ok().and_then(|at| Some((at, self.space(at.region())?)));
        let (at, space) = managed.ok_or(AllocationError::ForeignRegion { address })?;
        let near = space.slot_near(at.linear()).and_then(|slot| Some((slot, self.records.get(slot)?)));
        near.filter(|(_, record)| {
            (record.address.packed()..record.address.packed() + record.size).contains(&address)
        })
        .ok_or(AllocationError::NotAllocated { address })
    }

    /// What the program may do with a page of a managed region, and the page behind the last one of which that is known to be
    /// true, too. `None` where nothing is allocated.
    pub(crate) fn permissions(&self, region: u8, page: u32) -> Option<(crate::Permissions, u32)> {
        let space = self.space(region)?;
        if space.free_pages.members().contains(page) {
            return None;
        }
        if space.slabs.get(page).is_some() {
            return Some((space.kind.default_permissions(), page + 1));
        }
        let record = self.records.get(space.slot_near(page << crate::address::PAGE_OFFSET_BITS)?)?;
        match Place::of(record) {
            Place::Pages { first, count } => Some((record.permissions(), first + count)),
            Place::Block(_) => None,
        }
    }

    /// The slots of the allocations that are gone when the call ends, ascending.
    pub(crate) fn ending(&self) -> impl Iterator<Item = u32> {
        self.ending.iter_from(0)
    }

    /// Forgets the regions that do not outlive the call, in which nothing is allocated any more, and returns which they are.
    pub(crate) fn close_volatile(&mut self) -> Vec<u8> {
        let volatile = |space: &Space| !space.kind.survives_settle();
        let closed: Vec<u8> =
            self.spaces.iter().filter(|(_, space)| volatile(space)).map(|(region, _)| region).collect();
        for &region in &closed {
            self.spaces.close(region);
        }
        self.recent.retain(|region| !closed.contains(region));
        closed
    }

    /// The planes of a region's kind before and after the region is closed.
    fn closed(&self, region: u8) -> Option<PlaneChange> {
        let Space { kind, frames, .. } = self.space(region)?;
        let before = self.spaces.planes(*kind);
        Some(PlaneChange { kind: *kind, before, after: before - u64::from(frames.planes()) })
    }

    fn pricing<'a>(&self, prices: &'a dyn AllocationPrices, kind: RegionKind) -> Pricing<'a> {
        Pricing { prices, kind, planes: self.spaces.planes(kind) }
    }

    #[inline]
    fn check_frame_limit(&self, more: u32) -> Result<(), AllocationError> {
        let (frames, limit) = (self.frames_in_use() + u64::from(more), self.frame_limit);
        if more > 0 && frames > limit { Err(AllocationError::FrameLimit { frames, limit }) } else { Ok(()) }
    }

    /// Frames in use in all regions.
    pub(crate) fn frames_in_use(&self) -> u64 {
        self.spaces.frames()
    }
}

impl Rest for Allocator {
    fn rest(&mut self) {
        self.records.rest();
        self.spaces.rest();
        self.ending.rest();
    }
}
