//! What the manual leaves open and peers got wrong: each a program.

use travertine_gas::Schedule;
use travertine_memory::{FaultReason, Permissions};
use travertine_opcodes::Opcode;
use travertine_vm::{Call, Engine, Image, NoHost, Outcome, Program, TrapCause};

use crate::assembler::*;

#[test]
fn jalr_reads_its_source_before_it_writes_its_destination() {
    // auipc is at 0, jalr at 4, the first exit at 8 to 20.
    let program = [i(Opcode::Auipc, T0, 0, 0), i(Opcode::Jalr, T0, T0, 20), exit(1), exit(0)];
    assert_eq!(exit_code(&program), 0);
}

#[test]
fn a_branch_into_the_middle_of_an_instruction_runs_what_stands_there() {
    // `lui t0, 0x4505` holds `c.li a0, 1` (0x4505) in its upper half.
    let hidden = 0x4505_02b7_u32.to_le_bytes().to_vec();
    let program = [li(A0, 0), s(Opcode::Beq, ZERO, ZERO, 6), hidden, ecall(93)];
    assert_eq!(exit_code(&program), 1);
}

#[test]
fn a_program_reads_its_own_code_and_cannot_write_it() {
    let read = [i(Opcode::Auipc, T0, 0, 0), i(Opcode::Lbu, A0, T0, 0), ecall(93)];
    assert_eq!(exit_code(&read), u64::from(read[0][0]));
    let write = [i(Opcode::Auipc, T0, 0, 0), s(Opcode::Sb, T0, T0, 0)];
    let trap = trap(&write);
    assert_eq!((trap.pc, fault_address(trap)), (CODE + 4, CODE));
    assert_eq!(trap.cause.fault().map(|fault| fault.reason), Some(FaultReason::Permission));
}

#[test]
fn the_last_byte_of_memory_can_be_read_and_nothing_behind_it() {
    let at = |opcode, offset| {
        [
            data_address(T0),
            i(Opcode::Lui, T1, 0, 4096),
            r(Opcode::Add, T0, T0, T1),
            i(opcode, A0, T0, offset),
            ecall(93),
        ]
    };
    assert_eq!(exit_code(&at(Opcode::Lbu, -1)), 0);
    assert_eq!(fault_address(trap(&at(Opcode::Lbu, 0))), DATA + 4096);
    let crossing = trap(&at(Opcode::Ld, -1));
    assert_eq!(fault_address(crossing), DATA + 4096, "the first byte that is not there");
}

#[test]
fn a_store_that_faults_changes_nothing() {
    let program = [
        data_address(T0),
        i(Opcode::Lui, T1, 0, 4096),
        r(Opcode::Add, T0, T0, T1),
        s(Opcode::Sd, T0, T0, -4),
    ];
    let mut machine = machine(&program);
    machine.begin(&Call::new([], 100_000)).unwrap();
    machine.run(&mut NoHost, travertine_vm::RunLimit::NONE).unwrap();
    let mut bytes = [0xff; 4];
    machine.peek(DATA + 4092, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 4]);
    assert_eq!(machine.meter().unwrap().bill().memory, 0, "no page was touched");
}

#[test]
fn code_that_runs_out_of_its_pages_is_a_fetch_fault() {
    // The last two bytes of the page are the first half of a four-byte instruction.
    let code = [[0x01, 0x00].repeat(2047), vec![0x13, 0x00]].concat();
    let segments = vec![segment(CODE, 4096, code, Permissions::READ_EXECUTE)];
    let program = Program::new(Image::new(CODE, segments).unwrap());
    let settlement =
        Engine::default().instantiate(&program).call(&Call::new([], 1_000_000), &mut NoHost).unwrap();
    let Outcome::Trapped(trap) = settlement.outcome else { panic!("{}", settlement.outcome) };
    assert!(matches!(trap.cause, TrapCause::FetchFault(_)));
    assert_eq!((trap.pc, fault_address(trap)), (CODE + 4094, CODE + 4096));

    let wild = [li(T0, -2), i(Opcode::Jalr, RA, T0, 0)];
    let trap = crate::assembler::trap(&wild);
    assert_eq!((trap.pc, fault_address(trap)), (u64::MAX - 1, u64::MAX - 1));
    assert_eq!(trap.cause.fault().map(|fault| fault.reason), Some(FaultReason::AddressTooWide));

    let data = crate::assembler::trap(&[data_address(T0), i(Opcode::Jalr, RA, T0, 0)]);
    assert_eq!(
        (data.pc, data.cause.fault().map(|fault| fault.reason)),
        (DATA, Some(FaultReason::Permission))
    );
}

/// `lr.d` at the data, then `between`, then `sc` of `width` there; exits with what `sc` answered.
fn reservation(between: Vec<u8>, conditional: Opcode) -> u64 {
    exit_code(&[
        data_address(T0),
        i(Opcode::Addi, T2, T0, 8),
        r(Opcode::LrD, T1, T0, 0),
        between,
        r(conditional, A0, T0, T2),
        ecall(93),
    ])
}

#[test]
fn a_store_conditional_needs_exactly_the_last_reservation() {
    assert_eq!(reservation(Vec::new(), Opcode::ScD), 0);
    assert_eq!(reservation(Vec::new(), Opcode::ScW), 1, "another width");
    assert_eq!(reservation(s(Opcode::Sb, T0, ZERO, 7), Opcode::ScD), 1, "its last byte was stored");
    assert_eq!(reservation(s(Opcode::Sb, T0, ZERO, 8), Opcode::ScD), 0, "the byte behind it was stored");
    assert_eq!(reservation(r(Opcode::LrD, T1, T2, 0), Opcode::ScD), 1, "another reservation");
    assert_eq!(reservation(r(Opcode::AmoaddD, T1, T0, ZERO), Opcode::ScD), 1, "an atomic stored to it");
    let write_nothing = [li(A0, 1), li(A2, 0), ecall(64)].concat();
    assert_eq!(reservation(write_nothing, Opcode::ScD), 1, "a host call");
    let twice = [r(Opcode::ScD, T1, T0, T2)].concat();
    assert_eq!(reservation(twice, Opcode::ScD), 1, "it is used up");
}

#[test]
fn gas_comes_before_faults_and_pays_the_base_of_what_faults() {
    let schedule = Schedule::default();
    let fault = [i(Opcode::Ld, A0, ZERO, 0)];
    let with_gas = |gas| machine(&fault).call(&Call::new([], gas), &mut NoHost).unwrap();
    let paid = with_gas(schedule.load);
    assert!(matches!(paid.outcome, Outcome::Trapped(_)));
    assert_eq!(paid.receipt.gas_used, schedule.load);
    let unpaid = with_gas(schedule.load - 1);
    assert_eq!(unpaid.outcome, Outcome::OutOfGas { needed: schedule.load });
    assert_eq!(unpaid.receipt.gas_used, 0);

    let illegal = machine(&[vec![0; 4]]).call(&Call::new([], 0), &mut NoHost).unwrap();
    assert!(
        matches!(illegal.outcome, Outcome::Trapped(trap) if trap.cause == TrapCause::IllegalInstruction { bits: 0 })
    );
}
