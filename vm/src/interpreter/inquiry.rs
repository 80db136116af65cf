//! What a program asks about its call, `m3.gas`, `m3.refund` and `m3.root`, and its end, `m3.halt`.

use travertine_merkle::ZERO_HASH;

use super::{Run, Stop};
use crate::code::Op;
use crate::host::Host;
use crate::outcome::Outcome;

impl<H: Host + ?Sized> Run<'_, H> {
    /// `rd` = what is left of the call's limit, this instruction paid.
    pub(super) fn gas(&mut self, op: Op) -> Result<(), Stop> {
        self.charge_base(op)?;
        self.call.cpu.set(op.instruction.rd, self.call.meter.remaining());
        self.advance(op);
        Ok(())
    }

    /// `rd` = the refund counter.
    pub(super) fn refund(&mut self, op: Op) -> Result<(), Stop> {
        self.set_register(op, self.call.refunds.counter())
    }

    /// The leaf of region `rs1` in the state tree before the call, to the address in `rd`; zero if there was no such region.
    pub(super) fn root(&mut self, op: Op) -> Result<(), Stop> {
        let address = self.call.cpu.get(op.instruction.rd);
        let plan = self.charge_store(op, address, ZERO_HASH.len() as u64)?;
        let region = u8::try_from(self.call.cpu.get(op.instruction.rs1));
        let leaf = region.map_or(ZERO_HASH, |region| {
            self.settled.region_leaf(region).expect("a settled memory has no dirty regions")
        });
        self.call.memory.write(plan, &leaf);
        self.call.cpu.stored(address, ZERO_HASH.len() as u64);
        self.advance(op);
        Ok(())
    }

    /// Ends the call with exit code `rs1`.
    pub(super) fn halt(&mut self, op: Op) -> Result<(), Stop> {
        self.charge_base(op)?;
        Err(Stop::Outcome(Outcome::Halted { exit: self.call.cpu.get(op.instruction.rs1) }))
    }
}
