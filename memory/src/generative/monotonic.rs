//! An order of all indices by seeded numbers that never decrease: a view in binary64, and an exact one in 128 bits.

use super::hashing::feistel;

/// 2^-64.
const UNIT: f64 = 1.0 / 18_446_744_073_709_551_616.0;

/// The exact place of an index: the index in the upper half, its permuted value in the lower, read as a fraction of 2^128.
/// Strictly increasing in the index.
pub fn order_key(index: u64, seed: u64) -> u128 {
    u128::from(index) << 64 | u128::from(feistel(index, seed))
}

/// The least index whose [`order_key`] is `target` or more; `None` if there is none.
pub fn lower_bound(target: u128, seed: u64) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    let (index, rest) = ((target >> 64) as u64, target as u64);
    if feistel(index, seed) >= rest { Some(index) } else { index.checked_add(1) }
}

/// The least fraction of 2^128 that is `target` or more; `None` unless 0 < `target` < 1.
pub fn to_fraction(target: f64) -> Option<u128> {
    if !(target > 0.0 && target < 1.0) {
        return None;
    }
    let bits = target.to_bits();
    let (exponent, fraction) = (bits >> 52, u128::from(bits & ((1 << 52) - 1)));
    let significand = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    // The number is significand · 2^(exponent - 1075); 1075 - 128 = 947.
    match exponent.max(1).checked_sub(947) {
        Some(left) => Some(significand << left),
        None => Some(ceil_shift(significand, 947 - exponent.max(1))),
    }
}

/// `value / 2^shift`, rounded up.
fn ceil_shift(value: u128, shift: u64) -> u128 {
    let shift = u32::try_from(shift).unwrap_or(u32::MAX);
    let kept = value.checked_shr(shift).unwrap_or(0);
    kept + u128::from(kept.checked_shl(shift) != Some(value))
}

/// `index / (2^64 - 1)`, rounded once: to 53 bits, where the infinite tail of the quotient breaks ties upwards.
#[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
fn ratio(index: u64) -> f64 {
    let length = u64::BITS - index.leading_zeros();
    let Some(dropped @ 1..) = length.checked_sub(53) else { return index as f64 * UNIT };
    let rounded = (index >> dropped) + (index >> (dropped - 1) & 1);
    rounded as f64 * (1_u64 << dropped) as f64 * UNIT
}

/// The place of an index as a binary64 number between 0 and 1, both included. It never decreases with the index, but neighbours
/// above 2^46 may share a number; [`order_key`] tells them apart.
pub fn monotonic(index: u64, seed: u64) -> f64 {
    ratio(index) + ratio(feistel(index, seed)) * UNIT
}
