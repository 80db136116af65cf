//! Formats: where each operand of an instruction stands in its word, and how it is read and written there.

use crate::decode::Instruction;
use crate::table::Opcode;

use RegisterField::{At, Fixed, Short};

/// Where a register number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterField {
    /// Nowhere: it is implied. Operands that an instruction does not have are implied to be x0.
    Fixed(u8),
    /// In 5 bits from this one on.
    At(u8),
    /// In 3 bits from this one on, which stand for x8 to x15.
    Short(u8),
}

impl RegisterField {
    /// The lowest and the highest register that can be written here.
    pub const fn limits(self) -> (u8, u8) {
        match self {
            Fixed(register) => (register, register),
            At(_) => (0, 31),
            Short(_) => (8, 15),
        }
    }

    /// The bits of the word that it takes.
    pub const fn bits(self) -> u32 {
        match self {
            Fixed(_) => 0,
            At(low) => 0x1f << low,
            Short(low) => 0x7 << low,
        }
    }

    #[allow(
        clippy::inline_always,
        reason = "layouts are constant: inlined, a format is a few shifts, else a loop"
    )]
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "at most 5 bits are left by the mask")]
    const fn unpack(self, word: u32) -> u8 {
        match self {
            Fixed(register) => register,
            At(low) => (word >> low & 0x1f) as u8,
            Short(low) => (word >> low & 0x7) as u8 | 8,
        }
    }

    const fn pack(self, register: u8) -> u32 {
        match self {
            Fixed(_) => 0,
            At(low) => (register as u32 & 0x1f) << low,
            Short(low) => (register as u32 & 0x7) << low,
        }
    }
}

/// Adjacent bits of a word that hold adjacent bits of an immediate. In the manual's notation,
/// `word[high:low] = imm[high - low + imm_low : imm_low]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitRange {
    /// Highest bit in the word.
    pub high: u8,
    /// Lowest bit in the word.
    pub low: u8,
    /// Where the lowest bit goes in the immediate.
    pub imm_low: u8,
}

impl BitRange {
    /// The highest bit in the immediate.
    pub const fn imm_high(self) -> u8 {
        self.high - self.low + self.imm_low
    }

    /// As many ones as there are bits, at the low end.
    const fn ones(self) -> u32 {
        u32::MAX >> (31 - (self.high - self.low))
    }
}

/// How an immediate is put together from bits of the word. Its bits below the lowest range are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImmediateField {
    /// The ranges, from the high end of the word to the low; none if there is no immediate.
    pub ranges: &'static [BitRange],
    /// Whether its highest bit is its sign.
    pub signed: bool,
}

impl ImmediateField {
    const fn signed(ranges: &'static [BitRange]) -> Self {
        Self { ranges, signed: true }
    }

    const fn unsigned(ranges: &'static [BitRange]) -> Self {
        Self { ranges, signed: false }
    }

    /// The bits of the word that it takes.
    pub const fn bits(self) -> u32 {
        self.pack(-1)
    }

    /// The least value, the greatest, and the step between neighbours.
    pub const fn limits(self) -> (i32, i32, i32) {
        let bits = self.bits();
        if bits == 0 {
            return (0, 0, 1);
        }
        let all = self.unpack(bits);
        let step = 1 << all.trailing_zeros();
        if !self.signed {
            return (0, all, step);
        }
        // All bits set is -step; the sign bit alone is the least value.
        let least = -1_i32 << (self.width() - 1);
        (least, -(least + step), step)
    }

    /// One more than the highest bit of the immediate.
    const fn width(self) -> u8 {
        let (mut width, mut i) = (0, 0);
        while i < self.ranges.len() {
            let end = self.ranges[i].imm_high() + 1;
            width = if end > width { end } else { width };
            i += 1;
        }
        width
    }

    #[allow(
        clippy::inline_always,
        reason = "layouts are constant: inlined, a format is a few shifts, else a loop"
    )]
    #[inline(always)]
    const fn unpack(self, word: u32) -> i32 {
        let (mut value, mut i) = (0, 0);
        while i < self.ranges.len() {
            let range = self.ranges[i];
            value |= (word >> range.low & range.ones()) << range.imm_low;
            i += 1;
        }
        let value = value.cast_signed();
        if self.signed {
            let unused = 32 - self.width();
            return value << unused >> unused;
        }
        value
    }

    const fn pack(self, immediate: i32) -> u32 {
        let (mut word, mut i) = (0, 0);
        while i < self.ranges.len() {
            let range = self.ranges[i];
            word |= (immediate.cast_unsigned() >> range.imm_low & range.ones()) << range.low;
            i += 1;
        }
        word
    }
}

