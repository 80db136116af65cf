//! Proof files: which proof they hold, and in which form, is told from their content.

use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use travertine_merkle::{
    DecodeError, JSON_BYTES_LIMIT, JsonError, LimitError, MemoryProof, TRANSITION_VERSION, TransitionProof,
};

use crate::error::InputError;
use crate::files;
use crate::output::{Output, counted, grouped};

/// The longest proof file that is read, in bytes.
pub(crate) const PROOF_FILE_BYTES_LIMIT: u64 = JSON_BYTES_LIMIT as u64;

/// What a proof file holds.
#[derive(Debug)]
pub(crate) enum Proof {
    Memory(MemoryProof),
    Transition(TransitionProof),
}

/// The form of a proof file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// The SSZ bytes.
    Ssz,
    /// JSON, with numbers and hashes as strings.
    Json,
}

/// Why a file is no proof.
#[derive(Debug, Error)]
pub(crate) enum ProofFileError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("not UTF-8 text")]
    Text,
}

impl Format {
    /// JSON is an object; no SSZ form of a proof begins with white space or a brace, but with the number of its version.
    fn of(bytes: &[u8]) -> Self {
        if bytes.trim_ascii_start().starts_with(b"{") { Self::Json } else { Self::Ssz }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Ssz => Self::Json,
            Self::Json => Self::Ssz,
        }
    }
}

impl Proof {
    /// The proof in a file, and the form in which it was.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, Format), ProofFileError> {
        let format = Format::of(bytes);
        let proof = match format {
            Format::Ssz if bytes.starts_with(&TRANSITION_VERSION.to_le_bytes()) => {
                Self::Transition(TransitionProof::decode(bytes)?)
            }
            Format::Ssz => Self::Memory(MemoryProof::decode(bytes)?),
            Format::Json => Self::from_json(std::str::from_utf8(bytes).map_err(|_| ProofFileError::Text)?)?,
        };
        Ok((proof, format))
    }

    fn from_json(text: &str) -> Result<Self, JsonError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: String,
        }

        let Versioned { version } = serde_json::from_str(text)?;
        if version == TRANSITION_VERSION.to_string() {
            TransitionProof::from_json(text).map(Self::Transition)
        } else {
            MemoryProof::from_json(text).map(Self::Memory)
        }
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path, format: Format) -> Result<WrittenProof, InputError> {
        let bytes = self.to_bytes(format)?;
        files::write_atomically(path, &bytes)?;
        let (proof, leaves, helpers) = match self {
            Self::Memory(proof) => (ProofKind::Memory, proof.leaves.len(), proof.helpers.len()),
            Self::Transition(proof) => (ProofKind::Transition, proof.changes.len(), proof.helpers.len()),
        };
        Ok(WrittenProof {
            proof,
            proof_bytes: bytes.len() as u64,
            leaves: leaves as u64,
            helpers: helpers as u64,
            format,
            proof_file: path.display().to_string(),
        })
    }

    fn to_bytes(&self, format: Format) -> Result<Vec<u8>, LimitError> {
        match (self, format) {
            (Self::Memory(proof), Format::Ssz) => proof.encode(),
            (Self::Transition(proof), Format::Ssz) => proof.encode(),
            (Self::Memory(proof), Format::Json) => proof.to_json().map(String::into_bytes),
            (Self::Transition(proof), Format::Json) => proof.to_json().map(String::into_bytes),
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum ProofKind {
    Memory,
    Transition,
}

/// A proof file that was written.
#[derive(Debug, Serialize)]
pub(crate) struct WrittenProof {
    proof: ProofKind,
    proof_bytes: u64,
    /// Of a transition proof, the pages that change.
    leaves: u64,
    helpers: u64,
    format: Format,
    proof_file: String,
}

impl WrittenProof {
    /// Writes what a person wants to know, after a title of eight columns or more.
    pub(crate) fn report(&self, out: &mut Output, title: &str) -> io::Result<()> {
        let Self { proof_bytes, leaves, helpers, proof_file, .. } = self;
        let leaves = match self.proof {
            ProofKind::Memory if *leaves == 1 => "1 leaf".to_owned(),
            ProofKind::Memory => format!("{} leaves", grouped(*leaves)),
            ProofKind::Transition => counted(*leaves, "changed page"),
        };
        let (bytes, helpers) = (counted(*proof_bytes, "byte"), counted(*helpers, "helper"));
        writeln!(out, "{title}{bytes} in {proof_file}: {leaves}, {helpers}")
    }
}
