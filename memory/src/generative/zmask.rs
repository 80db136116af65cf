//! The mask of pages that may have been written: a cache that answers "surely clean" without a look at the cells.
//!
//! It tracks the first 2^48 cells; beyond, everything counts as dirty. A page that is told clean was never written; one that is told
//! dirty may hold no written cell any more.

use std::collections::BTreeMap;

use travertine_vrns::PAGE_CELLS;

/// Cells that are tracked: 1,024 chunks.
pub const TRACKED_CELLS: u64 = CHUNKS * CHUNK_CELLS;
/// Chunks of the mask.
pub const CHUNKS: u64 = 1024;
/// Cells of a chunk: 2^40 bytes.
pub const CHUNK_CELLS: u64 = 1 << 38;
/// Pages of a chunk.
pub const CHUNK_PAGES: u64 = CHUNK_CELLS / CELLS;

const CELLS: u64 = PAGE_CELLS as u64;
/// Pages of a word.
const WORD_PAGES: u64 = 64;

/// A set of pages of 1,024 cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZMask {
    /// By page number / 64: a bit for each page, at least one of them set.
    words: BTreeMap<u64, u64>,
}

/// The chunk of a cell and the page in that chunk; `None` beyond the tracked cells.
pub fn split(address: u64) -> Option<(u64, u64)> {
    (address < TRACKED_CELLS).then_some((address / CHUNK_CELLS, address % CHUNK_CELLS / CELLS))
}

/// The word of a tracked cell's page, and the page's bit in it.
fn place(address: u64) -> Option<(u64, u64)> {
    let page = (address < TRACKED_CELLS).then_some(address / CELLS)?;
    Some((page / WORD_PAGES, 1 << (page % WORD_PAGES)))
}

impl ZMask {
    /// Marks the page of a cell; beyond the tracked cells nothing is to be marked.
    pub fn mark(&mut self, address: u64) {
        if let Some((word, bit)) = place(address) {
            *self.words.entry(word).or_default() |= bit;
        }
    }

    /// Marks the pages of many cells. Where they ascend, each word is looked for once.
    pub fn mark_all(&mut self, addresses: impl IntoIterator<Item = u64>) {
        let mut current = (0, 0);
        for (word, bit) in addresses.into_iter().filter_map(place) {
            if word == current.0 {
                current.1 |= bit;
            } else {
                self.join(current);
                current = (word, bit);
            }
        }
        self.join(current);
    }

    fn join(&mut self, (word, bits): (u64, u64)) {
        if bits != 0 {
            *self.words.entry(word).or_default() |= bits;
        }
    }

    /// Whether the page of a cell may have been written.
    pub fn is_dirty(&self, address: u64) -> bool {
        place(address).is_none_or(|(word, bit)| self.words.get(&word).is_some_and(|bits| bits & bit != 0))
    }

    /// Whether no page of the `count` cells from `start` on may have been written.
    pub fn is_range_clean(&self, start: u64, count: u64) -> bool {
        let Some(more) = count.checked_sub(1) else { return true };
        let last = start.checked_add(more).and_then(place);
        let (Some((first_word, first_bit)), Some((last_word, last_bit))) = (place(start), last) else {
            return false;
        };
        // Bits from the first page on, and up to the last one.
        let (from, up_to) = (!(first_bit - 1), last_bit | (last_bit - 1));
        let is_clean = |(word, bits): (&u64, &u64)| {
            let from = if *word == first_word { from } else { u64::MAX };
            let up_to = if *word == last_word { up_to } else { u64::MAX };
            bits & from & up_to == 0
        };
        // Words inside have a bit, so that this looks at three of them at most.
        self.words.range(first_word..=last_word).all(is_clean)
    }

    /// How many pages are marked.
    pub fn page_count(&self) -> u64 {
        self.words.values().map(|bits| u64::from(bits.count_ones())).sum()
    }

    /// Unmarks all pages.
    pub fn clear(&mut self) {
        self.words.clear();
    }
}
