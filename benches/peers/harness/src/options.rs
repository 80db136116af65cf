//! The options that every side-by-side benchmark takes.

use clap::Parser;

/// Measures this project and its peers side by side, in one process on one core, and prints one table: medians, and their
/// ratios to the first column. The results of each row are compared; the program fails if any two differ.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Only the rows whose name contains one of these words.
    pub filter: Vec<String>,
    /// Print JSON in place of the table.
    #[arg(long)]
    pub json: bool,
    /// List the rows and measure nothing.
    #[arg(long, conflicts_with = "json")]
    pub list: bool,
    /// The core to run on. By default the last one that the process may use.
    #[arg(long)]
    pub core: Option<usize>,
    /// Seconds of measurement for each figure. Work that takes longer is done three times.
    #[arg(long, default_value_t = 0.4)]
    pub seconds: f64,
}

impl Options {
    /// The options in the process's arguments. Prints help, or what is wrong, and ends the process where that is asked for.
    pub fn from_arguments() -> Self {
        Self::parse()
    }

    pub(crate) fn selects(&self, row: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|word| row.contains(word.as_str()))
    }
}
