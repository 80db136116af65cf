//! The Travertine virtual machine: load a contract, call it, settle its memory, prove any byte of it.
//!
//! This crate is the embedding API. A complete node, in small:
//!
//! ```
//! use travertine_merkle::{Claim, verify_memory_proof};
//! use travertine_vm::{Call, Engine, NoHost};
//!
//! // Load a contract and make a machine of it.
//! let elf = include_bytes!("../../fixtures/contracts/counter/counter.elf");
//! let engine = Engine::default();
//! let program = engine.load(elf)?;
//! let mut machine = engine.instantiate(&program);
//!
//! // Call it: it adds 41, then 1, to its counter, and returns the sum.
//! for (step, sum) in [(41_u64, 41_u64), (1, 42)] {
//!     let call = Call::new(step.to_le_bytes(), 100_000);
//!     let settlement = machine.call(&call, &mut NoHost)?;
//!     assert!(settlement.outcome.is_success());
//!     assert_eq!(settlement.receipt.output.as_ref(), sum.to_le_bytes());
//!     assert_eq!(settlement.receipt.new_root(), machine.root());
//! }
//!
//! // Prove the first eight bytes of its state, and check the proof with nothing but the root.
//! let claim = Claim::bytes(0x2_0000_0000, 8);
//! let proof = machine.state().prove(&[claim])?.encode()?;
//! let proven = verify_memory_proof(&proof, &machine.root(), &[claim])?;
//! assert_eq!(proven[0].bytes(), Some(&42_u64.to_le_bytes()[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A node that wants more control begins a call with [`Machine::begin`], runs it in slices with [`Machine::run`], answers
//! the contract's host calls through a [`Host`] or later ([`Machine::answer`]), and takes the receipt with
//! [`Machine::finish`]. [`State::to_snapshot`] and [`Engine::restore`] carry a machine from one process to the next.

mod call;
mod code;
mod context;
mod cpu;
mod elf;
mod engine;
mod generative;
mod host;
mod image;
mod interpreter;
mod machine;
mod outcome;
mod prices;
mod program;
mod receipt;
mod snapshot;
mod ssz;
mod state;
mod statistics;
mod threaded;

pub use call::STACK_BYTES;
pub use context::{
    CONTEXT_ADDRESS, CONTEXT_BYTES, CONTEXT_VERSION, Call, Context, INPUT_ADDRESS, MAX_INPUT_BYTES,
};
pub use cpu::Cpu;
pub use elf::{LoadError, MAX_ELF_BYTES, MAX_SYMBOLS, Symbol, load, symbols};
pub use engine::{Engine, EngineConfig, EngineKind};
pub use generative::{FIRST_GENERATIVE_REGION, GenerativeRegion, LAST_GENERATIVE_REGION, NoteError};
pub use host::{Host, HostCall, HostPlan, HostReply, MAX_HOST_BYTES, MemoryRange, NoHost, numbers};
pub use image::{IMAGE_VERSION, Image, ImageError, MAX_SEGMENTS, Segment};
pub use interpreter::RunLimit;
pub use machine::{Machine, MachineError, Settlement};
pub use outcome::{Outcome, Trap, TrapCause};
pub use program::Program;
pub use receipt::{
    DirtyPageRecord, EventRecord, MAX_DIRTY_PAGES, MAX_EVENT_BYTES, MAX_EVENTS, MAX_OUTPUT_BYTES, MAX_TOPICS,
    OutcomeRecord, RECEIPT_VERSION, Receipt,
};
pub use snapshot::{
    LoadedCap, Place, SNAPSHOT_HEADER_BYTES, SNAPSHOT_MAGIC, SNAPSHOT_VERSION, Snapshot, SnapshotError,
    open_cap_snapshot, snapshot_cap,
};
pub use state::State;
pub use statistics::{Observation, Statistics};
