//! What a memory does with its allocator: plans, commits, and the pages that come and go.

use std::collections::BTreeSet;
use std::ops::Range;

use travertine_merkle::Hash;
use travertine_merkle::layout::REGION_BYTES;
use travertine_vrns::Synthesis;

use crate::address::Address;
use crate::allocator::{
    Allocation, AllocationError, AllocationFailure, AllocationPrices, AllocationRequest, CompactionPlan,
    CompactionReport, FreedPlace, GrantPlan, PlaneChange, PromotionPlan, Property, RecordList, ResizeChange,
    ResizedPlace, RestoreError,
};
use crate::cap::DataCap;
use crate::fault::Access;
use crate::memory::Memory;
use crate::persistent::Rest;
use crate::plan::Touches;
use crate::region::{FrameBudget, Region, RegionKind};
use crate::substrate::Edges;
use crate::working_set::page_number;

/// An allocation that cannot fail any more; made by [`Memory::plan_allocation`].
#[derive(Debug)]
#[must_use = "nothing is allocated before the plan is committed"]
pub struct AllocationPlan {
    grant: GrantPlan,
    /// Bytes from the start on that are to be zeroed.
    zeroed: Option<u64>,
    touches: Touches,
    epoch: u64,
}

impl AllocationPlan {
    /// Where the allocation will begin.
    pub fn address(&self) -> Address {
        self.grant.address()
    }

    /// The planes of the kind of region.
    pub fn planes(&self) -> PlaneChange {
        self.grant.planes()
    }

    /// Planes beyond the first that the frames are gathered from; 0 if they are not gathered.
    pub fn extra_planes(&self) -> u64 {
        self.grant.extra_planes().into()
    }

    /// The regions that were asked before the one that serves.
    pub fn further_regions(&self) -> u64 {
        u64::from(self.grant.regions) - 1
    }

    /// How the frames are gathered, if they are.
    pub fn promotion(&self) -> Option<PromotionPlan> {
        self.grant.promotion()
    }

    /// Pages that are touched first because a block of them is zeroed.
    pub fn touches(&self) -> Touches {
        self.touches
    }
}

/// A release that cannot fail any more; made by [`Memory::plan_free`].
#[derive(Debug)]
#[must_use = "nothing is freed before the plan is committed"]
pub struct FreePlan {
    freed: FreedPlace,
    /// Whether there is anything to be zeroed or dropped.
    is_resident: bool,
    resident_pages: u32,
    touches: Touches,
    epoch: u64,
}

impl FreePlan {
    /// Whole pages that are given back.
    pub fn pages(&self) -> u64 {
        self.freed.pages().into()
    }

    /// Those among them that were stored when the call began or were moved there, or that the call has touched.
    pub fn resident_pages(&self) -> u64 {
        self.resident_pages.into()
    }

    /// The planes of the kind of region, if the region is closed with the allocation; else they stay.
    pub fn planes(&self) -> Option<PlaneChange> {
        self.freed.closes
    }

    /// Pages that are touched first because a block of them is zeroed.
    pub fn touches(&self) -> Touches {
        self.touches
    }
}

/// A change of size that cannot fail any more; made by [`Memory::plan_resize`].
#[derive(Debug)]
#[must_use = "nothing is resized before the plan is committed"]
pub struct ResizePlan {
    resized: ResizedPlace,
    moved_pages: u64,
    resident_pages: u64,
    touches: Touches,
    epoch: u64,
}

impl ResizePlan {
    /// Bytes beyond those that the allocation had; 0 if it shrinks.
    pub fn added_bytes(&self) -> u64 {
        self.resized.size.saturating_sub(self.resized.old_size)
    }

    /// Bytes that are copied.
    pub fn copied_bytes(&self) -> u64 {
        self.resized.copied_bytes()
    }

    /// Whole pages that move to another address without a copy, or are given back.
    pub fn moved_pages(&self) -> u64 {
        self.moved_pages
    }

    /// Those among them that were stored when the call began or were moved there, or that the call has touched.
    pub fn resident_pages(&self) -> u64 {
        self.resident_pages
    }

    /// 1 if whole pages move to another address, else 0.
    pub fn remaps(&self) -> u64 {
        u64::from(self.resized.change == ResizeChange::Remap)
    }

    /// The planes of the kind of region.
    pub fn planes(&self) -> PlaneChange {
        self.resized.planes
    }

    /// Planes beyond the first that new frames are gathered from; 0 if they are not gathered.
    pub fn extra_planes(&self) -> u64 {
        self.resized.extra_planes.into()
    }

    /// Pages that are touched first because bytes of them are zeroed or copied.
    pub fn touches(&self) -> Touches {
        self.touches
    }
}

impl Memory {
    /// The records of all live allocations.
    pub fn allocations(&self) -> &RecordList {
        &self.allocator.records
    }

