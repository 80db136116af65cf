//! Long random work at a constant load, and what is left of the segment's largest block then and at the end.

use std::alloc::Layout;

use crate::allocators::{Allocator, Heap, SEGMENT_BYTES};
use crate::work::{Faults, Live, Random, Sizes};

/// Bytes in use, as they were asked for: half of the segment.
const LOAD: usize = SEGMENT_BYTES / 2;

/// Bytes of the largest blocks that can be had.
#[derive(Debug, Default)]
pub(crate) struct Largest {
    /// Before anything else was allocated.
    at_first: usize,
    /// Under load, and how many were free then.
    under_load: usize,
    free_under_load: usize,
    /// When all is given back.
    at_last: usize,
}

impl std::fmt::Display for Largest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |part: usize, whole: usize| 100 * part / whole.max(1);
        write!(
            out,
            "largest block {} % of the free bytes under load, {} % of the first one when all is given back",
            percent(self.under_load, self.free_under_load),
            percent(self.at_last, self.at_first)
        )
    }
}

/// Replaces random blocks by others under a constant load, `operations` times. The faults.
pub(crate) fn endure<A: Allocator>(allocator: &A, operations: u32) -> Faults {
    let mut heap = allocator.heap();
    load(&mut heap, operations, |_, _| ()).free_all(&mut heap)
}

/// The same, with looks at the largest block.
pub(crate) fn look<A: Allocator>(allocator: &A, operations: u32) -> Largest {
    let mut heap = allocator.heap();
    let mut found = Largest { at_first: largest(&mut heap), ..Largest::default() };
    let live = load(&mut heap, operations, |heap, bytes| {
        found.under_load = largest(heap);
        found.free_under_load = found.at_first.saturating_sub(bytes);
    });
    live.free_all(&mut heap);
    found.at_last = largest(&mut heap);
    found
}

fn load<H: Heap>(heap: &mut H, operations: u32, then: impl FnOnce(&mut H, usize)) -> Live<H> {
    let (mut live, mut sizes, mut random) = (Live::<H>::new(), Vec::new(), Random::new(7));
    let mut bytes = 0;
    for _ in 0..operations {
        if bytes < LOAD {
            let layout = Sizes::Wide.layout(&mut random);
            let before = live.blocks.len();
            live.allocate(heap, layout, random.next());
            if live.blocks.len() > before {
                sizes.push(layout.size());
                bytes += layout.size();
            }
        } else {
            let which = random.below(u32::try_from(sizes.len()).unwrap_or(u32::MAX));
            bytes -= sizes.swap_remove(which as usize);
            live.free(heap, which);
        }
    }
    then(heap, bytes);
    live
}

/// The largest block that can be had, to 4096 bytes.
fn largest<H: Heap>(heap: &mut H) -> usize {
    let mut can_be_had = |pages: usize| {
        let layout = Layout::from_size_align(pages * 4096, 16).expect("a small alignment");
        heap.allocate(layout).map(|block| heap.free(block)).is_some()
    };
    let (mut least, mut most) = (0, SEGMENT_BYTES / 4096);
    while least < most {
        let middle = (least + most).div_ceil(2);
        if can_be_had(middle) { least = middle } else { most = middle - 1 }
    }
    least * 4096
}
