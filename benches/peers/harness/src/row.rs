//! A row: one kind of work, done by each column that can do it, with the same result.

use std::fmt::Debug;
use std::time::Duration;

use crate::measure::{Median, median};

/// What stops a benchmark: two results that differ, a peer that refuses, a table that cannot be printed.
pub type Error = Box<dyn std::error::Error>;

/// What stands in a cell.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    /// The median time of an operation.
    Time(Median),
    /// An amount of memory, in bytes.
    Bytes(u64),
    /// A mean of the ratios of other rows.
    Ratio(f64),
    /// Why there is none.
    Absent(String),
}

/// A row that is being measured. `R` is what all results are compared by.
#[derive(Debug)]
pub struct Row<R> {
    pub(crate) name: &'static str,
    pub(crate) cells: Vec<(&'static str, Cell)>,
    pub(crate) notes: Vec<String>,
    budget: Duration,
    /// Operations of a run.
    operations: u32,
    /// The first result, and whose it is.
    expected: Option<(&'static str, R)>,
}

impl<R: PartialEq + Debug> Row<R> {
    pub(crate) fn new(name: &'static str, operations: u32, budget: Duration) -> Self {
        Self { name, cells: Vec::new(), notes: Vec::new(), budget, operations, expected: None }
    }

    /// Measures `run` for a column. `setup` makes the input of a run and is not measured, nor is dropping the output, from
    /// which `result` takes what all columns of the row must agree on.
    ///
    /// # Errors
    /// If a result differs from those before it.
    pub fn measure<I, O>(
        &mut self,
        column: &'static str,
        setup: impl FnMut() -> I,
        run: impl FnMut(I) -> O,
        mut result: impl FnMut(&O) -> R,
    ) -> Result<(), Error> {
        let (name, expected) = (self.name, &mut self.expected);
        let mut median = median(self.budget, setup, run, |output| {
            let found = result(output);
            let (first, expected) = expected.get_or_insert_with(|| (column, result(output)));
            if found == *expected {
                Ok(())
            } else {
                Err(format!("{name}: {column} has {found:?}, but {first} has {expected:?}"))
            }
        })?;
        median.nanoseconds /= f64::from(self.operations);
        self.cells.push((column, Cell::Time(median)));
        Ok(())
    }

    /// The median time of a column's operation, in nanoseconds, if it was measured.
    pub fn nanoseconds(&self, column: &str) -> Option<f64> {
        self.cells.iter().find_map(|(name, cell)| match cell {
            Cell::Time(median) if *name == column => Some(median.nanoseconds),
            _ => None,
        })
    }

    /// Puts down an amount of memory, in bytes, that was measured elsewhere.
    pub fn bytes(&mut self, column: &'static str, bytes: u64) {
        self.cells.push((column, Cell::Bytes(bytes)));
    }

    /// Says what all results must be, whoever is first.
    pub fn expect(&mut self, result: R) {
        self.expected = Some(("the content", result));
    }

    /// Leaves a column out, for a reason.
    pub fn absent(&mut self, column: &'static str, reason: impl Into<String>) {
        self.cells.push((column, Cell::Absent(reason.into())));
    }

    /// Says something about the row below the table.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row<u64> {
        Row::new("sum", 1, Duration::from_millis(1))
    }

    #[test]
    fn a_result_that_differs_stops_the_row_and_is_named() {
        let mut row = row();
        row.measure("one", || 3_u64, |n| n + 4, |sum| *sum).unwrap();
        row.measure("two", || 4_u64, |n| n + 3, |sum| *sum).unwrap();
        let error = row.measure("three", || 4_u64, |n| n + 4, |sum| *sum).unwrap_err();
        assert_eq!(error.to_string(), "sum: three has 8, but one has 7");
        assert_eq!(row.cells.len(), 2);
    }

    #[test]
    fn every_run_counts() {
        let mut row = row();
        row.expect(7);
        let mut runs = 0_u64;
        // The result is wrong in a late run only.
        let drifting = |()| {
            runs += 1;
            if runs < 5000 { 7 } else { 8 }
        };
        assert!(row.measure("drifting", || (), drifting, |sum| *sum).is_err());
    }

    #[test]
    fn a_figure_is_for_one_operation() {
        let mut row = Row::new("sleep", 10, Duration::from_millis(1));
        row.measure("sleeper", || (), |()| std::thread::sleep(Duration::from_millis(2)), |()| ()).unwrap();
        let Cell::Time(median) = &row.cells[0].1 else { panic!("it was measured") };
        assert!((2e5..2e6).contains(&median.nanoseconds), "{median:?}");
    }
}
