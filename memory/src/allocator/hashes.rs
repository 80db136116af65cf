//! Cached Merkle nodes over 64 entries of a persistent tree: only what has changed is hashed again.

use std::sync::{Arc, OnceLock};

use travertine_merkle::{Hash, ZERO_HASH, hash_pairs, zero_hash};

/// Entries of a node of the persistent tree, one bit of a word each.
pub(super) const ENTRIES: usize = u64::BITS as usize;
/// Levels of the binary tree over them.
pub(super) const ENTRY_LEVELS: u32 = ENTRIES.ilog2();

/// The binary tree over the entries, by generalized index: 1 is the root, the entries are 64 to 127. Index 0 is unused.
type Nodes = [Hash; 2 * ENTRIES];

/// The nodes over the entries, so far as they are known.
#[derive(Debug, Clone, Default)]
pub(super) struct CachedHashes {
    /// The nodes as they are now, once they have been asked for.
    current: OnceLock<Arc<Nodes>>,
    /// The nodes as they were when they were last asked for.
    before: Option<Arc<Nodes>>,
    /// The entries that have changed since then.
    stale: u64,
}

impl CachedHashes {
    /// Notes that an entry changes.
    #[inline]
    pub(super) fn touch(&mut self, entry: usize) {
        if let Some(nodes) = self.current.take() {
            (self.before, self.stale) = (Some(nodes), 0);
        }
        self.stale |= 1 << entry;
    }

    /// The node at a generalized index from 1 to 127. `hash_entries` puts the hashes of the entries whose bits are set into
    /// their places. `levels` are below an entry.
    pub(super) fn node(
        &self,
        index: usize,
        levels: u32,
        hash_entries: impl FnOnce(u64, &mut [Hash]),
    ) -> Hash {
        self.current.get_or_init(|| {
            let before = self.before.clone();
            let mut nodes = before.unwrap_or_else(|| Arc::new(zero_nodes(levels)));
            let changed = Arc::make_mut(&mut nodes);
            hash_entries(self.stale, &mut changed[ENTRIES..]);
            hash_upwards(changed, self.stale);
            nodes
        })[index]
    }
}

/// The nodes over 64 entries with only zeros in the `levels` below each.
fn zero_nodes(levels: u32) -> Nodes {
    let mut nodes = [ZERO_HASH; 2 * ENTRIES];
    for level in 0..=ENTRY_LEVELS {
        let zero = *zero_hash(levels + ENTRY_LEVELS - level);
        nodes[1 << level..2 << level].fill(zero);
    }
    nodes
}

/// Hashes the nodes above the changed entries, layer by layer, those of a layer together.
fn hash_upwards(nodes: &mut Nodes, mut changed: u64) {
    let mut pairs = [ZERO_HASH; ENTRIES];
    let mut parents = [ZERO_HASH; ENTRIES / 2];
    for level in (0..ENTRY_LEVELS).rev() {
        let first = 1 << level;
        changed = halved(changed);
        let count = changed.count_ones() as usize;
        for (pair, parent) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(bits(changed)) {
            pair.copy_from_slice(&nodes[2 * (first + parent)..][..2]);
        }
        hash_pairs(&pairs[..2 * count], &mut parents[..count]);
        for (hash, parent) in parents.iter().zip(bits(changed)) {
            nodes[first + parent] = *hash;
        }
    }
}

/// The places of a word's set bits, ascending.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}

/// Bit `i` of the result is set if bit `2i` or `2i + 1` is.
fn halved(word: u64) -> u64 {
    bits(word).fold(0, |parents, bit| parents | 1 << (bit / 2))
}
