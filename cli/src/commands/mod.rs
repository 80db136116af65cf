//! The subcommands.

#[cfg(target_os = "linux")]
mod arena;
mod bench;
mod completions;
mod convert;
mod disasm;
pub(crate) mod gmem;
mod inspect;
mod map;
mod prove;
mod root;
mod run;
mod schedule;
mod substrate;
mod verify;

use clap::Subcommand;

use crate::error::InputError;
use crate::output::Verdict;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Arguments),
    Inspect(inspect::Arguments),
    Disasm(disasm::Arguments),
    Root(root::Arguments),
    Map(map::Arguments),
    Prove(prove::Arguments),
    Verify(verify::Arguments),
    Convert(convert::Arguments),
    Gmem(gmem::Arguments),
    Schedule(schedule::Arguments),
    Substrate(substrate::Arguments),
    #[cfg(target_os = "linux")]
    Arena(arena::Arguments),
    Bench(bench::Arguments),
    Completions(completions::Arguments),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// [`InputError`] if the input cannot be used.
    pub(crate) fn run(&self) -> Result<Verdict, InputError> {
        match self {
            Self::Run(arguments) => run::run(arguments),
            Self::Inspect(arguments) => inspect::run(arguments),
            Self::Disasm(arguments) => disasm::run(arguments),
            Self::Root(arguments) => root::run(arguments),
            Self::Map(arguments) => map::run(arguments),
            Self::Prove(arguments) => prove::run(arguments),
            Self::Verify(arguments) => verify::run(arguments),
            Self::Convert(arguments) => convert::run(arguments),
            Self::Gmem(arguments) => gmem::run(arguments),
            Self::Schedule(arguments) => schedule::run(arguments),
            Self::Substrate(arguments) => substrate::run(arguments),
            #[cfg(target_os = "linux")]
            Self::Arena(arguments) => arena::run(arguments),
            Self::Bench(arguments) => bench::run(arguments),
            Self::Completions(arguments) => completions::run(arguments),
        }
    }
}
