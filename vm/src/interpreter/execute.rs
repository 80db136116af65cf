//! What every instruction does: one line each, in the order of the instruction table.

use travertine_opcodes::Opcode;

use super::access::{DOUBLE, WORD};
use super::arithmetic::{
    arithmetic_shift, div, divu, divuw, divw, multiply_high, on_word, or_combine_bytes, rem, remu, remuw,
    remw, shift, shift_word, sign_extend_byte, sign_extend_half, sign_extend_word, signed, unsigned, word,
    zero_extend_word,
};
use super::{Run, Stop};
use crate::code::Op;
use crate::host::Host;
use crate::outcome::TrapCause;

/// What a load of all bits, or of bits that are not extended, gives.
fn unchanged(value: u64) -> u64 {
    value
}

fn set_less_than(a: u64, b: u64) -> u64 {
    u64::from(a.cast_signed() < b.cast_signed())
}

impl<H: Host + ?Sized> Run<'_, H> {
    /// Carries out one instruction: charges it and goes on behind it, or says why not.
    #[allow(clippy::too_many_lines, reason = "one line for each instruction")]
    pub(crate) fn execute(&mut self, op: Op) -> Result<(), Stop> {
        match op.instruction.opcode {
            // RV64I: upper immediates, jumps and branches
            Opcode::Lui => self.lui(op),
            Opcode::Auipc => self.auipc(op),
            Opcode::Jal => self.jal(op),
            Opcode::Jalr => self.jalr(op),
            Opcode::Beq => self.branch(op, |a, b| a == b),
            Opcode::Bne => self.branch(op, |a, b| a != b),
            Opcode::Blt => self.branch(op, |a, b| a.cast_signed() < b.cast_signed()),
            Opcode::Bge => self.branch(op, |a, b| a.cast_signed() >= b.cast_signed()),
            Opcode::Bltu => self.branch(op, |a, b| a < b),
            Opcode::Bgeu => self.branch(op, |a, b| a >= b),
            // RV64I: loads and stores
            Opcode::Lb => self.load(op, 1, sign_extend_byte),
            Opcode::Lh => self.load(op, 2, sign_extend_half),
            Opcode::Lw => self.load(op, 4, sign_extend_word),
            Opcode::Ld => self.load(op, 8, unchanged),
            Opcode::Lbu => self.load(op, 1, unchanged),
            Opcode::Lhu => self.load(op, 2, unchanged),
            Opcode::Lwu => self.load(op, 4, unchanged),
            Opcode::Sb => self.store(op, 1),
            Opcode::Sh => self.store(op, 2),
            Opcode::Sw => self.store(op, 4),
            Opcode::Sd => self.store(op, 8),
            // RV64I: register and immediate
            Opcode::Addi => self.immediate(op, u64::wrapping_add),
            Opcode::Slti => self.immediate(op, set_less_than),
            Opcode::Sltiu => self.immediate(op, |a, b| u64::from(a < b)),
            Opcode::Xori => self.immediate(op, |a, b| a ^ b),
            Opcode::Ori => self.immediate(op, |a, b| a | b),
            Opcode::Andi => self.immediate(op, |a, b| a & b),
            Opcode::Slli => self.immediate(op, |a, b| a << shift(b)),
            Opcode::Srli => self.immediate(op, |a, b| a >> shift(b)),
            Opcode::Srai => self.immediate(op, |a, b| arithmetic_shift(a, shift(b))),
            Opcode::Addiw => self.immediate(op, |a, b| sign_extend_word(a.wrapping_add(b))),
            Opcode::Slliw => self.immediate(op, |a, b| on_word(a, b, |a, b| a << b)),
            Opcode::Srliw => self.immediate(op, |a, b| on_word(a, b, |a, b| a >> b)),
            Opcode::Sraiw => self.immediate(op, |a, b| arithmetic_shift(sign_extend_word(a), shift_word(b))),
            // RV64I: register and register
            Opcode::Add => self.register(op, u64::wrapping_add),
            Opcode::Sub => self.register(op, u64::wrapping_sub),
            Opcode::Sll => self.register(op, |a, b| a << shift(b)),
            Opcode::Slt => self.register(op, set_less_than),
            Opcode::Sltu => self.register(op, |a, b| u64::from(a < b)),
            Opcode::Xor => self.register(op, |a, b| a ^ b),
            Opcode::Srl => self.register(op, |a, b| a >> shift(b)),
            Opcode::Sra => self.register(op, |a, b| arithmetic_shift(a, shift(b))),
            Opcode::Or => self.register(op, |a, b| a | b),
            Opcode::And => self.register(op, |a, b| a & b),
            Opcode::Addw => self.register(op, |a, b| sign_extend_word(a.wrapping_add(b))),
            Opcode::Subw => self.register(op, |a, b| sign_extend_word(a.wrapping_sub(b))),
            Opcode::Sllw => self.register(op, |a, b| on_word(a, b, |a, b| a << b)),
            Opcode::Srlw => self.register(op, |a, b| on_word(a, b, |a, b| a >> b)),
            Opcode::Sraw => self.register(op, |a, b| arithmetic_shift(sign_extend_word(a), shift_word(b))),
            // RV64I and Zifencei: one hart and immutable code have nothing to order; environment
            Opcode::Fence | Opcode::FenceI => self.no_operation(op),
            Opcode::Ecall => self.ecall(op),
            Opcode::Ebreak => self.ebreak(op),
            // M
            Opcode::Mul => self.register(op, u64::wrapping_mul),
            Opcode::Mulh => self.register(op, |a, b| multiply_high(signed(a), signed(b))),
            Opcode::Mulhsu => self.register(op, |a, b| multiply_high(signed(a), unsigned(b))),
            Opcode::Mulhu => self.register(op, |a, b| multiply_high(unsigned(a), unsigned(b))),
            Opcode::Div => self.register(op, div),
            Opcode::Divu => self.register(op, divu),
            Opcode::Rem => self.register(op, rem),
            Opcode::Remu => self.register(op, remu),
            Opcode::Mulw => self.register(op, |a, b| sign_extend_word(a.wrapping_mul(b))),
            Opcode::Divw => self.register(op, divw),
            Opcode::Divuw => self.register(op, divuw),
            Opcode::Remw => self.register(op, remw),
            Opcode::Remuw => self.register(op, remuw),
            // A
            Opcode::LrW => self.load_reserved(op, WORD, sign_extend_word),
            Opcode::ScW => self.store_conditional(op, WORD),
            Opcode::AmoswapW => self.atomic_word(op, |_, new| new),
            Opcode::AmoaddW => self.atomic_word(op, u32::wrapping_add),
            Opcode::AmoxorW => self.atomic_word(op, |a, b| a ^ b),
            Opcode::AmoandW => self.atomic_word(op, |a, b| a & b),
            Opcode::AmoorW => self.atomic_word(op, |a, b| a | b),
            Opcode::AmominW => {
                self.atomic_word(op, |a, b| a.cast_signed().min(b.cast_signed()).cast_unsigned())
            }
            Opcode::AmomaxW => {
                self.atomic_word(op, |a, b| a.cast_signed().max(b.cast_signed()).cast_unsigned())
            }
            Opcode::AmominuW => self.atomic_word(op, u32::min),
            Opcode::AmomaxuW => self.atomic_word(op, u32::max),
            Opcode::LrD => self.load_reserved(op, DOUBLE, unchanged),
            Opcode::ScD => self.store_conditional(op, DOUBLE),
            Opcode::AmoswapD => self.atomic_double(op, |_, new| new),
            Opcode::AmoaddD => self.atomic_double(op, u64::wrapping_add),
            Opcode::AmoxorD => self.atomic_double(op, |a, b| a ^ b),
            Opcode::AmoandD => self.atomic_double(op, |a, b| a & b),
            Opcode::AmoorD => self.atomic_double(op, |a, b| a | b),
            Opcode::AmominD => {
                self.atomic_double(op, |a, b| a.cast_signed().min(b.cast_signed()).cast_unsigned())
            }
            Opcode::AmomaxD => {
                self.atomic_double(op, |a, b| a.cast_signed().max(b.cast_signed()).cast_unsigned())
            }
            Opcode::AmominuD => self.atomic_double(op, u64::min),
            Opcode::AmomaxuD => self.atomic_double(op, u64::max),
            // Zba
            Opcode::AddUw => self.register(op, |a, b| zero_extend_word(a).wrapping_add(b)),
            Opcode::Sh1add => self.register(op, |a, b| (a << 1).wrapping_add(b)),
            Opcode::Sh2add => self.register(op, |a, b| (a << 2).wrapping_add(b)),
            Opcode::Sh3add => self.register(op, |a, b| (a << 3).wrapping_add(b)),
            Opcode::Sh1addUw => self.register(op, |a, b| (zero_extend_word(a) << 1).wrapping_add(b)),
            Opcode::Sh2addUw => self.register(op, |a, b| (zero_extend_word(a) << 2).wrapping_add(b)),
            Opcode::Sh3addUw => self.register(op, |a, b| (zero_extend_word(a) << 3).wrapping_add(b)),
            Opcode::SlliUw => self.immediate(op, |a, b| zero_extend_word(a) << shift(b)),
            // Zbb
            Opcode::Andn => self.register(op, |a, b| a & !b),
            Opcode::Orn => self.register(op, |a, b| a | !b),
            Opcode::Xnor => self.register(op, |a, b| !(a ^ b)),
            Opcode::Clz => self.unary(op, |a| u64::from(a.leading_zeros())),
            Opcode::Ctz => self.unary(op, |a| u64::from(a.trailing_zeros())),
            Opcode::Cpop => self.unary(op, |a| u64::from(a.count_ones())),
            Opcode::Clzw => self.unary(op, |a| u64::from(word(a).leading_zeros())),
            Opcode::Ctzw => self.unary(op, |a| u64::from(word(a).trailing_zeros())),
            Opcode::Cpopw => self.unary(op, |a| u64::from(word(a).count_ones())),
            Opcode::Max => self.register(op, |a, b| a.cast_signed().max(b.cast_signed()).cast_unsigned()),
            Opcode::Maxu => self.register(op, u64::max),
            Opcode::Min => self.register(op, |a, b| a.cast_signed().min(b.cast_signed()).cast_unsigned()),
            Opcode::Minu => self.register(op, u64::min),
            Opcode::SextB => self.unary(op, sign_extend_byte),
            Opcode::SextH => self.unary(op, sign_extend_half),
            Opcode::ZextH => self.unary(op, |a| a & 0xffff),
            Opcode::Rol => self.register(op, |a, b| a.rotate_left(shift(b))),
            Opcode::Ror => self.register(op, |a, b| a.rotate_right(shift(b))),
            Opcode::Rori => self.immediate(op, |a, b| a.rotate_right(shift(b))),
            Opcode::Rolw => self.register(op, |a, b| on_word(a, b, u32::rotate_left)),
            Opcode::Rorw => self.register(op, |a, b| on_word(a, b, u32::rotate_right)),
            Opcode::Roriw => self.immediate(op, |a, b| on_word(a, b, u32::rotate_right)),
            Opcode::OrcB => self.unary(op, or_combine_bytes),
            Opcode::Rev8 => self.unary(op, u64::swap_bytes),
            // Zbs
            Opcode::Bclr => self.register(op, |a, b| a & !(1 << shift(b))),
            Opcode::Bclri => self.immediate(op, |a, b| a & !(1 << shift(b))),
            Opcode::Bext => self.register(op, |a, b| (a >> shift(b)) & 1),
            Opcode::Bexti => self.immediate(op, |a, b| (a >> shift(b)) & 1),
            Opcode::Binv => self.register(op, |a, b| a ^ (1 << shift(b))),
            Opcode::Binvi => self.immediate(op, |a, b| a ^ (1 << shift(b))),
            Opcode::Bset => self.register(op, |a, b| a | (1 << shift(b))),
            Opcode::Bseti => self.immediate(op, |a, b| a | (1 << shift(b))),
            // Zicond
            Opcode::CzeroEqz => self.register(op, |a, b| if b == 0 { 0 } else { a }),
            Opcode::CzeroNez => self.register(op, |a, b| if b == 0 { a } else { 0 }),
            // Xtravertine
            Opcode::M3Copy => self.copy(op),
            Opcode::M3Fill => self.fill(op),
            Opcode::M3Gather => self.gather(op),
            Opcode::M3Scatter => self.scatter(op),
            Opcode::M3Share => self.share(op),
            Opcode::M3Gas => self.gas(op),
            Opcode::M3Refund => self.refund(op),
            Opcode::M3Root => self.root(op),
            Opcode::M3Halt => self.halt(op),
            Opcode::M3Alloc => self.allocate(op),
            Opcode::M3Free => self.free(op),
            Opcode::M3Size => self.size(op),
            Opcode::M3Query => self.query(op),
            Opcode::M3Resolve => self.resolve(op),
            Opcode::M3Resize => self.resize(op),
            Opcode::M3Compact => self.compact(op),
            Opcode::M3Defrag => self.defragment(op),
        }
    }

    /// `rd = operation(rs1, rs2)`.
    #[inline]
    fn register(&mut self, op: Op, operation: impl Fn(u64, u64) -> u64) -> Result<(), Stop> {
        let operand = self.call.cpu.get(op.instruction.rs2);
        self.unary(op, |value| operation(value, operand))
    }

    /// `rd = operation(rs1, imm)`.
    #[inline]
    fn immediate(&mut self, op: Op, operation: impl Fn(u64, u64) -> u64) -> Result<(), Stop> {
        let operand = immediate(op);
        self.unary(op, |value| operation(value, operand))
    }

    /// `rd = operation(rs1)`.
    #[inline]
    fn unary(&mut self, op: Op, operation: impl Fn(u64) -> u64) -> Result<(), Stop> {
        let value = operation(self.call.cpu.get(op.instruction.rs1));
        self.set_register(op, value)
    }

    fn lui(&mut self, op: Op) -> Result<(), Stop> {
        self.set_register(op, immediate(op))
    }

    fn auipc(&mut self, op: Op) -> Result<(), Stop> {
        self.set_register(op, self.call.cpu.pc().wrapping_add(immediate(op)))
    }

    /// Charges the base price, then `rd = value`.
    pub(super) fn set_register(&mut self, op: Op, value: u64) -> Result<(), Stop> {
        self.charge_base(op)?;
        self.call.cpu.set(op.instruction.rd, value);
        self.advance(op);
        Ok(())
    }

    fn jal(&mut self, op: Op) -> Result<(), Stop> {
        self.jump(op, self.call.cpu.pc().wrapping_add(immediate(op)))
    }

    /// The target is read before `rd` is written: they may be one register. Its lowest bit is cleared.
    fn jalr(&mut self, op: Op) -> Result<(), Stop> {
        self.jump(op, self.call.cpu.get(op.instruction.rs1).wrapping_add(immediate(op)) & !1)
    }

    fn jump(&mut self, op: Op, target: u64) -> Result<(), Stop> {
        self.charge_base(op)?;
        let link = self.call.cpu.pc().wrapping_add(u64::from(op.length));
        self.call.cpu.set(op.instruction.rd, link);
        self.call.cpu.set_pc(target);
        Ok(())
    }

    #[inline]
    fn branch(&mut self, op: Op, condition: impl Fn(u64, u64) -> bool) -> Result<(), Stop> {
        self.charge_base(op)?;
        if condition(self.call.cpu.get(op.instruction.rs1), self.call.cpu.get(op.instruction.rs2)) {
            self.call.cpu.set_pc(self.call.cpu.pc().wrapping_add(immediate(op)));
        } else {
            self.advance(op);
        }
        Ok(())
    }

    fn no_operation(&mut self, op: Op) -> Result<(), Stop> {
        self.charge_base(op)?;
        self.advance(op);
        Ok(())
    }

    fn ebreak(&mut self, op: Op) -> Result<(), Stop> {
        self.charge_base(op)?;
        Err(self.trap(TrapCause::Breakpoint))
    }
}

/// The immediate, sign-extended to 64 bits.
#[inline]
fn immediate(op: Op) -> u64 {
    i64::from(op.instruction.imm).cast_unsigned()
}
