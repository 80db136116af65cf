//! What the allocator costs: small blocks beside many others, whole pages, promotion, compaction, queries, and host-side access.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use travertine_memory::{AllocationPrices, AllocationRequest, Memory, Property, RegionKind};
use travertine_merkle::ZERO_HASH;

const PAGE_BYTES: u64 = 4096;
const HEAP: u64 = 3;

/// What a plane costs beside promotion over one.
struct Prices {
    plane: u64,
}

impl AllocationPrices for Prices {
    fn growth(&self, _: RegionKind, before: u64, after: u64) -> u64 {
        (after - before) * self.plane
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        extra_planes * 100
    }
}

const PROMOTES: Prices = Prices { plane: 1_000_000 };
const GROWS: Prices = Prices { plane: 1 };

fn allocate_at(memory: &mut Memory, size: u64, prices: &Prices) -> u64 {
    let plan = memory.plan_allocation(&AllocationRequest::new(size, RegionKind::Heap), prices);
    memory.allocate(plan.expect("there is room")).packed()
}

fn allocate(memory: &mut Memory, size: u64) -> u64 {
    allocate_at(memory, size, &GROWS)
}

fn free(memory: &mut Memory, address: u64) {
    let plan = memory.plan_free(address, &ZERO_HASH).expect("it is allocated");
    memory.free(plan);
}

/// A memory with so many blocks of 256 bytes.
fn with_blocks(count: u32) -> Memory {
    let mut memory = Memory::new();
    for _ in 0..count {
        allocate(&mut memory, 256);
    }
    memory
}

/// What a block costs that opens a page of its own, beside full pages, and one that gets a place in a page that has others.
fn blocks(criterion: &mut Criterion) {
    for (name, others) in [("256 B, a page of its own", 0), ("256 B in a shared page", 8)] {
        let mut group = criterion.benchmark_group(format!("allocate and free {name}"));
        for count in [0_u32, 1_000, 10_000, 100_000, 1_000_000] {
            // Whole pages of sixteen blocks are full.
            let count = count.next_multiple_of(16) + others;
            let mut memory = with_blocks(count);
            group.bench_function(format!("beside {count}"), |bencher| {
                bencher.iter(|| {
                    let address = allocate(&mut memory, black_box(256));
                    free(&mut memory, address);
                });
            });
        }
        group.finish();
    }
}

fn pages(criterion: &mut Criterion) {
    let mut memory = with_blocks(1000);
    criterion.bench_function("allocate and free 1 MiB", |bencher| {
        bencher.iter(|| {
            let address = allocate(&mut memory, black_box(1 << 20));
            free(&mut memory, address);
        });
    });
    let mut holes = Memory::new();
    for _ in 0..100 {
        allocate(&mut holes, 15 * PAGE_BYTES);
    }
    criterion.bench_function("allocate and free 400 KiB promoted across 100 planes", |bencher| {
        bencher.iter(|| {
            let address = allocate_at(&mut holes, black_box(100 * PAGE_BYTES), &PROMOTES);
            free(&mut holes, address);
        });
    });
}

/// A region of 65,536 planes, each half full, of allocations of eight pages.
fn half_full() -> Memory {
    let mut memory = Memory::new();
    let addresses: Vec<u64> = (0..1 << 17).map(|_| allocate(&mut memory, 8 * PAGE_BYTES)).collect();
    for address in addresses.iter().step_by(2) {
        free(&mut memory, *address);
    }
    memory.settle();
    memory
}

fn compaction(criterion: &mut Criterion) {
    let memory = half_full();
    let mut group = criterion.benchmark_group("compact a region of 65,536 half full planes");
    group.sample_size(10);
    for (name, limit) in [("4,096 moves", 4096), ("all of it", u32::MAX)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || memory.clone(),
                |memory| {
                    let plan = memory.plan_compaction(HEAP, limit).expect("the region is there");
                    memory.compact(plan);
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn looks(criterion: &mut Criterion) {
    let mut memory = with_blocks(100_000);
    let address = allocate(&mut memory, 256);
    criterion.bench_function("query the size of a block", |bencher| {
        bencher.iter(|| memory.query(black_box(address + 17), Property::Size));
    });
    let mut bytes = [7; 256];
    criterion.bench_function("store 256 B", |bencher| {
        bencher.iter(|| {
            let plan = memory.plan_store(black_box(address), 256).expect("it may be written");
            memory.write(plan, &bytes);
        });
    });
    criterion.bench_function("load 256 B", |bencher| {
        bencher.iter(|| {
            let plan = memory.plan_load(black_box(address), 256).expect("it may be read");
            memory.read(plan, &mut bytes);
            black_box(bytes[0])
        });
    });
    let mut settled = with_blocks(100_000);
    settled.settle();
    criterion.bench_function("clone a memory with 100,000 blocks, allocate and free in it", |bencher| {
        bencher.iter_batched_ref(
            || settled.clone(),
            |memory| {
                let address = allocate(memory, 256);
                free(memory, address);
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = blocks, pages, compaction, looks
}
criterion_main!(benches);
