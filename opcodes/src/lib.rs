//! The Travertine instruction set, declared once in one table.
//!
//! [`TABLE`], [`COMPRESSED_TABLE`] and [`RESERVED`] are the whole definition: RV64I with M, A, C, Zba, Zbb, Zbs,
//! Zicond, Zifencei and the custom `Xtravertine`. The [`Opcode`] enum, [`decode`], [`encode`], the disassembler,
//! the gas class of each instruction and the page `docs/isa.md` derive from them. Encodings are those of *The RISC-V
//! Instruction Set Manual, Volume I*. What instructions do is not defined here but in the `vm` crate.
//!
//! ```
//! use travertine_opcodes::{GasClass, Opcode, decode, encode};
//!
//! let decoded = decode(0x0000_952e)?; // the compressed form of add a0, a0, a1
//! assert_eq!(decoded.length(), 2);
//! assert_eq!(decoded.to_string(), "c.add a0, a1");
//! assert_eq!(decoded.bits(), 0x952e);
//!
//! let expanded = decoded.instruction();
//! assert_eq!((expanded.opcode, expanded.rd, expanded.rs1, expanded.rs2), (Opcode::Add, 10, 10, 11));
//! assert_eq!(expanded.opcode.gas_class(), GasClass::Arithmetic);
//! assert_eq!(encode(expanded)?, 0x00b5_0533);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]

mod declare;
mod decode;
mod disassemble;
mod encode;
mod index;
mod layout;
mod row;
mod table;

pub use decode::{Decoded, Form, IllegalInstruction, Instruction, decode};
pub use disassemble::{Disassembly, REGISTER_NAMES};
pub use encode::{EncodeError, encode, encode_compressed};
pub use layout::{BitRange, Format, ImmediateField, Layout, RegisterField};
pub use row::{CompressedRow, Extension, Extent, GasClass, Hint, Operand, Pattern, Reserved, Row};
pub use table::{COMPRESSED_TABLE, Compressed, Opcode, RESERVED, TABLE};
