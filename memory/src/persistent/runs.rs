//! A persistent set of numbers that finds the lowest run of consecutive members of a length.
//!
//! Above the words of the set stands a tree of summaries. A change marks those above it as stale, and a search brings up to
//! date what it passes: members that come and go one by one cost almost nothing.

use super::{BitSet, RadixVec, Rest};

/// Bits of a number that a level of summaries consumes.
const LEVEL_BITS: u32 = 3;
const WORD_BITS: u32 = u64::BITS.ilog2();

/// A set of numbers below 2^`bits`, full at the beginning.
#[derive(Debug, Clone)]
pub(crate) struct RunSet {
    members: BitSet,
    /// Summaries of 8 words, of 64, and so on; the last level has fewer than 8.
    levels: Vec<RadixVec<Summary>>,
    bits: u32,
    /// The 8 words above which all summaries were found stale last; the highest number if a search has renewed some since.
    stale: u32,
}

#[derive(Debug, Clone, Copy, Default)]
enum Summary {
    /// All numbers are members.
    #[default]
    Full,
    Stale,
    Known(Runs),
}

/// Runs of members among consecutive numbers.
#[derive(Debug, Clone, Copy)]
struct Runs {
    /// The length of the run at the beginning.
    head: u32,
    /// The length of the run at the end.
    tail: u32,
    longest: u32,
}

impl Runs {
    fn of_word(word: u64) -> Self {
        if word == u64::MAX {
            return Self::all(u64::BITS);
        }
        let mut longest = 0;
        let mut shrinking = word;
        while shrinking != 0 {
            shrinking &= shrinking << 1;
            longest += 1;
        }
        Self { head: word.trailing_ones(), tail: word.leading_ones(), longest }
    }

    /// Those of so many numbers that are all members.
    fn all(length: u32) -> Self {
        Self { head: length, tail: length, longest: length }
    }

    /// Those of two neighbours of these lengths.
    fn joined(self, length: u32, next: Self, next_length: u32) -> Self {
        Self {
            head: if self.head == length { length + next.head } else { self.head },
            tail: if next.tail == next_length { next_length + self.tail } else { next.tail },
            longest: self.longest.max(next.longest).max(self.tail + next.head),
        }
    }
}

impl RunSet {
    /// The set of all numbers below 2^`bits`; `bits` is at least 6.
    pub(crate) fn full(bits: u32) -> Self {
        let levels = (bits - WORD_BITS) / LEVEL_BITS;
        let vector = |level| RadixVec::new(bits - WORD_BITS - level * LEVEL_BITS);
        let levels = (1..=levels).map(vector).collect();
        Self { members: BitSet::full(bits), levels, bits, stale: u32::MAX }
    }

    /// The members.
    pub(crate) fn members(&self) -> &BitSet {
        &self.members
    }

    /// Takes `count` numbers from `first` on out of the set.
    #[inline]
    pub(crate) fn remove(&mut self, first: u32, count: u32) {
        if count == 1 {
            self.members.remove(first);
            self.mark(first >> WORD_BITS);
        } else {
            self.assign(first, count, false);
        }
    }

    /// Makes `count` numbers from `first` on members.
    #[inline]
    pub(crate) fn insert(&mut self, first: u32, count: u32) {
        if count == 1 {
            self.members.insert(first);
            self.mark(first >> WORD_BITS);
        } else {
            self.assign(first, count, true);
        }
    }

    fn assign(&mut self, first: u32, count: u32, present: bool) {
        let (mut at, end) = (first, first + count);
        while at < end {
            let (word, bit) = (at >> WORD_BITS, at % u64::BITS);
            let length = (u64::BITS - bit).min(end - at);
            self.members.assign(word, u64::MAX >> (u64::BITS - length) << bit, present);
            self.mark(word);
            at += length;
        }
    }

    /// Marks the summaries above a word.
    #[inline]
    fn mark(&mut self, word: u32) {
        if word >> LEVEL_BITS != self.stale {
            self.mark_anew(word);
        }
    }

    /// Above a summary that is stale all are.
    #[inline(never)]
    fn mark_anew(&mut self, word: u32) {
        self.stale = word >> LEVEL_BITS;
        for (level, summaries) in (1..).zip(&mut self.levels) {
            let index = word >> (level * LEVEL_BITS);
            if let Summary::Stale = summaries.get(index) {
                return;
            }
            *summaries.get_mut(index) = Summary::Stale;
        }
    }

    /// The first number of the lowest run of at least `count` members.
    pub(crate) fn first_run(&mut self, count: u32) -> Option<u32> {
        if count <= 1 {
            return self.members.first();
        }
        let top = self.top();
        self.search(top, 0..1 << (self.bits - width_bits(top)), count)
    }

    /// How many consecutive numbers from `first` on are members, at most `limit`.
    pub(crate) fn run_at(&self, first: u32, limit: u32) -> u32 {
        let mut length = 0;
        while length < limit {
            let at = first + length;
            let bit = at % u64::BITS;
            let run = (!(self.members.word(at >> WORD_BITS) >> bit)).trailing_zeros().min(u64::BITS - bit);
            length += run;
            if run < u64::BITS - bit {
                break;
            }
        }
        length.min(limit)
    }

    fn search(&mut self, level: u32, parts: std::ops::Range<u32>, count: u32) -> Option<u32> {
        let width = 1 << width_bits(level);
        let mut open = 0;
        for part in parts {
            let runs = self.runs(level, part);
            if open + runs.head >= count {
                return Some(part * width - open);
            }
            if runs.longest >= count {
                return match level.checked_sub(1) {
                    Some(below) => self.search(below, part << LEVEL_BITS..(part + 1) << LEVEL_BITS, count),
                    None => Some(part * width + first_run_of_word(self.members.word(part), count)),
                };
            }
            open = if runs.head == width { open + width } else { runs.tail };
        }
        None
    }

    /// The runs of a part, brought up to date.
    fn runs(&mut self, level: u32, part: u32) -> Runs {
        let Some(below) = level.checked_sub(1) else { return Runs::of_word(self.members.word(part)) };
        match *self.levels[below as usize].get(part) {
            Summary::Known(runs) => runs,
            Summary::Full => Runs::all(1 << width_bits(level)),
            Summary::Stale => {
                let width = 1 << width_bits(below);
                let first = part << LEVEL_BITS;
                let mut runs = self.runs(below, first);
                for (next, length) in (first + 1..).zip((width..).step_by(width as usize)).take(7) {
                    runs = runs.joined(length, self.runs(below, next), width);
                }
                *self.levels[below as usize].get_mut(part) = Summary::Known(runs);
                self.stale = u32::MAX;
                runs
            }
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "at most 8 levels")]
    fn top(&self) -> u32 {
        self.levels.len() as u32
    }
}

impl Rest for RunSet {
    fn rest(&mut self) {
        self.members.rest();
        self.levels.rest();
    }
}

impl Rest for Summary {
    fn rest(&mut self) {}
}

/// Bits of a number that say where it is in a part of this level; level 0 are the words.
fn width_bits(level: u32) -> u32 {
    WORD_BITS + level * LEVEL_BITS
}

/// Where the lowest run of at least `count` ones begins in a word that has one.
fn first_run_of_word(word: u64, count: u32) -> u32 {
    (1..count).fold(word, |starts, _| starts & starts >> 1).trailing_zeros()
}
