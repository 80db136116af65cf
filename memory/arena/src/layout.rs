//! Where everything lies in a segment: `docs/arena.md` tells it byte by byte. All of it follows from the number of pages.

use crate::class::{CLASSES, MAX_SMALL_BYTES, PAGE_BLOCKS, length_class};
use crate::descriptor::MAX_EXTENT;
use crate::error::ArenaError;

/// Bytes in a page, the unit of runs.
pub const PAGE_BYTES: u32 = 4096;
/// Bytes in a unit, in which handles count.
pub const UNIT_BYTES: u32 = 16;
/// Pages of a slab, unless it would have fewer than [`SLAB_BLOCKS`] blocks.
pub(crate) const SLAB_PAGES: u32 = 16;
/// The fewest blocks in a slab.
pub(crate) const SLAB_BLOCKS: u32 = 8;

const WORD_BYTES: usize = 8;
const PAGE_WORDS: usize = PAGE_BYTES as usize / WORD_BYTES;
/// Bits in a word of a bitmap.
pub(crate) const WORD_BITS: u32 = 64;

/// The words of the header.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 1;
    pub(crate) const LAYOUT: usize = 2;
    pub(crate) const PAGES: usize = 3;
    pub(crate) const BYTES: usize = 4;
    /// `pid:32 | epoch:30 | state:2`; waiters sleep on its lower half.
    pub(crate) const INIT: usize = 5;
    /// When the formatter was started, in clock ticks since the machine was.
    pub(crate) const START_TIME: usize = 6;
    /// Where the slots of the processes begin: that of owner `n` is `SLOT_WORDS * n` words further.
    pub(crate) const SLOTS: usize = 8;
}

/// What the first word of a segment is: `TRAVARNA` in memory.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"TRAVARNA");
/// Counted up whenever the layout or the protocol changes.
pub(crate) const VERSION: u64 = 1;
/// Processes that can be attached at once; they are the owners 1 to this.
pub const MAX_PROCESSES: u8 = 62;
/// Words of a process slot.
pub(crate) const SLOT_WORDS: usize = 8;

/// The words of a process slot.
pub(crate) mod slot {
    /// `pid:32 | 0:31 | used:1`.
    pub(crate) const PROCESS: usize = 0;
    /// When the process was started, in clock ticks since the machine was.
    pub(crate) const START_TIME: usize = 1;
    pub(crate) const ALLOCATIONS: usize = 2;
    pub(crate) const FREES: usize = 3;
    pub(crate) const FAILURES: usize = 4;
}

const HEADER_WORDS: usize = PAGE_WORDS;
/// Where the words of a segment begin that are the truth.
pub(crate) const TRUTH_START: usize = HEADER_WORDS;
const _: () = assert!(header::SLOTS + (MAX_PROCESSES as usize + 1) * SLOT_WORDS <= HEADER_WORDS);
// Pages are counted in `u32` and words of a segment in `usize`.
const _: () = assert!(usize::BITS >= 64);

/// A number that differs between layouts: FNV-1a over the constants that make one.
pub(crate) const LAYOUT: u64 = {
    let facts = [
        PAGE_BYTES as u64,
        UNIT_BYTES as u64,
        SLAB_PAGES as u64,
        SLAB_BLOCKS as u64,
        MAX_SMALL_BYTES,
        CLASSES as u64,
        MAX_PROCESSES as u64,
        SLOT_WORDS as u64,
        HEADER_WORDS as u64,
        cfg!(target_endian = "big") as u64,
    ];
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < facts.len() {
        hash = (hash ^ facts[at]).wrapping_mul(0x100_0000_01b3);
        at += 1;
    }
    hash
};

/// The number of pages, and what follows from it. Each process computes its own and believes no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) pages: u32,
}

impl Geometry {
    /// # Errors
    /// [`ArenaError::Pages`] if a sector cannot have that many.
    pub(crate) fn new(pages: u64) -> Result<Self, ArenaError> {
        match u32::try_from(pages) {
            Ok(pages @ 1..=MAX_EXTENT) => Ok(Self { pages }),
            _ => Err(ArenaError::Pages { pages, limit: MAX_EXTENT }),
        }
    }

    /// The tail of a page, among the words that are the truth: behind the words of all pages.
    pub(crate) fn tail(self, page: u32) -> usize {
        self.pages as usize + page as usize
    }

    /// The word of a block.
    pub(crate) fn block(self, slot: u32) -> usize {
        2 * self.pages as usize + slot as usize
    }

    /// The number of words that stand ready for blocks.
    pub(crate) fn block_words(self) -> u32 {
        self.pages * PAGE_BLOCKS
    }

    /// Classes of free runs.
    pub(crate) fn length_classes(self) -> u32 {
        length_class(self.pages) + 1
    }

    /// Classes of the index: of free runs, then of slabs that have free blocks.
    #[allow(clippy::cast_possible_truncation, reason = "there are fewer than 256 classes")]
    pub(crate) fn index_classes(self) -> u32 {
        self.length_classes() + CLASSES as u32
    }

    /// Words of the bitmap of free blocks.
    pub(crate) fn bitmap_words(self) -> usize {
        self.block_words().div_ceil(WORD_BITS) as usize
    }

    /// Words that are the truth.
    pub(crate) fn truth_words(self) -> usize {
        self.block(self.block_words())
    }

    /// Words that are hints: the bitmap of free blocks, then the index.
    pub(crate) fn hint_words(self) -> usize {
        self.bitmap_words() + crate::index::words(self.pages, self.index_classes())
    }

    pub(crate) fn hint_start(self) -> usize {
        TRUTH_START + self.truth_words()
    }

    /// Where the data begins, in words: at a page.
    pub(crate) fn data_start(self) -> usize {
        (self.hint_start() + self.hint_words()).next_multiple_of(PAGE_WORDS)
    }

    /// The size of the whole segment in words.
    pub(crate) fn words(self) -> usize {
        self.data_start() + self.pages as usize * PAGE_WORDS
    }

    /// The size of the whole segment in bytes.
    pub(crate) fn bytes(self) -> u64 {
        (self.words() * WORD_BYTES) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_and_the_largest_sector_have_a_layout() {
        for pages in [1, 2, 255, 1 << 14, u64::from(MAX_EXTENT)] {
            let geometry = Geometry::new(pages).unwrap();
            assert_eq!(geometry.data_start() % 512, 0);
            assert_eq!(geometry.bytes() % 4096, 0);
            // Units of handles, and slots of blocks, are counted in 32 bits.
            assert!(pages * 256 <= 1 << 32 && u64::from(geometry.block_words()) == pages * 128);
        }
        for pages in [0, u64::from(MAX_EXTENT) + 1, u64::MAX] {
            assert!(matches!(Geometry::new(pages), Err(ArenaError::Pages { .. })));
        }
    }
}
