//! What the side-by-side benchmarks share: a table of rows (work to be done) and columns (who does it), in which every
//! figure comes from one process on one core, and every result of a row is checked to be the same.
//!
//! ```no_run
//! use peers_harness::{Column, Options, Table};
//!
//! let columns = [Column::package("ours", "travertine-merkle"), Column::package("theirs", "sha2")];
//! let mut table = Table::new("hashing", &columns, Options::from_arguments())?;
//! table.row("sum of 1,000", 1, |row| {
//!     row.measure("ours", || 1000_u64, |n| (1..=n).sum::<u64>(), |sum| *sum)?;
//!     row.absent("theirs", "has no sums");
//!     Ok(())
//! })?;
//! table.print()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod measure;
mod options;
mod print;
mod row;
mod table;
mod versions;

pub use options::Options;
pub use row::{Error, Row};
pub use table::{Column, Table};
