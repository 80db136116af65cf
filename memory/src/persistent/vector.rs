//! A sparse persistent vector: a radix tree whose nodes are changed in place while no clone shares them.

use std::{array, mem, slice};

use super::{Held, Rest};

/// Bits of an index that a level of the tree consumes.
const BITS: u32 = 5;
const FAN_OUT: usize = 1 << BITS;

/// A vector of 2^`bits` entries that all begin as `T::default()`. What was never written has no storage.
#[derive(Debug, Clone)]
pub(crate) struct RadixVec<T> {
    root: Node<T>,
    /// Levels of nodes; the lowest one has the entries.
    levels: u32,
    /// The leaf that was changed last, with its number. The tree does not have it meanwhile: a further change of it needs no
    /// way down.
    hot: Option<(u32, Leaf<T>)>,
    nothing: T,
}

type Leaf<T> = Held<[T; FAN_OUT]>;

#[derive(Debug, Clone)]
enum Node<T> {
    Empty,
    Branch(Held<[Self; FAN_OUT]>),
    Leaf(Leaf<T>),
}

impl<T: Clone + Default> RadixVec<T> {
    /// A vector of at least 2^`bits` entries; `bits` is at most 32.
    pub(crate) fn new(bits: u32) -> Self {
        Self { root: Node::Empty, levels: bits.div_ceil(BITS).max(1), hot: None, nothing: T::default() }
    }

    /// The entry at `index`; the default behind the end.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> &T {
        if let Some((number, entries)) = &self.hot
            && *number == index >> BITS
        {
            return &entries[place(index, 0)];
        }
        self.get_cold(index)
    }

    /// The entry at `index`, which is in no hot leaf.
    #[inline(never)]
    fn get_cold(&self, index: u32) -> &T {
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
        let number = index >> BITS;
        if self.hot.as_ref().is_none_or(|hot| hot.0 != number) {
            self.heat(number);
        }
        let (_, entries) = self.hot.as_mut().expect("a leaf was taken out of the tree");
        &mut entries.to_mut()[place(index, 0)]
    }

    /// Puts the hot leaf back into the tree and takes another one out. If they are neighbours, that is one way down.
    #[inline(never)]
    fn heat(&mut self, number: u32) {
        assert!(u64::from(number) >> ((self.levels - 1) * BITS) == 0, "the index is within the vector");
        let first = || Held::new(array::from_fn(|_| T::default()));
        let mut hot = self.hot.take();
        if let (Node::Empty, None) = (&self.root, &hot) {
            // A single leaf needs no tree.
            self.hot = Some((number, first()));
            return;
        }
        if let Some((before, entries)) = hot.take_if(|hot| hot.0 >> BITS != number >> BITS) {
            self.neighbours_mut(before)[place(before, 0)] = Node::Leaf(entries);
        }
        let neighbours = self.neighbours_mut(number);
        if let Some((before, entries)) = hot {
            neighbours[place(before, 0)] = Node::Leaf(entries);
        }
        let entries = match mem::replace(&mut neighbours[place(number, 0)], Node::Empty) {
            Node::Leaf(entries) => entries,
            Node::Empty | Node::Branch(_) => first(),
        };
        self.hot = Some((number, entries));
    }

    /// The places of a leaf and of those beside it.
    fn neighbours_mut(&mut self, number: u32) -> &mut [Node<T>] {
        let mut neighbours = slice::from_mut(&mut self.root);
        for level in (0..self.levels - 1).rev() {
            let node = match neighbours {
                [root] => root,
                nodes => &mut nodes[place(number, level + 1)],
            };
            if let Node::Empty = node {
                *node = Node::Branch(Held::new(array::from_fn(|_| Node::Empty)));
            }
            neighbours = match node {
                Node::Branch(children) => &mut children.to_mut()[..],
                Node::Empty | Node::Leaf(_) => unreachable!("the upper levels have branches"),
            };
        }
        neighbours
    }
}

impl<T: Rest> Rest for RadixVec<T> {
    fn rest(&mut self) {
        self.hot = self.hot.take().map(|(number, leaf)| (number, leaf.rested()));
        self.root.rest();
    }
}

impl<T: Rest> Rest for Node<T> {
    fn rest(&mut self) {
        if let Self::Branch(Held::Own(_)) | Self::Leaf(Held::Own(_)) = self {
            *self = match mem::replace(self, Self::Empty) {
                Self::Branch(children) => Self::Branch(children.rested()),
                Self::Leaf(entries) => Self::Leaf(entries.rested()),
                Self::Empty => Self::Empty,
            };
        }
    }
}

/// Where the path to `index` goes on, `level` levels above the entries.
#[inline]
fn place(index: u32, level: u32) -> usize {
    (index >> (level * BITS)) as usize % FAN_OUT
}
