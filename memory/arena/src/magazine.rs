//! Magazines: for each class the slots of some blocks that were free when they were noted. They are hints that one thread
//! keeps to itself, so they need no atomics, and what a dead process had in its own is free all the same.

use crate::class::{CLASSES, SHAPES};
use crate::layout::UNIT_BYTES;
use crate::memory::Memory;
use crate::sector::{Allocated, Sector};

/// The most slots in a magazine.
const SLOTS: usize = 64;
/// The most bytes that the blocks in a magazine have, but two blocks are allowed.
const MAGAZINE_BYTES: u32 = 64 << 10;

#[derive(Debug, Clone)]
struct Magazine {
    length: usize,
    slots: [u32; SLOTS],
}

/// One magazine for each class.
#[derive(Debug)]
pub(crate) struct Magazines(Box<[Magazine]>);

fn capacity(class: u8) -> usize {
    const CAPACITIES: [usize; CLASSES] = {
        let mut capacities = [0; CLASSES];
        let mut class = 0;
        while class < CLASSES {
            let blocks = (MAGAZINE_BYTES / (SHAPES[class].units * UNIT_BYTES)) as usize;
            capacities[class] = if blocks < 2 {
                2
            } else if blocks > SLOTS {
                SLOTS
            } else {
                blocks
            };
            class += 1;
        }
        capacities
    };
    CAPACITIES[usize::from(class)]
}

impl Magazines {
    pub(crate) fn new() -> Self {
        Self(vec![Magazine { length: 0, slots: [0; SLOTS] }; CLASSES].into())
    }

    /// Takes a block of the class: from the magazine, or from slabs that have free ones, or from a new slab.
    #[inline]
    pub(crate) fn take<M: Memory>(&mut self, sector: &Sector<M>, class: u8, owner: u8) -> Option<Allocated> {
        let magazine = &mut self.0[usize::from(class)];
        // Stale slots are dropped on the way; only a hostile peer could bring more for ever.
        for _ in 0..=sector.geometry().pages {
            while let Some(length) = magazine.length.checked_sub(1) {
                magazine.length = length;
                if let Some(block) = sector.claim_block(magazine.slots[length], class, owner) {
                    return Some(block);
                }
            }
            if !magazine.refill(sector, class, owner) {
                return None;
            }
        }
        None
    }

    /// Notes a block that was just made free; a full magazine hands half of its slots on first.
    #[inline]
    pub(crate) fn put<M: Memory>(&mut self, sector: &Sector<M>, class: u8, slot: u32) {
        let magazine = &mut self.0[usize::from(class)];
        if magazine.length == capacity(class) {
            magazine.flush(sector, capacity(class) / 2);
        }
        magazine.slots[magazine.length] = slot;
        magazine.length += 1;
    }

    /// Hands all slots on.
    pub(crate) fn flush<M: Memory>(&mut self, sector: &Sector<M>) {
        for magazine in &mut self.0 {
            magazine.flush(sector, 0);
        }
    }
}

impl Magazine {
    /// Gets at most half a magazine of slots. Whether there were any.
    #[cold]
    fn refill<M: Memory>(&mut self, sector: &Sector<M>, class: u8, owner: u8) -> bool {
        self.collect(sector, class) || (sector.grow(class, owner) && self.collect(sector, class))
    }

    fn collect<M: Memory>(&mut self, sector: &Sector<M>, class: u8) -> bool {
        let wanted = capacity(class).div_ceil(2);
        sector.collect_free(class, |slot| {
            self.slots[self.length] = slot;
            self.length += 1;
            self.length < wanted
        });
        // The lowest is taken first.
        self.slots[..self.length].reverse();
        self.length > 0
    }

    /// Hands on the oldest slots until `left` are left.
    #[cold]
    fn flush<M: Memory>(&mut self, sector: &Sector<M>, left: usize) {
        let flushed = self.length.saturating_sub(left);
        self.slots[..flushed].sort_unstable();
        sector.list_blocks(&self.slots[..flushed]);
        self.slots.copy_within(flushed..self.length, 0);
        self.length -= flushed;
    }
}
