//! A data cap: an immutable slab of pages under a copy-on-write overlay.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use travertine_merkle::{Hash, layout};
use travertine_vrns::Synthesis;

use crate::page::{PAGE_BYTES, Page, PageBytes, PageSlot};
use crate::slab::{PageChange, PageSlab, SlabError};

/// The root of a cap was asked for while pages in its overlay are not yet flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cap has {pages} pages that are not flushed: it has no root")]
pub struct CapError {
    /// How many pages the overlay holds.
    pub pages: usize,
}

/// A slab, and the pages written over it since the last flush. Cloning is O(1): both halves are shared until one is written.
#[derive(Debug, Clone)]
pub struct DataCap {
    backing: PageSlab,
    /// A page here shadows the backing, also when it is [`PageSlot::Empty`]: then it is zero, or in a generative cap one that
    /// nobody has written any more.
    overlay: Arc<BTreeMap<u32, PageSlot>>,
}

impl From<PageSlab> for DataCap {
    fn from(backing: PageSlab) -> Self {
        Self { backing, overlay: Arc::default() }
    }
}

impl DataCap {
    /// A cap of zeros.
    ///
    /// # Errors
    /// If `size` is not a multiple of 4,096 from 4,096 bytes to 4 GiB.
    pub fn empty(size: u64) -> Result<Self, SlabError> {
        Ok(PageSlab::empty(size)?.into())
    }

    /// A generative cap, none of whose pages has been written.
    ///
    /// # Errors
    /// If `size` is not a multiple of 4,096 from 4,096 bytes to 4 GiB.
    pub fn generative(size: u64, synthesis: Synthesis) -> Result<Self, SlabError> {
        Ok(PageSlab::generative(size, synthesis)?.into())
    }

    /// A cap that holds `content`, zero-padded to whole pages, of which there is at least one.
    ///
    /// # Errors
    /// If that is above 4 GiB.
    pub fn from_bytes(content: &[u8]) -> Result<Self, SlabError> {
        Self::from_bytes_sized(content, 0)
    }

    /// A cap of `size` bytes that begins with `content`. The larger of the two counts, rounded up to whole pages, of which
    /// there is at least one.
    ///
    /// # Errors
    /// If that is above 4 GiB.
    pub fn from_bytes_sized(content: &[u8], size: u64) -> Result<Self, SlabError> {
        let bytes = size.max(content.len() as u64).max(1);
        let size =
            bytes.checked_next_multiple_of(layout::PAGE_BYTES).ok_or(SlabError::Size { size: bytes })?;
        let slab = PageSlab::empty(size)?;
        let pages = (0..)
            .zip(content.chunks(PAGE_BYTES))
            .map(|(page, bytes)| (page, Page::new(PageBytes::starting_with(bytes)).into()));
        Ok(slab.with_pages(pages, drop).into())
    }

    /// A cap of `size` bytes with these pages, in any order; all others are zero.
    ///
    /// # Errors
    /// If `size` is not a multiple of 4,096 from 4,096 bytes to 4 GiB, or a page is outside of it or named twice.
    pub fn from_pages(
        size: u64,
        pages: impl IntoIterator<Item = (u32, PageSlot)>,
    ) -> Result<Self, SlabError> {
        Self::with_pages(&PageSlab::empty(size)?, pages)
    }

    /// A generative cap of `size` bytes in which these pages have been written; they come in any order.
    ///
    /// # Errors
    /// As for [`from_pages`](Self::from_pages).
    pub fn generative_from_pages(
        size: u64,
        synthesis: Synthesis,
        pages: impl IntoIterator<Item = (u32, PageSlot)>,
    ) -> Result<Self, SlabError> {
        Self::with_pages(&PageSlab::generative(size, synthesis)?, pages)
    }

