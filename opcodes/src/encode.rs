//! From an instruction to a word of code.

use thiserror::Error;

use crate::decode::{Form, Instruction};
use crate::layout::RegisterField;
use crate::table::{Compressed, Opcode};

/// Why an instruction has no encoding in the wanted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A register cannot be named in its place. An operand that the form does not have must be x0.
    #[error("{mnemonic}: {operand} is x{value}, but must be x{least} to x{greatest}")]
    Register {
        /// The instruction.
        mnemonic: &'static str,
        /// `rd`, `rs1` or `rs2`.
        operand: &'static str,
        /// The register given.
        value: u8,
        /// The lowest register allowed.
        least: u8,
        /// The highest register allowed.
        greatest: u8,
    },
    /// The form has one place for rd and rs1.
    #[error("{mnemonic}: rd is x{rd} and rs1 is x{rs1}, but they must be the same")]
    TwoAddress {
        /// The instruction.
        mnemonic: &'static str,
        /// The destination given.
        rd: u8,
        /// The source given.
        rs1: u8,
    },
    /// The immediate does not fit. One that the form does not have must be 0.
    #[error(
        "{mnemonic}: the immediate is {value}, but must be a multiple of {step} from {least} to {greatest}"
    )]
    Immediate {
        /// The instruction.
        mnemonic: &'static str,
        /// The value given.
        value: i32,
        /// The least value allowed.
        least: i32,
        /// The greatest value allowed.
        greatest: i32,
        /// What it must be a multiple of.
        step: i32,
    },
    /// The compressed form is short for another operation.
    #[error("{mnemonic} is short for {}, not {}", expansion.mnemonic(), opcode.mnemonic())]
    Expansion {
        /// The compressed form.
        mnemonic: &'static str,
        /// The operation it is short for.
        expansion: Opcode,
        /// The operation given.
        opcode: Opcode,
    },
    /// Each operand is in its range, but together they are another instruction or reserved.
    #[error("{mnemonic} does not include {bits:#06x}")]
    Excluded {
        /// The compressed form.
        mnemonic: &'static str,
        /// The word that would result.
        bits: u32,
    },
}

/// The 32-bit form of an instruction.
///
/// # Errors
/// [`EncodeError`] naming the operand that is out of its range.
pub fn encode(instruction: Instruction) -> Result<u32, EncodeError> {
    let form = Form::Base(instruction.opcode);
    check_operands(form, instruction)?;
    Ok(form.fixed_bits() | form.format().layout().pack(instruction))
}

/// An instruction in a compressed form of the caller's choice, in 16 bits.
///
/// # Errors
/// [`EncodeError`] if the form is short for something else or cannot hold these operands.
pub fn encode_compressed(form: Compressed, instruction: Instruction) -> Result<u32, EncodeError> {
    let row = form.row();
    let mnemonic = row.mnemonic;
    if row.expansion != instruction.opcode {
        let (expansion, opcode) = (row.expansion, instruction.opcode);
        return Err(EncodeError::Expansion { mnemonic, expansion, opcode });
    }
    check_operands(Form::Compressed(form), instruction)?;
    let bits = row.pattern.bits | row.format.layout().pack(instruction);
    if row.matches(bits) { Ok(bits) } else { Err(EncodeError::Excluded { mnemonic, bits }) }
}

fn check_operands(form: Form, instruction: Instruction) -> Result<(), EncodeError> {
    let (mnemonic, layout) = (form.mnemonic(), form.format().layout());
    let Instruction { rd, rs1, rs2, imm, .. } = instruction;
    for (operand, field, value) in [("rd", layout.rd, rd), ("rs1", layout.rs1, rs1), ("rs2", layout.rs2, rs2)]
    {
        let (least, greatest) = field.limits();
        if value < least || value > greatest {
            return Err(EncodeError::Register { mnemonic, operand, value, least, greatest });
        }
    }
    if layout.rd == layout.rs1 && !matches!(layout.rd, RegisterField::Fixed(_)) && rd != rs1 {
        return Err(EncodeError::TwoAddress { mnemonic, rd, rs1 });
    }
    let (least, greatest, step) = layout.immediate.limits();
    if imm < least || imm > greatest || imm % step != 0 {
        return Err(EncodeError::Immediate { mnemonic, value: imm, least, greatest, step });
    }
    Ok(())
}
