//! Containers whose clones share everything: a change copies the path to it, or nothing if no clone is left.
//!
//! The allocator keeps its state in them, so that a call that is dropped undoes it and a clone costs a few reference counts.

mod bits;
mod runs;
mod starts;
mod vector;

pub(crate) use bits::BitSet;
pub(crate) use runs::RunSet;
pub(crate) use starts::StartMap;
pub(crate) use vector::RadixVec;

#[cfg(test)]
mod tests;
