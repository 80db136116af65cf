//! `travertine gmem import`: a snapshot, or a log without a header, as a new log.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use travertine_memory::generative::persistence::{
    JournalError, LogStorage, LogWriter, Snapshot, read_guide_log, read_wide_log,
};

use super::error::GmemError;
use super::log_file::{self, WINDOW};
use super::source::read_snapshot;
use super::write::new_header;
use crate::arguments::parse_number;
use crate::error::InputError;
use crate::files;
use crate::output::{HexNumber, Output, Verdict, counted};

/// Make a log of a snapshot, or of a log without a header.
///
/// Nothing in a file tells the two kinds of logs without a header apart, or a wrong seed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine gmem import land.gmem --log land.gmal
  travertine gmem import old.aof --format guide-log --seed 12345 --log land.gmal")]
pub(super) struct Arguments {
    /// The file to read.
    input: PathBuf,
    /// What it is.
    #[arg(long, value_enum, default_value = "snapshot")]
    format: Format,
    /// The seed of a log without a header.
    #[arg(
        long, value_name = "NUMBER", value_parser = parse_number,
        required_if_eq_any([("format", "guide-log"), ("format", "wide-log")])
    )]
    seed: Option<u64>,
    /// Also take a snapshot whose addresses do not ascend: the last cell of an address wins.
    #[arg(long)]
    any_order: bool,
    /// The log to make; it must not exist.
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A snapshot in any form.
    Snapshot,
    /// Records of 12 bytes: address and cell.
    GuideLog,
    /// Records of 16 bytes: address and binary64 number.
    WideLog,
}

#[derive(Serialize)]
struct Report {
    seed: HexNumber,
    records: u64,
    torn_bytes: u64,
    log: String,
}

/// A file that is not there before it is complete.
struct NewFile<'a, W>(&'a mut W);

impl<W: Write> LogStorage for NewFile<'_, W> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

/// What was read.
struct Imported {
    seed: u64,
    cells: Vec<(u64, u32)>,
    /// Bytes at the end that are no record.
    torn_bytes: u64,
}

impl Arguments {
    fn read(&self) -> Result<Imported, InputError> {
        if self.format == Format::Snapshot {
            let decode = if self.any_order { Snapshot::import } else { Snapshot::decode };
            let snapshot = read_snapshot(&self.input, decode)?;
            return Ok(Imported { seed: snapshot.seed(), cells: snapshot.cells().to_vec(), torn_bytes: 0 });
        }
        let bytes = log_file::read(&self.input)?;
        let (cells, whole): (Vec<_>, _) = if self.format == Format::GuideLog {
            let (cells, whole) = read_guide_log(&bytes);
            (cells.collect(), whole)
        } else {
            let (cells, whole) = read_wide_log(&bytes);
            (cells.collect(), whole)
        };
        let torn_bytes = (bytes.len() - whole) as u64;
        Ok(Imported { seed: self.seed.unwrap_or_default(), cells, torn_bytes })
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let path = &arguments.log;
    if path.exists() {
        return Err(GmemError::Exists(path.clone()).into());
    }
    let Imported { seed, cells, torn_bytes } = arguments.read()?;
    files::write_atomically_with(path, |file| {
        let write = |file| {
            let mut log = LogWriter::create(NewFile(file), &new_header(seed), WINDOW)?;
            cells.iter().try_for_each(|(address, cell)| log.append(*address, *cell))?;
            log.commit()
        };
        write(file).map_err(|error| io::Error::other(JournalError::from(error)))
    })?;
    let report = Report {
        seed: HexNumber(seed),
        records: cells.len() as u64,
        torn_bytes,
        log: path.display().to_string(),
    };
    Output::new().print(arguments.json, &report, |out| {
        if torn_bytes > 0 {
            writeln!(out, "a torn end of {} was left out", counted(torn_bytes, "byte"))?;
        }
        writeln!(out, "{} of seed {} in {}", counted(report.records, "record"), report.seed, report.log)?;
        Ok(())
    })?;
    Ok(Verdict::Success)
}
