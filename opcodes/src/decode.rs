//! From a word of code to an instruction.

use thiserror::Error;

use crate::index::{base_candidates, compressed_candidates};
use crate::layout::Format;
use crate::table::{COMPRESSED_TABLE, Compressed, Opcode, TABLE};

/// An operation with its operands: what a 32-bit instruction says, or what a compressed one expands to.
///
/// Operands that the instruction does not have are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// What to do.
    pub opcode: Opcode,
    /// Destination register, 0 to 31. The bulk instructions of `Xtravertine` read it; the table says so.
    pub rd: u8,
    /// First source register, 0 to 31.
    pub rs1: u8,
    /// Second source register, 0 to 31.
    pub rs2: u8,
    /// The immediate, sign-extended: for `lui` and `auipc` with its low 12 bits zero; for shifts the shift amount; for
    /// branches and `jal` the offset from the instruction in bytes; for `fence` fm, pred and succ in 4 bits each; for
    /// atomics aq in bit 1 and rl in bit 0.
    pub imm: i32,
}

/// The form in which an instruction stands in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// In 32 bits.
    Base(Opcode),
    /// In 16 bits.
    Compressed(Compressed),
}

impl Form {
    pub(crate) const fn format(self) -> Format {
        match self {
            Self::Base(opcode) => opcode.row().format,
            Self::Compressed(form) => form.row().format,
        }
    }

    /// The bits that all instructions of this form share.
    pub(crate) const fn fixed_bits(self) -> u32 {
        match self {
            Self::Base(opcode) => opcode.row().pattern.bits,
            Self::Compressed(form) => form.row().pattern.bits,
        }
    }

    /// The name in assembly.
    pub const fn mnemonic(self) -> &'static str {
        match self {
            Self::Base(opcode) => opcode.row().mnemonic,
            Self::Compressed(form) => form.row().mnemonic,
        }
    }
}

/// An instruction as it stands in memory. Only [`decode`] makes them, so each has an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decoded {
    form: Form,
    instruction: Instruction,
}

impl Decoded {
    /// The form in which it stands in memory.
    pub const fn form(self) -> Form {
        self.form
    }

    /// The operation, expanded if the form is compressed.
    pub const fn instruction(self) -> Instruction {
        self.instruction
    }

    /// Its length in bytes: 2 or 4.
    pub const fn length(self) -> u8 {
        match self.form {
            Form::Base(_) => 4,
            Form::Compressed(_) => 2,
        }
    }

    /// Its exact bits in memory; 16 of them, if its length is 2.
    pub const fn bits(self) -> u32 {
        self.form.fixed_bits() | self.form.format().layout().pack(self.instruction)
    }

    /// Whether the manual sets it aside as a HINT. It has no effect, as any instruction of its form with these operands.
    pub fn is_hint(self) -> bool {
        let (hints, nop) = match self.form {
            Form::Base(opcode) => (opcode.row().hints(), opcode == Opcode::Addi),
            Form::Compressed(form) => (form.row().hints, form == Compressed::Nop),
        };
        let bits = self.bits();
        let all_zero = bits == self.form.fixed_bits();
        hints.iter().any(|hint| hint.pattern.matches(bits)) && !(nop && all_zero)
    }
}

/// A word that no instruction claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("illegal instruction {bits:#0width$x}", width = 2 + 2 * usize::from(self.length()))]
pub struct IllegalInstruction {
    /// The word; of 16 bits, if its low two are not both 1.
    pub bits: u32,
}

impl IllegalInstruction {
    /// How many bytes were looked at: 2 or 4.
    pub const fn length(&self) -> u8 {
        if is_compressed(self.bits) { 2 } else { 4 }
    }
}

const fn is_compressed(word: u32) -> bool {
    word & 3 != 3
}

/// Decodes the instruction at the low end of `word`, which is little-endian memory. The upper 16 bits do not matter
/// if the low two are not both 1.
///
/// # Errors
/// [`IllegalInstruction`] for a reserved or unknown encoding.
#[inline]
pub fn decode(word: u32) -> Result<Decoded, IllegalInstruction> {
    if is_compressed(word) { decode_compressed(word & 0xffff) } else { decode_base(word) }
}

fn decode_base(word: u32) -> Result<Decoded, IllegalInstruction> {
    let claims = base_candidates(word).iter().find(|candidate| candidate.pattern.matches(word));
    let row = &TABLE[usize::from(claims.ok_or(IllegalInstruction { bits: word })?.row)];
    Ok(Decoded { form: Form::Base(row.opcode), instruction: row.format.unpack(row.opcode, word) })
}

fn decode_compressed(word: u32) -> Result<Decoded, IllegalInstruction> {
    let rows =
        compressed_candidates(word).iter().map(|candidate| &COMPRESSED_TABLE[usize::from(candidate.row)]);
    let row = rows.into_iter().find(|row| row.matches(word)).ok_or(IllegalInstruction { bits: word })?;
    Ok(Decoded { form: Form::Compressed(row.form), instruction: row.format.unpack(row.expansion, word) })
}
