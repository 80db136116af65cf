//! Allocating and freeing: the plan, and what commits it.

use std::collections::BTreeMap;
use std::ops::Range;

use travertine_merkle::layout::ALLOCATIONS_LIMIT;
use travertine_merkle::{Hash, ZERO_HASH};
use travertine_vrns::Synthesis;

use super::error::AllocationError;
use super::frames::{Placement, Pricing, extra_planes};
use super::promotion::PromotionPlan;
use super::record::{Allocation, AllocationFlags, Fragment, Fragments};
use super::regions::{Candidate, Chosen, default_region};
use super::request::{
    AllocationPrices, AllocationRequest, ends_with_call, fills_region, is_block, is_movable, page_count,
};
use super::slabs::{Block, class_of};
use super::space::{Place, PlaceWord, Space};
use super::{Allocator, PlaneChange};
use crate::Address;
use crate::region::{Region, RegionKind};

/// A place that a request could have.
///
/// The fields keep this order because the plan is moved. What a caller does not look at is copied as it lies in memory, and where
/// several small fields lie side by side, the copy waits for the stores of all: so each of those lies between others.
#[derive(Debug, Clone)]
#[repr(C)]
pub(crate) struct GrantPlan {
    size: u64,
    /// Planes of all regions of the kind, before.
    planes: u64,
    place: PlaceWord,
    promotion_cost: u64,
    /// What makes the pages of generative memory.
    synthesis: Option<Box<Synthesis>>,
    owner: Hash,
    fragments: Fragments,
    /// Planes by which the budget grows.
    growth: u32,
    candidate: Candidate,
    kind: RegionKind,
    flags: AllocationFlags,
    /// The regions that were asked.
    pub(crate) regions: u32,
    /// Whether the place is a block of a page that others have blocks of.
    shares_page: bool,
    is_promoted: bool,
}

impl GrantPlan {
    #[inline]
    pub(crate) fn address(&self) -> Address {
        Address::from_linear(self.candidate.region, self.place.offset())
    }

    /// The planes of the kind of region.
    pub(crate) fn planes(&self) -> PlaneChange {
        PlaneChange::grown(self.kind, self.planes, self.growth)
    }

    /// The region that is opened for the request, if one is.
    #[inline]
    pub(crate) fn opens(&self) -> Option<(u8, RegionKind)> {
        self.candidate.is_new.then_some((self.candidate.region, self.kind))
    }

    /// What makes the pages of generative memory.
    pub(crate) fn synthesis(&self) -> Option<Synthesis> {
        self.synthesis.as_deref().copied()
    }

    /// Bytes from the start on that are to be zeroed. A page that nobody had is zero.
    #[inline]
    pub(crate) fn zeroed(&self) -> Option<u64> {
        self.shares_page.then(|| self.place.place().block_bytes()).flatten()
    }

    /// Planes beyond the first that the frames are gathered from.
    pub(crate) fn extra_planes(&self) -> u32 {
        if self.is_promoted { extra_planes(&self.fragments) } else { 0 }
    }

    /// How the frames are gathered, if they are.
    pub(crate) fn promotion(&self) -> Option<PromotionPlan> {
        self.is_promoted
            .then(|| PromotionPlan::new(self.candidate.region, self.fragments.clone(), self.promotion_cost))
    }
}

/// An allocation that can be freed.
#[derive(Debug)]
pub(crate) struct FreePlan {
    pub(crate) slot: u32,
    pub(crate) region: u8,
    pub(crate) place: PlaceWord,
    /// Whether other blocks of its page stay.
    pub(crate) shares_page: bool,
    /// The planes of the region's kind, if the region is closed with it.
    pub(crate) closes: Option<PlaneChange>,
}

impl FreePlan {
    /// Whole pages that are given back.
    #[inline]
    pub(crate) fn dropped_pages(&self) -> Range<u32> {
        if self.shares_page { 0..0 } else { self.place.place().pages() }
    }

    #[inline]
    pub(crate) fn pages(&self) -> u32 {
        let Range { start, end } = self.dropped_pages();
        end - start
    }

    /// Bytes from the start on that are to be zeroed. A page that is given back is dropped.
    #[inline]
    pub(crate) fn zeroed(&self) -> Option<u64> {
        self.shares_page.then(|| self.place.place().block_bytes()).flatten()
    }
}