/// Where the operands of a format stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The destination. Compressed formats that overwrite their source have rd and rs1 in the same place.
    pub rd: RegisterField,
    /// The first source.
    pub rs1: RegisterField,
    /// The second source.
    pub rs2: RegisterField,
    /// The immediate.
    pub immediate: ImmediateField,
}

impl Layout {
    /// The bits of the word that belong to operands.
    pub const fn operand_bits(&self) -> u32 {
        self.rd.bits() | self.rs1.bits() | self.rs2.bits() | self.immediate.bits()
    }

    #[allow(
        clippy::inline_always,
        reason = "layouts are constant: inlined, a format is a few shifts, else a loop"
    )]
    #[inline(always)]
    const fn unpack(&self, opcode: Opcode, word: u32) -> Instruction {
        Instruction {
            opcode,
            rd: self.rd.unpack(word),
            rs1: self.rs1.unpack(word),
            rs2: self.rs2.unpack(word),
            imm: self.immediate.unpack(word),
        }
    }

    /// The operand bits of `instruction`; what does not fit is cut off.
    pub(crate) const fn pack(&self, instruction: Instruction) -> u32 {
        self.rd.pack(instruction.rd)
            | self.rs1.pack(instruction.rs1)
            | self.rs2.pack(instruction.rs2)
            | self.immediate.pack(instruction.imm)
    }
}

