//! `travertine gmem search`: indices by their numbers in the seeded order.

use std::io::Write;

use serde::Serialize;
use travertine_memory::generative::{lower_bound, monotonic, order_key, search, to_fraction};

use super::error::GmemError;
use crate::arguments::parse_number;
use crate::error::InputError;
use crate::output::{HexNumber, Output, Verdict};

/// Find the index of a number in the order that a seed gives to all indices.
///
/// The order does not depend on cells. The search in binary64 gives some index with the number or next to it; the exact one, for numbers
/// between 0 and 1, the least index whose 128-bit key is the number or more.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  travertine gmem search --seed 12345 0.25")]
pub(super) struct Arguments {
    /// The seed.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number)]
    seed: u64,
    /// The number to look for.
    #[arg(allow_negative_numbers = true)]
    target: f64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    seed: HexNumber,
    index: HexNumber,
    number: f64,
    rounds: u32,
    /// `null` outside of 0 to 1.
    exact: Option<Exact>,
}

#[derive(Serialize)]
struct Exact {
    index: HexNumber,
    key: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let (target, seed) = (arguments.target, arguments.seed);
    let found = search(target, seed).map_err(GmemError::from)?;
    let exact = to_fraction(target).and_then(|fraction| lower_bound(fraction, seed));
    let report = Report {
        seed: HexNumber(seed),
        index: HexNumber(found.index),
        number: monotonic(found.index, seed),
        rounds: found.rounds,
        exact: exact
            .map(|index| Exact { index: HexNumber(index), key: format!("{:#034x}", order_key(index, seed)) }),
    };
    Output::new().print(arguments.json, &report, |out| {
        writeln!(out, "index   {}", report.index)?;
        writeln!(out, "number  {}", report.number)?;
        if let Some(exact) = &report.exact {
            writeln!(out, "exact   {}", exact.index)?;
            writeln!(out, "key     {}", exact.key)?;
        }
        Ok(())
    })?;
    Ok(Verdict::Success)
}
