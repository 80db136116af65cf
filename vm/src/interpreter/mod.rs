//! The reference interpreter: one instruction after the other, each charged exactly, nothing cached but decoded code.
//!
//! It defines what every other engine must do. The order within an instruction is: fetch, check what it touches,
//! charge, act. Where the check fails, the instruction's base price is charged and it traps; where the charge fails,
//! nothing has happened.

mod access;
pub(crate) mod allocation;
pub(crate) mod arithmetic;
mod bulk;
mod execute;
mod host_call;
mod inquiry;
mod observe;

use travertine_gas::{Charge, Operation, OutOfGas};
use travertine_memory::{Access, Fault, FaultReason, Memory, Recalls, Touches};

use crate::call::ActiveCall;
use crate::code::{Code, CodePage, Op, Slot, allocated_slot, slot_of};
use crate::host::Host;
use crate::outcome::{Outcome, Trap, TrapCause};
use crate::prices::Prices;
use travertine_merkle::layout::PAGE_BYTES;

/// Where one run stops even though the call could go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimit {
    /// The run stops before the instruction that would take the gas used by the whole call above this.
    pub gas_used: u64,
    /// The most instructions of this run.
    pub steps: u64,
}

impl RunLimit {
    /// No limit but the call's own.
    pub const NONE: Self = Self { gas_used: u64::MAX, steps: u64::MAX };

    /// At most this many instructions.
    pub fn steps(steps: u64) -> Self {
        Self { steps, ..Self::NONE }
    }

    /// Until the whole call has used this much gas.
    pub fn gas_used(gas_used: u64) -> Self {
        Self { gas_used, ..Self::NONE }
    }
}

/// Why an instruction was not carried out, or why the run ends after it.
pub(crate) enum Stop {
    /// The run ends with this outcome.
    Outcome(Outcome),
    /// The node lacks a page: no outcome of the contract.
    Node(Fault),
}

/// One run of a call.
pub(crate) struct Run<'a, H: Host + ?Sized> {
    pub(crate) call: &'a mut ActiveCall,
    /// The memory before the call.
    pub(crate) settled: &'a Memory,
    pub(crate) code: &'a Code,
    pub(crate) prices: &'a Prices,
    pub(crate) host: &'a mut H,
    pub(crate) limit: RunLimit,
}

