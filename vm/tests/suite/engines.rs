//! The threaded engine's own promises: it never grows the host's stack, shares code between threads, takes out-of-the-way
//! jumps, and goes on when its memory for code is used up.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use travertine_memory::Permissions;
use travertine_opcodes::{Instruction, Opcode, encode};
use travertine_vm::{
    Call, Engine, EngineConfig, EngineKind, Image, NoHost, Outcome, Program, RunLimit, Segment,
};

const ENTRY: u64 = 0x1_0000;

fn threaded() -> Engine {
    let config = EngineConfig { engine: EngineKind::Threaded };
    Engine::with_config(travertine_gas::Schedule::default(), config).unwrap()
}

fn op(opcode: Opcode, rd: u8, rs1: u8, rs2: u8, imm: i32) -> u32 {
    encode(Instruction { opcode, rd, rs1, rs2, imm }).unwrap()
}

fn program(code: &[u32]) -> Program {
    let data: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let memory_size = (data.len() as u64).next_multiple_of(4096);
    let segment = Segment { address: ENTRY, memory_size, data, permissions: Permissions::READ_EXECUTE };
    Program::new(Image::new(ENTRY, vec![segment]).unwrap())
}

/// A loop that only gas ends, through a branch, a jump, a call and a return.
fn endless() -> Program {
    program(&[
        op(Opcode::Addi, 5, 5, 0, 1),
        op(Opcode::Beq, 0, 0, 0, 8),
        op(Opcode::Ebreak, 0, 0, 0, 0),
        op(Opcode::Jal, 1, 0, 0, 8),
        op(Opcode::Jal, 0, 0, 0, -16),
        op(Opcode::Jalr, 0, 1, 0, 0),
    ])
}

