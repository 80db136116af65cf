//! `travertine substrate statistic`: how often synthetic headers allocate, beside the theory.

use std::io::Write;

use serde::Serialize;

use crate::arguments::parse_number;
use crate::block::SubstrateArgument;
use crate::error::InputError;
use crate::output::{Output, Verdict, grouped};

/// What synthetic headers begin with; a number follows, eight bytes, the lowest first.
const PREFIX: &[u8] = b"travertine synthetic header ";

/// Apply the rule to synthetic headers, and compare how often it holds with how often it should.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  travertine substrate statistic --headers 100000")]
pub(crate) struct Arguments {
    /// How many headers.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number, default_value = "100000")]
    headers: u64,
    #[command(flatten)]
    substrate: SubstrateArgument,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Numbers for each header are rounded down; rates are in millionths.
#[derive(Serialize)]
struct Report {
    headers: u64,
    modulus: u64,
    allocated: u64,
    expected_allocated: u64,
    rate_ppm: u64,
    expected_rate_ppm: u64,
    bytes_per_header: u64,
    expected_bytes_per_header: u64,
}

/// `of * numerator / denominator`, rounded down; 0 of nothing.
fn share(of: u64, numerator: u64, denominator: u64) -> u64 {
    let scaled = (u128::from(of) * u128::from(numerator)).checked_div(u128::from(denominator));
    u64::try_from(scaled.unwrap_or(0)).unwrap_or(u64::MAX)
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let substrate = arguments.substrate.read()?;
    let (headers, modulus, size) = (arguments.headers, substrate.modulus(), substrate.size());
    let header = |number: u64| [PREFIX, &number.to_le_bytes()].concat();
    let allocated =
        (0..headers).filter(|&number| substrate.evaluate(&header(number)).allocates()).count() as u64;
    let report = Report {
        headers,
        modulus,
        allocated,
        expected_allocated: headers / modulus,
        rate_ppm: share(1_000_000, allocated, headers),
        expected_rate_ppm: 1_000_000 / modulus,
        bytes_per_header: share(size, allocated, headers),
        expected_bytes_per_header: size / modulus,
    };
    Output::new().print(arguments.json, &report, |out| {
        writeln!(out, "{} headers, modulus {}", grouped(headers), grouped(modulus))?;
        writeln!(out, "{:<18}  {:>12}  {:>12}", "", "found", "expected")?;
        for (name, found, expected) in [
            ("allocations", report.allocated, report.expected_allocated),
            ("rate, millionths", report.rate_ppm, report.expected_rate_ppm),
            ("bytes per header", report.bytes_per_header, report.expected_bytes_per_header),
        ] {
            writeln!(out, "{name:<18}  {:>12}  {:>12}", grouped(found), grouped(expected))?;
        }

        Ok(())
    })?;
    Ok(Verdict::Success)
}
