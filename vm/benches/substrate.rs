//! De-interleaving a frame through the two views of the substrate's segment, and byte by byte without it; and what a block costs.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use travertine_gas::Schedule;
use travertine_memory::substrate::Substrate;
use travertine_vm::{Call, Engine, EngineConfig, EngineKind, Machine, NoHost};

const CONTRACTS: [(&str, &[u8]); 2] = [
    ("two views", include_bytes!("../../fixtures/contracts/deinterleave/deinterleave.elf")),
    ("plain", include_bytes!("../../fixtures/contracts/deinterleave_plain/deinterleave_plain.elf")),
];
const ENGINES: [(&str, EngineKind); 2] =
    [("reference", EngineKind::Reference), ("threaded", EngineKind::Threaded)];
/// Rows of the frame: 64 KiB.
const ROWS: u64 = 1024;

/// A header that allocates.
fn header(substrate: &Substrate) -> Vec<u8> {
    let mut headers = (0_u64..).map(|nonce| nonce.to_le_bytes().to_vec());
    headers.find(|header| substrate.evaluate(header).allocates()).expect("one in 256 does")
}

fn machine(elf: &[u8], engine: EngineKind) -> Machine {
    let engine =
        Engine::with_config(Schedule::default(), EngineConfig { engine }).expect("the schedule is valid");
    let program = engine.load(elf).expect("the contract is valid");
    let mut machine = engine.instantiate(&program);
    let substrate = Substrate::default();
    machine.begin_block(&substrate, &header(&substrate), 0).expect("the block can begin");
    machine
}

/// One call each, with its settlement. The gas is printed once.
fn deinterleave(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deinterleave");
    group.sample_size(20);
    let input = [ROWS, 1].map(u64::to_le_bytes).concat();
    let call = Call::new(input, u64::MAX);
    for (name, elf) in CONTRACTS {
        for (engine, kind) in ENGINES {
            let machine = machine(elf, kind);
            let settlement = machine.clone().call(&call, &mut NoHost).expect("the call ends");
            assert!(settlement.outcome.is_success());
            println!("{name}: {} gas for {ROWS} rows of 64 bytes", settlement.receipt.gas_used);
            group.bench_function(format!("{name}/{engine}"), |bencher| {
                let run = |mut machine: Machine| machine.call(&call, &mut NoHost);
                bencher.iter_batched(|| machine.clone(), run, BatchSize::LargeInput);
            });
        }
    }
    group.finish();
}

/// A block with a segment of 30 MiB: nothing of it is allocated or hashed before it is written.
fn begin_block(criterion: &mut Criterion) {
    let (substrate, machine) = (Substrate::default(), machine(CONTRACTS[0].1, EngineKind::Threaded));
    let header = header(&substrate);
    criterion.bench_function("begin_block", |bencher| {
        let begin = |mut machine: Machine| {
            machine.begin_block(&substrate, &header, 1).expect("the block can begin");
            machine
        };
        bencher.iter_batched(|| machine.clone(), begin, BatchSize::SmallInput);
    });
}

criterion_group!(benches, deinterleave, begin_block);
criterion_main!(benches);
