//! The pages that the current call has touched, found again at the cost of a compare.

use std::collections::BTreeMap;
use std::ops::{Add, RangeInclusive};

use crate::fast_pages::{FastPages, FastTable};
use crate::fault::Access;
use crate::page::{Page, PageBytes};
use crate::page_index::PageIndex;
use crate::permissions::Permissions;
use crate::places::Places;
use crate::plan::Recalls;

/// Entries of the cache of recent pages. A power of two.
const RECENT: usize = 256;
/// The tag of no page: page numbers of a 64-bit address have 52 bits.
const NO_PAGE: u64 = u64::MAX;

/// A page that the call has touched.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The address without its 12 offset bits.
    pub(crate) page_number: u32,
    /// What the program may do with the page; it stands as long as the page is in the working set.
    permissions: Permissions,
    pub(crate) content: Content,
    /// As which one the page was last put in its place; 0 if it was not since it is at this address.
    put: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Read but not written: shared with the cap.
    Clean(Page),
    /// Written: the call's own copy.
    Dirty(Box<PageBytes>),
    /// Written, and the same page as that of another place, until one of them is stored to.
    Placed {
        page: Page,
        /// Whether the call has paid for a page that is hashed when it settles. If not, the page is one that was there before the
        /// call, or that everybody knows.
        is_paid: bool,
    },
}

impl Frame {
    #[inline]
    pub(crate) fn bytes(&self) -> &PageBytes {
        match &self.content {
            Content::Clean(page) | Content::Placed { page, .. } => page.bytes(),
            Content::Dirty(bytes) => bytes,
        }
    }

    /// The call's own copy of the page, made now if there is none.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut PageBytes {
        if !matches!(self.content, Content::Dirty(_)) {
            self.content = Content::Dirty(self.take().into_bytes());
        }
        match &mut self.content {
            Content::Dirty(bytes) => bytes,
            Content::Clean(_) | Content::Placed { .. } => unreachable!("the page has just been copied"),
        }
    }

    /// The page as it is now, to stand in another place, too. What is stored to it later does not show there.
    fn share(&mut self) -> Page {
        let (is_dirty, is_paid) = (self.is_dirty(), self.is_paid());
        let page = self.take();
        let other = page.clone();
        self.content = if is_dirty { Content::Placed { page, is_paid } } else { Content::Clean(page) };
        other
    }

    /// The content; the caller puts another in its place.
    fn take(&mut self) -> Page {
        match std::mem::replace(&mut self.content, Content::Clean(Page::zero())) {
            Content::Clean(page) | Content::Placed { page, .. } => page,
            Content::Dirty(bytes) => Page::new(bytes),
        }
    }

    /// Whether the program may do this, and pays no more than the access itself.
    fn is_warm_for(&self, access: Access) -> bool {
        let touched = match access {
            Access::Write => self.is_own(),
            Access::Read | Access::Execute => true,
        };
        touched && self.permissions.allows(access)
    }

    /// Whether the call has a copy of its own, which it may store to.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.content, Content::Dirty(_))
    }

    /// Whether the call has paid for storing to the page.
    pub(crate) fn is_paid(&self) -> bool {
        matches!(self.content, Content::Dirty(_) | Content::Placed { is_paid: true, .. })
    }

    pub(crate) fn is_dirty(&self) -> bool {
        match self.content {
            Content::Clean(_) => false,
            Content::Dirty(_) | Content::Placed { .. } => true,
        }
    }
}

/// A page that was touched recently. The tags are page numbers, so a wide address matches none.
#[derive(Debug, Clone, Copy)]
struct Recent {
    /// The page if the program may load from it, without touching it first.
    load: u64,
    /// The page if the program may store to it, without touching it first.
    store: u64,
    frame: u32,
}

const NOT_RECENT: Recent = Recent { load: NO_PAGE, store: NO_PAGE, frame: 0 };

