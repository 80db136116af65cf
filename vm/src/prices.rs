//! What instructions cost: the schedule's prices, laid out for the interpreter.

use travertine_gas::Schedule;
use travertine_memory::Touches;
use travertine_opcodes::{GasClass, Opcode};

/// The price of every opcode and of touching pages, in gas.
#[derive(Debug, Clone)]
pub(crate) struct Prices {
    base: [u64; Opcode::ALL.len()],
    schedule: Schedule,
}

impl Prices {
    /// The prices of a validated schedule.
    pub(crate) fn new(schedule: Schedule) -> Self {
        let mut base = [0; Opcode::ALL.len()];
        for (price, opcode) in base.iter_mut().zip(Opcode::ALL) {
            *price = class_price(&schedule, opcode.gas_class());
        }
        Self { base, schedule }
    }

    /// The base cost of an opcode.
    #[inline]
    pub(crate) fn base(&self, opcode: Opcode) -> u64 {
        self.base[opcode as usize]
    }

    /// The cost of touching pages for the first time in a call.
    #[inline]
    pub(crate) fn touches(&self, touches: Touches) -> u64 {
        // At most 2^20 pages of a region, each at most a 32-bit price.
        u64::from(touches.first_reads) * self.schedule.page_first_read
            + u64::from(touches.first_writes) * self.schedule.page_first_write
    }

    /// The schedule behind the prices.
    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

/// The price of a class of instructions.
fn class_price(schedule: &Schedule, class: GasClass) -> u64 {
    match class {
        GasClass::Arithmetic => schedule.arithmetic,
        GasClass::Multiply => schedule.multiply,
        GasClass::Divide => schedule.divide,
        GasClass::Load => schedule.load,
        GasClass::Store => schedule.store,
        GasClass::Branch => schedule.branch,
        GasClass::Jump => schedule.jump,
        GasClass::Atomic => schedule.atomic,
        GasClass::Fence => schedule.fence,
        GasClass::System => schedule.system,
        // Not available yet: these trap before anything is charged.
        GasClass::Memory3d => 0,
    }
}