/// A place in a region, before it is known which one.
pub(crate) struct Found {
    pub(crate) place: Place,
    pub(crate) shares_page: bool,
    pub(crate) placement: Placement,
}

/// A block that is had without more planes, and the frame of its page.
#[derive(Clone, Copy)]
pub(crate) struct FoundBlock {
    block: Block,
    frame: Fragment,
    /// Whether others have blocks of the page.
    pub(crate) shares_page: bool,
}

impl FoundBlock {
    #[inline]
    pub(crate) fn address(&self, region: u8) -> Address {
        Address::from_linear(region, self.block.offset())
    }
}

impl From<FoundBlock> for Found {
    #[inline]
    fn from(FoundBlock { block, frame, shares_page }: FoundBlock) -> Self {
        Self { place: Place::Block(block), shares_page, placement: Placement::simple(frame) }
    }
}

impl Space {
    /// The block that so many bytes with these flags get without more planes, of a page that others have blocks of if there is
    /// one.
    #[inline]
    pub(crate) fn find_block(&self, size: u64, flags: AllocationFlags) -> Option<FoundBlock> {
        if !is_block(size, self.kind, flags) {
            return None;
        }
        let class = class_of(size);
        if let Some((block, frame)) = self.slabs.lowest_free(class) {
            return Some(FoundBlock { block, frame, shares_page: true });
        }
        let page = self.free_pages.members().first()?;
        let frame = self.frames.place_in_plane(1)?;
        Some(FoundBlock { block: Block { page, number: 0, class }, frame, shares_page: false })
    }

    /// A place for so many bytes with these flags, with its frames, and none that is in use is touched. Blocks that
    /// [`Space::find_block`] finds come first.
    pub(crate) fn find_place(
        &mut self,
        size: u64,
        flags: AllocationFlags,
        pricing: Pricing<'_>,
    ) -> Option<Found> {
        let is_block = is_block(size, self.kind, flags);
        let count = if is_block { 1 } else { page_count(size) };
        let first = self.free_pages.first_run(count)?;
        let is_contiguous = flags.contains(AllocationFlags::CONTIGUOUS);
        let placement = self.frames.place(count, is_contiguous, pricing)?;
        let place = if is_block {
            Place::Block(Block { page: first, number: 0, class: class_of(size) })
        } else {
            Place::Pages { first, count }
        };
        Some(Found { place, shares_page: false, placement })
    }
}

impl Allocator {
    /// Checks what a request needs wherever it is served.
    #[inline]
    fn check_request(&self, request: &AllocationRequest) -> Result<(), AllocationError> {
        request.check()?;
        let is_full = u64::from(self.records.len()) == ALLOCATIONS_LIMIT;
        if is_full { Err(AllocationError::TooManyAllocations) } else { Ok(()) }
    }

    /// What most requests get: a block in the region that is asked first, which is open and has one without more planes.
    #[inline]
    pub(crate) fn find_first_block(
        &self,
        request: &AllocationRequest,
    ) -> Result<Option<(u8, FoundBlock)>, AllocationError> {
        self.check_request(request)?;
        let Some(region) = request.region.or(default_region(request.kind)) else { return Ok(None) };
        let space = self.space(region).filter(|space| space.kind == request.kind);
        let Some(found) = space.and_then(|space| space.find_block(request.size, request.flags)) else {
            return Ok(None);
        };
        self.check_frame_limit(u32::from(!found.shares_page))?;
        Ok(Some((region, found)))
    }

    /// The plan of what [`find_first_block`](Self::find_first_block) has found.
    #[inline]
    pub(crate) fn plan_block(&self, request: &AllocationRequest, region: u8, found: FoundBlock) -> GrantPlan {
        GrantPlan {
            size: request.size,
            owner: request.owner,
            place: Place::Block(found.block).into(),
            planes: self.spaces.planes(request.kind),
            promotion_cost: 0,
            synthesis: None,
            fragments: found.frame.into(),
            growth: 0,
            candidate: Candidate { region, is_new: false },
            kind: request.kind,
            flags: request.flags,
            regions: 1,
            shares_page: found.shares_page,
            is_promoted: false,
        }
    }

