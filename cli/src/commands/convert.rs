//! `travertine convert`: a proof file from one form into the other.

use std::path::PathBuf;

use crate::arguments::FileSource;
use crate::error::InputError;
use crate::output::{Output, Verdict};
use crate::proof_file::{Format, PROOF_FILE_BYTES_LIMIT, Proof};

/// Convert a proof file from SSZ into JSON, or back.
///
/// Nothing is lost, and nothing is verified.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine convert counter.proof counter.json
  travertine convert counter.json counter.proof --format ssz")]
pub(crate) struct Arguments {
    /// The proof, as `travertine prove` or `travertine run --transition` writes it; - reads it from standard input.
    input: FileSource,
    /// The file to write.
    output: PathBuf,
    /// The form to write; if it is not given, the one that the input has not.
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Format>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let source = &arguments.input.0;
    let bytes = source.read(PROOF_FILE_BYTES_LIMIT)?;
    let (proof, format) =
        Proof::parse(&bytes).map_err(|error| InputError::NoProof { name: source.name(), error })?;
    let written = proof.write(&arguments.output, arguments.format.unwrap_or(format.other()))?;
    Output::new().print(arguments.json, &written, |out| written.report(out, "proof   "))?;
    Ok(Verdict::Success)
}
