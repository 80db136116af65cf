//! The integer-only form: the definition that every other form must equal.
#![allow(
    clippy::cast_possible_truncation,
    reason = "residues are below 283, quotients below 2^61, significands below 2^24"
)]
#![allow(clippy::large_stack_arrays, reason = "only the compiler builds the table")]

/// The moduli, in the order in which the quotients are added.
pub const MODULI: [u64; 8] = [251, 257, 263, 269, 271, 277, 281, 283];

/// Bits after the point of a [`fraction`].
pub const FRACTION_BITS: u32 = 61;

/// Quotients of a modulus, and room up to the largest modulus.
type Quotients = [u64; 283];

/// For each modulus `m` and residue `r`: `r / m`, rounded to 53 significant bits, in units of 2^-61.
pub(crate) static QUOTIENTS: [Quotients; 8] = quotient_table();

const fn quotient_table() -> [Quotients; 8] {
    let mut table = [[0; 283]; 8];
    let mut row = 0;
    while row < MODULI.len() {
        let mut residue = 1;
        while residue < MODULI[row] {
            table[row][residue as usize] = quotient(residue, MODULI[row]);
            residue += 1;
        }
        row += 1;
    }
    table
}

/// `residue / modulus` rounded to 53 significant bits, ties to even, in units of 2^-61: no binary64 quotient of these
/// has bits below, since none is less than 1/283.
const fn quotient(residue: u64, modulus: u64) -> u64 {
    let dividend = (residue as u128) << 80;
    let (quotient, remainder) = (dividend / modulus as u128, dividend % modulus as u128);
    let dropped = u128::BITS - quotient.leading_zeros() - 53;
    let (kept, rest) = (quotient >> dropped, quotient & ((1 << dropped) - 1));
    let half = 1 << (dropped - 1);
    let is_odd = kept & 1 == 1;
    let rounds_up = rest > half || (rest == half && (remainder > 0 || is_odd));
    let rounded = kept as u64 + rounds_up as u64;
    rounded << (dropped + FRACTION_BITS - 80)
}

/// The exact value of the synthesized binary64 number at `address`, in units of 2^-61: less than 2^61, with at most 53
/// significant bits.
pub fn fraction(address: u64, seed: u64) -> u64 {
    let x = address ^ seed;
    let mut sum = 0;
    for (modulus, quotients) in MODULI.iter().zip(&QUOTIENTS) {
        let residue = (x % modulus) as usize;
        // Eight quotients below 1 are below 2^64 units.
        sum = round(sum + quotients[residue], 53);
    }
    sum & ((1 << FRACTION_BITS) - 1)
}

/// `value` rounded to `bits` significant bits, ties to even.
fn round(value: u64, bits: u32) -> u64 {
    let length = u64::BITS - value.leading_zeros();
    let Some(dropped @ 1..) = length.checked_sub(bits) else { return value };
    let is_odd = (value >> dropped) & 1;
    ((value + (1 << (dropped - 1)) - 1 + is_odd) >> dropped) << dropped
}

/// The bits of the cell at `address`, computed with integers alone.
pub fn exact_cell(address: u64, seed: u64) -> u32 {
    let rounded = round(fraction(address, seed), 24);
    if rounded == 0 {
        return 0;
    }
    let length = u64::BITS - rounded.leading_zeros();
    let significand = ((rounded << rounded.leading_zeros()) >> 40) as u32;
    // The first bit of a fraction is worth a half: binary32's exponent 126. Adding the significand's own first bit makes
    // the exponent one more.
    let exponent = 125 + length - FRACTION_BITS;
    (exponent << 23) + significand
}

/// Makes `cells` those from address `start` on.
pub(crate) fn fill(seed: u64, start: u64, cells: &mut [u32]) {
    fill_one_by_one(start, cells, |address| exact_cell(address, seed));
}

/// Makes each of `cells` what `cell` gives for its address, and gives the address after the last.
pub(crate) fn fill_one_by_one(start: u64, cells: &mut [u32], cell: impl Fn(u64) -> u32) -> u64 {
    let mut address = start;
    for each in cells {
        *each = cell(address);
        address = address.wrapping_add(1);
    }
    address
}
