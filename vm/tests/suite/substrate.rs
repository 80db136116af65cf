//! Region 0xF0 in a machine: blocks, both views, counters, snapshots and proofs, on both engines.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use travertine_gas::{Operation, Schedule};
use travertine_memory::FaultReason;
use travertine_memory::substrate::{BlockError, NodeField, Substrate, Transfers};
use travertine_merkle::{Claim, verify_memory_proof};
use travertine_opcodes::Opcode;
use travertine_vm::{
    Call, Engine, EngineKind, Host, HostCall, HostPlan, HostReply, Machine, MachineError, NoHost, Outcome,
    RunLimit, Settlement, SnapshotError, State, TrapCause,
};

use crate::assembler::*;

const PACKED: u64 = 0xF0_6000_0000;
const PLANES: u64 = 0xF0_7000_0000;
const ROWS: u64 = 491_520;
const EDGES: u64 = 0xF0_4000_0000;
const HEAP: u64 = 4;

/// An opcode with `a0`, `a1` and `a2`; what it leaves in `a2`, or for stores in memory, is its answer.
type Step = (Opcode, [u64; 3]);

/// A program of these steps, which returns `a2` after each, and its input. `a0` is `rd` of bulk instructions and the base of
/// loads, stores and atomics; `a2` is what is stored.
fn script(steps: &[Step], end: Vec<u8>) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut code = vec![i(Opcode::Addi, T0, A1, 0), data_address(T1)];
    for (place, (opcode, _)) in (0..).zip(steps) {
        code.extend(
            (0..)
                .zip([A0, A1, A2])
                .map(|(operand, register)| i(Opcode::Ld, register, T0, 24 * place + 8 * operand)),
        );
        code.push(match opcode {
            Opcode::Sd | Opcode::Sb => s(*opcode, A0, A2, 0),
            Opcode::Ld | Opcode::Lbu => i(*opcode, A2, A0, 0),
            Opcode::M3Free | Opcode::M3Compact | Opcode::LrD => r(*opcode, A2, A0, ZERO),
            Opcode::M3Root => r(*opcode, A0, A1, ZERO),
            Opcode::M3Alloc | Opcode::ScD | Opcode::AmoaddD => r(*opcode, A2, A0, A1),
            _ => r(*opcode, A0, A1, A2),
        });
        code.push(s(Opcode::Sd, T1, A2, 8 * place));
    }
    code.push(end);
    let input = steps.iter().flat_map(|(_, operands)| operands.map(u64::to_le_bytes)).flatten().collect();
    (code, input)
}

/// Returns the answers.
fn answer(steps: usize) -> Vec<u8> {
    let length = i32::try_from(8 * steps).unwrap();
    [i(Opcode::Addi, A0, T1, 0), li(A1, length), ecall(0x1000)].concat()
}

fn header(allocates: bool) -> Vec<u8> {
    let substrate = Substrate::default();
    let mut headers = (0_u64..).map(|nonce| nonce.to_le_bytes().to_vec());
    headers.find(|header| substrate.evaluate(header).allocates() == allocates).unwrap()
}

/// A machine in a block.
fn machine_in_block(code: &[Vec<u8>], allocates: bool) -> Machine {
    let mut machine = machine(code);
    machine.begin_block(&Substrate::default(), &header(allocates), 7).unwrap();
    machine
}

/// Runs a call on both engines, which must agree on everything, and returns the machine and what it gave.
fn on_both(code: &[Vec<u8>], input: &[u8], allocates: bool) -> (Machine, Settlement) {
    let results = [EngineKind::Reference, EngineKind::Threaded].map(|kind| {
        let mut machine = machine_in_block(code, allocates);
        machine.use_engine(kind);
        let settlement = machine.call(&Call::new(input, 1 << 40), &mut NoHost).unwrap();
        (machine, settlement)
    });
    assert_eq!(results[0].1.receipt, results[1].1.receipt);
    assert_eq!(results[0].0.root(), results[1].0.root());
    let [_, threaded] = results;
    threaded
}

