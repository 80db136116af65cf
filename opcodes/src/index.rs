//! Finds the rows that may claim a word: a constant index of the table by the bits that tell instructions apart best.

use crate::row::Pattern;
use crate::table::{COMPRESSED_TABLE, TABLE};

/// Which bits of a word choose the bucket: some from `low`, and three more from `high`.
struct Key {
    low: u8,
    low_width: u8,
    high: u8,
}

/// Major opcode and funct3.
const BASE_KEY: Key = Key { low: 2, low_width: 5, high: 12 };
/// Quadrant and funct3.
const COMPRESSED_KEY: Key = Key { low: 0, low_width: 2, high: 13 };

impl Key {
    const fn buckets(&self) -> usize {
        1 << (self.low_width + 3)
    }

    const fn mask(&self) -> u32 {
        ((1 << self.low_width) - 1) << self.low | 7 << self.high
    }

    #[inline]
    const fn bucket(&self, word: u32) -> usize {
        (word >> self.low & ((1 << self.low_width) - 1) | (word >> self.high & 7) << self.low_width) as usize
    }
}

/// A row that may claim the words of a bucket.
#[derive(Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) pattern: Pattern,
    /// Its place in the table.
    pub(crate) row: u8,
}

/// Candidates sorted by bucket, in table order within each; bucket `i` is `starts[i]..starts[i + 1]`.
struct Index<const STARTS: usize, const CANDIDATES: usize> {
    key: Key,
    starts: [u16; STARTS],
    candidates: [Candidate; CANDIDATES],
}

/// How many candidates the index of these patterns has: a pattern that leaves key bits open is in several buckets.
const fn count(key: &Key, patterns: &[Pattern]) -> usize {
    let (mut total, mut i) = (0, 0);
    while i < patterns.len() {
        total += 1 << (key.mask() & !patterns[i].mask).count_ones();
        i += 1;
    }
    total
}

impl<const STARTS: usize, const CANDIDATES: usize> Index<STARTS, CANDIDATES> {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a table has fewer than 256 rows, an index fewer than 65,536"
    )]
    const fn new(key: Key, patterns: &[Pattern]) -> Self {
        assert!(STARTS == key.buckets() + 1 && patterns.len() <= 256 && CANDIDATES < 65_536);
        let none = Candidate { pattern: Pattern { mask: 0, bits: 0 }, row: 0 };
        let mut index = Self { key, starts: [0; STARTS], candidates: [none; CANDIDATES] };
        let (mut bucket, mut filled) = (0, 0);
        while bucket + 1 < STARTS {
            index.starts[bucket] = filled as u16;
            let mut row = 0;
            while row < patterns.len() {
                let pattern = patterns[row];
                let fixed = pattern.mask & index.key.mask();
                if index.key.bucket(fixed) & bucket == index.key.bucket(pattern.bits) {
                    index.candidates[filled] = Candidate { pattern, row: row as u8 };
                    filled += 1;
                }
                row += 1;
            }
            bucket += 1;
        }
        assert!(filled == CANDIDATES);
        index.starts[bucket] = filled as u16;
        index
    }

    #[inline]
    fn candidates(&self, word: u32) -> &[Candidate] {
        let bucket = self.key.bucket(word);
        &self.candidates[usize::from(self.starts[bucket])..usize::from(self.starts[bucket + 1])]
    }
}

const BASE_PATTERNS: [Pattern; TABLE.len()] = {
    let mut patterns = [Pattern { mask: 0, bits: 0 }; TABLE.len()];
    let mut i = 0;
    while i < patterns.len() {
        patterns[i] = TABLE[i].pattern;
        i += 1;
    }
    patterns
};

const COMPRESSED_PATTERNS: [Pattern; COMPRESSED_TABLE.len()] = {
    let mut patterns = [Pattern { mask: 0, bits: 0 }; COMPRESSED_TABLE.len()];
    let mut i = 0;
    while i < patterns.len() {
        patterns[i] = COMPRESSED_TABLE[i].pattern;
        i += 1;
    }
    patterns
};

static BASE: Index<{ BASE_KEY.buckets() + 1 }, { count(&BASE_KEY, &BASE_PATTERNS) }> =
    Index::new(BASE_KEY, &BASE_PATTERNS);
static COMPRESSED: Index<{ COMPRESSED_KEY.buckets() + 1 }, { count(&COMPRESSED_KEY, &COMPRESSED_PATTERNS) }> =
    Index::new(COMPRESSED_KEY, &COMPRESSED_PATTERNS);

/// The rows of [`TABLE`] that may claim a 32-bit word.
#[inline]
pub(crate) fn base_candidates(word: u32) -> &'static [Candidate] {
    BASE.candidates(word)
}

/// The rows of [`COMPRESSED_TABLE`] that may claim a 16-bit word.
#[inline]
pub(crate) fn compressed_candidates(word: u32) -> &'static [Candidate] {
    COMPRESSED.candidates(word)
}
