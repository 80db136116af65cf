//! An arena: a segment, this process's slot in it, and what can be done with both.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::block::{Block, View};
use crate::error::{ArenaError, HandleError};
use crate::heap::Heap;
use crate::layout::{Geometry, MAX_PROCESSES, PAGE_BYTES, SLOT_WORDS, header, slot};
use crate::sector::{Allocated, Audit, Handle, Recovered, RunSummary, Sector, Statistics};
use crate::segment::Segment;

/// A sector of memory, attached by this process: shared with others, or [private](Self::private).
///
/// Threads share it by reference. Dropping it leaves the segment: what this process still owned is given back, what it
/// has handed over stays.
#[derive(Debug)]
pub struct Arena {
    sector: Sector<Segment>,
    owner: u8,
    #[cfg(target_os = "linux")]
    link: Option<crate::shared::Link>,
}

/// The owner in an arena that has one process.
const ONLY_PROCESS: u8 = 1;

impl Arena {
    /// An arena of so many pages of 4096 bytes on this process's heap. It works on every system.
    ///
    /// # Errors
    /// [`ArenaError::Pages`] if a sector cannot have that many.
    pub fn private(pages: u64) -> Result<Self, ArenaError> {
        let geometry = Geometry::new(pages)?;
        let arena = Self {
            sector: Sector::new(Segment::on_heap(geometry), geometry),
            owner: ONLY_PROCESS,
            #[cfg(target_os = "linux")]
            link: None,
        };
        arena.sector.format();
        Ok(arena)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn shared(sector: Sector<Segment>, owner: u8, link: crate::shared::Link) -> Self {
        Self { sector, owner, link: Some(link) }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn link(&self) -> Option<&crate::shared::Link> {
        self.link.as_ref()
    }

    #[inline]
    pub(crate) fn sector(&self) -> &Sector<Segment> {
        &self.sector
    }

    /// The slot of this process, by which it owns blocks: 1 to [`MAX_PROCESSES`].
    #[inline]
    pub fn owner(&self) -> u8 {
        self.owner
    }

    /// Pages of the sector.
    pub fn pages(&self) -> u32 {
        self.sector.geometry().pages
    }

    #[inline]
    pub(crate) fn data(&self, allocated: &Allocated) -> &[AtomicU64] {
        self.sector.memory().data(allocated.unit, allocated.units)
    }

    /// Magazines for one thread that allocates and gives back often.
    pub fn heap(&self) -> Heap<'_> {
        Heap::new(self)
    }

    /// Allocates a block of at least `bytes`, with whatever was written there before. A block of 4096 bytes or more begins
    /// at a page if its size is a multiple of 4096.
    ///
    /// # Errors
    /// [`ArenaError::TooLarge`] if the sector has fewer bytes; [`ArenaError::OutOfMemory`] if a walk over the whole sector,
    /// after all that nobody uses has been made free, finds nothing large enough.
    pub fn allocate(&self, bytes: u64) -> Result<Block<'_>, ArenaError> {
        self.take(bytes).map(|owned| Block::new(self, owned, bytes))
    }

    /// As [`allocate`](Self::allocate), without the guard.
    #[inline(never)]
    pub(crate) fn take(&self, bytes: u64) -> Result<Allocated, ArenaError> {
        let page_bytes = u64::from(PAGE_BYTES);
        let limit = u64::from(self.pages()) * page_bytes;
        let pages = u32::try_from(bytes.div_ceil(page_bytes).max(1)).ok().filter(|_| bytes <= limit);
        let pages = pages.ok_or(ArenaError::TooLarge { bytes, limit })?;
        let allocate = || self.sector.allocate(bytes, pages, self.owner);
        // What the dead have is looked at last, since it takes system calls.
        let owned = allocate().or_else(|| (self.recover().processes > 0).then(allocate).flatten());
        let Some(owned) = owned else {
            self.count(slot::FAILURES, 1);
            return Err(ArenaError::OutOfMemory { bytes, largest: self.sector.largest_free() });
        };
        self.count(slot::ALLOCATIONS, 1);
        Ok(owned)
    }

    /// Whether what was owned still was.
    pub(crate) fn give_back(&self, owned: &Allocated) -> bool {
        let is_own = self.sector.give_back(owned, self.owner);
        self.count(slot::FREES, u64::from(is_own));
        is_own
    }

    /// Takes a block that was [shared](Block::share).
    ///
    /// # Errors
    /// [`HandleError`] if the handle is stale or forged, or the block has an owner.
    pub fn adopt(&self, handle: Handle) -> Result<Block<'_>, HandleError> {
        let owned = self.sector.adopt(handle, self.owner)?;
        Ok(Block::new(self, owned, owned.info().bytes))
    }

    /// Gives back a block that was [shared](Block::share).
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt).
    pub fn free(&self, handle: Handle) -> Result<(), HandleError> {
        self.adopt(handle).map(drop)
    }

    /// Ends the life of a block that was [shared](Block::share), without the work of making it free.
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt).
    pub fn ack(&self, handle: Handle) -> Result<(), HandleError> {
        self.sector.ack(handle)
    }

    /// Makes an acked block free. Without it the next request that finds no memory does.
    ///
    /// # Errors
    /// [`HandleError`] if the handle is stale or forged, or the block is not acked.
    pub fn coalesce(&self, handle: Handle) -> Result<(), HandleError> {
        self.sector.coalesce(handle, self.owner)?;
        self.count(slot::FREES, 1);
        Ok(())
    }

    /// Looks a block up.
    ///
    /// # Errors
    /// [`HandleError`] if the handle is stale or forged.
    pub fn view(&self, handle: Handle) -> Result<View<'_>, HandleError> {
        Ok(View::new(self, self.sector.find(handle)?))
    }

    /// Gives back slabs that no block is used of, and acked blocks.
    pub fn trim(&self) {
        self.sector.reclaim(self.owner);
    }

    /// Settles what processes have left behind that died.
    pub fn recover(&self) -> Recovered {
        #[cfg(target_os = "linux")]
        if let Some(link) = &self.link {
            return link.recover(&self.sector, self.owner);
        }
        Recovered::default()
    }

    /// Counts what there is. It walks over the sector.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = self.sector.statistics();
        for owner in 0..=MAX_PROCESSES {
            let words = slot_words(self.sector.memory(), owner);
            let read = |at: usize| words[at].load(Ordering::Relaxed);
            statistics.allocations = statistics.allocations.wrapping_add(read(slot::ALLOCATIONS));
            statistics.frees = statistics.frees.wrapping_add(read(slot::FREES));
            statistics.failures = statistics.failures.wrapping_add(read(slot::FAILURES));
        }
        statistics
    }

    /// The runs of the sector from its first page on.
    pub fn runs(&self) -> impl Iterator<Item = RunSummary> + '_ {
        self.sector.runs()
    }

    /// Checks the invariants that hold while nobody is at work. It walks over the sector.
    pub fn audit(&self) -> Audit {
        self.sector.audit()
    }

    pub(crate) fn count(&self, counter: usize, count: u64) {
        if count > 0 {
            slot_words(self.sector.memory(), self.owner)[counter].fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// The words of a process slot. That of nobody keeps the counts of processes that have left.
pub(crate) fn slot_words(segment: &Segment, owner: u8) -> &[AtomicU64] {
    &segment.words()[header::SLOTS + usize::from(owner) * SLOT_WORDS..][..SLOT_WORDS]
}

impl Drop for Arena {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(link) = self.link.take() {
            link.leave(&self.sector, self.owner);
        }
    }
}