fn run_script(steps: &[Step]) -> (Machine, Settlement, Vec<u64>) {
    let (code, input) = script(steps, answer(steps.len()));
    let (machine, settlement) = on_both(&code, &input, true);
    assert_eq!(settlement.outcome, Outcome::Returned);
    let words = settlement.receipt.output.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let answers = words.collect();
    (machine, settlement, answers)
}

#[test]
fn both_views_show_the_same_bytes_to_a_program() {
    let steps = [
        (Opcode::Sd, [PACKED + 64, 0, 0x0807_0605_0403_0201]),
        (Opcode::Lbu, [PLANES + 1, 0, 0]),
        (Opcode::Lbu, [PLANES + 7 * ROWS + 1, 0, 0]),
        (Opcode::Sd, [PLANES + 5 * ROWS + 100, 0, u64::MAX]),
        (Opcode::Lbu, [PACKED + 104 * 64 + 5, 0, 0]),
        (Opcode::Ld, [PLANES + 5 * ROWS + 99, 0, 0]),
        (Opcode::AmoaddD, [PLANES + 5 * ROWS + 100, 1, 0]),
        (Opcode::Ld, [PLANES + 5 * ROWS + 100, 0, 0]),
    ];
    let (machine, settlement, answers) = run_script(&steps);
    assert_eq!(answers[1..3], [1, 8]);
    assert_eq!(answers[4..], [0xff, u64::MAX << 8, u64::MAX, 0]);
    // 7 pages of the packed view were looked at, two of them written to: rows 100 to 107 lie across two pages.
    let dirty: Vec<_> = settlement.receipt.dirty_pages.iter().filter(|page| page.region == 0xF0).collect();
    assert_eq!(dirty.len(), 1, "the AMO has made zeros of the ones again");
    let mut byte = [0];
    machine.peek(PLANES + 7 * ROWS + 1, &mut byte).unwrap();
    assert_eq!(byte, [8]);
}

#[test]
fn an_access_through_the_second_view_pays_for_each_byte_and_for_the_pages_that_it_touches() {
    let schedule = Schedule::default();
    let gas = |opcode, address| {
        let steps = [(opcode, [PACKED, 0, 1]), (opcode, [address, 0, 1])];
        let (code, input) = script(&steps, exit(0));
        on_both(&code, &input, true).1.receipt.bill.memory
    };
    let cost = |operation: Operation| schedule.cost(&operation).memory;
    for (opcode, bytes) in [(Opcode::Ld, 8), (Opcode::Lbu, 1), (Opcode::Sd, 8), (Opcode::Sb, 1)] {
        // The same page again, and eight rows across two other pages.
        let is_store = matches!(opcode, Opcode::Sd | Opcode::Sb);
        let base = gas(opcode, PACKED);
        let view = cost(Operation::View { bytes });
        assert_eq!(gas(opcode, PLANES + 3), base + view, "{opcode:?}");
        let pages = if bytes == 8 { 2 } else { 1 };
        let (first_reads, first_writes) = if is_store { (0, pages) } else { (pages, 0) };
        let touch =
            Operation::Touch { first_reads, first_writes, synthesized: 0, copies: 0, first_placed: 0 };
        assert_eq!(gas(opcode, PLANES + 124), base + view + cost(touch), "{opcode:?}");
    }
}

