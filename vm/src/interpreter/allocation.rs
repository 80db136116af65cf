//! What the allocator does for a program: `m3.alloc`, `m3.free`, `m3.size`, `m3.query`, `m3.resolve`, `m3.resize`, `m3.compact`
//! and `m3.defrag`.
//!
//! Each makes its plan, pays for it, and carries it out. What the allocator refuses is no trap: `rd` is the negative code of the
//! reason, and the base price is paid.

use log::debug;
use travertine_gas::{Charge, Operation, PlaneKind};
use travertine_memory::substrate::NodeField;
use travertine_memory::{
    Address, AllocationError, AllocationFailure, AllocationRequest, DEFAULT_COMPACTION_MOVES, LoadPlan,
    PARAMETER_BYTES, PlaneChange, Property, RegionKind,
};
use travertine_merkle::layout::REGION_BYTES;

use super::access::crosses_page;
use super::{Run, Stop};
use crate::code::Op;
use crate::host::Host;
use crate::outcome::TrapCause;

/// The parameters of generative memory, which can be read and are not yet paid for.
struct Parameters {
    plan: LoadPlan,
    cost: Charge,
    /// Seed and mode.
    words: [u64; 2],
}

impl<H: Host + ?Sized> Run<'_, H> {
    /// `rd` = address of `rs1` new bytes, as `rs2` says: kind, flags << 8, region << 16, and of generative memory the address of
    /// its parameters << 24.
    pub(super) fn allocate(&mut self, op: Op) -> Result<(), Stop> {
        let (bytes, word) = self.sources(op);
        let parameters = self.parameters(op, word)?;
        let read = parameters.as_ref().map_or(Charge::default(), |parameters| parameters.cost);
        let words = parameters.as_ref().map(|parameters| parameters.words);
        let request = AllocationRequest::from_registers(bytes, word, words, self.call.owner);
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                return self.refuse_allocation(op, error, parameters, self.base_price(op).and(read));
            }
        };
        // Finding frames takes time by their number.
        let bytes = if bytes <= REGION_BYTES { bytes } else { 0 };
        self.afford(&self.cost(&allocation(bytes, 0)).and(read))?;
        let plan = match self.call.memory.plan_allocation(&request, self.prices) {
            Ok(plan) => plan,
            Err(AllocationFailure::Refused(error)) => {
                let asked = if let AllocationError::Exhausted { regions, .. } = error { regions } else { 1 };
                let cost = self.cost(&allocation(0, u64::from(asked) - 1)).and(read);
                return self.refuse_allocation(op, error, parameters, cost);
            }
            Err(AllocationFailure::MissingPage(fault)) => return Err(Stop::Node(fault)),
        };
        let (kind, planes_before, planes_after) = planes(plan.planes());
        let extra_planes = plan.extra_planes();
        let operation = Operation::Allocate {
            bytes,
            kind,
            planes_before,
            planes_after,
            extra_planes,
            further_regions: plan.further_regions(),
        };
        let region = plan.address().region();
        let cost = self.cost(&operation).and(self.touch_cost(plan.touches())).and(read);
        let gas = self.charge_in(region, cost)?;
        self.touch_parameters(parameters);
        let refunds = self.note_planes(plan.planes());
        self.call.statistics.allocations += 1;
        self.call.statistics.promotions += u64::from(extra_planes > 0);
        let address = self.call.memory.allocate(plan);
        let fields = [
            (NodeField::Allocations, 1),
            (NodeField::TotalBytes, bytes),
            (NodeField::Promotions, u64::from(extra_planes > 0)),
            (NodeField::GasSpent, gas),
            (NodeField::Refunds, refunds),
        ];
        self.call.memory.count_node(region, &fields);
        self.changed(op, address.packed());
        Ok(())
    }

    /// What is read to make generative memory; nothing for memory of other kinds. What cannot be read is a load fault.
    fn parameters(&mut self, op: Op, word: u64) -> Result<Option<Parameters>, Stop> {
        let Some(address) = AllocationRequest::parameters_address(word) else { return Ok(None) };
        let plan = match self.call.memory.plan_load(address, PARAMETER_BYTES) {
            Ok(plan) => plan,
            Err(fault) => return Err(self.access_fault(op, TrapCause::LoadFault, fault)),
        };
        let mut words = [[0; 8]; 2];
        self.call.memory.peek(address, words.as_flattened_mut()).map_err(Stop::Node)?;
        let crossing = u64::from(crosses_page(address, PARAMETER_BYTES));
        let load = self.cost(&Operation::Load { bytes: PARAMETER_BYTES });
        let crossing = self.cost(&Operation::Crossing { accesses: crossing });
        let cost = load.and(self.touch_cost(plan.touches())).and(crossing);
        Ok(Some(Parameters { plan, cost, words: words.map(u64::from_le_bytes) }))
    }

    /// From now on the call has touched the parameters, which are paid for.
    fn touch_parameters(&mut self, parameters: Option<Parameters>) {
        if let Some(Parameters { plan, .. }) = parameters {
            let mut bytes = [0; 16];
            self.call.memory.read(plan, &mut bytes);
        }
    }

    /// An allocation is refused; to find that out has its cost.
    fn refuse_allocation(
        &mut self,
        op: Op,
        error: AllocationError,
        parameters: Option<Parameters>,
        cost: Charge,
    ) -> Result<(), Stop> {
        self.charge(cost)?;
        self.touch_parameters(parameters);
        self.finish(op, error.code().cast_unsigned());
        Ok(())
    }

    /// Frees the allocation that starts at `rs1`; `rd` = 0.
    pub(super) fn free(&mut self, op: Op) -> Result<(), Stop> {
        let (address, _) = self.sources(op);
        let plan = match self.call.memory.plan_free(address, &self.call.owner) {
            Ok(plan) => plan,
            Err(failure) => return self.fail(op, failure),
        };
        let cost = self.cost(&Operation::Free { pages: plan.pages(), resident_pages: plan.resident_pages() });
        let region = region_of(address);
        let gas = self.charge_in(region, cost.and(self.touch_cost(plan.touches())))?;
        let refunds = plan.planes().map_or(0, |planes| self.note_planes(planes));
        self.call.statistics.frees += 1;
        self.call.memory.free(plan);
        let fields = [(NodeField::Frees, 1), (NodeField::GasSpent, gas), (NodeField::Refunds, refunds)];
        self.call.memory.count_node(region, &fields);
        self.changed(op, 0);
        Ok(())
    }

    /// `rd` = bytes of the allocation that contains `rs1`, 0 if there is none.
    pub(super) fn size(&mut self, op: Op) -> Result<(), Stop> {
        let (address, _) = self.sources(op);
        let size = self.call.memory.allocation_at(address).map_or(0, |(_, allocation)| allocation.size);
        self.reply(op, Ok(size))
    }

    /// `rd` = property number `rs2` of what lies at `rs1`.
    pub(super) fn query(&mut self, op: Op) -> Result<(), Stop> {
        let (address, number) = self.sources(op);
        let value =
            Property::from_number(number).and_then(|property| self.call.memory.query(address, property));
        self.reply(op, value)
    }

    /// `rd` = present address of the allocation with handle `rs1`.
    pub(super) fn resolve(&mut self, op: Op) -> Result<(), Stop> {
        let (handle, _) = self.sources(op);
        let address = self.call.memory.resolve(handle);
        self.reply(op, address)
    }

    /// Gives the allocation that contains `rs1` `rs2` bytes; `rd` = its new address.
    pub(super) fn resize(&mut self, op: Op) -> Result<(), Stop> {
        let (address, size) = self.sources(op);
        let plan = match self.call.memory.plan_resize(address, size, &self.call.owner, self.prices) {
            Ok(plan) => plan,
            Err(failure) => return self.fail(op, failure),
        };
        let (kind, planes_before, planes_after) = planes(plan.planes());
        let operation = Operation::Resize {
            added_bytes: plan.added_bytes(),
            copied_bytes: plan.copied_bytes(),
            moved_pages: plan.moved_pages(),
            resident_pages: plan.resident_pages(),
            remaps: plan.remaps(),
            kind,
            planes_before,
            planes_after,
            extra_planes: plan.extra_planes(),
        };
        let region = region_of(address);
        let gas = self.charge_in(region, self.cost(&operation).and(self.touch_cost(plan.touches())))?;
        let refunds = self.note_planes(plan.planes());
        self.call.statistics.resizes += 1;
        self.call.statistics.promotions += u64::from(plan.extra_planes() > 0);
        let fields = [
            (NodeField::TotalBytes, plan.added_bytes()),
            (NodeField::Promotions, u64::from(plan.extra_planes() > 0)),
            (NodeField::GasSpent, gas),
            (NodeField::Refunds, refunds),
        ];
        let address = self.call.memory.resize_allocation(plan);
        self.call.memory.count_node(region, &fields);
        self.changed(op, address.packed());
        Ok(())
    }

    /// Compacts region `rs1`; `rd` = bytes of the planes that are released.
    pub(super) fn compact(&mut self, op: Op) -> Result<(), Stop> {
        self.compact_within(op, DEFAULT_COMPACTION_MOVES)
    }

    /// The same, with at most `rs2` moves, and not more than `m3.compact` makes.
    pub(super) fn defragment(&mut self, op: Op) -> Result<(), Stop> {
        let (_, limit) = self.sources(op);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        self.compact_within(op, limit.min(DEFAULT_COMPACTION_MOVES))
    }

    fn compact_within(&mut self, op: Op, limit: u32) -> Result<(), Stop> {
        let (region, _) = self.sources(op);
        let unpaid = self.prices.schedule().unpaid_moves(self.call.meter.remaining());
        let limit = u32::try_from(unpaid).unwrap_or(u32::MAX).min(limit);
        let plan = match self.call.memory.plan_compaction(region, limit) {
            Ok(plan) => plan,
            Err(error) => return self.refuse(op, error),
        };
        let (moved_frames, scanned_planes) = (plan.moved_frames(), plan.scanned_planes());
        let written_runs = plan.written_runs();
        let compacted = plan.region();
        let operation = Operation::Compact { moved_frames, scanned_planes, written_runs };
        let gas = self.charge_in(compacted, self.cost(&operation))?;
        let refunds = self.note_planes(plan.planes());
        let released = plan.released_bytes();
        let compactions = u64::from(moved_frames > 0 || released > 0);
        self.call.statistics.compactions += compactions;
        self.call.statistics.moved_frames += moved_frames;
        debug!("compacted: {moved_frames} frames moved, {released} bytes released");
        self.call.memory.compact(plan);
        let fields = [
            (NodeField::Compactions, compactions),
            (NodeField::GasSpent, gas),
            (NodeField::Refunds, refunds),
        ];
        self.call.memory.count_node(compacted, &fields);
        self.finish(op, released);
        Ok(())
    }

    fn sources(&self, op: Op) -> (u64, u64) {
        (self.call.cpu.get(op.instruction.rs1), self.call.cpu.get(op.instruction.rs2))
    }

    pub(super) fn cost(&self, operation: &Operation) -> Charge {
        self.prices.schedule().cost(operation)
    }

    /// Charges what is done in a region, whose counters are at hand then, and returns the gas.
    fn charge_in(&mut self, region: u8, cost: Charge) -> Result<u64, Stop> {
        self.call.memory.stage_counters(region).map_err(Stop::Node)?;
        let gas = cost.total().unwrap_or(u64::MAX);
        self.charge(cost)?;
        Ok(gas)
    }

    /// Counts planes that are grown or released towards the call's refund, and returns what is credited.
    fn note_planes(&mut self, change: PlaneChange) -> u64 {
        let (kind, before, after) = planes(change);
        if before != after {
            debug!("planes of kind {}: {before}, now {after}", change.kind);
        }
        let credited = self.call.refunds.counter();
        self.call.refunds.planes_changed(self.prices.schedule(), kind, before, after);
        self.call.refunds.counter() - credited
    }

    /// `rd` = an answer that costs the base price, or the code of a refusal.
    fn reply(&mut self, op: Op, answer: Result<u64, AllocationError>) -> Result<(), Stop> {
        self.charge_base(op)?;
        self.finish(op, answer.unwrap_or_else(|error| error.code().cast_unsigned()));
        Ok(())
    }

    fn refuse(&mut self, op: Op, error: AllocationError) -> Result<(), Stop> {
        self.reply(op, Err(error))
    }

    fn fail(&mut self, op: Op, failure: AllocationFailure) -> Result<(), Stop> {
        match failure {
            AllocationFailure::Refused(error) => self.refuse(op, error),
            AllocationFailure::MissingPage(fault) => Err(Stop::Node(fault)),
        }
    }

    /// `rd` = `value`, after memory was given out, taken back or moved, which ends the reservation of `lr`.
    fn changed(&mut self, op: Op, value: u64) {
        self.call.cpu.clear_reservation();
        self.finish(op, value);
    }

    fn finish(&mut self, op: Op, value: u64) {
        self.call.cpu.set(op.instruction.rd, value);
        self.advance(op);
    }
}

/// An allocation that asks so many regions beyond the first, as far as it is known before its planes are.
fn allocation(bytes: u64, further_regions: u64) -> Operation {
    Operation::Allocate {
        bytes,
        kind: PlaneKind::Heap,
        planes_before: 0,
        planes_after: 0,
        extra_planes: 0,
        further_regions,
    }
}

/// The region of an address at which there is an allocation.
fn region_of(address: u64) -> u8 {
    Address::new(address).expect("allocations have addresses of 40 bits").region()
}

/// What gas is charged for: the kind of the planes, and how many there are before and after.
fn planes(change: PlaneChange) -> (PlaneKind, u64, u64) {
    (plane_kind(change.kind), change.before, change.after)
}

/// The kind by which planes of a region are priced.
pub(crate) fn plane_kind(kind: RegionKind) -> PlaneKind {
    match kind {
        RegionKind::Shared => PlaneKind::Shared,
        RegionKind::Transient => PlaneKind::Transient,
        RegionKind::State => PlaneKind::State,
        RegionKind::Generative => PlaneKind::Generative,
        // The allocator opens no others.
        _ => PlaneKind::Heap,
    }
}
