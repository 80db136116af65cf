//! Programs for measuring: a prologue that sets registers, a loop, and an exit.

use travertine_opcodes::{Instruction, Opcode, encode};

use crate::measure::Script;

pub(crate) const ZERO: u8 = 0;
pub(crate) const T0: u8 = 5;
pub(crate) const T1: u8 = 6;
pub(crate) const T2: u8 = 7;
pub(crate) const A0: u8 = 10;
pub(crate) const A1: u8 = 11;
pub(crate) const A2: u8 = 12;
pub(crate) const A3: u8 = 13;
pub(crate) const A4: u8 = 14;
pub(crate) const A5: u8 = 15;
pub(crate) const A7: u8 = 17;
/// Eight registers that nothing else uses: s2 to s9.
pub(crate) const FREE: std::ops::Range<u8> = 18..26;
/// Counts the loop.
const COUNTER: u8 = 27;

/// Instructions, one behind the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Code(Vec<u32>);

impl Code {
    pub(crate) fn push(&mut self, opcode: Opcode, rd: u8, rs1: u8, rs2: u8, imm: i32) -> &mut Self {
        self.0.push(encode(Instruction { opcode, rd, rs1, rs2, imm }).expect("the operands fit"));
        self
    }

    /// `rd = operation(rs1, imm)`, or a load.
    pub(crate) fn i(&mut self, opcode: Opcode, rd: u8, rs1: u8, imm: i32) -> &mut Self {
        self.push(opcode, rd, rs1, 0, imm)
    }

    /// `rd = operation(rs1, rs2)`.
    pub(crate) fn r(&mut self, opcode: Opcode, rd: u8, rs1: u8, rs2: u8) -> &mut Self {
        self.push(opcode, rd, rs1, rs2, 0)
    }

    /// A store of `rs2`, or a branch.
    pub(crate) fn s(&mut self, opcode: Opcode, rs1: u8, rs2: u8, imm: i32) -> &mut Self {
        self.push(opcode, 0, rs1, rs2, imm)
    }

    pub(crate) fn ecall(&mut self) -> &mut Self {
        self.push(Opcode::Ecall, 0, 0, 0, 0)
    }

    pub(crate) fn append(&mut self, other: &Self) -> &mut Self {
        self.0.extend(&other.0);
        self
    }

    /// Fills up with `nop` to this many instructions.
    pub(crate) fn pad(&mut self, instructions: usize) -> &mut Self {
        let nop = Self::default().i(Opcode::Addi, 0, 0, 0).0[0];
        self.0.resize(instructions, nop);
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// `rd = value`: the upper bits first, then 12 at a time.
    pub(crate) fn li(&mut self, rd: u8, value: u64) -> &mut Self {
        let low = i64::from((i32::try_from(value & 0xfff).expect("12 bits") << 20) >> 20);
        let rest = value.cast_signed().wrapping_sub(low) >> 12;
        let low = i32::try_from(low).expect("12 bits");
        if rest == 0 {
            return self.i(Opcode::Addi, rd, ZERO, low);
        }
        self.li(rd, rest.cast_unsigned()).i(Opcode::Slli, rd, rd, 12).i(Opcode::Addi, rd, rd, low)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// A piece of code, made by the closure.
pub(crate) fn code(write: impl FnOnce(&mut Code)) -> Code {
    let mut code = Code::default();
    write(&mut code);
    code
}

/// `body`, so many times. Loops can follow each other, but not lie within each other.
pub(crate) fn repeated(times: u64, body: &Code) -> Code {
    code(|all| {
        if times == 0 {
            return;
        }
        all.li(COUNTER, times);
        let start = all.len();
        all.append(body).i(Opcode::Addi, COUNTER, COUNTER, -1).s(Opcode::Beq, COUNTER, ZERO, 8);
        let back = 4 * (i32::try_from(all.len() - start).expect("a short loop"));
        all.push(Opcode::Jal, ZERO, 0, 0, -back);
    })
}

fn exit() -> Code {
    code(|code| {
        code.li(A7, 93).li(A0, 0).ecall();
    })
}

/// A program that runs `setup` when it is called without an input, else `prologue` and then `loops` times `body`. `far` is put
/// 4,096 bytes behind the body.
pub(crate) fn program(script: &Script) -> Code {
    let Script { setup, prologue, body, far, loops, .. } = script;
    let mut all = Code::default();
    let over = 4 * (i32::try_from(setup.len() + exit().len()).expect("a short setup") + 1);
    // A2 is the length of the input.
    all.s(Opcode::Bne, A2, ZERO, over).append(setup).append(&exit()).append(prologue);
    let body_start = all.len() + code(|code| _ = code.li(COUNTER, *loops)).len();
    all.append(&repeated(*loops, body)).append(&exit());
    if far.len() > 0 {
        assert!(all.len() <= body_start + 1024, "the body is shorter than a page");
        all.pad(body_start + 1024).append(far);
    }
    all
}
