//! The table in Markdown, and in JSON.

use std::fs;

use serde::Serialize;

use crate::row::{Cell, Error};
use crate::table::{FinishedRow, Table};

impl Table {
    /// Prints the table to the standard output.
    ///
    /// # Errors
    /// If it cannot be put into JSON.
    pub fn print(&self) -> Result<(), Error> {
        if self.options.list {
            return Ok(());
        }
        let report = self.report();
        if self.options.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            report.print();
        }
        Ok(())
    }

    fn report(&self) -> Report<'_> {
        let columns = self
            .columns
            .iter()
            .map(|column| ReportColumn { name: column.name, version: column.version.as_deref() });
        Report {
            program: self.program,
            processor: processor(),
            core: self.core,
            settings: &self.settings,
            columns: columns.collect(),
            rows: self.rows.iter().map(|row| self.report_row(row)).collect(),
        }
    }

    fn report_row<'a>(&self, row: &'a FinishedRow) -> ReportRow<'a> {
        let base = self.columns.first().map_or("", |column| column.name);
        let cells = self.columns.iter().map(|column| {
            let cell = row.cell(column.name);
            let median = match cell {
                Some(Cell::Time(median)) => Some(*median),
                _ => None,
            };
            ReportCell {
                column: column.name,
                nanoseconds: median.map(|median| median.nanoseconds),
                bytes: match cell {
                    Some(Cell::Bytes(bytes)) => Some(*bytes),
                    _ => None,
                },
                ratio: row.ratio(column.name, base),
                samples: median.map(|median| median.samples),
                runs_per_sample: median.map(|median| median.runs_per_sample),
                absent: match cell {
                    Some(Cell::Absent(reason)) => Some(reason),
                    _ => None,
                },
            }
        });
        ReportRow { name: row.name, notes: &row.notes, cells: cells.collect() }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    program: &'a str,
    processor: String,
    core: usize,
    settings: &'a [String],
    columns: Vec<ReportColumn<'a>>,
    rows: Vec<ReportRow<'a>>,
}

#[derive(Serialize)]
struct ReportColumn<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

#[derive(Serialize)]
struct ReportRow<'a> {
    name: &'a str,
    notes: &'a [String],
    cells: Vec<ReportCell<'a>>,
}

#[derive(Serialize)]
struct ReportCell<'a> {
    column: &'a str,
    /// Median time of an operation.
    nanoseconds: Option<f64>,
    /// Memory.
    bytes: Option<u64>,
    /// To the first column.
    ratio: Option<f64>,
    samples: Option<usize>,
    runs_per_sample: Option<usize>,
    /// Why there is no figure.
    absent: Option<&'a str>,
}

impl Report<'_> {
    fn print(&self) {
        let base = self.columns.first().map_or("", |column| column.name);
        println!("Medians on core {} ({}); in brackets the ratio to {base}.", self.core, self.processor);
        for setting in self.settings {
            println!("- {setting}");
        }
        let heads = self.columns.iter().map(|column| match column.version {
            Some(version) => format!(" {} {version} |", column.name),
            None => format!(" {} |", column.name),
        });
        println!("\n| |{}", heads.collect::<String>());
        println!("|---|{}", "---:|".repeat(self.columns.len()));
        let mut reasons: Vec<&str> = Vec::new();
        for row in &self.rows {
            let cells = row.cells.iter().map(|cell| format!(" {} |", cell.show(&mut reasons)));
            println!("| {} |{}", row.name, cells.collect::<String>());
        }
        println!();
        for (number, reason) in (1..).zip(reasons) {
            println!("- ({number}) {reason}");
        }
        for row in &self.rows {
            row.notes.iter().for_each(|note| println!("- {}: {note}", row.name));
        }
    }
}

impl<'a> ReportCell<'a> {
    /// A time and its ratio, or a dash and the number of the reason.
    fn show(&self, reasons: &mut Vec<&'a str>) -> String {
        let value = self.nanoseconds.map(show_time).or_else(|| self.bytes.map(show_bytes));
        let ratio = self.ratio.map(|ratio| format!("({})", three_digits(ratio)));
        match (value, ratio, self.absent) {
            (Some(value), Some(ratio), _) => format!("{value} {ratio}"),
            (Some(only), None, _) | (None, Some(only), _) => only,
            (None, None, Some(reason)) => {
                let known = reasons.iter().position(|known| *known == reason);
                let place = known.unwrap_or_else(|| {
                    reasons.push(reason);
                    reasons.len() - 1
                });
                format!("- ({})", place + 1)
            }
            (None, None, None) => "-".to_owned(),
        }
    }
}

/// In the unit that suits it.
fn show_time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ..1e3 => (nanoseconds, "ns"),
        1e3..1e6 => (nanoseconds / 1e3, "µs"),
        1e6..1e9 => (nanoseconds / 1e6, "ms"),
        _ => (nanoseconds / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// In binary units.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
fn show_bytes(bytes: u64) -> String {
    match bytes {
        ..1_048_576 => format!("{} KiB", three_digits(bytes as f64 / 1024.0)),
        _ => format!("{} MiB", three_digits(bytes as f64 / 1_048_576.0)),
    }
}

/// Three digits, or more where they stand before the point.
fn three_digits(value: f64) -> String {
    let decimals = match value {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// What the system calls its processor, or else the architecture.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    line.map_or(std::env::consts::ARCH, |(_, name)| name).to_owned()
}
