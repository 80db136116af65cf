//! This project's arena, in shared memory.

use std::alloc::Layout;
use std::sync::atomic::Ordering;

use travertine_arena::{Arena, Block, PAGE_BYTES};

use super::{Allocator, Heap, SEGMENT_BYTES};

pub(crate) struct Ours(Arena);

impl Allocator for Ours {
    const NAME: &'static str = crate::OURS;
    const HAS_SEGMENT: bool = true;

    fn new(_: Layout) -> Result<Self, &'static str> {
        let pages = SEGMENT_BYTES as u64 / u64::from(PAGE_BYTES);
        Arena::create(pages).map(Self).map_err(|_| "the system gives no shared memory")
    }

    fn heap(&self) -> impl Heap<Block: Send> {
        self.0.heap()
    }
}

impl<'a> Heap for travertine_arena::Heap<'a> {
    type Block = Block<'a>;

    #[inline]
    fn allocate(&mut self, layout: Layout) -> Option<Block<'a>> {
        // Sizes that are multiples of a page are aligned to pages; all are aligned to 16.
        Self::allocate(self, layout.size() as u64).ok()
    }

    #[inline]
    fn free(&mut self, block: Block<'a>) {
        Self::free(self, block);
    }

    #[inline]
    fn stamp(block: &Block<'a>, stamp: u64) {
        if let Some(word) = block.words().first() {
            word.store(stamp, Ordering::Relaxed);
        }
    }

    #[inline]
    fn stamp_of(block: &Block<'a>) -> u64 {
        block.words().first().map_or(0, |word| word.load(Ordering::Relaxed))
    }
}
