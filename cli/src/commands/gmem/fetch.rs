//! `travertine gmem fetch`: single cells.

use serde::Serialize;

use super::cells::CellReport;
use super::source::Source;
use crate::arguments::parse_number;
use crate::error::InputError;
use crate::output::{HexNumber, Output, Verdict};

/// Show cells, and whether they were written.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine gmem fetch --seed 12345 0 42 0xffffffffffffffff
  travertine gmem fetch --log land.gmal 42 --json")]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The cells' addresses.
    #[arg(required = true, value_name = "ADDRESS", value_parser = parse_number)]
    addresses: Vec<u64>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    seed: HexNumber,
    cells: Vec<CellReport>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let context = arguments.source.context()?;
    let cell = |address: &u64| {
        let is_written = context.written(*address).is_some();
        CellReport::new(*address, context.fetch(*address), context.fetch_f64(*address), is_written)
    };
    let cells = arguments.addresses.iter().map(cell).collect();
    let report = Report { seed: HexNumber(context.seed()), cells };
    Output::new()
        .print(arguments.json, &report, |out| report.cells.iter().try_for_each(|cell| cell.write(out)))?;
    Ok(Verdict::Success)
}
