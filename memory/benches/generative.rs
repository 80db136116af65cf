//! What generative memory costs above the synthesis itself (`cargo bench -p travertine-vrns`): the order and its search, written
//! cells, edges, logs.

use std::hint::black_box;
use std::io;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use travertine_memory::generative::persistence::{
    Journal, LogHeader, LogStorage, LogWriter, Recovery, Snapshot, SnapshotForm, recover,
};
use travertine_memory::generative::{
    Context, Morph, MorphMode, Space, lower_bound, monotonic, search, trinity::Grid,
};

const SEED: u64 = 0x3039;
const HEADER: LogHeader = LogHeader { seed: SEED, size_cells: 0, mode: 1 };
/// Written cells of the contexts that are measured.
const WRITTEN: u64 = 1_000_000;
/// Bytes that are written at once.
const WINDOW: u64 = 1 << 20;

/// Scattered addresses, one after the other.
fn scattered(index: u64) -> u64 {
    index.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A context with cells written at scattered addresses of the first 2^32, or all in a row.
fn written(is_scattered: bool) -> Context {
    let address = |index| if is_scattered { scattered(index) >> 32 } else { index };
    let mut context = Context::new(SEED);
    context.replay((0..WRITTEN).map(|index| (address(index), 7))).expect("there is no quota");
    context
}

fn orders(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order");
    let mut index = 0;
    let mut next = move || {
        index += 1;
        scattered(index)
    };
    group.bench_function("number of an index", |bencher| bencher.iter(|| monotonic(next(), SEED)));
    #[allow(clippy::cast_precision_loss)]
    group.bench_function("search", |bencher| {
        bencher.iter(|| search(next() as f64 / 18_446_744_073_709_551_616.0, SEED));
    });
    group.bench_function("lower bound", |bencher| {
        bencher.iter(|| lower_bound(u128::from(next()) << 64 | 0x63, SEED));
    });
    let grid = Grid::new(1 << 32).expect("a power of two");
    group.bench_function("place on the Hilbert curve of 2^32", |bencher| {
        bencher.iter(|| grid.place(next() >> 32, next() >> 32));
    });
    group.finish();
}

fn cells(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("context");
    let mut index = 0;
    let mut next = move || {
        index += 1;
        scattered(index)
    };
    let fresh = Context::new(SEED);
    group.bench_function("fetch, nothing written", |bencher| bencher.iter(|| fresh.fetch(next())));
    let context = written(true);
    group.bench_function("fetch a written cell of a million", |bencher| {
        bencher.iter(|| context.fetch(scattered(next() % WRITTEN) >> 32));
    });
    group.bench_function("fetch beside a million written cells", |bencher| {
        bencher.iter(|| context.fetch(next() >> 32));
    });
    let mut context = written(true);
    group.bench_function("write a cell of a million anew", |bencher| {
        bencher.iter(|| context.write(scattered(next() % WRITTEN) >> 32, 9));
    });
    let mut grown = Context::new(SEED);
    group.bench_function("write a cell at a new address", |bencher| {
        bencher.iter(|| grown.write(next() >> 16, 9));
    });

    let mut space = Space::default();
    let source = space.create(SEED, 0).expect("there is no limit");
    let (mirror, morph) = (space.create(0, 0).expect("as above"), space.create(0, 0).expect("as above"));
    space.attach_mirror(mirror, source).expect("no cycle");
    let linear = Morph::new(MorphMode::Linear, 2.0, 0.5).expect("finite");
    space.attach_morph(morph, source, linear).expect("no cycle");
    group.bench_function("fetch through a mirror", |bencher| bencher.iter(|| space.fetch(mirror, next())));
    group.bench_function("fetch through a morph", |bencher| bencher.iter(|| space.fetch(morph, next())));

    let mut page = [0; 1024];
    let rows = written(false);
    group.throughput(Throughput::Elements(1024));
    for (name, context) in [("nothing written", &fresh), ("all written", &rows)] {
        group.bench_function(format!("page, {name}"), |bencher| {
            bencher.iter(|| {
                context.fill((next() % (WRITTEN >> 10)) << 10, &mut page);
                black_box(&mut page);
            });
        });
    }
    group.finish();
}

/// A log in memory, to measure what is not the disk.
#[derive(Default)]
struct Memory(Vec<u8>);

impl LogStorage for Memory {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.truncate(usize::try_from(length).expect("it is in memory"));
        Ok(())
    }
}

fn log(records: u64, address: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut log = LogWriter::create(Memory::default(), &HEADER, WINDOW).expect("memory does not fail");
    (0..records).try_for_each(|index| log.append(address(index), 7)).expect("as above");
    log.commit().expect("as above");
    log.into_storage().0
}

fn logs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log");
    group.sample_size(10);
    group.throughput(Throughput::Elements(WRITTEN));
    group.bench_function("append a million records in memory", |bencher| {
        bencher.iter_with_large_drop(|| log(WRITTEN, scattered));
    });
    group.bench_function("a million logged writes, committed to a file by the MiB", |bencher| {
        let file = || tempfile::tempfile().expect("a temporary file");
        bencher.iter_batched(
            file,
            |file| {
                let mut journal = Journal::create(file, &HEADER, 0, WINDOW).expect("the file can be written");
                (0..WRITTEN).try_for_each(|index| journal.write(scattered(index), 7)).expect("as above");
                journal.commit().expect("as above");
                journal
            },
            BatchSize::PerIteration,
        );
    });
    for (name, address) in [
        ("at scattered addresses", scattered as fn(u64) -> u64),
        ("at a million addresses", |index| scattered(index % WRITTEN) >> 32),
    ] {
        let bytes = log(10 * WRITTEN, address);
        group.throughput(Throughput::Elements(10 * WRITTEN));
        group.bench_function(format!("replay ten million records {name}"), |bencher| {
            bencher.iter_with_large_drop(|| {
                let Ok(Recovery::Clean(whole)) = recover(&bytes, WINDOW) else { panic!("the log is whole") };
                let mut context = Context::new(SEED);
                context.replay(whole.iter()).expect("there is no quota");
                context
            });
        });
    }
    let context = written(true);
    group.throughput(Throughput::Elements(WRITTEN));
    group.bench_function("snapshot of a million cells", |bencher| {
        bencher.iter_with_large_drop(|| Snapshot::of(&context).encode(SnapshotForm::Shielded));
    });
    let bytes = Snapshot::of(&context).encode(SnapshotForm::Shielded);
    group.bench_function("read a snapshot of a million cells", |bencher| {
        bencher.iter_with_large_drop(|| Snapshot::decode(&bytes));
    });
    group.finish();
}

criterion_group!(benches, orders, cells, logs);
criterion_main!(benches);
