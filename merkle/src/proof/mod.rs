//! Memory proofs: bytes and regions of a settled state, proven by an SSZ multiproof from its root. Transition proofs: that
//! one root follows from another.
//! The format and the reasons for its rules are in `docs/proofs.md`.

mod claim;
mod codec;
mod container;
#[cfg(feature = "json")]
mod json;
mod plan;
mod prove;
mod transition;
mod verify;

use alloc::vec::Vec;

use thiserror::Error;

pub use claim::{CLAIMED_BYTES_LIMIT, Claim, ClaimError};
pub use codec::PROOF_BYTES_LIMIT;
pub use container::DecodeError;
#[cfg(feature = "json")]
pub use json::{JSON_BYTES_LIMIT, JsonError};
pub use prove::ProveError;
pub use transition::{
    CHANGES_LIMIT, ChangedRecord, ChangedRegion, PageChange, ProveTransitionError, RECORDS_LIMIT,
    StateCounts, TRANSITION_BYTES_LIMIT, TRANSITION_VERSION, TransitionError, TransitionHeader,
    TransitionProof, verify_transition_proof,
};
pub use verify::{Proven, VerifyError, verify_memory_proof};

use crate::hash::Hash;

/// The version of the proof format that this crate reads and writes.
pub const PROOF_VERSION: u64 = 1;
/// Claims in a proof at most.
pub const CLAIMS_LIMIT: usize = 1 << 16;
/// Leaves in a proof at most, and helpers at most.
pub const NODES_LIMIT: usize = 1 << 20;

/// A proof that claims hold in the state under a root: the fields of the SSZ container, in its order.
///
/// Nothing is implied by having one: only [`MemoryProof::verify`] tells what it proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryProof {
    /// [`PROOF_VERSION`].
    pub version: u64,
    /// Root of the state that the proof was made from.
    pub root: Hash,
    /// What is proven, up to [`CLAIMS_LIMIT`] claims.
    pub claims: Vec<Claim>,
    /// Generalized indices of the leaves, strictly descending, up to [`NODES_LIMIT`].
    pub gindices: Vec<u64>,
    /// The leaves, in the order of their indices.
    pub leaves: Vec<Hash>,
    /// The other nodes that lead to the root, in descending order of their indices, up to [`NODES_LIMIT`].
    pub helpers: Vec<Hash>,
}

/// A list of a proof is longer than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{elements} {list}, {limit} are allowed")]
pub struct LimitError {
    /// Name of the list.
    pub list: &'static str,
    /// Its length.
    pub elements: usize,
    /// The length allowed.
    pub limit: usize,
}

impl LimitError {
    fn check(list: &'static str, elements: usize, limit: usize) -> Result<(), Self> {
        if elements > limit { Err(Self { list, elements, limit }) } else { Ok(()) }
    }
}

impl MemoryProof {
    fn check_limits(&self) -> Result<(), LimitError> {
        LimitError::check("claims", self.claims.len(), CLAIMS_LIMIT)?;
        LimitError::check("gindices", self.gindices.len(), NODES_LIMIT)?;
        LimitError::check("leaves", self.leaves.len(), NODES_LIMIT)?;
        LimitError::check("helpers", self.helpers.len(), NODES_LIMIT)
    }
}
