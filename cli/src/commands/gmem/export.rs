//! `travertine gmem export`: written cells as a snapshot.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use travertine_memory::generative::persistence::{Snapshot, SnapshotForm};

use super::source::Source;
use crate::error::InputError;
use crate::files;
use crate::output::{HexNumber, Output, Verdict, counted};

/// Write a snapshot: the seed, and the written cells by ascending address.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine gmem export --log land.gmal -o land.gmem
  travertine gmem export --snapshot land.gmem --form guide -o for-others.gmem")]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// How it ends.
    #[arg(long, value_enum, default_value = "shielded")]
    form: Form,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// How a snapshot ends.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// Without a sum.
    Guide,
    /// With a sum that does not see cells that swap their places.
    Repo,
    /// With that sum, and one of all bytes.
    Shielded,
}

impl From<Form> for SnapshotForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Guide => Self::Guide,
            Form::Repo => Self::Repo,
            Form::Shielded => Self::Shielded,
        }
    }
}

#[derive(Serialize)]
struct Report {
    seed: HexNumber,
    cells: u64,
    form: &'static str,
    bytes: u64,
    file: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let snapshot = Snapshot::of(&arguments.source.context()?);
    let form = SnapshotForm::from(arguments.form);
    let bytes = snapshot.encode(form);
    files::write_atomically(&arguments.output, &bytes)?;
    let report = Report {
        seed: HexNumber(snapshot.seed()),
        cells: snapshot.cells().len() as u64,
        form: form.name(),
        bytes: bytes.len() as u64,
        file: arguments.output.display().to_string(),
    };
    Output::new().print(arguments.json, &report, |out| {
        let (cells, bytes) = (counted(report.cells, "cell"), counted(report.bytes, "byte"));
        writeln!(out, "{cells} of seed {} in {}, {bytes}, form {}", report.seed, report.file, report.form)?;
        Ok(())
    })?;
    Ok(Verdict::Success)
}
