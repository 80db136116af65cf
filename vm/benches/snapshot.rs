//! Storing and loading states: 1 GiB that is mostly zero, and 64 MiB of pages that all differ.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use travertine_memory::Permissions;
use travertine_vm::{Engine, Image, Program, Segment, State};

const CODE: u64 = 0x1_f000_0000;
const DATA: u64 = 0x2_0000_0000;
const PAGE: usize = 4096;

/// A settled state whose region 2 has these segments: bytes of memory, and pages of content at the beginning of each.
fn state(segments: u64, size: u64, pages: usize) -> State {
    let mut number = 0_u64;
    let mut page = || {
        number += 1;
        number.to_le_bytes().repeat(PAGE / 8)
    };
    let mut all = vec![Segment {
        address: CODE,
        memory_size: PAGE as u64,
        data: page(),
        permissions: Permissions::READ_EXECUTE,
    }];
    all.extend((0..segments).map(|segment| Segment {
        address: DATA + segment * size,
        memory_size: size,
        data: (0..pages).flat_map(|_| page()).collect(),
        permissions: Permissions::READ_WRITE,
    }));
    let program = Program::new(Image::new(CODE, all).expect("the segments are valid"));
    Engine::default().instantiate(&program).state().clone()
}

fn snapshots(criterion: &mut Criterion) {
    let cases = [("1 GiB, 16 pages not zero", 16, 1 << 26, 1), ("64 MiB dense", 1, 1 << 26, 1 << 14)];
    for (name, segments, size, pages) in cases {
        let state = state(segments, size, pages);
        let bytes: &'static [u8] = state.to_snapshot().expect("all pages are there").leak();
        let open = || State::open_snapshot(bytes).expect("the snapshot is sound");
        let mut group = criterion.benchmark_group(format!("snapshot/{name}"));
        group.sample_size(20);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("write", |bencher| bencher.iter(|| state.to_snapshot()));
        group.bench_function("load", |bencher| bencher.iter(open));
        let loaded = open();
        group.bench_function("write again what was loaded", |bencher| bencher.iter(|| loaded.to_snapshot()));
        group.bench_function("check all pages", |bencher| bencher.iter(|| loaded.check_pages()));
        group.throughput(Throughput::Bytes(PAGE as u64));
        group.bench_function("first touch of a page", |bencher| {
            bencher.iter_batched_ref(
                open,
                |state| black_box(state).memory().peek(DATA, &mut [0; 8]),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, snapshots);
criterion_main!(benches);
