//! `travertine substrate check`: whether a declaration can be used, and what it comes to.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use travertine_memory::substrate::{Substrate, SubstrateConfig, WindowName};
use travertine_merkle::Hash;

use crate::block::read_substrate;
use crate::error::InputError;
use crate::output::{Hex, HexNumber, Output, Verdict, grouped};

/// Check a declaration of the substrate, and print what it comes to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes:
  0  the declaration can be used
  2  it cannot: the field and its value are named

Examples:
  travertine substrate check --default > substrate_runtime.json
  travertine substrate check substrate_runtime.json")]
pub(crate) struct Arguments {
    /// The declaration, as JSON.
    #[arg(value_name = "FILE", required_unless_present = "default")]
    file: Option<PathBuf>,
    /// Print the documented declaration instead, to be saved and changed.
    #[arg(long, conflicts_with_all = ["file", "json"])]
    default: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    root: Hex<Hash>,
    modulus: u64,
    size: u64,
    alignment: u64,
    rows: u64,
    expected_bytes: u64,
    windows: Vec<WindowReport>,
}

#[derive(Serialize)]
struct WindowReport {
    name: String,
    first: HexNumber,
    last: HexNumber,
    bytes: u64,
}

impl Report {
    fn new(substrate: &Substrate) -> Self {
        let window = |name: WindowName| {
            let window = substrate.window(name);
            WindowReport {
                name: name.to_string(),
                first: HexNumber(window.first.into()),
                last: HexNumber(window.last.into()),
                bytes: window.bytes(),
            }
        };
        Self {
            root: Hex(substrate.root()),
            modulus: substrate.modulus(),
            size: substrate.size(),
            alignment: substrate.alignment(),
            rows: substrate.rows(),
            expected_bytes: substrate.size() / substrate.modulus(),
            windows: WindowName::ALL.map(window).into(),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let mut out = Output::new();
    let Some(file) = &arguments.file else {
        writeln!(out, "{}", SubstrateConfig::default().to_json())?;
        out.flush()?;
        return Ok(Verdict::Success);
    };
    let report = Report::new(&read_substrate(file)?);
    out.print(arguments.json, &report, |out| {
        writeln!(out, "root      {}", report.root)?;
        writeln!(out, "rule      one header in {} allocates", grouped(report.modulus))?;
        let (size, rows, alignment) = (grouped(report.size), grouped(report.rows), grouped(report.alignment));
        writeln!(out, "segment   {size} bytes: {rows} rows of {alignment}")?;
        writeln!(out, "expected  {} bytes for each header", grouped(report.expected_bytes))?;
        for WindowReport { name, first, last, bytes } in &report.windows {
            writeln!(
                out,
                "  {name:<14} {:#010x} to {:#010x}  {:>13} bytes",
                first.0,
                last.0,
                grouped(*bytes)
            )?;
        }

        Ok(())
    })?;
    Ok(Verdict::Success)
}
