//! From a handle to what it names, and the steps of a block's life that begin with a handle.

use super::{Allocated, Sector, page_unit};
use crate::class::{PAGE_BLOCKS, PAGE_UNITS, shape_of};
use crate::descriptor::{Descriptor, NOBODY, State};
use crate::error::HandleError;
use crate::memory::{Atomic, Memory};

/// Names a block in every process that has its segment. It is a number: it can be copied, stored and forged. A handle to
/// what has been given back, or to nothing, is an error wherever it is used.
///
/// The generation has 32 bits: a handle would be mistaken for a newer one to the same unit after 2^32 allocations there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle {
    /// The first unit of the block, counted from the beginning of the data in units of 16 bytes.
    pub unit: u32,
    /// Which of the blocks that have begun there.
    pub generation: u32,
}

impl Handle {
    /// The handle as one number: the unit in the lower half, the generation in the upper one.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.unit)
    }

    /// The handle that this number is.
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    pub fn from_bits(bits: u64) -> Self {
        Self { unit: bits as u32, generation: (bits >> 32) as u32 }
    }
}

impl Allocated {
    pub(crate) fn handle(&self) -> Handle {
        Handle { unit: self.unit, generation: self.word.generation() }
    }
}

impl<M: Memory> Sector<M> {
    /// What the handle names: a block that is allocated or acked.
    pub(crate) fn find(&self, handle: Handle) -> Result<Allocated, HandleError> {
        let Handle { unit, generation } = handle;
        let page = unit / PAGE_UNITS;
        if page >= self.geometry.pages {
            let limit = u64::from(self.geometry.pages) * u64::from(PAGE_UNITS);
            return Err(HandleError::Outside { unit, limit });
        }
        let found = self.run_of(unit, page).or_else(|| self.block_of(unit, page));
        let found = found.ok_or(HandleError::NoBlock { unit })?;
        let current = found.word.generation();
        if current != generation || !matches!(found.word.state(), State::Allocated | State::Acked) {
            return Err(HandleError::Stale { handle, current });
        }
        Ok(found)
    }

    /// The run that begins at the unit, if a page does.
    fn run_of(&self, unit: u32, page: u32) -> Option<Allocated> {
        let word = self.load(page);
        let length = word.run_length(page, self.geometry.pages)?;
        let is_run = page_unit(page) == unit && !matches!(word.state(), State::Slab | State::Retiring);
        is_run.then(|| Allocated { at: page as usize, word, unit, units: length * PAGE_UNITS })
    }

    /// The block of a slab that begins at the unit. Its word says what block it is of what slab, so the tails, which lead
    /// there, need not be true.
    fn block_of(&self, unit: u32, page: u32) -> Option<Allocated> {
        let (head, class) = self.tail(page);
        let shape = shape_of(class)?;
        let is_within = head <= page && self.geometry.pages.checked_sub(head)? >= shape.pages;
        let offset = is_within.then(|| unit.checked_sub(page_unit(head)))??;
        let index = offset / shape.units;
        (offset % shape.units == 0 && index < shape.blocks).then_some(())?;
        let slot = head * PAGE_BLOCKS + index;
        let word = Descriptor(self.block(slot).load());
        let is_block = word.extent() == Descriptor::block_extent(index, class);
        is_block.then(|| Allocated { at: self.geometry.block(slot), word, unit, units: shape.units })
    }

    /// The slot, if the word at this place is that of a block.
    #[inline]
    pub(crate) fn slot_at(&self, at: usize) -> Option<u32> {
        u32::try_from(at.checked_sub(self.geometry.block(0))?).ok()
    }

    /// Exchanges the word of what was found for one with another owner and state.
    fn step(
        &self,
        found: &Allocated,
        expected: State,
        owner: u8,
        state: State,
    ) -> Result<Allocated, HandleError> {
        let word = found.word.with(owner, state);
        let is_free_to_take = found.word.state() == expected && found.word.owner() == NOBODY;
        if is_free_to_take && self.exchange(found.at, found.word, word) {
            return Ok(Allocated { word, ..*found });
        }
        let now = Descriptor(self.memory.word(found.at).load());
        if now.generation() != found.word.generation() || now.state() == State::Free {
            return Err(HandleError::Stale { handle: found.handle(), current: now.generation() });
        }
        Err(HandleError::State { unit: found.unit, found: now.state(), owner: now.owner(), expected })
    }

    /// Gives a block that is handed over to `owner`.
    pub(crate) fn adopt(&self, handle: Handle, owner: u8) -> Result<Allocated, HandleError> {
        let found = self.find(handle)?;
        self.step(&found, State::Allocated, owner, State::Allocated)
    }

    /// Ends the life of a block that is handed over, without making its memory free.
    pub(crate) fn ack(&self, handle: Handle) -> Result<(), HandleError> {
        let found = self.find(handle)?;
        self.step(&found, State::Allocated, NOBODY, State::Acked).map(drop)
    }

    /// Makes an acked block free.
    pub(crate) fn coalesce(&self, handle: Handle, owner: u8) -> Result<(), HandleError> {
        let found = self.find(handle)?;
        // Exchanged for an owned word first: a second call for the same block finds nothing to take.
        let taken = self.step(&found, State::Acked, owner, State::Allocated)?;
        self.give_back(&taken, owner);
        Ok(())
    }

    /// Puts what the caller owns into another state, to be taken by whoever comes. Whether it was still the caller's.
    pub(crate) fn leave(&self, held: &Allocated, state: State) -> bool {
        self.exchange(held.at, held.word, held.word.with(NOBODY, state))
    }

    /// Makes what the caller owns free. Whether it was still the caller's.
    pub(crate) fn give_back(&self, held: &Allocated, owner: u8) -> bool {
        if let Some(slot) = self.slot_at(held.at) {
            let is_free = self.free_block(slot, held.word);
            if is_free {
                self.list_blocks(&[slot]);
            }
            return is_free;
        }
        #[allow(clippy::cast_possible_truncation, reason = "it is below the number of pages")]
        let run = self.claim_word(held.at as u32, held.word, owner);
        run.map(|run| self.release(run, owner)).is_some()
    }

    /// Makes a block that the caller owns free, without noting it. Whether it was still the caller's: only a hostile peer
    /// can have taken it, so that a store is enough.
    #[inline]
    pub(crate) fn free_block(&self, slot: u32, word: Descriptor) -> bool {
        let is_own = self.block(slot).load() == word.0;
        if is_own {
            self.block(slot).store(word.with(NOBODY, State::Free).0);
        }
        is_own
    }
}
