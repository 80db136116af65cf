//! From records and budgets, as a snapshot has them, to the allocator: everything is derived again, and nothing is believed.

use std::collections::BTreeMap;

use travertine_merkle::layout::{PAGE_BYTES, REGION_BYTES};

use super::frames::{MAX_PLANES, bits, first_frame, push_run};
use super::record::{Allocation, AllocationFlags, Fragment};
use super::records::RecordList;
use super::regions::{RECENT_REGIONS, may_open};
use super::request::{check_form, fills_region};
use super::slabs::{PAGE_BITS, split};
use super::space::Place;
use super::{ALLOCATABLE_KINDS, Allocator};
use crate::persistent::Rest;
use crate::region::{FrameBudget, Region};

/// Why records, budgets and regions cannot be those of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The region is none that the allocator opens.
    #[error("region {region} has a budget of planes, but the allocator opens none like it")]
    Region {
        /// The region.
        region: u8,
    },
    /// The budget is larger than a region, or smaller than what is in use.
    #[error(
        "region {region} has a budget of {planes} planes: {in_use} are in use, and there are {MAX_PLANES}"
    )]
    Budget {
        /// The region.
        region: u8,
        /// Planes of the budget.
        planes: u32,
        /// Planes with a frame in use.
        in_use: u32,
    },
    /// The places in the order of use are not 1, 2, 3 and so on.
    #[error(
        "region {region} has place {recency} in the order of use, which another has, or which is not the next"
    )]
    Recency {
        /// The region.
        region: u8,
        /// Its place.
        recency: u8,
    },
    /// The next allocation is to have number 0, which none has.
    #[error("the next allocation is to have number 0, the first one has 1")]
    Next,
    /// An allocation's number is 0 or was not given yet.
    #[error("slot {slot} holds allocation {id}, and the next one is to be {next}")]
    Id {
        /// The slot.
        slot: u32,
        /// The allocation's number.
        id: u64,
        /// The number of the next allocation.
        next: u64,
    },
    /// Two allocations have one number.
    #[error("slot {slot} holds allocation {id}, and so does another")]
    RepeatedId {
        /// The slot.
        slot: u32,
        /// The number.
        id: u64,
    },
    /// The record's region is not the allocator's or has another kind.
    #[error("slot {slot} holds an allocation in region {region}, which is not of its kind")]
    ForeignRegion {
        /// The slot.
        slot: u32,
        /// The region.
        region: u8,
    },
    /// No request makes such a record.
    #[error("slot {slot} holds an allocation that nobody can have asked for: {error}")]
    Request {
        /// The slot.
        slot: u32,
        /// What is wrong with it.
        error: super::AllocationError,
    },
    /// The allocation would be gone when a call has ended.
    #[error("slot {slot} holds an allocation that ends with a call")]
    Ended {
        /// The slot.
        slot: u32,
    },
    /// The allocation does not begin where one can, or leaves its region.
    #[error("slot {slot} holds an allocation at {address:#x}, where none of {size} bytes can be")]
    Place {
        /// The slot.
        slot: u32,
        /// The address.
        address: u64,
        /// Bytes.
        size: u64,
    },
    /// A page or block is another allocation's.
    #[error("slot {slot} holds an allocation that overlaps another")]
    Overlap {
        /// The slot.
        slot: u32,
    },
    /// The runs of frames are not as many as the pages, or not the longest possible.
    #[error("slot {slot} holds an allocation whose runs of frames do not fit its pages")]
    Fragments {
        /// The slot.
        slot: u32,
    },
    /// A frame is another allocation's.
    #[error("slot {slot} holds an allocation with a frame in plane {plane} that another has")]
    Frame {
        /// The slot.
        slot: u32,
        /// The plane.
        plane: u16,
    },
    /// A page that nothing is allocated in is not zero.
    #[error("page {page} of region {region} is not zero, and nothing is allocated there")]
    Content {
        /// The region.
        region: u8,
        /// The page.
        page: u32,
    },
}

impl Allocator {
    /// An allocator with the same limit, these records and the budgets that the regions say.
    ///
    /// # Errors
    /// [`RestoreError`]: the first thing that is wrong.
    pub(crate) fn restored(
        &self,
        records: RecordList,
        next: u64,
        regions: &BTreeMap<u8, Region>,
    ) -> Result<Self, RestoreError> {
        let mut allocator = Self { next, frame_limit: self.frame_limit, ..Self::default() };
        let managed = |(&number, region): (&u8, &Region)| {
            Some((number, region.kind(), region.budget()?, region.cap().size()))
        };
        let managed: Vec<_> = regions.iter().filter_map(managed).collect();
        for &(region, kind, FrameBudget { planes, recency }, size) in &managed {
            let is_allocatable = ALLOCATABLE_KINDS.contains(&kind) && kind.survives_settle();
            let found = &regions[&region];
            let is_plain = found.permissions() == kind.opened_permissions()
                && found.page_ranges().is_none()
                && found.flags() == 0
                && !(fills_region(kind) && recency != 0);
            if !is_allocatable || !may_open(region, kind) || size != REGION_BYTES || !is_plain {
                return Err(RestoreError::Region { region });
            }
            if planes > MAX_PLANES {
                return Err(RestoreError::Budget { region, planes, in_use: 0 });
            }
            allocator.spaces.open(region, kind);
        }
        allocator.recent = recent(managed.iter().map(|&(region, _, budget, _)| (region, budget.recency)))?;
        check_ids(&records, next)?;
        for (slot, record) in records.iter() {
            allocator.restore_record(slot, record)?;
        }
        allocator.records = records;
        for &(region, kind, FrameBudget { planes, .. }, _) in &managed {
            if fills_region(kind) && allocator.spaces.get_mut(region).live.allocations == 0 {
                return Err(RestoreError::Region { region });
            }
            let in_use = allocator.spaces.get_mut(region).frames.planes_in_use();
            if planes < in_use {
                return Err(RestoreError::Budget { region, planes, in_use });
            }
            allocator.spaces.update(region, |space| space.frames.set_planes(planes));
            let cap = regions[&region].cap();
            let empty = |page: &u32| allocator.permissions(region, *page).is_none();
            if let Some(page) = cap.pages_in(0..cap.page_count()).map(|(page, _)| page).find(empty) {
                return Err(RestoreError::Content { region, page });
            }
        }
        allocator.rest();
        Ok(allocator)
    }

