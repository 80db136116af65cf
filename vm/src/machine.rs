//! A machine: a program and its settled state, and the call that is in progress.

use std::sync::Arc;

use log::debug;
use thiserror::Error;
use travertine_gas::Meter;
use travertine_memory::Fault;
use travertine_memory::substrate::{BlockError, Substrate};
use travertine_merkle::Hash;

use crate::call::{ActiveCall, CallState};
use crate::context::{Call, MAX_INPUT_BYTES};
use crate::cpu::{Cpu, abi};
use crate::engine::{Engine, EngineKind};
use crate::host::{Host, HostCall};
use crate::interpreter::{Run, RunLimit};
use crate::outcome::Outcome;
use crate::program::Program;
use crate::receipt::{OutcomeRecord, RECEIPT_VERSION, Receipt, dirty_page_record};
use crate::ssz::{list, vector32};
use crate::state::State;
use crate::statistics::Statistics;
use crate::threaded::code::ThreadedCode;

/// The embedder used the machine wrongly, or the node lacks something. Never what a contract did.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MachineError {
    /// A call is in progress: finish or abandon it first.
    #[error("a call is in progress")]
    CallInProgress,
    /// No call is in progress.
    #[error("no call is in progress")]
    NoCall,
    /// The call has ended; only its receipt is left to take.
    #[error("the call has ended: it {0}")]
    Ended(Outcome),
    /// The call has not ended.
    #[error("the call has not ended")]
    NotEnded,
    /// The call waits for the answer to a host call.
    #[error("the call waits for the answer to host call {:#x}", .0.number)]
    WaitsForAnswer(HostCall),
    /// The call does not wait for an answer.
    #[error("the call does not wait for an answer")]
    NoQuestion,
    /// An answer of another length than was planned.
    #[error("the answer has {given} bytes, the host call planned {planned}")]
    AnswerLength {
        /// Its length, in bytes.
        given: usize,
        /// What [`Host::plan`] said, in bytes.
        planned: u64,
    },
    /// The input is too long.
    #[error("the input has {0} bytes, at most {MAX_INPUT_BYTES} are passed")]
    InputTooLong(usize),
    /// The state belongs to another program.
    #[error("the state was made by the program with image root {}, not by {}", hex::encode(.state), hex::encode(.program))]
    OtherProgram {
        /// Image root in the state.
        state: Hash,
        /// Root of the program.
        program: Hash,
    },
    /// The state was made under another gas schedule.
    #[error("the state was made under the gas schedule with root {}, not {}", hex::encode(.state), hex::encode(.engine))]
    OtherSchedule {
        /// Schedule root in the state.
        state: Hash,
        /// Root of the engine's schedule.
        engine: Hash,
    },
    /// The state's regions are not those of the program.
    #[error(
        "region {region:#x} of the state has another kind, size, seed or permissions than the program says"
    )]
    OtherLayout {
        /// The region's number.
        region: u8,
    },
    /// The block cannot begin.
    #[error("the block cannot begin: {0}")]
    Block(#[from] BlockError),
    /// This node does not have a page that the call needs. Nothing has changed; the run can be tried again.
    #[error("this node lacks a page: {0}")]
    MissingPage(Fault),
}

/// The result of a call that ended: the receipt, and whether and how the state moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// How the call ended.
    pub outcome: Outcome,
    /// What every node agrees on.
    pub receipt: Receipt,
    /// What this node counted.
    pub statistics: Statistics,
}

/// A machine. Between calls it is a settled [`State`]; a call works on a copy-on-write view of it.
#[derive(Debug, Clone)]
pub struct Machine {
    engine: Engine,
    kind: EngineKind,
    program: Program,
    /// The program's code for the threaded engine, since that first ran it.
    threaded: Option<Arc<ThreadedCode>>,
    state: State,
    active: Option<ActiveCall>,
    observes: bool,
}

impl Machine {
    pub(crate) fn new(engine: Engine, program: Program, state: State) -> Self {
        let kind = engine.config().engine;
        Self { engine, kind, program, threaded: None, state, active: None, observes: false }
    }

    /// The settled state; a call in progress does not show in it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The settled state's root.
    pub fn root(&self) -> Hash {
        self.state.root()
    }

    /// The program that the machine runs.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Lets another engine carry out the instructions from now on, also of a call that is in progress. It shows in nothing
    /// but speed.
    pub fn use_engine(&mut self, kind: EngineKind) {
        self.kind = kind;
    }

    /// Whether the calls that begin from now on are counted instruction by instruction ([`Statistics::observation`]). They are
    /// slower then; it shows in nothing else.
    pub fn observe(&mut self, is_wanted: bool) {
        self.observes = is_wanted;
    }

