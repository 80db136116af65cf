//! Nanoseconds per gas, for every class of instructions and every operation: what the default prices are set by.
//!
//! `docs/gas.md` says how. Each row is a difference of two programs that do one thing more or less often, or on more or less; the
//! ones that settle are timed with their settlement. A word on the command line runs the rows whose name contains it.
//! All rows are measured in several passes, since machines are faster in some minutes than in others.

mod allocation;
mod assembler;
mod bulk;
mod generative;
mod instructions;
mod measure;
mod pages;

use measure::{Fastest, Measured, Workload};

/// How often all rows are measured.
const PASSES: usize = 3;

/// A row and what was measured.
struct Row {
    workload: Workload,
    measured: Measured,
}

fn main() {
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let all = [
        instructions::workloads(),
        pages::workloads(),
        generative::workloads(),
        bulk::workloads(),
        allocation::workloads(),
    ]
    .concat();
    let mut chosen: Vec<(Workload, Fastest)> = all
        .into_iter()
        .filter(|workload| workload.name.contains(&filter))
        .map(|workload| (workload, Fastest::NONE))
        .collect();
    for pass in 1..=PASSES {
        eprintln!("pass {pass} of {PASSES}: {} rows", chosen.len());
        for (workload, fastest) in &mut chosen {
            workload.run(fastest);
        }
    }
    let rows = chosen.into_iter().map(|(workload, fastest)| {
        let measured = workload.measured(fastest);
        Row { workload, measured }
    });
    let rows: Vec<Row> = rows.collect();
    report(&extremes(rows));
}

/// Of rows that differ in the opcode alone, the fastest and the slowest.
fn extremes(rows: Vec<Row>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::new();
    let mut seen: Option<(&'static str, usize)> = None;
    for row in rows {
        let group = row.workload.group;
        let start = match seen {
            Some((name, start)) if group == Some(name) => start,
            _ => kept.len(),
        };
        seen = group.map(|name| (name, start));
        kept.push(row);
        if kept.len() - start == 3 {
            kept[start..].sort_by(|a, b| a.measured.nanoseconds.total_cmp(&b.measured.nanoseconds));
            kept.remove(start + 1);
        }
    }
    kept
}

/// The table, and how far the rows that the guest can choose are from their median.
fn report(rows: &[Row]) {
    let per_gas = |row: &&Row| row.measured.nanoseconds / row.measured.gas;
    let mut chosen: Vec<&Row> = rows.iter().filter(|row| row.workload.bound.is_none()).collect();
    chosen.sort_by(|a, b| per_gas(a).total_cmp(&per_gas(b)));
    let middle = chosen.get(chosen.len() / 2).map_or(f64::NAN, per_gas);
    println!(
        "{:<52} {:>11} {:>10} {:>8} {:>6}  {:<20} {:>9}",
        "workload", "ns/unit", "gas/unit", "ns/gas", "ratio", "price", "fits"
    );
    for row in rows {
        let Measured { nanoseconds, gas } = row.measured;
        // What the price would have to be for this row to lie at the median.
        let missing = nanoseconds / middle - gas;
        let fits = (row.workload.price_now() + missing * row.workload.price_scale()).max(0.0);
        println!(
            "{:<52} {nanoseconds:>11.2} {gas:>10.2} {:>8.3} {:>6.2}{} {:<20} {fits:>9.1}",
            row.workload.name,
            per_gas(&row),
            per_gas(&row) / middle,
            if row.workload.bound.is_some() { '*' } else { ' ' },
            row.workload.price,
        );
    }
    let outside = |row: &&&Row| !(0.5..=2.0).contains(&(per_gas(row) / middle));
    let far: Vec<_> = chosen.iter().filter(outside).collect();
    println!(
        "\nmedian {middle:.3} ns/gas; {} of {} rows within a factor of two",
        chosen.len() - far.len(),
        chosen.len()
    );
    if let [lowest, .., highest] = &chosen[..] {
        println!("ratios from {:.3} to {:.2}", per_gas(lowest) / middle, per_gas(highest) / middle);
    }
    for row in far {
        println!("outside: {:.3}  {} ({})", per_gas(row) / middle, row.workload.name, row.workload.price);
    }
    for row in rows {
        if let Some(bound) = row.workload.bound {
            println!("* {}: {bound}", row.workload.name);
        }
    }
}
