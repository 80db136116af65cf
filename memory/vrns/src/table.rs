//! The table form: binary64 quotients from a table, added from left to right.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "residues are below 283, sums below 8, quotients have 53 bits; rounding to binary32 is the rule"
)]
#![allow(clippy::large_stack_arrays, reason = "only the compiler builds the table")]

use crate::exact::{FRACTION_BITS, MODULI, QUOTIENTS, fill_one_by_one};

/// The quotients as binary64 numbers, for each modulus and residue.
static FLOATS: [[f64; 283]; 8] = {
    let unit = 1.0 / (1_u64 << FRACTION_BITS) as f64;
    let mut floats = [[0.0; 283]; 8];
    let mut row = 0;
    while row < floats.len() {
        let mut residue = 0;
        while residue < floats[row].len() {
            // Exact: a quotient has 53 significant bits.
            floats[row][residue] = QUOTIENTS[row][residue] as f64 * unit;
            residue += 1;
        }
        row += 1;
    }
    floats
};

/// The bits of the cell at `address`.
pub(crate) fn cell(address: u64, seed: u64) -> u32 {
    let x = address ^ seed;
    let mut sum = 0.0;
    for (modulus, quotients) in MODULI.iter().zip(&FLOATS) {
        sum += quotients[(x % modulus) as usize];
    }
    ((sum - f64::from(sum as i32)) as f32).to_bits()
}

/// Makes `cells` those from address `start` on.
pub(crate) fn fill(seed: u64, start: u64, cells: &mut [u32]) {
    fill_one_by_one(start, cells, |address| cell(address, seed));
}
