//! `travertine run`: one call of a contract.

mod debug;
mod measurements;
mod report;

use std::path::PathBuf;

use travertine_merkle::Hash;
use travertine_merkle::layout::PAGE_BYTES;
use travertine_vm::{
    Call, Context, Engine, EngineConfig, EngineKind, MAX_INPUT_BYTES, Machine, Outcome, RunLimit,
};

use crate::arguments::{FileSource, ScheduleSource, Source, check_stdin, parse_hash, parse_number};
use crate::block::{self, BlockReport, HeaderSource, SubstrateArgument};
use crate::error::InputError;
use crate::files;
use crate::output::{Hex, Output, Verdict};
use crate::program::ProgramFile;
use crate::progress::Progress;
use crate::proof_file::{Format, Proof};
use crate::state_directory::LockedDirectory;
use debug::{DebugHost, Kept, Sink};
use measurements::{Profile, StatisticsReport, timed};
use report::{Circumstances, Report};

/// Gas between two updates of the progress line.
const SLICE_GAS: u64 = 1 << 24;
/// The same in instructions, where they are limited.
const SLICE_STEPS: u64 = 1 << 23;

/// Call a contract once.
///
/// The contract's debug output is passed on; then come the outcome, the output, gas, events, state roots and changed pages.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes:
  0  the contract returned, or exited with code 0
  1  it reverted, trapped, ran out of gas, or exited with another code
  2  unusable input: the contract was not called, and the state is as it was

Examples:
  travertine run sha256.elf --input @letter.txt
  travertine run counter.elf --state my-counter --input 0500000000000000
  travertine run token.elf --state my-token --input 04 --json")]
pub(crate) struct Arguments {
    /// The program, a static RISC-V ELF file; - reads it from standard input.
    program: FileSource,
    /// The input, in hexadecimal; @FILE reads it from a file as it is, - from standard input.
    #[arg(long, value_name = "HEX|@FILE|-", default_value = "")]
    input: Source,
    /// What the call may use, in gas.
    #[arg(long, value_name = "GAS", value_parser = parse_number, default_value = "100_000_000")]
    gas: u64,
    /// The most instructions: the call is stopped, and nothing is changed, if it has not ended then.
    #[arg(long, value_name = "COUNT", value_parser = parse_number)]
    instruction_limit: Option<u64>,
    /// The most bytes of memory that all allocations together may have, in whole pages of 4,096 bytes.
    #[arg(long, value_name = "BYTES", value_parser = parse_number)]
    memory_limit: Option<u64>,
    /// Keep the machine in this directory: a call goes on from the last successful one.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Begin a block with this header before the call: hexadecimal digits, or a file with its bytes. The timestamp is --timestamp.
    #[arg(long, value_name = "FILE|HEX")]
    header: Option<HeaderSource>,
    #[command(flatten)]
    substrate: SubstrateArgument,
    /// The gas schedule: a name, or a file as `travertine schedule` prints it.
    #[arg(long, value_name = "FILE|NAME", default_value = "default")]
    schedule: ScheduleSource,
    /// How instructions are carried out; it shows in nothing but speed. [default: threaded; reference in debug builds]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineName>,
    /// Write the call's receipt to this file, as SSZ bytes.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Write a proof to this file, if the call succeeds, that the new state root follows from the old one.
    #[arg(long, value_name = "FILE")]
    transition: Option<PathBuf>,
    /// Count what the call does, instruction by instruction. It shows in nothing but speed.
    #[arg(long)]
    statistics: bool,
    /// Measure how long loading, running, settling and proving take.
    #[arg(long)]
    profile: bool,
    /// Print one JSON object; the contract's debug output is a field of it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    context: ContextArguments,
}

/// The engines, as they are named on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum EngineName {
    /// One instruction after the other, by short and obvious code.
    Reference,
    /// Operations that were decoded once, each of which jumps to the next one.
    Threaded,
}

impl From<EngineName> for EngineKind {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Reference => Self::Reference,
            EngineName::Threaded => Self::Threaded,
        }
    }
}

/// What the contract is told about the call and the block.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Call context")]
struct ContextArguments {
    /// The account that calls: 64 hexadecimal digits (default: zeros).
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    caller: Option<Hash>,
    /// The contract's own account (default: zeros).
    #[arg(long = "self", value_name = "HEX", value_parser = parse_hash)]
    contract: Option<Hash>,
    /// The account that began the chain of calls (default: the caller).
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    origin: Option<Hash>,
    /// The block's number.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number, default_value = "0")]
    block_number: u64,
    /// The block's timestamp, in the chain's unit.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number, default_value = "0")]
    timestamp: u64,
    /// The chain.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number, default_value = "0")]
    chain_id: u64,
    /// Hash of the block's header (default: zeros).
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    block_hash: Option<Hash>,
}

