//! The page frames of a region: a budget of planes, the frames that are taken, and where a request finds its own.
//!
//! The budget is a number of planes. Planes with a frame in use belong to it; the others are alike, so it does not matter which
//! of them the spare ones are: the lowest-numbered serve first.
//!
//! The plane that was changed last is kept aside, out of all indexes: frames that come and go in one plane cost no index.

use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES, REGION_BYTES};

use super::record::{Fragment, Fragments};
use super::request::AllocationPrices;
use crate::persistent::{BitSet, RadixVec, Rest, RunSet, StartMap};
use crate::region::RegionKind;

/// Frames of a plane.
pub(crate) const PLANE_FRAMES: u32 = 16;
const _: () = assert!(PLANE_FRAMES as u64 == PLANE_BYTES / PAGE_BYTES);
/// Planes that a region can have.
pub(crate) const MAX_PLANES: u32 = 1 << PLANE_BITS;
const _: () = assert!(MAX_PLANES as u64 == REGION_BYTES / PLANE_BYTES);
const PLANE_BITS: u32 = 16;
const FRAME_BITS: u32 = PLANE_BITS + PLANE_FRAMES.ilog2();

/// Frames that a request could have, and what they take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Ascending by plane and frame.
    pub(crate) fragments: Fragments,
    /// Planes by which the budget grows.
    pub(crate) growth: u32,
    /// Whether the frames were gathered from the planes that are there, because none has a run that is long enough.
    pub(crate) is_promoted: bool,
}

/// What getting frames costs.
#[derive(Clone, Copy)]
pub(crate) struct Pricing<'a> {
    pub(crate) prices: &'a dyn AllocationPrices,
    pub(crate) kind: RegionKind,
    /// Planes of all regions of the kind.
    pub(crate) planes: u64,
}

impl Pricing<'_> {
    fn growth(&self, planes: u32) -> u64 {
        self.prices.growth(self.kind, self.planes, self.planes + u64::from(planes))
    }

    pub(crate) fn promotion(&self, fragments: &[Fragment]) -> u64 {
        self.prices.promotion(extra_planes(fragments).into())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Frames {
    /// Planes of the budget.
    planes: u32,
    /// Frames in use.
    used: u32,
    /// Planes with a frame in use.
    in_use: u32,
    hot: Option<Hot>,
    /// The frames in use of every other plane, one bit each.
    masks: RadixVec<u16>,
    /// The other planes without a frame in use.
    empty: RunSet,
    /// The other planes with a frame in use that have a run of free frames of exactly 1, 2, .. 15 frames.
    by_run: Vec<BitSet>,
    /// The lengths of runs for which there is such a plane: bit `length - 1` each.
    runs: u32,
    /// The other planes with exactly 1, 2, .. 16 frames in use.
    by_used: Vec<BitSet>,
    /// By the first frame of every fragment: the page of the region that it holds first.
    holders: StartMap,
}

/// The plane that was changed last.
#[derive(Debug, Clone, Copy)]
struct Hot {
    plane: u32,
    /// Its frames in use, one bit each.
    mask: u16,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            planes: 0,
            used: 0,
            in_use: 0,
            hot: None,
            masks: RadixVec::new(PLANE_BITS),
            empty: RunSet::full(PLANE_BITS),
            by_run: vec![BitSet::empty(PLANE_BITS); PLANE_FRAMES as usize - 1],
            runs: 0,
            by_used: vec![BitSet::empty(PLANE_BITS); PLANE_FRAMES as usize],
            holders: StartMap::new(FRAME_BITS),
        }
    }
}

impl Frames {
    /// Planes of the budget.
    #[inline]
    pub(crate) fn planes(&self) -> u32 {
        self.planes
    }

    /// Frames in use.
    #[inline]
    pub(crate) fn used(&self) -> u32 {
        self.used
    }

    /// Planes with a frame in use.
    pub(crate) fn planes_in_use(&self) -> u32 {
        self.in_use
    }

    /// Planes of the budget without a frame in use.
    #[inline]
    pub(crate) fn spare(&self) -> u32 {
        self.planes - self.in_use
    }

    /// Frames of the budget that are free.
    pub(crate) fn free(&self) -> u32 {
        self.planes * PLANE_FRAMES - self.used
    }

    /// The longest run of free frames: the spare planes, which are alike, or the longest one in a plane that is in use.
    pub(crate) fn largest_run(&self) -> u32 {
        match self.spare() {
            0 => {
                let hot = self.hot.map_or(0, |hot| run_lengths(hot.mask));
                (self.runs | hot).checked_ilog2().map_or(0, |longest| longest + 1)
            }
            spare => spare * PLANE_FRAMES,
        }
    }

