//! `travertine substrate eval`: what the rule says of a header, and what would be mapped.

use std::io::Write;

use serde::Serialize;
use travertine_memory::substrate::WindowName;
use travertine_merkle::Hash;

use crate::block::{HeaderSource, SubstrateArgument};
use crate::error::InputError;
use crate::output::{Hex, HexNumber, Output, Verdict, grouped};

/// Apply the rule to a header: digest, modulus, decision, and what would be mapped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine substrate eval --header 0x68656164
  travertine substrate eval --header block.bin --substrate substrate_runtime.json --json")]
pub(crate) struct Arguments {
    /// The header: hexadecimal digits, or a file with its bytes.
    #[arg(long, value_name = "FILE|HEX")]
    header: HeaderSource,
    #[command(flatten)]
    substrate: SubstrateArgument,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    header_bytes: u64,
    digest: Hex<Hash>,
    hash: u64,
    modulus: u64,
    remainder: u64,
    allocates: bool,
    base: Option<HexNumber>,
    planes_base: Option<HexNumber>,
    size: u64,
    event_hash: Option<Hex<Hash>>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let substrate = arguments.substrate.read()?;
    let header = arguments.header.read()?;
    let evaluation = substrate.evaluate(&header);
    let allocates = evaluation.allocates();
    let window = |name| {
        let first = u64::from(substrate.window(name).first);
        allocates.then(|| HexNumber(u64::from(travertine_memory::substrate::SUBSTRATE_REGION) << 32 | first))
    };
    let report = Report {
        header_bytes: header.len() as u64,
        digest: Hex(evaluation.digest),
        hash: evaluation.hash,
        modulus: substrate.modulus(),
        remainder: evaluation.remainder,
        allocates,
        base: window(WindowName::FramesPacked),
        planes_base: window(WindowName::FramesPlanes),
        size: if allocates { substrate.size() } else { 0 },
        event_hash: substrate.record(&header, 0).map(|record| Hex(record.event_hash)),
    };
    Output::new().print(arguments.json, &report, |out| {
        writeln!(out, "digest     {}", report.digest)?;
        writeln!(out, "hash       {}", report.hash)?;
        writeln!(out, "remainder  {} modulo {}", report.remainder, report.modulus)?;
        match (report.base, report.planes_base, report.event_hash) {
            (Some(base), Some(planes), Some(event)) => {
                writeln!(out, "decision   allocate {} bytes", grouped(report.size))?;
                writeln!(out, "mapped     {base}, de-interleaved at {planes}")?;
                writeln!(out, "event      {event}")?;
            }
            _ => writeln!(out, "decision   do not allocate: no frames are mapped")?,
        }

        Ok(())
    })?;
    Ok(Verdict::Success)
}
