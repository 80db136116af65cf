//! The interpreter on fixture contracts, loading, settling, proving and verifying.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use travertine_memory::Permissions;
use travertine_merkle::{Claim, verify_memory_proof};
use travertine_vm::{Call, Engine, Image, Machine, NoHost, Outcome, Program, RunLimit, Segment};

const FIXTURES: [(&str, &[u8]); 4] = [
    ("sieve", include_bytes!("../../fixtures/contracts/sieve/sieve.elf")),
    ("quicksort", include_bytes!("../../fixtures/contracts/quicksort/quicksort.elf")),
    ("sha256", include_bytes!("../../fixtures/contracts/sha256_flat/sha256_flat.elf")),
    ("bytecode", include_bytes!("../../fixtures/contracts/bytecode/bytecode.elf")),
];

fn whole_call() -> Call {
    Call::new([], u64::MAX)
}

/// Instructions of a call, counted by stepping.
fn instructions(machine: &Machine) -> u64 {
    let mut machine = machine.clone();
    machine.begin(&whole_call()).expect("the machine is idle");
    let mut steps = 0;
    while machine.run(&mut NoHost, RunLimit::steps(1)).expect("the call goes on") == Outcome::Stepped {
        steps += 1;
    }
    steps + 1
}

/// Runs fixtures from begin to end, without settling; throughput is in guest instructions.
fn interpreter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("interpreter");
    group.sample_size(10);
    for (name, elf) in FIXTURES {
        let engine = Engine::default();
        let machine = engine.instantiate(&engine.load(elf).expect("a fixture loads"));
        group.throughput(Throughput::Elements(instructions(&machine)));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    let mut machine = machine.clone();
                    machine.begin(&whole_call()).expect("the machine is idle");
                    machine
                },
                |mut machine| machine.run(&mut NoHost, RunLimit::NONE).expect("the call runs"),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn loading(criterion: &mut Criterion) {
    let engine = Engine::default();
    let elf = include_bytes!("../../fixtures/contracts/token/token.elf");
    criterion.bench_function("load/token", |bencher| bencher.iter(|| engine.load(black_box(elf))));
    let program = engine.load(elf).expect("a fixture loads");
    criterion.bench_function("instantiate/token", |bencher| bencher.iter(|| engine.instantiate(&program)));
}

/// A machine with a region of 4 GiB, whose program stores its input's first byte at the region's last page.
fn large_machine() -> Machine {
    let code: Vec<u8> = [
        0x0005_c283_u32, // lbu t0, 0(a1)
        0x3000_0337,     // lui t1, 0x30000
        0x0043_1313,     // slli t1, t1, 4
        0xfe53_0e23,     // sb t0, -4(t1)
        0x05d0_0893,     // li a7, 93
        0x0000_0513,     // li a0, 0
        0x0000_0073,     // ecall
    ]
    .iter()
    .flat_map(|word| word.to_le_bytes())
    .collect();
    let segments = vec![
        segment(0x1_f000_0000, code.len() as u64, code, Permissions::READ_EXECUTE),
        segment(0x2_0000_0000, 1 << 32, Vec::new(), Permissions::READ_WRITE),
    ];
    let program = Program::new(Image::new(0x1_f000_0000, segments).expect("the segments are valid"));
    Engine::default().instantiate(&program)
}

fn segment(address: u64, memory_size: u64, data: Vec<u8>, permissions: Permissions) -> Segment {
    Segment { address, memory_size, data, permissions }
}

/// One call that changes one page of a region of 4 GiB, and its settlement.
fn settling(criterion: &mut Criterion) {
    let mut machine = large_machine();
    let mut input = 0_u8;
    criterion.bench_function("call and settle/one page of 4 GiB", |bencher| {
        bencher.iter(|| {
            input = input.wrapping_add(1).max(1);
            let settlement = machine.call(&Call::new([input], 100_000), &mut NoHost).expect("the call runs");
            assert_eq!(settlement.receipt.dirty_pages.len(), 1);
        });
    });
}

fn proofs(criterion: &mut Criterion) {
    let mut machine = large_machine();
    machine.call(&Call::new([7], 100_000), &mut NoHost).expect("the call runs");
    let claims = [Claim::bytes(0x2_ffff_ffe0, 32)];
    let root = machine.root();
    let encode =
        || machine.state().prove(&claims).expect("the bytes are there").encode().expect("it is short");
    let proof = encode();
    criterion.bench_function("prove/32 bytes of 4 GiB", |bencher| bencher.iter(encode));
    criterion.bench_function("verify/32 bytes of 4 GiB", |bencher| {
        bencher.iter(|| verify_memory_proof(black_box(&proof), &root, &claims).expect("the proof is true"));
    });
}

criterion_group!(benches, interpreter, loading, settling, proofs);
criterion_main!(benches);
