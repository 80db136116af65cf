//! A cell: a binary32 number, held as its bits, and the ways between it and binary64.
//!
//! Bits that are only moved stay as they are, signalling NaNs included. A NaN that comes from arithmetic has the same bits on
//! every processor, [`NAN_CELL`].

/// The bits of a NaN that arithmetic makes.
pub const NAN_CELL: u32 = 0x7FC0_0000;
/// The same in the binary64 view.
const NAN: f64 = f64::from_bits(0x7FF8_0000_0000_0000);

/// The cell nearest to a number, ties to even: subnormal numbers and the sign of zero are kept, too large ones become infinite, any NaN
/// becomes [`NAN_CELL`].
#[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
pub fn to_cell(value: f64) -> u32 {
    if value.is_nan() { NAN_CELL } else { (value as f32).to_bits() }
}

/// The number that a cell holds, exactly; of a NaN the one that arithmetic makes.
pub fn to_f64(cell: u32) -> f64 {
    canonical(f32::from_bits(cell).into())
}

/// The number, or the one NaN that there is.
pub(super) fn canonical(value: f64) -> f64 {
    if value.is_nan() { NAN } else { value }
}

/// The synthesized number at an address, exactly as its rule says: in [0, 1).
#[allow(clippy::cast_precision_loss, reason = "a fraction has 53 significant bits at most")]
pub fn synthesized_f64(address: u64, seed: u64) -> f64 {
    const UNIT: f64 = 1.0 / (1_u64 << travertine_vrns::FRACTION_BITS) as f64;
    travertine_vrns::fraction(address, seed) as f64 * UNIT
}
