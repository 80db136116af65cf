//! Growing and shrinking: in place, by pages at another address, or, where a block is involved, by a copy.

use std::ops::Range;

use travertine_merkle::Hash;
use travertine_merkle::layout::PAGE_BYTES;

use super::allocate::{Found, check_protection};
use super::error::AllocationError;
use super::frames::{Placement, Pricing, extra_planes, fragment, push_run};
use super::record::{Allocation, AllocationFlags, Fragment, Fragments};
use super::request::{AllocationPrices, check_pages, check_size, is_block, page_count};
use super::slabs::class_of;
use super::space::{Place, Space};
use super::{Allocator, PlaneChange};

/// What happens to the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// They stay, and pages behind the new end are dropped.
    Stay,
    /// Whole pages appear at another address.
    Remap,
    /// They are copied, at most 2,048; the new place is a block of a page that others have blocks of, if that is said.
    Copy { into_shared_page: bool, from_shared_page: bool },
}

/// How an allocation gets another size.
#[derive(Debug, Clone)]
pub(crate) struct ResizePlan {
    pub(crate) slot: u32,
    pub(crate) region: u8,
    pub(crate) old_size: u64,
    pub(crate) size: u64,
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) change: Change,
    fragments: Fragments,
    pub(crate) planes: PlaneChange,
    pub(crate) extra_planes: u32,
}

impl ResizePlan {
    /// The bytes within a page that are zeroed because they are given up or were not the allocation's: counted from its start.
    pub(crate) fn zeroed(&self) -> Option<Range<u64>> {
        let low = self.size.min(self.old_size);
        let page_end = match self.to {
            Place::Block(_) => u64::MAX,
            Place::Pages { .. } => low.next_multiple_of(PAGE_BYTES),
        };
        let end = self.size.max(self.old_size).min(page_end);
        (!matches!(self.change, Change::Copy { .. }) && low < end).then_some(low..end)
    }
}

impl ResizePlan {
    /// Bytes that are copied to the new place.
    pub(crate) fn copied_bytes(&self) -> u64 {
        if let Change::Copy { .. } = self.change { self.size.min(self.old_size) } else { 0 }
    }

    /// Pages that are given back: those behind the new end, or all if the bytes are copied and no others share the page.
    pub(crate) fn dropped_pages(&self) -> Range<u32> {
        let pages = self.from.pages();
        match self.change {
            Change::Stay | Change::Remap => {
                pages.start + self.to.page_count().min(self.from.page_count())..pages.end
            }
            Change::Copy { from_shared_page: true, .. } => 0..0,
            Change::Copy { from_shared_page: false, .. } => pages,
        }
    }

    /// Pages that appear at another address.
    pub(crate) fn remapped_pages(&self) -> Range<u32> {
        if self.change == Change::Remap { self.from.pages() } else { 0..0 }
    }
}

impl Allocator {
    /// What is to be done to give the allocation that contains an address another size. A program (`owner` is not zero) cannot
    /// resize what is protected.
    pub(crate) fn plan_resize(
        &mut self,
        address: u64,
        size: u64,
        owner: &Hash,
        prices: &dyn AllocationPrices,
    ) -> Result<ResizePlan, AllocationError> {
        check_size(size)?;
        let (slot, record) = self.find(address)?;
        check_protection(record, owner)?;
        check_pages(size, record.kind)?;
        let record = record.clone();
        let (region, from) = (record.address.region(), Place::of(&record));
        let pricing = self.pricing(prices, record.kind);
        let space = self.spaces.get_mut(region);
        let resized = space.resize(&record, from, size, pricing)?;
        let more = resized.frames_after.saturating_sub(resized.frames_before);
        self.check_frame_limit(more)?;
        let planes = PlaneChange::grown(record.kind, pricing.planes, resized.growth);
        let Resized { to, change, fragments, extra_planes, .. } = resized;
        Ok(ResizePlan {
            slot,
            region,
            old_size: record.size,
            size,
            from,
            to,
            change,
            fragments,
            planes,
            extra_planes,
        })
    }

    /// Carries out a plan that was made on this state, and returns the allocation's new address.
    pub(crate) fn resize(&mut self, plan: &ResizePlan) -> crate::Address {
        let old = self.records.get(plan.slot).expect("the plan has found the record").clone();
        let address = crate::Address::from_linear(plan.region, plan.to.offset());
        let record =
            Allocation { address, size: plan.size, fragments: plan.fragments.clone(), ..old.clone() };
        let growth =
            u32::try_from(plan.planes.after - plan.planes.before).expect("a region has at most 2^16 planes");
        self.spaces.update(plan.region, |space| {
            let planes = space.frames.planes() + growth;
            space.live.remove(old.size, old.is_movable(), &old.fragments);
            space.give_back(plan.from, &old.fragments);
            space.live.add(record.size, record.is_movable(), &record.fragments);
            space.take(plan.to, &record.fragments, plan.slot);
            // What was given back in between does not make the growth that was planned, and paid, smaller.
            space.frames.set_planes(planes);
        });
        self.records.replace(plan.slot, record);
        self.used_region(plan.region);
        address
    }
}

