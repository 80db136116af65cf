//! A persistent map of intervals by their first number: what begins at or before a number.

use super::{BitSet, RadixVec, Rest};

/// A map from numbers to values that also answers which entry is the nearest at or below a number.
#[derive(Debug, Clone)]
pub(crate) struct StartMap {
    starts: BitSet,
    values: RadixVec<u32>,
}

impl StartMap {
    /// An empty map of numbers below 2^`bits`.
    pub(crate) fn new(bits: u32) -> Self {
        Self { starts: BitSet::empty(bits), values: RadixVec::new(bits) }
    }

    #[inline]
    pub(crate) fn insert(&mut self, start: u32, value: u32) {
        self.starts.insert(start);
        *self.values.get_mut(start) = value;
    }

    #[inline]
    pub(crate) fn remove(&mut self, start: u32) {
        self.starts.remove(start);
    }

    /// The nearest entry at or below `at`.
    pub(crate) fn floor(&self, at: u32) -> Option<(u32, u32)> {
        let start = self.starts.last_to(at)?;
        Some((start, *self.values.get(start)))
    }
}

impl Rest for StartMap {
    fn rest(&mut self) {
        self.starts.rest();
        self.values.rest();
    }
}
