//! Programs of allocator instructions: each step's operands come with the input, and its answer goes to the output.

use travertine_opcodes::{Instruction, Opcode};
use travertine_tests::elf;
use travertine_vm::{Call, Engine, Machine, NoHost, Outcome, Settlement, numbers};

const SP: u8 = 2;
const T0: u8 = 5;
const T1: u8 = 6;
const A0: u8 = 10;
const A1: u8 = 11;
const A2: u8 = 12;
const A7: u8 = 17;
/// Bytes below the top of the stack at which the answers begin.
const ANSWERS: i32 = 2048;
/// More gas than any script needs.
pub(crate) const GAS: u64 = 1 << 40;

/// An operand: a number, or what an earlier step has answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand {
    Number(u64),
    Answer(usize),
}

/// An instruction and its operands `rs1` and `rs2`.
pub(crate) type Step = (Opcode, Operand, Operand);

/// `m3.alloc`.
pub(crate) fn alloc(size: u64, word: u64) -> Step {
    (Opcode::M3Alloc, Operand::Number(size), Operand::Number(word))
}

fn i(opcode: Opcode, rd: u8, rs1: u8, imm: i32) -> Instruction {
    Instruction { opcode, rd, rs1, rs2: 0, imm }
}

/// A machine whose program carries out the steps, and the call of it.
pub(crate) fn machine(steps: &[Step]) -> (Machine, Call) {
    let mut numbers_read = Vec::new();
    let mut code = vec![i(Opcode::Addi, T0, A1, 0), i(Opcode::Addi, T1, SP, -ANSWERS)];
    let mut load = |register, operand| match operand {
        Operand::Number(number) => {
            numbers_read.push(number);
            i(Opcode::Ld, register, T0, 8 * (i32::try_from(numbers_read.len()).unwrap() - 1))
        }
        Operand::Answer(step) => i(Opcode::Ld, register, T1, 8 * i32::try_from(step).unwrap()),
    };
    for (place, &(opcode, a, b)) in (0..).step_by(8).zip(steps) {
        let is_unary = matches!(opcode, Opcode::M3Free | Opcode::M3Compact);
        let rs2 = if is_unary { 0 } else { A1 };
        code.extend([
            load(A0, a),
            load(A1, b),
            Instruction { opcode, rd: A2, rs1: A0, rs2, imm: 0 },
            Instruction { opcode: Opcode::Sd, rd: 0, rs1: T1, rs2: A2, imm: place },
        ]);
    }
    let number = i32::try_from(numbers::RETURN).unwrap();
    code.extend([
        i(Opcode::Addi, A0, T1, 0),
        i(Opcode::Addi, A1, 0, i32::try_from(8 * steps.len()).unwrap()),
        i(Opcode::Lui, A7, 0, number),
        i(Opcode::Ecall, 0, 0, 0),
    ]);
    let engine = Engine::default();
    let program = engine.load(&elf::program(&code)).unwrap();
    let input: Vec<u8> = numbers_read.into_iter().flat_map(u64::to_le_bytes).collect();
    (engine.instantiate(&program), Call::new(input, GAS))
}

/// The machine after a call of these steps, and what the call gave.
pub(crate) fn run(steps: &[Step]) -> (Machine, Settlement) {
    let (mut machine, call) = machine(steps);
    let settlement = machine.call(&call, &mut NoHost).unwrap();
    (machine, settlement)
}

/// What the steps of a call that succeeded have answered.
pub(crate) fn answers(settlement: &Settlement) -> Vec<u64> {
    assert_eq!(settlement.outcome, Outcome::Returned);
    settlement.receipt.output.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}
