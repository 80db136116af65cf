//! The interpreter on fixture contracts, loading, settling, proving and verifying.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use travertine_gas::Schedule;
use travertine_memory::Permissions;
use travertine_merkle::{Claim, verify_memory_proof};
use travertine_vm::{
    Call, Engine, EngineConfig, EngineKind, Host, HostCall, HostPlan, HostReply, Image, Machine, NoHost,
    Outcome, Program, RunLimit, Segment,
};

const FIXTURES: [(&str, &[u8]); 4] = [
    ("sieve", include_bytes!("../../fixtures/contracts/sieve/sieve.elf")),
    ("quicksort", include_bytes!("../../fixtures/contracts/quicksort/quicksort.elf")),
    ("sha256", include_bytes!("../../fixtures/contracts/sha256_flat/sha256_flat.elf")),
    ("bytecode", include_bytes!("../../fixtures/contracts/bytecode/bytecode.elf")),
];
const KERNELS: [(&str, &[u8]); 10] = [
    ("alu", include_bytes!("../../benches/kernels/rv64/alu.elf")),
    ("sieve", include_bytes!("../../benches/kernels/rv64/sieve.elf")),
    ("qsort", include_bytes!("../../benches/kernels/rv64/qsort.elf")),
    ("sha256", include_bytes!("../../benches/kernels/rv64/sha256.elf")),
    ("keccak", include_bytes!("../../benches/kernels/rv64/keccak.elf")),
    ("chase", include_bytes!("../../benches/kernels/rv64/chase.elf")),
    ("matmul", include_bytes!("../../benches/kernels/rv64/matmul.elf")),
    ("mulmod", include_bytes!("../../benches/kernels/rv64/mulmod.elf")),
    ("fib", include_bytes!("../../benches/kernels/rv64/fib.elf")),
    ("bytecode", include_bytes!("../../benches/kernels/rv64/bytecode.elf")),
];
const TOKEN: &[u8] = include_bytes!("../../fixtures/contracts/token/token.elf");
const ENGINES: [(&str, EngineKind); 2] =
    [("reference", EngineKind::Reference), ("threaded", EngineKind::Threaded)];

fn engine(kind: EngineKind) -> Engine {
    let config = EngineConfig { engine: kind };
    Engine::with_config(Schedule::default(), config).expect("the default schedule is valid")
}

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

