//! Everything that ends a command with exit code 2, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use travertine_gas::{Schedule, ScheduleError};
use travertine_memory::substrate::{ConfigError, LedgerError};
use travertine_merkle::layout::LayoutError;
use travertine_merkle::{BackendError, LimitError, ProveError, ProveTransitionError, VerifyError};
use travertine_vm::{LoadError, MachineError, SnapshotError};

use crate::commands::gmem::GmemError;
use crate::proof_file::ProofFileError;

/// Input that cannot be used, or a system that refuses.
#[derive(Debug, Error)]
pub(crate) enum InputError {
    #[error("cannot read {}: {error}", .path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("cannot read standard input: {0}")]
    ReadStdin(io::Error),
    #[error("cannot write {}: {error}", .path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("cannot write {}: it exists and is not a regular file", .0.display())]
    NotAFile(PathBuf),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    #[error("{name} has more than {limit} bytes")]
    TooLarge { name: String, limit: u64 },
    #[error("{first} and {second} cannot both be read from standard input")]
    StdinTwice { first: &'static str, second: &'static str },
    #[error("{name} is not a contract that runs: {error}")]
    Program { name: String, error: LoadError },
    #[error("no gas schedule and no file is called `{0}`")]
    UnknownSchedule(String),
    #[error("{name} is no gas schedule: {error}")]
    Schedule { name: String, error: ScheduleError },
    #[error("{name} is no gas schedule: it is not UTF-8 text")]
    ScheduleText { name: String },
    #[error("the state in {} is in use by another run", .0.display())]
    Locked(PathBuf),
    #[error("there is no machine in {}", .0.display())]
    NoMachine(PathBuf),
    #[error("{} cannot be used: {error}", .path.display())]
    Snapshot { path: PathBuf, error: SnapshotError },
    #[error("the state in {} does not fit this run: {error}", .path.display())]
    OtherMachine { path: PathBuf, error: MachineError },
    #[error("{name} is no declaration of a substrate: {error}")]
    Substrate { name: String, error: ConfigError },
    #[error("{name} is no declaration of a substrate: it is not UTF-8 text")]
    SubstrateText { name: String },
    #[error("{} is no ledger: {error}", .path.display())]
    Ledger { path: PathBuf, error: LedgerError },
    #[error("{} is not the ledger of the machine beside it", .0.display())]
    OtherLedger(PathBuf),
    #[error("{}, line {line}: a header is hexadecimal digits, after its timestamp if that is known", .path.display())]
    HeaderLine { path: PathBuf, line: u64 },
    #[error("--substrate says how a block begins, and no --header begins one")]
    SubstrateWithoutHeader,
    #[error("the machine in {} is in no block", .0.display())]
    NoBlock(PathBuf),
    #[error("the variable TRAVERTINE_SHA256: {0}")]
    Backend(#[from] BackendError),
    #[error("the call was stopped: it did not end within {0} instructions")]
    InstructionLimit(u64),
    #[error("the call cannot be made: {0}")]
    Machine(#[from] MachineError),
    #[error("this cannot be proven: {0}")]
    Prove(#[from] ProveError),
    #[error("the transition cannot be proven: {0}")]
    ProveTransition(#[from] ProveTransitionError),
    #[error("{name} is no proof: {error}")]
    NoProof { name: String, error: ProofFileError },
    #[error("--explain shows the paths of memory proofs, and this is a transition proof")]
    ExplainTransition,
    #[error("the proof is too long: {0}")]
    ProofTooLong(#[from] LimitError),
    #[error("the proof that was made does not verify, so it was not written: {0}")]
    OwnProof(VerifyError),
    #[error("the program has no symbol `{0}`")]
    NoSymbol(String),
    #[error("the range from {start:#x} to {end:#x} is empty")]
    EmptyRange { start: u64, end: u64 },
    #[error("--length is {length}, but --data has {data} bytes")]
    LengthOfData { length: u64, data: usize },
    #[error("the proof has {0} claims, so it is not clear which of them --data is for")]
    WhichClaim(usize),
    #[error("--data is for one range of bytes, and it is not clear which")]
    WhichRange,
    #[error("the plot cannot be drawn: {0}")]
    Plot(Box<dyn std::error::Error + Send + Sync>),
    #[error("the proof's nodes cannot be named: {0}")]
    Places(#[from] LayoutError),
    #[cfg(target_os = "linux")]
    #[error("{name}: {error}")]
    Arena { name: String, error: travertine_arena::ArenaError },
    #[error("the proof's nodes cannot be shown: {0}")]
    Explain(VerifyError),
    #[error(transparent)]
    Gmem(#[from] GmemError),
}

impl InputError {
    /// What the user can do, if that is not obvious.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Program { .. } => {
                "a contract is a static RISC-V ELF file; docs/contracts.md tells how to build one"
            }
            Self::UnknownSchedule(_) => {
                return Some(format!(
                    "known names: {}; `travertine schedule` prints one, to be saved and changed",
                    Schedule::NAMED.map(|known| known.name).join(", ")
                ));
            }
            Self::Schedule { .. } | Self::ScheduleText { .. } => {
                "`travertine schedule` prints a valid schedule, to be saved and changed"
            }
            Self::Substrate { .. } | Self::SubstrateText { .. } => {
                "`travertine substrate check --default` prints a valid declaration, to be saved and changed"
            }
            Self::NoBlock(_) => "`travertine run --header` begins one",
            Self::OtherLedger(_) => "restore it from a copy: the machine's state has its root",
            Self::NotAFile(_) => "give the name of a file that is new or may be replaced",
            Self::StdinTwice { .. } => "read one of them from a file",
            Self::Locked(_) => "wait until that run has ended, or use another directory",
            Self::NoMachine(_) => {
                "`travertine run PROGRAM --state DIR` puts one there with its first successful call"
            }
            Self::Snapshot { .. } => {
                "the file was left as it is; restore it from a copy, or use another directory"
            }
            Self::OtherMachine { error: MachineError::OtherSchedule { .. }, .. } => {
                "a machine keeps its gas schedule: give the one that it began with, or use another directory"
            }
            Self::OtherMachine { .. } => {
                "run the program that the machine was made from, or use another directory"
            }
            Self::InstructionLimit(_) => "--instruction-limit raises the limit; the state was left as it was",
            Self::Machine(MachineError::MissingPage(_)) | Self::Prove(ProveError::MissingNode { .. }) => {
                "a page in the state's file is damaged: `travertine root --state DIR --check` names it. \
                The file was left as it is; restore it from a copy"
            }
            Self::Prove(_) => "`travertine root --state DIR` lists the regions that there are",
            Self::NoSymbol(_) => "`travertine inspect PROGRAM --symbols` lists the symbols",
            Self::Gmem(error) => return error.hint().map(str::to_owned),
            #[cfg(target_os = "linux")]
            Self::Arena { .. } => {
                "`travertine arena stress --name NAME` makes a segment that others can look at while it runs"
            }
            Self::WhichClaim(_) | Self::WhichRange => "say which with --address and --length",
            Self::Read { .. }
            | Self::ReadStdin(_)
            | Self::Ledger { .. }
            | Self::HeaderLine { .. }
            | Self::SubstrateWithoutHeader
            | Self::Write { .. }
            | Self::Output(_)
            | Self::TooLarge { .. }
            | Self::Machine(_)
            | Self::Backend(_)
            | Self::ProofTooLong(_)
            | Self::OwnProof(_)
            | Self::ProveTransition(_)
            | Self::NoProof { .. }
            | Self::ExplainTransition
            | Self::Plot(_)
            | Self::Places(_)
            | Self::Explain(_)
            | Self::EmptyRange { .. }
            | Self::LengthOfData { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
