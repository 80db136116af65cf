//! The parameters of generative memory: read like any operand block, whatever they are and wherever they lie.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use travertine_gas::{Bill, Operation, PlaneKind, Schedule};
use travertine_memory::{Access, AllocationError, FaultReason, RegionKind};
use travertine_opcodes::Opcode;
use travertine_vm::{
    Call, Engine, EngineConfig, EngineKind, Machine, NoHost, Outcome, Settlement, TrapCause,
};

use crate::assembler::*;

const INPUT: u64 = 0x7_0001_0000;
const PAGE: u64 = 4096;

/// The request of generative memory with parameters at an address.
fn word(parameters: u64) -> u64 {
    9 | parameters << 24
}

/// Allocates what the input says, size and word, and stores the answer; on both engines, which do the same.
fn allocate(size: u64, word: u64, parameters: [u64; 2]) -> (Machine, Settlement) {
    let program = program(&[
        i(Opcode::Ld, A0, A1, 0),
        i(Opcode::Ld, A2, A1, 8),
        r(Opcode::M3Alloc, A0, A0, A2),
        data_address(T1),
        s(Opcode::Sd, T1, A0, 0),
        exit(0),
    ]);
    // The parameters behind the request, and once more across two pages.
    let mut input: Vec<u8> = [size, word, parameters[0], parameters[1]].map(u64::to_le_bytes).concat();
    input.resize(4096 - 5, 0);
    input.extend(parameters.map(u64::to_le_bytes).concat());
    let run = |engine| {
        let engine = Engine::with_config(Schedule::default(), EngineConfig { engine }).unwrap();
        let mut machine = engine.instantiate(&program);
        let settlement = machine.call(&Call::new(input.clone(), 1 << 40), &mut NoHost).unwrap();
        (machine, settlement)
    };
    let (machine, settlement) = run(EngineKind::Reference);
    let (other, same) = run(EngineKind::Threaded);
    assert_eq!((machine.root(), &settlement.receipt), (other.root(), &same.receipt));
    (machine, settlement)
}

fn answer(machine: &Machine) -> i64 {
    let mut bytes = [0; 8];
    machine.peek(DATA, &mut bytes).unwrap();
    i64::from_le_bytes(bytes)
}

fn touch(first_reads: u64, first_writes: u64) -> Operation {
    Operation::Touch { first_reads, first_writes, synthesized: 0, copies: 0, first_placed: 0 }
}

/// What a call of the program costs whose allocation costs this.
fn bill(costs: &[Operation]) -> Bill {
    let schedule = Schedule::default();
    let [load, store, alu] =
        [Operation::Load { bytes: 8 }, Operation::Store { bytes: 8 }, Operation::Arithmetic];
    let rest = [load, load, alu, alu, store, alu, alu, Operation::System, touch(1, 1)];
    let host = Operation::HostCall { bytes: 0, gas: 0 };
    let all = rest.iter().chain(costs).chain([&host]);
    all.map(|operation| schedule.cost(operation)).fold(Bill::default(), Bill::and)
}

#[test]
fn parameters_are_read_wherever_they_lie() {
    let allocated = Operation::Allocate {
        bytes: 3 * PAGE,
        kind: PlaneKind::Generative,
        planes_before: 0,
        planes_after: 1,
        extra_planes: 0,
        further_regions: 0,
    };
    let read = Operation::Load { bytes: 16 };
    let two_pages = [Operation::Crossing { accesses: 1 }, touch(1, 0)];
    for (at, more) in [(16, &[][..]), (PAGE - 5, &two_pages)] {
        let (machine, settlement) = allocate(3 * PAGE, word(INPUT + at), [0xfeed, 1]);
        assert_eq!(answer(&machine), 0x80 << 32);
        assert_eq!(settlement.receipt.bill, bill(&[&[allocated, read], more].concat()), "at {at}");
        let cap = machine.state().memory().region(0x80).unwrap().cap();
        assert_eq!(cap.backing().generator().map(|it| (it.seed, it.mode)), Some((0xfeed, 1)));
    }
}

