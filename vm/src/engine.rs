//! The engine: what all machines of a node share.

use std::sync::Arc;

use travertine_gas::{Schedule, ScheduleError};
use travertine_memory::Memory;
use travertine_memory::substrate::SUBSTRATE_REGION;
use travertine_merkle::Hash;

use crate::elf::{self, LoadError};
use crate::machine::{Machine, MachineError};
use crate::prices::Prices;
use crate::program::Program;
use crate::state::State;
use crate::threaded::cache::CodeCache;

/// How instructions are carried out. The choice shows in nothing but speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// One instruction after the other, by short and obvious code: what all engines must do.
    Reference,
    /// Operations that were decoded once, each of which jumps to the next one.
    Threaded,
}

impl Default for EngineKind {
    /// The reference in debug builds, else the threaded engine.
    fn default() -> Self {
        if cfg!(debug_assertions) { Self::Reference } else { Self::Threaded }
    }
}

/// What a node can choose about an engine. None of it shows in a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineConfig {
    /// How machines carry out instructions.
    pub engine: EngineKind,
}

/// Loads programs and makes machines under one gas schedule. Cloning it is cheap: clones share decoded code.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    prices: Prices,
    schedule_root: Hash,
    config: EngineConfig,
    code: CodeCache,
}

impl Default for Engine {
    /// An engine with the default gas schedule.
    fn default() -> Self {
        Self::new(Schedule::default()).expect("the default schedule is valid")
    }
}

impl Engine {
    /// An engine that charges by `schedule`.
    ///
    /// # Errors
    /// [`ScheduleError`] if the schedule is not valid.
    pub fn new(schedule: Schedule) -> Result<Self, ScheduleError> {
        Self::with_config(schedule, EngineConfig::default())
    }

    /// An engine that charges by `schedule`, with these choices.
    ///
    /// # Errors
    /// [`ScheduleError`] if the schedule is not valid.
    pub fn with_config(schedule: Schedule, config: EngineConfig) -> Result<Self, ScheduleError> {
        schedule.validate()?;
        let schedule_root = schedule.root();
        let prices = Prices::new(schedule);
        Ok(Self(Arc::new(Shared { prices, schedule_root, config, code: CodeCache::default() })))
    }

    /// The choices that it was made with.
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    pub(crate) fn prices(&self) -> &Prices {
        &self.0.prices
    }

    pub(crate) fn code(&self) -> &CodeCache {
        &self.0.code
    }

    /// The gas schedule.
    pub fn schedule(&self) -> &Schedule {
        self.0.prices.schedule()
    }

    /// Reads and validates a static RISC-V ELF file.
    ///
    /// # Errors
    /// [`LoadError`], one kind for each thing that can be wrong with it.
    pub fn load(&self, elf: &[u8]) -> Result<Program, LoadError> {
        elf::load(elf).map(Program::new)
    }

    /// A new machine that runs `program`, never called before.
    pub fn instantiate(&self, program: &Program) -> Machine {
        let state = State::new(program.memory().clone(), self.0.schedule_root, program.root(), 0);
        Machine::new(self.clone(), program.clone(), state)
    }

    /// A machine that goes on from a settled state, for example one that was read from a snapshot.
    ///
    /// # Errors
    /// [`MachineError`] if the state was made by another program, or under another schedule.
    pub fn restore(&self, program: &Program, state: State) -> Result<Machine, MachineError> {
        if state.image() != program.root() {
            return Err(MachineError::OtherProgram { state: state.image(), program: program.root() });
        }
        if state.schedule() != self.0.schedule_root {
            return Err(MachineError::OtherSchedule {
                state: state.schedule(),
                engine: self.0.schedule_root,
            });
        }
        if let Some(region) = other_layout(program.memory(), state.memory()) {
            return Err(MachineError::OtherLayout { region });
        }
        Ok(Machine::new(self.clone(), program.clone(), state))
    }
}

/// The first region that is not laid out alike in both memories, those of the allocator and of a block apart: they come while the
/// machine runs. The image's root commits to the program's layout, but a state's root does not commit to the permissions of single
/// pages.
fn other_layout(program: &Memory, state: &Memory) -> Option<u8> {
    let layout = |memory: &Memory, number| {
        let is_of_block = number == SUBSTRATE_REGION && memory.block().is_some();
        let region = memory.region(number).filter(|region| region.budget().is_none() && !is_of_block)?;
        let cap = region.cap();
        Some((region.meta(), cap.size(), cap.synthesis(), region.page_ranges().map(<[_]>::to_vec)))
    };
    (0..=u8::MAX).find(|&number| layout(program, number) != layout(state, number))
}