    /// The number that the next allocation will have.
    pub fn next_allocation(&self) -> u64 {
        self.allocator.next
    }

    /// Takes over the allocations of a settled memory. The regions with their budgets of planes are there already.
    ///
    /// # Errors
    /// [`RestoreError`] if records, budgets and regions cannot be those of one machine; nothing is changed then.
    pub fn set_allocations(&mut self, records: RecordList, next: u64) -> Result<(), RestoreError> {
        self.allocator = self.allocator.restored(records, next, &self.regions)?;
        self.epoch += 1;
        Ok(())
    }

    /// Limits how many frames of 4,096 bytes all allocations together may have; exactly so many can be had. Nodes that are to
    /// agree set the same limit: it is not part of the state.
    pub fn set_frame_limit(&mut self, frames: u64) {
        self.allocator.set_frame_limit(frames);
    }

    /// Frames of 4,096 bytes that all allocations together have.
    pub fn frames_in_use(&self) -> u64 {
        self.allocator.frames_in_use()
    }

    /// Finds a place and frames for a request. Nothing changes that can be observed; the plan says what is to be paid.
    ///
    /// # Errors
    /// If the request is refused, or this node lacks a page that is to be zeroed in part.
    #[inline]
    pub fn plan_allocation(
        &mut self,
        request: &AllocationRequest,
        prices: &dyn AllocationPrices,
    ) -> Result<AllocationPlan, AllocationFailure> {
        let plan = if let Some((region, found)) = self.allocator.find_first_block(request)? {
            let zeroing =
                if found.shares_page { self.plan_zeroing(found.address(region).packed())? } else { None };
            self.plan_granted(self.allocator.plan_block(request, region, found), zeroing)
        } else {
            self.plan_anywhere(request, prices)?
        };
        Ok(plan)
    }

    /// The plan for a request in any region.
    fn plan_anywhere(
        &mut self,
        request: &AllocationRequest,
        prices: &dyn AllocationPrices,
    ) -> Result<AllocationPlan, AllocationFailure> {
        let grant = self.allocator.plan_grant(request, prices, &self.regions)?;
        let zeroing = match grant.zeroed() {
            Some(_) => self.plan_zeroing(grant.address().packed())?,
            None => None,
        };
        Ok(self.plan_granted(grant, zeroing))
    }

    /// The plan of what was found, which is zeroed if that touches anything.
    #[inline]
    fn plan_granted(&self, grant: GrantPlan, zeroing: Option<Touches>) -> AllocationPlan {
        let zeroed = zeroing.and_then(|_| grant.zeroed());
        AllocationPlan { zeroed, touches: zeroing.unwrap_or_default(), grant, epoch: self.epoch }
    }

    /// Allocates as planned and returns the address. Plans made before are void. The memory reads as zeros.
    ///
    /// # Panics
    /// If the plan is void: an error of the embedder.
    #[inline]
    pub fn allocate(&mut self, plan: AllocationPlan) -> Address {
        let AllocationPlan { grant, zeroed, epoch, .. } = plan;
        self.begin_change(epoch);
        if let Some((region, kind)) = grant.opens() {
            self.open_region(region, kind, grant.synthesis());
        }
        let address = self.allocator.grant(grant);
        if let Some(length) = zeroed {
            self.fill_zeros(address.packed(), length);
        }
        address
    }

    /// What is to be done to free the allocation that starts at an address. `owner` is the image root of the program that asks,
    /// or zero for the host.
    ///
    /// # Errors
    /// If the address is not that of an allocation's first byte, the allocation is protected from the program, or this node lacks
    /// a page that is to be zeroed in part.
    #[inline]
    pub fn plan_free(&mut self, address: u64, owner: &Hash) -> Result<FreePlan, AllocationFailure> {
        let freed = self.allocator.plan_free(address, owner)?;
        let zeroing = match freed.zeroed() {
            Some(_) => self.plan_zeroing(address)?,
            None => None,
        };
        let resident_pages = self.resident_pages(freed.region, freed.dropped_pages());
        let is_resident = zeroing.is_some() || resident_pages > 0;
        let touches = zeroing.unwrap_or_default();
        Ok(FreePlan { freed, is_resident, resident_pages, touches, epoch: self.epoch })
    }

    /// Frees as planned. The bytes are zeroed. Plans made before are void.
    ///
    /// # Panics
    /// If the plan is void: an error of the embedder.
    #[inline]
    pub fn free(&mut self, plan: FreePlan) {
        let FreePlan { freed, is_resident, epoch, .. } = plan;
        self.begin_change(epoch);
        self.free_place(&freed, is_resident);
    }

