//! The first tier: runs of whole pages. Claim, split, give back, merge.

use super::{Allocated, Sector, page_unit};
use crate::class::{PAGE_UNITS, length_class, length_class_above};
use crate::descriptor::{Descriptor, NOBODY, State};
use crate::memory::{Atomic, Memory};

/// A run that the caller owns: its word is COALESCING, and nobody else writes it. It must be given back or committed.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Run {
    pub(crate) page: u32,
    pub(crate) length: u32,
    pub(crate) generation: u32,
}

impl Run {
    fn word(&self, owner: u8, state: State) -> Descriptor {
        Descriptor::new(self.generation, self.length, owner, state)
    }
}

impl<M: Memory> Sector<M> {
    /// Allocates a run of exactly `pages`, found by the index.
    pub(crate) fn allocate_run(&self, pages: u32, owner: u8) -> Option<Allocated> {
        self.take_run(pages, owner).map(|run| self.commit(&run, owner))
    }

    /// Makes an owned run an allocated one.
    pub(super) fn commit(&self, run: &Run, owner: u8) -> Allocated {
        let word = run.word(owner, State::Allocated);
        self.page(run.page).store(word.0);
        let (unit, units) = (page_unit(run.page), run.length * PAGE_UNITS);
        Allocated { at: run.page as usize, word, unit, units }
    }

    /// Takes a run of exactly `pages`, found by the index.
    pub(super) fn take_run(&self, pages: u32, owner: u8) -> Option<Run> {
        let (first, end) = (length_class_above(pages), self.geometry.length_classes());
        // Each round finds a run or removes a wrong hint; only a hostile peer could add more for ever.
        for _ in 0..=self.geometry.pages {
            let (class, page) = self.index().find(first, end)?;
            if let Some(run) = self.claim(page, pages, owner) {
                return Some(self.cut(run, pages, owner));
            }
            self.forget(class, page);
        }
        None
    }

    /// Takes a run of exactly `pages` that begins at this page, if a free one that is long enough does.
    pub(super) fn take_run_at(&self, page: u32, pages: u32, owner: u8) -> Option<Run> {
        self.claim(page, pages, owner).map(|run| self.cut(run, pages, owner))
    }

    /// Removes a hint that was wrong, unless it has become right.
    fn forget(&self, class: u32, page: u32) {
        self.index().remove(class, page);
        if let Some(length) = self.free_length(page)
            && length_class(length) == class
        {
            self.index().insert(class, page);
        }
    }

    /// The length of the free run that begins at a page.
    pub(super) fn free_length(&self, page: u32) -> Option<u32> {
        let word = self.load(page);
        word.run_length(page, self.geometry.pages).filter(|_| word.state() == State::Free)
    }

    /// Exchanges the word of a free run of at least `least` pages for an owned one.
    pub(super) fn claim(&self, page: u32, least: u32, owner: u8) -> Option<Run> {
        let word = self.load(page);
        let length = word.run_length(page, self.geometry.pages)?;
        (word.state() == State::Free && length >= least).then_some(())?;
        self.claim_word(page, word, owner)
    }

    /// Exchanges this very word for an owned one.
    pub(crate) fn claim_word(&self, page: u32, word: Descriptor, owner: u8) -> Option<Run> {
        let length = word.run_length(page, self.geometry.pages)?;
        let claimed = word.claimed(owner, State::Coalescing);
        if !self.exchange(page as usize, word, claimed) {
            return None;
        }
        if word.state() == State::Free {
            self.index().remove(length_class(length), page);
        }
        Some(Run { page, length, generation: claimed.generation() })
    }

    /// Shortens an owned run to `pages` and gives back what is left.
    fn cut(&self, run: Run, pages: u32, owner: u8) -> Run {
        let Some(left) = run.length.checked_sub(pages).filter(|&left| left > 0) else { return run };
        let page = run.page + pages;
        let rest = Run { page, length: left, generation: self.load(page).generation().wrapping_add(1) };
        // The rest has its word before the store that shortens the run makes it a head. Until then it is owned, so nobody
        // can take it for one.
        self.page(page).store(rest.word(owner, State::Coalescing).0);
        let run = Run { length: pages, ..run };
        self.page(run.page).store(run.word(owner, State::Coalescing).0);
        self.release(rest, owner);
        run
    }

    /// Makes an owned run free, and merges it with its neighbours.
    pub(super) fn release(&self, run: Run, owner: u8) {
        let mut next = Some(run);
        // Each further round has taken a free neighbour. There are at most so many, unless a hostile peer makes more.
        for _ in 0..=self.geometry.pages {
            let Some(run) = next else { return };
            let run = self.ripple_left(run, owner);
            self.publish(&run);
            // Of two neighbours that are made free at once, one sees the other behind this fence.
            self.memory.fence();
            next = self.claim_right(&run, owner).or_else(|| self.reclaim_for_left(&run, owner));
        }
        if let Some(run) = next {
            self.publish(&run);
        }
    }

    /// Writes the tail of an owned run, then its word as that of a free one, and notes it in the index. Tails of other runs
    /// are not used: who reads one finds that the run it names is not free, or does not reach so far.
    pub(super) fn publish(&self, run: &Run) {
        self.set_tail(run.page + run.length - 1, run.page, 0);
        self.page(run.page).store(run.word(NOBODY, State::Free).0);
        self.index().insert(length_class(run.length), run.page);
    }

    /// Merges the run into the free ones that reach it from the left.
    fn ripple_left(&self, mut run: Run, owner: u8) -> Run {
        while let Some(left) =
            self.left_of(run.page).and_then(|(page, word)| self.claim_word(page, word, owner))
        {
            run = self.absorb(&left, &run, owner);
        }
        run
    }

    /// The free run that ends just before the page, if its word says so.
    fn left_of(&self, page: u32) -> Option<(u32, Descriptor)> {
        let (left, _) = self.tail(page.checked_sub(1)?);
        if left >= page {
            return None;
        }
        let word = self.load(left);
        let reaches = word.run_length(left, self.geometry.pages)? == page - left;
        #[cfg(test)]
        let reaches = reaches || self.mutant == Some(crate::tests::Mutant::NoLengthCheck);
        (word.state() == State::Free && reaches).then_some((left, word))
    }

    /// Joins two owned runs that touch.
    fn absorb(&self, left: &Run, right: &Run, owner: u8) -> Run {
        let run = Run { length: left.length + right.length, ..*left };
        // In this order a walk from the left meets no gap: the right head goes when the left run already covers it.
        self.page(run.page).store(run.word(owner, State::Coalescing).0);
        self.page(right.page).store(right.word(NOBODY, State::Dead).0);
        run
    }

    /// Takes the right neighbour of a run, if it is free.
    fn claim_right(&self, run: &Run, owner: u8) -> Option<Run> {
        #[cfg(test)]
        if self.mutant == Some(crate::tests::Mutant::NoRightCheck) {
            return None;
        }
        let right = run.page + run.length;
        (right < self.geometry.pages).then(|| self.claim(right, 1, owner)).flatten()
    }

    /// Takes back a run that was made free, if there is a free run to its left now.
    fn reclaim_for_left(&self, run: &Run, owner: u8) -> Option<Run> {
        #[cfg(test)]
        if self.mutant == Some(crate::tests::Mutant::NoLeftCheck) {
            return None;
        }
        self.left_of(run.page)?;
        self.claim(run.page, 1, owner)
    }
}
