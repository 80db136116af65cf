//! An intention and a law, at a place and with an event, give three residues and their number.

use super::crt::{CRT_MODULI, U192, crt};
use crate::generative::hashing::djb2;

/// What [`solve`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solution {
    /// The residues by [`CRT_MODULI`].
    pub residues: [u64; 3],
    /// The number that has them.
    pub value: U192,
}

/// Mixes all that is given into 64 bits, takes three residues of their multiples, and joins these. No hash: an intention and a law that are
/// equal cancel, and the 192 bits tell no more than the 64.
pub fn solve(seed: u64, intention: &str, law: &str, point: (u64, u64), event: u64) -> Solution {
    let (x, y) = point;
    let mixed = djb2(intention) ^ djb2(law) ^ event ^ seed ^ x ^ y << 13;
    let residues = CRT_MODULI.map(|modulus| mixed.wrapping_mul(modulus) % modulus);
    Solution { residues, value: crt(residues) }
}
