//! The index: for each class a bitmap of pages, with a summary above it and one of the classes above that. All of it is
//! hints. A bit that is set for nothing costs a look at the page, and one that is missing costs a walk.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::layout::WORD_BITS;

/// The words of an index, the highest summary first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index<'a> {
    words: &'a [AtomicU64],
    pages: u32,
    classes: u32,
}

/// Pages that one bit of a class's summary stands for are those of one word below it.
const SUMMARY_PAGES: u32 = WORD_BITS * WORD_BITS;

fn class_words(pages: u32) -> usize {
    pages.div_ceil(SUMMARY_PAGES) as usize + pages.div_ceil(WORD_BITS) as usize
}

/// The number of words of an index.
pub(crate) fn words(pages: u32, classes: u32) -> usize {
    classes.div_ceil(WORD_BITS) as usize + classes as usize * class_words(pages)
}

impl<'a> Index<'a> {
    /// The first words of `words` as an index.
    pub(crate) fn new(words: &'a [AtomicU64], pages: u32, classes: u32) -> Self {
        Self { words, pages, classes }
    }

    /// The bits that stand for a page of a class, from the lowest level to the highest.
    fn levels(&self, class: u32, page: u32) -> [Bit<'a>; 3] {
        let summary = self.summary(class);
        [
            Bit::of(&self.words[summary + self.summary_words()..], page),
            Bit::of(&self.words[summary..], page / WORD_BITS),
            Bit::of(self.words, class),
        ]
    }

    fn summary_words(&self) -> usize {
        self.pages.div_ceil(SUMMARY_PAGES) as usize
    }

    /// Where the summary of a class begins.
    fn summary(&self, class: u32) -> usize {
        self.classes.div_ceil(WORD_BITS) as usize + class as usize * class_words(self.pages)
    }

    /// Notes the page under the class.
    pub(crate) fn insert(&self, class: u32, page: u32) {
        for bit in self.levels(class, page) {
            bit.set();
        }
    }

    /// Forgets the page, and clears the summaries of what became empty.
    pub(crate) fn remove(&self, class: u32, page: u32) {
        let [bit, word, whole] = self.levels(class, page);
        if bit.clear() && word.clear_over(|| bit.is_word_empty()) {
            let summary = &self.words[self.summary(class)..][..self.summary_words()];
            whole.clear_over(|| summary.iter().all(|word| word.load(Ordering::SeqCst) == 0));
        }
    }

    /// Some page that is noted under one of the classes from `first` to before `end`: the smallest class, the lowest page.
    pub(crate) fn find(&self, first: u32, end: u32) -> Option<(u32, u32)> {
        let mut class = first;
        while let Some(found) = next_bit(self.words, class, end) {
            if let Some(page) = self.find_in(found) {
                return Some((found, page));
            }
            class = found + 1;
        }
        None
    }

    fn find_in(&self, class: u32) -> Option<u32> {
        let start = self.summary(class);
        let (summary, bits) = self.words[start..].split_at(self.summary_words());
        let words = self.pages.div_ceil(WORD_BITS);
        let mut word = 0;
        while let Some(found) = next_bit(summary, word, words) {
            let first = found * WORD_BITS;
            if let Some(page) = next_bit(bits, first, self.pages.min(first + WORD_BITS)) {
                return Some(page);
            }
            word = found + 1;
        }
        None
    }
}

/// The first set bit from `first` to before `end`.
pub(crate) fn next_bit(words: &[AtomicU64], first: u32, end: u32) -> Option<u32> {
    let mut at = first;
    while at < end {
        let rest = words[(at / WORD_BITS) as usize].load(Ordering::Relaxed) >> (at % WORD_BITS);
        if rest != 0 {
            return Some(at + rest.trailing_zeros()).filter(|&bit| bit < end);
        }
        at = (at / WORD_BITS + 1) * WORD_BITS;
    }
    None
}

/// One bit of a bitmap.
#[derive(Debug, Clone, Copy)]
struct Bit<'a> {
    word: &'a AtomicU64,
    mask: u64,
}

impl<'a> Bit<'a> {
    fn of(words: &'a [AtomicU64], bit: u32) -> Self {
        Self { word: &words[(bit / WORD_BITS) as usize], mask: 1 << (bit % WORD_BITS) }
    }

    fn set(self) {
        if self.word.load(Ordering::SeqCst) & self.mask == 0 {
            self.word.fetch_or(self.mask, Ordering::SeqCst);
        }
    }

    /// Whether the word is empty now.
    fn clear(self) -> bool {
        self.word.load(Ordering::SeqCst) & self.mask != 0
            && self.word.fetch_and(!self.mask, Ordering::SeqCst) == self.mask
    }

    fn is_word_empty(self) -> bool {
        self.word.load(Ordering::SeqCst) == 0
    }

    /// Clears a bit that stands for others, if they are empty, and sets it again if they no longer are. Whether its word is
    /// empty now.
    fn clear_over(self, are_empty: impl Fn() -> bool) -> bool {
        let is_empty = are_empty() && self.clear();
        if !are_empty() {
            self.set();
        }
        is_empty
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The index and a set of pairs.
        #[test]
        fn finds_what_a_set_finds(
            pages in 1_u32..20_000,
            classes in 1_u32..200,
            steps in prop::collection::vec((any::<bool>(), any::<u32>(), any::<u32>()), 1..300),
        ) {
            let words: Vec<AtomicU64> = (0..words(pages, classes)).map(|_| AtomicU64::new(0)).collect();
            let index = Index::new(&words, pages, classes);
            let mut twin = BTreeSet::new();
            for (inserts, class, page) in steps {
                // A few classes and pages, so that some are met again.
                let (class, page) = (class % classes.min(5), page % 64 * (pages / 64).max(1) % pages);
                if inserts {
                    index.insert(class, page);
                    twin.insert((class, page));
                } else {
                    index.remove(class, page);
                    twin.remove(&(class, page));
                }
                for first in 0..classes.min(6) {
                    let expected = twin.range((first, 0)..).next().copied();
                    prop_assert_eq!(index.find(first, classes), expected);
                }
            }
            for (class, page) in twin {
                index.remove(class, page);
            }
            prop_assert!(words.iter().all(|word| word.load(Ordering::Relaxed) == 0), "an empty index has no bits");
        }
    }
}
