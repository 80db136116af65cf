//! `travertine bench`: what the design claims, measured.

mod alloc;

use crate::error::InputError;
use crate::output::Verdict;

/// Compare the machine with other designs.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    comparison: Comparison,
}

#[derive(Debug, clap::Subcommand)]
enum Comparison {
    Alloc(alloc::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    match &arguments.comparison {
        Comparison::Alloc(arguments) => alloc::run(arguments),
    }
}
