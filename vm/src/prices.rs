//! What instructions cost: the schedule's base prices, laid out for the interpreter.

use travertine_gas::Schedule;
use travertine_memory::{AllocationPrices, RegionKind};
use travertine_opcodes::{GasClass, Instruction, Opcode};

use crate::interpreter::allocation::plane_kind;

/// Instructions that are priced apart: every opcode, and behind them `nop` and `mv`.
const SLOTS: usize = Opcode::ALL.len() + 2;

/// Where the base price of an instruction stands; it is the same under every schedule, so it is found when code is
/// decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PriceSlot(u8);

impl PriceSlot {
    pub(crate) fn of(instruction: Instruction) -> Self {
        let special = match instruction.gas_class() {
            GasClass::Nop => 1,
            GasClass::Mv => 2,
            _ => return Self(instruction.opcode as u8),
        };
        Self(Opcode::ALL[Opcode::ALL.len() - 1] as u8 + special)
    }
}

/// The base price of every instruction, in gas, and the schedule behind it.
#[derive(Debug, Clone)]
pub(crate) struct Prices {
    base: [u64; SLOTS],
    schedule: Schedule,
}

impl Prices {
    /// The prices of a validated schedule.
    pub(crate) fn new(schedule: Schedule) -> Self {
        let mut base = [0; SLOTS];
        let with = |opcode, imm| Instruction { opcode, rd: 1, rs1: 1, rs2: 1, imm };
        let nop = Instruction { opcode: Opcode::Addi, rd: 0, rs1: 0, rs2: 0, imm: 0 };
        let all = Opcode::ALL.iter().map(|&opcode| with(opcode, 1)).chain([nop, with(Opcode::Addi, 0)]);
        for instruction in all {
            base[usize::from(PriceSlot::of(instruction).0)] = schedule.base(instruction);
        }
        Self { base, schedule }
    }

    /// The base price of the instructions of a slot, in gas.
    #[inline]
    pub(crate) fn base(&self, slot: PriceSlot) -> u64 {
        self.base[usize::from(slot.0)]
    }

    /// The schedule behind the prices.
    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

impl AllocationPrices for Prices {
    fn growth(&self, kind: RegionKind, planes_before: u64, planes_after: u64) -> u64 {
        self.schedule.growth(plane_kind(kind), planes_before, planes_after)
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        extra_planes.saturating_mul(self.schedule.promotion_plane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use travertine_opcodes::decode;

    /// Instructions without immediates, and of each opcode all kinds of operands.
    #[test]
    fn a_slot_holds_the_base_price_of_its_instruction() {
        let schedule = Schedule::memory3d();
        let prices = Prices::new(schedule.clone());
        let mut seen = [false; SLOTS];
        // Every fixed part of a word, with few and with many operand bits set.
        for row in &travertine_opcodes::TABLE {
            for operands in [0, 0x0000_0080, 0x0000_8000, 0x0010_0000, 0x0000_8080, 0x0010_0080, u32::MAX] {
                let word = row.pattern.bits | (operands & !row.pattern.mask);
                let Ok(decoded) = decode(word) else { continue };
                let instruction = decoded.instruction();
                let slot = PriceSlot::of(instruction);
                assert_eq!(prices.base(slot), schedule.base(instruction), "{decoded}");
                seen[usize::from(slot.0)] = true;
            }
        }
        assert!(seen.iter().all(|&seen| seen), "every slot was looked at");
    }
}