    fn planes_with_run(&self, length: u32) -> &BitSet {
        &self.by_run[length as usize - 1]
    }

    #[inline]
    pub(crate) fn mask(&self, plane: u32) -> u16 {
        match self.hot {
            Some(hot) if hot.plane == plane => hot.mask,
            _ => *self.masks.get(plane),
        }
    }

    /// Frames for a request, or `None` if the region cannot have as many.
    ///
    /// The lowest plane that has a long enough run serves, or else a spare one. If there is none, runs are gathered where that
    /// costs less than growing.
    pub(crate) fn place(
        &mut self,
        frames: u32,
        is_contiguous: bool,
        pricing: Pricing<'_>,
    ) -> Option<Placement> {
        if let Some(fragment) = self.place_in_plane(frames) {
            return Some(Placement::simple(fragment));
        }
        self.cool();
        let planes = frames.div_ceil(PLANE_FRAMES);
        if is_contiguous {
            let first = self.empty.first_run(planes)?;
            let growth = self.growth(planes);
            return Some(Placement { fragments: consecutive(first, frames), growth, is_promoted: false });
        }
        let growth = self.growth(planes);
        let grown = (growth > 0 && planes <= self.empty.members().len()).then(|| pricing.growth(growth));
        let gathered = (frames <= self.free()).then(|| self.gather(frames));
        let is_cheaper =
            |gathered: &Vec<Fragment>| grown.is_none_or(|growth| pricing.promotion(gathered) < growth);
        if let Some(fragments) = gathered.filter(is_cheaper) {
            return Some(Placement { fragments: fragments[..].into(), growth: 0, is_promoted: true });
        }
        grown?;
        let mut left = frames;
        let fragments: Vec<Fragment> = self
            .empty
            .members()
            .iter_from(0)
            .take(planes as usize)
            .map(|plane| take(plane, 0, PLANE_FRAMES, &mut left))
            .collect();
        Some(Placement { fragments: fragments[..].into(), growth, is_promoted: false })
    }

    /// Frames of the plane that serves a request alone, if there is one.
    #[inline]
    pub(crate) fn place_in_plane(&self, frames: u32) -> Option<Fragment> {
        let plane = self.plane_with_room(frames)?;
        let first = run_starts(self.mask(plane), frames).trailing_zeros();
        Some(fragment(plane, first, frames))
    }

    /// The plane that serves a request alone: one in use, else an empty one if the request does not need more.
    #[inline]
    fn plane_with_room(&self, frames: u32) -> Option<u32> {
        let mut in_use = None;
        if frames < PLANE_FRAMES {
            let hot = self.hot.filter(|hot| hot.mask != 0 && run_starts(hot.mask, frames) != 0);
            in_use = hot.map(|hot| hot.plane);
            for_each_bit(self.runs & (u32::MAX << (frames - 1)), |length| {
                let lowest = self.by_run[length].first();
                in_use = in_use.into_iter().chain(lowest).min();
            });
        }
        if in_use.is_some() || frames > PLANE_FRAMES || self.spare() == 0 {
            return in_use;
        }
        let hot = self.hot.filter(|hot| hot.mask == 0).map(|hot| hot.plane);
        hot.into_iter().chain(self.empty.members().first()).min()
    }

    /// Planes by which the budget grows when so many empty ones come into use.
    fn growth(&self, planes: u32) -> u32 {
        planes.saturating_sub(self.spare())
    }

    /// So many frames of the budget: the longest runs first, then the lowest planes, then the lowest frames.
    fn gather(&self, frames: u32) -> Vec<Fragment> {
        let mut left = frames;
        let mut gathered = Vec::new();
        let spare = self.empty.members().iter_from(0).take(self.spare() as usize);
        let spare = spare.map(|plane| (plane, 0, PLANE_FRAMES));
        let in_use = (1..PLANE_FRAMES).rev().flat_map(|length| {
            self.planes_with_run(length).iter_from(0).flat_map(move |plane| {
                free_runs(self.mask(plane))
                    .filter(move |run| run.1 == length)
                    .map(move |run| (plane, run.0, run.1))
            })
        });
        for (plane, first, length) in spare.chain(in_use) {
            if left == 0 {
                break;
            }
            gathered.push(take(plane, first, length, &mut left));
        }
        gathered.sort_unstable();
        gathered
    }

    /// Takes frames into use, for the pages of the region from `page` on. The budget grows if they need it.
    pub(crate) fn take(&mut self, fragments: &[Fragment], page: u32) {
        let mut page = page;
        for fragment in fragments {
            self.take_run(*fragment, page);
            page += u32::from(fragment.frames);
        }
    }

