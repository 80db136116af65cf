//! A thread's own way to an arena: with magazines.

use crate::arena::Arena;
use crate::block::Block;
use crate::class::class_of;
use crate::error::ArenaError;
use crate::layout::slot;
use crate::magazine::Magazines;

/// Allocates and gives back faster than the [`Arena`] itself, by keeping in mind some blocks that were free. One thread
/// uses it at a time. What it keeps in mind is not withheld: others take such a block if they find it.
#[derive(Debug)]
pub struct Heap<'a> {
    arena: &'a Arena,
    magazines: Magazines,
    allocations: u64,
    frees: u64,
}

/// Operations after which their numbers are reported to the segment.
const REPORTED: u64 = 1 << 12;

impl<'a> Heap<'a> {
    pub(crate) fn new(arena: &'a Arena) -> Self {
        Self { arena, magazines: Magazines::new(), allocations: 0, frees: 0 }
    }

    /// Allocates a block of at least `bytes`, with whatever was written there before.
    ///
    /// # Errors
    /// [`ArenaError::OutOfMemory`], [`ArenaError::TooLarge`].
    #[inline]
    pub fn allocate(&mut self, bytes: u64) -> Result<Block<'a>, ArenaError> {
        let arena = self.arena;
        let quick =
            class_of(bytes).and_then(|class| self.magazines.take(arena.sector(), class, arena.owner()));
        // Both ways end in the same parts, which stay in registers; a whole `Block` or error would go through memory.
        let owned = match quick {
            Some(owned) => {
                self.allocations += 1;
                self.report_at(self.allocations);
                owned
            }
            None => arena.take(bytes)?,
        };
        Ok(Block::new(arena, owned, bytes))
    }

    /// Gives a block back, to be allocated from here again soon.
    #[inline]
    pub fn free(&mut self, block: Block<'a>) {
        let (arena, owned) = block.into_parts();
        let sector = self.arena.sector();
        let Some(slot) = sector.slot_at(owned.at).filter(|_| std::ptr::eq(arena, self.arena)) else {
            arena.give_back(&owned);
            return;
        };
        if sector.free_block(slot, owned.word) {
            self.magazines.put(sector, owned.word.class(), slot);
            self.frees += 1;
            self.report_at(self.frees);
        }
    }

    #[inline]
    fn report_at(&mut self, count: u64) {
        if count >= REPORTED {
            self.report();
        }
    }

    #[cold]
    fn report(&mut self) {
        self.arena.count(slot::ALLOCATIONS, self.allocations);
        self.arena.count(slot::FREES, self.frees);
        (self.allocations, self.frees) = (0, 0);
    }
}

impl Drop for Heap<'_> {
    fn drop(&mut self) {
        self.report();
        self.magazines.flush(self.arena.sector());
    }
}
