//! `travertine disasm`: a program's code as assembly text.

use std::io::{self, Write};
use std::ops::Range;

use serde::{Serialize, Serializer};
use travertine_memory::{Address, Permissions};
use travertine_merkle::Hash;
use travertine_vm::{Engine, Segment};

use crate::arguments::FileSource;
use crate::error::InputError;
use crate::listing::{Line, lines};
use crate::output::{Hex, Output, Verdict, grouped};
use crate::program::{ProgramFile, Symbols};

/// Disassemble a program's code.
///
/// The executable segments are swept from start to end. Bytes that are no instruction are shown as .byte, .half or .word.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine disasm counter.elf
  travertine disasm counter.elf --symbol main
  travertine disasm bulk.elf --aliases
  travertine disasm counter.elf --start 0x1f0000010 --end 0x1f0000040")]
pub(crate) struct Arguments {
    /// The program, a static RISC-V ELF file; - reads it from standard input.
    program: FileSource,
    /// The first address to show, for example 0x1f0000000 or 1:61440:0x0.
    #[arg(long, value_name = "ADDRESS")]
    start: Option<Address>,
    /// The address to stop before.
    #[arg(long, value_name = "ADDRESS")]
    end: Option<Address>,
    /// Show this function only.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["start", "end"])]
    symbol: Option<String>,
    /// Call the 3D memory instructions by their aliases: mcopy3d, not m3.copy.
    #[arg(long)]
    aliases: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The code to show. Its lines are made while they are written: there may be millions.
struct Listing<'a> {
    segments: Vec<&'a Segment>,
    symbols: &'a Symbols,
    range: Range<u64>,
    aliases: bool,
}

impl<'a> Listing<'a> {
    fn lines(&self, segment: &'a Segment) -> impl Iterator<Item = Line> {
        lines(segment, &self.range, self.symbols, self.aliases)
    }

    fn write(&self, out: &mut Output) -> io::Result<()> {
        for segment in &self.segments {
            let mut is_first = true;
            for line in self.lines(segment) {
                if is_first {
                    writeln!(out, "segment at {:#x}, {}", segment.address, segment.permissions)?;
                    is_first = false;
                }
                write_line(out, &line)?;
            }
            let zeros = segment.memory_size - segment.data.len() as u64;
            if zeros > 0 && !is_first {
                writeln!(out, "  and {} zero bytes", grouped(zeros))?;
            }
        }
        Ok(())
    }
}

impl Serialize for Listing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.segments.iter().flat_map(|segment| self.lines(segment)))
    }
}

#[derive(Serialize)]
struct Report<'a> {
    image: Hex<Hash>,
    lines: Listing<'a>,
}

fn write_line(out: &mut Output, line: &Line) -> io::Result<()> {
    if !line.labels.is_empty() {
        writeln!(out, "\n{}:", line.labels.join(", "))?;
    }
    write!(out, "  {}  {:<8}  {}", line.address, line.bits.digits(), line.text)?;
    match &line.target_symbol {
        Some(symbol) => writeln!(out, "  # {symbol}"),
        None => writeln!(out),
    }
}

/// The addresses to show.
fn range(arguments: &Arguments, symbols: &Symbols) -> Result<Range<u64>, InputError> {
    if let Some(name) = &arguments.symbol {
        let symbol = symbols.named(name).ok_or_else(|| InputError::NoSymbol(name.clone()))?;
        let end = match symbol.size {
            0 => symbols.next_address(symbol.address),
            size => symbol.address.checked_add(size),
        };
        return Ok(symbol.address..end.unwrap_or(u64::MAX));
    }
    let start = arguments.start.map_or(0, Address::packed);
    let end = arguments.end.map_or(u64::MAX, Address::packed);
    if start >= end {
        return Err(InputError::EmptyRange { start, end });
    }
    Ok(start..end)
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let file = ProgramFile::read(&arguments.program.0, &Engine::default())?;
    let symbols = file.symbols();
    let range = range(arguments, &symbols)?;
    let executable = |segment: &&Segment| segment.permissions.contains(Permissions::EXECUTE);
    let segments = file.program.image().segments().iter().filter(executable).collect();
    let listing = Listing { segments, symbols: &symbols, range, aliases: arguments.aliases };
    let report = Report { image: Hex(file.program.root()), lines: listing };
    Output::new().print(arguments.json, &report, |out| report.lines.write(out))?;
    Ok(Verdict::Success)
}
