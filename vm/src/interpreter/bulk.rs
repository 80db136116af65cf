//! The bulk instructions: copy, fill, gather, scatter and share. Each is checked whole, charged whole, then carried out.
//!
//! `rd` is read: it holds the address of the destination, of `m3.scatter` that of the source.

use travertine_gas::{Charge, Operation};
use travertine_memory::substrate::NodeField;
use travertine_memory::{Access, Address, BulkFault, BulkPlan, ByteRange, MAX_ENTRIES, Memory, Quantities};

use super::{Run, Stop};
use crate::code::Op;
use crate::host::Host;
use crate::outcome::{Outcome, Trap, TrapCause};

impl<H: Host + ?Sized> Run<'_, H> {
    /// `rs2` bytes from `rs1` to the address in `rd`, as if all of them were read before any is written.
    pub(super) fn copy(&mut self, op: Op) -> Result<(), Stop> {
        let [to, from, length] = self.operands(op);
        let plan = self.call.memory.plan_copy(to, from, length);
        self.bulk(op, plan, |&Quantities { bytes, pages, region_changes, plane_changes, .. }| {
            Operation::Copy { bytes, region_changes, plane_changes, pages }
        })
    }

    /// `rs2` bytes at the address in `rd` become the low byte of `rs1`.
    pub(super) fn fill(&mut self, op: Op) -> Result<(), Stop> {
        let [to, value, length] = self.operands(op);
        let plan = self.call.memory.plan_fill(to, length, value.to_le_bytes()[0]);
        self.bulk(op, plan, |&Quantities { bytes, pages, .. }| Operation::Fill { bytes, pages })
    }

    /// The bytes of the `rs2` entries at `rs1`, one after the other, to the address in `rd`.
    pub(super) fn gather(&mut self, op: Op) -> Result<(), Stop> {
        self.batch(
            op,
            Memory::plan_gather,
            |&Quantities { bytes, entries, entry_pages, region_changes, plane_changes, .. }| {
                Operation::Gather { bytes, entries, region_changes, plane_changes, pages: entry_pages }
            },
        )
    }

    /// The bytes from the address in `rd` on, spread over the `rs2` entries at `rs1`.
    pub(super) fn scatter(&mut self, op: Op) -> Result<(), Stop> {
        self.batch(
            op,
            Memory::plan_scatter,
            |&Quantities { bytes, entries, entry_pages, region_changes, plane_changes, .. }| {
                Operation::Scatter { bytes, entries, region_changes, plane_changes, pages: entry_pages }
            },
        )
    }

    /// `rs2` bytes of whole pages from `rs1` appear at the address in `rd`.
    pub(super) fn share(&mut self, op: Op) -> Result<(), Stop> {
        let [to, from, length] = self.operands(op);
        let plan = self.call.memory.plan_share(to, from, length);
        self.bulk(op, plan, |&Quantities { pages, region_changes, plane_changes, .. }| Operation::Share {
            pages,
            region_changes,
            plane_changes,
        })
    }

    fn operands(&self, op: Op) -> [u64; 3] {
        [op.instruction.rd, op.instruction.rs1, op.instruction.rs2]
            .map(|register| self.call.cpu.get(register))
    }

    /// A gather or scatter. Checking it reads its entries: they must be paid for even if one of them is refused.
    fn batch(
        &mut self,
        op: Op,
        plan: fn(&Memory, u64, u64, u64) -> Result<BulkPlan, BulkFault>,
        operation: fn(&Quantities) -> Operation,
    ) -> Result<(), Stop> {
        let [joined, list, count] = self.operands(op);
        let entries = if count <= MAX_ENTRIES { count } else { 0 };
        let checked =
            self.prices.schedule().cost(&operation(&Quantities { entries, ..Quantities::default() }));
        self.afford(&checked)?;
        let plan = plan(&self.call.memory, joined, list, count);
        let plan = plan.map_err(|refused| self.bulk_fault(refused, checked))?;
        self.charge_and_commit(op, plan, operation)
    }

    /// A bulk operation whose check costs nothing beyond the base price.
    fn bulk(
        &mut self,
        op: Op,
        plan: Result<BulkPlan, BulkFault>,
        operation: fn(&Quantities) -> Operation,
    ) -> Result<(), Stop> {
        let plan = plan.map_err(|refused| self.bulk_fault(refused, self.base_price(op)))?;
        self.charge_and_commit(op, plan, operation)
    }

    /// Missing pages are loaded only if they can be paid for, and before they are.
    fn charge_and_commit(
        &mut self,
        op: Op,
        plan: BulkPlan,
        operation: fn(&Quantities) -> Operation,
    ) -> Result<(), Stop> {
        let quantities = plan.quantities();
        let cost =
            self.prices.schedule().cost(&operation(quantities)).and(self.touch_cost(quantities.touches));
        self.afford(&cost)?;
        self.call.memory.load_missing(&plan).map_err(Stop::Node)?;
        // The gas is that of the region that `rd` names; there may be none if no bytes are moved.
        let [named, ..] = self.operands(op);
        let region = Address::new(named).ok().map(Address::region);
        if let Some(region) = region {
            self.call.memory.stage_counters(region).map_err(Stop::Node)?;
        }
        let gas = cost.total().unwrap_or(u64::MAX);
        self.charge(cost)?;
        for &ByteRange { address, length } in plan.writes().iter().filter(|range| range.length > 0) {
            self.call.cpu.stored(address, length);
        }
        self.call.memory.commit(plan);
        if let Some(region) = region {
            self.call.memory.count_node(region, &[(NodeField::GasSpent, gas)]);
        }
        self.advance(op);
        Ok(())
    }

    /// What was refused costs `price`; then the contract traps, unless it is the node that lacks a page.
    #[cold]
    fn bulk_fault(&mut self, refused: BulkFault, price: Charge) -> Stop {
        let BulkFault { fault, entry } = refused;
        if fault.reason.is_host_failure() {
            return Stop::Node(fault);
        }
        let cause = match fault.access {
            Access::Write => TrapCause::StoreFault(fault),
            Access::Read | Access::Execute => TrapCause::LoadFault(fault),
        };
        match self.charge(price) {
            Ok(()) => Stop::Outcome(Outcome::Trapped(Trap { pc: self.call.cpu.pc(), cause, entry })),
            Err(stop) => stop,
        }
    }
}
