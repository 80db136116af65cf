//! `travertine substrate mine`: a nonce with which a header allocates, for tests and demonstrations.

use std::io::Write;

use serde::Serialize;
use travertine_memory::substrate::MAX_HEADER_BYTES;
use travertine_merkle::Hash;

use crate::arguments::{Source, parse_number};
use crate::block::SubstrateArgument;
use crate::error::InputError;
use crate::output::{Hex, Output, Verdict, grouped};
use crate::progress::Progress;

/// Nonces between two updates of the progress line.
const SLICE: u64 = 1 << 16;
/// Bytes of a nonce.
const NONCE_BYTES: u64 = 8;

/// Find the first nonce with which a header allocates: the prefix and the nonce, eight bytes, the lowest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes:
  0  a nonce was found
  1  none of those tried allocates

Example:
  travertine substrate mine --prefix 0x68656164")]
pub(crate) struct Arguments {
    /// What the header begins with: hexadecimal digits, or @FILE.
    #[arg(long, value_name = "HEX|@FILE|-", default_value = "")]
    prefix: Source,
    /// The first nonce to try.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number, default_value = "0")]
    start: u64,
    /// How many nonces to try.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number, default_value = "1000000000")]
    limit: u64,
    #[command(flatten)]
    substrate: SubstrateArgument,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    tried: u64,
    nonce: Option<u64>,
    header: Option<Hex<Vec<u8>>>,
    digest: Option<Hex<Hash>>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let substrate = arguments.substrate.read()?;
    let mut header = arguments.prefix.read(MAX_HEADER_BYTES - NONCE_BYTES)?;
    let prefix = header.len();
    let mut progress = Progress::new();
    let mut report = Report { tried: 0, nonce: None, header: None, digest: None };
    for nonce in (arguments.start..=u64::MAX).take(usize::try_from(arguments.limit).unwrap_or(usize::MAX)) {
        header.truncate(prefix);
        header.extend_from_slice(&nonce.to_le_bytes());
        report.tried += 1;
        let evaluation = substrate.evaluate(&header);
        if evaluation.allocates() {
            report.nonce = Some(nonce);
            report.digest = Some(Hex(evaluation.digest));
            report.header = Some(Hex(header));
            break;
        }
        if report.tried.is_multiple_of(SLICE) {
            let (tried, expected) = (grouped(report.tried), grouped(substrate.modulus()));
            progress.line(&format!("mining: {tried} nonces tried, one in {expected} will do"));
        }
    }
    progress.clear();
    Output::new().print(arguments.json, &report, |out| {
        if let (Some(nonce), Some(header), Some(digest)) = (report.nonce, &report.header, report.digest) {
            writeln!(out, "nonce   {nonce}")?;
            writeln!(out, "header  {header}")?;
            writeln!(out, "digest  {digest}")?;
            writeln!(out, "tried   {}", grouped(report.tried))?;
        } else {
            writeln!(out, "none of {} nonces allocates", grouped(report.tried))?;
        }
        Ok(())
    })?;
    Ok(Verdict::of(report.nonce.is_some()))
}
