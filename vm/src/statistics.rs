//! What a call did, counted apart from consensus: nothing of it is in a receipt or a root.

use travertine_memory::{Memory, Property};
use travertine_opcodes::{GasClass, Opcode};

/// Counts of a call. What is counted in any case costs nothing on the way of an instruction; the rest is counted on request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Gas that the call used; a refund is not deducted.
    pub gas: u64,
    /// Allocations that the call made.
    pub allocations: u64,
    /// Allocations that the call freed by an instruction.
    pub frees: u64,
    /// Allocations that the call gave another size.
    pub resizes: u64,
    /// Allocations and resizes whose frames were gathered from several planes.
    pub promotions: u64,
    /// Compactions that moved a frame or released a plane.
    pub compactions: u64,
    /// Frames of 4,096 bytes that compactions moved.
    pub moved_frames: u64,
    /// Allocations that are live: those of the call in progress, or of the state that the call left.
    pub live_allocations: u64,
    /// Bytes that were asked for by all of them.
    pub live_bytes: u64,
    /// What was counted on request ([`Machine::observe`](crate::Machine::observe)).
    pub observation: Option<Box<Observation>>,
}

impl Statistics {
    /// Takes down what is live in `memory`.
    pub(crate) fn with_live(self, memory: &Memory) -> Self {
        let managed = memory.regions().filter(|(_, region)| region.budget().is_some());
        let bytes = |number| memory.query(u64::from(number) << 32, Property::LiveBytes).unwrap_or(0);
        let live_bytes = managed.map(|(number, _)| bytes(number)).sum();
        Self { live_allocations: memory.allocations().len().into(), live_bytes, ..self }
    }
}

/// Counts that are made instruction by instruction.
///
/// An instruction counts when it was carried out: not if the gas did not suffice for it, and not if it trapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    executed: [u64; Opcode::ALL.len()],
    cache_hits: u64,
}

impl Default for Observation {
    fn default() -> Self {
        Self { executed: [0; Opcode::ALL.len()], cache_hits: 0 }
    }
}

impl Observation {
    /// Instructions that were carried out.
    pub fn instructions(&self) -> u64 {
        self.executed.iter().sum()
    }

    /// How often this instruction was carried out, in its compressed forms, too.
    pub fn executed(&self, opcode: Opcode) -> u64 {
        self.executed[opcode as usize]
    }

    /// How many instructions of a class were carried out. `nop` and `mv` count as what they are encoded as: arithmetic.
    pub fn of_class(&self, class: GasClass) -> u64 {
        let opcodes = Opcode::ALL.iter().filter(|opcode| opcode.gas_class() == class);
        opcodes.map(|&opcode| self.executed(opcode)).sum()
    }

    /// Loads, stores and atomic instructions.
    pub fn accesses(&self) -> u64 {
        [GasClass::Load, GasClass::Store, GasClass::Atomic].map(|class| self.of_class(class)).iter().sum()
    }

    /// Those among them that found their page in the memory's cache of recent pages. Another cache would give another number
    /// and the same results.
    pub fn cache_hits(&self) -> u64 {
        self.cache_hits
    }

    pub(crate) fn count(&mut self, opcode: Opcode, is_cache_hit: bool) {
        self.executed[opcode as usize] += 1;
        self.cache_hits += u64::from(is_cache_hit);
    }
}
