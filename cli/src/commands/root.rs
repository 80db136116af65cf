//! `travertine root`: what a state directory holds.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use travertine_merkle::Hash;

use crate::allocations::AllocationsReport;
use crate::error::InputError;
use crate::output::{Hex, Output, Verdict, grouped};
use crate::regions::{RegionReport, region_reports, write_regions};
use crate::state_directory::StateDirectory;

/// Print a machine's state root, and what else it commits to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  travertine root --state my-counter
  travertine root --state my-counter --check
  travertine root --state my-counter --allocations")]
pub(crate) struct Arguments {
    /// The directory that `run --state` keeps the machine in.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Also read every page of the file, and refuse it if one is damaged. Otherwise pages are checked when they are used.
    #[arg(long)]
    check: bool,
    /// List the records of all allocations.
    #[arg(long)]
    allocations: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    root: Hex<Hash>,
    settlements: u64,
    image: Hex<Hash>,
    schedule: Hex<Hash>,
    regions: Vec<RegionReport>,
    allocations: AllocationsReport,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let directory = StateDirectory(&arguments.state);
    let state = directory.require()?;
    if arguments.check {
        directory.check_pages(&state)?;
    }
    let report = Report {
        root: Hex(state.root()),
        settlements: state.settlements(),
        image: Hex(state.image()),
        schedule: Hex(state.schedule()),
        regions: region_reports(state.memory()),
        allocations: AllocationsReport::new(&state, arguments.allocations),
    };
    Output::new().print(arguments.json, &report, |out| {
        writeln!(out, "root         {}", report.root)?;
        writeln!(out, "settlements  {}", grouped(report.settlements))?;
        writeln!(out, "image        {}", report.image)?;
        writeln!(out, "schedule     {}", report.schedule)?;
        write_regions(out, &report.regions)?;
        report.allocations.write(out)?;
        Ok(())
    })?;
    Ok(Verdict::Success)
}