/// The frames of a call, and two ways to find them: exactly, and quickly.
#[derive(Debug, Clone)]
pub(crate) struct WorkingSet {
    frames: Vec<Frame>,
    index: PageIndex,
    recent: Box<[Recent; RECENT]>,
    /// What decides which loads and stores owe a recall.
    places: Places,
    /// Where the bytes of pages in their places are, for engines that ask. An entry is forgotten before its page's bytes move.
    fast: FastTable,
    /// Pages that were missing and that a plan has loaded; not yet touched.
    staged: BTreeMap<u32, Page>,
}

impl Default for WorkingSet {
    fn default() -> Self {
        Self {
            frames: Vec::new(),
            index: PageIndex::default(),
            recent: Box::new([NOT_RECENT; RECENT]),
            places: Places::default(),
            fast: FastTable::default(),
            staged: BTreeMap::new(),
        }
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the remainder is below the number of entries")]
fn recent_slot(page_number: u64) -> usize {
    (page_number % RECENT as u64) as usize
}

impl WorkingSet {
    /// The frame of a page that was loaded recently and may be loaded again.
    #[inline]
    pub(crate) fn recent_load(&self, page_number: u64) -> Option<u32> {
        let recent = &self.recent[recent_slot(page_number)];
        (recent.load == page_number).then_some(recent.frame)
    }

    /// The frame of a page that was stored to recently and may be stored to again.
    #[inline]
    pub(crate) fn recent_store(&self, page_number: u64) -> Option<u32> {
        let recent = &self.recent[recent_slot(page_number)];
        (recent.store == page_number).then_some(recent.frame)
    }

    /// Remembers a frame as recent.
    pub(crate) fn remember(&mut self, frame: u32) {
        let found = &self.frames[frame as usize];
        let page = u64::from(found.page_number);
        let tag = |access| if found.is_warm_for(access) { page } else { NO_PAGE };
        self.recent[recent_slot(page)] = Recent { load: tag(Access::Read), store: tag(Access::Write), frame };
    }

    /// The frame of a page that such an access would not touch first, however long ago that was; it is recent again.
    pub(crate) fn find_warm(&mut self, page_number: u64, access: Access) -> Option<u32> {
        let frame = self.find(u32::try_from(page_number).ok()?)?;
        if !self.frames[frame as usize].is_warm_for(access) {
            return None;
        }
        self.remember(frame);
        Some(frame)
    }

    /// The frame at `frame` if it is that of `page_number`.
    #[inline]
    pub(crate) fn frame_at(&self, frame: u32, page_number: u64) -> Option<&Frame> {
        self.frames.get(frame as usize).filter(|frame| u64::from(frame.page_number) == page_number)
    }

    /// The same, to be written: the call's own. Its bytes do not move.
    #[inline]
    pub(crate) fn frame_at_mut(&mut self, frame: u32, page_number: u64) -> Option<&mut Frame> {
        let found =
            self.frames.get_mut(frame as usize).filter(|frame| u64::from(frame.page_number) == page_number);
        debug_assert!(
            found.as_ref().is_none_or(|frame| frame.is_own()),
            "plans name the call's own frames for stores"
        );
        found
    }

    /// Where the page's frame is, if the call has touched the page.
    pub(crate) fn find(&self, page_number: u32) -> Option<u32> {
        self.index.get(page_number)
    }

    pub(crate) fn frame(&self, frame: u32) -> &Frame {
        &self.frames[frame as usize]
    }

    /// The frame, of which the bytes may move.
    pub(crate) fn frame_mut(&mut self, frame: u32) -> &mut Frame {
        let found = &mut self.frames[frame as usize];
        self.fast.forget(found.page_number);
        found
    }

    /// Quick ways to the bytes of pages that [`make_fast`](Self::make_fast) was told.
    pub(crate) fn fast_pages(&mut self) -> FastPages<'_> {
        FastPages::of(self)
    }

    /// For [`FastPages`], which knows what may be done with it.
    pub(crate) fn fast_table(&mut self) -> &mut FastTable {
        &mut self.fast
    }

    /// Puts the page of a load or store in its place.
    pub(crate) fn put_in_place(&mut self, page_number: u32) {
        if let Some(frame) = self.find(page_number).filter(|_| !self.places.has(page_number)) {
            self.fast.forget(page_number);
            self.frames[frame as usize].put = self.places.put(page_number);
        }
    }

    /// What a load or store owes that does not touch the frame's page first.
    #[inline]
    pub(crate) fn recall_of(&self, frame: u32) -> Recalls {
        let Frame { page_number, put, .. } = self.frames[frame as usize];
        if self.places.has(page_number) { Recalls::default() } else { self.places.recall(put) }
    }

    /// What such an access owes for those of these pages that it does not touch first.
    pub(crate) fn recalls(&self, page_numbers: RangeInclusive<u32>, access: Access) -> Recalls {
        let known = page_numbers.filter_map(|page| self.find(page));
        let warm = known.filter(|&frame| self.frame(frame).is_warm_for(access));
        warm.map(|frame| self.recall_of(frame)).fold(Recalls::default(), Recalls::add)
    }

    /// Lets accesses to a page that is in its place go the quick way, as far as the program may make them and would not be the first.
    pub(crate) fn make_fast(&mut self, page_number: u32) {
        if self.places.has(page_number)
            && let Some(frame) = self.find(page_number)
        {
            self.enter_fast(frame);
        }
    }

    fn enter_fast(&mut self, frame: u32) {
        let found = &mut self.frames[frame as usize];
        let load = found.is_warm_for(Access::Read);
        // The load and store entries of the call's own page are one pointer, made last, so that it stays valid for both.
        let store = found.is_warm_for(Access::Write).then(|| found.bytes_mut().as_mut_ptr());
        let load = load.then(|| store.map_or_else(|| found.bytes().as_ptr(), <*mut u8>::cast_const));
        self.fast.set(found.page_number, load, store);
    }

    /// The same while the table is used, for an access that owes a recall if the page is not in its place.
    pub(crate) fn recall_fast(&mut self, page_number: u32, access: Access, pays: bool) -> Option<Recalls> {
        let warm = self.find(page_number).filter(|&frame| self.frame(frame).is_warm_for(access));
        let frame = warm?;
        let recalls = self.recall_of(frame);
        if recalls != Recalls::default() {
            if !pays {
                return None;
            }
            // What was in the place has no entries any more when this page has.
            self.frames[frame as usize].put = self.places.put(page_number);
        }
        self.enter_fast(frame);
        Some(recalls)
    }

    /// Lets stores to a page go the slow way until [`make_fast`](Self::make_fast).
    pub(crate) fn make_stores_slow(&mut self, page_number: u32) {
        self.fast.forget_stores(page_number);
    }

    /// Two frames that are not the same: one to read and one to write, of which the bytes may move.
    pub(crate) fn frame_pair(&mut self, read: u32, write: u32) -> (&Frame, &mut Frame) {
        self.fast.forget(self.frames[write as usize].page_number);
        let frames = self.frames.get_disjoint_mut([read as usize, write as usize]);
        let [read, write] = frames.expect("both frames are there, and they differ");
        (read, write)
    }

    /// Writes a whole page at once: `target` is the same page as `source` until one of them is stored to. It is paid for if it
    /// was before, the source is, or `pays` says so.
    ///
    /// So all places of a page that has to be hashed are paid for, and there are never more of such pages than payments.
    pub(crate) fn place(&mut self, source: u32, target: u32, pays: bool) {
        let found = &mut self.frames[source as usize];
        let (number, pays) = (found.page_number, pays || found.is_paid());
        let page = found.share();
        self.forget(number);
        self.place_page(target, page, pays);
    }

    /// The same with a page that stands nowhere else.
    pub(crate) fn place_page(&mut self, target: u32, page: Page, pays: bool) {
        let found = &mut self.frames[target as usize];
        let (number, is_paid) = (found.page_number, pays || found.is_paid());
        found.content = Content::Placed { page, is_paid };
        self.forget(number);
    }

    /// The frames of these pages, in the order of their addresses.
    pub(crate) fn frames_in(&self, page_numbers: RangeInclusive<u32>) -> impl Iterator<Item = &Frame> {
        self.index.range(page_numbers).map(|(_, frame)| self.frame(frame))
    }

    /// Adds a page that the call has not touched yet.
    pub(crate) fn insert(&mut self, page_number: u32, permissions: Permissions, page: Page) -> u32 {
        self.push(Frame { page_number, permissions, content: Content::Clean(page), put: 0 })
    }

    fn push(&mut self, frame: Frame) -> u32 {
        let place = u32::try_from(self.frames.len()).expect("there are at most 2^28 pages");
        self.index.insert(frame.page_number, place);
        self.frames.push(frame);
        place
    }

    /// Keeps the content of a missing page for the access that is planned.
    pub(crate) fn stage(&mut self, page_number: u32, page: Page) {
        self.staged.insert(page_number, page);
    }

    pub(crate) fn staged(&self, page_number: u32) -> Option<&Page> {
        self.staged.get(&page_number)
    }

    /// Forgets these pages, at the cost of those that are there.
    pub(crate) fn remove(&mut self, page_numbers: RangeInclusive<u32>) {
        self.take(page_numbers);
    }

    /// Forgets a page, if it is there.
    pub(crate) fn remove_page(&mut self, page_number: u32) {
        self.staged.remove(&page_number);
        if self.find(page_number).is_some() {
            self.take_page(page_number);
        }
    }

    /// Gives pages other numbers: `first` becomes `to`, and so on. None of the new numbers is there.
    pub(crate) fn renumber(&mut self, page_numbers: RangeInclusive<u32>, to: u32) {
        let first = *page_numbers.start();
        for mut frame in self.take(page_numbers) {
            frame.page_number = to + (frame.page_number - first);
            frame.put = 0;
            self.push(frame);
        }
    }

    /// Takes these pages out.
    fn take(&mut self, page_numbers: RangeInclusive<u32>) -> Vec<Frame> {
        while let Some((&page, _)) = self.staged.range(page_numbers.clone()).next() {
            self.staged.remove(&page);
        }
        let pages: Vec<u32> = self.index.range(page_numbers).map(|(page, _)| page).collect();
        pages.into_iter().map(|page| self.take_page(page)).collect()
    }

    fn take_page(&mut self, page_number: u32) -> Frame {
        let place = self.index.remove(page_number).expect("the index has named the page");
        self.forget(page_number);
        let frame = self.frames.swap_remove(place as usize);
        if let Some(moved) = self.frames.get(place as usize) {
            let moved = moved.page_number;
            self.index.insert(moved, place);
            self.forget(moved);
        }
        frame
    }

    /// Makes a page one that was not touched recently.
    fn forget(&mut self, page_number: u32) {
        self.fast.forget(page_number);
        let recent = &mut self.recent[recent_slot(page_number.into())];
        if recent.load == u64::from(page_number) || recent.store == u64::from(page_number) {
            *recent = NOT_RECENT;
        }
    }

    /// Forgets all pages that are not to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        let Self { frames, mut staged, places, .. } = std::mem::take(self);
        staged.retain(|&page_number, _| keep(page_number));
        let frames: Vec<_> = frames.into_iter().filter(|frame| keep(frame.page_number)).collect();
        let mut index = PageIndex::default();
        frames.iter().zip(0..).for_each(|(frame, place)| index.insert(frame.page_number, place));
        *self = Self { frames, index, places, staged, ..Self::default() };
    }

    /// All frames; the working set is gone.
    pub(crate) fn into_frames(self) -> Vec<Frame> {
        self.frames
    }
}

/// Bits of a page's index in its region.
const PAGE_INDEX_BITS: u32 = 20;

/// The page's region.
pub(crate) fn region_of(page_number: u32) -> u8 {
    u8::try_from(page_number >> PAGE_INDEX_BITS).expect("a page number has 28 bits")
}

/// The page's index in its region.
pub(crate) fn page_of(page_number: u32) -> u32 {
    page_number & ((1 << PAGE_INDEX_BITS) - 1)
}

/// The number of a region's page.
pub(crate) fn page_number(region: u8, page: u32) -> u32 {
    u32::from(region) << PAGE_INDEX_BITS | page
}
