//! Containers whose clones share everything that is at rest: the first change after a rest copies the path to it, and further ones
//! copy nothing.
//!
//! The allocator keeps its state in them, so that a call that is dropped undoes it, and a clone of a settled one costs a few
//! reference counts.

mod bits;
mod held;
mod runs;
mod starts;
mod vector;

pub(crate) use bits::BitSet;
pub(crate) use held::{Held, Rest};
pub(crate) use runs::RunSet;
pub(crate) use starts::StartMap;
pub(crate) use vector::RadixVec;

#[cfg(test)]
mod tests;
