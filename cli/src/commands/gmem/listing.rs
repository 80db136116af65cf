//! `travertine gmem listing`: a folder of an archetype.

use std::io::Write;

use serde::Serialize;
use travertine_memory::generative::archetype::{Archetype, ArchetypeMode, Entry};

use super::error::GmemError;
use crate::error::InputError;
use crate::output::{HexNumber, Output, Verdict, grouped};

/// List a folder of an archetype: names, the addresses of their first cells, and their sizes in bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine gmem listing
  travertine gmem listing /assets --create /assets/mine.raw")]
pub(super) struct Arguments {
    /// The folder.
    #[arg(default_value = "/")]
    folder: String,
    /// The archetype.
    #[arg(long, value_enum, default_value = "fat")]
    mode: Mode,
    /// Create a file first; may be given many times.
    #[arg(long, value_name = "PATH")]
    create: Vec<String>,
    /// Entries to show at most.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// An archetype.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mode {
    /// Nothing is listed.
    Raw,
    /// Fixed files, and those that were created.
    Fat,
}

#[derive(Serialize)]
struct Report<'a> {
    folder: &'a str,
    entries: Vec<EntryReport>,
}

#[derive(Serialize)]
struct EntryReport {
    name: String,
    offset: HexNumber,
    size: u64,
    is_folder: bool,
}

impl From<Entry> for EntryReport {
    fn from(entry: Entry) -> Self {
        let Entry { name, offset, size, is_folder } = entry;
        Self { name, offset: HexNumber(offset), size, is_folder }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let mut archetype = Archetype::new(match arguments.mode {
        Mode::Raw => ArchetypeMode::Raw,
        Mode::Fat => ArchetypeMode::Fat,
    });
    for path in &arguments.create {
        archetype.create(path, false).map_err(GmemError::from)?;
    }
    let entries = archetype.list(&arguments.folder, arguments.limit);
    let report =
        Report { folder: &arguments.folder, entries: entries.into_iter().map(EntryReport::from).collect() };
    Output::new().print(arguments.json, &report, |out| {
        for EntryReport { name, offset, size, is_folder } in &report.entries {
            let slash = if *is_folder { "/" } else { "" };
            writeln!(out, "{:<#18x}  {:>17}  {name}{slash}", offset.0, grouped(*size))?;
        }
        Ok(())
    })?;
    Ok(Verdict::Success)
}
