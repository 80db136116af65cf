//! Tests of the crate from outside, against golden vectors, a naive twin of the state, and `ssz_rs`.

#![allow(clippy::unwrap_used, reason = "everything here is a test, its helpers too")]

#[cfg(feature = "generative")]
mod generative;
#[cfg(feature = "json")]
mod json;
mod memory_proofs;
mod oracle;
mod transitions;
mod traps;
mod twin;
mod vectors;
