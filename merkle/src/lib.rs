//! SSZ merkleization, generalized indices, proofs and their strict, offline verification.
//!
//! This crate knows nothing of the virtual machine, and is all that a light client needs: a root that it trusts, a proof
//! that anybody may have sent, and the claim it cares about.
//!
//! ```
//! use travertine_merkle::{Claim, verify_memory_proof};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut trusted_root = [0; 32];
//! hex::decode_to_slice("f9d1cdaa7f86f473243b83e9a2079307152a3f99a254a175ceaed1079cdce998", &mut trusted_root)?;
//! let mut proof = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/balance.proof"))?;
//!
//! // Eight bytes of region 2, the contract's persistent variables: a balance.
//! let claims = [Claim::bytes(0x2_0000_0040, 8)];
//! let proven = verify_memory_proof(&proof, &trusted_root, &claims)?;
//! assert_eq!(proven[0].bytes(), Some(&1_000_000_u64.to_le_bytes()[..]));
//!
//! // Whatever is changed, the proof fails.
//! proof[0x68] ^= 1;
//! assert!(verify_memory_proof(&proof, &trusted_root, &claims).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! A prover implements [`StateTree`] for its state and calls [`MemoryProof::prove`]. That one root follows from another by
//! changes of certain pages is proven by [`TransitionProof`]. Single nodes are proven by [`SingleProof`], nodes of any SSZ
//! tree by [`verify_multiproof`]. The places of the state tree are in [`layout`].
//!
//! # Features
//! `simd`, on by default: vectorised SHA-256, chosen at run time ([`Backend`]). It needs `std` and holds the only `unsafe`
//! of the crate, in one module. `json`: the JSON form of proofs, with `serde`; still `no_std`. `generative`: bytes of Generative
//! regions that nobody has written, which are no part of a proof but computed again; still `no_std`. Without it a claim of such
//! bytes is refused. With default features off the crate is `no_std` (with `alloc`) and forbids `unsafe`.
#![no_std]
#![cfg_attr(not(feature = "simd"), forbid(unsafe_code))]

extern crate alloc;
#[cfg(feature = "simd")]
extern crate std;

mod allocation;
mod gindex;
mod hash;
pub mod layout;
mod leaf;
mod merkleize;
mod multiproof;
mod proof;
mod single;
mod state;
mod synthesis;

pub use allocation::{AllocationRecord, fragments_root};
pub use gindex::{GeneralizedIndex, GindexError};
pub use hash::{Backend, BackendError, Hash, ZERO_HASH, hash_pair, hash_pairs, zero_hash};
pub use leaf::{
    Generator, PaddingError, RegionHeader, WRITTEN_MARK, cap_root, decode_uint64_chunk, generative_cap_root,
    page_is_zero, page_leaf, page_leaves, region_leaf, written_page_leaf,
};
pub use merkleize::{ceil_log2, merkleize, merkleize_each, mix_in_length, uint64_chunk};
pub use multiproof::{
    MultiproofError, NodeOrigin, ProofNode, helper_indices, multiproof_nodes, verify_multiproof,
};
pub use proof::{
    CHANGES_LIMIT, CLAIMED_BYTES_LIMIT, CLAIMS_LIMIT, ChangedRecord, ChangedRegion, Claim, ClaimError,
    DecodeError, LimitError, MemoryProof, NODES_LIMIT, PROOF_BYTES_LIMIT, PROOF_VERSION, PageChange,
    ProveError, ProveTransitionError, Proven, RECORDS_LIMIT, StateCounts, TRANSITION_BYTES_LIMIT,
    TRANSITION_VERSION, TransitionError, TransitionHeader, TransitionProof, VerifyError, verify_memory_proof,
    verify_transition_proof,
};
#[cfg(feature = "json")]
pub use proof::{JSON_BYTES_LIMIT, JsonError};
pub use single::{BranchError, CapContent, SingleProof};
pub use state::StateTree;