#[test]
fn refusals_cost_what_was_read() {
    let code = |error: AllocationError| error.code();
    let kind = RegionKind::Generative;
    let (read, refused) =
        (Operation::Load { bytes: 16 }, Operation::of_class(travertine_opcodes::GasClass::Allocate));
    let cases = [
        (PAGE, 0, [1, 2], code(AllocationError::UnknownMode { mode: 2 })),
        (PAGE, 0, [1, u64::MAX], code(AllocationError::UnknownMode { mode: 2 })),
        (0, 0, [1, 1], code(AllocationError::ZeroSize)),
        (PAGE - 1, 0, [1, 1], code(AllocationError::PartialPage { size: 0 })),
        (1, 0, [1, 1], code(AllocationError::PartialPage { size: 0 })),
        ((1 << 32) + PAGE, 0, [1, 1], code(AllocationError::TooLarge { size: 0 })),
        (u64::MAX, 0, [1, 1], code(AllocationError::TooLarge { size: 0 })),
        (PAGE, 0x0800, [1, 1], code(AllocationError::GenerativeExecute)),
        (PAGE, 0x2800, [1, 1], code(AllocationError::GenerativeExecute)),
        (PAGE, 0x10_0000, [1, 1], code(AllocationError::WrongRegion { region: 0x10, kind })),
        (PAGE, 0xC0_0000, [1, 1], code(AllocationError::WrongRegion { region: 0xC0, kind })),
    ];
    for (size, more, parameters, expected) in cases {
        let (machine, settlement) = allocate(size, word(INPUT + 16) | more, parameters);
        assert_eq!(answer(&machine), expected, "{size} bytes, {more:#x}, {parameters:x?}");
        assert_eq!(settlement.receipt.bill, bill(&[refused, read]));
        assert!(machine.state().memory().region(0x80).is_none());
        assert_eq!(machine.state().memory().next_allocation(), 1);
    }
    // Where nothing is read the other bits are zero.
    let (machine, settlement) = allocate(PAGE, 4 | INPUT << 24, [1, 1]);
    assert_eq!(answer(&machine), code(AllocationError::ReservedBits { word: 0 }));
    assert_eq!(settlement.receipt.bill, bill(&[refused]));
}

#[test]
fn parameters_that_cannot_be_read_are_a_load_fault() {
    let end_of_input = 0x7_0001_0000 + travertine_vm::MAX_INPUT_BYTES;
    let cases = [
        (0, 0, FaultReason::NoRegion),
        ((1 << 40) - 1, (1 << 40) - 1, FaultReason::NoRegion),
        (0x55_0000_0000, 0x55_0000_0000, FaultReason::NoRegion),
        (DATA + PAGE, DATA + PAGE, FaultReason::OutOfRegion),
        (DATA + PAGE - 8, DATA + PAGE, FaultReason::OutOfRegion),
        (end_of_input - 15, end_of_input, FaultReason::OutOfRegion),
        (0x80_0000_0000, 0x80_0000_0000, FaultReason::NoRegion),
    ];
    for (parameters, address, reason) in cases {
        let (machine, settlement) = allocate(PAGE, word(parameters), [1, 1]);
        let Outcome::Trapped(trap) = settlement.outcome else { panic!("{}", settlement.outcome) };
        let TrapCause::LoadFault(fault) = trap.cause else { panic!("{trap:?}") };
        assert_eq!((fault.address, fault.access, fault.reason), (address, Access::Read, reason));
        assert_eq!(trap.pc, CODE + 8);
        let schedule = Schedule::default();
        let base = 2 * schedule.load + schedule.allocate;
        assert_eq!(settlement.receipt.bill.instructions, base, "the base price alone");
        assert_eq!(settlement.receipt.bill.allocation, 0);
        assert_eq!(machine.state().settlements(), 0);
    }
}