/// Where an allocation goes.
struct Resized {
    to: Place,
    change: Change,
    fragments: Fragments,
    growth: u32,
    extra_planes: u32,
    frames_before: u32,
    frames_after: u32,
}

impl Space {
    fn resize(
        &mut self,
        record: &Allocation,
        from: Place,
        size: u64,
        pricing: Pricing<'_>,
    ) -> Result<Resized, AllocationError> {
        match (from, is_block(size, record.kind, record.flags)) {
            (Place::Block(block), true) if class_of(size) == block.class => {
                Ok(Resized::in_place(record, from))
            }
            (Place::Pages { first, count }, false) => self.resize_pages(record, first, count, size, pricing),
            _ => self.copy(record, from, size, pricing),
        }
    }

    fn resize_pages(
        &mut self,
        record: &Allocation,
        first: u32,
        count: u32,
        size: u64,
        pricing: Pricing<'_>,
    ) -> Result<Resized, AllocationError> {
        let (exhausted, start) = (AllocationError::Exhausted { size, regions: 1 }, record.address.packed());
        let pages = page_count(size);
        let from = Place::Pages { first, count };
        let in_place = Place::Pages { first, count: pages };
        if pages <= count {
            let fragments = kept(&record.fragments, pages);
            return Ok(Resized { to: in_place, fragments, ..Resized::in_place(record, from) });
        }
        let more = pages - count;
        let fits_in_place = first + pages <= 1 << super::slabs::PAGE_BITS
            && self.free_pages.run_at(first + count, more) == more;
        let (to, change) = if fits_in_place {
            (in_place, Change::Stay)
        } else {
            (
                Place::Pages { first: self.free_pages.first_run(pages).ok_or(exhausted)?, count: pages },
                Change::Remap,
            )
        };
        let is_contiguous = record.flags.contains(AllocationFlags::CONTIGUOUS);
        if is_contiguous && record.flags.contains(AllocationFlags::PINNED) {
            return Err(AllocationError::Pinned { start });
        }
        // A run cannot be made longer where it is: frames have no bytes, so another run costs no more.
        let frames = if is_contiguous { pages } else { more };
        let Placement { fragments, growth, is_promoted } =
            self.frames.place(frames, is_contiguous, pricing).ok_or(exhausted)?;
        let extra_planes = if is_promoted { extra_planes(&fragments) } else { 0 };
        let fragments = if is_contiguous { fragments } else { joined(&record.fragments, &fragments) };
        Ok(Resized { to, change, fragments, growth, extra_planes, frames_before: count, frames_after: pages })
    }

    /// A new place, because the old or the new one is a block.
    fn copy(
        &mut self,
        record: &Allocation,
        from: Place,
        size: u64,
        pricing: Pricing<'_>,
    ) -> Result<Resized, AllocationError> {
        let found = self.find_block(size, record.flags);
        let found = found.map(Found::from).or_else(|| self.find_place(size, record.flags, pricing));
        let Found { place, shares_page, placement } =
            found.ok_or(AllocationError::Exhausted { size, regions: 1 })?;
        let (frames_before, from_shared_page) = match from {
            Place::Block(block) => (u32::from(self.slabs.is_last(block)), !self.slabs.is_last(block)),
            Place::Pages { count, .. } => (count, false),
        };
        let frames_after = match place {
            Place::Block(_) => u32::from(!shares_page),
            Place::Pages { count, .. } => count,
        };
        Ok(Resized {
            to: place,
            change: Change::Copy { into_shared_page: shares_page, from_shared_page },
            extra_planes: if placement.is_promoted { extra_planes(&placement.fragments) } else { 0 },
            fragments: placement.fragments,
            growth: placement.growth,
            frames_before,
            frames_after,
        })
    }
}

impl Resized {
    fn in_place(record: &Allocation, from: Place) -> Self {
        Self {
            to: from,
            change: Change::Stay,
            fragments: record.fragments.clone(),
            growth: 0,
            extra_planes: 0,
            frames_before: 0,
            frames_after: 0,
        }
    }
}

/// The runs of an allocation with more behind them.
fn joined(fragments: &[Fragment], more: &[Fragment]) -> Fragments {
    let mut runs = fragments.to_vec();
    for run in more {
        push_run(&mut runs, *run);
    }
    runs[..].into()
}

/// The first frames of an allocation.
fn kept(fragments: &[Fragment], frames: u32) -> Fragments {
    let mut left = frames;
    let keep = |run: &Fragment| {
        let frames = u32::from(run.frames).min(left);
        left -= frames;
        fragment(run.plane.into(), run.first.into(), frames)
    };
    let kept: Vec<Fragment> = fragments.iter().map(keep).take_while(|run| run.frames > 0).collect();
    kept[..].into()
}