    /// The same for one run.
    #[inline]
    pub(crate) fn take_run(&mut self, fragment: Fragment, page: u32) {
        self.change(fragment.plane.into(), bits(fragment), fragment.frames.into(), true);
        self.holders.insert(first_frame(fragment), page);
        self.planes = self.planes.max(self.in_use);
    }

    /// Gives frames back. The budget keeps its planes.
    pub(crate) fn give_back(&mut self, fragments: &[Fragment]) {
        for fragment in fragments {
            self.give_back_run(*fragment);
        }
    }

    /// The same for one run.
    #[inline]
    pub(crate) fn give_back_run(&mut self, fragment: Fragment) {
        self.change(fragment.plane.into(), bits(fragment), fragment.frames.into(), false);
        self.holders.remove(first_frame(fragment));
    }

    /// Releases spare planes and tells how many those were.
    pub(crate) fn release_spare(&mut self) -> u32 {
        let spare = self.spare();
        self.planes -= spare;
        spare
    }

    /// Sets the planes of the budget; those in use are fewer or as many.
    pub(crate) fn set_planes(&mut self, planes: u32) {
        self.planes = planes;
    }

    /// The page that a frame in use holds.
    pub(crate) fn page_at(&self, plane: u32, frame: u32) -> Option<u32> {
        let at = plane * PLANE_FRAMES + frame;
        self.holders.floor(at).map(|(start, page)| page + (at - start))
    }

    /// The highest plane up to `top` with exactly so many frames in use.
    pub(crate) fn highest_with(&self, used: u32, top: u32) -> Option<u32> {
        let hot = self.hot_with(used).filter(|plane| *plane <= top);
        hot.into_iter().chain(self.by_used[used as usize - 1].last_to(top)).max()
    }

    /// The hot plane, if it has exactly so many frames in use.
    fn hot_with(&self, used: u32) -> Option<u32> {
        self.hot.filter(|hot| hot.mask.count_ones() == used).map(|hot| hot.plane)
    }

    /// Gives a page another frame. Both are counted from the region's first. The one that it had stays in use until it is
    /// [given up](Self::give_up).
    pub(crate) fn move_frame(&mut self, from: u32, to: u32, page: u32) {
        let (plane, next) = (from / PLANE_FRAMES, from + 1);
        if next / PLANE_FRAMES == plane && self.mask(plane) >> (next % PLANE_FRAMES) & 1 != 0 {
            // If it is the rest of a run, it is one of its own now. If it was a run before, nothing changes.
            let (start, first_page) = self.holders.floor(next).unwrap_or((next, page + 1));
            self.holders.insert(next, first_page + (next - start));
        }
        self.holders.remove(from);
        self.change(to / PLANE_FRAMES, 1 << (to % PLANE_FRAMES), 1, true);
        self.holders.insert(to, page);
    }

    /// Gives up frames of a plane, one bit each, that no page has any more.
    pub(crate) fn give_up(&mut self, plane: u32, frames: u16) {
        self.change(plane, frames, frames.count_ones(), false);
    }

    pub(crate) fn set_holder(&mut self, frame: u32, page: u32) {
        self.holders.insert(frame, page);
    }

    pub(crate) fn forget_holder(&mut self, frame: u32) {
        self.holders.remove(frame);
    }

    /// The plane with the most frames in use that has a free one and is not `source`; the lowest of several.
    pub(crate) fn fullest(&self, source: u32) -> Option<u32> {
        (1..PLANE_FRAMES).rev().find_map(|used| {
            let hot = self.hot_with(used);
            let others = self.by_used[used as usize - 1].iter_from(0);
            let is_other = |plane: &u32| *plane != source;
            hot.filter(is_other).into_iter().chain({ others }.find(is_other)).min()
        })
    }

    /// Frames of planes in use that are free.
    pub(crate) fn free_in_use(&self) -> u32 {
        self.in_use * PLANE_FRAMES - self.used
    }

    /// Takes so many frames of a plane into use, one bit each, none of which was, or gives them back.
    #[inline]
    fn change(&mut self, plane: u32, frames: u16, count: u32, is_taken: bool) {
        let hot = match &mut self.hot {
            Some(hot) if hot.plane == plane => hot,
            _ => self.heat(plane),
        };
        if is_taken {
            let was_empty = hot.mask == 0;
            hot.mask |= frames;
            self.used += count;
            self.in_use += u32::from(was_empty);
        } else {
            hot.mask &= !frames;
            let is_empty = hot.mask == 0;
            self.used -= count;
            self.in_use -= u32::from(is_empty);
        }
    }

