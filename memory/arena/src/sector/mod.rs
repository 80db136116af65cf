//! A sector: one range of pages with its words. The core of the allocator, written over [`Memory`].
//!
//! Two tiers: runs of pages (`runs`), and slabs, which are runs that are divided into blocks of one size (`slabs`).
//! Whatever moves from one owner to another does so by one exchange of its word.

mod census;
mod handles;
mod recovery;
mod runs;
mod slabs;

pub use census::{Audit, BlockInfo, RunKind, RunSummary, Statistics};
pub use handles::Handle;
pub use recovery::Recovered;
pub(crate) use runs::Run;

use std::sync::atomic::AtomicU64;

use crate::class::PAGE_UNITS;
use crate::descriptor::Descriptor;
use crate::index::Index;
use crate::layout::Geometry;
use crate::memory::{Atomic, Memory};

/// One sector. What is in its words is never believed: every place that is computed from a word is checked first.
#[derive(Debug)]
pub(crate) struct Sector<M> {
    memory: M,
    geometry: Geometry,
    /// A deliberate mistake, which the tests must find.
    #[cfg(test)]
    pub(crate) mutant: Option<crate::tests::Mutant>,
}

/// A run or a block that was just allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allocated {
    /// The place of its word among those that are the truth.
    pub(crate) at: usize,
    /// What the word says.
    pub(crate) word: Descriptor,
    /// Its first unit.
    pub(crate) unit: u32,
    /// Its size in units.
    pub(crate) units: u32,
}

impl<M: Memory> Sector<M> {
    /// The sector in `memory`, which has as many words as the geometry says.
    pub(crate) fn new(memory: M, geometry: Geometry) -> Self {
        Self {
            memory,
            geometry,
            #[cfg(test)]
            mutant: None,
        }
    }

    /// Makes a sector of zeros into one free run.
    pub(crate) fn format(&self) {
        let run = Run { page: 0, length: self.geometry.pages, generation: 1 };
        self.publish(&run);
    }

    pub(crate) fn memory(&self) -> &M {
        &self.memory
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The word of a page of the sector.
    fn page(&self, page: u32) -> &M::Word {
        self.memory.word(page as usize)
    }

    fn load(&self, page: u32) -> Descriptor {
        Descriptor(self.page(page).load())
    }

    /// Writes `new` if the word at this place is `current`; whether it did. Every change of owner that somebody else could
    /// make as well goes through here.
    #[inline]
    fn exchange(&self, at: usize, current: Descriptor, new: Descriptor) -> bool {
        #[cfg(test)]
        if self.mutant == Some(crate::tests::Mutant::StoreInsteadOfExchange) {
            self.memory.word(at).store(new.0);
            return true;
        }
        self.memory.word(at).exchange(current.0, new.0)
    }

    #[inline]
    fn block(&self, slot: u32) -> &M::Word {
        self.memory.word(self.geometry.block(slot))
    }

    /// The head of the run that ends at the page or, inside a slab, of the slab and its class: a claim to be checked.
    fn tail(&self, page: u32) -> (u32, u8) {
        let tail = self.memory.word(self.geometry.tail(page)).load();
        #[allow(clippy::cast_possible_truncation, reason = "the lower half, and the eight bits above it")]
        let parts = (tail as u32, (tail >> 32) as u8);
        parts
    }

    fn set_tail(&self, page: u32, head: u32, class: u8) {
        self.memory.word(self.geometry.tail(page)).store(u64::from(class) << 32 | u64::from(head));
    }

    fn index(&self) -> Index<'_> {
        let words = &self.memory.hints()[self.geometry.bitmap_words()..];
        Index::new(words, self.geometry.pages, self.geometry.index_classes())
    }

    /// The bitmap of blocks that may be free: one bit for each word of a block.
    fn bitmap(&self) -> &[AtomicU64] {
        &self.memory.hints()[..self.geometry.bitmap_words()]
    }
}

/// The first unit of a page.
fn page_unit(page: u32) -> u32 {
    page.wrapping_mul(PAGE_UNITS)
}