    /// What is to be done to give the allocation that contains an address another size: in place, or whole pages at another
    /// address; only blocks of up to 2,048 bytes are copied.
    ///
    /// # Errors
    /// If there is no allocation at the address, the size is refused, there is no room, the allocation is protected from the
    /// program, or this node lacks a page.
    pub fn plan_resize(
        &mut self,
        address: u64,
        size: u64,
        owner: &Hash,
        prices: &dyn AllocationPrices,
    ) -> Result<ResizePlan, AllocationFailure> {
        let resized = self.allocator.plan_resize(address, size, owner, prices)?;
        let base = |offset: u32| Address::from_linear(resized.region, offset).packed();
        let (from, to) = (base(resized.from.offset()), base(resized.to.offset()));
        let mut touches = Touches::default();
        if let Some(zeroed) = resized.zeroed() {
            touches = self.plan_touch(from + zeroed.start, Access::Write)?;
        }
        if let ResizeChange::Copy { from_shared_page, .. } = resized.change {
            let access = if from_shared_page { Access::Write } else { Access::Read };
            touches = self.plan_touch(from, access)?;
            touches = touches + self.plan_touch(to, Access::Write)?;
        }
        let moved = [resized.dropped_pages(), resized.remapped_pages()];
        let moved_pages = moved.iter().map(|pages| pages.len() as u64).sum();
        let resident_pages =
            moved.into_iter().map(|pages| u64::from(self.resident_pages(resized.region, pages))).sum();
        Ok(ResizePlan { resized, moved_pages, resident_pages, touches, epoch: self.epoch })
    }

    /// Resizes as planned and returns the new address. Bytes that were not the allocation's before read as zeros. Plans made
    /// before are void.
    ///
    /// # Panics
    /// If the plan is void: an error of the embedder.
    pub fn resize_allocation(&mut self, plan: ResizePlan) -> Address {
        let ResizePlan { resized, epoch, .. } = plan;
        self.begin_change(epoch);
        let from = Address::from_linear(resized.region, resized.from.offset()).packed();
        let copied_bytes = usize::try_from(resized.copied_bytes()).expect("at most 2,048");
        let mut copied = vec![0; copied_bytes];
        self.read_pieces(from, &mut copied);
        if let ResizeChange::Copy { from_shared_page: true, .. } = resized.change {
            self.fill_zeros(from, resized.from.block_bytes().unwrap_or(0));
        }
        self.drop_pages(resized.region, resized.dropped_pages());
        let address = self.allocator.resize(&resized);
        self.remap_pages(resized.region, resized.remapped_pages(), address.page());
        if let ResizeChange::Copy { into_shared_page: true, .. } = resized.change {
            self.fill_zeros(address.packed(), resized.to.block_bytes().unwrap_or(0));
        }
        self.write_pieces(address.packed(), &copied);
        if let Some(zeroed) = resized.zeroed() {
            self.fill_zeros(address.packed() + zeroed.start, zeroed.end - zeroed.start);
        }
        address
    }

    /// The allocation whose bytes contain an address, and the slot of its record.
    ///
    /// # Errors
    /// If the address is not in a region of the allocator, or nothing is allocated there.
    pub fn allocation_at(&self, address: u64) -> Result<(u32, &Allocation), AllocationError> {
        self.allocator.find(address)
    }

    /// A property of what lies at an address.
    ///
    /// # Errors
    /// If there is no such region, or the property is one of an allocation or of the allocator's regions and there is none.
    pub fn query(&self, address: u64, property: Property) -> Result<u64, AllocationError> {
        if let Some(known) = self.allocator.query(address, property) {
            return known;
        }
        let at = Address::new(address).map_err(|_| AllocationError::ForeignRegion { address })?;
        let region = self.regions.get(&at.region()).ok_or(AllocationError::ForeignRegion { address })?;
        Ok(match property {
            Property::Kind => region.kind().code().into(),
            Property::Permissions => self.page_permissions(at.region(), at.page()).bits().into(),
            _ => region.cap().size(),
        })
    }

    /// The present address of the allocation with a handle ([`Property::Handle`]).
    ///
    /// # Errors
    /// If that allocation is gone.
    pub fn resolve(&self, handle: u64) -> Result<u64, AllocationError> {
        self.allocator.resolve(handle)
    }

    /// What compacting a region would gain.
    ///
    /// # Errors
    /// If the region is not the allocator's.
    pub fn compaction_report(&self, region: u64) -> Result<CompactionReport, AllocationError> {
        self.allocator.report(region)
    }

    /// What moves if frames of the emptiest planes of a region move to the fullest, at most `limit` of them (a plane that cannot
    /// be emptied counts as one), and what is released. Addresses and bytes do not change.
    ///
    /// # Errors
    /// If the region is not the allocator's.
    pub fn plan_compaction(&mut self, region: u64, limit: u32) -> Result<CompactionPlan, AllocationError> {
        let mut plan = self.allocator.plan_compaction(region, limit)?;
        plan.epoch = self.epoch;
        Ok(plan)
    }

