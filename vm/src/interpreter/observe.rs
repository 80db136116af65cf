//! The interpreter with somebody looking on: the same steps, each counted.

use travertine_memory::{Access, Fault};
use travertine_merkle::layout::PAGE_BYTES;
use travertine_opcodes::{GasClass, Opcode};

use super::{Run, Stop};
use crate::code::{Op, Slot, slot_of};
use crate::host::Host;
use crate::outcome::Outcome;

impl<H: Host + ?Sized> Run<'_, H> {
    /// Executes as [`Run::run`] does, and counts what was carried out.
    pub(super) fn run_observed(mut self) -> Result<Outcome, Fault> {
        for _ in 0..self.limit.steps {
            let pc = self.call.cpu.pc();
            let slot = self.code.page(pc / PAGE_BYTES).map(|page| page[slot_of(pc)]);
            let slot = slot.or_else(|| self.allocated(pc));
            let found = if let Some(Slot::Op(op)) = slot { Some((op, self.is_cache_hit(op))) } else { None };
            let step = self.carry_out(slot);
            if let Some((op, is_hit)) = found
                && was_carried_out(&step)
                && let Some(observation) = &mut self.call.statistics.observation
            {
                observation.count(op.instruction.opcode, is_hit);
            }
            match step {
                Ok(()) => {}
                Err(Stop::Outcome(outcome)) => return Ok(outcome),
                Err(Stop::Node(fault)) => return Err(fault),
            }
        }
        Ok(Outcome::Stepped)
    }

    /// Whether the load, store or atomic `op` will find its page in the cache of recent pages.
    fn is_cache_hit(&self, op: Op) -> bool {
        let opcode = op.instruction.opcode;
        let access = match (opcode.gas_class(), opcode) {
            (GasClass::Load, _) | (GasClass::Atomic, Opcode::LrW | Opcode::LrD) => Access::Read,
            (GasClass::Store | GasClass::Atomic, _) => Access::Write,
            _ => return false,
        };
        let address = self.base_and_offset(op);
        self.call.memory.is_recent(address, opcode.access_bytes(), access)
    }
}

/// Whether an instruction had its effect, be it that the call ended or waits because of it.
fn was_carried_out(step: &Result<(), Stop>) -> bool {
    match step {
        Ok(()) => true,
        Err(Stop::Outcome(outcome)) => match outcome {
            Outcome::Halted { .. } | Outcome::Returned | Outcome::Reverted | Outcome::HostCall(_) => true,
            Outcome::Trapped(_) | Outcome::OutOfGas { .. } | Outcome::Stepped => false,
        },
        Err(Stop::Node(_)) => false,
    }
}
