//! `travertine gmem bulk`: many cells in a row, printed or as a file.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use travertine_memory::generative::Context;

use super::cells::{CellBits, CellReport};
use super::error::GmemError;
use super::source::Source;
use crate::arguments::parse_number;
use crate::error::InputError;
use crate::files;
use crate::output::{HexNumber, Output, Verdict, counted};

/// Cells that are printed at most.
const PRINTED_CELLS_LIMIT: u64 = 1 << 16;
/// Cells that a file gets at most: 64 GiB.
const FILE_CELLS_LIMIT: u64 = 1 << 34;
/// Cells that are computed at a time.
const CHUNK_CELLS: usize = 1 << 14;

/// Show many cells in a row, or write them to a file: four bytes each, the lowest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine gmem bulk --seed 12345 0 16
  travertine gmem bulk --log land.gmal 0 1048576 -o land.bin")]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The first cell's address. After the last address comes the first.
    #[arg(value_parser = parse_number)]
    start: u64,
    /// How many cells: up to 65,536 printed, up to 2^34 in a file.
    #[arg(value_parser = parse_number)]
    count: u64,
    /// The file to write them to.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    seed: HexNumber,
    start: HexNumber,
    count: u64,
    /// `null` if they are in a file.
    cells: Option<Vec<CellBits>>,
    file: Option<String>,
}

/// Calls `take` with the cells, a chunk at a time, and the address of the chunk's first.
fn for_each_chunk(
    context: &Context,
    arguments: &Arguments,
    mut take: impl FnMut(u64, &[u32]) -> io::Result<()>,
) -> io::Result<()> {
    let mut cells = vec![0; CHUNK_CELLS];
    let (mut start, mut left) = (arguments.start, arguments.count);
    while left > 0 {
        let count = usize::try_from(left).map_or(CHUNK_CELLS, |left| left.min(CHUNK_CELLS));
        let cells = &mut cells[..count];
        context.fill(start, cells);
        take(start, cells)?;
        start = start.wrapping_add(count as u64);
        left -= count as u64;
    }
    Ok(())
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let (limit, what) = match arguments.output {
        Some(_) => (FILE_CELLS_LIMIT, "written to a file"),
        None => (PRINTED_CELLS_LIMIT, "printed"),
    };
    if arguments.count > limit {
        return Err(GmemError::TooManyCells { count: arguments.count, limit, what }.into());
    }
    let context = arguments.source.context()?;
    let mut out = Output::new();
    let mut report = Report {
        seed: HexNumber(context.seed()),
        start: HexNumber(arguments.start),
        count: arguments.count,
        cells: None,
        file: arguments.output.as_ref().map(|path| path.display().to_string()),
    };
    match &arguments.output {
        Some(path) => {
            files::write_atomically_with(path, |file| {
                for_each_chunk(&context, arguments, |_, cells| {
                    let bytes: Vec<_> = cells.iter().map(|cell| cell.to_le_bytes()).collect();
                    file.write_all(bytes.as_flattened())
                })
            })?;
            if !arguments.json {
                let cells = counted(arguments.count, "cell");
                writeln!(out, "{cells} from {} in {}", report.start, path.display())?;
            }
        }
        None if arguments.json => {
            let mut cells = Vec::new();
            for_each_chunk(&context, arguments, |_, chunk| {
                cells.extend(chunk.iter().copied().map(CellBits));
                Ok(())
            })?;
            report.cells = Some(cells);
        }
        None => for_each_chunk(&context, arguments, |start, cells| {
            for (index, cell) in (0..).zip(cells) {
                let address = start.wrapping_add(index);
                let is_written = context.written(address).is_some();
                CellReport::new(address, *cell, context.fetch_f64(address), is_written).write(&mut out)?;
            }
            Ok(())
        })?,
    }
    if arguments.json {
        out.json(&report)?;
    }
    out.flush()?;
    Ok(Verdict::Success)
}
