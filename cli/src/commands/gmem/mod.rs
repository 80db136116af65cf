//! `travertine gmem`: generative memory from the command line.

mod bulk;
mod cells;
mod error;
mod export;
mod fetch;
mod import;
mod listing;
mod log_file;
mod plot;
mod search;
mod source;
mod verify_log;
mod write;

use clap::Subcommand;

use crate::error::InputError;
use crate::output::Verdict;

pub(crate) use error::GmemError;

/// Read, write and draw generative memory: cells that a seed makes, and those that were written over them.
///
/// What was written is kept in a log file. The content is a linear sequence that tells its seed: never use it as randomness.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Arguments),
    Bulk(bulk::Arguments),
    Write(write::Arguments),
    Search(search::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
    VerifyLog(verify_log::Arguments),
    Listing(listing::Arguments),
    Plot(plot::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    match &arguments.command {
        Command::Fetch(arguments) => fetch::run(arguments),
        Command::Bulk(arguments) => bulk::run(arguments),
        Command::Write(arguments) => write::run(arguments),
        Command::Search(arguments) => search::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::VerifyLog(arguments) => verify_log::run(arguments),
        Command::Listing(arguments) => listing::run(arguments),
        Command::Plot(arguments) => plot::run(arguments),
    }
}
