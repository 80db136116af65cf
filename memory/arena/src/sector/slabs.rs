//! The second tier: slabs, runs of pages that are divided into blocks of one class. A block is taken by an exchange of its
//! word. Which blocks may be free is told by bits, and they are hints.

use std::sync::atomic::Ordering;

use super::{Allocated, Run, Sector, page_unit};
use crate::class::{CLASSES, PAGE_BLOCKS, SHAPES, Shape, shape_of};
use crate::descriptor::{Descriptor, NOBODY, State};
use crate::layout::WORD_BITS;
use crate::memory::{Atomic, Memory};

/// Where a slab is and what it looks like, as far as its words say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slab {
    pub(super) page: u32,
    pub(super) class: u8,
    pub(super) shape: &'static Shape,
}

impl Slab {
    /// The slots of its blocks.
    pub(super) fn slots(&self) -> std::ops::Range<u32> {
        let first = self.page * PAGE_BLOCKS;
        first..first + self.shape.blocks
    }

    /// Its pages.
    fn pages(&self) -> std::ops::Range<u32> {
        self.page..self.page + self.shape.pages
    }

    fn block_word(&self, slot: u32, generation: u32, owner: u8, state: State) -> Descriptor {
        let extent = Descriptor::block_extent(slot - self.page * PAGE_BLOCKS, self.class);
        Descriptor::new(generation, extent, owner, state)
    }
}

impl<M: Memory> Sector<M> {
    /// The slab of which a word of a block says that it is part.
    #[inline]
    pub(super) fn slab_of(&self, slot: u32, word: Descriptor) -> Option<Slab> {
        let shape = shape_of(word.class())?;
        let first = slot.checked_sub(word.index())?;
        let page = first / PAGE_BLOCKS;
        let is_within = first % PAGE_BLOCKS == 0
            && word.index() < shape.blocks
            && self.geometry.pages.checked_sub(page).is_some_and(|room| shape.pages <= room);
        is_within.then_some(Slab { page, class: word.class(), shape })
    }

    /// The slab that begins at a page, if its words say that one does.
    pub(super) fn slab_at(&self, page: u32) -> Option<(Slab, Descriptor)> {
        let word = self.load(page);
        let length = word.run_length(page, self.geometry.pages)?;
        let (head, class) = self.tail(page);
        let shape = shape_of(class)?;
        let is_slab =
            matches!(word.state(), State::Slab | State::Retiring) && head == page && length == shape.pages;
        is_slab.then_some((Slab { page, class, shape }, word))
    }

    /// Takes the block with this slot, if it is a free one of the class.
    #[inline]
    pub(crate) fn claim_block(&self, slot: u32, class: u8, owner: u8) -> Option<Allocated> {
        let word = Descriptor(self.block(slot).load());
        if word.state() != State::Free || word.class() != class {
            return None;
        }
        // What it is follows from the word that is exchanged, not from the hint that led here.
        let slab = self.slab_of(slot, word)?;
        let claimed = word.claimed(owner, State::Allocated);
        let at = self.geometry.block(slot);
        self.exchange(at, word, claimed).then(|| {
            let unit = page_unit(slab.page).wrapping_add(word.index() * slab.shape.units);
            Allocated { at, word: claimed, unit, units: slab.shape.units }
        })
    }

    /// Takes a block of the class without a magazine: from a slab that has free ones, or from a new one.
    pub(super) fn allocate_block(&self, class: u8, owner: u8) -> Option<Allocated> {
        let mut found = None;
        let mut look = || {
            self.collect_free(class, |slot| {
                found = self.claim_block(slot, class, owner);
                found.is_none()
            });
            found
        };
        look().or_else(|| self.grow(class, owner).then(look).flatten())
    }

    /// Looks for blocks of the class that may be free, and hands their slots to `take` until it wants no more.
    pub(crate) fn collect_free(&self, class: u8, mut take: impl FnMut(u32) -> bool) {
        let listed = self.geometry.length_classes() + u32::from(class);
        // Each round empties a slab's bits or ends; only a hostile peer could set more for ever.
        for _ in 0..=self.geometry.pages {
            let Some((_, page)) = self.index().find(listed, listed + 1) else { return };
            let slab = self.slab_at(page).map(|(slab, _)| slab).filter(|slab| slab.class == class);
            if slab.is_some_and(|slab| !self.take_bits(&slab, &mut take)) {
                return;
            }
            self.index().remove(listed, page);
            if slab.is_some_and(|slab| self.has_bits(&slab)) {
                self.index().insert(listed, page);
            }
        }
    }

    /// The words of a slab's bits, each with the slot of its first bit and a mask of the slab's own.
    fn bit_words(slab: &Slab) -> impl Iterator<Item = (u32, u64)> + use<M> {
        let slots = slab.slots();
        // The first slot of a page is the first bit of a word.
        slots.clone().step_by(WORD_BITS as usize).map(move |first| {
            let bits = (slots.end - first).min(WORD_BITS);
            (first, u64::MAX >> (WORD_BITS - bits))
        })
    }

    fn has_bits(&self, slab: &Slab) -> bool {
        let bitmap = self.bitmap();
        Self::bit_words(slab)
            .any(|(first, mask)| bitmap[(first / WORD_BITS) as usize].load(Ordering::SeqCst) & mask != 0)
    }

