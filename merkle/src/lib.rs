//! SSZ merkleization, generalized indices, proofs and their strict, offline verification.
//!
//! This crate knows nothing of the virtual machine. It is `no_std` (with `alloc`), has no `unsafe`, and is all that
//! a light client needs.
#![no_std]

extern crate alloc;

mod gindex;
mod hash;
pub mod layout;
mod leaf;
mod merkleize;
mod multiproof;
mod proof;
mod single;

pub use gindex::{GeneralizedIndex, GindexError};
pub use hash::{Hash, ZERO_HASH, hash_pair, zero_hash};
pub use leaf::{PaddingError, RegionHeader, cap_root, decode_uint64_chunk, page_leaf, region_leaf};
pub use merkleize::{ceil_log2, merkleize, mix_in_length, uint64_chunk};
pub use multiproof::{MultiproofError, helper_indices, verify_multiproof};
pub use proof::{
    CLAIMED_BYTES_LIMIT, CLAIMS_LIMIT, Claim, ClaimError, DecodeError, LimitError, MemoryProof, NODES_LIMIT,
    PROOF_BYTES_LIMIT, PROOF_VERSION, ProveError, Proven, StateTree, VerifyError, verify_memory_proof,
};
pub use single::{BranchError, CapContent, SingleProof};
