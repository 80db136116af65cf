//! Compaction: frames move from the emptiest planes to the fullest ones, and planes without a frame in use are released.

use std::collections::{BTreeMap, BTreeSet};

use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES};

use super::error::AllocationError;
use super::frames::{Frames, PLANE_FRAMES, first_frame, fragment, push_run};
use super::record::{Fragment, Fragments};
use super::slabs::Slab;
use super::space::{Place, Space};
use super::{Allocation, Allocator, PlaneChange};
use crate::address::PAGE_OFFSET_BITS;
use crate::substrate::Transfers;

/// The most frames that one `m3.compact` moves.
pub const DEFAULT_COMPACTION_MOVES: u32 = 4096;
/// Fragmentation from which on compaction is recommended, in parts of 10,000.
pub const RECOMMENDED_FRAGMENTATION_BP: u64 = 3000;

/// What compacting a region would gain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionReport {
    /// Bytes of the region's budget of planes.
    pub total_bytes: u64,
    /// Bytes of frames in use.
    pub used_bytes: u64,
    /// Bytes of free frames.
    pub free_bytes: u64,
    /// Runs of frames that hold the region's allocations.
    pub fragments: u64,
    /// Live allocations.
    pub allocations: u64,
    /// Those among them whose frames may be exchanged.
    pub movable: u64,
    /// Free bytes that are not in the longest run, in parts of 10,000; 0 if nothing is free.
    pub fragmentation_bp: u64,
    /// Bytes of planes that could be released, if all allocations are movable.
    pub saving_bytes: u64,
    /// Whether fragmentation is above [`RECOMMENDED_FRAGMENTATION_BP`] and there is something to save.
    pub is_recommended: bool,
}

/// A compaction that can be carried out.
#[derive(Debug)]
#[must_use = "nothing is moved before the plan is committed"]
pub struct CompactionPlan {
    region: u8,
    frames: Frames,
    /// By the first page of an allocation, or the page of blocks: its new runs.
    moved: Vec<(u32, Fragments)>,
    /// Frames that move.
    moved_frames: u32,
    scanned_planes: u32,
    written_runs: u64,
    released: u32,
    planes: PlaneChange,
    pub(crate) epoch: u64,
}

impl CompactionPlan {
    /// The region.
    pub fn region(&self) -> u8 {
        self.region
    }

    /// Frames that move.
    pub fn moved_frames(&self) -> u64 {
        self.moved_frames.into()
    }

    /// Planes that frames were to be moved from.
    pub fn scanned_planes(&self) -> u64 {
        self.scanned_planes.into()
    }

    /// Runs of frames in all records that are written anew.
    pub fn written_runs(&self) -> u64 {
        self.written_runs
    }

    /// Bytes of the planes that are released.
    pub fn released_bytes(&self) -> u64 {
        u64::from(self.released) * PLANE_BYTES
    }

    /// What moves within the region.
    pub(crate) fn transfers(&self) -> Transfers {
        let count = self.moved_frames();
        Transfers { count, bytes: count * PAGE_BYTES }
    }

    /// The planes of the region's kind.
    pub fn planes(&self) -> PlaneChange {
        self.planes
    }
}

/// A page that gets another frame.
struct Move {
    page: u32,
    to: u32,
}

/// Where the search for planes to empty stands: planes with more frames in use, or lower ones with as many, are next.
struct Cursor {
    used: u32,
    below: Option<u32>,
}

impl Cursor {
    /// Goes on behind a plane that has as many frames in use as the cursor says.
    fn skip(&mut self, plane: u32) {
        self.below = plane.checked_sub(1);
        if self.below.is_none() {
            self.used += 1;
        }
    }
}

impl Allocator {
    /// What compacting a region would gain.
    ///
    /// # Errors
    /// If the region is not the allocator's.
    pub(crate) fn report(&self, region: u64) -> Result<CompactionReport, AllocationError> {
        let (_, space) = self.managed(region)?;
        let frames_bytes = |frames: u32| u64::from(frames) * PAGE_BYTES;
        let fragmentation_bp = space.fragmentation(10_000);
        let saving_bytes = u64::from(space.releasable()) * PLANE_BYTES;
        Ok(CompactionReport {
            total_bytes: u64::from(space.frames.planes()) * PLANE_BYTES,
            used_bytes: frames_bytes(space.frames.used()),
            free_bytes: space.free_bytes(),
            fragments: space.live.fragments,
            allocations: space.live.allocations,
            movable: space.live.movable,
            fragmentation_bp,
            saving_bytes,
            is_recommended: fragmentation_bp > RECOMMENDED_FRAGMENTATION_BP && saving_bytes > 0,
        })
    }

