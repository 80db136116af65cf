//! Allocations and frees a second, beside those of the system's allocator in the same run.
//!
//! The workload: blocks of 32 to 543 bytes, seven allocations to three frees up to 200 live blocks for each thread.
#![allow(unsafe_code, reason = "the system's allocator is called as it is")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_ptr_alignment,
    reason = "small sizes, alignment of 16"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use travertine_arena::{Arena, Block, Heap};

const PAGES: u64 = 16_384;
const LIVE: usize = 200;
const OPERATIONS: u64 = 10_000;
/// Blocks that are sent to another thread at once.
const BATCH: u64 = 100;

trait Allocator {
    type Block: Send;
    fn allocate(&mut self, bytes: u64) -> Self::Block;
    fn free(&mut self, block: Self::Block);
}

impl<'a> Allocator for Heap<'a> {
    type Block = Block<'a>;

    fn allocate(&mut self, bytes: u64) -> Block<'a> {
        let block = Heap::allocate(self, bytes).expect("the arena is large enough");
        block.words()[0].store(bytes, Ordering::Relaxed);
        block
    }

    fn free(&mut self, block: Block<'a>) {
        Heap::free(self, block);
    }
}

struct Malloc;

/// Memory of the system's allocator, and its size.
struct Piece(*mut u8, Layout);

// SAFETY: memory of the system's allocator may be used and given back by any thread.
unsafe impl Send for Piece {}

impl Allocator for Malloc {
    type Block = Piece;

    fn allocate(&mut self, bytes: u64) -> Piece {
        let layout = Layout::from_size_align(bytes as usize, 16).expect("a small size");
        // SAFETY: the size is not zero.
        let memory = unsafe { System.alloc(layout) };
        assert!(!memory.is_null());
        // SAFETY: the memory has at least 32 bytes, aligned to 16.
        unsafe { memory.cast::<u64>().write_volatile(bytes) };
        Piece(memory, layout)
    }

    fn free(&mut self, block: Piece) {
        // SAFETY: it was allocated with this layout, and is given back once.
        unsafe { System.dealloc(block.0, block.1) };
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn mixed<A: Allocator>(allocator: &mut A, live: &mut Vec<A::Block>, random: &mut Random) {
    for _ in 0..OPERATIONS {
        let number = random.next();
        if live.len() < LIVE && (live.is_empty() || number % 10 < 7) {
            live.push(allocator.allocate(32 + (number >> 8) % 512));
        } else {
            let block = live.swap_remove((number >> 32) as usize % live.len());
            allocator.free(black_box(block));
        }
    }
}

fn one_thread<A: Allocator>(criterion: &mut Criterion, name: &str, mut allocator: A) {
    let (mut live, mut random) = (Vec::with_capacity(LIVE), Random(88));
    let mut group = criterion.benchmark_group("one thread");
    group.throughput(Throughput::Elements(OPERATIONS));
    group.bench_function(name, |bencher| bencher.iter(|| mixed(&mut allocator, &mut live, &mut random)));
    for block in live {
        allocator.free(block);
    }
}

/// The time of `batches`, each allocated by this thread and given back by another.
fn crossed<A: Allocator + Send>(mut own: A, other: impl FnOnce() -> A + Send, batches: u64) -> Duration {
    let (sender, receiver) = sync_channel::<Vec<A::Block>>(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut other = other();
            receiver.into_iter().flatten().for_each(|block| other.free(block));
        });
        let start = Instant::now();
        let mut random = Random(99);
        for _ in 0..batches {
            let batch = (0..BATCH).map(|_| own.allocate(32 + random.next() % 512)).collect();
            sender.send(batch).expect("the other thread receives to the end");
        }
        drop(sender);
        start.elapsed()
    })
}

/// The time in which each of several threads does the workload `rounds` times.
fn parallel<A: Allocator>(threads: u64, make: impl Fn() -> A + Sync, rounds: u64) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..threads {
            let make = &make;
            scope.spawn(move || {
                let (mut allocator, mut live, mut random) =
                    (make(), Vec::with_capacity(LIVE), Random(number + 1));
                for _ in 0..rounds {
                    mixed(&mut allocator, &mut live, &mut random);
                }
                for block in live {
                    allocator.free(block);
                }
            });
        }
    });
    start.elapsed()
}

fn arena(criterion: &mut Criterion) {
    let arena = Arena::private(PAGES).expect("a valid size");
    one_thread(criterion, "arena", arena.heap());
    one_thread(criterion, "system", Malloc);

    for threads in [2, 4, 8] {
        let mut group = criterion.benchmark_group(format!("{threads} threads"));
        group.throughput(Throughput::Elements(OPERATIONS * threads));
        group.bench_function("arena", |bencher| {
            bencher.iter_custom(|rounds| parallel(threads, || arena.heap(), rounds));
        });
        group.bench_function("system", |bencher| {
            bencher.iter_custom(|rounds| parallel(threads, || Malloc, rounds));
        });
        group.finish();
    }

    let mut group = criterion.benchmark_group("freed by another thread");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("arena", |bencher| {
        bencher.iter_custom(|batches| crossed(arena.heap(), || arena.heap(), batches));
    });
    group.bench_function("system", |bencher| {
        bencher.iter_custom(|batches| crossed(Malloc, || Malloc, batches));
    });
    group.finish();

    let mut group = criterion.benchmark_group("runs");
    group.bench_function("allocate and give back 10 pages", |bencher| {
        bencher.iter(|| drop(arena.allocate(10 * 4096).expect("the arena is large enough")));
    });
    group.finish();
    arena.trim();
    assert!(arena.allocate(PAGES * 4096).is_ok(), "complete healing");
}

criterion_group!(benches, arena);
criterion_main!(benches);
