//! `travertine substrate audit`: a ledger, checked against the headers of its chain.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use travertine_memory::substrate::{AuditError, AuditedHeader, Ledger, audit};
use travertine_merkle::Hash;

use crate::arguments::{Source, parse_hash, parse_number};
use crate::block::{MAX_LEDGER_BYTES, SubstrateArgument};
use crate::error::InputError;
use crate::output::{Hex, Output, Verdict, counted};

/// The longest file of headers that is read, in bytes.
const MAX_HEADERS_BYTES: u64 = 1 << 32;

/// Check a ledger against the headers of its chain: the first record that does not fit is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file of headers has one header in a line, in the order of the chain: hexadecimal digits, and before them, if it is known, the
block's timestamp and a space.

Exit codes:
  0  the ledger is that of the headers
  1  it is not

Example:
  travertine substrate audit --headers headers.txt --ledger my-machine/ledger.ssz")]
pub(crate) struct Arguments {
    /// The headers, all of them.
    #[arg(long, value_name = "FILE")]
    headers: PathBuf,
    /// The ledger, as `run --state` keeps it.
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// The root that the ledger must have, for example as proven of a machine.
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    root: Option<Hash>,
    #[command(flatten)]
    substrate: SubstrateArgument,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    valid: bool,
    headers: u64,
    records: u64,
    root: Hex<Hash>,
    unchecked_timestamps: u64,
    /// The first record that does not fit.
    record: Option<u64>,
    kind: Option<&'static str>,
    reason: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let substrate = arguments.substrate.read()?;
    let headers = read_headers(&arguments.headers)?;
    let path = &arguments.ledger;
    let bytes = Source::File(path.clone()).read(MAX_LEDGER_BYTES)?;
    let ledger =
        Ledger::from_ssz(&bytes).map_err(|error| InputError::Ledger { path: path.clone(), error })?;
    let root = ledger.root();
    let finding = audit(&substrate, &headers, &ledger).err();
    let other_root = || arguments.root.filter(|expected| *expected != root);
    let (kind, reason) = match (&finding, other_root()) {
        (Some(finding), _) => (Some(kind_of(&finding.error)), Some(finding.to_string())),
        (None, Some(expected)) => {
            (Some("root"), Some(format!("the root of the ledger is {}, not {}", Hex(root), Hex(expected))))
        }
        (None, None) => (None, None),
    };
    let report = Report {
        valid: reason.is_none(),
        headers: headers.len() as u64,
        records: ledger.records().len() as u64,
        root: Hex(root),
        unchecked_timestamps: headers.iter().filter(|header| header.timestamp.is_none()).count() as u64,
        record: finding.map(|finding| finding.index as u64),
        kind,
        reason,
    };
    Output::new().print(arguments.json, &report, |out| {
        match &report.reason {
            None => writeln!(out, "valid")?,
            Some(reason) => writeln!(out, "invalid: {reason}")?,
        }
        writeln!(out, "{} in {}", counted(report.records, "record"), counted(report.headers, "header"))?;
        writeln!(out, "root  {}", report.root)?;
        if report.unchecked_timestamps > 0 {
            writeln!(out, "not checked: timestamps of {}", counted(report.unchecked_timestamps, "header"))?;
        }

        Ok(())
    })?;
    Ok(Verdict::of(report.valid))
}

fn kind_of(error: &AuditError) -> &'static str {
    match error {
        AuditError::Missing { .. } => "missing",
        AuditError::Added { .. } => "added",
        AuditError::Changed { .. } => "changed",
        AuditError::OutOfOrder { .. } => "out_of_order",
    }
}

/// The headers in a file, one in a line; empty lines are left out.
fn read_headers(path: &Path) -> Result<Vec<AuditedHeader>, InputError> {
    let bytes = Source::File(path.into()).read(MAX_HEADERS_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().zip(1_u64..).filter(|(line, _)| !line.trim().is_empty());
    let header = |(line, number): (&str, u64)| {
        read_header(line).ok_or_else(|| InputError::HeaderLine { path: path.into(), line: number })
    };
    lines.map(header).collect()
}

fn read_header(line: &str) -> Option<AuditedHeader> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (timestamp, digits) = match words[..] {
        [digits] => (None, digits),
        [timestamp, digits] => (Some(parse_number(timestamp).ok()?), digits),
        _ => return None,
    };
    let bytes = hex::decode(digits.strip_prefix("0x").unwrap_or(digits)).ok()?;
    Some(AuditedHeader { bytes, timestamp })
}