#[test]
fn what_is_not_there_or_not_for_the_program_faults() {
    let fault = |step: Step, allocates| {
        let (code, input) = script(&[step], exit(0));
        let (_, settlement) = on_both(&code, &input, allocates);
        match settlement.outcome {
            Outcome::Trapped(trap) => trap.cause.fault().map(|fault| (fault.address, fault.reason)).unwrap(),
            other => panic!("{other}"),
        }
    };
    for (address, width_of_load) in
        [(PACKED, Opcode::Ld), (PLANES, Opcode::Lbu), (0xF0_8000_0000, Opcode::Ld)]
    {
        assert_eq!(fault((width_of_load, [address, 0, 0]), false), (address, FaultReason::OutOfRegion));
        assert_eq!(fault((Opcode::Sd, [address, 0, 0]), false), (address, FaultReason::OutOfRegion));
    }
    for read_only in [0xF0_0000_0000, 0xF0_3FFF_F000, EDGES, 0xF0_5000_0000] {
        assert_eq!(fault((Opcode::Sb, [read_only, 0, 1]), true), (read_only, FaultReason::Permission));
    }
    assert_eq!(fault((Opcode::LrD, [PLANES, 0, 0]), true), (PLANES, FaultReason::SecondView));
    assert_eq!(fault((Opcode::M3Copy, [DATA, PLANES, 8]), true), (PLANES, FaultReason::SecondView));
    assert_eq!(fault((Opcode::M3Root, [PLANES, 2, 0]), true), (PLANES, FaultReason::SecondView));
    let end = PLANES + 64 * ROWS;
    assert_eq!(fault((Opcode::Ld, [end - 3, 0, 0]), true), (end, FaultReason::OutOfRegion));
}

#[test]
fn nothing_is_executed_in_the_region() {
    for address in [PACKED, PLANES, 0xF0_0000_0000] {
        let input = address.to_le_bytes();
        let code = [i(Opcode::Ld, T0, A1, 0), i(Opcode::Jalr, RA, T0, 0)];
        let (_, settlement) = on_both(&code, &input, true);
        let Outcome::Trapped(trap) = settlement.outcome else { panic!("{}", settlement.outcome) };
        assert!(matches!(trap.cause, TrapCause::FetchFault(fault) if fault.address == address), "{trap:?}");
    }
}

#[test]
fn a_store_through_the_second_view_ends_the_reservation_of_the_bytes() {
    let reserved = |store: Step| {
        let steps = [(Opcode::LrD, [PACKED, 0, 0]), store, (Opcode::ScD, [PACKED, 1, 0])];
        run_script(&steps).2[2]
    };
    assert_eq!(reserved((Opcode::Sb, [PLANES + ROWS, 0, 9])), 1, "it is byte 1 of the packed view");
    assert_eq!(reserved((Opcode::Sb, [PACKED + 64, 0, 9])), 0);
    assert_eq!(run_script(&[(Opcode::ScD, [PLANES, 1, 0])]).2, [1], "nothing is ever reserved there");
}

#[test]
fn counters_are_live_in_the_call_and_settle_with_it() {
    let edge = |from: u64, to: u64| EDGES + (from * 256 + to) * 8;
    let steps = [
        (Opcode::M3Alloc, [10_000, HEAP, 0]),
        (Opcode::M3Copy, [PACKED, DATA, 100]),
        (Opcode::M3Copy, [DATA + 512, PACKED, 30]),
        (Opcode::Ld, [edge(2, 0xF0), 0, 0]),
        (Opcode::M3Copy, [PACKED + 9, DATA, 5]),
        (Opcode::Ld, [edge(2, 0xF0), 0, 0]),
        (Opcode::Ld, [edge(2, 0xF0) + 256 * 256 * 8, 0, 0]),
        (Opcode::M3Fill, [PACKED, 1, 4096]),
        (Opcode::Ld, [0xF0_5000_0000 + 3 * 64 + 2 * 8, 0, 0]),
    ];
    let (machine, _, answers) = run_script(&steps);
    assert_eq!((answers[3], answers[5], answers[6], answers[8]), (1, 2, 105, 10_000));
    let memory = machine.state().memory();
    assert_eq!(memory.transfers(2, 0xF0), Ok(Transfers { count: 2, bytes: 105 }));
    assert_eq!(memory.transfers(0xF0, 2), Ok(Transfers { count: 1, bytes: 30 }));
    assert_eq!(memory.transfers(0xF0, 0xF0), Ok(Transfers::default()), "a fill moves nothing");
    let node = |region, field| memory.node_counter(region, field).unwrap();
    let heap = NodeField::ALL.map(|field| node(3, field));
    assert_eq!((heap[0], heap[1], heap[2], heap[3], heap[5]), (1, 0, 10_000, 10_000, 0));
    let schedule = Schedule::default();
    let allocation = schedule.cost(&"allocate 10000 planes_after=1".parse().unwrap()).total().unwrap();
    assert_eq!(heap[4], allocation);
    assert!(node(0xF0, NodeField::GasSpent) > 0 && node(2, NodeField::GasSpent) > 0);

    // The next block counts anew; what is live is live.
    let mut machine = machine;
    machine.begin_block(&Substrate::default(), &header(false), 8).unwrap();
    let memory = machine.state().memory();
    assert_eq!(memory.transfers(2, 0xF0), Ok(Transfers::default()));
    assert_eq!(
        NodeField::ALL.map(|field| memory.node_counter(3, field).unwrap()),
        [0, 0, 10_000, 0, 0, 0, 0, 0]
    );
}

