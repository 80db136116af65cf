//! What is done about the dead: their runs and blocks are settled by somebody who lives. And what is done before a request
//! is refused: whatever can be made free is.

use super::{Allocated, Run, Sector};
use crate::class::{class_of, length_class};
use crate::descriptor::{Descriptor, NOBODY, State};
use crate::layout::PAGE_BYTES;
use crate::memory::{Atomic, Memory};

/// What was taken from the dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Processes that had died.
    pub processes: u64,
    /// Their runs of pages, allocated or in work.
    pub runs: u64,
    /// Their blocks.
    pub blocks: u64,
}

/// What a walk has found for a request.
enum Walk {
    Found(Allocated),
    /// Nothing, but somebody was at work on something.
    Moving,
    Nothing,
}

/// Times that a walk is repeated because others were at work.
const WALKS: u32 = 256;

impl<M: Memory> Sector<M> {
    /// Settles everything that `dead` owned. The caller has made sure that it is dead, and that nobody else settles it.
    pub(crate) fn settle(&self, dead: u8, owner: u8) -> Recovered {
        let mut recovered = Recovered { processes: 1, ..Recovered::default() };
        for page in 0..self.geometry.pages {
            let word = self.load(page);
            match word.state() {
                State::Free => self.heal(page, owner),
                State::Slab | State::Retiring => recovered.blocks += self.settle_slab(page, dead),
                State::Allocated | State::Acked | State::Coalescing if word.owner() == dead => {
                    recovered.runs += u64::from(self.settle_run(page, word, owner));
                }
                _ => {}
            }
        }
        recovered
    }

    fn settle_run(&self, page: u32, word: Descriptor, owner: u8) -> bool {
        let Some(run) = self.claim_word(page, word, owner) else { return false };
        // A crash while the run was cut or joined has left owned words inside it.
        for inside in page + 1..page + run.length {
            let left = self.load(inside);
            if left.state() != State::Dead {
                self.page(inside).store(left.claimed(NOBODY, State::Dead).0);
            }
        }
        self.release(run, owner);
        true
    }

    fn settle_slab(&self, page: u32, dead: u8) -> u64 {
        let Some((slab, word)) = self.slab_at(page) else { return 0 };
        let settled = self.settle_blocks(&slab, dead, &[State::Allocated, State::Acked, State::Coalescing]);
        if word.state() == State::Retiring && word.owner() == dead {
            self.exchange(page as usize, word, word.with(NOBODY, State::Slab));
        }
        settled
    }

    /// Notes a free run in the index, and merges it with a free right neighbour: who made it free may have died before it
    /// had looked.
    fn heal(&self, page: u32, owner: u8) {
        let Some(length) = self.free_length(page) else { return };
        self.index().insert(length_class(length), page);
        let right = page + length;
        let is_unmerged = right < self.geometry.pages && self.free_length(right).is_some();
        if let Some(run) = is_unmerged.then(|| self.claim(page, 1, owner)).flatten() {
            self.release(run, owner);
        }
    }

    /// Makes free what nobody needs: acked blocks, and slabs all of whose blocks are free.
    pub(crate) fn reclaim(&self, owner: u8) {
        for page in 0..self.geometry.pages {
            let word = self.load(page);
            match word.state() {
                State::Free => self.heal(page, owner),
                State::Acked if word.owner() == NOBODY => {
                    if let Some(run) = self.claim_word(page, word, owner) {
                        self.release(run, owner);
                    }
                }
                State::Slab => {
                    if let Some((slab, _)) = self.slab_at(page) {
                        self.settle_blocks(&slab, NOBODY, &[State::Acked]);
                        self.retire(page, owner);
                    }
                }
                _ => {}
            }
        }
    }

    /// Allocates `bytes`. `None` if not even [`Sector::allocate_slowly`] finds memory.
    pub(crate) fn allocate(&self, bytes: u64, pages: u32, owner: u8) -> Option<Allocated> {
        let quick = match class_of(bytes) {
            Some(class) => self.allocate_block(class, owner),
            None => self.allocate_run(pages, owner),
        };
        quick.or_else(|| self.allocate_slowly(bytes, pages, owner))
    }

    /// Serves a request after the quick ways have failed: makes free what it can, then walks. `None` means that the last
    /// walk met no free run or block that is large enough, and nobody at work (unless others have been all the time).
    pub(crate) fn allocate_slowly(&self, bytes: u64, pages: u32, owner: u8) -> Option<Allocated> {
        for _ in 0..WALKS {
            self.reclaim(owner);
            if let Some(found) = self.allocate_run(pages, owner) {
                return Some(found);
            }
            match self.walk_for(bytes, pages, owner) {
                Walk::Found(found) => return Some(found),
                Walk::Moving => self.memory.pause(),
                Walk::Nothing => return None,
            }
        }
        None
    }

    fn walk_for(&self, bytes: u64, pages: u32, owner: u8) -> Walk {
        let class = class_of(bytes);
        let mut is_moving = false;
        let mut page = 0;
        while page < self.geometry.pages {
            let word = self.load(page);
            let mut found = None;
            match word.state() {
                State::Free => found = self.walk_run(page, pages, owner, &mut is_moving),
                State::Slab => {
                    let slab = self.slab_at(page).map(|(slab, _)| slab);
                    let slab = slab.filter(|slab| class.is_some_and(|class| slab.class >= class));
                    found = slab.and_then(|slab| self.claim_any(&slab, owner));
                }
                State::Retiring | State::Coalescing => is_moving = true,
                State::Dead | State::Allocated | State::Acked => {}
            }
            if let Some(found) = found {
                return Walk::Found(found);
            }
            // A head that has just been merged is no head any more; its pages are met one by one then.
            page += word.run_length(page, self.geometry.pages).unwrap_or(1);
        }
        if is_moving { Walk::Moving } else { Walk::Nothing }
    }

    /// Takes from the free run at a page. That somebody else took a run that was long enough is movement.
    fn walk_run(&self, page: u32, pages: u32, owner: u8, is_moving: &mut bool) -> Option<Allocated> {
        let is_long_enough = self.free_length(page).is_some_and(|length| length >= pages);
        let run = is_long_enough.then(|| self.take_run_at(page, pages, owner)).flatten();
        *is_moving |= is_long_enough && run.is_none();
        run.map(|run: Run| self.commit(&run, owner))
    }

    /// Bytes of the largest free run.
    pub(crate) fn largest_free(&self) -> u64 {
        let lengths = (0..self.geometry.pages).filter_map(|page| self.free_length(page));
        lengths.max().map_or(0, |length| u64::from(length) * u64::from(PAGE_BYTES))
    }
}
