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

use crate::page::{Page, PageSlot};

pub(crate) use walk::Pages;

/// A subtree. All-zero subtrees are `Empty` at their top. How many levels it has is known from its place.
#[derive(Debug, Clone, Default)]
pub(crate) enum Node {
    #[default]
    Empty,
    /// The flag tells whether a page below is known by its hash only. It stands here, beside the pointer, so that an update
    /// need not read the branches that it shares.
    Branch(Arc<Branch>, bool),
    Page(Page),
    Missing(Arc<Hash>),
}

#[derive(Debug)]
pub(crate) struct Branch {
    left: Node,
    right: Node,
    hash: OnceLock<Hash>,
}

impl Node {
    /// The node of one page. The zero page is `Empty`, however it is named.
    pub(crate) fn from_slot(slot: PageSlot) -> Self {
        match slot.canonical() {
            PageSlot::Empty => Self::Empty,
            PageSlot::Loaded(page) => Self::Page(page),
            PageSlot::Missing(leaf) => Self::Missing(Arc::new(leaf)),
        }
    }

    pub(crate) fn slot(&self) -> PageSlot {
        match self {
            Self::Page(page) => PageSlot::Loaded(page.clone()),
            Self::Missing(leaf) => PageSlot::Missing(**leaf),
            Self::Empty | Self::Branch(..) => PageSlot::Empty,
        }
    }

    /// The page that stands here, if its content is known.
    pub(crate) fn page(&self) -> Option<&Page> {
        match self {
            Self::Page(page) => Some(page),
            Self::Empty | Self::Branch(..) | Self::Missing(_) => None,
        }
    }

    fn join(left: Self, right: Self) -> Self {
        if matches!((&left, &right), (Self::Empty, Self::Empty)) {
            return Self::Empty;
        }
        let has_missing = left.has_missing() || right.has_missing();
        Self::Branch(Arc::new(Branch { left, right, hash: OnceLock::new() }), has_missing)
    }

    pub(crate) fn has_missing(&self) -> bool {
        match self {
            Self::Empty | Self::Page(_) => false,
            Self::Missing(_) => true,
            Self::Branch(_, has_missing) => *has_missing,
        }
    }

    /// The halves of a subtree that is not a single page.
    fn halves(&self) -> (&Self, &Self) {
        match self {
            Self::Branch(branch, _) => (&branch.left, &branch.right),
            Self::Empty | Self::Page(_) | Self::Missing(_) => (&Self::Empty, &Self::Empty),
        }
    }

    /// The half in which the `index`-th node `level + 1` levels below stands.
    pub(crate) fn half(&self, level: u32, index: u64) -> &Self {
        let (left, right) = self.halves();
        if index >> level & 1 == 0 { left } else { right }
    }

    /// The `index`-th node `depth` levels below.
    pub(crate) fn descend(&self, depth: u32, index: u64) -> &Self {
        (0..depth).rev().fold(self, |node, level| node.half(level, index))
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
