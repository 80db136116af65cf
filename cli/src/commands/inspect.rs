//! `travertine inspect`: what a program is made of.

use std::io::{self, Write};

use serde::Serialize;
use travertine_memory::Permissions;
use travertine_merkle::Hash;
use travertine_vm::{Engine, Segment, Symbol};

use crate::arguments::FileSource;
use crate::error::InputError;
use crate::output::{Hex, HexNumber, Output, Verdict, grouped};
use crate::program::ProgramFile;
use crate::regions::{RegionReport, region_reports, write_regions};

/// Show a program's segments, regions, entry, symbols and image root.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine inspect counter.elf
  travertine inspect token.elf --symbols --limit 20")]
pub(crate) struct Arguments {
    /// The program, a static RISC-V ELF file; - reads it from standard input.
    program: FileSource,
    /// List the symbols, too.
    #[arg(long)]
    symbols: bool,
    /// List at most this many symbols.
    #[arg(long, value_name = "N", requires = "symbols")]
    limit: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    image: Hex<Hash>,
    entry: HexNumber,
    entry_symbol: Option<String>,
    file_bytes: u64,
    /// Bytes that can be executed.
    code_bytes: u64,
    segments: Vec<SegmentReport>,
    regions: Vec<RegionReport>,
    symbol_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbols: Option<Vec<SymbolReport>>,
}

#[derive(Serialize)]
struct SegmentReport {
    address: HexNumber,
    size: u64,
    /// Bytes that the file gives; the rest is zero.
    content: u64,
    permissions: String,
}

#[derive(Serialize)]
struct SymbolReport {
    address: HexNumber,
    size: u64,
    kind: &'static str,
    name: String,
}

impl SegmentReport {
    fn new(segment: &Segment) -> Self {
        Self {
            address: HexNumber(segment.address),
            size: segment.memory_size,
            content: segment.data.len() as u64,
            permissions: segment.permissions.to_string(),
        }
    }
}

impl SymbolReport {
    fn new(symbol: &Symbol) -> Self {
        Self {
            address: HexNumber(symbol.address),
            size: symbol.size,
            kind: if symbol.is_function { "function" } else { "data" },
            name: symbol.name.clone(),
        }
    }
}

impl Report {
    fn new(file: &ProgramFile, arguments: &Arguments) -> Self {
        let image = file.program.image();
        let symbols = file.symbols();
        let executable = |segment: &&Segment| segment.permissions.contains(Permissions::EXECUTE);
        let listed = symbols.all().iter().take(arguments.limit.unwrap_or(usize::MAX));
        Self {
            image: Hex(file.program.root()),
            entry: HexNumber(image.entry()),
            entry_symbol: symbols.describe(image.entry()),
            file_bytes: file.size(),
            code_bytes: image.segments().iter().filter(executable).map(|segment| segment.memory_size).sum(),
            segments: image.segments().iter().map(SegmentReport::new).collect(),
            regions: region_reports(file.program.memory()),
            symbol_count: symbols.all().len() as u64,
            symbols: arguments.symbols.then(|| listed.map(SymbolReport::new).collect()),
        }
    }

    fn write(&self, out: &mut Output) -> io::Result<()> {
        let name = self.entry_symbol.as_ref().map_or_else(String::new, |name| format!("  {name}"));
        writeln!(out, "image root  {}", self.image)?;
        writeln!(out, "entry       {}{name}", self.entry)?;
        writeln!(out, "file        {} bytes", grouped(self.file_bytes))?;
        writeln!(out, "code        {} bytes", grouped(self.code_bytes))?;
        writeln!(out, "symbols     {}", grouped(self.symbol_count))?;
        writeln!(out, "segments")?;
        writeln!(out, "  {:<12}  {:<5}  {:>14}  {:>14}", "address", "perms", "bytes", "from the file")?;
        for SegmentReport { address, size, content, permissions } in &self.segments {
            let (size, content) = (grouped(*size), grouped(*content));
            writeln!(out, "  {address:<12}  {permissions:<5}  {size:>14}  {content:>14}")?;
        }
        write_regions(out, &self.regions)?;
        let Some(symbols) = &self.symbols else { return Ok(()) };
        writeln!(out, "symbols")?;
        writeln!(out, "  {:<12}  {:>10}  {:<8}  name", "address", "bytes", "kind")?;
        for SymbolReport { address, size, kind, name } in symbols {
            writeln!(out, "  {address:<12}  {:>10}  {kind:<8}  {name}", grouped(*size))?;
        }
        let hidden = self.symbol_count.saturating_sub(symbols.len() as u64);
        if hidden > 0 {
            writeln!(out, "  and {} more", grouped(hidden))?;
        }
        Ok(())
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let file = ProgramFile::read(&arguments.program.0, &Engine::default())?;
    let report = Report::new(&file, arguments);
    Output::new().print(arguments.json, &report, |out| report.write(out))?;
    Ok(Verdict::Success)
}