    /// Limits how many frames of 4,096 bytes the allocations of calls that begin from now on may have, together with those that are
    /// live already; exactly so many can be had. Nodes that are to agree set the same limit: it is not part of the state.
    pub fn set_frame_limit(&mut self, frames: u64) {
        self.state.set_frame_limit(frames);
    }

    /// What was counted so far of the call in progress.
    pub fn statistics(&self) -> Option<Statistics> {
        let call = self.active.as_ref()?;
        Some(Statistics { gas: call.meter.used(), ..call.statistics.clone() }.with_live(&call.memory))
    }

    /// Begins a block: region 0xF0 becomes that of this header, by the rule of the substrate, and what the block before had there is
    /// gone. The state root moves; no call is made, and nothing else changes. Calls of the block come after it.
    ///
    /// The timestamp is that of the block, in the chain's own unit; it goes into the ledger. The ledger's record, if the header
    /// makes one, is [`Substrate::record`]; the root of all of them is in [`State::block`].
    ///
    /// # Errors
    /// [`MachineError::CallInProgress`]; [`MachineError::Block`] if the header is too long, the substrate is not the one of the
    /// blocks before, or the program has the region for itself. The state is as before.
    pub fn begin_block(
        &mut self,
        substrate: &Substrate,
        header: &[u8],
        timestamp: u64,
    ) -> Result<(), MachineError> {
        if self.active.is_some() {
            return Err(MachineError::CallInProgress);
        }
        self.state = self.state.in_block(substrate, header, timestamp)?;
        Ok(())
    }

    /// Makes a call from beginning to end and settles it.
    ///
    /// # Errors
    /// [`MachineError`] if a call is in progress, the input is too long, the host suspended the call
    /// ([`MachineError::WaitsForAnswer`]: use [`Machine::begin`] and [`Machine::run`] with such hosts), or the node
    /// lacks a page. The state is as before, and no call is in progress.
    pub fn call(&mut self, call: &Call, host: &mut (impl Host + ?Sized)) -> Result<Settlement, MachineError> {
        self.begin(call)?;
        let settled = match self.run(host, RunLimit::NONE) {
            Ok(Outcome::HostCall(question)) => Err(MachineError::WaitsForAnswer(question)),
            Ok(_) => self.finish(),
            Err(error) => Err(error),
        };
        self.active = None;
        settled
    }

    /// Begins a call; [`Machine::run`] runs it.
    ///
    /// # Errors
    /// [`MachineError`] if a call is in progress or the input is too long.
    pub fn begin(&mut self, call: &Call) -> Result<(), MachineError> {
        if self.active.is_some() {
            return Err(MachineError::CallInProgress);
        }
        if call.input.len() as u64 > MAX_INPUT_BYTES {
            return Err(MachineError::InputTooLong(call.input.len()));
        }
        let mut active = ActiveCall::new(&self.program, self.state.memory().clone(), call);
        active.statistics.observation = self.observes.then(Box::default);
        self.active = Some(active);
        Ok(())
    }

    /// Runs the call in progress until it ends, cannot go on, or reaches `limit`.
    ///
    /// After [`Outcome::Stepped`] it can be run again at once, after [`Outcome::OutOfGas`] when it got more gas
    /// ([`Machine::add_gas`]), after [`Outcome::HostCall`] when it got its answer ([`Machine::answer`]). However it is
    /// cut into runs, the receipt is the same.
    ///
    /// # Errors
    /// [`MachineError`] if there is no call that could run, or the node lacks a page.
    pub fn run(&mut self, host: &mut (impl Host + ?Sized), limit: RunLimit) -> Result<Outcome, MachineError> {
        let call = self.active.as_mut().ok_or(MachineError::NoCall)?;
        match &call.state {
            CallState::Ready(_) => {}
            CallState::Waiting { call, .. } => return Err(MachineError::WaitsForAnswer(*call)),
            CallState::Ended(outcome) => return Err(MachineError::Ended(*outcome)),
        }
        let (settled, code) = (self.state.memory(), self.program.code());
        let run = Run { call, settled, code, prices: self.engine.prices(), host, limit };
        // The reference engine alone counts instructions.
        let kind = if run.is_observed() { EngineKind::Reference } else { self.kind };
        let outcome = match kind {
            EngineKind::Reference => run.run(),
            EngineKind::Threaded => {
                let cache = self.engine.code();
                let code = self.threaded.get_or_insert_with(|| cache.get(&self.program));
                let before = code.clone();
                let outcome = run.run_threaded(self.program.image(), code);
                if !Arc::ptr_eq(&before, code) {
                    cache.replace(&self.program, code.clone());
                }
                outcome
            }
        };
        let outcome = outcome.map_err(MachineError::MissingPage)?;
        match outcome {
            Outcome::HostCall(_) => {}
            outcome if outcome.is_final() => call.state = CallState::Ended(outcome),
            outcome => call.state = CallState::Ready(Some(outcome)),
        }
        Ok(outcome)
    }