    fn restore_record(&mut self, slot: u32, record: &Allocation) -> Result<(), RestoreError> {
        let Allocation { address, size, kind, flags, .. } = *record;
        let region = address.region();
        check_form(size, kind, flags).map_err(|error| RestoreError::Request { slot, error })?;
        if record.ends_with_call() {
            return Err(RestoreError::Ended { slot });
        }
        let space = match self.space(region) {
            Some(space) if space.kind == kind => space,
            _ => return Err(RestoreError::ForeignRegion { slot, region }),
        };
        let place = Place::of(record);
        let wrong_place = RestoreError::Place { slot, address: address.packed(), size };
        let is_inside = fills_region(kind) && address.linear() != 0;
        if place.offset() != address.linear()
            || u64::from(address.linear()) + size > REGION_BYTES
            || is_inside
        {
            return Err(wrong_place);
        }
        check_runs(slot, record, place)?;
        let is_shared = match place {
            Place::Pages { first, count } => {
                if space.free_pages.run_at(first, count) < count {
                    return Err(RestoreError::Overlap { slot });
                }
                false
            }
            Place::Block(block) if !block.is_in_page() => return Err(wrong_place),
            Place::Block(block) => match space.slabs.get(block.page) {
                Some(slab) if slab.class != block.class => return Err(RestoreError::Overlap { slot }),
                Some(slab) if slab.slot_at(split(address.linear()).1).is_some() => {
                    return Err(RestoreError::Overlap { slot });
                }
                Some(slab) if slab.frame != record.fragments[0] => {
                    return Err(RestoreError::Fragments { slot });
                }
                Some(_) => true,
                None if !space.free_pages.members().contains(block.page) => {
                    return Err(RestoreError::Overlap { slot });
                }
                None => false,
            },
        };
        let taken = |run: &&Fragment| space.frames.mask(run.plane.into()) & bits(**run) != 0;
        if let Some(run) = record.fragments.iter().find(taken).filter(|_| !is_shared) {
            return Err(RestoreError::Frame { slot, plane: run.plane });
        }
        self.spaces.update(region, |space| {
            space.live.add(size, record.is_movable(), &record.fragments);
            space.take(place, &record.fragments, slot);
        });
        Ok(())
    }
}

/// The regions in the order of their last use, from the place of each; 0 is none.
fn recent(places: impl Iterator<Item = (u8, u8)>) -> Result<Vec<u8>, RestoreError> {
    let mut recent: Vec<(u8, u8)> =
        places.filter(|&(_, recency)| recency != 0).map(|(region, recency)| (recency, region)).collect();
    recent.sort_unstable();
    let wrong = |&(place, (recency, _)): &(usize, (u8, u8))| {
        place + 1 != usize::from(recency) || place >= RECENT_REGIONS
    };
    if let Some((_, (recency, region))) = recent.iter().copied().enumerate().find(wrong) {
        return Err(RestoreError::Recency { region, recency });
    }
    Ok(recent.into_iter().map(|(_, region)| region).collect())
}

fn check_ids(records: &RecordList, next: u64) -> Result<(), RestoreError> {
    if next == 0 {
        return Err(RestoreError::Next);
    }
    let mut ids = Vec::with_capacity(records.len() as usize);
    for (slot, record) in records.iter() {
        let id = record.id;
        if id == 0 || id >= next {
            return Err(RestoreError::Id { slot, id, next });
        }
        ids.push((id, slot));
    }
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(RestoreError::RepeatedId { slot: pair[1].1, id: pair[1].0 }),
        None => Ok(()),
    }
}

/// Runs are within their planes, as many as the pages, each as long as possible, and none names a frame of another.
fn check_runs(slot: u32, record: &Allocation, place: Place) -> Result<(), RestoreError> {
    let runs = &record.fragments[..];
    let pages = match place {
        Place::Block(_) => 1,
        Place::Pages { count, .. } => u64::from(count),
    };
    let mut joined = Vec::with_capacity(runs.len());
    for run in runs {
        push_run(&mut joined, *run);
    }
    let follows =
        |pair: &[Fragment]| first_frame(pair[0]) + u32::from(pair[0].frames) == first_frame(pair[1]);
    let is_split = record.flags.contains(AllocationFlags::CONTIGUOUS) && !runs.windows(2).all(follows);
    if runs.iter().map(|run| u64::from(run.frames)).sum::<u64>() != pages || joined != runs || is_split {
        return Err(RestoreError::Fragments { slot });
    }
    let mut frames: Vec<_> = runs.to_vec();
    frames.sort_unstable();
    match frames.windows(2).find(|pair| pair[0].plane == pair[1].plane && bits(pair[0]) & bits(pair[1]) != 0)
    {
        Some(pair) => Err(RestoreError::Frame { slot, plane: pair[0].plane }),
        None => Ok(()),
    }
}

const _: () = assert!(1 << PAGE_BITS == REGION_BYTES / PAGE_BYTES);