    /// What moves if at most `limit` frames do. A plane that cannot be emptied counts as one.
    pub(crate) fn plan_compaction(
        &mut self,
        region: u64,
        limit: u32,
    ) -> Result<CompactionPlan, AllocationError> {
        let (region, _) = self.managed(region)?;
        // The plan changes a clone of them.
        self.spaces.rest_frames(region);
        let space = self.space(region).expect("it is managed");
        let mut frames = space.frames.clone();
        let mut moved_pages = Vec::new();
        let mut scanned_planes = 0;
        // Such a plane may become fuller, and come up once more.
        let mut stuck = BTreeSet::new();
        let mut cursor = Cursor { used: 1, below: None };
        while let Some(source) = frames.next_source(&mut cursor) {
            if stuck.contains(&source) {
                cursor.skip(source);
                continue;
            }
            let counted = stuck.len() as u64 + u64::from(count(&moved_pages));
            let left = u32::try_from(u64::from(limit).saturating_sub(counted)).expect("at most the limit");
            if left == 0 || !frames.has_room_beside(source) {
                break;
            }
            scanned_planes += 1;
            if !self.is_movable(space, &frames, source) {
                stuck.insert(source);
                cursor.skip(source);
                continue;
            }
            frames.empty_plane(source, left, &mut moved_pages);
        }
        let moved_frames = count(&moved_pages);
        let moved = self.rebuild(space, &mut frames, moved_pages);
        let written = moved.iter().map(|(page, runs)| records_of(space, *page).count() * runs.len());
        let written_runs = written.sum::<usize>() as u64;
        let released = frames.release_spare();
        let before = self.spaces.planes(space.kind);
        let planes = PlaneChange { kind: space.kind, before, after: before - u64::from(released) };
        Ok(CompactionPlan {
            region,
            frames,
            moved,
            moved_frames,
            scanned_planes,
            written_runs,
            released,
            planes,
            epoch: 0,
        })
    }

    /// Carries out a plan that was made on this state.
    pub(crate) fn compact(&mut self, plan: CompactionPlan) {
        let CompactionPlan { region, frames, moved, .. } = plan;
        self.spaces.update(region, |space| space.frames = frames);
        for (page, runs) in moved {
            let space = self.space(region).expect("the plan's region is there");
            let slots: Vec<u32> = records_of(space, page).collect();
            if space.slabs.get(page).is_some() {
                self.spaces.get_mut(region).slabs.set_frame(page, runs[0]);
            }
            for slot in slots {
                let record = self.records.get(slot).expect("a place has a record").clone();
                let live = &mut self.spaces.get_mut(region).live;
                live.fragments = live.fragments + runs.len() as u64 - record.fragments.len() as u64;
                let record = Allocation { fragments: runs.clone(), ..record };
                self.records.replace(slot, record);
            }
        }
    }

    fn managed(&self, region: u64) -> Result<(u8, &Space), AllocationError> {
        let number = u8::try_from(region).ok();
        number
            .and_then(|number| Some((number, self.space(number)?)))
            .ok_or(AllocationError::ForeignRegion { address: region.saturating_mul(1 << 32) })
    }

    /// Whether all that has frames in a plane may have others.
    fn is_movable(&self, space: &Space, frames: &Frames, plane: u32) -> bool {
        used_frames(frames.mask(plane)).all(|frame| {
            let page = frames.page_at(plane, frame);
            page.is_some_and(|page| {
                records_of(space, page)
                    .next()
                    .and_then(|slot| self.records.get(slot))
                    .is_some_and(Allocation::is_movable)
            })
        })
    }

    /// The runs of frames of all that has moved, by first page.
    fn rebuild(&self, space: &Space, frames: &mut Frames, pages: Vec<Move>) -> Vec<(u32, Fragments)> {
        let mut by_page: BTreeMap<u32, u32> = BTreeMap::new();
        for Move { page, to } in pages {
            // A page that moves twice ends where it went last.
            by_page.insert(page, to);
        }
        let mut moved = Vec::new();
        let mut left = by_page.into_iter().peekable();
        while let Some(&(page, _)) = left.peek() {
            if space.slabs.get(page).is_some() {
                let to = left.next().map_or(0, |(_, to)| to);
                moved.push((page, run_of(to, 1).into()));
                continue;
            }
            let record = records_of(space, page).next().and_then(|slot| self.records.get(slot));
            let record = record.expect("a page that moves is an allocation's");
            let Place::Pages { first, count } = Place::of(record) else {
                unreachable!("it is no page of blocks")
            };
            let mut own = Vec::new();
            while let Some(next) = left.next_if(|(page, _)| *page < first + count) {
                own.push(next);
            }
            let runs = with_moves(&record.fragments, first, &own);
            let old = record.fragments.iter().map(|fragment| first_frame(*fragment));
            frames.renew_holders(&runs, first, old.chain(own.iter().map(|(_, to)| *to)));
            moved.push((first, runs[..].into()));
        }
        moved
    }
}

