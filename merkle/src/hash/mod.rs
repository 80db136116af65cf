//! SHA-256 of pairs of 32-byte nodes, one by one or in batches, and the roots of all-zero subtrees.
//!
//! Every node of a tree is the SHA-256 of 64 bytes. Layers of a tree are hashed in batches, so that a kernel which hashes
//! many pairs side by side can be used. Which one is used is told by [`Backend`]; it never changes a result.

mod backend;
mod sha256;
#[cfg_attr(not(all(feature = "simd", target_arch = "x86_64")), path = "no_simd.rs")]
mod simd;
#[cfg(test)]
mod tests;
mod zero;

pub use backend::{Backend, BackendError};
pub use zero::zero_hash;

/// A 32-byte SSZ node: a chunk of data or the hash of two nodes.
pub type Hash = [u8; 32];

/// The all-zero chunk.
pub const ZERO_HASH: Hash = [0; 32];

/// Two siblings: 64 bytes without a gap.
type Pair = [Hash; 2];

/// SHA-256 of `left || right`.
pub fn hash_pair(left: &Hash, right: &Hash) -> Hash {
    let mut parent = ZERO_HASH;
    backend::kernel().hash_pairs(&[[*left, *right]], core::slice::from_mut(&mut parent));
    parent
}

/// The layer above `nodes`: `parents[i]` becomes SHA-256 of `nodes[2 * i] || nodes[2 * i + 1]`.
///
/// # Panics
/// If there are not twice as many `nodes` as `parents`: the caller has sized both.
pub fn hash_pairs(nodes: &[Hash], parents: &mut [Hash]) {
    let (pairs, rest) = nodes.as_chunks();
    assert!(
        rest.is_empty() && pairs.len() == parents.len(),
        "{} nodes for {} parents",
        nodes.len(),
        parents.len()
    );
    backend::kernel().hash_pairs(pairs, parents);
}
