//! What a cap costs: hashing a region, one dirty page, many of them, one chunk; and loads and stores that hit.
//!
//! On one core (`taskset -c 0`) the figures compare with those of libraries that use one.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use travertine_memory::{DataCap, Memory, Page, PageBytes, PageSlot, Permissions, Region, RegionKind};

const PAGE_BYTES: u64 = 4096;
/// Pages of 64 MiB.
const MEDIUM: u32 = 1 << 14;
/// Pages of 4 GiB.
const LARGE: u32 = 1 << 20;

/// A page without a zero, told by a number.
fn page(seed: u32) -> Box<PageBytes> {
    let mut page = PageBytes::zeroed();
    for (word, index) in page.chunks_exact_mut(8).zip(0_u64..) {
        let mixed =
            (u64::from(seed) << 32 | index).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 0x0101_0101_0101_0101;
        word.copy_from_slice(&mixed.to_le_bytes());
    }
    page
}

/// A cap in which every page stands: all of them one frame, each with its own nodes above.
fn full(pages: u32) -> DataCap {
    settle(unhashed(pages))
}

/// The same, without the nodes' hashes.
fn unhashed(pages: u32) -> DataCap {
    let frame = Page::new(page(0));
    let slots = (0..pages).map(|index| (index, PageSlot::from(frame.clone())));
    DataCap::from_pages(u64::from(pages) * PAGE_BYTES, slots).expect("the pages fit")
}

/// A clone of a cap with other pages written, which are not hashed yet.
fn dirty(cap: &DataCap, count: u32, mut content: impl FnMut(u32) -> Box<PageBytes>) -> DataCap {
    let mut cap = cap.clone();
    for index in 0..count {
        // Scattered by a multiplier that is prime to any power of two.
        let place = index.wrapping_add(1).wrapping_mul(0x9E37_79B1) % cap.page_count();
        cap.write(place, Page::new(content(index)).into()).expect("the page is in the cap");
    }
    cap
}

fn settle(mut cap: DataCap) -> DataCap {
    cap.flush();
    black_box(cap.root()).expect("the cap is clean");
    cap
}

fn roots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("root");
    group.bench_function("one page", |bencher| {
        bencher.iter_batched(
            || Page::new(page(1)),
            |page| {
                page.leaf();
                page
            },
            BatchSize::SmallInput,
        );
    });
    for (name, pages) in [("16,384 pages", MEDIUM), ("1,048,576 pages", LARGE)] {
        let cap = full(pages);
        // Its nodes inside are kept from the second time on that it is written.
        let written = settle(dirty(&cap, 1, |_| page(1)));
        let one_chunk = |_| {
            let mut page = page(1);
            page[1000] ^= 1;
            page
        };
        group.bench_function(format!("one dirty page of {name}"), |bencher| {
            bencher.iter_batched(|| dirty(&cap, 1, |_| page(1)), settle, BatchSize::SmallInput);
        });
        group.bench_function(format!("one dirty chunk of {name}"), |bencher| {
            bencher.iter_batched(|| dirty(&written, 1, one_chunk), settle, BatchSize::SmallInput);
        });
        group.sample_size(20);
        group.bench_function(format!("1,000 dirty pages of {name}"), |bencher| {
            bencher.iter_batched(
                || dirty(&cap, 1000, |index| page(index + 1)),
                settle,
                BatchSize::PerIteration,
            );
        });
        group.sample_size(100);
    }
    group.sample_size(10);
    group.throughput(Throughput::Bytes(u64::from(MEDIUM) * PAGE_BYTES));
    group.bench_function("64 MiB from scratch", |bencher| {
        let slots =
            || (0..MEDIUM).map(|index| (index, PageSlot::from(Page::new(page(index))))).collect::<Vec<_>>();
        let root = |slots: Vec<(u32, PageSlot)>| {
            let cap = DataCap::from_pages(u64::from(MEDIUM) * PAGE_BYTES, slots).expect("the pages fit");
            black_box(cap.root()).expect("the cap is clean");
            cap
        };
        bencher.iter_batched(slots, root, BatchSize::PerIteration);
    });
    group.finish();
}

/// What two threads gain: `taskset -c 0` leaves one.
fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("threads");
    for pages in [16_u32, 32, 64, 128, 256, 512] {
        group.throughput(Throughput::Elements(pages.into()));
        group.bench_function(format!("{pages} new pages"), |bencher| {
            let new = || (0..pages).map(|index| (index, Page::new(page(index)).into())).collect::<Vec<_>>();
            let cap =
                |slots| DataCap::from_pages(u64::from(pages) * PAGE_BYTES, slots).expect("the pages fit");
            bencher.iter_batched(new, cap, BatchSize::SmallInput);
        });
    }
    for branches in [1024_u32, 2048, 4096, 8192, 16_384, 32_768] {
        group.throughput(Throughput::Elements(branches.into()));
        group.bench_function(format!("{branches} branches of a layer"), |bencher| {
            bencher.iter_batched(|| unhashed(2 * branches), settle, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// A memory with one region, number 2, of `pages` pages that all stand.
fn memory(pages: u32) -> Memory {
    let mut memory = Memory::new();
    let region =
        Region::new(RegionKind::State, Permissions::READ_WRITE, full(pages)).expect("the region is valid");
    memory.insert(2, region).expect("the number is free");
    memory
}

fn store(memory: &mut Memory, address: u64, value: u64) {
    let plan = memory.plan_store(address, 8).expect("the address is in the region");
    memory.store(plan, value);
}

fn load(memory: &mut Memory, address: u64) -> u64 {
    let plan = memory.plan_load(address, 8).expect("the address is in the region");
    memory.load(plan)
}

fn accesses(criterion: &mut Criterion) {
    const ADDRESS: u64 = 2 << 32 | 0x1234_5678;
    let mut group = criterion.benchmark_group("memory");
    let settled = memory(LARGE);
    group.bench_function("settle one dirty page of 4 GiB to a new leaf", |bencher| {
        let written = || {
            let mut memory = settled.clone();
            store(&mut memory, ADDRESS, 1);
            memory
        };
        let settle = |mut memory: Memory| {
            black_box(memory.settle());
            black_box(memory.region_leaf(2)).expect("the memory is settled");
            memory
        };
        bencher.iter_batched(written, settle, BatchSize::SmallInput);
    });
    let mut warm = settled.clone();
    store(&mut warm, ADDRESS, 1);
    group.bench_function("load 8 bytes of a warm page", |bencher| {
        bencher.iter(|| load(&mut warm, black_box(ADDRESS)));
    });
    group.bench_function("store 8 bytes to a warm page", |bencher| {
        bencher.iter(|| store(&mut warm, black_box(ADDRESS), black_box(7)));
    });
    group.finish();
}

/// Prints what a region of distinct pages takes of the process, on systems that tell.
fn process_memory(_: &mut Criterion) {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").ok()?;
        status.split(' ').nth(1)?.parse::<u64>().ok()
    };
    let before = resident();
    let slots = (0..MEDIUM).map(|index| (index, PageSlot::from(Page::new(page(index)))));
    let cap = DataCap::from_pages(u64::from(MEDIUM) * PAGE_BYTES, slots).expect("the pages fit");
    let cap = black_box(settle(cap));
    if let Some((before, after)) = before.zip(resident()) {
        println!("64 MiB of distinct pages take {} KiB of the process", (after - before) * 4);
    }
    drop(cap);
}

// The memory of the process comes first: what others have freed would not count.
criterion_group!(benches, process_memory, roots, threads, accesses);
criterion_main!(benches);
