//! The table: its columns, and its rows as they are measured.

use std::fmt::Debug;
use std::time::Duration;

use crate::Options;
use crate::row::{Cell, Error, Row};
use crate::versions::Lock;

/// Someone who does the work of the rows. The first column is the one that the others are compared with.
#[derive(Debug, Clone)]
pub struct Column {
    pub(crate) name: &'static str,
    package: Option<&'static str>,
    pub(crate) version: Option<String>,
}

impl Column {
    /// A column whose version is that of a package on which the benchmark depends.
    pub const fn package(name: &'static str, package: &'static str) -> Self {
        Self { name, package: Some(package), version: None }
    }

    /// A column without a version.
    pub const fn unversioned(name: &'static str) -> Self {
        Self { name, package: None, version: None }
    }
}

/// A finished row.
#[derive(Debug)]
pub(crate) struct FinishedRow {
    pub(crate) name: &'static str,
    pub(crate) cells: Vec<(&'static str, Cell)>,
    pub(crate) notes: Vec<String>,
}

/// The table of one program.
#[derive(Debug)]
pub struct Table {
    pub(crate) program: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) options: Options,
    pub(crate) core: usize,
    pub(crate) settings: Vec<String>,
    pub(crate) rows: Vec<FinishedRow>,
}

impl Table {
    /// An empty table. From here on the process's first thread, and all threads that it starts, run on one core.
    ///
    /// # Errors
    /// If the process cannot be pinned to a core, or the program does not depend on the package of a column.
    pub fn new(program: &'static str, columns: &[Column], options: Options) -> Result<Self, Error> {
        let lock = Lock::read()?;
        let mut columns = columns.to_vec();
        for column in &mut columns {
            column.version = column.package.map(|package| lock.version(program, package)).transpose()?;
        }
        let core = pin(options.core)?;
        Ok(Self { program, columns, options, core, settings: Vec::new(), rows: Vec::new() })
    }

    /// Says how everything was measured: a line above the table.
    pub fn setting(&mut self, setting: impl Into<String>) {
        self.settings.push(setting.into());
    }

    /// Measures a row, if the options select it. A run of the row does its operation so many times; figures are for one.
    ///
    /// # Errors
    /// Those of `measure`, which fills the row.
    pub fn row<R: PartialEq + Debug>(
        &mut self,
        name: &'static str,
        operations: u32,
        measure: impl FnOnce(&mut Row<R>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.options.selects(name) {
            return Ok(());
        }
        if self.options.list {
            println!("{name}");
            return Ok(());
        }
        eprintln!("measuring: {name}");
        let mut row = Row::new(name, operations, Duration::try_from_secs_f64(self.options.seconds)?);
        measure(&mut row)?;
        let Row { name, cells, notes, .. } = row;
        self.rows.push(FinishedRow { name, cells, notes });
        Ok(())
    }

    /// Adds a row with the geometric means of the ratios in the rows so far.
    pub fn geometric_mean(&mut self, name: &'static str) {
        let Some(base) = self.columns.first().map(|column| column.name) else { return };
        let cells = self.columns.iter().map(|column| {
            let ratios: Option<Vec<f64>> = self.rows.iter().map(|row| row.ratio(column.name, base)).collect();
            let cell = match ratios {
                Some(ratios) => Cell::Ratio(geometric_mean(&ratios)),
                None => Cell::Absent("it does not do all of the rows".to_owned()),
            };
            (column.name, cell)
        });
        let cells = cells.collect();
        if !self.rows.is_empty() {
            self.rows.push(FinishedRow { name, cells, notes: Vec::new() });
        }
    }
}

impl FinishedRow {
    pub(crate) fn cell(&self, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|(name, _)| *name == column).map(|(_, cell)| cell)
    }

    /// The time or memory of a column, divided by that of `base`; or the ratio that stands there.
    pub(crate) fn ratio(&self, column: &str, base: &str) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "a ratio is rounded anyway")]
        match (self.cell(column)?, self.cell(base)?) {
            (Cell::Time(time), Cell::Time(base)) => Some(time.nanoseconds / base.nanoseconds),
            (Cell::Bytes(bytes), Cell::Bytes(base)) => Some(*bytes as f64 / *base as f64),
            (Cell::Ratio(ratio), _) => Some(*ratio),
            _ => None,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "rows are few")]
fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

fn pin(wanted: Option<usize>) -> Result<usize, Error> {
    let cores = core_affinity::get_core_ids().ok_or("the system does not tell its cores")?;
    let core = match wanted {
        Some(wanted) => cores.iter().find(|core| core.id == wanted),
        None => cores.last(),
    };
    let core = *core.ok_or_else(|| format!("the process may not use core {wanted:?}"))?;
    if core_affinity::set_for_current(core) {
        Ok(core.id)
    } else {
        Err(format!("the process could not be pinned to core {}", core.id).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_ratios_is_geometric() {
        assert!((geometric_mean(&[2.0, 4.0, 8.0]) - 4.0).abs() < 1e-12);
    }
}
