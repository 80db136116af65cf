//! A persistent set of small numbers that finds the next and the previous member in a few steps, however sparse it is.

use std::cmp::Ordering;

use super::{RadixVec, Rest};

/// Bits of a number that say where it is in a word.
const WORD_BITS: u32 = u64::BITS.ilog2();

/// A set of numbers below `2^bits`: a word for each 64 numbers, and above it levels whose bits say which words below are not
/// empty. A set that begins full is stored as its complement: the words that were never written are full then.
///
/// The word that was changed last is kept aside, and the levels are brought up to date when another one changes: members that
/// come and go near each other cost no tree.
#[derive(Debug, Clone)]
pub(crate) struct BitSet {
    /// None before the first change of a second word.
    levels: Vec<RadixVec<u64>>,
    bits: u32,
    /// What is added to the stored words, bit by bit and without carry.
    complement: u64,
    len: u32,
    /// The index of the lowest word that is not empty; the highest number if there is none.
    lowest: u32,
    hot: Hot,
}

/// The word that was changed last.
#[derive(Debug, Clone, Copy, Default)]
struct Hot {
    index: u32,
    word: u64,
    /// The word as the levels have it.
    before: u64,
    /// Members of all other words.
    others: u32,
}

impl BitSet {
    /// A set without members.
    pub(crate) fn empty(bits: u32) -> Self {
        Self { levels: Vec::new(), bits, complement: 0, len: 0, lowest: u32::MAX, hot: Hot::default() }
    }

    /// The set of all numbers. `bits` is at least 6.
    pub(crate) fn full(bits: u32) -> Self {
        let len = 1 << bits;
        let hot = Hot { index: 0, word: u64::MAX, before: u64::MAX, others: len - u64::BITS };
        Self { complement: u64::MAX, len, lowest: 0, hot, ..Self::empty(bits) }
    }

