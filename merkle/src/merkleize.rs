//! The SSZ function `merkleize` and its helpers
//! (consensus specifications, `ssz/simple-serialize.md`, "Merkleization").

use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use crate::hash::{Hash, ZERO_HASH, hash_pair, hash_pairs, zero_hash};

/// The number of levels of a tree with at least `leaves` leaves: `ceil(log2(leaves))`, 0 for none or one.
pub fn ceil_log2(leaves: u64) -> u32 {
    if leaves <= 1 { 0 } else { u64::BITS - (leaves - 1).leading_zeros() }
}

/// The root over `chunks`, padded with zero chunks to the next power of two of `limit`.
///
/// Zero subtrees behind the last chunk are folded in, not walked: the cost is that of the given chunks.
///
/// # Panics
/// If there are more chunks than `limit`: the caller has checked what it was given.
pub fn merkleize(chunks: &[Hash], limit: u64) -> Hash {
    assert!(chunks.len() as u64 <= limit.max(1), "{} chunks for a limit of {limit}", chunks.len());
    let depth = ceil_log2(limit);
    let Some(first) = chunks.first() else { return *zero_hash(depth) };
    if depth == 0 {
        return *first;
    }
    let mut layer = vec![ZERO_HASH; chunks.len().div_ceil(2)];
    let mut above = vec![ZERO_HASH; layer.len().div_ceil(2)];
    hash_layer(chunks, &ZERO_HASH, &mut layer);
    for level in 1..depth {
        above.truncate(layer.len().div_ceil(2));
        hash_layer(&layer, zero_hash(level), &mut above);
        mem::swap(&mut layer, &mut above);
    }
    layer[0]
}

/// The root over `2^depth` chunks of which those given, with their positions strictly ascending, are not zero. The cost is
/// `depth` hashes for each at most.
pub(crate) fn merkleize_sparse(mut chunks: Vec<(u32, Hash)>, depth: u32) -> Hash {
    for level in 0..depth {
        let mut parents = 0;
        let mut next = 0;
        while let Some(&(position, node)) = chunks.get(next) {
            let sibling = chunks.get(next + 1).filter(|(other, _)| other ^ 1 == position);
            next += 1 + usize::from(sibling.is_some());
            let parent = match sibling {
                Some((_, right)) => hash_pair(&node, right),
                None if position % 2 == 0 => hash_pair(&node, zero_hash(level)),
                None => hash_pair(zero_hash(level), &node),
            };
            chunks[parents] = (position / 2, parent);
            parents += 1;
        }
        chunks.truncate(parents);
    }
    chunks.first().map_or(*zero_hash(depth), |(_, root)| *root)
}

/// The parents of `nodes`, of which the last has the sibling `zero` if their number is odd.
fn hash_layer(nodes: &[Hash], zero: &Hash, parents: &mut [Hash]) {
    let (pairs, last) = nodes.split_at(nodes.len() & !1);
    let (pair_parents, last_parent) = parents.split_at_mut(pairs.len() / 2);
    hash_pairs(pairs, pair_parents);
    if let ([last], [parent]) = (last, last_parent) {
        *parent = hash_pair(last, zero);
    }
}

/// The roots of `count` trees of one size, a power of two of leaves each, that stand one behind the other in `leaves`. They
/// are hashed side by side, layer by layer, which is faster than one after the other.
///
/// # Panics
/// If the leaves are not those of so many trees: the caller has put them there.
pub fn merkleize_each(mut leaves: Vec<Hash>, count: usize) -> Vec<Hash> {
    let width = leaves.len().checked_div(count).unwrap_or_default();
    assert!(count == 0 || width.is_power_of_two(), "{} leaves for {count} trees", leaves.len());
    assert_eq!(width * count, leaves.len(), "leaves for {count} trees");
    let mut above = vec![ZERO_HASH; leaves.len() / 2];
    while leaves.len() > count {
        above.truncate(leaves.len() / 2);
        hash_pairs(&leaves, &mut above);
        mem::swap(&mut leaves, &mut above);
    }
    leaves
}

/// The root of an SSZ list: the root of its data with its length mixed in.
pub fn mix_in_length(root: &Hash, length: u64) -> Hash {
    hash_pair(root, &uint64_chunk(length))
}

/// A `uint64` as a chunk: 8 bytes little endian, 24 zero bytes.
pub fn uint64_chunk(value: u64) -> Hash {
    let mut chunk = ZERO_HASH;
    chunk[..8].copy_from_slice(&value.to_le_bytes());
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_are_those_of_the_next_power_of_two() {
        for (leaves, depth) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1 << 20, 20), (u64::MAX, 64)]
        {
            assert_eq!(ceil_log2(leaves), depth, "{leaves} leaves");
        }
    }

    #[test]
    fn missing_chunks_are_zero_chunks() {
        let chunk = uint64_chunk(7);
        assert_eq!(merkleize(&[chunk], 4), merkleize(&[chunk, ZERO_HASH, ZERO_HASH, ZERO_HASH], 4));
        assert_eq!(merkleize(&[], 1 << 20), *zero_hash(20));
        assert_eq!(merkleize(&[chunk], 1), chunk);
    }

    /// Trap 6: a limit of 2^64 leaves would never end if zero subtrees were walked.
    #[test]
    fn absent_leaves_cost_nothing() {
        let chunk = uint64_chunk(7);
        let folded = (0..64).fold(chunk, |node, depth| hash_pair(&node, zero_hash(depth)));
        assert_eq!(merkleize(&[chunk], u64::MAX), folded);
        assert_eq!(merkleize(&[], u64::MAX), *zero_hash(64));
    }
}
