//! The persistent, sparse binary tree of a slab's pages.
//!
//! It has the shape of the Merkle tree over the page leaves, so its nodes *are* the Merkle nodes. An update copies the paths
//! to the changed pages and shares all else; an all-zero subtree has no storage and is never walked.

mod hash;
mod rebase;
mod walk;

use std::mem;
use std::sync::{Arc, OnceLock};

use travertine_merkle::Hash;

use crate::page::{LeafForm, Page, PageSlot};

pub(crate) use walk::Pages;

/// A subtree. Subtrees without stored pages are `Empty` at their top. How many levels it has is known from its place.
#[derive(Debug, Clone, Default)]
pub(crate) enum Node {
    #[default]
    Empty,
    /// The flag tells whether a page below is known by its hash only, the number how many pages are stored below. Both stand
    /// here, beside the pointer, so that an update need not read the branches that it shares.
    Branch(Arc<Branch>, bool, u32),
    Page(Page, LeafForm),
    Missing(Arc<Hash>, LeafForm),
}

#[derive(Debug)]
pub(crate) struct Branch {
    left: Node,
    right: Node,
    hash: OnceLock<Hash>,
}

impl Node {
    /// The node of a page. In plain form the zero page is `Empty`, however it is named.
    pub(crate) fn from_slot(slot: PageSlot, form: LeafForm) -> Self {
        let slot = match form {
            LeafForm::Plain => slot.canonical(),
            LeafForm::Marked => slot,
        };
        match slot {
            PageSlot::Empty => Self::Empty,
            PageSlot::Loaded(page) => Self::Page(page, form),
            PageSlot::Missing(leaf) => Self::Missing(Arc::new(leaf), form),
        }
    }

    pub(crate) fn slot(&self) -> PageSlot {
        match self {
            Self::Page(page, _) => PageSlot::Loaded(page.clone()),
            Self::Missing(leaf, _) => PageSlot::Missing(**leaf),
            Self::Empty | Self::Branch(..) => PageSlot::Empty,
        }
    }

    /// The page that stands here, if its content is known.
    pub(crate) fn page(&self) -> Option<&Page> {
        match self {
            Self::Page(page, _) => Some(page),
            Self::Empty | Self::Branch(..) | Self::Missing(..) => None,
        }
    }

    fn join(left: Self, right: Self) -> Self {
        if matches!((&left, &right), (Self::Empty, Self::Empty)) {
            return Self::Empty;
        }
        let has_missing = left.has_missing() || right.has_missing();
        let stored = left.stored() + right.stored();
        Self::Branch(Arc::new(Branch { left, right, hash: OnceLock::new() }), has_missing, stored)
    }

    pub(crate) fn has_missing(&self) -> bool {
        match self {
            Self::Empty | Self::Page(..) => false,
            Self::Missing(..) => true,
            Self::Branch(_, has_missing, _) => *has_missing,
        }
    }

    /// How many pages are stored in the subtree, at most 2^20.
    fn stored(&self) -> u32 {
        match self {
            Self::Empty => 0,
            Self::Page(..) | Self::Missing(..) => 1,
            Self::Branch(_, _, stored) => *stored,
        }
    }

    /// How many of the first `count` pages of this subtree of `levels` levels are stored. The cost is that of one path.
    pub(crate) fn stored_before(&self, levels: u32, count: u32) -> u32 {
        if count == 0 || matches!(self, Self::Empty) {
            return 0;
        }
        if count >= 1 << levels {
            return self.stored();
        }
        let half = 1 << (levels - 1);
        let (left, right) = self.halves();
        left.stored_before(levels - 1, count.min(half))
            + right.stored_before(levels - 1, count.saturating_sub(half))
    }

    /// The halves of a subtree that is not a single page.
    fn halves(&self) -> (&Self, &Self) {
        match self {
            Self::Branch(branch, ..) => (&branch.left, &branch.right),
            Self::Empty | Self::Page(..) | Self::Missing(..) => (&Self::Empty, &Self::Empty),
        }
    }

    /// The half in which the `index`-th node `level + 1` levels below stands.
    pub(crate) fn half(&self, level: u32, index: u64) -> &Self {
        let (left, right) = self.halves();
        if index >> level & 1 == 0 { left } else { right }
    }

    /// The `index`-th node `depth` levels below.
    pub(crate) fn descend(&self, depth: u32, index: u64) -> &Self {
        let mut node = self;
        for level in (0..depth).rev() {
            if let Self::Empty = node {
                break;
            }
            node = node.half(level, index);
        }
        node
    }

    /// This subtree of `levels` levels, whose first page is `first`, with `writes` (ascending) in place, from which they are
    /// taken. Subtrees without writes are shared with their hashes.
    pub(crate) fn update(&self, levels: u32, first: u32, writes: &mut [(u32, Self)]) -> Self {
        let Some((_, node)) = writes.last_mut() else { return self.clone() };
        if levels == 0 {
            return mem::take(node);
        }
        let middle = first + (1 << (levels - 1));
        let (low, high) = writes.split_at_mut(writes.partition_point(|&(page, _)| page < middle));
        let (left, right) = self.halves();
        Self::join(left.update(levels - 1, first, low), right.update(levels - 1, middle, high))
    }

    /// This subtree as the left end of one with `levels` more levels.
    pub(crate) fn grown(&self, levels: u32) -> Self {
        (0..levels).fold(self.clone(), |node, _| Self::join(node, Self::Empty))
    }

    /// This subtree of `levels` levels with zeros for all pages but the first `count`. Only the path to the cut is copied.
    pub(crate) fn truncated(&self, levels: u32, count: u32) -> Self {
        if count == 0 || matches!(self, Self::Empty) {
            return Self::Empty;
        }
        if count >= 1 << levels {
            return self.clone();
        }
        let half = 1 << (levels - 1);
        let (left, right) = self.halves();
        let left = left.truncated(levels - 1, count.min(half));
        let right = right.truncated(levels - 1, count.saturating_sub(half));
        Self::join(left, right)
    }
}

#[cfg(test)]
mod tests;
