//! What the caller wants to see proven, and whether a memory proof proves it.

use thiserror::Error;
use travertine_merkle::{
    CLAIMED_BYTES_LIMIT, Claim, Hash, MemoryProof, Proven, TransitionError, VerifyError,
};

use super::Arguments;
use crate::claims::{describe, located};
use crate::error::InputError;
use crate::output::{Hex, counted};
use crate::proof_file::ProofFileError;

/// What the caller wants to see proven.
pub(super) struct Question {
    /// All of these; if there are none, whatever the proof says.
    subjects: Vec<Subject>,
    data: Option<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Subject {
    /// Bytes at this address, as many as the proof says.
    BytesAt(u64),
    /// Exactly this.
    Claim(Claim),
}

/// Why the answer is no.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("the proof is for another root: {}", Hex(.0))]
    OtherRoot(Hash),
    #[error("not an intact proof: {0}")]
    Broken(ProofFileError),
    #[error(transparent)]
    Proof(VerifyError),
    #[error("the proof leads to another root: {}", Hex(.0))]
    OtherNewRoot(Hash),
    #[error(transparent)]
    Transition(TransitionError),
    #[error("the proof is about a transition to another root, not about memory")]
    NoMemory,
    #[error("the proof is about memory, not about a transition to another root")]
    NoTransition,
    #[error("the proof is not about {asked}, but about {about}")]
    OtherClaim { asked: String, about: String },
    #[error("the proof is not about bytes")]
    NoBytes,
    #[error("--data has {}, the proof is about {proven}", counted(*.data as u64, "byte"))]
    OtherLength { proven: u64, data: usize },
    #[error("the byte at {} is proven to be {proven:#04x}, not {data:#04x}", located(*.address))]
    OtherData { address: u64, proven: u8, data: u8 },
}

impl Subject {
    fn is(self, claim: &Claim) -> bool {
        match self {
            Self::BytesAt(address) => *claim == Claim::bytes(address, claim.length),
            Self::Claim(asked) => *claim == asked,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::BytesAt(address) => format!("bytes at {}", located(address)),
            Self::Claim(claim) => describe(&claim),
        }
    }
}

impl Question {
    pub(super) fn new(arguments: &Arguments) -> Result<Self, InputError> {
        let data = arguments.data.as_ref().map(|source| source.read(CLAIMED_BYTES_LIMIT)).transpose()?;
        let length = match (arguments.length, &data) {
            (Some(length), Some(data)) if length != data.len() as u64 => {
                return Err(InputError::LengthOfData { length, data: data.len() });
            }
            (Some(length), _) => Some(length),
            (None, data) => data.as_ref().map(|data| data.len() as u64),
        };
        let address = arguments.address.map(|address| match length {
            Some(length) => Subject::Claim(Claim::bytes(address.packed(), length)),
            None => Subject::BytesAt(address.packed()),
        });
        // The data is for the first subject: it must be clear that this is what was meant.
        let ranges = arguments.claims.ranges.len();
        if data.is_some() && address.is_none() && (ranges > 1 || arguments.claims.is_without_ranges()) {
            return Err(InputError::WhichRange);
        }
        let subjects = address.into_iter().chain(arguments.claims.claims().map(Subject::Claim));
        Ok(Self { subjects: subjects.collect(), data })
    }

    /// Whether the proof itself says what it is about.
    pub(super) fn is_open(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Whether it is about memory at all.
    pub(super) fn is_about_memory(&self) -> bool {
        !self.is_open() || self.data.is_some()
    }

    /// Whether what is proven answers the question.
    pub(super) fn check(&self, proven: &[(Claim, Proven)]) -> Result<Result<(), Refusal>, InputError> {
        let missing = self.subjects.iter().find(|subject| !proven.iter().any(|(claim, _)| subject.is(claim)));
        if let Some(missing) = missing {
            let about = match proven {
                [(claim, _)] => describe(claim),
                claims => counted(claims.len() as u64, "other claim"),
            };
            return Ok(Err(Refusal::OtherClaim { asked: missing.describe(), about }));
        }
        let Some(data) = &self.data else { return Ok(Ok(())) };
        let meant = |claim: &Claim| self.subjects.first().is_none_or(|subject| subject.is(claim));
        let mut answers = proven.iter().filter(|(claim, _)| meant(claim));
        let Some((claim, answer)) = answers.next() else { return Ok(Err(Refusal::NoBytes)) };
        if answers.any(|(other, _)| other != claim) {
            return Err(InputError::WhichClaim(proven.len()));
        }
        Ok(compare(claim.address, answer, data))
    }
}

/// Verifies all that the proof claims: each claim with its proven value.
pub(super) fn prove_claims(proof: &MemoryProof, root: &Hash) -> Result<Vec<(Claim, Proven)>, Refusal> {
    let proven = proof.verify(root, &proof.claims).map_err(|error| match error {
        VerifyError::OtherRoot => Refusal::OtherRoot(proof.root),
        error => Refusal::Proof(error),
    })?;
    Ok(proof.claims.iter().copied().zip(proven).collect())
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