#[test]
fn a_compaction_counts_the_frames_that_it_moves() {
    const PLANE: u64 = 65_536;
    let allocations = [PLANE - 4096, 4096, 4096].map(|size| (Opcode::M3Alloc, [size, HEAP, 0]));
    let (_, _, starts) = run_script(&allocations);
    let region = starts[0] >> 32;
    let [compactions, released] = [NodeField::Compactions as u64, NodeField::Refunds as u64]
        .map(|field| 0xF0_5000_0000 + region * 64 + field * 8);
    // The last one, alone in the second plane, moves into what the first has left.
    let compact = [
        (Opcode::M3Compact, [region, 0, 0]),
        (Opcode::M3Free, [starts[0], 0, 0]),
        (Opcode::Ld, [compactions, 0, 0]),
        (Opcode::M3Compact, [region, 0, 0]),
        (Opcode::Ld, [compactions, 0, 0]),
        (Opcode::Ld, [EDGES + (region * 256 + region) * 8, 0, 0]),
        (Opcode::Ld, [released, 0, 0]),
    ];
    let (machine, settlement, answers) = run_script(&[&allocations[..], &compact].concat());
    let region = u8::try_from(region).unwrap();
    assert_eq!(answers[3..], [0, 0, 0, PLANE, 1, 1, settlement.receipt.refund]);
    let within = machine.state().memory().transfers(region, region);
    assert_eq!(within, Ok(Transfers { count: 1, bytes: 4096 }));
}

#[test]
fn a_call_that_fails_has_counted_nothing() {
    let steps = [(Opcode::M3Copy, [PACKED, DATA, 100]), (Opcode::Sd, [PACKED, 0, 5])];
    let (code, input) = script(&steps, exit(1));
    let before = machine_in_block(&code, true).root();
    let (machine, _) = on_both(&code, &input, true);
    assert_eq!(machine.root(), before);
    assert_eq!(machine.state().memory().transfers(2, 0xF0), Ok(Transfers::default()));
}

#[test]
fn a_snapshot_carries_the_block() {
    let steps = [(Opcode::Sd, [PLANES, 0, u64::MAX]), (Opcode::M3Copy, [PACKED + 4096, DATA, 100])];
    let (code, input) = script(&steps, exit(0));
    let (mut machine, _) = on_both(&code, &input, true);
    let engine = Engine::default();
    let snapshot = machine.state().to_snapshot().unwrap();
    let state = State::from_snapshot(&snapshot).unwrap();
    assert_eq!((state.root(), state.block()), (machine.root(), machine.state().block()));
    assert_eq!(state.to_snapshot().unwrap(), snapshot);
    let mut restored = engine.restore(&program(&code), state).unwrap();
    let call = Call::new(input, 1 << 40);
    // Counters are among the pages that are not loaded yet.
    assert_eq!(
        restored.call(&call, &mut NoHost).unwrap().receipt,
        machine.call(&call, &mut NoHost).unwrap().receipt
    );
    assert_eq!(restored.state().memory().transfers(2, 0xF0).map(|transfers| transfers.count), Ok(2));
    let next = header(false);
    for machine in [&mut restored, &mut machine] {
        machine.begin_block(&Substrate::default(), &next, 9).unwrap();
    }
    assert_eq!(restored.root(), machine.root());

    // The status page is read when the snapshot is opened, and refused if it is damaged.
    let digest = Substrate::default().evaluate(&header(true)).digest;
    let at = snapshot.windows(32).rposition(|bytes| bytes == digest).unwrap();
    let mut damaged = snapshot;
    damaged[at] ^= 1;
    assert!(matches!(State::from_snapshot(&damaged), Err(SnapshotError::Block(_))));
}

