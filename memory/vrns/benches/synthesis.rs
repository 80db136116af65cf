//! What a cell costs: single ones at scattered addresses, and whole pages, in each form.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use travertine_vrns::{Form, PAGE_CELLS};

const SEED: u64 = 0x3039;

fn synthesis(criterion: &mut Criterion) {
    let forms = Form::ALL.into_iter().filter(|form| form.passes_self_test());
    for form in forms {
        let mut group = criterion.benchmark_group(form.to_string());
        group.throughput(Throughput::Elements(1));
        group.bench_function("one cell", |bencher| {
            let mut address = 0_u64;
            bencher.iter(|| {
                address = address.wrapping_add(0x9E37_79B9_7F4A_7C15);
                form.cell(address, black_box(SEED))
            });
        });
        group.throughput(Throughput::Elements(PAGE_CELLS as u64));
        group.bench_function("cells of a page", |bencher| {
            let (mut cells, mut start) = ([0; PAGE_CELLS], 0_u64);
            bencher.iter(|| {
                start = start.wrapping_add(PAGE_CELLS as u64);
                form.fill(black_box(SEED), start, &mut cells);
                black_box(&mut cells);
            });
        });
        group.bench_function("bytes of a page", |bencher| {
            let mut page = 0;
            bencher.iter(|| {
                page += 1;
                form.page(black_box(SEED), page)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, synthesis);
criterion_main!(benches);
