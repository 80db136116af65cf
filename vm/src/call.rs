//! A call in progress: everything that changes while a contract runs.

use travertine_gas::{Meter, Refunds};
use travertine_memory::Memory;
use travertine_merkle::Hash;
use travertine_merkle::layout::PLANE_BYTES;

use crate::context::{CONTEXT_ADDRESS, Call, INPUT_ADDRESS};
use crate::cpu::{Cpu, abi};
use crate::host::{HostCall, MemoryRange};
use crate::outcome::Outcome;
use crate::program::Program;
use crate::receipt::EventLog;
use crate::statistics::Statistics;

/// Number of the stack's region.
pub(crate) const STACK_REGION: u8 = 4;
/// Number of the region with the call's context and input.
pub(crate) const CONTROL_REGION: u8 = 7;
/// Bytes of the stack: 16 planes.
pub const STACK_BYTES: u64 = 16 * PLANE_BYTES;

/// A call in progress. It works on its own copy-on-write view of the memory, so dropping it undoes it.
#[derive(Debug, Clone)]
pub(crate) struct ActiveCall {
    pub(crate) cpu: Cpu,
    /// Root of the program's image: what it allocates is its own.
    pub(crate) owner: Hash,
    pub(crate) memory: Memory,
    pub(crate) meter: Meter,
    pub(crate) refunds: Refunds,
    pub(crate) output: Vec<u8>,
    pub(crate) events: EventLog,
    /// Counts that nothing depends on.
    pub(crate) statistics: Statistics,
    pub(crate) state: CallState,
}

/// What a call waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallState {
    /// It can run; it stopped last with this outcome, if it has run.
    Ready(Option<Outcome>),
    /// The embedder owes an answer; the bytes it fills go to this range.
    Waiting { call: HostCall, writes: MemoryRange, input: Vec<u8> },
    /// It has ended.
    Ended(Outcome),
}

impl ActiveCall {
    /// A call that is about to execute its first instruction, at the entry of `program`, on `memory`.
    ///
    /// At entry `a0` is the context's address, `a1` the input's address, `a2` its length, `sp` the top of the stack;
    /// all other registers are zero.
    pub(crate) fn new(program: &Program, mut memory: Memory, call: &Call) -> Self {
        const FITS: &str = "the region holds the context and the longest input";
        memory.poke(CONTEXT_ADDRESS, &call.context_block()).expect(FITS);
        memory.poke(INPUT_ADDRESS, &call.input).expect(FITS);
        let mut cpu = Cpu::new(program.image().entry());
        cpu.set(abi::SP, (u64::from(STACK_REGION) << 32) + STACK_BYTES);
        cpu.set(abi::A0, CONTEXT_ADDRESS);
        cpu.set(abi::A0 + 1, INPUT_ADDRESS);
        cpu.set(abi::A0 + 2, call.input.len() as u64);
        Self {
            cpu,
            owner: program.root(),
            memory,
            meter: Meter::new(call.gas_limit),
            refunds: Refunds::default(),
            output: Vec::new(),
            events: EventLog::default(),
            statistics: Statistics::default(),
            state: CallState::Ready(None),
        }
    }

    /// Ends the reservation of `lr` if a store of up to 8 bytes touches it. Through the second view of a segment it touches
    /// bytes at other addresses, and ends any.
    #[inline]
    pub(crate) fn stored(&mut self, address: u64, width: u64) {
        if !self.cpu.is_reserving() {
            return;
        }
        if self.memory.is_second_view(address, width) {
            self.cpu.clear_reservation();
        } else {
            self.cpu.stored(address, width);
        }
    }
}
