//! One region of the allocator: which of its pages and frames hold what.

use std::ops::Range;

use travertine_merkle::layout::PAGE_BYTES;

use super::frames::{Frames, PLANE_FRAMES};
use super::record::{Allocation, Fragment};
use super::request::page_count;
use super::slabs::{Block, PAGE_BITS, Slabs, block_bytes, class_of, split};
use crate::persistent::{Rest, RunSet, StartMap};
use crate::region::RegionKind;

/// Where an allocation lies in its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A block of a page of blocks.
    Block(Block),
    /// Pages of its own.
    Pages { first: u32, count: u32 },
}

impl Place {
    /// Where a recorded allocation lies.
    #[inline]
    pub(crate) fn of(allocation: &Allocation) -> Self {
        let offset = allocation.address.linear();
        if allocation.is_block() {
            Self::Block(Block::at(offset, class_of(allocation.size)))
        } else {
            Self::Pages { first: split(offset).0, count: page_count(allocation.size) }
        }
    }

    /// The pages that it lies in.
    #[inline]
    pub(crate) fn pages(self) -> Range<u32> {
        match self {
            Self::Block(Block { page, .. }) => page..page + 1,
            Self::Pages { first, count } => first..first + count,
        }
    }

    #[inline]
    pub(crate) fn page_count(self) -> u32 {
        self.pages().end - self.pages().start
    }

    /// Bytes of the block, if it is one.
    #[inline]
    pub(crate) fn block_bytes(self) -> Option<u64> {
        match self {
            Self::Block(block) => Some(block_bytes(block.class).into()),
            Self::Pages { .. } => None,
        }
    }

    /// Its first byte, counted from the region's.
    #[inline]
    pub(crate) fn offset(self) -> u32 {
        match self {
            Self::Block(block) => block.offset(),
            Self::Pages { first, .. } => first << PAGE_BYTES.ilog2(),
        }
    }
}

/// A place in one word. Plans hold it so: they go through memory, and what was written there in pieces is slow to be read as one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaceWord(u64);

impl PlaceWord {
    /// The upper half is this and the number of pages, or the class of a block and its number in the page; the lower half is the
    /// first byte.
    const PAGES: u32 = 1 << 31;
    const NUMBER_SHIFT: u32 = 8;
    const CLASS_MASK: u32 = (1 << Self::NUMBER_SHIFT) - 1;

    /// See [`Place::offset`].
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) fn offset(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the upper half")]
    pub(crate) fn place(self) -> Place {
        let extent = (self.0 >> u32::BITS) as u32;
        let (page, _) = split(self.offset());
        if extent & Self::PAGES == 0 {
            let (number, class) = (extent >> Self::NUMBER_SHIFT, extent & Self::CLASS_MASK);
            Place::Block(Block { page, number, class })
        } else {
            Place::Pages { first: page, count: extent & !Self::PAGES }
        }
    }
}

impl From<Place> for PlaceWord {
    #[inline]
    fn from(place: Place) -> Self {
        let extent = match place {
            Place::Block(Block { number, class, .. }) => number << Self::NUMBER_SHIFT | class,
            Place::Pages { count, .. } => Self::PAGES | count,
        };
        Self(u64::from(extent) << u32::BITS | u64::from(place.offset()))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Space {
    pub(crate) kind: RegionKind,
    pub(crate) frames: Frames,
    pub(crate) slabs: Slabs,
    /// The pages that hold nothing.
    pub(crate) free_pages: RunSet,
    /// The slots of the records of allocations with pages of their own, by their first page.
    owners: StartMap,
    pub(crate) live: Live,
}

/// What lives in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Live {
    pub(crate) allocations: u64,
    /// Allocations whose frames may be exchanged.
    pub(crate) movable: u64,
    /// Bytes that were asked for.
    pub(crate) bytes: u64,
    /// Runs of frames of all allocations.
    pub(crate) fragments: u64,
}

impl Live {
    #[inline]
    pub(crate) fn add(&mut self, size: u64, is_movable: bool, fragments: &[Fragment]) {
        self.allocations += 1;
        self.movable += u64::from(is_movable);
        self.bytes += size;
        self.fragments += fragments.len() as u64;
    }

    #[inline]
    pub(crate) fn remove(&mut self, size: u64, is_movable: bool, fragments: &[Fragment]) {
        self.allocations -= 1;
        self.movable -= u64::from(is_movable);
        self.bytes -= size;
        self.fragments -= fragments.len() as u64;
    }
}

impl Space {
    pub(crate) fn new(kind: RegionKind) -> Self {
        Self {
            kind,
            frames: Frames::default(),
            slabs: Slabs::default(),
            free_pages: RunSet::full(PAGE_BITS),
            owners: StartMap::new(PAGE_BITS),
            live: Live::default(),
        }
    }

    /// The slot of the only allocation that can hold this byte of the region; its record says whether it does.
    #[inline]
    pub(crate) fn slot_near(&self, offset: u32) -> Option<u32> {
        let (page, within) = split(offset);
        if self.free_pages.members().contains(page) {
            return None;
        }
        match self.slabs.get(page) {
            Some(slab) => slab.slot_at(within),
            None => self.owners.floor(page).map(|(_, slot)| slot),
        }
    }

    /// Takes a place and its frames into use for the record in `slot`. A page of blocks is opened if there is none.
    #[inline]
    pub(crate) fn take(&mut self, place: Place, fragments: &[Fragment], slot: u32) {
        match place {
            Place::Block(block) => {
                if self.free_pages.members().contains(block.page) {
                    self.free_pages.remove(block.page, 1);
                    self.frames.take_run(fragments[0], block.page);
                    self.slabs.open(block, fragments[0], slot);
                } else {
                    self.slabs.take(block, slot);
                }
            }
            Place::Pages { first, count } => {
                self.free_pages.remove(first, count);
                self.frames.take(fragments, first);
                self.owners.insert(first, slot);
            }
        }
    }

    /// Gives a place and its frames back. A page of blocks goes with its last one.
    #[inline]
    pub(crate) fn give_back(&mut self, place: Place, fragments: &[Fragment]) {
        match place {
            Place::Block(block) => {
                if let Some(frame) = self.slabs.give_back(block) {
                    self.frames.give_back_run(frame);
                    self.free_pages.insert(block.page, 1);
                }
            }
            Place::Pages { first, count } => {
                self.owners.remove(first);
                self.frames.give_back(fragments);
                self.free_pages.insert(first, count);
            }
        }
    }

    /// Free bytes of the budget.
    pub(crate) fn free_bytes(&self) -> u64 {
        u64::from(self.frames.free()) * PAGE_BYTES
    }

    /// Bytes of the longest run of free frames.
    pub(crate) fn largest_run_bytes(&self) -> u64 {
        u64::from(self.frames.largest_run()) * PAGE_BYTES
    }

    /// How much of what is free is not in the longest run, in parts of `whole`; 0 if nothing is free.
    pub(crate) fn fragmentation(&self, whole: u64) -> u64 {
        let free = u64::from(self.frames.free());
        (whole * (free - u64::from(self.frames.largest_run()))).checked_div(free).unwrap_or(0)
    }

    /// Planes that could be released if all frames could be moved.
    pub(crate) fn releasable(&self) -> u32 {
        self.frames.planes() - self.frames.used().div_ceil(PLANE_FRAMES)
    }
}

impl Rest for Space {
    fn rest(&mut self) {
        self.frames.rest();
        self.slabs.rest();
        self.free_pages.rest();
        self.owners.rest();
    }
}
