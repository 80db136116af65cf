//! SHA-256 of 64-byte messages (FIPS 180-4): the constants that all kernels share, and the portable kernel.

use sha2::block_api::compress256;

use super::{Hash, Pair, ZERO_HASH};

/// The initial state (FIPS 180-4, section 5.3.3).
pub(super) const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The second block of every 64-byte message: a one bit, zeros, and the length of 512 bits.
const PADDING_BLOCK: [u8; 64] = {
    let mut block = [0; 64];
    block[0] = 0x80;
    block[62] = 0x02;
    block
};

/// SHA-256 of `left || right` by the `sha2` crate, which runs everywhere.
pub(super) fn hash_pair(left: &Hash, right: &Hash) -> Hash {
    let mut block = [0; 64];
    block[..32].copy_from_slice(left);
    block[32..].copy_from_slice(right);
    let mut state = INITIAL_STATE;
    compress256(&mut state, &[block, PADDING_BLOCK]);
    let mut digest = ZERO_HASH;
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Hashes pair by pair. There are as many `parents` as `pairs`.
pub(super) fn hash_pairs(pairs: &[Pair], parents: &mut [Hash]) {
    for ([left, right], parent) in pairs.iter().zip(parents) {
        *parent = hash_pair(left, right);
    }
}