#[test]
fn the_segment_is_proven_like_other_memory() {
    let (machine, _, _) = run_script(&[(Opcode::Sd, [PLANES, 0, 0x0807_0605_0403_0201])]);
    let ledger = machine.state().block().unwrap().ledger;
    let claims = [
        Claim::bytes(PACKED + 3 * 64, 1),
        Claim::bytes(0xF0_3FFF_F000 + 160, 32),
        Claim::bytes(0xF0_0000_0000, 8),
    ];
    let proof = machine.state().prove(&claims).unwrap().encode().unwrap();
    let proven = verify_memory_proof(&proof, &machine.root(), &claims).unwrap();
    assert_eq!(proven[0].bytes(), Some(&[4][..]));
    assert_eq!(proven[1].bytes(), Some(&ledger.root()[..]));
    assert_eq!(proven[2].bytes(), Some(&header(true)[..]));
    assert!(machine.state().prove(&[Claim::bytes(PLANES, 1)]).is_err(), "the tree has the packed view alone");
    let plain = machine_in_block(&[exit(0)], false);
    assert!(plain.state().prove(&[Claim::bytes(PACKED, 1)]).is_err());
}

/// Answers later.
struct Later;

impl Host for Later {
    fn plan(&self, _: &HostCall) -> Option<HostPlan> {
        Some(HostPlan::default())
    }

    fn call(&mut self, _: &HostCall, _: &[u8], _: &mut [u8]) -> HostReply {
        HostReply::Suspend
    }
}

#[test]
fn a_suspended_call_keeps_the_segment() {
    let (mut code, input) = script(&[(Opcode::Sd, [PACKED, 0, 77])], ecall(0x8000));
    code.extend([i(Opcode::Ld, A0, T0, 0), i(Opcode::Ld, A0, A0, 0), ecall(93)]);
    let mut machine = machine_in_block(&code, true);
    machine.begin(&Call::new(input, 1 << 40)).unwrap();
    assert!(matches!(machine.run(&mut Later, RunLimit::NONE).unwrap(), Outcome::HostCall(_)));
    let next = header(false);
    let refused = machine.begin_block(&Substrate::default(), &next, 8);
    assert_eq!(refused, Err(MachineError::CallInProgress));
    let mut elsewhere = machine.clone();
    elsewhere.answer(0, &[]).unwrap();
    assert_eq!(elsewhere.run(&mut Later, RunLimit::NONE), Ok(Outcome::Halted { exit: 77 }));
    machine.abandon();
    machine.begin_block(&Substrate::default(), &next, 8).unwrap();
}

#[test]
fn a_machine_stays_with_its_substrate() {
    let mut machine = machine_in_block(&[exit(0)], true);
    let root = machine.root();
    let mut words = Substrate::default().words();
    words[1] = 255;
    let bounds = std::array::from_fn(|window| [words[4 + 2 * window], words[5 + 2 * window]]);
    let other = Substrate::new(255, words[2], words[3], bounds).unwrap();
    let refused = machine.begin_block(&other, b"", 0);
    assert!(matches!(refused, Err(MachineError::Block(BlockError::OtherSubstrate { .. }))), "{refused:?}");
    assert_eq!(machine.root(), root);
}
