//! The Weyl form: a cell from the exact linear sequence, where no rounding can make a difference.
//!
//! Exactly, the sum of the quotients' fractions is `x·α mod 1` with `α = Σ 1/M_i`. The binary64 sum differs from that by at
//! most 25·2^-53 around the circle: the eight quotients, each below 1, by 2^-54 each, and the seven sums by 2^-53 (below 2), twice
//! 2^-52 (below 4) and four times 2^-51 (below 8). If all numbers that near round to one binary32, that is the cell.
//! Otherwise, about once in a million cells, the integer-only form tells.
#![allow(clippy::inline_always, reason = "the vector forms are this code, compiled for more instructions")]
#![allow(clippy::cast_possible_truncation, reason = "what is above 1 goes; places in a block are below 16")]

use crate::exact::{MODULI, exact_cell, fill_one_by_one};

/// The product of the moduli, 65 bits: residues determine `x`.
pub(crate) const MODULI_PRODUCT: u128 = {
    let (mut product, mut index) = (1, 0);
    while index < MODULI.len() {
        product *= MODULI[index] as u128;
        index += 1;
    }
    product
};

/// `α · 2^128`, rounded down; `α` = 0.0297873…, the sum of the moduli's reciprocals.
const ALPHA: u128 = {
    let (mut numerator, mut index) = (0, 0);
    while index < MODULI.len() {
        numerator += MODULI_PRODUCT / MODULI[index] as u128;
        index += 1;
    }
    // Long division, a bit at a time.
    let (mut quotient, mut remainder, mut bit) = (0_u128, numerator, 0);
    while bit < 128 {
        remainder <<= 1;
        quotient <<= 1;
        if remainder >= MODULI_PRODUCT {
            remainder -= MODULI_PRODUCT;
            quotient |= 1;
        }
        bit += 1;
    }
    quotient
};

/// Cells that are computed side by side: a block is aligned, so that addresses and `x` differ in a block by the low bits alone.
const BLOCK: usize = 16;

/// How far, in units of 2^-64, a position may be from the binary64 sum: 25·2^11 for the sum's roundings, 3 for those of the position,
/// and 2^10 for that of the position's own binary64; a little more does not matter.
const GUARD: f64 = 52_240.0;

/// No cell has these bits.
const UNSURE: u32 = u32::MAX;

/// `x·α mod 1` in units of 2^-64; too small by less than 2: [`ALPHA`] by less than 2^-64 of these units, and the result by less
/// than one.
#[inline(always)]
fn position(x: u64) -> u64 {
    (u128::from(x).wrapping_mul(ALPHA) >> 64) as u64
}

/// The cell at a position, or [`UNSURE`]. Without a branch, so that it can be done for many at once.
#[inline(always)]
#[allow(
    clippy::cast_precision_loss,
    clippy::needless_bitwise_bool,
    reason = "rounding is what it is about; both conversions never decrease, so what lies between low and high rounds between; \
        a lazy operator would be a branch"
)]
fn cell_near(position: u64) -> u32 {
    const ONE: f64 = 18_446_744_073_709_551_616.0;
    let near = position as f64;
    // The binary64 sum lies between these two, for it is itself a binary64 number.
    let (low, high) = (near - GUARD, near + GUARD);
    let (low_cell, high_cell) = ((low as f32).to_bits(), (high as f32).to_bits());
    let is_sure = (low_cell == high_cell) & (low > 0.0) & (high < ONE);
    // From units of 2^-64 to 1: the exponent is less by 64.
    if is_sure { low_cell.wrapping_sub(64 << 23) } else { UNSURE }
}

/// The bits of the cell at `address`.
pub(crate) fn cell(address: u64, seed: u64) -> u32 {
    match cell_near(position(address ^ seed)) {
        UNSURE => exact_cell(address, seed),
        cell => cell,
    }
}

/// Makes `cells` those from address `start` on. It is inlined where the compiler may use more instructions.
#[inline(always)]
pub(crate) fn fill(seed: u64, start: u64, cells: &mut [u32]) {
    let before_block = (start.wrapping_neg() % BLOCK as u64) as usize;
    let (head, rest) = cells.split_at_mut(before_block.min(cells.len()));
    let one = |address| cell(address, seed);
    let mut address = fill_one_by_one(start, head, one);
    let mask = BLOCK as u64 - 1;
    let lanes: [u64; BLOCK] = core::array::from_fn(|lane| position(lane as u64 ^ (seed & mask)));
    let (blocks, tail) = rest.as_chunks_mut();
    for block in blocks {
        fill_block(position((address ^ seed) & !mask), &lanes, block, address, seed);
        address = address.wrapping_add(BLOCK as u64);
    }
    fill_one_by_one(address, tail, one);
}

#[inline(always)]
fn fill_block(base: u64, lanes: &[u64; BLOCK], block: &mut [u32; BLOCK], address: u64, seed: u64) {
    let mut union = 0;
    for (cell, lane) in block.iter_mut().zip(lanes) {
        *cell = cell_near(base.wrapping_add(*lane));
        union |= *cell;
    }
    // Cells are at most 1.0, which has not the first bit.
    if union >> 31 == 1 {
        settle_unsure(block, address, seed);
    }
}

#[cold]
#[inline(never)]
fn settle_unsure(block: &mut [u32; BLOCK], address: u64, seed: u64) {
    for (cell, lane) in block.iter_mut().zip(0..) {
        if *cell == UNSURE {
            *cell = exact_cell(address | lane, seed);
        }
    }
}

/// Whether the exact sequence does not tell the cell at `x`.
#[cfg(test)]
pub(crate) fn is_unsure(x: u64) -> bool {
    cell_near(position(x)) == UNSURE
}