/// Runs fixtures from begin to end on both engines, without settling; throughput is in guest instructions.
fn interpreter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("interpreter");
    group.sample_size(10);
    for (name, elf) in FIXTURES {
        for (engine_name, kind) in ENGINES {
            let engine = engine(kind);
            let machine = engine.instantiate(&engine.load(elf).expect("a fixture loads"));
            group.throughput(Throughput::Elements(instructions(&machine)));
            group.bench_function(format!("{name}/{engine_name}"), |bencher| {
                bencher.iter_batched(
                    || begun(&machine),
                    |mut machine| machine.run(&mut NoHost, RunLimit::NONE).expect("the call runs"),
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

/// Runs the kernels of `benches/kernels` on the threaded engine.
fn kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernels");
    group.sample_size(10);
    for (name, elf) in KERNELS {
        let engine = engine(EngineKind::Threaded);
        let machine = engine.instantiate(&engine.load(elf).expect("a kernel loads"));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || begun(&machine),
                |mut machine| machine.run(&mut NoHost, RunLimit::NONE).expect("the call runs"),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// A copy of the machine with a call that is about to execute its first instruction.
fn begun(machine: &Machine) -> Machine {
    let mut machine = machine.clone();
    machine.begin(&whole_call()).expect("the machine is idle");
    machine
}

/// A host whose calls do nothing.
struct Idle;

impl Host for Idle {
    fn plan(&self, _: &HostCall) -> Option<HostPlan> {
        Some(HostPlan::default())
    }

    fn call(&mut self, _: &HostCall, _: &[u8], _: &mut [u8]) -> HostReply {
        HostReply::Return(0)
    }
}

/// A loop of 100,000 host calls.
fn host_calls(criterion: &mut Criterion) {
    let code = [
        0x0001_8437_u32, // lui s0, 0x18
        0x6a04_0413,     // addi s0, s0, 1696: 100,000
        0x0000_88b7,     // lui a7, 8
        0x0000_0073,     // loop: ecall
        0xfff4_0413,     // addi s0, s0, -1
        0xfe04_1ce3,     // bnez s0, loop
        0x05d0_0893,     // li a7, 93
        0x0000_0073,     // ecall
    ];
    let program = Program::new(Image::new(0x1_f000_0000, vec![code_segment(&code)]).expect("it is valid"));
    let mut group = criterion.benchmark_group("100,000 host calls");
    group.sample_size(10);
    group.throughput(Throughput::Elements(100_000));
    for (name, kind) in ENGINES {
        let machine = engine(kind).instantiate(&program);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || begun(&machine),
                |mut machine| {
                    let outcome = machine.run(&mut Idle, RunLimit::NONE).expect("the call runs");
                    assert_eq!(outcome, Outcome::Halted { exit: 0 });
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Calls of the token contract: transfers on a machine that has run before, and mints each on a machine that was just loaded.
fn token(criterion: &mut Criterion) {
    let transfer = |operation: u8, amount: u64| {
        let input = [&[operation][..], &[7; 32], &amount.to_le_bytes()].concat();
        Call::new(input, u64::MAX)
    };
    let mut group = criterion.benchmark_group("token");
    group.throughput(Throughput::Elements(1));
    for (name, kind) in ENGINES {
        group.bench_function(format!("cold: load, run, settle/{name}"), |bencher| {
            bencher.iter(|| {
                let engine = engine(kind);
                let mut machine = engine.instantiate(&engine.load(TOKEN).expect("a fixture loads"));
                let settlement = machine.call(&transfer(1, 5), &mut NoHost).expect("the call runs");
                assert!(settlement.outcome.is_success());
            });
        });
        let engine = engine(kind);
        let mut machine = engine.instantiate(&engine.load(TOKEN).expect("a fixture loads"));
        machine.call(&transfer(1, 1 << 60), &mut NoHost).expect("the call runs");
        group.bench_function(format!("warm: run, settle/{name}"), |bencher| {
            bencher.iter(|| {
                let settlement = machine.call(&transfer(1, 1), &mut NoHost).expect("the call runs");
                assert!(settlement.outcome.is_success());
            });
        });
        group.bench_function(format!("load and first instruction/{name}"), |bencher| {
            bencher.iter(|| {
                let mut machine = engine.instantiate(&engine.load(TOKEN).expect("a fixture loads"));
                machine.begin(&transfer(4, 0)).expect("the machine is idle");
                machine.run(&mut NoHost, RunLimit::gas_used(1)).expect("the call runs")
            });
        });
    }
    group.finish();
}

fn loading(criterion: &mut Criterion) {
    let engine = Engine::default();
    criterion.bench_function("load/token", |bencher| bencher.iter(|| engine.load(black_box(TOKEN))));
    let program = engine.load(TOKEN).expect("a fixture loads");
    criterion.bench_function("instantiate/token", |bencher| bencher.iter(|| engine.instantiate(&program)));
}

/// A machine with a region of 4 GiB, whose program stores its input's first byte at the region's last page.
fn large_machine() -> Machine {
    let code = [
        0x0005_c283_u32, // lbu t0, 0(a1)
        0x3000_0337,     // lui t1, 0x30000
        0x0043_1313,     // slli t1, t1, 4
        0xfe53_0e23,     // sb t0, -4(t1)
        0x05d0_0893,     // li a7, 93
        0x0000_0513,     // li a0, 0
        0x0000_0073,     // ecall
    ];
    let segments =
        vec![code_segment(&code), segment(0x2_0000_0000, 1 << 32, Vec::new(), Permissions::READ_WRITE)];
    let program = Program::new(Image::new(0x1_f000_0000, segments).expect("the segments are valid"));
    Engine::default().instantiate(&program)
}

fn code_segment(code: &[u32]) -> Segment {
    let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    segment(0x1_f000_0000, code.len() as u64, code, Permissions::READ_EXECUTE)
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

criterion_group!(benches, interpreter, kernels, host_calls, token, loading, settling, proofs);
criterion_main!(benches);
