//! SHA-256 of sibling pairs and roots of pages, by every backend that this processor has.
//!
//! `cargo bench -p travertine-merkle --bench hash`. The machine-independent figure is the ratio to `portable` in the same
//! run. `hash_pair/…/chain` feeds each hash into the next, as a path to a root does; the others are independent.
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use travertine_merkle::{Backend, Hash, ZERO_HASH, hash_pair, hash_pairs, merkleize, page_leaf, page_leaves};

type Page = [u8; 4096];

const REGION_PAGES: usize = 16_384;

fn backends() -> impl Iterator<Item = Backend> {
    Backend::ALL
        .into_iter()
        .filter(|backend| backend.is_available())
        .inspect(|backend| backend.select().unwrap())
}

/// Bytes without a pattern, none of them zero.
fn fill(bytes: &mut [u8]) {
    let mut state = 1_u64;
    for byte in bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = state.to_be_bytes()[0] | 1;
    }
}

fn pairs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash_pair");
    let mut nodes = vec![ZERO_HASH; 2048];
    fill(nodes.as_flattened_mut());
    for backend in backends() {
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new(backend.name(), "chain"), |bencher| {
            let mut node: Hash = nodes[0];
            bencher.iter(|| node = hash_pair(&node, &nodes[1]));
            black_box(node);
        });
        for count in [1, 2, 4, 16, 32, 1024] {
            let mut parents = vec![ZERO_HASH; count];
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::new(backend.name(), format!("batch of {count}")), |bencher| {
                bencher.iter(|| hash_pairs(black_box(&nodes[..2 * count]), black_box(&mut parents)));
            });
        }
    }
}

fn pages(criterion: &mut Criterion) {
    let mut memory = vec![[0_u8; 4096]; REGION_PAGES];
    fill(memory.as_flattened_mut());
    let pages: Vec<&Page> = memory.iter().collect();
    let mut leaves = vec![ZERO_HASH; REGION_PAGES];
    let mut group = criterion.benchmark_group("page_root");
    for backend in backends() {
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new(backend.name(), "one"), |bencher| {
            bencher.iter(|| page_leaf(black_box(pages[0])));
        });
        for count in [4, 32, 256] {
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(
                BenchmarkId::new(backend.name(), format!("{count} side by side")),
                |bencher| {
                    bencher.iter(|| page_leaves(black_box(&pages[..count]), &mut leaves[..count]));
                },
            );
        }
    }
    group.finish();

    let mut group = criterion.benchmark_group("64_mib_from_scratch");
    group.sample_size(10).throughput(Throughput::Bytes(REGION_PAGES as u64 * 4096));
    for backend in backends() {
        group.bench_function(backend.name(), |bencher| {
            bencher.iter(|| {
                page_leaves(black_box(&pages), &mut leaves);
                merkleize(&leaves, REGION_PAGES as u64)
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = pairs, pages
}
criterion_main!(benches);