impl ContextArguments {
    fn context(&self) -> Context {
        let caller = self.caller.unwrap_or_default();
        Context {
            block_number: self.block_number,
            block_timestamp: self.timestamp,
            call_depth: 0,
            chain_id: self.chain_id,
            caller,
            contract: self.contract.unwrap_or_default(),
            origin: self.origin.unwrap_or(caller),
            block_hash: self.block_hash.unwrap_or_default(),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    check_stdin(("PROGRAM", &arguments.program.0), ("--input", &arguments.input))?;
    let schedule = arguments.schedule.read()?;
    let config = EngineConfig { engine: arguments.engine.map(EngineKind::from).unwrap_or_default() };
    let engine = Engine::with_config(schedule, config)
        .map_err(|error| InputError::Schedule { name: arguments.schedule.name(), error })?;
    let mut profile = Profile::default();
    let file = timed(&mut profile.load_ns, || ProgramFile::read(&arguments.program.0, &engine))?;
    let call = Call {
        input: arguments.input.read(MAX_INPUT_BYTES)?,
        gas_limit: arguments.gas,
        context: arguments.context.context(),
    };
    let directory = arguments.state.as_deref().map(LockedDirectory::lock).transpose()?;
    let mut machine = timed(&mut profile.load_ns, || machine(&engine, &file, directory.as_ref()))?;
    if let Some(header) = &arguments.header {
        let substrate = arguments.substrate.read()?;
        let timestamp = call.context.block_timestamp;
        block::begin(&mut machine, &substrate, &header.read()?, timestamp, directory.as_ref())?;
    } else if arguments.substrate.is_given() {
        return Err(InputError::SubstrateWithoutHeader);
    }
    log::info!("state root {} before the call", Hex(machine.root()));
    machine.observe(arguments.statistics);
    if let Some(bytes) = arguments.memory_limit {
        machine.set_frame_limit(bytes / PAGE_BYTES);
    }

    let before = arguments.transition.as_ref().map(|path| (path, machine.state().clone()));
    let mut out = Output::new();
    let sink = if arguments.json { Sink::Kept(Kept::default()) } else { Sink::Streams(&mut out) };
    let mut host = DebugHost { sink, progress: Progress::new(), failure: None };
    let limit = arguments.instruction_limit;
    timed(&mut profile.run_ns, || make_call(&mut machine, &call, &mut host, limit))?;
    let settlement = timed(&mut profile.settle_ns, || machine.finish())?;
    log::info!("state root {} after the call", Hex(machine.root()));
    let debug = match host.sink {
        Sink::Kept(kept) => Some(kept.report()),
        Sink::Streams(_) => None,
    };
    if let Some(error) = host.failure {
        return Err(error.into());
    }

    // The state last: when anything fails, it is as if the call had not been made.
    if let Some(path) = &arguments.receipt {
        files::write_atomically(path, &settlement.receipt.to_ssz())?;
    }
    let transition = match before {
        Some((path, before)) if settlement.outcome.is_success() => {
            let prove = || before.prove_transition(machine.state(), &settlement.receipt);
            let proof = timed(&mut profile.prove_ns, prove)?;
            Some(Proof::Transition(proof).write(path, Format::Ssz)?)
        }
        _ => None,
    };
    // A block has begun, whatever becomes of the call.
    let has_changed = settlement.outcome.is_success() || arguments.header.is_some();
    if let Some(directory) = directory.filter(|_| has_changed) {
        directory.save(machine.state())?;
    }
    let circumstances = Circumstances {
        gas_limit: call.gas_limit,
        settlements: machine.state().settlements(),
        state: arguments.state.as_ref().map(|path| path.display().to_string()),
        transition,
        block: machine.state().block().map(BlockReport::new),
        debug,
        statistics: StatisticsReport::new(&settlement.statistics),
        profile: arguments.profile.then_some(profile),
    };
    let report = Report::new(&settlement, || file.symbols(), circumstances);
    out.print(arguments.json, &report, |out| report.write(out))?;
    Ok(Verdict::of(report.success))
}

/// The machine from the directory, or a new one.
fn machine(
    engine: &Engine,
    file: &ProgramFile,
    directory: Option<&LockedDirectory<'_>>,
) -> Result<Machine, InputError> {
    let Some(directory) = directory.map(LockedDirectory::directory) else {
        return Ok(engine.instantiate(&file.program));
    };
    match directory.read()? {
        None => Ok(engine.instantiate(&file.program)),
        Some(state) => engine
            .restore(&file.program, state)
            .map_err(|error| InputError::OtherMachine { path: directory.0.into(), error }),
    }
}

/// Makes the call in slices, so that a person sees how far it is. The slices do not show in the result. At most `limit`
/// instructions are carried out.
fn make_call(
    machine: &mut Machine,
    call: &Call,
    host: &mut DebugHost<'_>,
    limit: Option<u64>,
) -> Result<(), InputError> {
    machine.begin(call)?;
    let (mut gas, mut instructions) = (SLICE_GAS, 0);
    loop {
        let slice = match limit {
            Some(limit) => RunLimit::steps(SLICE_STEPS.min(limit - instructions)),
            None => RunLimit::gas_used(gas),
        };
        if machine.run(host, slice)? != Outcome::Stepped {
            break;
        }
        gas = gas.saturating_add(SLICE_GAS);
        instructions = instructions.saturating_add(slice.steps);
        if limit == Some(instructions) {
            host.progress.clear();
            return Err(InputError::InstructionLimit(instructions));
        }
        let used = machine.meter().map_or(0, travertine_gas::Meter::used);
        host.progress.show(used, call.gas_limit);
    }
    host.progress.clear();
    Ok(())
}
