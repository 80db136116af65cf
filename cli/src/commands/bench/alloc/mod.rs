//! `travertine bench alloc`: what workloads cost on the machine's allocator, and on linear ones.

mod allocator;
mod linear;
mod machine;
mod plot;
mod random;
mod recorded;
mod schedules;
mod workload;

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::arguments::Source;
use crate::error::InputError;
use crate::files;
use crate::output::{Output, Verdict, grouped};
use allocator::{Allocator, Cost, Session};
use linear::Linear;
use machine::MachineAllocator;
use schedules::{Named, schedules};
use workload::{WORKLOADS, Workload};

/// The allocators, in the order of their columns.
const ALLOCATORS: [&str; 3] = ["linear", "compacting", "travertine"];

/// Compare what allocations cost: linear first fit, the same with compaction, and the machine's allocator.
///
/// All three serve the same requests and pay by the same schedules; for the machine's allocator that is what a contract
/// pays that never compacts. Gas, most planes at a time, and how scattered the free bytes are at the end (basis points).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine bench alloc
  travertine bench alloc --workload steps-4k --plots pictures
  travertine bench alloc --program ledger.elf --input 01")]
pub(crate) struct Arguments {
    /// Only this workload; may be given many times (default: all).
    #[arg(long = "workload", value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(WORKLOADS.map(|workload| workload.name)))]
    workloads: Vec<String>,
    /// Only the allocations that a call of this program makes.
    #[arg(long, value_name = "FILE", conflicts_with = "workloads")]
    program: Option<PathBuf>,
    /// The input of the call.
    #[arg(long, value_name = "HEX|@FILE|-", default_value = "", requires = "program")]
    input: Source,
    /// Draw planes over time into this directory, an SVG file for each workload and schedule.
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Print one JSON object for each line of the table.
    #[arg(long)]
    json: bool,
}

/// What a workload cost under one schedule.
struct Row {
    workload: String,
    schedule: &'static str,
    /// In the order of [`ALLOCATORS`].
    costs: [Cost; 3],
}

#[derive(Serialize)]
struct Report<'a> {
    workload: &'a str,
    schedule: &'a str,
    allocators: [AllocatorReport; 3],
}

#[derive(Serialize)]
struct AllocatorReport {
    allocator: &'static str,
    gas: u64,
    peak_planes: u32,
    fragmentation_basis_points: u64,
}

/// A workload and its name.
type NamedWorkload = (String, Box<dyn Fn(&mut Session<'_>)>);

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    if let Some(directory) = &arguments.plots {
        std::fs::create_dir_all(directory)
            .map_err(|error| InputError::Write { path: directory.clone(), error })?;
    }
    let mut out = Output::new();
    if !arguments.json {
        write_head(&mut out)?;
    }
    for (name, workload) in workloads(arguments)? {
        for Named { name: schedule, schedule: prices, .. } in schedules() {
            let cost = |allocator: &mut dyn Allocator| Session::run(allocator, &prices, &workload);
            let costs = [
                cost(&mut Linear::new(false)),
                cost(&mut Linear::new(true)),
                cost(&mut MachineAllocator::default()),
            ];
            let row = Row { workload: name.clone(), schedule, costs };
            row.print(&mut out, arguments.json)?;
            if let Some(directory) = &arguments.plots {
                let path = directory.join(format!("{name}-{schedule}.svg"));
                files::write_atomically(&path, plot::svg(&row).map_err(InputError::Plot)?.as_bytes())?;
            }
        }
    }
    out.flush()?;
    Ok(Verdict::Success)
}

/// The workloads that were asked for.
fn workloads(arguments: &Arguments) -> Result<Vec<NamedWorkload>, InputError> {
    if let Some(program) = &arguments.program {
        let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let requests = recorded::record(program, &arguments.input)?;
        return Ok(vec![(name, Box::new(move |session| recorded::replay(&requests, session)))]);
    }
    let asked =
        |name: &str| arguments.workloads.is_empty() || arguments.workloads.iter().any(|asked| asked == name);
    let chosen = WORKLOADS.iter().filter(|workload| asked(workload.name));
    Ok(chosen
        .map(|workload| -> NamedWorkload { (workload.name.to_owned(), Box::new(workload.run)) })
        .collect())
}

fn write_head(out: &mut Output) -> io::Result<()> {
    writeln!(out, "workloads:")?;
    for Workload { name, about, .. } in WORKLOADS {
        writeln!(out, "  {name:<11} {about}")?;
    }
    writeln!(out, "growth:")?;
    for Named { name, about, .. } in schedules() {
        writeln!(out, "  {name:<11} {about}")?;
    }
    writeln!(out)?;
    write!(out, "{:<12} {:<11}", "workload", "growth")?;
    for name in ALLOCATORS {
        write!(out, "  {:>14} {:>6} {:>6}", name, "planes", "frag")?;
    }
    writeln!(out, "  {:>9}  {:>9}", "to linear", "to comp.")
}

impl Row {
    fn print(&self, out: &mut Output, json: bool) -> io::Result<()> {
        if json {
            return out.json(&self.report());
        }
        write!(out, "{:<12} {:<11}", self.workload, self.schedule)?;
        for cost in &self.costs {
            write!(out, "  {:>14} {:>6} {:>6}", grouped(cost.gas), cost.peak_planes, cost.fragmentation)?;
        }
        let [linear, compacting, ours] = self.costs.each_ref().map(|cost| cost.gas);
        writeln!(out, "  {:>9}  {:>9}", change(linear, ours), change(compacting, ours))
    }

    fn report(&self) -> Report<'_> {
        let mut names = ALLOCATORS.into_iter();
        let allocators = self.costs.each_ref().map(|cost| AllocatorReport {
            allocator: names.next().expect("there is a name for each column"),
            gas: cost.gas,
            peak_planes: cost.peak_planes,
            fragmentation_basis_points: cost.fragmentation,
        });
        Report { workload: &self.workload, schedule: self.schedule, allocators }
    }
}

/// How much more or less gas `ours` is than `theirs`, in per cent.
fn change(theirs: u64, ours: u64) -> String {
    let per_mille = (i128::from(ours) - i128::from(theirs)) * 1000 / i128::from(theirs.max(1));
    let sign = if per_mille < 0 { '-' } else { '+' };
    format!("{sign}{}.{} %", per_mille.abs() / 10, per_mille.abs() % 10)
}
