//! Nanoseconds per gas, for every class of instructions and every operation: what the default prices are set by.
//!
//! `docs/gas.md` says how. Each row is a program that does one thing over and over; the ones that settle are timed with
//! their settlement. A word on the command line runs the rows whose name contains it.

mod assembler;
mod bulk;
mod generative;
mod instructions;
mod measure;
mod pages;

use measure::{Measured, Workload};

/// A row and what was measured.
struct Row {
    workload: Workload,
    measured: Measured,
}

fn main() {
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let all =
        [instructions::workloads(), pages::workloads(), generative::workloads(), bulk::workloads()].concat();
    let chosen = all.into_iter().filter(|workload| workload.name.contains(&filter));
    let mut rows: Vec<Row> = Vec::new();
    for workload in chosen {
        match workload.measure() {
            Some(measured) => rows.push(Row { workload, measured }),
            None => println!("not available: {}", workload.name),
        }
    }
    report(&extremes(&rows));
}

/// Of rows that differ in the opcode alone, the fastest and the slowest.
fn extremes(rows: &[Row]) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::new();
    for group in rows.chunk_by(|a, b| a.workload.group.is_some() && a.workload.group == b.workload.group) {
        let per_unit = |row: &&Row| row.measured.picoseconds_per_unit();
        let fastest = group.iter().min_by_key(per_unit);
        let slowest = group.iter().max_by_key(per_unit);
        for row in fastest.into_iter().chain(slowest.filter(|_| group.len() > 1)) {
            kept.push(Row { workload: row.workload.clone(), measured: row.measured });
        }
    }
    kept
}

/// The table, and how far the rows are from their median.
#[allow(clippy::cast_precision_loss, reason = "figures of a benchmark")]
fn report(rows: &[Row]) {
    let median = |mut values: Vec<f64>| -> f64 {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let per_gas = |row: &Row| row.measured.nanoseconds / row.measured.gas as f64;
    let middle = median(rows.iter().map(per_gas).collect());
    println!(
        "{:<46} {:>11} {:>9} {:>8} {:>6}  {:<20} {:>9}",
        "workload", "ns/unit", "gas/unit", "ns/gas", "ratio", "price", "fits"
    );
    for row in rows {
        let Measured { nanoseconds, gas, units } = row.measured;
        let (nanoseconds, gas) = (nanoseconds / units as f64, gas as f64 / units as f64);
        // What the price would have to be for this row to lie at the median.
        let missing = nanoseconds / middle - gas;
        let fits = (row.workload.price_now() + missing * row.workload.price_scale()).max(0.0);
        println!(
            "{:<46} {:>11.2} {:>9.2} {:>8.3} {:>6.2}  {:<20} {:>9.1}",
            row.workload.name,
            nanoseconds,
            gas,
            nanoseconds / gas,
            per_gas(row) / middle,
            row.workload.price,
            fits,
        );
    }
    let ratios: Vec<f64> = rows.iter().map(|row| per_gas(row) / middle).collect();
    let within = ratios.iter().filter(|ratio| (0.5..=2.0).contains(*ratio)).count();
    println!("median {middle:.3} ns/gas; {within} of {} rows within a factor of two", rows.len());
}
