//! Generalized indices: the numbers of a binary tree's nodes, the root being 1 and the children of `i` being `2i` and
//! `2i + 1` (consensus specifications, `ssz/merkle-proofs.md`, "Generalized Merkle tree index").

use core::fmt;
use core::num::NonZeroU64;

use thiserror::Error;

/// The number of a node of a binary tree of at most 63 levels below its root.
///
/// Greater indices are deeper, or further right on the same level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GeneralizedIndex(NonZeroU64);

/// Why there is no such generalized index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GindexError {
    /// Zero is the number of no node.
    #[error("generalized index 0 names no node")]
    Zero,
    /// The node's number would not fit 64 bits.
    #[error("a node {below} levels below generalized index {index} is deeper than 63 levels")]
    TooDeep {
        /// The index that was descended from.
        index: u64,
        /// How many levels below it the node would be.
        below: u32,
    },
    /// There is no such position on a level of this depth.
    #[error("position {position} is outside a level of 2^{depth} nodes")]
    Position {
        /// The position asked for, counted from the left.
        position: u64,
        /// The level's depth below its subtree's root.
        depth: u32,
    },
}

impl GeneralizedIndex {
    /// The root of a tree.
    pub const ROOT: Self = Self(NonZeroU64::MIN);

    /// The node that is numbered `index`.
    ///
    /// # Errors
    /// [`GindexError::Zero`] for 0.
    pub fn new(index: u64) -> Result<Self, GindexError> {
        NonZeroU64::new(index).map(Self).ok_or(GindexError::Zero)
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Levels below the root, 0 to 63.
    pub const fn depth(self) -> u32 {
        self.0.ilog2()
    }

    /// Whether the node is its parent's right child. The root is not.
    pub const fn is_right(self) -> bool {
        self.get() > 1 && self.get() & 1 == 1
    }

    /// The node above; `None` for the root.
    pub fn parent(self) -> Option<Self> {
        NonZeroU64::new(self.get() >> 1).map(Self)
    }

    /// The other child of the same parent; `None` for the root.
    pub fn sibling(self) -> Option<Self> {
        self.parent()?;
        NonZeroU64::new(self.get() ^ 1).map(Self)
    }

    /// The left child.
    ///
    /// # Errors
    /// [`GindexError::TooDeep`] below level 63.
    pub fn left(self) -> Result<Self, GindexError> {
        self.descendant(1, 0)
    }

    /// The right child.
    ///
    /// # Errors
    /// [`GindexError::TooDeep`] below level 63.
    pub fn right(self) -> Result<Self, GindexError> {
        self.descendant(1, 1)
    }

    /// The node at `position` (from the left) of the level `depth` below this node: `self * 2^depth + position`.
    ///
    /// # Errors
    /// [`GindexError::TooDeep`] below level 63, [`GindexError::Position`] for a position of `2^depth` or more.
    pub fn descendant(self, depth: u32, position: u64) -> Result<Self, GindexError> {
        if depth > self.0.leading_zeros() {
            return Err(GindexError::TooDeep { index: self.get(), below: depth });
        }
        if position >> depth != 0 {
            return Err(GindexError::Position { position, depth });
        }
        Self::new(self.get() << depth | position)
    }

    /// The place, seen from this tree's root, of the node `below` of the subtree at this node
    /// (the specification's `concat_generalized_indices`).
    ///
    /// # Errors
    /// [`GindexError::TooDeep`] if that is below level 63.
    pub fn concat(self, below: Self) -> Result<Self, GindexError> {
        let depth = below.depth();
        self.descendant(depth, below.get() ^ (1 << depth))
    }

    /// Whether `other` lies in the subtree below this node. No node is its own ancestor.
    pub fn is_ancestor_of(self, other: Self) -> bool {
        other.depth() > self.depth() && other.get() >> (other.depth() - self.depth()) == self.get()
    }
}

impl fmt::Display for GeneralizedIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(number: u64) -> GeneralizedIndex {
        GeneralizedIndex::new(number).unwrap()
    }

    #[test]
    fn family_relations_hold_for_all_small_indices() {
        for number in 2..4096 {
            let node = index(number);
            let parent = node.parent().unwrap();
            let (left, right) = (parent.left().unwrap(), parent.right().unwrap());
            assert_eq!(
                if node.is_right() { (right, left) } else { (left, right) },
                (node, node.sibling().unwrap())
            );
            assert_eq!(node.depth(), parent.depth() + 1);
            assert!(
                parent.is_ancestor_of(node) && !node.is_ancestor_of(parent) && !node.is_ancestor_of(node)
            );
            assert!(!node.is_ancestor_of(node.sibling().unwrap()));
        }
    }

    #[test]
    fn the_root_has_no_parent_and_no_sibling() {
        let root = GeneralizedIndex::ROOT;
        assert_eq!((root.parent(), root.sibling(), root.is_right(), root.depth()), (None, None, false, 0));
    }

    #[test]
    fn the_ends_of_the_range_are_refused_not_wrapped() {
        assert_eq!(GeneralizedIndex::new(0), Err(GindexError::Zero));
        for number in [1 << 63, u64::MAX] {
            assert_eq!(index(number).left(), Err(GindexError::TooDeep { index: number, below: 1 }));
            assert_eq!(index(number).depth(), 63);
        }
        assert_eq!(index((1 << 63) - 1).right(), Ok(index(u64::MAX)));
        let root = GeneralizedIndex::ROOT;
        assert_eq!(root.descendant(63, (1 << 63) - 1), Ok(index(u64::MAX)));
        assert_eq!(root.descendant(64, 0), Err(GindexError::TooDeep { index: 1, below: 64 }));
        assert_eq!(root.descendant(3, 8), Err(GindexError::Position { position: 8, depth: 3 }));
    }

    #[test]
    fn concat_walks_the_second_path_below_the_first() {
        for (above, below, whole) in
            [(1, 1, 1), (1, 6, 6), (6, 1, 6), (2, 3, 5), (5, 6, 22), (9, 256 + 7, 9 * 256 + 7)]
        {
            assert_eq!(index(above).concat(index(below)), Ok(index(whole)));
        }
        assert!(index(1 << 62).concat(index(4)).is_err());
    }
}
