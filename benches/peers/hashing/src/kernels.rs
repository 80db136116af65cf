//! Libraries that hash 64-byte blocks and leave trees to their users, and the simplest trees that such a user would write.

use std::marker::PhantomData;
use std::sync::LazyLock;

use sha2::block_api::compress256;

use crate::content::{Hash, PAGE_BYTES, PageBytes};

/// A way to hash sibling pairs.
pub(crate) trait Kernel {
    /// Each parent of two nodes.
    fn hash(nodes: &[Hash], parents: &mut [Hash]);
}

/// The compression function of `sha2`, pair by pair, with a constant padding block.
pub(crate) struct Sha2;

impl Kernel for Sha2 {
    fn hash(nodes: &[Hash], parents: &mut [Hash]) {
        const INITIAL_STATE: [u32; 8] = [
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ];
        const PADDING: [u8; 64] = {
            let mut block = [0; 64];
            block[0] = 0x80;
            block[62] = 0x02;
            block
        };
        for (block, parent) in nodes.as_flattened().as_chunks().0.iter().zip(parents) {
            let mut state = INITIAL_STATE;
            compress256(&mut state, &[*block, PADDING]);
            parent.as_chunks_mut().0.copy_from_slice(&state.map(u32::to_be_bytes));
        }
    }
}

/// `hashtree-rs`, which chooses its assembly by the processor.
pub(crate) struct Hashtree;

impl Kernel for Hashtree {
    fn hash(nodes: &[Hash], parents: &mut [Hash]) {
        static INITIALIZED: LazyLock<i32> = LazyLock::new(hashtree_rs::init);
        LazyLock::force(&INITIALIZED);
        let blocks = parents.len();
        assert_eq!(nodes.len(), 2 * blocks, "the library does not check it");
        hashtree_rs::hash(parents.as_flattened_mut(), nodes.as_flattened(), blocks);
    }
}

/// The root over leaves, of which there is a power of two, two or more.
pub(crate) fn root<K: Kernel>(leaves: &[Hash]) -> Hash {
    let mut layer = vec![[0; 32]; leaves.len() / 2];
    let mut above = vec![[0; 32]; leaves.len() / 4];
    K::hash(leaves, &mut layer);
    while layer.len() > 1 {
        above.truncate(layer.len() / 2);
        K::hash(&layer, &mut above);
        std::mem::swap(&mut layer, &mut above);
    }
    layer[0]
}

/// The root over a page's chunks.
pub(crate) fn page_root<K: Kernel>(page: &PageBytes) -> Hash {
    const CHUNKS: usize = PAGE_BYTES / 32;
    let (mut layer, mut above) = ([[0; 32]; CHUNKS / 2], [[0; 32]; CHUNKS / 2]);
    K::hash(page.as_chunks().0, &mut layer);
    let mut nodes = CHUNKS / 2;
    while nodes > 1 {
        K::hash(&layer[..nodes], &mut above[..nodes / 2]);
        std::mem::swap(&mut layer, &mut above);
        nodes /= 2;
    }
    layer[0]
}

/// All nodes of a tree in one array: the root at 1, the children of `i` at `2 * i` and `2 * i + 1`. It is changed in place, has
/// one version only, and keeps no content.
pub(crate) struct ArrayTree<K> {
    nodes: Vec<Hash>,
    /// Nodes to be hashed, their children, and their hashes.
    dirty: Vec<usize>,
    children: Vec<Hash>,
    parents: Vec<Hash>,
    kernel: PhantomData<K>,
}

impl<K: Kernel> ArrayTree<K> {
    /// A tree all of whose leaves are `leaf`; there is a power of two of them.
    pub(crate) fn filled(leaf: Hash, leaves: usize) -> Self {
        let mut nodes = vec![leaf; 2 * leaves];
        let (mut node, mut end) = ([leaf], leaves);
        while end > 1 {
            let children = [node[0]; 2];
            K::hash(&children, &mut node);
            nodes[end / 2..end].fill(node[0]);
            end /= 2;
        }
        Self { nodes, dirty: Vec::new(), children: Vec::new(), parents: Vec::new(), kernel: PhantomData }
    }

    /// The root after leaves have been replaced; they ascend by index.
    pub(crate) fn update(&mut self, leaves: impl Iterator<Item = (usize, Hash)>) -> Hash {
        self.dirty.clear();
        let first = self.nodes.len() / 2;
        for (index, leaf) in leaves {
            self.nodes[first + index] = leaf;
            self.dirty.push(first + index);
        }
        while self.dirty.first().is_some_and(|&node| node > 1) {
            self.hash_layer();
        }
        self.nodes[1]
    }

    /// Hashes the parents of the dirty nodes, which are the dirty ones then.
    fn hash_layer(&mut self) {
        self.dirty.iter_mut().for_each(|node| *node /= 2);
        self.dirty.dedup();
        self.children.clear();
        for node in &self.dirty {
            self.children.extend_from_slice(&self.nodes[2 * node..2 * node + 2]);
        }
        self.parents.resize(self.dirty.len(), [0; 32]);
        K::hash(&self.children, &mut self.parents);
        self.dirty.iter().zip(&self.parents).for_each(|(&node, hash)| self.nodes[node] = *hash);
    }
}
