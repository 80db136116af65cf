//! The rows of `Memory3D`'s feature table, one test each.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod addresses;
mod allocator;
mod flags;
mod limits;
mod observing;
mod script;
mod sdk;

use travertine_memory::{
    AllocationError, AllocationFailure, AllocationFlags, AllocationPrices, AllocationRequest, Memory,
    RegionKind,
};

/// The region that the allocator opens first for the heap.
const HEAP: u8 = 3;
const PAGE: u64 = 4096;
const PLANE: u64 = 16 * PAGE;
const PROGRAM: [u8; 32] = [1; 32];

/// So much for a plane, and for each plane beyond the first that frames are gathered from.
struct Prices {
    plane: u64,
    promotion: u64,
}

const PRICES: Prices = Prices { plane: 1000, promotion: 100 };

impl AllocationPrices for Prices {
    fn growth(&self, _: RegionKind, before: u64, after: u64) -> u64 {
        (after - before) * self.plane
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        extra_planes * self.promotion
    }
}

fn request(size: u64, flags: AllocationFlags) -> AllocationRequest {
    AllocationRequest { flags, owner: PROGRAM, ..AllocationRequest::new(size, RegionKind::Heap) }
}

fn try_allocate(memory: &mut Memory, request: &AllocationRequest) -> Result<u64, AllocationError> {
    match memory.plan_allocation(request, &PRICES) {
        Ok(plan) => Ok(memory.allocate(plan).packed()),
        Err(AllocationFailure::Refused(error)) => Err(error),
        Err(failure) => panic!("{failure}"),
    }
}

fn allocate(memory: &mut Memory, size: u64, flags: AllocationFlags) -> u64 {
    try_allocate(memory, &request(size, flags)).unwrap()
}

fn free(memory: &mut Memory, address: u64) {
    let plan = memory.plan_free(address, &PROGRAM).unwrap();
    memory.free(plan);
}

/// A heap of so many planes in which every other frame is free, and the addresses of its one-page allocations.
fn holes(planes: u64) -> (Memory, Vec<u64>) {
    let mut memory = Memory::new();
    let pages: Vec<u64> =
        (0..16 * planes).map(|_| allocate(&mut memory, PAGE, AllocationFlags::NONE)).collect();
    for &address in pages.iter().skip(1).step_by(2) {
        free(&mut memory, address);
    }
    (memory, pages.into_iter().step_by(2).collect())
}
