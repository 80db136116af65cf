//! What the allocator's instructions cost: quantities from the allocator's naive twin, times the schedule's prices.

use travertine_gas::{Bill, Schedule};
use travertine_memory::{
    Allocation, AllocationError, AllocationPrices, AllocationRequest, DEFAULT_COMPACTION_MOVES, FrameBudget,
    PlaneChange, RegionKind, Touches,
};
use travertine_merkle::layout::{self, StateField};
use travertine_merkle::{Hash, StateTree};
use travertine_opcodes::{Instruction, Opcode};
use travertine_vm::Machine;

use crate::allocator_twin::{Owned, Quantities, Twin};
use crate::naive::Before;

/// Prices of growth as docs/gas.md has them.
struct Prices<'a>(&'a Schedule);

impl AllocationPrices for Prices<'_> {
    fn growth(&self, kind: RegionKind, before: u64, after: u64) -> u64 {
        let Schedule { heap_plane, shared_plane, transient_plane, state_plane, .. } = *self.0;
        let (plane, square) = match kind {
            RegionKind::Heap | RegionKind::Generative => (heap_plane, self.0.heap_plane_square_1024ths),
            RegionKind::Shared => (shared_plane, self.0.shared_plane_square_1024ths),
            RegionKind::Transient => (transient_plane, self.0.transient_plane_square_1024ths),
            RegionKind::State => (state_plane, self.0.state_plane_square_1024ths),
            kind => panic!("{kind} is not allocated"),
        };
        plane * (after - before) + (square * after * after / 1024 - square * before * before / 1024)
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        extra_planes * self.0.promotion_plane
    }
}

/// The twin of a machine's allocator, and who owns what its program allocates.
pub(crate) struct Allocations {
    pub(crate) twin: Twin,
    owner: Hash,
}

impl Allocations {
    /// As the settled state's records and budgets say.
    pub(crate) fn of(machine: &Machine) -> Self {
        let memory = machine.state().memory();
        let mut twin = Twin::new(&[], u64::MAX);
        let mut recent = Vec::new();
        for (number, region) in memory.regions() {
            let first_page = u64::from(number) << 20;
            twin.stored.extend(region.cap().backing().pages().map(|(page, _)| first_page + u64::from(page)));
            let Some(FrameBudget { planes, recency }) = region.budget() else {
                twin.foreign.insert(number);
                continue;
            };
            twin.regions.insert(number, (region.kind(), planes));
            twin.made.extend(region.cap().synthesis().map(|synthesis| (number, synthesis)));
            if recency > 0 {
                recent.push((recency, number));
            }
        }
        recent.sort_unstable();
        twin.recent = recent.into_iter().map(|(_, number)| number).collect();
        twin.begun.clone_from(&twin.stored);
        twin.next = memory.next_allocation();
        let listed = |(slot, record): (u32, &Allocation)| {
            let frames = record.fragments.iter().flat_map(|run| {
                let first = u32::from(run.plane) * 16 + u32::from(run.first);
                first..first + u32::from(run.frames)
            });
            Owned {
                slot,
                id: record.id,
                address: record.address.packed(),
                size: record.size,
                kind: record.kind,
                flags: record.flags,
                owner: record.owner,
                frames: frames.collect(),
            }
        };
        twin.live = memory.allocations().iter().map(listed).collect();
        let owner = machine.state().node(layout::field(StateField::Image)).unwrap();
        Self { twin, owner }
    }

    /// What an instruction that is carried out costs beyond its base; `None` if the allocator changes nothing.
    pub(crate) fn cost(&mut self, schedule: &Schedule, before: &Before) -> Option<Bill> {
        let Instruction { opcode, rs1, rs2, .. } = before.instruction();
        let [a, b] = [rs1, rs2].map(|register| before.register(register));
        let prices = Prices(schedule);
        let bytes = |count: u64, price: u64| (count * price).div_ceil(64);
        let new = |count: u64| {
            bytes(count, schedule.allocate_byte_64ths) + count.div_ceil(4096) * schedule.allocate_page
        };
        let (allocation, touches) = match opcode {
            Opcode::M3Alloc => {
                let request = AllocationRequest::from_registers(a, b, before.parameters, self.owner).ok()?;
                let searched = |further: u64| further * schedule.allocate_region;
                match self.twin.allocate(&request, &prices) {
                    Ok((_, done)) => {
                        let opened =
                            u64::from(request.kind == RegionKind::Generative) * schedule.generative_region;
                        let searched = searched(done.further_regions);
                        let record = schedule.allocate_record;
                        (record + new(a) + growth(&prices, &done) + searched + opened, done.touches)
                    }
                    Err(AllocationError::Exhausted { regions, .. }) => {
                        (searched(u64::from(regions) - 1), Touches::default())
                    }
                    Err(_) => return None,
                }
            }
            Opcode::M3Free => {
                let done = self.twin.free(a, &self.owner).ok()?;
                let pages = done.pages * schedule.free_page + done.resident * schedule.resident_page;
                (schedule.free_record + pages, done.touches)
            }
            Opcode::M3Resize => {
                let (_, done) = self.twin.resize(a, b, &self.owner, &prices).ok()?;
                let pages = done.pages * schedule.resize_page
                    + done.resident * schedule.resident_page
                    + done.remaps * schedule.resize_remap;
                let moved = bytes(done.copied, schedule.copy_byte_64ths) + pages;
                (schedule.resize_record + new(done.added) + moved + growth(&prices, &done), done.touches)
            }
            Opcode::M3Compact | Opcode::M3Defrag => {
                let asked = if opcode == Opcode::M3Defrag { b } else { u64::MAX };
                let limit = u32::try_from(asked).unwrap_or(u32::MAX).min(DEFAULT_COMPACTION_MOVES);
                let done = self.twin.compact(u8::try_from(a).ok()?, limit).ok()?;
                let cost = schedule.compact_search
                    + done.moved * schedule.compact_frame
                    + done.scanned * schedule.compact_plane
                    + done.written * schedule.compact_run;
                return Some(Bill { allocation: cost, ..Bill::default() });
            }
            _ => return None,
        };
        let memory = u64::from(touches.first_reads) * schedule.page_first_read
            + u64::from(touches.first_writes) * schedule.page_first_write
            + u64::from(touches.copies) * schedule.page_copy;
        Some(Bill { allocation, memory, ..Bill::default() })
    }
}

fn growth(prices: &Prices<'_>, done: &Quantities) -> u64 {
    let PlaneChange { kind, before, after } = done.planes.unwrap();
    prices.growth(kind, before, after) + prices.promotion(done.extra_planes)
}
