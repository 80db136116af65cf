//! A persistent set of small numbers that finds the next and the previous member in a few steps, however sparse it is.

use super::RadixVec;

/// Bits of a number that say where it is in a word.
const WORD_BITS: u32 = u64::BITS.ilog2();

/// A set of numbers below `2^bits`: a word for each 64 numbers, and above it levels whose bits say which words below are not
/// empty. A set that begins full is stored as its complement: the words that were never written are full then.
#[derive(Debug, Clone)]
pub(crate) struct BitSet {
    levels: Vec<RadixVec<u64>>,
    bits: u32,
    /// What is added to the stored words, bit by bit and without carry.
    complement: u64,
    len: u32,
}

impl BitSet {
    /// A set without members.
    pub(crate) fn empty(bits: u32) -> Self {
        let mut levels = Vec::new();
        let mut left = bits;
        while left > 0 {
            left = left.saturating_sub(WORD_BITS);
            levels.push(RadixVec::new(left));
        }
        Self { levels, bits, complement: 0, len: 0 }
    }

    /// The set of all numbers. `bits` is at least 6.
    pub(crate) fn full(bits: u32) -> Self {
        Self { complement: u64::MAX, len: 1 << bits, ..Self::empty(bits) }
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
        self.word_at(0, index)
    }

    /// A word of a level. The topmost level may have fewer than 64 bits, and the words of a full set behind the end are empty.
    #[inline]
    fn word_at(&self, level: u32, index: u32) -> u64 {
        let numbers = self.bits.saturating_sub(level * WORD_BITS);
        if u64::from(index) << WORD_BITS >= 1 << numbers {
            return 0;
        }
        let word = self.levels[level as usize].get(index) ^ self.complement;
        if numbers < WORD_BITS { word & ((1 << (1 << numbers)) - 1) } else { word }
    }

    #[inline]
    pub(crate) fn insert(&mut self, member: u32) {
        self.assign(member >> WORD_BITS, 1 << (member % u64::BITS), true);
    }

    #[inline]
    pub(crate) fn remove(&mut self, member: u32) {
        self.assign(member >> WORD_BITS, 1 << (member % u64::BITS), false);
    }

    /// Makes the numbers of a word whose bits are in `mask` members, or not.
    pub(crate) fn assign(&mut self, index: u32, mask: u64, present: bool) {
        let before = self.word(index);
        let after = if present { before | mask } else { before & !mask };
        if before == after {
            return;
        }
        self.len = self.len + after.count_ones() - before.count_ones();
        *self.levels[0].get_mut(index) = after ^ self.complement;
        let (mut index, mut was_empty, mut is_empty) = (index, before == 0, after == 0);
        for level in 1..self.levels.len() {
            if was_empty == is_empty {
                return;
            }
            let stored = self.levels[level].get_mut(index >> WORD_BITS);
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
        self.first_from(0)
    }

    /// The lowest member that is not below `start`.
    pub(crate) fn first_from(&self, start: u32) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
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

    #[allow(clippy::cast_possible_truncation, reason = "at most 6 levels")]
    fn height(&self) -> u32 {
        self.levels.len() as u32
    }
}
