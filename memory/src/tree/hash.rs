//! Hashes of a tree's nodes: each computed once, layer by layer, many at a time.

use travertine_merkle::{Hash, ZERO_HASH, hash_pair, hash_pairs, zero_hash};

use super::{Branch, Node};
use crate::parallel::for_each_part;

/// Nodes of a layer that are worth a thread of their own. Two threads break even at about 4,000 together, and gain as pages do
/// from twice as many on.
const BRANCHES_PER_THREAD: usize = 4096;
/// Nodes of a layer that are hashed by one call: enough for the widest kernel, and few enough for the nearest cache.
const BATCH: usize = 64;

impl Node {
    /// The subtree's hash; `levels` are below it. What has been hashed before is not hashed again.
    pub(crate) fn hash(&self, levels: u32) -> Hash {
        if let Some(hash) = self.known_hash(levels) {
            return hash;
        }
        let mut pending = Vec::new();
        self.collect_pending(levels, &mut pending);
        pending.sort_by_key(|&(levels, _)| levels);
        for layer in pending.chunk_by(|a, b| a.0 == b.0) {
            for_each_part(layer, BRANCHES_PER_THREAD, hash_layer);
        }
        self.known_hash(levels).expect("all branches of the subtree have been hashed")
    }

    /// The subtree's hash if it need not be computed from nodes below.
    fn known_hash(&self, levels: u32) -> Option<Hash> {
        match self {
            Self::Empty => Some(*zero_hash(levels)),
            Self::Page(page, form) => Some(form.leaf(&page.leaf())),
            Self::Missing(content, form) => Some(form.leaf(content)),
            Self::Branch(branch, ..) => branch.hash.get().copied(),
        }
    }

    /// The branches of the subtree that have no hash yet, each with the levels below it. Above such a branch no other has
    /// one, so hashed subtrees are not walked.
    fn collect_pending<'a>(&'a self, levels: u32, pending: &mut Vec<(u32, &'a Branch)>) {
        if let Self::Branch(branch, ..) = self
            && branch.hash.get().is_none()
        {
            pending.push((levels, branch));
            branch.left.collect_pending(levels - 1, pending);
            branch.right.collect_pending(levels - 1, pending);
        }
    }
}

impl Branch {
    /// The two nodes below, when both have their hash.
    fn children(&self, levels: u32) -> [Hash; 2] {
        [&self.left, &self.right]
            .map(|child| child.known_hash(levels - 1).expect("lower layers are hashed first"))
    }

    pub(super) fn set_hash(&self, hash: Hash) {
        // Another thread may have been faster, with the same result.
        self.hash.get_or_init(|| hash);
    }
}

/// Hashes branches of one layer, those below having been hashed.
fn hash_layer(layer: &[(u32, &Branch)]) {
    if let [(levels, branch)] = layer {
        let [left, right] = branch.children(*levels);
        return branch.set_hash(hash_pair(&left, &right));
    }
    let mut nodes = Vec::with_capacity(2 * BATCH.min(layer.len()));
    let mut hashes = [ZERO_HASH; BATCH];
    for batch in layer.chunks(BATCH) {
        nodes.clear();
        nodes.extend(batch.iter().flat_map(|(levels, branch)| branch.children(*levels)));
        hash_pairs(&nodes, &mut hashes[..batch.len()]);
        batch.iter().zip(hashes).for_each(|((_, branch), hash)| branch.set_hash(hash));
    }
}