    fn with_pages(
        slab: &PageSlab,
        pages: impl IntoIterator<Item = (u32, PageSlot)>,
    ) -> Result<Self, SlabError> {
        let form = slab.leaf_form();
        let check =
            |(page, slot): (u32, PageSlot)| check_page(slab, page).map(|()| (page, slot.written(form)));
        let mut named: Vec<_> = pages.into_iter().map(check).collect::<Result<_, _>>()?;
        // Most callers' pages ascend: that is found out in one pass.
        named.sort_by_key(|&(page, _)| page);
        if let Some(pair) = named.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(SlabError::DuplicatePage { page: pair[0].0 });
        }
        Ok(slab.with_pages(named, drop).into())
    }

    /// The size in bytes.
    pub fn size(&self) -> u64 {
        self.backing.size()
    }

    /// How many pages there are: 1 to 2^20.
    pub fn page_count(&self) -> u32 {
        self.backing.page_count()
    }

    /// The slab below the overlay.
    pub fn backing(&self) -> &PageSlab {
        &self.backing
    }

    /// How many pages the overlay holds. With none the cap is clean and has a root.
    pub fn overlay_pages(&self) -> usize {
        self.overlay.len()
    }

    /// What makes the pages that nobody has written; `None` if they are zero and the cap is not generative.
    pub fn synthesis(&self) -> Option<Synthesis> {
        self.backing.synthesis()
    }

    /// The page that an empty slot of this cap stands for.
    pub(crate) fn unwritten(&self, page: u32) -> Page {
        self.backing.unwritten(page)
    }

    /// Whether a page is stored: not all zero, or in a generative cap written.
    pub(crate) fn is_stored(&self, page: u32) -> bool {
        !matches!(self.slot(page), PageSlot::Empty)
    }

    /// Whether a page is stored, or was when the overlay was empty.
    pub(crate) fn is_stored_or_emptied(&self, page: u32) -> bool {
        self.backing.is_stored(page)
            || self.overlay.get(&page).is_some_and(|slot| !matches!(slot, PageSlot::Empty))
    }

    /// For how many pages of a range [`is_stored_or_emptied`](Self::is_stored_or_emptied) holds. The cost is that of two paths of
    /// the tree, and of the overlay's pages in the range.
    pub(crate) fn stored_or_emptied_in(&self, range: Range<u32>) -> u32 {
        let below = self.backing.stored_in(range.clone());
        let above = overlaid(&self.overlay, range)
            .filter(|&(&page, slot)| !matches!(slot, PageSlot::Empty) && !self.backing.is_stored(page));
        below + u32::try_from(above.count()).expect("a cap has 2^20 pages")
    }

    /// How many pages of a range of this generative cap have been written. The cost is that of a path of the tree, and of the
    /// overlay's pages in the range.
    pub(crate) fn written_in(&self, range: Range<u32>) -> u32 {
        let mut written = self.backing.stored_in(range.clone());
        for (&page, slot) in overlaid(&self.overlay, range) {
            written += u32::from(!matches!(slot, PageSlot::Empty));
            written -= u32::from(!matches!(self.backing.slot(page), PageSlot::Empty));
        }
        written
    }

    /// The page that counts: the overlay's, or else the backing's. Behind the end it is [`PageSlot::Empty`].
    pub fn slot(&self, page: u32) -> PageSlot {
        self.overlay.get(&page).cloned().unwrap_or_else(|| self.backing.slot(page))
    }

    /// The pages of a range that count and are stored, ascending: see [`PageSlab::pages`].
    pub fn pages_in(&self, range: Range<u32>) -> impl Iterator<Item = (u32, PageSlot)> + use<> {
        let mut pages: BTreeMap<u32, PageSlot> = self.backing.pages_in(range.clone()).collect();
        for (&page, slot) in overlaid(&self.overlay, range) {
            match slot {
                PageSlot::Empty => pages.remove(&page),
                slot => pages.insert(page, slot.clone()),
            };
        }
        pages.into_iter()
    }

    /// The pages of a range that count and are known by their hash only, ascending.
    pub(crate) fn missing_in(&self, range: Range<u32>) -> BTreeMap<u32, Hash> {
        let below =
            self.backing.missing_in(range.clone()).filter(|(page, _)| !self.overlay.contains_key(page));
        let above = overlaid(&self.overlay, range).map(|(&page, slot)| (page, slot.clone()));
        below
            .chain(above)
            .filter_map(|(page, slot)| match slot {
                PageSlot::Missing(leaf) => Some((page, leaf)),
                PageSlot::Empty | PageSlot::Loaded(_) => None,
            })
            .collect()
    }

    /// Puts a page into the overlay.
    ///
    /// # Errors
    /// If the page is outside of the cap.
    pub fn write(&mut self, page: u32, slot: PageSlot) -> Result<(), SlabError> {
        check_page(&self.backing, page)?;
        Arc::make_mut(&mut self.overlay).insert(page, slot.written(self.backing.leaf_form()));
        Ok(())
    }

    /// Makes a page one that nobody has written. It must be in the cap.
    pub(crate) fn unwrite(&mut self, page: u32) {
        debug_assert!(page < self.page_count());
        Arc::make_mut(&mut self.overlay).insert(page, PageSlot::Empty);
    }

    /// Makes the pages from `first` on read as those of `source`, as far as both reach, and tells how many pages that are.
    /// Pages are shared by reference count, none is copied; the cost is that of the pages that are not all zero. If one of the
    /// caps is generative it is that of all pages: they are written here, and those that nobody has written there are made.
    pub fn place_shared(&mut self, first: u32, source: &Self) -> u32 {
        let end = first.saturating_add(source.page_count()).min(self.page_count());
        let Some(count) = end.checked_sub(first) else { return 0 };
        if self.synthesis().or(source.synthesis()).is_some() {
            let form = self.backing.leaf_form();
            let placed = (0..count).map(|page| {
                let slot = match source.slot(page) {
                    PageSlot::Empty => PageSlot::Loaded(source.unwritten(page)),
                    slot => slot,
                };
                (first + page, slot.written(form))
            });
            Arc::make_mut(&mut self.overlay).extend(placed);
            return count;
        }
        let cleared = self.pages_in(first..end).map(|(page, _)| (page, PageSlot::Empty));
        let placed = source.pages_in(0..count).map(|(page, slot)| (first + page, slot));
        Arc::make_mut(&mut self.overlay).extend(cleared.chain(placed));
        count
    }

    /// Another cap with the same content, at the cost of two reference counts; each copies only what it writes.
    #[must_use]
    pub fn share(&self) -> Self {
        self.clone()
    }

    /// Makes the cap longer or shorter. Growing adds pages that nobody has written. Shrinking drops the pages behind the end,
    /// written or not: growing again does not bring them back. A flush does not report them: it compares with the cap as resized.
    /// The cost is that of one path of the tree, and of freeing what was dropped and nothing else shares.
    ///
    /// # Errors
    /// If `size` is not a multiple of 4,096 from 4,096 bytes to 4 GiB; nothing is changed then.
    pub fn resize(&mut self, size: u64) -> Result<(), SlabError> {
        self.backing = self.backing.resized(size)?;
        let page_count = self.page_count();
        if self.overlay.last_key_value().is_some_and(|(&page, _)| page >= page_count) {
            Arc::make_mut(&mut self.overlay).split_off(&page_count);
        }
        Ok(())
    }

    /// Shares all that is flushed with `other` wherever both are equal; see [`PageSlab::rebased`]. Caps that were loaded apart
    /// are stored once after that.
    pub fn rebase(&mut self, other: &Self) {
        self.backing = self.backing.rebased(&other.backing);
    }

    /// A cap of the same size in which nobody has written any page, as an overlay: a flush reports which pages that changed.
    #[must_use]
    pub(crate) fn cleared(&self) -> Self {
        let overlay = self.backing.pages().map(|(page, _)| (page, PageSlot::Empty)).collect();
        Self { backing: self.backing.clone(), overlay: Arc::new(overlay) }
    }

    /// A generative cap with the same written pages, which makes the others by another rule.
    #[must_use]
    pub(crate) fn with_synthesis(self, synthesis: Synthesis) -> Self {
        Self { backing: self.backing.with_synthesis(synthesis), ..self }
    }

    /// Folds the overlay into a new slab and reports the pages whose content has changed, ascending. The cost is in
    /// proportion to the overlay, whatever the size of the cap.
    pub fn flush(&mut self) -> Vec<PageChange> {
        let overlay = std::mem::take(&mut self.overlay);
        let mut changes = Vec::new();
        self.backing = self.backing.with_pages(Arc::unwrap_or_clone(overlay), |change| changes.push(change));
        changes
    }

    /// The root over size and pages.
    ///
    /// # Errors
    /// If the overlay is not empty.
    pub fn root(&self) -> Result<Hash, CapError> {
        self.flushed().map(PageSlab::root)
    }

    /// The slab, if no page is written over it.
    pub(crate) fn flushed(&self) -> Result<&PageSlab, CapError> {
        match self.overlay.len() {
            0 => Ok(&self.backing),
            pages => Err(CapError { pages }),
        }
    }
}

fn check_page(slab: &PageSlab, page: u32) -> Result<(), SlabError> {
    let page_count = slab.page_count();
    if page < page_count { Ok(()) } else { Err(SlabError::PageOutOfRange { page, page_count }) }
}

fn overlaid(overlay: &BTreeMap<u32, PageSlot>, range: Range<u32>) -> impl Iterator<Item = (&u32, &PageSlot)> {
    // `BTreeMap::range` panics if the start is behind the end.
    overlay.range(range.start..range.end.max(range.start))
}
