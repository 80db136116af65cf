//! The machine's allocator, as a contract would use it that never compacts.

use travertine_gas::{Operation, PlaneKind, Schedule};
use travertine_memory::{
    AllocationFlags, AllocationPrices, AllocationRequest, Memory, PlaneChange, RegionKind,
};
use travertine_merkle::ZERO_HASH;

use super::allocator::{Allocator, Block, Till, Usage};

const ROOM: &str = "the workloads fit into one region";

/// Growth and promotion of the heap at the prices of a schedule.
struct Prices<'a>(&'a Schedule);

impl AllocationPrices for Prices<'_> {
    fn growth(&self, _: RegionKind, planes_before: u64, planes_after: u64) -> u64 {
        self.0.growth(PlaneKind::Heap, planes_before, planes_after)
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        extra_planes.saturating_mul(self.0.promotion_plane)
    }
}

/// The machine's allocator on a heap that is empty at first.
#[derive(Default)]
pub(super) struct MachineAllocator {
    memory: Memory,
    /// The address of every block that there ever was.
    addresses: Vec<u64>,
}

impl Allocator for MachineAllocator {
    fn allocate(&mut self, bytes: u64, pinned: bool, till: &mut Till<'_>) -> Block {
        let flags = if pinned { AllocationFlags::PINNED } else { AllocationFlags::NONE };
        let request = AllocationRequest { flags, ..AllocationRequest::new(bytes, RegionKind::Heap) };
        let plan = self.memory.plan_allocation(&request, &Prices(till.schedule)).expect(ROOM);
        let PlaneChange { before: planes_before, after: planes_after, .. } = plan.planes();
        till.pay(&Operation::Allocate {
            bytes,
            kind: PlaneKind::Heap,
            planes_before,
            planes_after,
            extra_planes: plan.extra_planes(),
            further_regions: plan.further_regions(),
        });
        self.addresses.push(self.memory.allocate(plan).packed());
        Block(self.addresses.len() - 1)
    }

    fn free(&mut self, block: Block, till: &mut Till<'_>) {
        let plan = self.memory.plan_free(self.addresses[block.0], &ZERO_HASH).expect("the block is live");
        till.pay(&Operation::Free { pages: plan.pages(), resident_pages: plan.resident_pages() });
        self.memory.free(plan);
    }

    fn resize(&mut self, block: Block, bytes: u64, till: &mut Till<'_>) -> Block {
        let address = &mut self.addresses[block.0];
        let plan = self.memory.plan_resize(*address, bytes, &ZERO_HASH, &Prices(till.schedule)).expect(ROOM);
        let planes = plan.planes();
        till.pay(&Operation::Resize {
            added_bytes: plan.added_bytes(),
            copied_bytes: plan.copied_bytes(),
            moved_pages: plan.moved_pages(),
            resident_pages: plan.resident_pages(),
            remaps: plan.remaps(),
            kind: PlaneKind::Heap,
            planes_before: planes.before,
            planes_after: planes.after,
            extra_planes: plan.extra_planes(),
        });
        *address = self.memory.resize_allocation(plan).packed();
        block
    }

    /// Of its first frame: virtual addresses cost nothing.
    fn position(&self, block: Block) -> u64 {
        let (_, record) = self.memory.allocation_at(self.addresses[block.0]).expect("the block is live");
        let first = &record.fragments[0];
        (u64::from(first.plane) << 16) + (u64::from(first.first) << 12)
    }

    fn usage(&self) -> Usage {
        let heap = self.memory.regions().find(|(_, region)| region.kind() == RegionKind::Heap);
        let report = heap.and_then(|(number, _)| self.memory.compaction_report(number.into()).ok());
        report.map_or(Usage::default(), |report| Usage {
            planes: u32::try_from(report.total_bytes / super::allocator::PLANE)
                .expect("a region has 65,536 planes"),
            fragmentation: report.fragmentation_bp,
        })
    }
}
