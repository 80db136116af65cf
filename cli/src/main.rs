//! The `travertine` command: run contracts, look into them, prove and verify their memory.
//!
//! Every subcommand has a module below `commands`: it parses its arguments, calls the libraries and prints.

mod allocations;
mod arguments;
mod block;
mod claims;
mod commands;
mod diagnostics;
mod error;
mod explain;
mod files;
mod listing;
mod output;
mod program;
mod progress;
mod proof_file;
mod regions;
mod state_directory;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use travertine_merkle::Backend;

use commands::Command;
use diagnostics::LogLevel;
use error::InputError;
use output::Verdict;

const AFTER_HELP: &str = "\
Exit codes:
  0  success
  1  the contract failed, or the proof is invalid
  2  unusable input: nothing was done

Examples:
  travertine run counter.elf --state my-counter
  travertine prove --state my-counter 2:0:0x0 8 -o counter.proof
  travertine verify counter.proof --root <ROOT> --address 2:0:0x0 --data 0100000000000000

`travertine help COMMAND` explains a command and its options.";

/// Run RISC-V contracts, settle their memory, prove and verify any byte of it.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP, propagate_version = false)]
struct Cli {
    /// What is said on standard error besides the error that ends the command.
    #[arg(long, value_name = "LEVEL", global = true, default_value = "warn")]
    log_level: LogLevel,
    #[command(subcommand)]
    command: Command,
}

/// The exit code for input that cannot be used; clap uses the same for wrong arguments.
const UNUSABLE_INPUT: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    diagnostics::start(cli.log_level);
    // A mistyped backend would silently be the portable one.
    let backend = Backend::from_environment().map_err(InputError::from);
    match backend.and_then(|_| cli.command.run()) {
        Ok(Verdict::Success) => ExitCode::SUCCESS,
        Ok(Verdict::Failure) => ExitCode::FAILURE,
        Err(error) => {
            report(&error);
            ExitCode::from(UNUSABLE_INPUT)
        }
    }
}

/// Writes an error and its hint to standard error, which may be closed.
fn report(error: &InputError) {
    let mut stderr = io::stderr().lock();
    let hint = error.hint().map_or_else(String::new, |hint| format!("hint: {hint}\n"));
    let _ = write!(stderr, "error: {error}\n{hint}");
}
