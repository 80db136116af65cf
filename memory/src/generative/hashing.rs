//! Hash functions and mixers: fixed by the formats, fast, and none of them fit for anything adversarial.
//!
//! All arithmetic is modulo 2^64. Strings are hashed by their Unicode scalar values, not by their UTF-8 bytes; for ASCII the two
//! are the same.

/// FNV's offset basis and prime for 64 bits.
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;
/// The multipliers of splitmix64.
pub(super) const MIX_1: u64 = 0xBF58_476D_1CE4_E5B9;
pub(super) const MIX_2: u64 = 0x94D0_49BB_1331_11EB;
/// The golden ratio in 32 and 64 bits.
const GOLDEN_32: u32 = 0x9E37_79B9;
const GOLDEN_64: u64 = 0x9E37_79B9_7F4A_7C15;

/// The whole word hashed as one unit of FNV-1a: not the FNV-1a of its bytes.
pub const fn fnv1a_u64(value: u64) -> u64 {
    (FNV_OFFSET ^ value).wrapping_mul(FNV_PRIME)
}

/// FNV-1a over the string's scalar values, from the offset basis combined with `salt`.
pub fn fnv1a_string(text: &str, salt: u64) -> u64 {
    text.chars().fold(FNV_OFFSET ^ salt, |hash, unit| (hash ^ u64::from(unit)).wrapping_mul(FNV_PRIME))
}

/// DJB2 over the string's scalar values.
pub fn djb2(text: &str) -> u64 {
    text.chars().fold(5381, |hash: u64, unit| hash.wrapping_mul(33).wrapping_add(unit.into()))
}

/// CRC-32 of ISO-HDLC: reflected polynomial 0xEDB88320, first and last exclusive or with all ones.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Rounds of the Feistel network.
const ROUNDS: usize = 4;

/// A permutation of the 64-bit words: a Feistel network of four rounds. Of the seed only the low 32 bits matter.
pub const fn feistel(value: u64, seed: u64) -> u64 {
    let (mut left, mut right) = halves(value);
    let mut round = 0;
    while round < ROUNDS {
        (left, right) = (right, left ^ feistel_round(right, seed));
        round += 1;
    }
    joined(left, right)
}

/// The word that [`feistel`] makes `value`.
pub const fn feistel_inverse(value: u64, seed: u64) -> u64 {
    let (mut left, mut right) = halves(value);
    let mut round = 0;
    while round < ROUNDS {
        (left, right) = (right ^ feistel_round(left, seed), left);
        round += 1;
    }
    joined(left, right)
}

#[allow(clippy::cast_possible_truncation, reason = "of the seed the low half is used")]
const fn feistel_round(half: u32, seed: u64) -> u32 {
    half.wrapping_mul(GOLDEN_32).wrapping_add(seed as u32)
}

#[allow(clippy::cast_possible_truncation, reason = "the low half")]
const fn halves(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}

const fn joined(left: u32, right: u32) -> u64 {
    (left as u64) << 32 | right as u64
}

/// The address of a sector's first cell: for each seed a permutation of the 64-bit words.
pub const fn xi(sector: u64, seed: u64) -> u64 {
    let mixed = (sector ^ seed).wrapping_mul(MIX_1);
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(MIX_2);
    mixed ^ mixed >> 33
}

/// The sector that [`xi`] maps to `address`.
pub const fn xi_inverse(address: u64, seed: u64) -> u64 {
    let mixed = (address ^ address >> 33).wrapping_mul(inverse(MIX_2));
    (mixed ^ mixed >> 33).wrapping_mul(inverse(MIX_1)) ^ seed
}

/// The finalizer of `MurmurHash3` for 64 bits.
pub const fn fmix64(value: u64) -> u64 {
    let mixed = (value ^ value >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ mixed >> 33
}

/// The output of splitmix64 whose state is `address` plus `seed`: for each seed a permutation of the 64-bit words.
pub const fn vl_mask(address: u64, seed: u64) -> u64 {
    let state = address.wrapping_add(seed).wrapping_add(GOLDEN_64);
    let mixed = (state ^ state >> 30).wrapping_mul(MIX_1);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(MIX_2);
    mixed ^ mixed >> 31
}

/// The address that [`vl_mask`] maps to `mask`.
pub const fn vl_mask_inverse(mask: u64, seed: u64) -> u64 {
    let mixed = (mask ^ mask >> 31 ^ mask >> 62).wrapping_mul(inverse(MIX_2));
    let mixed = (mixed ^ mixed >> 27 ^ mixed >> 54).wrapping_mul(inverse(MIX_1));
    let state = mixed ^ mixed >> 30 ^ mixed >> 60;
    state.wrapping_sub(GOLDEN_64).wrapping_sub(seed)
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration: each step doubles the bits that are right, from three.
pub(super) const fn inverse(odd: u64) -> u64 {
    let (mut inverse, mut bits) = (odd, 3);
    while bits < u64::BITS {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse
}
