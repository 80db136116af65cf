//! Allocators that return plain addresses.
#![allow(unsafe_code, reason = "allocators of plain memory are called as they are; see each SAFETY")]

use std::alloc::Layout;
use std::ptr::NonNull;

use super::{Allocator, Heap, SEGMENT_BYTES};

/// An allocator of plain memory.
///
/// # Safety
/// What `allocate` returns has the layout, is aligned to 8 at least, and belongs to the caller until it is given to `free`.
pub(super) unsafe trait Plain: Sync + Sized {
    const NAME: &'static str;
    const HAS_SEGMENT: bool;
    /// What has to be known to give a block back, besides its address and layout.
    type Token: Send;

    fn new(largest: Layout) -> Result<Self, &'static str>;
    fn allocate(&self, layout: Layout) -> Option<(NonNull<u8>, Self::Token)>;
    /// # Safety
    /// The block was allocated here with this layout, and is not used any more.
    unsafe fn free(&self, memory: NonNull<u8>, layout: Layout, token: Self::Token);
}

impl<P: Plain> Allocator for P {
    const NAME: &'static str = <P as Plain>::NAME;
    const HAS_SEGMENT: bool = <P as Plain>::HAS_SEGMENT;

    fn new(largest: Layout) -> Result<Self, &'static str> {
        <P as Plain>::new(largest)
    }

    fn heap(&self) -> impl Heap<Block: Send> {
        Pieces(self)
    }
}

struct Pieces<'a, P>(&'a P);

/// A block of plain memory.
struct Piece<T> {
    memory: NonNull<u8>,
    layout: Layout,
    token: T,
}

// SAFETY: all allocators here allow any thread to use and to give back a block; its memory is the block's owner's alone.
unsafe impl<T: Send> Send for Piece<T> {}

impl<P: Plain> Heap for Pieces<'_, P> {
    type Block = Piece<P::Token>;

    #[inline]
    fn allocate(&mut self, layout: Layout) -> Option<Self::Block> {
        self.0.allocate(layout).map(|(memory, token)| Piece { memory, layout, token })
    }

    #[inline]
    fn free(&mut self, block: Self::Block) {
        // SAFETY: a piece comes from `allocate` alone, and ends here.
        unsafe { self.0.free(block.memory, block.layout, block.token) };
    }

    #[inline]
    fn stamp(block: &Self::Block, stamp: u64) {
        // SAFETY: a piece has at least 32 bytes, aligned to 8, that are its owner's.
        unsafe { block.memory.cast().write_volatile(stamp) };
    }

    #[inline]
    fn stamp_of(block: &Self::Block) -> u64 {
        // SAFETY: as above, and `stamp` has initialised them.
        unsafe { block.memory.cast().read_volatile() }
    }
}

/// The segment of an allocator that is given its memory.
pub(super) struct Segment(pub(super) NonNull<u8>);

// SAFETY: it is memory, which the allocator that has it hands out.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

const SEGMENT: Layout = Layout::new::<[u8; SEGMENT_BYTES]>();

impl Segment {
    /// A segment that begins at a page.
    pub(super) fn new() -> Result<Self, &'static str> {
        let layout = SEGMENT.align_to(4096).expect("a power of two");
        // SAFETY: the layout has a size.
        let memory = unsafe { std::alloc::alloc_zeroed(layout) };
        NonNull::new(memory).map(Self).ok_or("the system gives no memory")
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let layout = SEGMENT.align_to(4096).expect("a power of two");
        // SAFETY: allocated with this layout, and the allocator that used it ends with it.
        unsafe { std::alloc::dealloc(self.0.as_ptr(), layout) };
    }
}
