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