    /// Hands over the slots of set bits, which are cleared, until `take` wants no more. Whether it wants more.
    fn take_bits(&self, slab: &Slab, take: &mut impl FnMut(u32) -> bool) -> bool {
        for (first, mask) in Self::bit_words(slab) {
            let word = &self.bitmap()[(first / WORD_BITS) as usize];
            if word.load(Ordering::Relaxed) & mask == 0 {
                continue;
            }
            let mut bits = word.fetch_and(!mask, Ordering::SeqCst) & mask;
            while bits != 0 {
                let slot = first + bits.trailing_zeros();
                bits &= bits - 1;
                if !take(slot) {
                    word.fetch_or(bits, Ordering::SeqCst);
                    return false;
                }
            }
        }
        true
    }

    /// Notes that these blocks may be free. Slots that follow each other share one write.
    pub(crate) fn list_blocks(&self, slots: &[u32]) {
        for group in slots.chunk_by(|one, other| one / WORD_BITS == other / WORD_BITS) {
            let [first, ..] = *group else { continue };
            let mask = group.iter().fold(0, |mask, slot| mask | 1 << (slot % WORD_BITS));
            self.bitmap()[(first / WORD_BITS) as usize].fetch_or(mask, Ordering::SeqCst);
            let word = Descriptor(self.block(first).load());
            if let Some(slab) = self.slab_of(first, word) {
                self.list_slab(&slab);
            }
        }
    }

    fn list_slab(&self, slab: &Slab) {
        self.index().insert(self.geometry.length_classes() + u32::from(slab.class), slab.page);
    }

    /// Notes every free block of a slab.
    pub(super) fn list_free(&self, slab: &Slab) {
        let is_free = |slot: &u32| Descriptor(self.block(*slot).load()).state() == State::Free;
        let free: Vec<u32> = slab.slots().filter(is_free).collect();
        self.list_blocks(&free);
    }

    /// Makes a slab of the class. Whether there was a run for it.
    pub(crate) fn grow(&self, class: u8, owner: u8) -> bool {
        let shape = &SHAPES[usize::from(class)];
        let Some(run) = self.take_run(shape.pages, owner) else { return false };
        let slab = Slab { page: run.page, class, shape };
        // Above all generations that handles to these pages have had.
        let generation = slab.pages().map(|page| self.load(page).generation()).fold(run.generation, u32::max);
        for page in slab.pages() {
            self.set_tail(page, slab.page, class);
        }
        let write = |owner, state| {
            for slot in slab.slots() {
                self.block(slot).store(slab.block_word(slot, generation, owner, state).0);
            }
        };
        // No block is free before the run is a slab, and after a crash in between the owned ones are found.
        write(owner, State::Coalescing);
        self.page(slab.page).store(Descriptor::new(generation, run.length, NOBODY, State::Slab).0);
        write(NOBODY, State::Free);
        let slots: Vec<u32> = slab.slots().collect();
        self.list_blocks(&slots);
        true
    }

    /// Gives the slab at a page back, if all its blocks are free. Whether it did.
    pub(super) fn retire(&self, page: u32, owner: u8) -> bool {
        let Some((slab, word)) = self.slab_at(page).filter(|(_, word)| word.state() == State::Slab) else {
            return false;
        };
        let state_of = |slot| Descriptor(self.block(slot).load()).state();
        if slab.slots().any(|slot| state_of(slot) != State::Free)
            || !self.exchange(page as usize, word, word.with(owner, State::Retiring))
        {
            return false;
        }
        // A slab of another class may have taken this one's place before the exchange, but then its word had another
        // generation. From here on only this owner can give the run back.
        let mut newest = word.generation();
        for slot in slab.slots() {
            let Some(generation) = self.claim_for_retiring(&slab, slot, owner) else {
                self.settle_blocks(&slab, owner, &[State::Coalescing]);
                self.page(page).store(word.0);
                return false;
            };
            newest = newest.max(generation);
        }
        self.retire_pages(&slab, newest);
        let run = Run { page, length: slab.shape.pages, generation: newest.wrapping_add(1) };
        self.page(page).store(Descriptor::new(run.generation, run.length, owner, State::Coalescing).0);
        self.index().remove(self.geometry.length_classes() + u32::from(slab.class), page);
        self.release(run, owner);
        true
    }

    /// Takes a free block, so that its slab can be given back: its generation.
    fn claim_for_retiring(&self, slab: &Slab, slot: u32, owner: u8) -> Option<u32> {
        let word = Descriptor(self.block(slot).load());
        let expected = slab.block_word(slot, word.generation(), NOBODY, State::Free);
        (word == expected
            && self.exchange(self.geometry.block(slot), word, word.with(owner, State::Coalescing)))
        .then(|| word.generation())
    }

    /// Raises the generations of a slab's pages, but for the head's, above those of its blocks.
    fn retire_pages(&self, slab: &Slab, newest: u32) {
        for page in slab.pages().skip(1) {
            self.page(page).store(Descriptor::new(newest.wrapping_add(1), 0, NOBODY, State::Dead).0);
        }
    }

    /// Makes the blocks free that have this owner and one of the states, and notes all free ones: how many it made free.
    pub(super) fn settle_blocks(&self, slab: &Slab, owner: u8, states: &[State]) -> u64 {
        let mut settled = 0;
        for slot in slab.slots() {
            let word = Descriptor(self.block(slot).load());
            if word.owner() == owner && states.contains(&word.state()) {
                let free = word.with(NOBODY, State::Free);
                settled += u64::from(self.exchange(self.geometry.block(slot), word, free));
            }
        }
        self.list_free(slab);
        settled
    }

    /// Takes some free block of this slab, whatever the hints say.
    pub(super) fn claim_any(&self, slab: &Slab, owner: u8) -> Option<Allocated> {
        slab.slots().find_map(|slot| self.claim_block(slot, slab.class, owner))
    }
}

const _: () = assert!(CLASSES <= 1 << 8);