/// Declares the formats. A row reads `Variant "name" rd, rs1, rs2, immediate`, the latter as `[high:low = high:low]`:
/// these bits of the word are those of the immediate.
macro_rules! formats {
    ($(
        $(#[$doc:meta])*
        $variant:ident $name:literal $rd:expr, $rs1:expr, $rs2:expr,
        $sign:ident [$($high:literal:$low:literal = $imm_high:literal:$imm_low:literal),*];
    )*) => {
        /// A layout of operands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Format {
            $($(#[$doc])* $variant,)*
        }

        impl Format {
            /// The name of the manual's format that it is a case of.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Where the operands stand.
            pub const fn layout(self) -> &'static Layout {
                match self {
                    $(Self::$variant => const {
                        $(assert!($high - $low == $imm_high - $imm_low);)*
                        &Layout {
                            rd: $rd,
                            rs1: $rs1,
                            rs2: $rs2,
                            immediate: ImmediateField::$sign(&[
                                $(BitRange { high: $high, low: $low, imm_low: $imm_low }),*
                            ]),
                        }
                    },)*
                }
            }

            /// The operands of `word`. (One arm for each format, so that each is compiled to plain shifts.)
            pub(crate) fn unpack(self, opcode: Opcode, word: u32) -> Instruction {
                match self {
                    $(Self::$variant => const { Self::$variant.layout() }.unpack(opcode, word),)*
                }
            }
        }
    };
}

/// Not an operand of the instruction.
const NONE: RegisterField = Fixed(0);
/// The stack pointer, x2.
const SP: RegisterField = Fixed(2);
/// The link register, x1.
const RA: RegisterField = Fixed(1);

formats! {
    /// Two sources and a destination.
    R "R" At(7), At(15), At(20), unsigned [];
    /// One source and a destination.
    RUnary "R" At(7), At(15), NONE, unsigned [];
    /// A destination only.
    RDest "R" At(7), NONE, NONE, unsigned [];
    /// A source only.
    RSource "R" NONE, At(15), NONE, unsigned [];
    /// An atomic operation; aq is bit 1 of the immediate, rl bit 0.
    Amo "R" At(7), At(15), At(20), unsigned [26:25 = 1:0];
    /// An atomic load; aq is bit 1 of the immediate, rl bit 0.
    AmoLoad "R" At(7), At(15), NONE, unsigned [26:25 = 1:0];
    /// A source, a destination and an immediate of 12 bits.
    I "I" At(7), At(15), NONE, signed [31:20 = 11:0];
    /// A shift by 0 to 63.
    Shift "I" At(7), At(15), NONE, unsigned [25:20 = 5:0];
    /// A shift by 0 to 31.
    ShiftWord "I" At(7), At(15), NONE, unsigned [24:20 = 4:0];
    /// A fence: fm, predecessor and successor are the immediate; rd and rs1 are ignored.
    Fence "I" At(7), At(15), NONE, unsigned [31:20 = 11:0];
    /// A store.
    S "S" NONE, At(15), At(20), signed [31:25 = 11:5, 11:7 = 4:0];
    /// A conditional branch.
    B "B" NONE, At(15), At(20), signed [31:31 = 12:12, 30:25 = 10:5, 11:8 = 4:1, 7:7 = 11:11];
    /// An upper immediate.
    U "U" At(7), NONE, NONE, signed [31:12 = 31:12];
    /// A jump.
    J "J" At(7), NONE, NONE, signed [31:31 = 20:20, 30:21 = 10:1, 20:20 = 11:11, 19:12 = 19:12];
    /// No operands.
    Fixed "fixed" NONE, NONE, NONE, unsigned [];

    /// c.addi4spn.
    CiwAddi4spn "CIW" Short(2), SP, NONE, unsigned [12:11 = 5:4, 10:7 = 9:6, 6:6 = 2:2, 5:5 = 3:3];
    /// c.lw.
    ClWord "CL" Short(2), Short(7), NONE, unsigned [12:10 = 5:3, 6:6 = 2:2, 5:5 = 6:6];
    /// c.ld.
    ClDouble "CL" Short(2), Short(7), NONE, unsigned [12:10 = 5:3, 6:5 = 7:6];
    /// c.sw.
    CsWord "CS" NONE, Short(7), Short(2), unsigned [12:10 = 5:3, 6:6 = 2:2, 5:5 = 6:6];
    /// c.sd.
    CsDouble "CS" NONE, Short(7), Short(2), unsigned [12:10 = 5:3, 6:5 = 7:6];
    /// c.nop.
    CiNop "CI" NONE, NONE, NONE, signed [12:12 = 5:5, 6:2 = 4:0];
    /// c.addi and c.addiw.
    Ci "CI" At(7), At(7), NONE, signed [12:12 = 5:5, 6:2 = 4:0];
    /// c.li.
    CiLi "CI" At(7), NONE, NONE, signed [12:12 = 5:5, 6:2 = 4:0];
    /// c.addi16sp.
    CiAddi16sp "CI" SP, SP, NONE, signed [12:12 = 9:9, 6:6 = 4:4, 5:5 = 6:6, 4:3 = 8:7, 2:2 = 5:5];
    /// c.lui.
    CiLui "CI" At(7), NONE, NONE, signed [12:12 = 17:17, 6:2 = 16:12];
    /// c.slli.
    CiShift "CI" At(7), At(7), NONE, unsigned [12:12 = 5:5, 6:2 = 4:0];
    /// c.lwsp.
    CiLwsp "CI" At(7), SP, NONE, unsigned [12:12 = 5:5, 6:4 = 4:2, 3:2 = 7:6];
    /// c.ldsp.
    CiLdsp "CI" At(7), SP, NONE, unsigned [12:12 = 5:5, 6:5 = 4:3, 4:2 = 8:6];
    /// c.srli and c.srai.
    CbShift "CB" Short(7), Short(7), NONE, unsigned [12:12 = 5:5, 6:2 = 4:0];
    /// c.andi.
    CbAndi "CB" Short(7), Short(7), NONE, signed [12:12 = 5:5, 6:2 = 4:0];
    /// c.beqz and c.bnez.
    CbBranch "CB" NONE, Short(7), NONE, signed [12:12 = 8:8, 11:10 = 4:3, 6:5 = 7:6, 4:3 = 2:1, 2:2 = 5:5];
    /// Register arithmetic on x8 to x15.
    Ca "CA" Short(7), Short(7), Short(2), unsigned [];
    /// c.j.
    Cj "CJ" NONE, NONE, NONE, signed [
        12:12 = 11:11, 11:11 = 4:4, 10:9 = 9:8, 8:8 = 10:10, 7:7 = 6:6, 6:6 = 7:7, 5:3 = 3:1, 2:2 = 5:5
    ];
    /// c.jr.
    CrJr "CR" NONE, At(7), NONE, unsigned [];
    /// c.jalr.
    CrJalr "CR" RA, At(7), NONE, unsigned [];
    /// c.mv.
    CrMv "CR" At(7), NONE, At(2), unsigned [];
    /// c.add.
    CrAdd "CR" At(7), At(7), At(2), unsigned [];
    /// c.swsp.
    CssSwsp "CSS" NONE, SP, At(2), unsigned [12:9 = 5:2, 8:7 = 7:6];
    /// c.sdsp.
    CssSdsp "CSS" NONE, SP, At(2), unsigned [12:10 = 5:3, 9:7 = 8:6];
}
