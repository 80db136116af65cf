//! `iceoryx2`'s lock-free pool of blocks of one size.
#![allow(unsafe_code, reason = "see each SAFETY")]

use std::alloc::Layout;
use std::ptr::NonNull;

use iceoryx2_bb_elementary::bump_allocator::BumpAllocator;
use iceoryx2_bb_memory::pool_allocator::{Allocate, Deallocate, PoolAllocator};

// Its crates print through this one.
extern crate iceoryx2_bb_loggers as _;

use super::SEGMENT_BYTES;
use super::piece::{Plain, Segment};

/// Sizes of blocks at which a pool of the largest is no longer what somebody would use.
const LARGEST: usize = 4096;

pub(crate) struct Iceoryx2 {
    /// It points to its lists from where it lies, so it must stay there.
    pool: Box<PoolAllocator>,
    /// What the pool hands out, and its lists.
    _memory: (Segment, Box<[u64]>),
}

// SAFETY: the pool is made for threads and processes; the rest is its memory.
unsafe impl Sync for Iceoryx2 {}

// SAFETY: as `Plain` asks, by the contracts of the library.
unsafe impl Plain for Iceoryx2 {
    const NAME: &'static str = crate::ICEORYX2;
    const HAS_SEGMENT: bool = true;
    type Token = ();

    fn new(largest: Layout) -> Result<Self, &'static str> {
        if largest.size() > LARGEST {
            return Err("a pool has blocks of one size");
        }
        let (segment, layout) = (Segment::new()?, largest.pad_to_align());
        let words = PoolAllocator::memory_size(layout, SEGMENT_BYTES).div_ceil(size_of::<u64>());
        let mut lists = vec![0; words].into_boxed_slice();
        let start = NonNull::from(&mut *lists).cast();
        // SAFETY: both memories have these sizes and live as long as the pool; it is initialised once, before it is used.
        let pool = unsafe {
            let mut pool = Box::new(PoolAllocator::new_uninit(layout, segment.0, SEGMENT_BYTES));
            pool.init(&BumpAllocator::new(start, words * size_of::<u64>()))
                .map_err(|_| "the pool has too little memory for its lists")?;
            pool
        };
        Ok(Self { pool, _memory: (segment, lists) })
    }

    #[inline]
    fn allocate(&self, layout: Layout) -> Option<(NonNull<u8>, ())> {
        Some((self.pool.allocate(layout).ok()?, ()))
    }

    #[inline]
    unsafe fn free(&self, memory: NonNull<u8>, layout: Layout, (): ()) {
        // SAFETY: promised by the caller.
        unsafe { self.pool.deallocate(memory, layout) };
    }
}
