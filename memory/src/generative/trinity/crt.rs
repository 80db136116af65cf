//! A number below the product of three moduli from its residues, by Garner's algorithm.

/// The moduli, pairwise coprime. The first and the last are prime.
pub const CRT_MODULI: [u64; 3] = [0xFFFF_FFFF_0000_0001, 0xFFFF_FFFF_7FFF_FFFF, 0xFFFF_FFFF_FFFF_FFC5];

/// The inverses of the first modulus modulo the second and the third, and of the second modulo the third.
const INVERSE_1_2: u64 = 0xC4EC_4EC4_B13B_13B1;
const INVERSE_1_3: u64 = 0xD1F2_8D8E_34D9_2D24;
const INVERSE_2_3: u64 = 0x7048_75DC_E0D5_67FC;

/// A number of 192 bits: three limbs, the lowest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct U192(pub [u64; 3]);

impl U192 {
    /// The remainder of a division.
    ///
    /// # Panics
    /// If the divisor is 0.
    pub fn remainder(self, divisor: u64) -> u64 {
        self.0
            .iter()
            .rev()
            .fold(0, |rest, limb| remainder(u128::from(rest) << 64 | u128::from(*limb), divisor))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a remainder is less than its divisor")]
fn remainder(value: u128, divisor: u64) -> u64 {
    (value % u128::from(divisor)) as u64
}

/// `(value - other) · factor`, modulo `modulus`. The value is already reduced.
fn step(value: u64, other: u64, factor: u64, modulus: u64) -> u64 {
    let other = other % modulus;
    let difference = if value >= other { value - other } else { value + (modulus - other) };
    remainder(u128::from(difference) * u128::from(factor), modulus)
}

/// The number below the product of [`CRT_MODULI`] that has these residues, which are reduced first.
#[allow(clippy::cast_possible_truncation, reason = "limbs")]
pub fn crt(residues: [u64; 3]) -> U192 {
    let [m1, m2, m3] = CRT_MODULI;
    let v1 = residues[0] % m1;
    let v2 = step(residues[1] % m2, v1, INVERSE_1_2, m2);
    let v3 = step(step(residues[2] % m3, v1, INVERSE_1_3, m3), v2, INVERSE_2_3, m3);
    // v1 + m1·(v2 + m2·v3): the bracket is less than m2·m3, which has 128 bits.
    let bracket = u128::from(v2) + u128::from(m2) * u128::from(v3);
    let low = u128::from(m1) * u128::from(bracket as u64) + u128::from(v1);
    let high = u128::from(m1) * (bracket >> 64) + (low >> 64);
    U192([low as u64, high as u64, (high >> 64) as u64])
}
