//! `travertine verify`: a proof is checked with nothing but a root that the caller trusts.

use std::io::{self, Write};

use serde::Serialize;
use thiserror::Error;
use travertine_memory::Address;
use travertine_merkle::{
    CLAIMED_BYTES_LIMIT, Claim, DecodeError, Hash, MemoryProof, PROOF_BYTES_LIMIT, Proven, VerifyError,
};

use crate::arguments::{FileSource, Source, check_stdin, parse_hash, parse_number, parse_region};
use crate::claims::{ClaimReport, describe, located, write_claim};
use crate::error::InputError;
use crate::output::{Hex, Output, Verdict, counted};

/// Verify a proof offline, against a state root that you trust.
///
/// Without --address or --region the proof itself says what it is about; read what is printed before you believe it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes:
  0  the proof is valid, and proves what was asked
  1  it is not, or does not; also if the file is no proof at all
  2  the file cannot be read, or an argument is malformed

Examples:
  travertine verify counter.proof --root <ROOT>
  travertine verify counter.proof --root <ROOT> --address 2:0:0x0 --length 8
  travertine verify counter.proof --root <ROOT> --address 2:0:0x0 --data 2a00000000000000")]
pub(crate) struct Arguments {
    /// The proof, as `travertine prove` writes it; - reads it from standard input.
    proof: FileSource,
    /// The state root that you trust: 64 hexadecimal digits, with or without 0x.
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    root: Hash,
    /// The address that must be proven: 2:1:0x40, 0x200010040 or `[X:2,Y:1,Z:64]`.
    #[arg(long)]
    address: Option<Address>,
    /// How many bytes must be proven there; if it is not given, as many as --data has, or as the proof says.
    #[arg(long, value_name = "BYTES", value_parser = parse_number, requires = "address")]
    length: Option<u64>,
    /// The bytes that must be proven, in hexadecimal; @FILE reads them from a file as they are, - from standard input.
    #[arg(long, value_name = "HEX|@FILE|-")]
    data: Option<Source>,
    /// The region whose kind, permissions and size, or absence, must be proven.
    #[arg(long, value_name = "NUMBER", value_parser = parse_region, conflicts_with_all = ["address", "data"])]
    region: Option<u8>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What the caller wants to see proven.
struct Question {
    subject: Subject,
    data: Option<Vec<u8>>,
}

enum Subject {
    /// What the proof says.
    Anything,
    /// Bytes at this address, as many as the proof says.
    BytesAt(u64),
    /// Exactly this.
    Claim(Claim),
}

/// Why the answer is no.
#[derive(Debug, Error)]
enum Refusal {
    #[error("the proof is for another root: {}", Hex(.0))]
    OtherRoot(Hash),
    #[error("not an intact proof: {0}")]
    Broken(DecodeError),
    #[error(transparent)]
    Proof(VerifyError),
    #[error("the proof is not about what was asked, but about {0}")]
    OtherClaim(String),
    #[error("the proof is about a region, not about bytes")]
    NoBytes,
    #[error("--data has {}, the proof is about {proven}", counted(*.data as u64, "byte"))]
    OtherLength { proven: u64, data: usize },
    #[error("the byte at {} is proven to be {proven:#04x}, not {data:#04x}", located(*.address))]
    OtherData { address: u64, proven: u8, data: u8 },
}

#[derive(Serialize)]
struct Report {
    valid: bool,
    reason: Option<String>,
    root: Hex<Hash>,
    /// What the proof proves under the root; empty if the proof is invalid.
    claims: Vec<ClaimReport>,
}

impl Arguments {
    fn question(&self) -> Result<Question, InputError> {
        let data = self.data.as_ref().map(|source| source.read(CLAIMED_BYTES_LIMIT)).transpose()?;
        let length = match (self.length, &data) {
            (Some(length), Some(data)) if length != data.len() as u64 => {
                return Err(InputError::LengthOfData { length, data: data.len() });
            }
            (Some(length), _) => Some(length),
            (None, data) => data.as_ref().map(|data| data.len() as u64),
        };
        let subject = match (self.region, self.address, length) {
            (Some(region), ..) => Subject::Claim(Claim::region(region)),
            (None, Some(address), Some(length)) => Subject::Claim(Claim::bytes(address.packed(), length)),
            (None, Some(address), None) => Subject::BytesAt(address.packed()),
            (None, None, _) => Subject::Anything,
        };
        Ok(Question { subject, data })
    }
}

/// Verifies all that the proof claims: each claim with its proven value.
fn prove_claims(proof: &[u8], root: &Hash) -> Result<Vec<(Claim, Proven)>, Refusal> {
    let proof = MemoryProof::decode(proof).map_err(Refusal::Broken)?;
    let proven = proof.verify(root, &proof.claims).map_err(|error| match error {
        VerifyError::OtherRoot => Refusal::OtherRoot(proof.root),
        error => Refusal::Proof(error),
    })?;
    Ok(proof.claims.into_iter().zip(proven).collect())
}

impl Question {
    /// Whether what is proven answers the question.
    fn check(&self, proven: &[(Claim, Proven)]) -> Result<Result<(), Refusal>, InputError> {
        let asked = |claim: &Claim| match self.subject {
            Subject::Anything => true,
            Subject::BytesAt(address) => *claim == Claim::bytes(address, claim.length),
            Subject::Claim(asked) => *claim == asked,
        };
        let mut answers = proven.iter().filter(|(claim, _)| asked(claim));
        let Some((claim, answer)) = answers.next() else {
            let about = match proven {
                [(claim, _)] => describe(claim),
                claims => counted(claims.len() as u64, "other claim"),
            };
            return Ok(Err(Refusal::OtherClaim(about)));
        };
        let Some(data) = &self.data else { return Ok(Ok(())) };
        if answers.any(|(other, _)| other != claim) {
            return Err(InputError::WhichClaim(proven.len()));
        }
        Ok(compare(claim.address, answer, data))
    }
}

/// Compares what is proven at `address` with what is expected.
fn compare(address: u64, proven: &Proven, data: &[u8]) -> Result<(), Refusal> {
    let bytes = proven.bytes().ok_or(Refusal::NoBytes)?;
    if bytes.len() != data.len() {
        return Err(Refusal::OtherLength { proven: bytes.len() as u64, data: data.len() });
    }
    let pairs = (address..).zip(bytes.iter().zip(data));
    match pairs.into_iter().find(|(_, (proven, data))| proven != data) {
        Some((address, (&proven, &data))) => Err(Refusal::OtherData { address, proven, data }),
        None => Ok(()),
    }
}

impl Report {
    fn write(&self, out: &mut Output, arguments: &Arguments) -> io::Result<()> {
        match &self.reason {
            None => writeln!(out, "valid")?,
            Some(reason) => writeln!(out, "invalid: {reason}")?,
        }
        writeln!(out, "root    {}", self.root)?;
        for claim in &self.claims {
            write_claim(out, claim)?;
        }
        if self.valid && arguments.address.is_none() && arguments.region.is_none() {
            writeln!(out, "note    the proof chose what it is about; --address says what must be proven")?;
        }
        Ok(())
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    if let Some(data) = &arguments.data {
        check_stdin(("the proof", &arguments.proof.0), ("--data", data))?;
    }
    let question = arguments.question()?;
    let proof = arguments.proof.0.read(PROOF_BYTES_LIMIT as u64)?;
    let (answer, proven) = match prove_claims(&proof, &arguments.root) {
        Ok(proven) => (question.check(&proven)?, proven),
        Err(refusal) => (Err(refusal), Vec::new()),
    };
    let report = Report {
        valid: answer.is_ok(),
        reason: answer.err().map(|refusal| refusal.to_string()),
        root: Hex(arguments.root),
        claims: proven.into_iter().map(|(claim, proven)| ClaimReport::new(claim, proven)).collect(),
    };
    let mut out = Output::new();
    if arguments.json {
        out.json(&report)?;
    } else {
        report.write(&mut out, arguments)?;
    }
    out.flush()?;
    Ok(Verdict::of(report.valid))
}