#[test]
fn a_long_chain_needs_no_stack() {
    // A frame of 16 bytes for each handler would need more than a hundred times this stack.
    let rounds = 2_000_000;
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        let engine = threaded();
        let prices = engine.schedule();
        let round = prices.arithmetic + prices.branch + 2 * prices.jump + prices.jump_register;
        let mut machine = engine.instantiate(&endless());
        machine.begin(&Call::new([], round * rounds)).unwrap();
        let outcome = machine.run(&mut NoHost, RunLimit::NONE).unwrap();
        assert_eq!(outcome, Outcome::OutOfGas { needed: prices.arithmetic });
        assert_eq!(machine.cpu().unwrap().register(5), Some(rounds));
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn threads_share_code_that_is_not_decoded_yet() {
    let engine = threaded();
    for length in 1..40_usize {
        // Branches over branches: each block is decoded when the first thread comes to it.
        let mut code = Vec::new();
        for step in 0..length {
            code.push(op(Opcode::Addi, 5, 5, 0, 1));
            code.push(op([Opcode::Beq, Opcode::Bne][step % 2], 0, 0, 0, 8));
            code.push(op(Opcode::Addi, 6, 6, 0, 1));
        }
        code.push(op(Opcode::Jal, 0, 0, 0, -4 * i32::try_from(code.len()).unwrap()));
        let program = program(&code);
        let run = || {
            let mut machine = engine.instantiate(&program);
            machine.begin(&Call::new([], 100_003)).unwrap();
            let outcome = machine.run(&mut NoHost, RunLimit::NONE).unwrap();
            (outcome, machine.cpu().unwrap().clone(), machine.meter().unwrap().clone())
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut reference = engine.instantiate(&program);
        reference.use_engine(EngineKind::Reference);
        reference.begin(&Call::new([], 100_003)).unwrap();
        let outcome = reference.run(&mut NoHost, RunLimit::NONE).unwrap();
        let expected = (outcome, reference.cpu().unwrap().clone(), reference.meter().unwrap().clone());
        assert!(results.iter().all(|result| *result == expected), "{length}: {results:?}, not {expected:?}");
    }
}

#[test]
fn code_beyond_the_limit_of_decoded_code_runs() {
    // Operations take 40 bytes, instructions 4: this is more than fits. All of it runs once, then the first part again.
    let count = 3 << 19;
    let mut code = vec![op(Opcode::Addi, 5, 5, 0, 1); count];
    code.push(op(Opcode::Auipc, 6, 0, 0, -4 * i32::try_from(count).unwrap()));
    code.push(op(Opcode::Jalr, 0, 6, 0, 0));
    let engine = threaded();
    let prices = engine.schedule();
    let (additions, way_back) = (2 * u64::try_from(count).unwrap(), prices.arithmetic + prices.jump_register);
    let mut machine = engine.instantiate(&program(&code));
    machine.begin(&Call::new([], prices.arithmetic * additions + way_back)).unwrap();
    let outcome = machine.run(&mut NoHost, RunLimit::NONE).unwrap();
    assert_eq!(outcome, Outcome::OutOfGas { needed: prices.arithmetic });
    assert_eq!(machine.cpu().unwrap().register(5), Some(additions));
}

#[test]
fn quick_ways_to_pages_end_when_their_bytes_move() {
    let li = |rd, value| op(Opcode::Addi, rd, 0, 0, value);
    let load = |rd| op(Opcode::Ld, rd, 12, 0, 0);
    let store = |rs2| op(Opcode::Sd, 0, 12, rs2, 0);
    // Each group is repeated, so that the second time goes the quick way. x12: two pages of the heap, x18: 4,096.
    let code = [
        &[li(18, 1), op(Opcode::Slli, 18, 18, 0, 12), op(Opcode::Add, 10, 18, 18, 0), li(11, 4)][..],
        &[op(Opcode::M3Alloc, 12, 10, 11, 0), li(13, 77)],
        &[store(13), load(14), store(13), load(14)],
        // The second page, which is zero, is copied over the first: it takes its place.
        &[op(Opcode::Add, 17, 12, 18, 0), op(Opcode::M3Copy, 12, 17, 18, 0)],
        &[load(19), load(19), store(13), load(20), store(13), load(20)],
        // The page is shared from now on, and stored to again.
        &[op(Opcode::M3Share, 17, 12, 18, 0), li(13, 78), store(13), load(21), op(Opcode::Ld, 22, 17, 0, 0)],
        &[op(Opcode::M3Free, 23, 12, 0, 0), load(24)],
    ]
    .concat();
    let program = program(&code);
    let run = |kind| {
        let mut machine = threaded().instantiate(&program);
        machine.use_engine(kind);
        machine.begin(&Call::new([], 10_000_000)).unwrap();
        let outcome = machine.run(&mut NoHost, RunLimit::NONE).unwrap();
        (outcome, machine.cpu().unwrap().clone(), machine.meter().unwrap().clone())
    };
    let (outcome, cpu, meter) = run(EngineKind::Threaded);
    assert!(matches!(&outcome, Outcome::Trapped(trap) if trap.cause.name() == "LoadFault"), "{outcome}");
    let values = [14, 19, 20, 21, 22, 23].map(|register| cpu.register(register).unwrap());
    assert_eq!(values, [77, 0, 77, 78, 77, 0]);
    assert_eq!((outcome, cpu, meter), run(EngineKind::Reference));
}

/// How a program ends with so much gas, on both engines alike.
fn ends_alike(program: &Program, gas: u64) -> (Outcome, [u64; 32]) {
    let engine = threaded();
    let run = |kind| {
        let mut machine = engine.instantiate(program);
        machine.use_engine(kind);
        machine.begin(&Call::new([], gas)).unwrap();
        let outcome = machine.run(&mut NoHost, RunLimit::NONE).unwrap();
        (outcome, machine.cpu().unwrap().clone(), machine.meter().unwrap().clone())
    };
    let (outcome, cpu, meter) = run(EngineKind::Threaded);
    let registers = std::array::from_fn(|number| cpu.register(u8::try_from(number).unwrap()).unwrap());
    let end = (outcome, cpu, meter);
    assert_eq!(end, run(EngineKind::Reference));
    (end.0, registers)
}

#[test]
fn a_jump_may_lead_to_more_places_than_it_remembers() {
    // A switch of 32 cases, in an order that is not that of their addresses; x8 mixes the cases up.
    let (cases, size) = (32, 3);
    let mut code = vec![
        op(Opcode::Auipc, 6, 0, 0, 0),
        op(Opcode::Addi, 5, 5, 0, 13),
        op(Opcode::Andi, 7, 5, 0, cases - 1),
        op(Opcode::Sh1add, 7, 7, 7, 0),
        op(Opcode::Slli, 7, 7, 0, 2),
        op(Opcode::Add, 7, 7, 6, 0),
        op(Opcode::Jalr, 0, 7, 0, 7 * 4),
    ];
    for case in 0..cases {
        code.push(op(Opcode::Rori, 8, 8, 0, 7));
        code.push(op(Opcode::Addi, 8, 8, 0, 100 + case));
        code.push(op(Opcode::Jal, 0, 0, 0, -4 * (6 + 3 + size * case - 1)));
    }
    let program = program(&code);
    let all = (1..800).chain([10_007]);
    let ends: Vec<_> = all.map(|gas| ends_alike(&program, gas)).collect();
    assert!(ends.iter().all(|(outcome, _)| matches!(outcome, Outcome::OutOfGas { .. })));
    assert!(ends.last().unwrap().1[5] > 13 * 320, "all cases, many times");
}

#[test]
fn jumps_that_are_followed_cost_what_they_cost() {
    let add = op(Opcode::Addi, 5, 5, 0, 1);
    let jump = |words: i32| op(Opcode::Jal, 0, 0, 0, 4 * words);
    let programs = [
        // Around in circles of one, two and three blocks; to jumps; to oneself; from the middle of the block that is repeated.
        vec![add, add, jump(-2)],
        vec![add, jump(2), jump(-2), add, jump(-2)],
        vec![add, jump(4), add, add, jump(-4), add, jump(-4)],
        vec![add, jump(1), jump(1), jump(1), jump(1), jump(1), add, jump(-7)],
        vec![add, jump(0)],
        vec![jump(2), add, add, op(Opcode::Bne, 0, 5, 0, -4), jump(-3)],
        // A return that is led to first by a branch, then behind another one.
        [
            vec![add, op(Opcode::Jal, 1, 0, 0, 12), jump(-2), add, op(Opcode::Andi, 7, 5, 0, 1)],
            vec![
                op(Opcode::Bne, 0, 7, 0, 16),
                add,
                op(Opcode::Andi, 9, 5, 0, 2),
                op(Opcode::Bne, 0, 9, 0, 8),
            ],
            vec![op(Opcode::Jalr, 0, 1, 0, 0), add, jump(-2)],
        ]
        .concat(),
        // Where no code is, and to an instruction that is none.
        vec![add, jump(5000), add],
        vec![add, jump(2), add, 0xffff_ffff],
        // To a block that is too long to be repeated.
        [vec![add, jump(1)], vec![add; 40], vec![jump(-42)]].concat(),
    ];
    for code in programs {
        let program = program(&code);
        for gas in 1..400 {
            ends_alike(&program, gas);
        }
    }
}

#[test]
fn stores_to_a_reservation_are_seen_when_pages_displace_each_other() {
    // x8 and x9 point to pages that stand at one place in any table of pages; x9 displaces x8 after x8 is reserved.
    let data = 0x2_0000_0000_u64;
    let code = [
        &[op(Opcode::Addi, 8, 0, 0, 1), op(Opcode::Slli, 8, 8, 0, 33), op(Opcode::Lui, 9, 0, 0, 1 << 28)][..],
        &[op(Opcode::Add, 9, 9, 8, 0), op(Opcode::Sd, 0, 8, 8, 0), op(Opcode::Sd, 0, 9, 9, 0)],
        &[op(Opcode::Ld, 10, 8, 0, 0), op(Opcode::Ld, 11, 9, 0, 0), op(Opcode::Sd, 0, 8, 8, 0)],
        // The reservation holds without a store to it, and does not with one.
        &[op(Opcode::LrD, 12, 8, 0, 0), op(Opcode::Ld, 13, 9, 0, 0), op(Opcode::Sd, 0, 9, 8, 8)],
        &[op(Opcode::ScD, 14, 8, 9, 0), op(Opcode::LrD, 15, 8, 0, 0), op(Opcode::Ld, 16, 9, 0, 0)],
        &[op(Opcode::Sd, 0, 8, 8, 0), op(Opcode::ScD, 17, 8, 8, 0), op(Opcode::Ebreak, 0, 0, 0, 0)],
    ]
    .concat();
    let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let segment =
        |address, memory_size, data, permissions| Segment { address, memory_size, data, permissions };
    let segments = vec![
        segment(ENTRY, 4096, code, Permissions::READ_EXECUTE),
        segment(data, 1 << 32, vec![], Permissions::READ_WRITE),
    ];
    let program = Program::new(Image::new(ENTRY, segments).unwrap());
    let (outcome, registers) = ends_alike(&program, 1_000_000);
    assert!(matches!(&outcome, Outcome::Trapped(trap) if trap.cause.name() == "Breakpoint"), "{outcome}");
    assert_eq!(
        [10, 11, 13, 14, 16, 17].map(|at| registers[at]),
        [data, data + (1 << 28), data + (1 << 28), 0, data + (1 << 28), 1]
    );
}