impl Frames {
    /// The plane to empty next: the one with the fewest frames in use, the highest of several.
    fn next_source(&self, cursor: &mut Cursor) -> Option<u32> {
        while cursor.used <= PLANE_FRAMES {
            let top = cursor.below.unwrap_or(u32::MAX >> 16);
            if let Some(plane) = self.highest_with(cursor.used, top) {
                return Some(plane);
            }
            *cursor = Cursor { used: cursor.used + 1, below: None };
        }
        None
    }

    /// Whether the other planes in use can take all frames of a plane.
    fn has_room_beside(&self, plane: u32) -> bool {
        let used = self.mask(plane).count_ones();
        self.free_in_use() - (PLANE_FRAMES - used) >= used
    }

    /// Moves the frames of a plane, at most `limit` of them, lowest first, to the fullest other planes.
    fn empty_plane(&mut self, source: u32, limit: u32, moves: &mut Vec<Move>) {
        let mut given_up = 0;
        for frame in used_frames(self.mask(source)).take(limit as usize) {
            let target = self.fullest(source).expect("there is room beside the plane");
            let free = self.mask(target).trailing_ones();
            let page = self.page_at(source, frame).expect("a frame in use holds a page");
            self.move_frame(source * PLANE_FRAMES + frame, target * PLANE_FRAMES + free, page);
            moves.push(Move { page, to: target * PLANE_FRAMES + free });
            given_up |= 1 << frame;
        }
        self.give_up(source, given_up);
    }

    /// Notes where the runs of an allocation begin now. `stale` are the frames where some may have begun before: nothing else
    /// begins there, for frames that a compaction gives up are not taken by the same one.
    fn renew_holders(&mut self, runs: &[Fragment], first: u32, stale: impl Iterator<Item = u32>) {
        stale.for_each(|frame| self.forget_holder(frame));
        let mut page = first;
        for run in runs {
            self.set_holder(first_frame(*run), page);
            page += u32::from(run.frames);
        }
    }
}

/// The slots of the records of what lies at a page.
fn records_of(space: &Space, page: u32) -> impl Iterator<Item = u32> {
    let slab = space.slabs.get(page);
    let alone = if slab.is_none() { space.slot_near(page << PAGE_OFFSET_BITS) } else { None };
    slab.into_iter().flat_map(Slab::slots).chain(alone)
}

/// The runs of an allocation whose first page is `first`, with other frames for some of its pages.
fn with_moves(fragments: &[Fragment], first: u32, moves: &[(u32, u32)]) -> Vec<Fragment> {
    let mut runs: Vec<Fragment> = Vec::with_capacity(fragments.len() + moves.len());
    let mut moves = moves.iter().peekable();
    let mut page = first;
    for fragment in fragments {
        let (mut at, end) = (first_frame(*fragment), page + u32::from(fragment.frames));
        while page < end {
            let stays = moves.peek().map_or(end, |next| next.0.min(end)) - page;
            if stays > 0 {
                push_run(&mut runs, run_of(at, stays));
            }
            (page, at) = (page + stays, at + stays);
            if let Some((_, to)) = moves.next_if(|next| next.0 == page && page < end) {
                push_run(&mut runs, run_of(*to, 1));
                (page, at) = (page + 1, at + 1);
            }
        }
    }
    runs
}

/// A run by its first frame, counted from the region's.
fn run_of(first: u32, frames: u32) -> Fragment {
    fragment(first / PLANE_FRAMES, first % PLANE_FRAMES, frames)
}

fn used_frames(mask: u16) -> impl Iterator<Item = u32> {
    (0..PLANE_FRAMES).filter(move |frame| mask >> frame & 1 != 0)
}

fn count(moves: &[Move]) -> u32 {
    u32::try_from(moves.len()).expect("a region has at most 2^20 frames")
}
