//! From an instruction to assembly text: the manual's mnemonics, ABI register names, no pseudo-instructions.

use core::fmt;

use crate::decode::{Decoded, Form, Instruction};
use crate::layout::Format;
use crate::row::Operand;
use crate::table::Opcode;

/// The ABI names of x0 to x31.
pub const REGISTER_NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// The assembly text of an instruction, by its `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disassembly {
    decoded: Decoded,
    pc: Option<u64>,
    aliases: bool,
}

impl Disassembly {
    /// With the instruction's other name, that of `Memory3D`, where the table has one.
    #[must_use]
    pub const fn with_aliases(self) -> Self {
        Self { aliases: true, ..self }
    }
}

impl Decoded {
    /// Its assembly text. Branch targets are addresses if `pc`, the instruction's own address, is given; else they are
    /// relative to it: `.+8`. Reserved fields of fences, which have no syntax, are left out.
    pub const fn disassemble(self, pc: Option<u64>) -> Disassembly {
        Disassembly { decoded: self, pc, aliases: false }
    }
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disassemble(None).fmt(f)
    }
}

impl fmt::Display for Disassembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = self.decoded.form();
        let instruction = self.decoded.instruction();
        if is_total_store_order_fence(instruction) {
            return f.write_str("fence.tso");
        }
        let alias = match form {
            Form::Base(opcode) if self.aliases => opcode.row().aliases.first(),
            Form::Base(_) | Form::Compressed(_) => None,
        };
        let name = alias.copied().unwrap_or(form.mnemonic());
        write!(f, "{name}{}", ordering_suffix(form, instruction))?;
        let operands = match form {
            Form::Base(opcode) => opcode.row().operands,
            Form::Compressed(compressed) => compressed.row().operands,
        };
        let mut separator = " ";
        for &operand in operands {
            if operand == Operand::HintImmediate && instruction.imm == 0 {
                continue;
            }
            f.write_str(separator)?;
            write_operand(f, operand, instruction, self.pc)?;
            separator = ", ";
        }
        Ok(())
    }
}

/// `fence.tso` is the fence with fm = 8 and both sets `rw`.
fn is_total_store_order_fence(instruction: Instruction) -> bool {
    instruction.opcode == Opcode::Fence && instruction.imm == 0x833
}

/// `.aq`, `.rl` or `.aqrl` of an atomic instruction.
fn ordering_suffix(form: Form, instruction: Instruction) -> &'static str {
    if !matches!(form.format(), Format::Amo | Format::AmoLoad) {
        return "";
    }
    match (instruction.imm & 2 != 0, instruction.imm & 1 != 0) {
        (false, false) => "",
        (false, true) => ".rl",
        (true, false) => ".aq",
        (true, true) => ".aqrl",
    }
}

fn write_operand(
    f: &mut fmt::Formatter<'_>,
    operand: Operand,
    instruction: Instruction,
    pc: Option<u64>,
) -> fmt::Result {
    let name = |register: u8| REGISTER_NAMES[usize::from(register)];
    let imm = instruction.imm;
    match operand {
        Operand::Rd => f.write_str(name(instruction.rd)),
        Operand::Rs1 => f.write_str(name(instruction.rs1)),
        Operand::Rs2 => f.write_str(name(instruction.rs2)),
        Operand::Immediate | Operand::HintImmediate | Operand::Shamt => write!(f, "{imm}"),
        Operand::Upper => write!(f, "{:#x}", imm.cast_unsigned() >> 12),
        Operand::Memory => write!(f, "{imm}({})", name(instruction.rs1)),
        Operand::Address => write!(f, "({})", name(instruction.rs1)),
        Operand::Target => match pc {
            Some(pc) => write!(f, "{:#x}", pc.wrapping_add_signed(i64::from(imm))),
            None => write!(f, ".{imm:+}"),
        },
        Operand::Predecessor => write_access_set(f, imm >> 4),
        Operand::Successor => write_access_set(f, imm),
    }
}

/// What a fence orders: input, output, reads, writes, from bit 3 down; `0` for nothing.
fn write_access_set(f: &mut fmt::Formatter<'_>, set: i32) -> fmt::Result {
    let set = set & 0xf;
    if set == 0 {
        return f.write_str("0");
    }
    for (bit, letter) in [(8, "i"), (4, "o"), (2, "r"), (1, "w")] {
        if set & bit != 0 {
            f.write_str(letter)?;
        }
    }
    Ok(())
}