    /// Finds a place for a request. Of `regions`, those that are not the allocator's belong to others.
    pub(crate) fn plan_grant(
        &mut self,
        request: &AllocationRequest,
        prices: &dyn AllocationPrices,
        regions: &BTreeMap<u8, Region>,
    ) -> Result<GrantPlan, AllocationError> {
        self.check_request(request)?;
        let pricing = self.pricing(prices, request.kind);
        let serve = |allocator: &mut Self, candidate: Candidate| {
            let (size, flags) = (request.size, request.flags);
            if candidate.is_new {
                return Space::new(request.kind).find_place(size, flags, pricing);
            }
            let block = allocator.space(candidate.region).and_then(|space| space.find_block(size, flags));
            block
                .map(Found::from)
                .or_else(|| allocator.spaces.get_mut(candidate.region).find_place(size, flags, pricing))
        };
        let is_foreign = |region| regions.contains_key(&region);
        let Chosen { candidate, served, regions } = self.choose(request, is_foreign, serve)?;
        let Found { place, shares_page, placement } = served;
        let more = if shares_page { 0 } else { place.page_count() };
        self.check_frame_limit(more)?;
        let planes = pricing.planes;
        let Placement { fragments, growth, is_promoted } = placement;
        let promotion_cost = if is_promoted { pricing.promotion(&fragments) } else { 0 };
        Ok(GrantPlan {
            size: request.size,
            owner: request.owner,
            place: place.into(),
            planes,
            promotion_cost,
            synthesis: request.synthesis.map(Box::new),
            fragments,
            growth,
            candidate,
            kind: request.kind,
            flags: request.flags,
            regions,
            shares_page,
            is_promoted,
        })
    }

    /// Carries out a plan that was made on this state.
    #[inline]
    pub(crate) fn grant(&mut self, plan: GrantPlan) -> Address {
        let address = plan.address();
        let GrantPlan { size, place, owner, fragments, candidate, kind, flags, .. } = plan;
        let Candidate { region, is_new } = candidate;
        if is_new {
            self.spaces.open(region, kind);
        }
        let id = self.next;
        self.next += 1;
        let record = Allocation { id, address, size, kind, flags, owner, fragments: fragments.clone() };
        let slot = self.records.insert(record).expect("the plan has found a free slot");
        if ends_with_call(kind, flags) {
            self.ending.insert(slot);
        }
        self.spaces.update(region, |space| {
            space.live.add(size, is_movable(size, kind, flags), &fragments);
            space.take(place.place(), &fragments, slot);
        });
        self.used_region(region);
        address
    }

    /// What is to be done to free the allocation that starts at an address. A program (`owner` is not zero) cannot free what
    /// is protected.
    #[inline]
    pub(crate) fn plan_free(&self, address: u64, owner: &Hash) -> Result<FreePlan, AllocationError> {
        let (slot, record) = self.find(address)?;
        let start = record.address.packed();
        if start != address {
            return Err(AllocationError::InteriorPointer { address, start });
        }
        check_protection(record, owner)?;
        Ok(self.free_plan(slot, record))
    }

    /// What is to be done to free the allocation whose record is in a slot.
    pub(crate) fn plan_free_slot(&self, slot: u32) -> Option<FreePlan> {
        self.records.get(slot).map(|record| self.free_plan(slot, record))
    }

    #[inline]
    fn free_plan(&self, slot: u32, record: &Allocation) -> FreePlan {
        let (region, place) = (record.address.region(), Place::of(record));
        let shares_page = match place {
            Place::Block(block) => !self.space(region).is_some_and(|space| space.slabs.is_last(block)),
            Place::Pages { .. } => false,
        };
        let closes = fills_region(record.kind).then(|| self.closed(region)).flatten();
        FreePlan { slot, region, place: place.into(), shares_page, closes }
    }

    /// Carries out a plan that was made on this state.
    #[inline]
    pub(crate) fn free(&mut self, plan: &FreePlan) {
        let Self { records, spaces, .. } = self;
        records.drop_record(plan.slot, |record| {
            spaces.update(plan.region, |space| {
                space.live.remove(record.size, record.is_movable(), &record.fragments);
                space.give_back(plan.place.place(), &record.fragments);
            });
        });
        self.ending.remove(plan.slot);
        if plan.closes.is_some() {
            self.spaces.close(plan.region);
        }
    }
}

/// Only the host, whose root is zero, touches what is protected.
#[inline]
pub(crate) fn check_protection(record: &Allocation, owner: &Hash) -> Result<(), AllocationError> {
    if record.flags.contains(AllocationFlags::PROTECTED) && *owner != ZERO_HASH {
        return Err(AllocationError::Protected { start: record.address.packed() });
    }
    Ok(())
}