    /// How many members it has.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(crate) fn contains(&self, member: u32) -> bool {
        self.word(member >> WORD_BITS) >> (member % u64::BITS) & 1 != 0
    }

    /// The members from `64 * index` on.
    #[inline]
    pub(crate) fn word(&self, index: u32) -> u64 {
        if index == self.hot.index { self.hot.word } else { self.word_at(0, index) }
    }

    /// A word of a level, the hot one as it was before. The topmost level may have fewer than 64 bits, and the words of a full set behind the end are empty.
    #[inline(never)]
    fn word_at(&self, level: u32, index: u32) -> u64 {
        let numbers = self.bits.saturating_sub(level * WORD_BITS);
        if u64::from(index) << WORD_BITS >= 1 << numbers {
            return 0;
        }
        let word = self.levels.get(level as usize).map_or(0, |words| *words.get(index)) ^ self.complement;
        if numbers < WORD_BITS { word & ((1 << (1 << numbers)) - 1) } else { word }
    }

    #[inline]
    pub(crate) fn insert(&mut self, member: u32) {
        let (index, bit) = (member >> WORD_BITS, 1 << (member % u64::BITS));
        let before = self.word(index);
        if before & bit == 0 {
            self.change(index, before, before | bit);
            self.len += 1;
            self.lowest = self.lowest.min(index);
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, member: u32) {
        let (index, bit) = (member >> WORD_BITS, 1 << (member % u64::BITS));
        let before = self.word(index);
        if before & bit != 0 {
            self.change(index, before, before & !bit);
            self.len -= 1;
            self.raise_lowest(index);
        }
    }

    /// Makes the numbers of a word whose bits are in `mask` members, or not.
    pub(crate) fn assign(&mut self, index: u32, mask: u64, present: bool) {
        let before = self.word(index);
        let after = if present { before | mask } else { before & !mask };
        if before == after {
            return;
        }
        self.change(index, before, after);
        self.len = self.len - before.count_ones() + after.count_ones();
        if present {
            self.lowest = self.lowest.min(index);
        } else {
            self.raise_lowest(index);
        }
    }

    /// Makes a word, which is kept aside then, another.
    #[inline]
    fn change(&mut self, index: u32, before: u64, after: u64) {
        if index != self.hot.index {
            self.heat(index, before);
        }
        self.hot.word = after;
    }

    /// Goes on to the lowest word that has members if the hot one, which has lost some, was the lowest and has none.
    #[inline]
    fn raise_lowest(&mut self, index: u32) {
        if self.hot.word != 0 || self.lowest != index {
            return;
        }
        if self.len == 0 {
            self.lowest = u32::MAX;
        } else {
            self.find_lowest();
        }
    }

    /// Goes on from the lowest word, which is empty now, to the next that is not.
    #[inline(never)]
    fn find_lowest(&mut self) {
        self.lowest =
            self.first_from(self.lowest << WORD_BITS).map_or(u32::MAX, |member| member >> WORD_BITS);
    }

    /// Keeps another word aside.
    #[inline(never)]
    fn heat(&mut self, index: u32, word: u64) {
        self.write_back();
        self.hot = Hot { index, word, before: word, others: self.len - word.count_ones() };
    }

    /// Brings the levels up to date.
    fn write_back(&mut self) {
        let Hot { mut index, word, before, .. } = self.hot;
        if word == before {
            return;
        }
        if self.levels.is_empty() {
            let bits_left = |level| self.bits.saturating_sub((level + 1) * WORD_BITS);
            self.levels = (0..self.height()).map(|level| RadixVec::new(bits_left(level))).collect();
        }
        *self.levels[0].get_mut(index) = word ^ self.complement;
        let (mut was_empty, mut is_empty) = (before == 0, word == 0);
        for words in &mut self.levels[1..] {
            if was_empty == is_empty {
                return;
            }
            let stored = words.get_mut(index >> WORD_BITS);
            let bit = 1 << (index % u64::BITS);
            let before = *stored ^ self.complement;
            let after = if is_empty { before & !bit } else { before | bit };
            *stored = after ^ self.complement;
            (index, was_empty, is_empty) = (index >> WORD_BITS, before == 0, after == 0);
        }
    }

    /// The lowest member.
    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        (self.len > 0).then(|| self.lowest << WORD_BITS | self.word(self.lowest).trailing_zeros())
    }

    /// The lowest member that is not below `start`.
    pub(crate) fn first_from(&self, start: u32) -> Option<u32> {
        let Hot { index, word, others, .. } = self.hot;
        let above = match (start >> WORD_BITS).cmp(&index) {
            Ordering::Less => word,
            Ordering::Equal => word & (u64::MAX << (start % u64::BITS)),
            Ordering::Greater => 0,
        };
        let hot = (above != 0).then(|| index << WORD_BITS | above.trailing_zeros());
        if others == 0 || hot.is_some() && start >> WORD_BITS == index {
            return hot;
        }
        let cold = match self.stored_from(start) {
            Some(member) if member >> WORD_BITS == index => self.stored_from((index + 1) << WORD_BITS),
            member => member,
        };
        hot.into_iter().chain(cold).min()
    }

    /// The lowest member that is not below `start`, as the levels have it.
    fn stored_from(&self, start: u32) -> Option<u32> {
        let mut at = start;
        for level in 0..self.height() {
            let index = at >> WORD_BITS;
            let word = self.word_at(level, index) & (u64::MAX << (at % u64::BITS));
            if word != 0 {
                let found = index << WORD_BITS | word.trailing_zeros();
                let step = |above, level| above << WORD_BITS | self.word_at(level, above).trailing_zeros();
                return Some((0..level).rev().fold(found, step));
            }
            at = index + 1;
        }
        None
    }

    /// The highest member that is not above `end`.
    pub(crate) fn last_to(&self, end: u32) -> Option<u32> {
        let Hot { index, word, others, .. } = self.hot;
        let below = match (end >> WORD_BITS).cmp(&index) {
            Ordering::Less => 0,
            Ordering::Equal => word & (u64::MAX >> (u64::BITS - 1 - end % u64::BITS)),
            Ordering::Greater => word,
        };
        let hot = below.checked_ilog2().map(|highest| index << WORD_BITS | highest);
        if others == 0 || hot.is_some() && end >> WORD_BITS == index {
            return hot;
        }
        let cold = match self.stored_to(end) {
            Some(member) if member >> WORD_BITS == index => {
                (index << WORD_BITS).checked_sub(1).and_then(|end| self.stored_to(end))
            }
            member => member,
        };
        hot.into_iter().chain(cold).max()
    }

    /// The highest member that is not above `end`, as the levels have it.
    fn stored_to(&self, end: u32) -> Option<u32> {
        let mut at = end;
        for level in 0..self.height() {
            let index = at >> WORD_BITS;
            let word = self.word_at(level, index) & (u64::MAX >> (u64::BITS - 1 - at % u64::BITS));
            if let Some(highest) = word.checked_ilog2() {
                let step = |above, level| above << WORD_BITS | self.word_at(level, above).ilog2();
                return Some((0..level).rev().fold(index << WORD_BITS | highest, step));
            }
            at = index.checked_sub(1)?;
        }
        None
    }

    /// The members from `start` on, ascending.
    pub(crate) fn iter_from(&self, start: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(self.first_from(start), |&member| self.first_from(member + 1))
    }

    /// Levels of words.
    fn height(&self) -> u32 {
        self.bits.div_ceil(WORD_BITS)
    }
}

impl Rest for BitSet {
    fn rest(&mut self) {
        self.levels.rest();
    }
}
