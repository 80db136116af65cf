//! Loads, stores and atomics. Any alignment works; an access that faults changes nothing.

use travertine_memory::{Access, Fault, FaultReason, StorePlan};
use travertine_merkle::layout::PAGE_BYTES;

use super::arithmetic::{sign_extend_word, word};
use super::{Run, Stop};
use crate::code::Op;
use crate::host::Host;
use crate::outcome::TrapCause;

/// Bytes of a word and of a doubleword: the widths of atomics.
pub(super) const WORD: u64 = 4;
pub(super) const DOUBLE: u64 = 8;

impl<H: Host + ?Sized> Run<'_, H> {
    /// `rd = extend(memory[rs1 + imm])`, of 1, 2, 4 or 8 bytes.
    #[inline]
    pub(super) fn load(&mut self, op: Op, width: u64, extend: fn(u64) -> u64) -> Result<(), Stop> {
        self.load_at(op, self.base_and_offset(op), width, extend)
    }

    /// `memory[rs1 + imm] = rs2`, the low 1, 2, 4 or 8 bytes.
    #[inline]
    pub(super) fn store(&mut self, op: Op, width: u64) -> Result<(), Stop> {
        let address = self.base_and_offset(op);
        let plan = self.charge_store(op, address, width)?;
        self.call.memory.store(plan, self.call.cpu.get(op.instruction.rs2));
        self.call.stored(address, width);
        self.advance(op);
        Ok(())
    }

    /// `lr`: loads and reserves. Any other reservation ends.
    pub(super) fn load_reserved(&mut self, op: Op, width: u64, extend: fn(u64) -> u64) -> Result<(), Stop> {
        let address = self.call.cpu.get(op.instruction.rs1);
        if self.call.memory.is_second_view(address, width) {
            // What is reserved there would be stored to at another address.
            let fault = Fault { address, access: Access::Read, reason: FaultReason::SecondView };
            return Err(self.access_fault(op, TrapCause::LoadFault, fault));
        }
        self.load_at(op, address, width, extend)?;
        self.call.cpu.reserve(address, width);
        Ok(())
    }

    /// `sc`: stores if exactly this address and width is reserved; `rd` = 0 if so, else 1. A failing one touches
    /// nothing. Either way the reservation ends.
    pub(super) fn store_conditional(&mut self, op: Op, width: u64) -> Result<(), Stop> {
        let address = self.call.cpu.get(op.instruction.rs1);
        let succeeds = self.call.cpu.is_reserved(address, width);
        if succeeds {
            let plan = self.charge_store(op, address, width)?;
            self.call.memory.store(plan, self.call.cpu.get(op.instruction.rs2));
        } else {
            self.charge_base(op)?;
        }
        self.call.cpu.clear_reservation();
        self.call.cpu.set(op.instruction.rd, u64::from(!succeeds));
        self.advance(op);
        Ok(())
    }

    /// `amo*.w`: `rd` = the old word, sign-extended; memory = `operation` of the old word and `rs2`.
    pub(super) fn atomic_word(&mut self, op: Op, operation: fn(u32, u32) -> u32) -> Result<(), Stop> {
        let new = |old, operand| u64::from(operation(word(old), word(operand)));
        self.atomic(op, WORD, sign_extend_word, new)
    }

    /// `amo*.d`: `rd` = the old doubleword; memory = `operation` of it and `rs2`.
    pub(super) fn atomic_double(&mut self, op: Op, operation: fn(u64, u64) -> u64) -> Result<(), Stop> {
        self.atomic(op, DOUBLE, |old| old, operation)
    }

    /// Reads, computes and writes. What can be written can be read: no page is writable only. An atomic that is
    /// refused is a store fault, as in the manual.
    fn atomic(
        &mut self,
        op: Op,
        width: u64,
        extend: fn(u64) -> u64,
        operation: impl Fn(u64, u64) -> u64,
    ) -> Result<(), Stop> {
        let address = self.call.cpu.get(op.instruction.rs1);
        let store = self.charge_store(op, address, width)?;
        let load = self.call.memory.plan_load(address, width);
        let load = load.map_err(|fault| self.access_fault(op, TrapCause::LoadFault, fault))?;
        let old = self.call.memory.load(load);
        let new = operation(old, self.call.cpu.get(op.instruction.rs2));
        self.call.memory.store(store, new);
        self.call.stored(address, width);
        self.call.cpu.set(op.instruction.rd, extend(old));
        self.advance(op);
        Ok(())
    }

    #[inline]
    fn load_at(&mut self, op: Op, address: u64, width: u64, extend: fn(u64) -> u64) -> Result<(), Stop> {
        let plan = match self.call.memory.plan_load(address, width) {
            Ok(plan) => plan,
            Err(fault) => return Err(self.access_fault(op, TrapCause::LoadFault, fault)),
        };
        self.charge_access(op, plan.touches(), plan.recalls(), crosses_page(address, width))?;
        let value = self.call.memory.load(plan);
        self.call.cpu.set(op.instruction.rd, extend(value));
        self.advance(op);
        Ok(())
    }

    /// Checks and charges a store; what is left to do cannot fail.
    #[inline]
    pub(super) fn charge_store(&mut self, op: Op, address: u64, width: u64) -> Result<StorePlan, Stop> {
        let plan = match self.call.memory.plan_store(address, width) {
            Ok(plan) => plan,
            Err(fault) => return Err(self.access_fault(op, TrapCause::StoreFault, fault)),
        };
        self.charge_access(op, plan.touches(), plan.recalls(), crosses_page(address, width))?;
        Ok(plan)
    }

    /// `rs1 + imm`, wrapping as the manual says; the memory refuses what is too wide.
    #[inline]
    pub(super) fn base_and_offset(&self, op: Op) -> u64 {
        self.call.cpu.get(op.instruction.rs1).wrapping_add_signed(i64::from(op.instruction.imm))
    }
}

/// Whether the bytes of an access that is allowed lie in two pages.
#[inline]
pub(super) fn crosses_page(address: u64, width: u64) -> bool {
    address % PAGE_BYTES + width > PAGE_BYTES
}
