//! `travertine gmem write`: cells into a log.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use travertine_memory::generative::persistence::{Journal, JournalError, LogHeader, Recovery, recover};

use super::cells::{Assignment, AssignmentError, CellBits, parse_assignment};
use super::error::GmemError;
use super::log_file::{self, WINDOW};
use crate::arguments::parse_number;
use crate::error::InputError;
use crate::output::{HexNumber, Output, Verdict, counted, grouped};

/// Write cells to a log, which is made if it does not exist. When the command ends, they are on the disk.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine gmem write --log land.gmal --seed 12345 42=3.14
  travertine gmem write --log land.gmal 42=0x7fc00000 0x2b=-1")]
pub(super) struct Arguments {
    /// The log.
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// The seed: for a new log it must be given, for another it must be the log's own.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number)]
    seed: Option<u64>,
    /// The cells: an address, and a number or the eight hexadecimal digits of a cell's bits behind 0x.
    #[arg(required = true, value_name = "ADDRESS=VALUE", value_parser = parse_cell)]
    cells: Vec<Assignment>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// [`parse_assignment`], in the form that clap needs.
fn parse_cell(text: &str) -> Result<Assignment, AssignmentError> {
    parse_assignment(text)
}

#[derive(Serialize)]
struct Report {
    log: String,
    seed: HexNumber,
    records: u64,
    written_cells: u64,
    cut_bytes: u64,
    cells: Vec<Written>,
}

#[derive(Serialize)]
struct Written {
    address: HexNumber,
    cell: CellBits,
}

/// The header of a log that is made here.
pub(super) fn new_header(seed: u64) -> LogHeader {
    LogHeader { seed, size_cells: 0, mode: 1 }
}

/// Writes the cells. Gives the seed, how many records and written cells there are then, and how many bytes of a torn end were cut.
fn write(path: &Path, seed: Option<u64>, cells: &[Assignment]) -> Result<(u64, u64, u64, u64), InputError> {
    // A new log without a seed must not even leave an empty file.
    if seed.is_none() && !path.exists() {
        return Err(GmemError::NoSeed(path.into()).into());
    }
    let (file, bytes) = log_file::open(path, true)?;
    let failed = |error: JournalError| GmemError::Write { path: path.into(), error };
    let (mut journal, seed, records, cut) = if recover(&bytes, WINDOW) == Ok(Recovery::New) {
        let seed = seed.ok_or_else(|| GmemError::NoSeed(path.into()))?;
        let journal = Journal::create(file, &new_header(seed), 0, WINDOW).map_err(failed)?;
        (journal, seed, 0, bytes.len() as u64)
    } else {
        let whole = log_file::records(path, &bytes)?;
        let of_log = whole.header.seed;
        if let Some(given) = seed.filter(|given| *given != of_log) {
            return Err(GmemError::OtherSeed { path: path.into(), of_log, given }.into());
        }
        let journal = Journal::resume(file, &whole, 0, WINDOW).map_err(failed)?;
        (journal, of_log, whole.len(), bytes.len() as u64 - whole.bytes())
    };
    for cell in cells {
        journal.write(cell.address, cell.cell).map_err(failed)?;
    }
    journal.commit().map_err(failed)?;
    Ok((seed, records + cells.len() as u64, journal.context().overlay().len(), cut))
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let (seed, records, written_cells, cut_bytes) = write(&arguments.log, arguments.seed, &arguments.cells)?;
    let written = |it: &Assignment| Written { address: HexNumber(it.address), cell: CellBits(it.cell) };
    let report = Report {
        log: arguments.log.display().to_string(),
        seed: HexNumber(seed),
        records,
        written_cells,
        cut_bytes,
        cells: arguments.cells.iter().map(written).collect(),
    };
    Output::new().print(arguments.json, &report, |out| {
        for cell in &report.cells {
            writeln!(out, "{}  {}", cell.address, cell.cell)?;
        }
        if report.cut_bytes > 0 {
            writeln!(out, "a torn end of {} was cut off", counted(report.cut_bytes, "byte"))?;
        }
        let records = counted(report.records, "record");
        writeln!(out, "{records} in {}, {} cells written", report.log, grouped(report.written_cells))?;
        Ok(())
    })?;
    Ok(Verdict::Success)
}