impl<H: Host + ?Sized> Run<'_, H> {
    /// Executes until something stops the run.
    ///
    /// # Errors
    /// The fault of a page that this node should have, but has not.
    pub(crate) fn run(mut self) -> Result<Outcome, Fault> {
        if self.is_observed() {
            return self.run_observed();
        }
        let mut page: (u64, Option<&CodePage>) = (u64::MAX, None);
        for _ in 0..self.limit.steps {
            let pc = self.call.cpu.pc();
            if page.0 != pc / PAGE_BYTES {
                page = (pc / PAGE_BYTES, self.code.page(pc / PAGE_BYTES));
            }
            let slot = page.1.map(|page| page[slot_of(pc)]).or_else(|| self.allocated(pc));
            match self.carry_out(slot) {
                Ok(()) => {}
                Err(Stop::Outcome(outcome)) => return Ok(outcome),
                Err(Stop::Node(fault)) => return Err(fault),
            }
        }
        Ok(Outcome::Stepped)
    }

    /// Whether the call is counted instruction by instruction.
    pub(crate) fn is_observed(&self) -> bool {
        self.call.statistics.observation.is_some()
    }

    /// Executes the instruction at the pc, without decoding more than that.
    pub(crate) fn step(&mut self) -> Result<(), Stop> {
        let pc = self.call.cpu.pc();
        self.carry_out(self.code.slot(pc).or_else(|| self.allocated(pc)))
    }

    /// What stands at `pc` if it is not the program's code.
    fn allocated(&self, pc: u64) -> Option<Slot> {
        allocated_slot(&self.call.memory, pc)
    }

    /// Executes what stands at the pc.
    #[inline]
    fn carry_out(&mut self, slot: Option<Slot>) -> Result<(), Stop> {
        let pc = self.call.cpu.pc();
        match slot {
            Some(Slot::Op(op)) => self.execute(op),
            Some(Slot::Illegal(bits)) => Err(self.trap(TrapCause::IllegalInstruction { bits })),
            Some(Slot::Cut) => Err(self.fetch_fault((pc / PAGE_BYTES + 1) * PAGE_BYTES)),
            None => Err(self.fetch_fault(pc)),
        }
    }

    /// Charges the base price of `op` alone.
    #[inline]
    fn charge_base(&mut self, op: Op) -> Result<(), Stop> {
        self.charge(self.base_price(op))
    }

    /// Charges the base price of `op`, the pages that it touches first or recalls, and that its bytes lie in two pages.
    #[inline]
    fn charge_access(
        &mut self,
        op: Op,
        touches: Touches,
        recalls: Recalls,
        crosses_page: bool,
    ) -> Result<(), Stop> {
        let base = self.base_price(op);
        if touches == Touches::default() && recalls == Recalls::default() && !crosses_page {
            return self.charge(base);
        }
        let Recalls { near, far } = recalls;
        let recall = self.cost(&Operation::Recall { near: near.into(), far: far.into() });
        let crossing = self.cost(&Operation::Crossing { accesses: u64::from(crosses_page) });
        self.charge(base.and(self.touch_cost(touches)).and(recall).and(crossing))
    }

    #[inline]
    fn base_price(&self, op: Op) -> Charge {
        Charge { instructions: self.prices.base(op.price), ..Charge::default() }
    }

    /// What it costs to touch pages for the first time in a call.
    #[cold]
    fn touch_cost(&self, touches: Touches) -> Charge {
        if touches == Touches::default() {
            return Charge::default();
        }
        let Touches { first_reads, first_writes, copies, first_placed, synthesized, view_bytes } = touches;
        let schedule = self.prices.schedule();
        let pages = schedule.cost(&Operation::Touch {
            first_reads: u64::from(first_reads),
            first_writes: u64::from(first_writes),
            synthesized: u64::from(synthesized),
            copies: u64::from(copies),
            first_placed: u64::from(first_placed),
        });
        pages.and(schedule.cost(&Operation::View { bytes: u64::from(view_bytes) }))
    }

    /// Charges all of `charge`, or stops the run before the instruction.
    #[inline]
    fn charge(&mut self, charge: Charge) -> Result<(), Stop> {
        if self.limit.gas_used < self.call.meter.limit() {
            self.afford(&charge)?;
        }
        self.call.meter.charge(charge).map_err(out_of_gas)
    }

    /// Whether this run can charge all of `charge`; it stops before the instruction if not.
    fn afford(&self, charge: &Charge) -> Result<(), Stop> {
        let meter = &self.call.meter;
        meter.check(charge).map_err(out_of_gas)?;
        if charge.total().is_none_or(|cost| cost > self.limit.gas_used.saturating_sub(meter.used())) {
            return Err(Stop::Outcome(Outcome::Stepped));
        }
        Ok(())
    }

    /// Goes on behind `op`.
    #[inline]
    fn advance(&mut self, op: Op) {
        let pc = self.call.cpu.pc();
        self.call.cpu.set_pc(pc.wrapping_add(u64::from(op.length)));
    }

    fn trap(&self, cause: TrapCause) -> Stop {
        Stop::Outcome(Outcome::Trapped(Trap { pc: self.call.cpu.pc(), cause, entry: None }))
    }

    /// A refused access: the base price is charged, then the contract traps; unless it is the node that lacks a page.
    #[cold]
    fn access_fault(&mut self, op: Op, cause: fn(Fault) -> TrapCause, fault: Fault) -> Stop {
        if fault.reason.is_host_failure() {
            return Stop::Node(fault);
        }
        match self.charge_base(op) {
            Ok(()) => self.trap(cause(fault)),
            Err(stop) => stop,
        }
    }

    /// There is no code at `address`.
    #[cold]
    fn fetch_fault(&self, address: u64) -> Stop {
        let page = u32::try_from(address / PAGE_BYTES).ok();
        let reason = match page.map(|page| self.call.memory.executable_page(page)) {
            Some(Err(fault)) if fault.reason.is_host_failure() => return Stop::Node(fault),
            Some(Err(fault)) => fault.reason,
            // The second half of an instruction, in the next region: no access crosses into it.
            Some(Ok(_)) => FaultReason::OutOfRegion,
            None => FaultReason::AddressTooWide,
        };
        self.trap(TrapCause::FetchFault(Fault { address, access: Access::Execute, reason }))
    }
}

fn out_of_gas(out: OutOfGas) -> Stop {
    Stop::Outcome(Outcome::OutOfGas { needed: out.needed })
}
