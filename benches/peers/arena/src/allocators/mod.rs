//! What is compared: each allocator as its own users would use it, behind one trait.

#[cfg(boost)]
mod boost;
mod locked;
mod ours;
mod piece;
mod pool;
mod system;

use std::alloc::Layout;

#[cfg(boost)]
pub(crate) use boost::Boost;
pub(crate) use locked::{OffsetAllocator, Rlsf, Talc};
pub(crate) use ours::Ours;
pub(crate) use pool::Iceoryx2;
pub(crate) use system::{Glibc, Jemalloc, Mimalloc, glibc_version};

/// Bytes of the segment of those that have one. Bookkeeping lies inside or beside it, as each does it.
pub(crate) const SEGMENT_BYTES: usize = 64 << 20;

/// An allocator that threads share.
pub(crate) trait Allocator: Sync + Sized {
    /// The column.
    const NAME: &'static str;
    /// Whether it has one segment, and so a largest block.
    const HAS_SEGMENT: bool;

    /// A new one for blocks of up to this layout; or why it cannot have them.
    fn new(largest: Layout) -> Result<Self, &'static str>;

    /// What one thread uses.
    fn heap(&self) -> impl Heap<Block: Send>;
}

/// An allocator as one thread sees it. Blocks may be given back through the heap of another thread.
pub(crate) trait Heap {
    /// Memory that is in use.
    type Block;

    fn allocate(&mut self, layout: Layout) -> Option<Self::Block>;
    fn free(&mut self, block: Self::Block);
    /// Writes the first eight bytes.
    fn stamp(block: &Self::Block, stamp: u64);
    /// Reads them.
    fn stamp_of(block: &Self::Block) -> u64;
}
