//! `travertine gmem verify-log`: whether a log is whole, and cutting off what is not.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use travertine_memory::generative::persistence::{LogError, LogRecords, LogStorage, Recovery, recover};

use super::error::GmemError;
use super::log_file;
use crate::arguments::parse_number;
use crate::error::InputError;
use crate::output::{HexNumber, Output, Verdict, counted, grouped};

/// Check the chain of a log's sums.
///
/// The log is clean, torn (its last bytes were being written when the power went; the rest is whole) or corrupt. Exit code 1 if it is
/// not clean.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine gmem verify-log land.gmal
  travertine gmem verify-log land.gmal --truncate")]
pub(super) struct Arguments {
    /// The log.
    log: PathBuf,
    /// How many bytes its writer commits at once: what is torn is no longer.
    #[arg(long, value_name = "BYTES", value_parser = parse_number, default_value_t = log_file::WINDOW)]
    window: u64,
    /// Cut off a torn end.
    #[arg(long)]
    truncate: bool,
    /// With --truncate, also cut a corrupt log at its first wrong record: all after it is lost.
    #[arg(long, requires = "truncate")]
    force: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    /// `clean`, `torn` or `corrupt`.
    state: &'static str,
    seed: HexNumber,
    size_cells: HexNumber,
    mode: u32,
    /// Whole ones.
    records: u64,
    /// Bytes of the header and the whole records.
    whole_bytes: u64,
    /// Bytes behind them.
    bytes_behind: u64,
    /// Whether these were cut off.
    truncated: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let path = &arguments.log;
    let (file, bytes) = if arguments.truncate {
        let (file, bytes) = log_file::open(path, false)?;
        (Some(file), bytes)
    } else {
        (None, log_file::read(path)?)
    };
    let (state, whole): (_, LogRecords<'_>) = match recover(&bytes, arguments.window) {
        Ok(Recovery::Clean(whole)) => ("clean", whole),
        Ok(Recovery::Torn(whole)) => ("torn", whole),
        Err(LogError::Corrupt { whole, .. }) => ("corrupt", whole),
        Ok(Recovery::New) => {
            return Err(GmemError::NoHeader { path: path.clone(), length: bytes.len() }.into());
        }
        Err(LogError::Header(error)) => return Err(GmemError::Header { path: path.clone(), error }.into()),
    };
    let is_cut = state == "torn" || (state == "corrupt" && arguments.force);
    let truncated = match file {
        Some(mut file) if is_cut => {
            let cut = file.truncate(whole.bytes()).and_then(|()| file.sync());
            cut.map_err(|error| InputError::Write { path: path.clone(), error })?;
            true
        }
        _ => false,
    };
    let report = Report {
        state,
        seed: HexNumber(whole.header.seed),
        size_cells: HexNumber(whole.header.size_cells),
        mode: whole.header.mode,
        records: whole.len(),
        whole_bytes: whole.bytes(),
        bytes_behind: bytes.len() as u64 - whole.bytes(),
        truncated,
    };
    Output::new().print(arguments.json, &report, |out| report.write(out))?;
    Ok(Verdict::of(state == "clean" || truncated))
}

impl Report {
    fn write(&self, out: &mut Output) -> std::io::Result<()> {
        writeln!(out, "{}: {} whole", self.state, counted(self.records, "record"))?;
        writeln!(out, "seed    {}", self.seed)?;
        writeln!(out, "bytes   {}", grouped(self.whole_bytes))?;
        if self.bytes_behind > 0 {
            let what = if self.truncated { "were cut off" } else { "are behind" };
            writeln!(out, "        {} {what}", grouped(self.bytes_behind))?;
        }
        Ok(())
    }
}
