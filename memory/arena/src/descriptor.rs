//! The 64-bit word that says what a page or a block is and whose: the truth of the allocator.

/// What the page or the block with this word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// No run begins at this page; no block has this word.
    Dead = 0,
    /// A free run begins here, or the block is free. Whoever exchanges the word owns it.
    Free = 1,
    /// Allocated to the owner, or to nobody while it is handed over.
    Allocated = 2,
    /// Given back, not yet free: the second step is still to be made.
    Acked = 3,
    /// Its owner is at work on it, and nobody else may touch it.
    Coalescing = 4,
    /// A run that is divided into blocks.
    Slab = 5,
    /// A run of blocks whose owner tries to give it back.
    Retiring = 6,
}

/// `generation:32 | extent:21 | owner:8 | state:3`, the highest bits first.
///
/// The extent of a page's word is the length of the run in pages; that of a block's word is `index:13 | class:8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptor(pub(crate) u64);

const STATE_BITS: u32 = 3;
const OWNER_BITS: u32 = 8;
const EXTENT_BITS: u32 = 21;
const OWNER_SHIFT: u32 = STATE_BITS;
const EXTENT_SHIFT: u32 = OWNER_SHIFT + OWNER_BITS;
const GENERATION_SHIFT: u32 = EXTENT_SHIFT + EXTENT_BITS;
const CLASS_BITS: u32 = 8;

/// The longest run, in pages.
pub(crate) const MAX_EXTENT: u32 = (1 << EXTENT_BITS) - 1;

/// The owner of what nobody owns, such as blocks on their way from one process to another.
pub(crate) const NOBODY: u8 = 0;

#[allow(clippy::cast_possible_truncation, reason = "each field is masked or shifted to its width")]
impl Descriptor {
    pub(crate) const fn new(generation: u32, extent: u32, owner: u8, state: State) -> Self {
        Self(
            (generation as u64) << GENERATION_SHIFT
                | ((extent & MAX_EXTENT) as u64) << EXTENT_SHIFT
                | (owner as u64) << OWNER_SHIFT
                | state as u64,
        )
    }

    /// The extent of the block with this place in a slab of this class.
    pub(crate) const fn block_extent(index: u32, class: u8) -> u32 {
        index << CLASS_BITS | class as u32
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    pub(crate) const fn extent(self) -> u32 {
        (self.0 >> EXTENT_SHIFT) as u32 & MAX_EXTENT
    }

    pub(crate) const fn owner(self) -> u8 {
        (self.0 >> OWNER_SHIFT) as u8
    }

    /// The state; what is no state, which only a hostile peer writes, is dead.
    pub(crate) const fn state(self) -> State {
        match self.0 & ((1 << STATE_BITS) - 1) {
            1 => State::Free,
            2 => State::Allocated,
            3 => State::Acked,
            4 => State::Coalescing,
            5 => State::Slab,
            6 => State::Retiring,
            _ => State::Dead,
        }
    }

    /// The class of a block.
    pub(crate) const fn class(self) -> u8 {
        self.extent() as u8
    }

    /// The place of a block in its slab.
    pub(crate) const fn index(self) -> u32 {
        self.extent() >> CLASS_BITS
    }

    /// The same thing with another owner and state.
    pub(crate) const fn with(self, owner: u8, state: State) -> Self {
        Self::new(self.generation(), self.extent(), owner, state)
    }

    /// The same with the next generation: what a claim writes.
    pub(crate) const fn claimed(self, owner: u8, state: State) -> Self {
        Self::new(self.generation().wrapping_add(1), self.extent(), owner, state)
    }

    /// The run that begins at a page with this word: its length, if the word can begin one there.
    pub(crate) fn run_length(self, page: u32, pages: u32) -> Option<u32> {
        let fits = self.extent() >= 1 && pages.checked_sub(page).is_some_and(|room| self.extent() <= room);
        (fits && self.state() != State::Dead).then(|| self.extent())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn fields_do_not_touch_each_other(generation: u32, index in 0_u32..1 << 13, class: u8, owner: u8, word: u64) {
            let extent = Descriptor::block_extent(index, class);
            let made = Descriptor::new(generation, extent, owner, State::Retiring);
            prop_assert_eq!((made.generation(), made.owner(), made.state()), (generation, owner, State::Retiring));
            prop_assert_eq!((made.extent(), made.index(), made.class()), (extent, index, class));
            let any = Descriptor(word);
            let copy = Descriptor::new(any.generation(), any.extent(), any.owner(), any.state());
            prop_assert_eq!(copy.0, if word & 7 == 7 { word & !7 } else { word });
        }
    }

    #[test]
    fn a_run_lies_within_the_sector() {
        let word = |length| Descriptor::new(1, length, 0, State::Free);
        assert_eq!(word(4).run_length(4, 8), Some(4));
        assert_eq!(word(5).run_length(4, 8), None);
        assert_eq!(word(0).run_length(0, 8), None);
        assert_eq!(word(1).run_length(9, 8), None);
        assert_eq!(word(4).with(0, State::Dead).run_length(0, 8), None);
    }
}
