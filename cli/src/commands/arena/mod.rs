//! `travertine arena`: shared-memory segments, to be looked into and to be put under load.

mod inspect;
mod picture;
mod stress;

use clap::Subcommand;

use crate::error::InputError;
use crate::output::Verdict;

/// Look into shared-memory segments, or put one under load.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Arguments),
    Stress(stress::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    match &arguments.command {
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Stress(arguments) => stress::run(arguments),
    }
}

/// What goes wrong with the segment of this name.
fn failed(name: &str) -> impl Fn(travertine_arena::ArenaError) -> InputError {
    move |error| InputError::Arena { name: name.to_owned(), error }
}
