//! What a row of the table says: pattern, operands, extension, gas class, HINTs.

use core::fmt;

use crate::decode::Instruction;
use crate::layout::Format;
use crate::table::{COMPRESSED_TABLE, Compressed, Opcode, TABLE};

/// Fixed bits of an instruction word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// The bits that are fixed.
    pub mask: u32,
    /// Their values; 0 outside the mask.
    pub bits: u32,
}

impl Pattern {
    /// Whether `word` has these bits.
    #[inline]
    pub const fn matches(self, word: u32) -> bool {
        word & self.mask == self.bits
    }

    /// Whether any word matches both patterns.
    pub const fn overlaps(self, other: Self) -> bool {
        (self.bits ^ other.bits) & self.mask & other.mask == 0
    }
}

/// The part of the instruction set that an instruction belongs to, by its name in the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extension {
    /// RV64I, the base.
    I,
    /// Instruction-fetch fence.
    Zifencei,
    /// Multiplication and division.
    M,
    /// Atomics.
    A,
    /// Address generation.
    Zba,
    /// Basic bit manipulation.
    Zbb,
    /// Single bits.
    Zbs,
    /// Conditional operations.
    Zicond,
    /// Travertine's 3D memory instructions, in custom-0.
    Xtravertine,
}

impl Extension {
    /// Every extension, in the order of the table.
    pub const ALL: &'static [Self] = &[
        Self::I,
        Self::Zifencei,
        Self::M,
        Self::A,
        Self::Zba,
        Self::Zbb,
        Self::Zbs,
        Self::Zicond,
        Self::Xtravertine,
    ];
}

/// Declares [`GasClass`] and the list of its variants.
macro_rules! gas_classes {
    ($(#[doc = $doc:literal] $class:ident,)*) => {
        /// What an instruction is priced as. The prices are in the gas schedule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum GasClass {
            $(#[doc = $doc] $class,)*
        }

        impl GasClass {
            /// Every class, in the order of the discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$class),*];
        }
    };
}

gas_classes! {
    /// `nop`, which is `addi x0, x0, 0`.
    Nop,
    /// `mv`, which is `addi rd, rs1, 0` or `add rd, x0, rs2` from a register other than `x0`.
    Mv,
    /// Integer operations on registers, those of Zba, Zbb, Zbs and Zicond included.
    Arithmetic,
    /// Counts of the bits that are set, and `orc.b`: what a processor without such instructions takes several for.
    BitCount,
    /// Multiplications.
    Multiply,
    /// Divisions and remainders.
    Divide,
    /// Loads.
    Load,
    /// Stores.
    Store,
    /// Conditional branches.
    Branch,
    /// Unconditional jumps to an offset.
    Jump,
    /// Unconditional jumps to a register's value.
    JumpRegister,
    /// Atomic memory operations, `lr` and `sc`.
    Atomic,
    /// Fences.
    Fence,
    /// `ecall` and `ebreak`.
    System,
    /// `m3.alloc`.
    Allocate,
    /// `m3.free`.
    Free,
    /// `m3.size`.
    Size,
    /// `m3.query`.
    Query,
    /// `m3.resolve`.
    Resolve,
    /// `m3.resize`.
    Resize,
    /// `m3.copy`.
    Copy,
    /// `m3.fill`.
    Fill,
    /// `m3.gather`.
    Gather,
    /// `m3.scatter`.
    Scatter,
    /// `m3.share`.
    Share,
    /// `m3.compact` and `m3.defrag`.
    Compact,
    /// `m3.gas`.
    ReadGas,
    /// `m3.refund`.
    ReadRefund,
    /// `m3.root`.
    ReadRoot,
    /// `m3.halt`.
    Halt,
}

/// One operand as assembly text shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// The register rd.
    Rd,
    /// The register rs1.
    Rs1,
    /// The register rs2.
    Rs2,
    /// The immediate, in decimal.
    Immediate,
    /// The immediate of `c.nop`, which is shown only if it is not 0.
    HintImmediate,
    /// A shift amount.
    Shamt,
    /// Bits 31 to 12 of the immediate, in hexadecimal.
    Upper,
    /// An address: `imm(rs1)`.
    Memory,
    /// An address without offset: `(rs1)`.
    Address,
    /// A branch target: pc + imm.
    Target,
    /// What a fence orders before itself: a subset of `iorw`.
    Predecessor,
    /// What a fence orders after itself: a subset of `iorw`.
    Successor,
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rd => "rd",
            Self::Rs1 => "rs1",
            Self::Rs2 => "rs2",
            Self::Immediate => "imm",
            Self::HintImmediate => "[imm]",
            Self::Shamt => "shamt",
            Self::Upper => "imm[31:12]",
            Self::Memory => "imm(rs1)",
            Self::Address => "(rs1)",
            Self::Target => "target",
            Self::Predecessor => "pred",
            Self::Successor => "succ",
        })
    }
}

/// Words of an instruction that the manual sets aside as HINTs: they have no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The operand bits that make it a HINT. The canonical `nop` and `c.nop`, with all operands zero, are none.
    pub pattern: Pattern,
    /// The same in words.
    pub prose: &'static str,
}

