//! Walking a tree's pages in order, past everything that is absent.

use std::ops::Range;

use super::Node;
use crate::page::PageSlot;

/// Walks the subtrees that hold pages of a range, from left to right.
pub(crate) struct Pages<'a> {
    /// Subtree, its levels, its first page.
    stack: Vec<(&'a Node, u32, u32)>,
    range: Range<u32>,
    only_missing: bool,
}

impl<'a> Pages<'a> {
    /// The pages of a range in a tree of `levels` levels that are stored. For an empty tree nothing is allocated.
    pub(crate) fn new(node: &'a Node, levels: u32, range: Range<u32>) -> Self {
        let stack = if let Node::Empty = node { Vec::new() } else { vec![(node, levels, 0)] };
        Self { stack, range, only_missing: false }
    }

    /// Those that are known by their hash only. Most trees have none: then nothing is allocated.
    pub(crate) fn missing(node: &'a Node, levels: u32, range: Range<u32>) -> Self {
        let stack = if node.has_missing() { vec![(node, levels, 0)] } else { Vec::new() };
        Self { stack, range, only_missing: true }
    }
}

impl Iterator for Pages<'_> {
    type Item = (u32, PageSlot);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((node, levels, first)) = self.stack.pop() {
            let end = first + (1 << levels);
            if first >= self.range.end
                || end <= self.range.start
                || (self.only_missing && !node.has_missing())
            {
                continue;
            }
            match node {
                Node::Empty => {}
                Node::Page(..) | Node::Missing(..) => return Some((first, node.slot())),
                Node::Branch(branch, ..) => {
                    let middle = first + (1 << (levels - 1));
                    self.stack.push((&branch.right, levels - 1, middle));
                    self.stack.push((&branch.left, levels - 1, first));
                }
            }
        }
        None
    }
}
