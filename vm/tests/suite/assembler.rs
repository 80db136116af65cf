//! Small programs: instructions at the start of the code region, one page of variables in the state region.

use travertine_memory::Permissions;
use travertine_opcodes::{Instruction, Opcode, encode};
use travertine_vm::{
    Call, Engine, Image, Machine, NoHost, Outcome, Program, Segment, Settlement, Trap, TrapCause,
};

/// Where the code starts.
pub(crate) const CODE: u64 = 0x1_f000_0000;
/// Where the page of variables starts.
pub(crate) const DATA: u64 = 0x2_0000_0000;

pub(crate) const ZERO: u8 = 0;
pub(crate) const RA: u8 = 1;
pub(crate) const T0: u8 = 5;
pub(crate) const T1: u8 = 6;
pub(crate) const T2: u8 = 7;
pub(crate) const A0: u8 = 10;
pub(crate) const A1: u8 = 11;
pub(crate) const A2: u8 = 12;
pub(crate) const A7: u8 = 17;

/// An instruction with a destination, one source and an immediate.
pub(crate) fn i(opcode: Opcode, rd: u8, rs1: u8, imm: i32) -> Vec<u8> {
    bytes(Instruction { opcode, rd, rs1, rs2: 0, imm })
}

/// An instruction with a destination and two sources.
pub(crate) fn r(opcode: Opcode, rd: u8, rs1: u8, rs2: u8) -> Vec<u8> {
    bytes(Instruction { opcode, rd, rs1, rs2, imm: 0 })
}

/// A store or branch: two sources and an immediate.
pub(crate) fn s(opcode: Opcode, rs1: u8, rs2: u8, imm: i32) -> Vec<u8> {
    bytes(Instruction { opcode, rd: 0, rs1, rs2, imm })
}

fn bytes(instruction: Instruction) -> Vec<u8> {
    encode(instruction).expect("the operands fit").to_le_bytes().to_vec()
}

/// `rd = value`, of up to 12 bits.
pub(crate) fn li(rd: u8, value: i32) -> Vec<u8> {
    i(Opcode::Addi, rd, ZERO, value)
}

/// `rd = DATA`.
pub(crate) fn data_address(rd: u8) -> Vec<u8> {
    [li(rd, 1), i(Opcode::Slli, rd, rd, 33)].concat()
}

/// `ecall` with this number.
pub(crate) fn ecall(number: i32) -> Vec<u8> {
    let number = if number < 0x800 { li(A7, number) } else { i(Opcode::Lui, A7, 0, number & !0xfff) };
    [number, i(Opcode::Ecall, 0, 0, 0)].concat()
}

/// `exit(code)`.
pub(crate) fn exit(code: i32) -> Vec<u8> {
    [li(A0, code), ecall(93)].concat()
}

/// The program of these instructions.
pub(crate) fn program(instructions: &[Vec<u8>]) -> Program {
    let code = instructions.concat();
    let segments = vec![
        segment(CODE, code.len() as u64, code, Permissions::READ_EXECUTE),
        segment(DATA, 4096, Vec::new(), Permissions::READ_WRITE),
    ];
    Program::new(Image::new(CODE, segments).expect("the segments are valid"))
}

pub(crate) fn segment(address: u64, memory_size: u64, data: Vec<u8>, permissions: Permissions) -> Segment {
    Segment { address, memory_size, data, permissions }
}

/// A machine of the default engine that runs these instructions.
pub(crate) fn machine(instructions: &[Vec<u8>]) -> Machine {
    Engine::default().instantiate(&program(instructions))
}

/// One call with enough gas, no input and no host.
pub(crate) fn run(instructions: &[Vec<u8>]) -> Settlement {
    machine(instructions).call(&Call::new([], 1_000_000), &mut NoHost).expect("the call is well formed")
}

/// The exit code of a call that is expected to end with one.
pub(crate) fn exit_code(instructions: &[Vec<u8>]) -> u64 {
    match run(instructions).outcome {
        Outcome::Halted { exit } => exit,
        other => panic!("the program {other}"),
    }
}

/// The trap of a call that is expected to end with one.
pub(crate) fn trap(instructions: &[Vec<u8>]) -> Trap {
    match run(instructions).outcome {
        Outcome::Trapped(trap) => trap,
        other => panic!("the program {other}"),
    }
}

/// The address of the memory fault behind a trap.
pub(crate) fn fault_address(trap: Trap) -> u64 {
    match trap.cause {
        TrapCause::LoadFault(fault) | TrapCause::StoreFault(fault) | TrapCause::FetchFault(fault) => {
            fault.address
        }
        other => panic!("{other:?} is no memory fault"),
    }
}
