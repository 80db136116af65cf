//! SSZ merkleization, generalized indices, proofs and their strict, offline verification.
//!
//! This crate knows nothing of the virtual machine. It is `no_std` (with `alloc`), has no `unsafe`, and is all that
//! a light client needs.
#![no_std]

extern crate alloc;

mod hash;
pub mod layout;
mod merkleize;

pub use hash::{Hash, ZERO_HASH, hash_pair, zero_hash};
pub use merkleize::{ceil_log2, merkleize, mix_in_length, uint64_chunk};