    /// Keeps another plane aside.
    #[inline(never)]
    fn heat(&mut self, plane: u32) -> &mut Hot {
        self.cool();
        let mask = self.mask(plane);
        if mask == 0 {
            self.empty.remove(plane, 1);
        } else {
            for_each_bit(run_lengths(mask), |length| {
                self.by_run[length].remove(plane);
                self.runs &= !(u32::from(self.by_run[length].len() == 0) << length);
            });
            self.by_used[mask.count_ones() as usize - 1].remove(plane);
        }
        self.hot.insert(Hot { plane, mask })
    }

    /// Puts the plane that is kept aside back into the indexes.
    fn cool(&mut self) {
        let Some(Hot { plane, mask }) = self.hot.take() else { return };
        *self.masks.get_mut(plane) = mask;
        if mask == 0 {
            self.empty.insert(plane, 1);
        } else {
            let lengths = run_lengths(mask);
            for_each_bit(lengths, |length| self.by_run[length].insert(plane));
            self.runs |= lengths;
            self.by_used[mask.count_ones() as usize - 1].insert(plane);
        }
    }
}

impl Rest for Frames {
    fn rest(&mut self) {
        self.masks.rest();
        self.empty.rest();
        self.by_run.rest();
        self.by_used.rest();
        self.holders.rest();
    }
}

impl Placement {
    /// One run of the budget as it is.
    #[inline]
    pub(crate) fn simple(fragment: Fragment) -> Self {
        Self { fragments: fragment.into(), growth: 0, is_promoted: false }
    }
}

/// Planes beyond the first that hold these fragments, which ascend.
pub(crate) fn extra_planes(fragments: &[Fragment]) -> u32 {
    let steps = fragments.windows(2).filter(|pair| pair[0].plane != pair[1].plane).count();
    u32::try_from(steps).expect("a region has at most 2^16 planes")
}

/// The frames of a fragment, one bit each.
#[inline]
pub(crate) fn bits(fragment: Fragment) -> u16 {
    u16::MAX >> (PLANE_FRAMES - u32::from(fragment.frames)) << fragment.first
}

/// A fragment's first frame, counted from the region's.
#[inline]
pub(crate) fn first_frame(fragment: Fragment) -> u32 {
    u32::from(fragment.plane) * PLANE_FRAMES + u32::from(fragment.first)
}

/// A run of frames within a plane.
#[allow(clippy::cast_possible_truncation, reason = "planes have 16 bits, frames and lengths are at most 16")]
#[inline]
pub(crate) fn fragment(plane: u32, first: u32, frames: u32) -> Fragment {
    Fragment { plane: plane as u16, first: first as u8, frames: frames as u8 }
}

/// Adds a run behind the others of an allocation: it becomes one with the last, if they are neighbours in one plane.
pub(crate) fn push_run(runs: &mut Vec<Fragment>, run: Fragment) {
    match runs.last_mut() {
        Some(last) if last.plane == run.plane && last.first + last.frames == run.first => {
            last.frames += run.frames;
        }
        _ => runs.push(run),
    }
}

/// As much of a run as is still needed.
fn take(plane: u32, first: u32, length: u32, left: &mut u32) -> Fragment {
    let frames = length.min(*left);
    *left -= frames;
    fragment(plane, first, frames)
}

/// So many frames of consecutive planes.
fn consecutive(first: u32, frames: u32) -> Fragments {
    let mut left = frames;
    let planes = first..first + frames.div_ceil(PLANE_FRAMES);
    let fragments: Vec<_> = planes.map(|plane| take(plane, 0, PLANE_FRAMES, &mut left)).collect();
    fragments[..].into()
}

/// The runs of free frames of a plane: first frame and length, ascending.
fn free_runs(mask: u16) -> impl Iterator<Item = (u32, u32)> {
    let mut free = u32::from(!mask);
    std::iter::from_fn(move || {
        let first = free.checked_ilog2().map(|_| free.trailing_zeros())?;
        let length = (free >> first).trailing_ones();
        free &= !(((1 << length) - 1) << first);
        Some((first, length))
    })
}

/// The lengths of the runs of free frames of a plane in use: bit `length - 1` each. None for a plane that is not in use.
fn run_lengths(mask: u16) -> u32 {
    if mask == 0 { 0 } else { free_runs(mask).fold(0, |lengths, (_, length)| lengths | 1 << (length - 1)) }
}

/// The free frames of a plane with which a run of at least so many begins, 1 to 16, one bit each. Of a longer run not only the
/// first one is such.
#[inline]
fn run_starts(mask: u16, frames: u32) -> u32 {
    (1..frames).fold((!mask).into(), |starts, _| starts & starts >> 1)
}

#[inline]
fn for_each_bit(mut word: u32, mut act: impl FnMut(usize)) {
    while word != 0 {
        act(word.trailing_zeros() as usize);
        word &= word - 1;
    }
}
