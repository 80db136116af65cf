//! `travertine arena inspect`: the runs, processes and counts of a live segment.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use travertine_arena::{Arena, Process, RunKind, RunSummary, Statistics};

use super::{failed, picture};
use crate::error::InputError;
use crate::output::{Output, Verdict, counted, grouped};

/// How long a segment that is just being made is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Show a live segment: its processes, its runs and a picture of them.
///
/// It attaches to the segment like any other process and changes nothing but that. What the dead have left is settled.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine arena stress --name demo --seconds 30 &
  travertine arena inspect demo
  travertine arena inspect demo --json")]
pub(crate) struct Arguments {
    /// The segment's name.
    name: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A segment as it was at one moment.
#[derive(Serialize)]
pub(super) struct Report {
    pages: u64,
    free_pages: u64,
    free_runs: u64,
    largest_free_pages: u64,
    /// Millionths of the free pages that are not in the largest free run.
    fragmentation_ppm: u64,
    allocated_runs: u64,
    slabs: u64,
    used_blocks: u64,
    free_blocks: u64,
    allocations: u64,
    frees: u64,
    failures: u64,
    processes: Vec<ProcessReport>,
    runs: Vec<RunReport>,
    #[serde(skip)]
    picture: Vec<String>,
}

#[derive(Serialize)]
struct ProcessReport {
    owner: u8,
    pid: u32,
    is_alive: bool,
}

#[derive(Serialize)]
struct RunReport {
    page: u32,
    pages: u32,
    kind: &'static str,
    /// The process that has it; `null` for nobody.
    owner: Option<u8>,
    /// Bytes in a block, blocks, and blocks in use, of a slab.
    block_bytes: Option<u32>,
    blocks: Option<u32>,
    used_blocks: Option<u32>,
}

impl RunReport {
    fn new(run: &RunSummary) -> Self {
        let RunSummary { page, pages, kind } = *run;
        let mut report = Self {
            page,
            pages,
            kind: "unknown",
            owner: None,
            block_bytes: None,
            blocks: None,
            used_blocks: None,
        };
        match kind {
            RunKind::Free => report.kind = "free",
            RunKind::Allocated { owner } => {
                (report.kind, report.owner) = ("allocated", (owner != 0).then_some(owner));
            }
            RunKind::Acked => report.kind = "acked",
            RunKind::Busy { owner } => (report.kind, report.owner) = ("busy", Some(owner)),
            RunKind::Slab { block_bytes, blocks, used } => {
                report.kind = "slab";
                (report.block_bytes, report.blocks, report.used_blocks) =
                    (Some(block_bytes), Some(blocks), Some(used));
            }
            _ => {}
        }
        report
    }
}

/// The kinds of runs in the order of the table.
const KINDS: [&str; 6] = ["free", "allocated", "slab", "acked", "busy", "unknown"];

impl Report {
    pub(super) fn new(arena: &Arena) -> Result<Self, travertine_arena::ArenaError> {
        let runs: Vec<RunSummary> = arena.runs().collect();
        let statistics = arena.statistics();
        let Statistics { pages, free_pages, free_runs, largest_free_pages, .. } = statistics;
        let process = |Process { owner, pid, is_alive, .. }| ProcessReport { owner, pid, is_alive };
        let scattered = free_pages.saturating_sub(largest_free_pages).saturating_mul(1_000_000);
        Ok(Self {
            pages,
            free_pages,
            free_runs,
            largest_free_pages,
            fragmentation_ppm: scattered.checked_div(free_pages).unwrap_or(0),
            allocated_runs: statistics.allocated_runs,
            slabs: statistics.slabs,
            used_blocks: statistics.used_blocks,
            free_blocks: statistics.free_blocks,
            allocations: statistics.allocations,
            frees: statistics.frees,
            failures: statistics.failures,
            processes: arena.processes()?.into_iter().map(process).collect(),
            runs: runs.iter().map(RunReport::new).collect(),
            picture: picture::rows(arena.pages(), &runs),
        })
    }

    pub(super) fn write(&self, out: &mut Output) -> io::Result<()> {
        writeln!(out, "pages       {}", grouped(self.pages))?;
        writeln!(
            out,
            "free        {} in {}, the largest has {}",
            grouped(self.free_pages),
            counted(self.free_runs, "run"),
            grouped(self.largest_free_pages)
        )?;
        writeln!(out, "scattered   {} millionths of the free pages", grouped(self.fragmentation_ppm))?;
        writeln!(
            out,
            "blocks      {} in use, {} free",
            grouped(self.used_blocks),
            grouped(self.free_blocks)
        )?;
        writeln!(
            out,
            "operations  {} allocated, {} given back, {} refused",
            grouped(self.allocations),
            grouped(self.frees),
            grouped(self.failures)
        )?;
        writeln!(out, "processes")?;
        writeln!(out, "  {:>5}  {:>10}  state", "owner", "pid")?;
        for ProcessReport { owner, pid, is_alive } in &self.processes {
            writeln!(out, "  {owner:>5}  {pid:>10}  {}", if *is_alive { "alive" } else { "dead" })?;
        }
        writeln!(out, "runs")?;
        writeln!(out, "  {:<10}  {:>8}  {:>10}", "kind", "runs", "pages")?;
        for kind in KINDS {
            let of_kind = || self.runs.iter().filter(|run| run.kind == kind);
            let pages: u64 = of_kind().map(|run| u64::from(run.pages)).sum();
            if pages > 0 {
                let count = of_kind().count() as u64;
                writeln!(out, "  {kind:<10}  {:>8}  {:>10}", grouped(count), grouped(pages))?;
            }
        }
        let scale = picture::scale(u32::try_from(self.pages).unwrap_or(u32::MAX));
        writeln!(out, "picture, {} to a character", counted(u64::from(scale), "page"))?;
        for row in &self.picture {
            writeln!(out, "  {row}")?;
        }
        writeln!(out, "  {}", picture::LEGEND)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let failed = failed(&arguments.name);
    let arena = Arena::open(&arguments.name, PATIENCE).map_err(&failed)?;
    let report = Report::new(&arena).map_err(&failed)?;
    Output::new().print(arguments.json, &report, |out| report.write(out))?;
    Ok(Verdict::Success)
}
