//! A sparse persistent vector: a radix tree whose nodes are changed in place while no clone shares them.

use std::array;
use std::sync::Arc;

/// Bits of an index that a level of the tree consumes.
const BITS: u32 = 5;
const FAN_OUT: usize = 1 << BITS;

/// A vector of 2^`bits` entries that all begin as `T::default()`. What was never written has no storage.
#[derive(Debug, Clone)]
pub(crate) struct RadixVec<T> {
    root: Node<T>,
    /// Levels of nodes; the lowest one has the entries.
    levels: u32,
    nothing: T,
}

#[derive(Debug, Clone)]
enum Node<T> {
    Empty,
    Branch(Arc<[Self; FAN_OUT]>),
    Leaf(Arc<[T; FAN_OUT]>),
}

impl<T: Clone + Default> RadixVec<T> {
    /// A vector of at least 2^`bits` entries; `bits` is at most 32.
    pub(crate) fn new(bits: u32) -> Self {
        Self { root: Node::Empty, levels: bits.div_ceil(BITS).max(1), nothing: T::default() }
    }

    /// The entry at `index`; the default behind the end.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> &T {
        if u64::from(index) >> (self.levels * BITS) != 0 {
            return &self.nothing;
        }
        let mut node = &self.root;
        let mut level = self.levels;
        loop {
            level -= 1;
            match node {
                Node::Empty => return &self.nothing,
                Node::Branch(children) => node = &children[place(index, level)],
                Node::Leaf(entries) => return &entries[place(index, level)],
            }
        }
    }

    /// The entry at `index`, to be changed.
    ///
    /// # Panics
    /// If the vector is shorter.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> &mut T {
        assert!(u64::from(index) >> (self.levels * BITS) == 0, "the index is within the vector");
        let mut node = &mut self.root;
        for level in (1..self.levels).rev() {
            if let Node::Empty = node {
                *node = Node::Branch(Arc::new(array::from_fn(|_| Node::Empty)));
            }
            node = match node {
                Node::Branch(children) => &mut Arc::make_mut(children)[place(index, level)],
                Node::Empty | Node::Leaf(_) => unreachable!("the upper levels have branches"),
            };
        }
        if let Node::Empty = node {
            *node = Node::Leaf(Arc::new(array::from_fn(|_| T::default())));
        }
        match node {
            Node::Leaf(entries) => &mut Arc::make_mut(entries)[place(index, 0)],
            Node::Empty | Node::Branch(_) => unreachable!("the lowest level has leaves"),
        }
    }
}

/// Where the path to `index` goes on, `level` levels above the entries.
#[inline]
fn place(index: u32, level: u32) -> usize {
    (index >> (level * BITS)) as usize % FAN_OUT
}