    /// Compacts as planned. Plans made before are void.
    ///
    /// # Panics
    /// If the plan is void, or the counters were not loaded ([`stage_counters`](Self::stage_counters)): errors of the embedder.
    pub fn compact(&mut self, plan: CompactionPlan) {
        self.begin_change(plan.epoch);
        let (region, moves) = (plan.region(), plan.transfers());
        if moves.count > 0 {
            self.count_edges(&Edges::from([((region, region), moves)]));
        }
        self.allocator.compact(plan);
    }

    /// Frees what does not outlive the call, closes the allocator's regions that do not, and writes down the budgets of the
    /// others.
    pub(crate) fn end_call(&mut self) {
        let ending: Vec<u32> = self.allocator.ending().collect();
        let mut changed = BTreeSet::new();
        for slot in ending {
            let freed = self.allocator.plan_free_slot(slot).expect("what ends is recorded");
            let is_resident = self.resident_pages(freed.region, freed.place.place().pages()) > 0;
            self.free_place(&freed, is_resident);
            changed.insert(freed.region);
        }
        for region in self.allocator.close_volatile() {
            self.close_region(region);
            changed.insert(region);
        }
        self.note_ended(changed);
        for (region, budget) in self.allocator.budgets() {
            self.regions.get_mut(&region).expect("the allocator's regions are there").set_budget(budget);
        }
        self.allocator.rest();
    }

    #[inline]
    fn begin_change(&mut self, epoch: u64) {
        assert!(epoch == self.epoch, "a plan is committed before anything else changes");
        self.epoch += 1;
    }

    /// Frees a place. If none of its pages is resident, nothing is to be zeroed or dropped.
    #[inline]
    fn free_place(&mut self, freed: &FreedPlace, is_resident: bool) {
        if freed.closes.is_some() {
            self.close_region(freed.region);
        } else if is_resident {
            let start = Address::from_linear(freed.region, freed.place.offset()).packed();
            match freed.zeroed() {
                Some(length) => self.fill_zeros(start, length),
                None => self.drop_pages(freed.region, freed.dropped_pages()),
            }
        }
        self.allocator.free(freed);
    }

    #[cold]
    fn open_region(&mut self, region: u8, kind: RegionKind, synthesis: Option<Synthesis>) {
        let cap = match (synthesis, self.closed.remove(&region)) {
            (None, _) => DataCap::empty(REGION_BYTES),
            (Some(synthesis), None) => DataCap::generative(REGION_BYTES, synthesis),
            (Some(synthesis), Some(closed)) => Ok(closed.with_synthesis(synthesis)),
        };
        let cap = cap.expect("a region can have its full size");
        let opened = Region::new(kind, kind.opened_permissions(), cap);
        let opened = opened.expect("the allocator opens regions of kinds that can be mapped");
        self.regions.insert(region, opened.with_budget(FrameBudget { planes: 0, recency: 0 }));
    }

    /// Removes a region of the allocator's. Of a persistent one the pages that it had are settled as dropped.
    #[cold]
    fn close_region(&mut self, region: u8) {
        self.working.remove(page_number(region, 0)..=page_number(region, u32::MAX >> 12));
        let closed = self.regions.remove(&region).expect("the allocator's regions are there");
        let cleared = closed.cap().cleared();
        if cleared.overlay_pages() > 0 {
            self.closed.insert(region, cleared);
        }
    }

    /// Makes pages read as zeros and untouched, at the cost of those that are there.
    fn drop_pages(&mut self, region: u8, pages: Range<u32>) {
        let Range { start, end } = pages;
        let cap = self.regions.get_mut(&region).expect("the allocator's regions are there").cap_mut();
        match end - start {
            0 => {}
            1 => {
                // Most often nobody has touched it, and there is nothing to go through.
                self.working.remove_page(page_number(region, start));
                if cap.is_stored(start) {
                    cap.unwrite(start);
                }
            }
            _ => {
                self.working.remove(page_number(region, start)..=page_number(region, end - 1));
                for (page, _) in cap.pages_in(pages) {
                    cap.unwrite(page);
                }
            }
        }
    }

    /// Makes pages appear from `to` on, where nothing is, and nothing where they were.
    fn remap_pages(&mut self, region: u8, pages: Range<u32>, to: u32) {
        if pages.is_empty() {
            return;
        }
        let numbers = page_number(region, pages.start)..=page_number(region, pages.end - 1);
        self.working.renumber(numbers, page_number(region, to));
        let cap = self.regions.get_mut(&region).expect("the allocator's regions are there").cap_mut();
        for (page, slot) in cap.pages_in(pages.clone()) {
            cap.unwrite(page);
            cap.write(to + (page - pages.start), slot).expect("the page is in the cap");
        }
    }
}
