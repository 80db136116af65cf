//! `travertine map`: what lies where in a machine's memory, as a table and as a picture.

mod frames;
mod picture;

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use travertine_memory::substrate::{SUBSTRATE_REGION, WindowName};
use travertine_merkle::layout::page_number;
use travertine_vm::State;

use crate::error::InputError;
use crate::files;
use crate::output::{HexNumber, Output, Verdict, counted, grouped};
use crate::state_directory::StateDirectory;
use frames::{RegionMap, Use, region_maps};

/// Show what lies where in a machine's memory: regions, planes and page frames.
///
/// In regions of the allocator a cell is a page frame of the planes that are paid for; in all others it is a page that is not
/// zero, where the program has put it, and in a generative region one that has been written.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine map --state my-ledger
  travertine map --state my-ledger -o map.svg
  travertine map --state my-ledger --since yesterday -o changes.svg")]
pub(crate) struct Arguments {
    /// The directory that `run --state` keeps the machine in.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Mark the pages that are dirty since this older state of the machine: a copy of its directory.
    #[arg(long, value_name = "DIR")]
    since: Option<PathBuf>,
    /// Draw the map into this SVG file; pointing at a cell tells what it is.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    regions: Vec<RegionReport>,
    windows: Vec<WindowReport>,
    picture: Option<&'a std::path::Path>,
}

#[derive(Serialize)]
struct RegionReport {
    region: u8,
    kind: String,
    permissions: String,
    /// Planes of the budget of an allocator's region; those that are not empty of any other.
    planes: u64,
    used_frames: u64,
    free_frames: u64,
    /// Frames of allocations that are gathered from several planes.
    promoted_frames: u64,
    shared_frames: u64,
    pinned_frames: u64,
    dirty_pages: u64,
    allocations: u64,
    fragmentation_basis_points: Option<u64>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let state = StateDirectory(&arguments.state).require()?;
    let since = arguments.since.as_deref().map(|path| StateDirectory(path).require()).transpose()?;
    let maps = region_maps(state.memory(), since.as_ref().map(State::memory));
    if let Some(path) = &arguments.output {
        files::write_atomically(path, picture::svg(&maps).as_bytes())?;
    }
    let report = Report {
        regions: maps.iter().map(RegionReport::new).collect(),
        windows: windows(&state),
        picture: arguments.output.as_deref(),
    };
    Output::new().print(arguments.json, &report, |out| report.write(out))?;
    Ok(Verdict::Success)
}

/// A window of the device region, in a machine that is in a block.
#[derive(Serialize)]
struct WindowReport {
    name: String,
    address: HexNumber,
    bytes: u64,
    /// Pages that are not zero; the second view has none of its own.
    pages: u64,
}

/// The windows that the present block has.
fn windows(state: &State) -> Vec<WindowReport> {
    let Some(block) = state.block() else { return Vec::new() };
    let frames = if block.evaluation.allocates() { block.substrate.size() } else { 0 };
    let region = state.memory().region(SUBSTRATE_REGION);
    let window = |name: WindowName| {
        let window = block.substrate.window(name);
        let bytes = match name {
            WindowName::FramesPacked | WindowName::FramesPlanes => frames,
            WindowName::Reserved => 0,
            WindowName::Header | WindowName::EdgeCounters | WindowName::NodeAccums => window.bytes(),
        };
        let address = u64::from(SUBSTRATE_REGION) << 32 | u64::from(window.first);
        let pages = page_number(window.first)..page_number(window.last) + 1;
        let pages = region.map_or(0, |region| region.cap().pages_in(pages).count() as u64);
        WindowReport { name: name.to_string(), address: HexNumber(address), bytes, pages }
    };
    WindowName::ALL.into_iter().map(window).filter(|window| window.bytes > 0).collect()
}

impl RegionReport {
    fn new(map: &RegionMap) -> Self {
        let frames = |used: Use| map.cells().filter(|cell| cell.used == used).count() as u64;
        Self {
            region: map.region,
            kind: map.kind.to_string(),
            permissions: map.permissions.to_string(),
            planes: map.budget.map_or(map.planes.len() as u64, |budget| budget.planes),
            used_frames: map.cells().count() as u64,
            free_frames: map.budget.map_or(0, |budget| budget.free_frames),
            promoted_frames: frames(Use::Promoted),
            shared_frames: frames(Use::Shared),
            pinned_frames: frames(Use::Pinned),
            dirty_pages: map.cells().filter(|cell| cell.dirty).count() as u64,
            allocations: map.allocations,
            fragmentation_basis_points: map.budget.map(|budget| budget.fragmentation_basis_points),
        }
    }
}

impl Report<'_> {
    fn write(&self, out: &mut Output) -> io::Result<()> {
        writeln!(
            out,
            "{:>6}  {:<10}  {:<5}  {:>8}  {:>9}  {:>9}  {:>8}  {:>7}  {:>7}  {:>7}  {:>11}  {:>6}",
            "region",
            "kind",
            "perms",
            "planes",
            "used",
            "free",
            "promoted",
            "shared",
            "pinned",
            "dirty",
            "allocations",
            "frag"
        )?;
        for region in &self.regions {
            let fragmentation =
                region.fragmentation_basis_points.map_or_else(|| "-".to_owned(), |points| points.to_string());
            writeln!(
                out,
                "{:>6}  {:<10}  {:<5}  {:>8}  {:>9}  {:>9}  {:>8}  {:>7}  {:>7}  {:>7}  {:>11}  {:>6}",
                region.region,
                region.kind,
                region.permissions,
                grouped(region.planes),
                grouped(region.used_frames),
                grouped(region.free_frames),
                grouped(region.promoted_frames),
                grouped(region.shared_frames),
                grouped(region.pinned_frames),
                grouped(region.dirty_pages),
                grouped(region.allocations),
                fragmentation
            )?;
        }
        writeln!(
            out,
            "planes of 64 KiB; frames of 4 KiB; frag: free bytes outside the longest run, basis points"
        )?;
        for WindowReport { name, address, bytes, pages } in &self.windows {
            let (bytes, pages) = (grouped(*bytes), counted(*pages, "page"));
            writeln!(out, "window {name:<14} {address}  {bytes:>13} bytes  {pages}")?;
        }
        match self.picture {
            Some(path) => writeln!(
                out,
                "picture {} of {}",
                path.display(),
                counted(self.regions.len() as u64, "region")
            ),
            None => Ok(()),
        }
    }
}
