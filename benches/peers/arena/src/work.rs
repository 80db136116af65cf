//! What the allocators are made to do. All blocks are stamped, and the stamps are checked when they are given back.

use std::alloc::Layout;
use std::ops::Add;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use core_affinity::CoreId;

use crate::allocators::{Allocator, Heap};

/// Numbers of the same sequence for each allocator: xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed + 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let scaled = (self.next() >> u32::BITS) * u64::from(limit) >> u32::BITS;
        u32::try_from(scaled).unwrap_or_default()
    }
}

/// The sizes of blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sizes {
    /// 32 to 543 bytes.
    Small,
    /// Frames of 4 KiB, aligned.
    Frames,
    /// 32 bytes to 64 KiB, each doubling as often as the others.
    Wide,
}

/// What `malloc` aligns to.
const ALIGNMENT: usize = 16;

impl Sizes {
    #[inline]
    pub(crate) fn layout(self, random: &mut Random) -> Layout {
        match self {
            Self::Small => layout(32 + random.below(512)),
            Self::Frames => self.largest(),
            Self::Wide => {
                let doubling = 32 << random.below(11);
                layout(doubling + random.below(doubling))
            }
        }
    }

    /// The layout that has room for each of them.
    pub(crate) fn largest(self) -> Layout {
        match self {
            Self::Small => layout(544),
            Self::Frames => Layout::from_size_align(4096, 4096).expect("a power of two"),
            Self::Wide => layout(64 << 10),
        }
    }
}

fn layout(bytes: u32) -> Layout {
    Layout::from_size_align(bytes as usize, ALIGNMENT).expect("a small size")
}

/// What must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Faults {
    /// Allocations that were refused.
    pub(crate) refused: u64,
    /// Stamps that somebody else had overwritten.
    pub(crate) overwritten: u64,
}

impl Add for Faults {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { refused: self.refused + other.refused, overwritten: self.overwritten + other.overwritten }
    }
}

/// Blocks in use, and what was written into each.
pub(crate) struct Live<H: Heap> {
    pub(crate) blocks: Vec<(H::Block, u64)>,
    pub(crate) faults: Faults,
}

impl<H: Heap> Live<H> {
    pub(crate) fn new() -> Self {
        Self { blocks: Vec::with_capacity(LIVE), faults: Faults::default() }
    }

    #[inline]
    pub(crate) fn allocate(&mut self, heap: &mut H, layout: Layout, stamp: u64) {
        match heap.allocate(layout) {
            Some(block) => {
                H::stamp(&block, stamp);
                self.blocks.push((block, stamp));
            }
            None => self.faults.refused += 1,
        }
    }

    #[inline]
    pub(crate) fn free(&mut self, heap: &mut H, which: u32) {
        let (block, stamp) = self.blocks.swap_remove(which as usize);
        self.faults.overwritten += u64::from(H::stamp_of(&block) != stamp);
        heap.free(block);
    }

    pub(crate) fn free_all(mut self, heap: &mut H) -> Faults {
        while let Some(last) = self.blocks.len().checked_sub(1) {
            self.free(heap, u32::try_from(last).unwrap_or(u32::MAX));
        }
        self.faults
    }
}

/// Blocks of a thread.
const LIVE: usize = 200;

/// Seven allocations to three frees, up to 200 blocks, then one for one; at the end all are given back. The faults.
pub(crate) fn churn<H: Heap>(mut heap: H, sizes: Sizes, operations: u32, seed: u64) -> Faults {
    let (mut live, mut random) = (Live::<H>::new(), Random::new(seed));
    for _ in 0..operations {
        let count = u32::try_from(live.blocks.len()).unwrap_or(u32::MAX);
        let grows = live.blocks.len() < LIVE && (count == 0 || random.below(10) < 7);
        if grows {
            let layout = sizes.layout(&mut random);
            live.allocate(&mut heap, layout, random.0);
        } else {
            let which = random.below(count);
            live.free(&mut heap, which);
        }
    }
    live.free_all(&mut heap)
}

/// [`churn`] on several threads at once, which take the cores in turn. The faults.
pub(crate) fn churn_together<A: Allocator>(
    allocator: &A,
    cores: &[CoreId],
    threads: u32,
    sizes: Sizes,
    operations: u32,
) -> Faults {
    std::thread::scope(|scope| {
        let spawn = |number: u32| {
            scope.spawn(move || {
                core_affinity::set_for_current(cores[number as usize % cores.len()]);
                churn(allocator.heap(), sizes, operations, u64::from(number))
            })
        };
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("the work does not panic"))
            .fold(Faults::default(), Add::add)
    })
}

/// Blocks that are sent at once.
pub(crate) const BATCH: u32 = 100;

/// Batches that are on the way or on their way back.
const VECTORS: u32 = 6;

type Batch<H> = Vec<(<H as Heap>::Block, u64)>;

/// Blocks that this thread allocates, and another, on another core, gives back. The faults.
pub(crate) fn crossed<A: Allocator>(allocator: &A, cores: &[CoreId], batches: u32) -> Faults {
    exchange(allocator.heap(), || allocator.heap(), cores, batches)
}

fn exchange<H: Heap<Block: Send>>(
    mut own: H,
    other: impl FnOnce() -> H + Send,
    cores: &[CoreId],
    batches: u32,
) -> Faults {
    let (full, to_free) = sync_channel::<Batch<H>>(4);
    // The vectors come back, so that the program's own allocator has no part in it.
    let (freed, empty) = sync_channel::<Batch<H>>(VECTORS as usize);
    std::thread::scope(|scope| {
        let consumer = scope.spawn(move || {
            core_affinity::set_for_current(cores[0]);
            consume(other(), &to_free, &freed)
        });
        let (mut random, mut faults) = (Random::new(99), Faults::default());
        for number in 0..batches {
            let batch = if number < VECTORS {
                Vec::with_capacity(BATCH as usize)
            } else {
                empty.recv().unwrap_or_default()
            };
            let mut live = Live::<H> { blocks: batch, faults: Faults::default() };
            for _ in 0..BATCH {
                let layout = Sizes::Small.layout(&mut random);
                live.allocate(&mut own, layout, random.0);
            }
            faults = faults + live.faults;
            full.send(live.blocks).expect("the other thread receives to the end");
        }
        drop((full, empty));
        faults + consumer.join().expect("the work does not panic")
    })
}

fn consume<H: Heap>(mut heap: H, batches: &Receiver<Batch<H>>, freed: &SyncSender<Batch<H>>) -> Faults {
    let mut faults = Faults::default();
    for mut batch in batches {
        for (block, stamp) in batch.drain(..) {
            faults.overwritten += u64::from(H::stamp_of(&block) != stamp);
            heap.free(block);
        }
        // The other thread may have ended.
        let _ = freed.send(batch);
    }
    faults
}
