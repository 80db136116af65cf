//! The table: every instruction of the machine, and every encoding that is reserved. All else derives from it.
//!
//! To add an instruction, add its row here and its semantics in the `vm` crate. After a line of prose, the rows read
//!
//! - `base`: `Variant "mnemonic" | "alias" extension mask match format [operands] gas-class;`
//! - `compressed`: `Variant "mnemonic" mask match format [operands] except [mask match, ..] => expansion
//!   hint [mask match "when", ..];` A word that matches an `except` pattern is not this instruction. Gas class and
//!   semantics are those of the expansion.
//! - `reserved`: `all mask match;` if every word that matches traps, `rest mask match;` if those trap that no
//!   instruction claims.

use crate::declare::instruction_table;
use crate::layout::Format;
use crate::row::{CompressedRow, Extension, GasClass, Hint, Operand, Pattern, Reserved, Row};

instruction_table! {
    base {
        /// rd = imm, a sign-extended multiple of 4096.
        Lui       "lui"       I 0x0000_007f 0x0000_0037 U [Rd, Upper] Arithmetic;
        /// rd = pc + imm, a sign-extended multiple of 4096.
        Auipc     "auipc"     I 0x0000_007f 0x0000_0017 U [Rd, Upper] Arithmetic;
        /// rd = address of the next instruction; jump to pc + imm.
        Jal       "jal"       I 0x0000_007f 0x0000_006f J [Rd, Target] Jump;
        /// rd = address of the next instruction; jump to rs1 + imm with bit 0 cleared (rs1 is read before rd is written).
        Jalr      "jalr"      I 0x0000_707f 0x0000_0067 I [Rd, Memory] JumpRegister;
        /// Branch to pc + imm if rs1 = rs2.
        Beq       "beq"       I 0x0000_707f 0x0000_0063 B [Rs1, Rs2, Target] Branch;
        /// Branch to pc + imm if rs1 and rs2 differ.
        Bne       "bne"       I 0x0000_707f 0x0000_1063 B [Rs1, Rs2, Target] Branch;
        /// Branch to pc + imm if rs1 < rs2, signed.
        Blt       "blt"       I 0x0000_707f 0x0000_4063 B [Rs1, Rs2, Target] Branch;
        /// Branch to pc + imm if rs1 >= rs2, signed.
        Bge       "bge"       I 0x0000_707f 0x0000_5063 B [Rs1, Rs2, Target] Branch;
        /// Branch to pc + imm if rs1 < rs2, unsigned.
        Bltu      "bltu"      I 0x0000_707f 0x0000_6063 B [Rs1, Rs2, Target] Branch;
        /// Branch to pc + imm if rs1 >= rs2, unsigned.
        Bgeu      "bgeu"      I 0x0000_707f 0x0000_7063 B [Rs1, Rs2, Target] Branch;
        /// rd = the byte, sign-extended, at rs1 + imm.
        Lb        "lb"        I 0x0000_707f 0x0000_0003 I [Rd, Memory] Load;
        /// rd = the 2 bytes, sign-extended, at rs1 + imm.
        Lh        "lh"        I 0x0000_707f 0x0000_1003 I [Rd, Memory] Load;
        /// rd = the 4 bytes, sign-extended, at rs1 + imm.
        Lw        "lw"        I 0x0000_707f 0x0000_2003 I [Rd, Memory] Load;
        /// rd = the 8 bytes, at rs1 + imm.
        Ld        "ld"        I 0x0000_707f 0x0000_3003 I [Rd, Memory] Load;
        /// rd = the byte, zero-extended, at rs1 + imm.
        Lbu       "lbu"       I 0x0000_707f 0x0000_4003 I [Rd, Memory] Load;
        /// rd = the 2 bytes, zero-extended, at rs1 + imm.
        Lhu       "lhu"       I 0x0000_707f 0x0000_5003 I [Rd, Memory] Load;
        /// rd = the 4 bytes, zero-extended, at rs1 + imm.
        Lwu       "lwu"       I 0x0000_707f 0x0000_6003 I [Rd, Memory] Load;
        /// Store the low byte of rs2 at rs1 + imm.
        Sb        "sb"        I 0x0000_707f 0x0000_0023 S [Rs2, Memory] Store;
        /// Store the low 2 bytes of rs2 at rs1 + imm.
        Sh        "sh"        I 0x0000_707f 0x0000_1023 S [Rs2, Memory] Store;
        /// Store the low 4 bytes of rs2 at rs1 + imm.
        Sw        "sw"        I 0x0000_707f 0x0000_2023 S [Rs2, Memory] Store;
        /// Store the 8 bytes of rs2 at rs1 + imm.
        Sd        "sd"        I 0x0000_707f 0x0000_3023 S [Rs2, Memory] Store;
        /// rd = rs1 + imm.
        Addi      "addi"      I 0x0000_707f 0x0000_0013 I [Rd, Rs1, Immediate] Arithmetic;
        /// rd = 1 if rs1 < imm, signed, else 0.
        Slti      "slti"      I 0x0000_707f 0x0000_2013 I [Rd, Rs1, Immediate] Arithmetic;
        /// rd = 1 if rs1 < imm, unsigned after the sign extension of imm, else 0.
        Sltiu     "sltiu"     I 0x0000_707f 0x0000_3013 I [Rd, Rs1, Immediate] Arithmetic;
        /// rd = rs1 XOR imm.
        Xori      "xori"      I 0x0000_707f 0x0000_4013 I [Rd, Rs1, Immediate] Arithmetic;
        /// rd = rs1 OR imm.
        Ori       "ori"       I 0x0000_707f 0x0000_6013 I [Rd, Rs1, Immediate] Arithmetic;
        /// rd = rs1 AND imm.
        Andi      "andi"      I 0x0000_707f 0x0000_7013 I [Rd, Rs1, Immediate] Arithmetic;
        /// rd = rs1 shifted left by shamt bits.
        Slli      "slli"      I 0xfc00_707f 0x0000_1013 Shift [Rd, Rs1, Shamt] Arithmetic;
        /// rd = rs1 shifted right by shamt bits, zeros entering.
        Srli      "srli"      I 0xfc00_707f 0x0000_5013 Shift [Rd, Rs1, Shamt] Arithmetic;
        /// rd = rs1 shifted right by shamt bits, the sign entering.
        Srai      "srai"      I 0xfc00_707f 0x4000_5013 Shift [Rd, Rs1, Shamt] Arithmetic;
        /// rd = rs1 + rs2.
        Add       "add"       I 0xfe00_707f 0x0000_0033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 - rs2.
        Sub       "sub"       I 0xfe00_707f 0x4000_0033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 shifted left by the low 6 bits of rs2.
        Sll       "sll"       I 0xfe00_707f 0x0000_1033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = 1 if rs1 < rs2, signed, else 0.
        Slt       "slt"       I 0xfe00_707f 0x0000_2033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = 1 if rs1 < rs2, unsigned, else 0.
        Sltu      "sltu"      I 0xfe00_707f 0x0000_3033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 XOR rs2.
        Xor       "xor"       I 0xfe00_707f 0x0000_4033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 shifted right by the low 6 bits of rs2, zeros entering.
        Srl       "srl"       I 0xfe00_707f 0x0000_5033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 shifted right by the low 6 bits of rs2, the sign entering.
        Sra       "sra"       I 0xfe00_707f 0x4000_5033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 OR rs2.
        Or        "or"        I 0xfe00_707f 0x0000_6033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 AND rs2.
        And       "and"       I 0xfe00_707f 0x0000_7033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low 32 bits of rs1 + imm, sign-extended.
        Addiw     "addiw"     I 0x0000_707f 0x0000_001b I [Rd, Rs1, Immediate] Arithmetic;
        /// rd = the low 32 bits of rs1 shifted left by shamt, sign-extended.
        Slliw     "slliw"     I 0xfe00_707f 0x0000_101b ShiftWord [Rd, Rs1, Shamt] Arithmetic;
        /// rd = the low 32 bits of rs1 shifted right by shamt, zeros entering, sign-extended.
        Srliw     "srliw"     I 0xfe00_707f 0x0000_501b ShiftWord [Rd, Rs1, Shamt] Arithmetic;
        /// rd = the low 32 bits of rs1 shifted right by shamt, their sign entering, sign-extended.
        Sraiw     "sraiw"     I 0xfe00_707f 0x4000_501b ShiftWord [Rd, Rs1, Shamt] Arithmetic;
        /// rd = the low 32 bits of rs1 + rs2, sign-extended.
        Addw      "addw"      I 0xfe00_707f 0x0000_003b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low 32 bits of rs1 - rs2, sign-extended.
        Subw      "subw"      I 0xfe00_707f 0x4000_003b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low 32 bits of rs1 shifted left by the low 5 bits of rs2, sign-extended.
        Sllw      "sllw"      I 0xfe00_707f 0x0000_103b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low 32 bits of rs1 shifted right by the low 5 bits of rs2, zeros entering, sign-extended.
        Srlw      "srlw"      I 0xfe00_707f 0x0000_503b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low 32 bits of rs1 shifted right by the low 5 bits of rs2, their sign entering, sign-extended.
        Sraw      "sraw"      I 0xfe00_707f 0x4000_503b R [Rd, Rs1, Rs2] Arithmetic;
        /// Nothing: there is one hart, and its accesses are in order. rd, rs1 and fm are ignored.
        Fence     "fence"     I 0x0000_707f 0x0000_000f Fence [Predecessor, Successor] Fence;
        /// Host call: number in a7, arguments in a0 to a5, result in a0.
        Ecall     "ecall"     I 0xffff_ffff 0x0000_0073 Fixed [] System;
        /// Breakpoint trap.
        Ebreak    "ebreak"    I 0xffff_ffff 0x0010_0073 Fixed [] System;

        /// Nothing: code cannot change while a call runs. rd, rs1 and imm are ignored.
        FenceI    "fence.i"   Zifencei 0x0000_707f 0x0000_100f I [] Fence;

        /// rd = the low 64 bits of rs1 * rs2.
        Mul       "mul"       M 0xfe00_707f 0x0200_0033 R [Rd, Rs1, Rs2] Multiply;
        /// rd = the high 64 bits of rs1 * rs2, both signed.
        Mulh      "mulh"      M 0xfe00_707f 0x0200_1033 R [Rd, Rs1, Rs2] Multiply;
        /// rd = the high 64 bits of rs1 * rs2, rs1 signed, rs2 unsigned.
        Mulhsu    "mulhsu"    M 0xfe00_707f 0x0200_2033 R [Rd, Rs1, Rs2] Multiply;
        /// rd = the high 64 bits of rs1 * rs2, both unsigned.
        Mulhu     "mulhu"     M 0xfe00_707f 0x0200_3033 R [Rd, Rs1, Rs2] Multiply;
        /// rd = rs1 / rs2, signed, towards zero; -1 if rs2 = 0; rs1 if the quotient overflows.
        Div       "div"       M 0xfe00_707f 0x0200_4033 R [Rd, Rs1, Rs2] Divide;
        /// rd = rs1 / rs2, unsigned; 2^64 - 1 if rs2 = 0.
        Divu      "divu"      M 0xfe00_707f 0x0200_5033 R [Rd, Rs1, Rs2] Divide;
        /// rd = the remainder of rs1 / rs2, signed, with the sign of rs1; rs1 if rs2 = 0; 0 if the quotient overflows.
        Rem       "rem"       M 0xfe00_707f 0x0200_6033 R [Rd, Rs1, Rs2] Divide;
        /// rd = the remainder of rs1 / rs2, unsigned; rs1 if rs2 = 0.
        Remu      "remu"      M 0xfe00_707f 0x0200_7033 R [Rd, Rs1, Rs2] Divide;
        /// rd = the low 32 bits of rs1 * rs2, sign-extended.
        Mulw      "mulw"      M 0xfe00_707f 0x0200_003b R [Rd, Rs1, Rs2] Multiply;
        /// As div on the low 32 bits of rs1 and rs2, the result sign-extended.
        Divw      "divw"      M 0xfe00_707f 0x0200_403b R [Rd, Rs1, Rs2] Divide;
        /// As divu on the low 32 bits of rs1 and rs2, the result sign-extended (all ones if the divisor is 0).
        Divuw     "divuw"     M 0xfe00_707f 0x0200_503b R [Rd, Rs1, Rs2] Divide;
        /// As rem on the low 32 bits of rs1 and rs2, the result sign-extended.
        Remw      "remw"      M 0xfe00_707f 0x0200_603b R [Rd, Rs1, Rs2] Divide;
        /// As remu on the low 32 bits of rs1 and rs2, the result sign-extended.
        Remuw     "remuw"     M 0xfe00_707f 0x0200_703b R [Rd, Rs1, Rs2] Divide;

        /// rd = the 4 bytes at rs1, sign-extended; reserve this address and width.
        LrW       "lr.w"      A 0xf9f0_707f 0x1000_202f AmoLoad [Rd, Address] Atomic;
        /// If the reservation is intact, store the low 4 bytes of rs2 at rs1 and rd = 0; else rd = 1. Clears the reservation.
        ScW       "sc.w"      A 0xf800_707f 0x1800_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store rs2 there.
        AmoswapW  "amoswap.w" A 0xf800_707f 0x0800_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store their sum with rs2 there.
        AmoaddW   "amoadd.w"  A 0xf800_707f 0x0000_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store their XOR with rs2 there.
        AmoxorW   "amoxor.w"  A 0xf800_707f 0x2000_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store their AND with rs2 there.
        AmoandW   "amoand.w"  A 0xf800_707f 0x6000_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store their OR with rs2 there.
        AmoorW    "amoor.w"   A 0xf800_707f 0x4000_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store the smaller of them and rs2, signed there.
        AmominW   "amomin.w"  A 0xf800_707f 0x8000_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store the larger of them and rs2, signed there.
        AmomaxW   "amomax.w"  A 0xf800_707f 0xa000_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store the smaller of them and rs2, unsigned there.
        AmominuW  "amominu.w" A 0xf800_707f 0xc000_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 4 bytes at rs1, sign-extended; store the larger of them and rs2, unsigned there.
        AmomaxuW  "amomaxu.w" A 0xf800_707f 0xe000_202f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; reserve this address and width.
        LrD       "lr.d"      A 0xf9f0_707f 0x1000_302f AmoLoad [Rd, Address] Atomic;
        /// If the reservation is intact, store the 8 bytes of rs2 at rs1 and rd = 0; else rd = 1. Clears the reservation.
        ScD       "sc.d"      A 0xf800_707f 0x1800_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store rs2 there.
        AmoswapD  "amoswap.d" A 0xf800_707f 0x0800_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store their sum with rs2 there.
        AmoaddD   "amoadd.d"  A 0xf800_707f 0x0000_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store their XOR with rs2 there.
        AmoxorD   "amoxor.d"  A 0xf800_707f 0x2000_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store their AND with rs2 there.
        AmoandD   "amoand.d"  A 0xf800_707f 0x6000_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store their OR with rs2 there.
        AmoorD    "amoor.d"   A 0xf800_707f 0x4000_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store the smaller of them and rs2, signed there.
        AmominD   "amomin.d"  A 0xf800_707f 0x8000_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store the larger of them and rs2, signed there.
        AmomaxD   "amomax.d"  A 0xf800_707f 0xa000_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store the smaller of them and rs2, unsigned there.
        AmominuD  "amominu.d" A 0xf800_707f 0xc000_302f Amo [Rd, Rs2, Address] Atomic;
        /// rd = the 8 bytes at rs1; store the larger of them and rs2, unsigned there.
        AmomaxuD  "amomaxu.d" A 0xf800_707f 0xe000_302f Amo [Rd, Rs2, Address] Atomic;

        /// rd = the low 32 bits of rs1, zero-extended, + rs2.
        AddUw     "add.uw"    Zba 0xfe00_707f 0x0800_003b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = (rs1 << 1) + rs2.
        Sh1add    "sh1add"    Zba 0xfe00_707f 0x2000_2033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = (rs1 << 2) + rs2.
        Sh2add    "sh2add"    Zba 0xfe00_707f 0x2000_4033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = (rs1 << 3) + rs2.
        Sh3add    "sh3add"    Zba 0xfe00_707f 0x2000_6033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = (the low 32 bits of rs1, zero-extended, << 1) + rs2.
        Sh1addUw  "sh1add.uw" Zba 0xfe00_707f 0x2000_203b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = (the low 32 bits of rs1, zero-extended, << 2) + rs2.
        Sh2addUw  "sh2add.uw" Zba 0xfe00_707f 0x2000_403b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = (the low 32 bits of rs1, zero-extended, << 3) + rs2.
        Sh3addUw  "sh3add.uw" Zba 0xfe00_707f 0x2000_603b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low 32 bits of rs1, zero-extended, shifted left by shamt bits.
        SlliUw    "slli.uw"   Zba 0xfc00_707f 0x0800_101b Shift [Rd, Rs1, Shamt] Arithmetic;

        /// rd = rs1 AND NOT rs2.
        Andn      "andn"      Zbb 0xfe00_707f 0x4000_7033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 OR NOT rs2.
        Orn       "orn"       Zbb 0xfe00_707f 0x4000_6033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = NOT (rs1 XOR rs2).
        Xnor      "xnor"      Zbb 0xfe00_707f 0x4000_4033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = number of zero bits above the highest one bit of rs1; 64 if rs1 = 0.
        Clz       "clz"       Zbb 0xfff0_707f 0x6000_1013 RUnary [Rd, Rs1] Arithmetic;
        /// rd = number of zero bits below the lowest one bit of rs1; 64 if rs1 = 0.
        Ctz       "ctz"       Zbb 0xfff0_707f 0x6010_1013 RUnary [Rd, Rs1] Arithmetic;
        /// rd = number of one bits in rs1.
        Cpop      "cpop"      Zbb 0xfff0_707f 0x6020_1013 RUnary [Rd, Rs1] BitCount;
        /// As clz on the low 32 bits of rs1; 32 if they are 0.
        Clzw      "clzw"      Zbb 0xfff0_707f 0x6000_101b RUnary [Rd, Rs1] Arithmetic;
        /// As ctz on the low 32 bits of rs1; 32 if they are 0.
        Ctzw      "ctzw"      Zbb 0xfff0_707f 0x6010_101b RUnary [Rd, Rs1] Arithmetic;
        /// rd = number of one bits in the low 32 bits of rs1.
        Cpopw     "cpopw"     Zbb 0xfff0_707f 0x6020_101b RUnary [Rd, Rs1] BitCount;
        /// rd = the larger of rs1 and rs2, signed.
        Max       "max"       Zbb 0xfe00_707f 0x0a00_6033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the larger of rs1 and rs2, unsigned.
        Maxu      "maxu"      Zbb 0xfe00_707f 0x0a00_7033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the smaller of rs1 and rs2, signed.
        Min       "min"       Zbb 0xfe00_707f 0x0a00_4033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the smaller of rs1 and rs2, unsigned.
        Minu      "minu"      Zbb 0xfe00_707f 0x0a00_5033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low byte of rs1, sign-extended.
        SextB     "sext.b"    Zbb 0xfff0_707f 0x6040_1013 RUnary [Rd, Rs1] Arithmetic;
        /// rd = the low 2 bytes of rs1, sign-extended.
        SextH     "sext.h"    Zbb 0xfff0_707f 0x6050_1013 RUnary [Rd, Rs1] Arithmetic;
        /// rd = the low 2 bytes of rs1, zero-extended.
        ZextH     "zext.h"    Zbb 0xfff0_707f 0x0800_403b RUnary [Rd, Rs1] Arithmetic;
        /// rd = rs1 rotated left by the low 6 bits of rs2.
        Rol       "rol"       Zbb 0xfe00_707f 0x6000_1033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 rotated right by the low 6 bits of rs2.
        Ror       "ror"       Zbb 0xfe00_707f 0x6000_5033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 rotated right by shamt bits.
        Rori      "rori"      Zbb 0xfc00_707f 0x6000_5013 Shift [Rd, Rs1, Shamt] Arithmetic;
        /// rd = the low 32 bits of rs1 rotated left by the low 5 bits of rs2, sign-extended.
        Rolw      "rolw"      Zbb 0xfe00_707f 0x6000_103b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low 32 bits of rs1 rotated right by the low 5 bits of rs2, sign-extended.
        Rorw      "rorw"      Zbb 0xfe00_707f 0x6000_503b R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = the low 32 bits of rs1 rotated right by shamt, sign-extended.
        Roriw     "roriw"     Zbb 0xfe00_707f 0x6000_501b ShiftWord [Rd, Rs1, Shamt] Arithmetic;
        /// rd = rs1 with every byte that is not zero replaced by 0xff.
        OrcB      "orc.b"     Zbb 0xfff0_707f 0x2870_5013 RUnary [Rd, Rs1] BitCount;
        /// rd = rs1 with its 8 bytes in reverse order.
        Rev8      "rev8"      Zbb 0xfff0_707f 0x6b80_5013 RUnary [Rd, Rs1] Arithmetic;

        /// rd = rs1 with bit number rs2 (low 6 bits) cleared.
        Bclr      "bclr"      Zbs 0xfe00_707f 0x4800_1033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 with bit number shamt cleared.
        Bclri     "bclri"     Zbs 0xfc00_707f 0x4800_1013 Shift [Rd, Rs1, Shamt] Arithmetic;
        /// rd = bit number rs2 (low 6 bits) of rs1.
        Bext      "bext"      Zbs 0xfe00_707f 0x4800_5033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = bit number shamt of rs1.
        Bexti     "bexti"     Zbs 0xfc00_707f 0x4800_5013 Shift [Rd, Rs1, Shamt] Arithmetic;
        /// rd = rs1 with bit number rs2 (low 6 bits) inverted.
        Binv      "binv"      Zbs 0xfe00_707f 0x6800_1033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 with bit number shamt inverted.
        Binvi     "binvi"     Zbs 0xfc00_707f 0x6800_1013 Shift [Rd, Rs1, Shamt] Arithmetic;
        /// rd = rs1 with bit number rs2 (low 6 bits) set.
        Bset      "bset"      Zbs 0xfe00_707f 0x2800_1033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = rs1 with bit number shamt set.
        Bseti     "bseti"     Zbs 0xfc00_707f 0x2800_1013 Shift [Rd, Rs1, Shamt] Arithmetic;

        /// rd = 0 if rs2 = 0, else rs1.
        CzeroEqz  "czero.eqz" Zicond 0xfe00_707f 0x0e00_5033 R [Rd, Rs1, Rs2] Arithmetic;
        /// rd = 0 if rs2 is not 0, else rs1.
        CzeroNez  "czero.nez" Zicond 0xfe00_707f 0x0e00_7033 R [Rd, Rs1, Rs2] Arithmetic;

        /// Allocate rs1 bytes; rs2 = kind, flags << 8, region (0 = choose) << 16, of kind Generative the address of seed and mode << 24; rd = address.
        M3Alloc   "m3.alloc" | "malloc3d" Xtravertine 0xfe00_707f 0x0000_000b R [Rd, Rs1, Rs2] Allocate;
        /// Free the allocation that starts at rs1; rd = status.
        M3Free    "m3.free" | "mfree3d" Xtravertine 0xfff0_707f 0x0200_000b RUnary [Rd, Rs1] Free;
        /// rd = size in bytes of the allocation that contains rs1; 0 if there is none.
        M3Size    "m3.size" | "msize3d" Xtravertine 0xfff0_707f 0x0400_000b RUnary [Rd, Rs1] Size;
        /// rd = property number rs2 of what lies at address rs1.
        M3Query   "m3.query" | "mquery3d" Xtravertine 0xfe00_707f 0x0600_000b R [Rd, Rs1, Rs2] Query;
        /// rd = present address of the movable allocation whose handle is rs1.
        M3Resolve "m3.resolve" Xtravertine 0xfff0_707f 0x0800_000b RUnary [Rd, Rs1] Resolve;
        /// Grow or shrink the allocation at rs1 to rs2 bytes, in place or by moving pages; rd = its new address.
        M3Resize  "m3.resize" Xtravertine 0xfe00_707f 0x0a00_000b R [Rd, Rs1, Rs2] Resize;
        /// Copy rs2 bytes from rs1 to the address in rd, which is read; ranges that overlap behave like memmove.
        M3Copy    "m3.copy" | "mcopy3d" Xtravertine 0xfe00_707f 0x0000_100b R [Rd, Rs1, Rs2] Copy;
        /// Set rs2 bytes at the address in rd, which is read, to the low byte of rs1.
        M3Fill    "m3.fill"   Xtravertine 0xfe00_707f 0x0200_100b R [Rd, Rs1, Rs2] Fill;
        /// Read the rs2 entries {address, length} at rs1, one after the other, to the address in rd, which is read.
        M3Gather  "m3.gather" | "mloadbatch3d" Xtravertine 0xfe00_707f 0x0400_100b R [Rd, Rs1, Rs2] Gather;
        /// Spread the bytes at the address in rd, which is read, over the rs2 entries {address, length} at rs1.
        M3Scatter "m3.scatter" | "mstorebatch3d" Xtravertine 0xfe00_707f 0x0600_100b R [Rd, Rs1, Rs2] Scatter;
        /// Let rs2 bytes of whole pages from rs1 appear copy-on-write at the address in rd, which is read.
        M3Share   "m3.share"  Xtravertine 0xfe00_707f 0x0800_100b R [Rd, Rs1, Rs2] Share;
        /// Compact region rs1; rd = bytes released.
        M3Compact "m3.compact" | "mcompact3d" Xtravertine 0xfff0_707f 0x0000_200b RUnary [Rd, Rs1] Compact;
        /// Compact region rs1 with at most rs2 moves; rd = bytes released.
        M3Defrag  "m3.defrag" | "mdefrag3d" Xtravertine 0xfe00_707f 0x0200_200b R [Rd, Rs1, Rs2] Compact;
        /// rd = gas remaining.
        M3Gas     "m3.gas" | "mgas3d" Xtravertine 0xffff_f07f 0x0000_300b RDest [Rd] ReadGas;
        /// rd = refund counter so far.
        M3Refund  "m3.refund" | "mrefund3d" Xtravertine 0xffff_f07f 0x0200_300b RDest [Rd] ReadRefund;
        /// Write the 32-byte root of region rs1, as of the last settle, to the address in rd, which is read.
        M3Root    "m3.root"   Xtravertine 0xfff0_707f 0x0000_400b RUnary [Rd, Rs1] ReadRoot;
        /// End with exit code rs1.
        M3Halt    "m3.halt" | "halt3d" Xtravertine 0xfff0_7fff 0xfe00_700b RSource [Rs1] Halt;
    }

    compressed {
        /// Add a multiple of 4 to the stack pointer.
        Addi4spn "c.addi4spn" 0xe003 0x0000 CiwAddi4spn [Rd, Rs1, Immediate] except [0x1fe0 0x0000] => Addi;
        /// Load 4 bytes.
        Lw "c.lw" 0xe003 0x4000 ClWord [Rd, Memory] => Lw;
        /// Load 8 bytes.
        Ld "c.ld" 0xe003 0x6000 ClDouble [Rd, Memory] => Ld;
        /// Store 4 bytes.
        Sw "c.sw" 0xe003 0xc000 CsWord [Rs2, Memory] => Sw;
        /// Store 8 bytes.
        Sd "c.sd" 0xe003 0xe000 CsDouble [Rs2, Memory] => Sd;

        /// No operation.
        Nop "c.nop" 0xef83 0x0001 CiNop [HintImmediate] => Addi
            hint [0x0000 0x0000 "imm is not 0"];
        /// Add an immediate to rd.
        Addi "c.addi" 0xe003 0x0001 Ci [Rd, Immediate] except [0x0f80 0x0000] => Addi
            hint [0x107c 0x0000 "imm = 0"];
        /// Add an immediate to the low 32 bits of rd.
        Addiw "c.addiw" 0xe003 0x2001 Ci [Rd, Immediate] except [0x0f80 0x0000] => Addiw;
        /// Load an immediate.
        Li "c.li" 0xe003 0x4001 CiLi [Rd, Immediate] => Addi
            hint [0x0f80 0x0000 "rd = x0"];
        /// Add a multiple of 16 to the stack pointer.
        Addi16sp "c.addi16sp" 0xef83 0x6101 CiAddi16sp [Rd, Immediate] except [0x107c 0x0000] => Addi;
        /// Load an upper immediate.
        Lui "c.lui" 0xe003 0x6001 CiLui [Rd, Upper] except [0x0f80 0x0100, 0x107c 0x0000] => Lui
            hint [0x0f80 0x0000 "rd = x0"];
        /// Shift rd right, zeros entering.
        Srli "c.srli" 0xec03 0x8001 CbShift [Rd, Shamt] => Srli
            hint [0x107c 0x0000 "shamt = 0"];
        /// Shift rd right, the sign entering.
        Srai "c.srai" 0xec03 0x8401 CbShift [Rd, Shamt] => Srai
            hint [0x107c 0x0000 "shamt = 0"];
        /// AND an immediate to rd.
        Andi "c.andi" 0xec03 0x8801 CbAndi [Rd, Immediate] => Andi;
        /// Subtract rs2 from rd.
        Sub "c.sub" 0xfc63 0x8c01 Ca [Rd, Rs2] => Sub;
        /// XOR rs2 to rd.
        Xor "c.xor" 0xfc63 0x8c21 Ca [Rd, Rs2] => Xor;
        /// OR rs2 to rd.
        Or "c.or" 0xfc63 0x8c41 Ca [Rd, Rs2] => Or;
        /// AND rs2 to rd.
        And "c.and" 0xfc63 0x8c61 Ca [Rd, Rs2] => And;
        /// Subtract the low 32 bits of rs2 from those of rd.
        Subw "c.subw" 0xfc63 0x9c01 Ca [Rd, Rs2] => Subw;
        /// Add the low 32 bits of rs2 to those of rd.
        Addw "c.addw" 0xfc63 0x9c21 Ca [Rd, Rs2] => Addw;
        /// Jump.
        J "c.j" 0xe003 0xa001 Cj [Target] => Jal;
        /// Branch if rs1 = 0.
        Beqz "c.beqz" 0xe003 0xc001 CbBranch [Rs1, Target] => Beq;
        /// Branch if rs1 is not 0.
        Bnez "c.bnez" 0xe003 0xe001 CbBranch [Rs1, Target] => Bne;

        /// Shift rd left.
        Slli "c.slli" 0xe003 0x0002 CiShift [Rd, Shamt] => Slli
            hint [0x0f80 0x0000 "rd = x0", 0x107c 0x0000 "shamt = 0"];
        /// Load 4 bytes relative to the stack pointer.
        Lwsp "c.lwsp" 0xe003 0x4002 CiLwsp [Rd, Memory] except [0x0f80 0x0000] => Lw;
        /// Load 8 bytes relative to the stack pointer.
        Ldsp "c.ldsp" 0xe003 0x6002 CiLdsp [Rd, Memory] except [0x0f80 0x0000] => Ld;
        /// Jump to the address in rs1.
        Jr "c.jr" 0xf07f 0x8002 CrJr [Rs1] except [0x0f80 0x0000] => Jalr;
        /// Copy rs2.
        Mv "c.mv" 0xf003 0x8002 CrMv [Rd, Rs2] except [0x007c 0x0000] => Add
            hint [0x0f80 0x0000 "rd = x0"];
        /// Breakpoint trap.
        Ebreak "c.ebreak" 0xffff 0x9002 Fixed [] => Ebreak;
        /// Jump to the address in rs1, the return address to ra.
        Jalr "c.jalr" 0xf07f 0x9002 CrJalr [Rs1] except [0x0f80 0x0000] => Jalr;
        /// Add rs2 to rd.
        Add "c.add" 0xf003 0x9002 CrAdd [Rd, Rs2] except [0x007c 0x0000] => Add
            hint [0x0f80 0x0000 "rd = x0"];
        /// Store 4 bytes relative to the stack pointer.
        Swsp "c.swsp" 0xe003 0xc002 CssSwsp [Rs2, Memory] => Sw;
        /// Store 8 bytes relative to the stack pointer.
        Sdsp "c.sdsp" 0xe003 0xe002 CssSdsp [Rs2, Memory] => Sd;
    }

    reserved {
        /// c.addi4spn with imm = 0, which includes the all-zero word.
        all 0xffe3 0x0000;
        /// c.fld: no floating point.
        all 0xe003 0x2000;
        /// Quadrant 0, funct3 = 4 (Zcb's loads and stores of bytes and halfwords).
        all 0xe003 0x8000;
        /// c.fsd: no floating point.
        all 0xe003 0xa000;
        /// c.addiw with rd = x0.
        all 0xef83 0x2001;
        /// c.addi16sp with imm = 0.
        all 0xffff 0x6101;
        /// c.lui with imm = 0 (Zcmop's may-be-operations among them).
        all 0xf07f 0x6001;
        /// The row of c.subw, funct2 = 2 (Zcb's c.mul).
        all 0xfc63 0x9c41;
        /// The row of c.subw, funct2 = 3 (Zcb's c.zext.b and others).
        all 0xfc63 0x9c61;
        /// c.fldsp: no floating point.
        all 0xe003 0x2002;
        /// c.lwsp with rd = x0.
        all 0xef83 0x4002;
        /// c.ldsp with rd = x0.
        all 0xef83 0x6002;
        /// c.jr with rs1 = x0.
        all 0xffff 0x8002;
        /// c.fsdsp: no floating point.
        all 0xe003 0xa002;

        /// LOAD with funct3 = 7.
        all 0x0000_707f 0x0000_7003;
        /// LOAD-FP: floating-point and vector loads.
        all 0x0000_007f 0x0000_0007;
        /// custom-0 with funct3 = 0 and a funct7 without instruction, or rs2 not x0 where it is unused.
        rest 0x0000_707f 0x0000_000b;
        /// custom-0 with funct3 = 1 and a funct7 without instruction.
        rest 0x0000_707f 0x0000_100b;
        /// custom-0 with funct3 = 2 and a funct7 without instruction, or m3.compact with rs2 not x0.
        rest 0x0000_707f 0x0000_200b;
        /// custom-0 with funct3 = 3 and a funct7 without instruction, or rs1 or rs2 not x0.
        rest 0x0000_707f 0x0000_300b;
        /// custom-0 with funct3 = 4 and a funct7 without instruction, or m3.root with rs2 not x0.
        rest 0x0000_707f 0x0000_400b;
        /// custom-0 with funct3 = 5.
        all 0x0000_707f 0x0000_500b;
        /// custom-0 with funct3 = 6.
        all 0x0000_707f 0x0000_600b;
        /// custom-0 with funct3 = 7 and a funct7 other than 127, or m3.halt with rd or rs2 not x0.
        rest 0x0000_707f 0x0000_700b;
        /// MISC-MEM with funct3 of 2 or more (cache block operations).
        rest 0x0000_007f 0x0000_000f;
        /// OP-IMM with funct3 = 1 and other upper bits (cryptography: sha256sum0, aes64im, zip).
        rest 0x0000_707f 0x0000_1013;
        /// OP-IMM with funct3 = 5 and other upper bits (brev8, RV32's rev8, every grevi and gorci but rev8 and orc.b).
        rest 0x0000_707f 0x0000_5013;
        /// OP-IMM-32 with funct3 = 1 and other upper bits (slliw with bit 5 of shamt set).
        rest 0x0000_707f 0x0000_101b;
        /// OP-IMM-32 with funct3 = 5 and other upper bits (srliw, sraiw, roriw with bit 5 of shamt set).
        rest 0x0000_707f 0x0000_501b;
        /// OP-IMM-32 with funct3 = 2 or 3.
        all 0x0000_607f 0x0000_201b;
        /// OP-IMM-32 with funct3 = 4.
        all 0x0000_707f 0x0000_401b;
        /// OP-IMM-32 with funct3 = 6 or 7.
        all 0x0000_607f 0x0000_601b;
        /// STORE with funct3 of 4 or more.
        all 0x0000_407f 0x0000_4023;
        /// STORE-FP: floating-point and vector stores.
        all 0x0000_007f 0x0000_0027;
        /// custom-1.
        all 0x0000_007f 0x0000_002b;
        /// AMO with funct3 other than 2 and 3 (Zabha), a funct5 without instruction (amocas), or lr with rs2 not x0.
        rest 0x0000_007f 0x0000_002f;
        /// OP with a funct7 and funct3 without instruction (clmul, xperm, pack, RV32's zext.h).
        rest 0x0000_007f 0x0000_0033;
        /// OP-32 with a funct7 and funct3 without instruction (packw: zext.h with rs2 not x0).
        rest 0x0000_007f 0x0000_003b;
        /// MADD: no floating point.
        all 0x0000_007f 0x0000_0043;
        /// MSUB: no floating point.
        all 0x0000_007f 0x0000_0047;
        /// NMSUB: no floating point.
        all 0x0000_007f 0x0000_004b;
        /// NMADD: no floating point.
        all 0x0000_007f 0x0000_004f;
        /// OP-FP: no floating point.
        all 0x0000_007f 0x0000_0053;
        /// OP-V: no vectors.
        all 0x0000_007f 0x0000_0057;
        /// custom-2.
        all 0x0000_007f 0x0000_005b;
        /// BRANCH with funct3 = 2 or 3.
        all 0x0000_607f 0x0000_2063;
        /// JALR with funct3 other than 0.
        rest 0x0000_007f 0x0000_0067;
        /// The reserved major opcode 0x6b.
        all 0x0000_007f 0x0000_006b;
        /// SYSTEM with funct3 = 0 but ecall and ebreak (sret, mret, wfi, sfence.vma): no privileged instructions.
        rest 0x0000_707f 0x0000_0073;
        /// SYSTEM with funct3 = 1 (csrrw): no CSRs.
        all 0x0000_707f 0x0000_1073;
        /// SYSTEM with funct3 = 2 or 3 (csrrs, csrrc): no CSRs.
        all 0x0000_607f 0x0000_2073;
        /// SYSTEM with funct3 = 4 (hypervisor loads and stores, may-be-operations).
        all 0x0000_707f 0x0000_4073;
        /// SYSTEM with funct3 = 5 (csrrwi): no CSRs.
        all 0x0000_707f 0x0000_5073;
        /// SYSTEM with funct3 = 6 or 7 (csrrsi, csrrci): no CSRs.
        all 0x0000_607f 0x0000_6073;
        /// OP-VE: no vectors.
        all 0x0000_007f 0x0000_0077;
        /// custom-3.
        all 0x0000_007f 0x0000_007b;
        /// Instructions longer than 32 bits.
        all 0x0000_001f 0x0000_001f;
    }
}
