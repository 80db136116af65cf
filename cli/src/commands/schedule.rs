//! `travertine schedule`: a gas schedule and its root.

use std::io::Write;

use serde::Serialize;
use travertine_gas::Schedule;
use travertine_merkle::Hash;

use crate::arguments::ScheduleSource;
use crate::error::InputError;
use crate::output::{Hex, Output, Verdict};

/// Print a gas schedule, in the form that --schedule reads.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: make multiplications dearer
  travertine schedule > mine.json
  sed -i 's/\"multiply\": 2/\"multiply\": 3/' mine.json
  travertine run counter.elf --schedule mine.json")]
pub(crate) struct Arguments {
    /// A schedule's name, or a file to be checked and printed.
    #[arg(default_value = "default")]
    schedule: ScheduleSource,
    /// Print one JSON object with the schedule's name, root and prices.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    name: String,
    root: Hex<Hash>,
    schedule: Schedule,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let schedule = arguments.schedule.read()?;
    let mut out = Output::new();
    if arguments.json {
        out.json(&Report { name: arguments.schedule.name(), root: Hex(schedule.root()), schedule })?;
    } else {
        writeln!(out, "{}", schedule.to_json())?;
    }
    out.flush()?;
    Ok(Verdict::Success)
}