    /// Raises the gas limit of the call in progress.
    ///
    /// # Errors
    /// [`MachineError::NoCall`].
    pub fn add_gas(&mut self, gas: u64) -> Result<(), MachineError> {
        self.active_mut()?.meter.add_limit(gas);
        Ok(())
    }

    /// The host call that the embedder owes an answer, and the bytes that it reads.
    pub fn question(&self) -> Option<(HostCall, &[u8])> {
        match &self.active.as_ref()?.state {
            CallState::Waiting { call, input, .. } => Some((*call, input)),
            CallState::Ready(_) | CallState::Ended(_) => None,
        }
    }

    /// Answers a suspended host call: `value` goes to `a0`, `bytes` to the range that was planned and charged.
    ///
    /// # Errors
    /// [`MachineError`] if nothing was asked, or `bytes` is not as long as planned.
    pub fn answer(&mut self, value: u64, bytes: &[u8]) -> Result<(), MachineError> {
        let call = self.active_mut()?;
        let CallState::Waiting { writes, .. } = call.state else {
            return Err(MachineError::NoQuestion);
        };
        if bytes.len() as u64 != writes.length {
            return Err(MachineError::AnswerLength { given: bytes.len(), planned: writes.length });
        }
        let plan =
            call.memory.plan_store(writes.address, writes.length).map_err(MachineError::MissingPage)?;
        call.memory.write(plan, bytes);
        call.cpu.set(abi::A0, value);
        call.state = CallState::Ready(None);
        Ok(())
    }

    /// Ends the call and settles: a success becomes the new state, anything else leaves the old one to the bit.
    ///
    /// A call that is out of gas can be ended, too: it has failed then.
    ///
    /// # Errors
    /// [`MachineError`] if there is no call, or it can still go on.
    pub fn finish(&mut self) -> Result<Settlement, MachineError> {
        let outcome = match self.active_mut()?.state {
            CallState::Ended(outcome) | CallState::Ready(Some(outcome @ Outcome::OutOfGas { .. })) => outcome,
            CallState::Ready(_) => return Err(MachineError::NotEnded),
            CallState::Waiting { call, .. } => return Err(MachineError::WaitsForAnswer(call)),
        };
        let call = self.active.take().ok_or(MachineError::NoCall)?;
        Ok(self.settle(outcome, call))
    }

    /// Drops the call in progress, if there is one: the state stays as it was.
    pub fn abandon(&mut self) {
        self.active = None;
    }

    /// The hart of the call in progress.
    pub fn cpu(&self) -> Option<&Cpu> {
        self.active.as_ref().map(|call| &call.cpu)
    }

    /// The meter of the call in progress.
    pub fn meter(&self) -> Option<&Meter> {
        self.active.as_ref().map(|call| &call.meter)
    }

    /// Reads memory as the call in progress sees it, or the settled memory; nothing is charged and no permission asked.
    ///
    /// # Errors
    /// The fault, if there is no memory there.
    pub fn peek(&self, address: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        self.active.as_ref().map_or(self.state.memory(), |call| &call.memory).peek(address, bytes)
    }

    fn active_mut(&mut self) -> Result<&mut ActiveCall, MachineError> {
        self.active.as_mut().ok_or(MachineError::NoCall)
    }

    fn settle(&mut self, outcome: Outcome, call: ActiveCall) -> Settlement {
        let old_root = self.root();
        let mut dirty = Vec::new();
        let mut events = Default::default();
        let mut refund = 0;
        if outcome.is_success() {
            refund = call.refunds.payable(call.meter.used());
            (self.state, dirty) = self.state.settled(call.memory);
            events = call.events.into_lists();
        }
        let receipt = Receipt {
            version: RECEIPT_VERSION,
            outcome: OutcomeRecord::new(&outcome, call.cpu.pc()),
            gas_used: call.meter.used(),
            bill: call.meter.bill(),
            refund,
            old_root: vector32(&old_root),
            new_root: vector32(&self.root()),
            output: list(call.output),
            events: events.0,
            event_data: events.1,
            dirty_pages: list(dirty.iter().map(dirty_page_record).collect()),
        };
        let statistics = Statistics { gas: receipt.gas_used, ..call.statistics };
        let statistics = statistics.with_live(self.state.memory());
        debug!("settled: {outcome}, {} gas, {} pages changed", receipt.gas_used, receipt.dirty_pages.len());
        Settlement { outcome, receipt, statistics }
    }
}
