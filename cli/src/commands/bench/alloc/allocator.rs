//! What an allocator under comparison does, and the session that drives it and watches.

use travertine_gas::{Operation, Schedule};

/// Bytes of a plane.
pub(super) const PLANE: u64 = travertine_merkle::layout::PLANE_BYTES;

/// A block that a workload holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block(pub(super) usize);

/// How full an allocator is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) planes: u32,
    /// Free bytes that are not in the longest run, in basis points; 0 if nothing is free.
    pub(super) fragmentation: u64,
}

/// An allocator under comparison.
pub(super) trait Allocator {
    fn allocate(&mut self, size: u64, pinned: bool, till: &mut Till<'_>) -> Block;
    fn free(&mut self, block: Block, till: &mut Till<'_>);
    /// Makes a block longer; its content stays.
    fn resize(&mut self, block: Block, size: u64, till: &mut Till<'_>) -> Block;
    /// Where the block is in the space that is paid for, in bytes.
    fn position(&self, block: Block) -> u64;
    fn usage(&self) -> Usage;
}

/// Where operations are paid, all by the same schedule.
pub(super) struct Till<'a> {
    pub(super) schedule: &'a Schedule,
    gas: u64,
}

impl Till<'_> {
    pub(super) fn cost(&self, operation: &Operation) -> u64 {
        self.schedule.cost(operation).total().expect("one operation costs less than 2^64 gas")
    }

    pub(super) fn pay(&mut self, operation: &Operation) {
        self.gas += self.cost(operation);
    }
}

/// What a workload cost on one allocator.
#[derive(Debug, Clone)]
pub(super) struct Cost {
    /// Gas for all requests.
    pub(super) gas: u64,
    pub(super) peak_planes: u32,
    /// When the workload ended, in basis points.
    pub(super) fragmentation: u64,
    /// Planes after each request.
    pub(super) planes: Vec<u32>,
}

/// One workload on one allocator: every request goes through here.
pub(super) struct Session<'a> {
    allocator: &'a mut dyn Allocator,
    till: Till<'a>,
    planes: Vec<u32>,
}

impl<'a> Session<'a> {
    /// Runs `workload` on an `allocator` that is empty.
    pub(super) fn run(
        allocator: &'a mut dyn Allocator,
        schedule: &'a Schedule,
        workload: impl FnOnce(&mut Session<'_>),
    ) -> Cost {
        let mut session = Session { allocator, till: Till { schedule, gas: 0 }, planes: Vec::new() };
        workload(&mut session);
        Cost {
            gas: session.till.gas,
            peak_planes: session.planes.iter().copied().max().unwrap_or_default(),
            fragmentation: session.allocator.usage().fragmentation,
            planes: session.planes,
        }
    }

    pub(super) fn allocate(&mut self, size: u64) -> Block {
        self.request(|allocator, till| allocator.allocate(size, false, till))
    }

    pub(super) fn allocate_pinned(&mut self, size: u64) -> Block {
        self.request(|allocator, till| allocator.allocate(size, true, till))
    }

    pub(super) fn free(&mut self, block: Block) {
        self.request(|allocator, till| allocator.free(block, till));
    }

    pub(super) fn resize(&mut self, block: Block, size: u64) -> Block {
        self.request(|allocator, till| allocator.resize(block, size, till))
    }

    pub(super) fn position(&self, block: Block) -> u64 {
        self.allocator.position(block)
    }

    fn request<T>(&mut self, request: impl FnOnce(&mut dyn Allocator, &mut Till<'a>) -> T) -> T {
        let answer = request(self.allocator, &mut self.till);
        self.planes.push(self.allocator.usage().planes);
        answer
    }
}
