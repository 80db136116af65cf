//! The rows of the table, by subject.

pub(crate) mod hashes;
pub(crate) mod proofs;
pub(crate) mod regions;
pub(crate) mod snapshots;