/// A 32-bit instruction.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name in Rust.
    pub opcode: Opcode,
    /// Its name in assembly.
    pub mnemonic: &'static str,
    /// Other names: those of `Memory3D`.
    pub aliases: &'static [&'static str],
    /// Where it comes from.
    pub extension: Extension,
    /// Its fixed bits; all others belong to operands.
    pub pattern: Pattern,
    /// Where its operands stand.
    pub format: Format,
    /// Its operands in the order of assembly text.
    pub operands: &'static [Operand],
    /// What it is priced as, but for operands that make it another class ([`Instruction::gas_class`]).
    pub gas_class: GasClass,
    /// What it does.
    pub prose: &'static str,
}

/// The bits of rd in a 32-bit instruction are zero.
const RD_IS_X0: &[Hint] = &[Hint { pattern: Pattern { mask: 0xf80, bits: 0 }, prose: "rd = x0" }];

/// A fence that orders nothing, `pause` among them.
const EMPTY_FENCE: &[Hint] = &[
    Hint { pattern: Pattern { mask: 0x0f00_0000, bits: 0 }, prose: "pred = 0" },
    Hint { pattern: Pattern { mask: 0x00f0_0000, bits: 0 }, prose: "succ = 0" },
];

impl Row {
    /// Its HINTs: the manual makes them of the base's integer operations with rd = x0 and of empty fences.
    pub fn hints(&self) -> &'static [Hint] {
        if self.extension != Extension::I {
            &[]
        } else if self.gas_class == GasClass::Arithmetic {
            RD_IS_X0
        } else if self.gas_class == GasClass::Fence {
            EMPTY_FENCE
        } else {
            &[]
        }
    }
}

/// A compressed (16-bit) instruction.
#[derive(Debug, PartialEq, Eq)]
pub struct CompressedRow {
    /// Its name in Rust.
    pub form: Compressed,
    /// Its name in assembly.
    pub mnemonic: &'static str,
    /// Its fixed bits, of 16.
    pub pattern: Pattern,
    /// Words that match the pattern but are another instruction or reserved.
    pub except: &'static [Pattern],
    /// Where its operands stand, and which are implied.
    pub format: Format,
    /// Its operands in the order of assembly text.
    pub operands: &'static [Operand],
    /// The operation it is short for. Gas and semantics are those of the expansion.
    pub expansion: Opcode,
    /// Its HINTs.
    pub hints: &'static [Hint],
    /// What it does.
    pub prose: &'static str,
}

impl CompressedRow {
    /// Whether `word`, of which the low 16 bits count, is this instruction.
    #[inline]
    pub fn matches(&self, word: u32) -> bool {
        self.pattern.matches(word & 0xffff) && !self.except.iter().any(|pattern| pattern.matches(word))
    }
}

/// How much of a pattern is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every word that matches.
    All,
    /// Every word that matches and that no instruction claims.
    Rest,
}

/// An encoding that traps.
#[derive(Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Its fixed bits; of 16, if the low two of them are not both 1.
    pub pattern: Pattern,
    /// How much of the pattern is reserved.
    pub extent: Extent,
    /// What it is.
    pub prose: &'static str,
}

impl Opcode {
    /// Its row in the table.
    #[inline]
    pub const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Its name in assembly.
    pub const fn mnemonic(self) -> &'static str {
        self.row().mnemonic
    }

    /// What it is priced as, whatever its operands; but for `nop` and `mv` ([`Instruction::gas_class`]).
    #[inline]
    pub const fn gas_class(self) -> GasClass {
        self.row().gas_class
    }

    /// Bytes that it loads or stores at a time, as its funct3 says: 1, 2, 4 or 8 for loads, stores and atomics, and 0
    /// for all others.
    #[inline]
    pub const fn access_bytes(self) -> u64 {
        match self.gas_class() {
            GasClass::Load | GasClass::Store | GasClass::Atomic => 1 << (self.row().pattern.bits >> 12 & 3),
            _ => 0,
        }
    }
}

impl Instruction {
    /// What it is priced as: the class of its opcode, but for `nop` and `mv`.
    pub const fn gas_class(self) -> GasClass {
        match self {
            Self { opcode: Opcode::Addi, rd: 0, rs1: 0, imm: 0, .. } => GasClass::Nop,
            Self { opcode: Opcode::Addi, rs1: 1.., imm: 0, .. }
            | Self { opcode: Opcode::Add, rs1: 0, rs2: 1.., .. } => GasClass::Mv,
            _ => self.opcode.gas_class(),
        }
    }
}

impl Compressed {
    /// Its row in the table.
    #[inline]
    pub const fn row(self) -> &'static CompressedRow {
        &COMPRESSED_TABLE[self as usize]
    }
}

// Each row fixes or assigns to an operand every bit of its word, once; and stands where its discriminant says.
const _: () = {
    let mut i = 0;
    while i < TABLE.len() {
        let row = &TABLE[i];
        assert!(row.opcode as usize == i);
        assert!(row.pattern.bits & !row.pattern.mask == 0);
        assert!(row.pattern.mask ^ row.format.layout().operand_bits() == u32::MAX);
        i += 1;
    }
    let mut i = 0;
    while i < COMPRESSED_TABLE.len() {
        let row = &COMPRESSED_TABLE[i];
        assert!(row.form as usize == i);
        assert!(row.pattern.bits & !row.pattern.mask == 0);
        assert!(row.pattern.mask ^ row.format.layout().operand_bits() == 0xffff);
        i += 1;
    }
};
