//! The immutable backing of a cap: a persistent, sparse binary tree of pages with cached hashes.
//!
//! The tree has the shape of the Merkle tree over the page leaves, so its nodes *are* the Merkle nodes. An update copies the
//! paths to the changed pages and shares all else; an all-zero subtree has no storage and is never walked.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use travertine_merkle::layout::{self, CapLayout};
use travertine_merkle::{GeneralizedIndex, Hash, cap_root, hash_pair, zero_hash};

use crate::page::{Page, PageSlot};

/// Why a slab of this size or with this page cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlabError {
    /// The size is not a multiple of a page, or zero, or above 4 GiB.
    #[error("size {size} is not a multiple of {page} from {page} to {max} bytes", page = layout::PAGE_BYTES, max = layout::REGION_BYTES)]
    Size {
        /// The size in bytes.
        size: u64,
    },
    /// There is no such page.
    #[error("page {page} is outside of {page_count} pages")]
    PageOutOfRange {
        /// The page's index.
        page: u32,
        /// How many pages there are.
        page_count: u32,
    },
    /// A page is named twice.
    #[error("page {page} is named twice")]
    DuplicatePage {
        /// The page's index.
        page: u32,
    },
}

/// A page that an update changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageChange {
    /// The page's index.
    pub page: u32,
    /// Its leaf before.
    pub old: Hash,
    /// Its leaf now.
    pub new: Hash,
}

/// An immutable vector of pages with a logical size. Cloning costs a reference count.
///
/// It is canonical: an all-zero page is always [`PageSlot::Empty`], so equal content has one form and one root.
#[derive(Debug, Clone)]
pub struct PageSlab {
    size: u64,
    layout: CapLayout,
    pages: Node,
}

/// A subtree. All-zero subtrees are `Empty` at their top.
#[derive(Debug, Clone)]
enum Node {
    Empty,
    Branch(Arc<Branch>),
    Page(Page),
    Missing(Arc<Hash>),
}

#[derive(Debug)]
struct Branch {
    left: Node,
    right: Node,
    hash: OnceLock<Hash>,
    /// Whether a page below is known by its hash only.
    has_missing: bool,
}

impl Node {
    fn from_slot(slot: PageSlot) -> Self {
        match slot.canonical() {
            PageSlot::Empty => Self::Empty,
            PageSlot::Loaded(page) => Self::Page(page),
            PageSlot::Missing(leaf) => Self::Missing(Arc::new(leaf)),
        }
    }

    fn slot(&self) -> PageSlot {
        match self {
            Self::Page(page) => PageSlot::Loaded(page.clone()),
            Self::Missing(leaf) => PageSlot::Missing(**leaf),
            Self::Empty | Self::Branch(_) => PageSlot::Empty,
        }
    }

    fn join(left: Self, right: Self) -> Self {
        if matches!((&left, &right), (Self::Empty, Self::Empty)) {
            return Self::Empty;
        }
        let has_missing = left.has_missing() || right.has_missing();
        Self::Branch(Arc::new(Branch { left, right, hash: OnceLock::new(), has_missing }))
    }

    fn has_missing(&self) -> bool {
        match self {
            Self::Empty | Self::Page(_) => false,
            Self::Missing(_) => true,
            Self::Branch(branch) => branch.has_missing,
        }
    }

    /// The halves of a subtree that is not a single page.
    fn halves(&self) -> (&Self, &Self) {
        match self {
            Self::Branch(branch) => (&branch.left, &branch.right),
            Self::Empty | Self::Page(_) | Self::Missing(_) => (&Self::Empty, &Self::Empty),
        }
    }

    /// The subtree's hash; `levels` are below it.
    fn hash(&self, levels: u32) -> Hash {
        match self {
            Self::Empty => *zero_hash(levels),
            Self::Page(page) => page.leaf(),
            Self::Missing(leaf) => **leaf,
            Self::Branch(branch) => *branch
                .hash
                .get_or_init(|| hash_pair(&branch.left.hash(levels - 1), &branch.right.hash(levels - 1))),
        }
    }

    /// The `index`-th node `depth` levels below.
    fn descend(&self, depth: u32, index: u64) -> &Self {
        (0..depth).rev().fold(self, |node, level| {
            let (left, right) = node.halves();
            if index >> level & 1 == 0 { left } else { right }
        })
    }

    /// This subtree of `levels` levels, whose first page is `first`, with `writes` (ascending) in place. A subtree in which
    /// nothing changes is shared with its hash. Changed pages are appended to `changes`.
    fn update(
        &self,
        levels: u32,
        first: u32,
        writes: &[(u32, PageSlot)],
        changes: &mut Vec<PageChange>,
    ) -> Self {
        let Some((_, slot)) = writes.last() else { return self.clone() };
        if levels == 0 {
            return self.replace(first, slot, changes);
        }
        let middle = first + (1 << (levels - 1));
        let (low, high) = writes.split_at(writes.partition_point(|&(page, _)| page < middle));
        let (left, right) = self.halves();
        let unchanged = changes.len();
        let left = left.update(levels - 1, first, low, changes);
        let right = right.update(levels - 1, middle, high, changes);
        if changes.len() == unchanged { self.clone() } else { Self::join(left, right) }
    }

    fn replace(&self, page: u32, slot: &PageSlot, changes: &mut Vec<PageChange>) -> Self {
        let node = Self::from_slot(slot.clone());
        // Comparing bytes is much cheaper than hashing what was written but not changed.
        if matches!((self, &node), (Self::Page(old), Self::Page(new)) if old == new) {
            return self.clone();
        }
        let (old, new) = (self.hash(0), node.hash(0));
        if old == new {
            return self.clone();
        }
        changes.push(PageChange { page, old, new });
        node
    }
}

impl PageSlab {
    /// A slab of zeros.
    ///
    /// # Errors
    /// If `size` is not a multiple of 4,096 from 4,096 bytes to 4 GiB.
    pub fn empty(size: u64) -> Result<Self, SlabError> {
        let layout = CapLayout::new(GeneralizedIndex::ROOT, size).map_err(|_| SlabError::Size { size })?;
        Ok(Self { size, layout, pages: Node::Empty })
    }

    /// The size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many pages there are: 1 to 2^20.
    pub fn page_count(&self) -> u32 {
        self.layout.pages()
    }

    /// Levels between the root of the pages and the page leaves: `ceil(log2(page_count))`, 0 to 20.
    pub fn depth(&self) -> u32 {
        self.layout.depth()
    }

    /// What stands at `page`. Behind the end there are no pages: that is [`PageSlot::Empty`], too.
    pub fn slot(&self, page: u32) -> PageSlot {
        if page >= self.page_count() {
            return PageSlot::Empty;
        }
        self.pages.descend(self.depth(), page.into()).slot()
    }

    /// The root of the page leaves. Only nodes on the paths to pages that have changed since the last call are hashed.
    pub fn pages_root(&self) -> Hash {
        self.pages.hash(self.depth())
    }

    /// The root of a cap that is backed by this slab: its size and the root of its pages.
    pub fn root(&self) -> Hash {
        cap_root(self.size, &self.pages_root())
    }

    /// The hash of the `index`-th node `depth` levels below the root of the pages, or `None` where no level or no node is.
    pub fn node(&self, depth: u32, index: u64) -> Option<Hash> {
        let levels = self.depth().checked_sub(depth)?;
        (index >> depth == 0).then(|| self.pages.descend(depth, index).hash(levels))
    }

    /// This slab with other pages in place; `writes` ascend by page. In one pass, in proportion to the writes: all other
    /// pages, their nodes and hashes are shared. The changed pages are reported in ascending order.
    pub(crate) fn with_pages(&self, writes: &[(u32, PageSlot)]) -> (Self, Vec<PageChange>) {
        debug_assert!(
            writes.is_sorted_by(|a, b| a.0 < b.0) && writes.iter().all(|w| w.0 < self.page_count())
        );
        let mut changes = Vec::new();
        let pages = self.pages.update(self.depth(), 0, writes, &mut changes);
        (Self { pages, ..*self }, changes)
    }

    /// The pages that are not all zero, ascending. The cost is that of the pages present.
    pub fn pages(&self) -> impl Iterator<Item = (u32, PageSlot)> + '_ {
        self.pages_in(0..self.page_count())
    }

    /// The pages of a range that are not all zero, ascending.
    pub fn pages_in(&self, range: Range<u32>) -> impl Iterator<Item = (u32, PageSlot)> + '_ {
        Pages { stack: vec![(&self.pages, self.depth(), 0)], range, only_missing: false }
    }

    /// The pages of a range that are known by their hash only, ascending.
    pub(crate) fn missing_in(&self, range: Range<u32>) -> impl Iterator<Item = (u32, PageSlot)> + '_ {
        // Most slabs have none: then nothing is allocated.
        let stack = if self.pages.has_missing() { vec![(&self.pages, self.depth(), 0)] } else { Vec::new() };
        Pages { stack, range, only_missing: true }
    }
}

/// Walks the subtrees that hold pages of a range, from left to right.
struct Pages<'a> {
    /// Subtree, its levels, its first page.
    stack: Vec<(&'a Node, u32, u32)>,
    range: Range<u32>,
    only_missing: bool,
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
                Node::Page(_) | Node::Missing(_) => return Some((first, node.slot())),
                Node::Branch(branch) => {
                    let middle = first + (1 << (levels - 1));
                    self.stack.push((&branch.right, levels - 1, middle));
                    self.stack.push((&branch.left, levels - 1, first));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageBytes;

    /// Branches of a subtree, and those among them that have not been hashed.
    fn count(node: &Node) -> (usize, usize) {
        let Node::Branch(branch) = node else { return (0, 0) };
        let ((left, left_pending), (right, right_pending)) = (count(&branch.left), count(&branch.right));
        let pending = usize::from(branch.hash.get().is_none());
        (left + right + 1, left_pending + right_pending + pending)
    }

    /// Branches of `new` that are not those of `old`.
    fn fresh(old: &Node, new: &Node) -> usize {
        let Node::Branch(branch) = new else { return 0 };
        if matches!(old, Node::Branch(before) if Arc::ptr_eq(before, branch)) {
            return 0;
        }
        let (left, right) = old.halves();
        1 + fresh(left, &branch.left) + fresh(right, &branch.right)
    }

    fn slot(value: u8) -> PageSlot {
        PageSlot::Loaded(Page::new(PageBytes::starting_with(&[value])))
    }

    fn full_region(pages: &[u32]) -> PageSlab {
        let writes: Vec<_> = pages.iter().map(|&page| (page, slot(1))).collect();
        PageSlab::empty(layout::REGION_BYTES).unwrap().with_pages(&writes).0
    }

    #[test]
    fn nodes_are_small() {
        assert_eq!(size_of::<Node>(), 16);
        assert_eq!(size_of::<Branch>(), 72);
    }

    #[test]
    fn a_full_region_with_one_page_is_one_path() {
        let empty = full_region(&[]);
        assert_eq!(empty.pages_root(), *zero_hash(20));
        assert_eq!(count(&empty.pages), (0, 0));
        for page in [0, 1, 0x8_0000, 0xF_FFFF] {
            let slab = full_region(&[page]);
            assert_eq!(count(&slab.pages), (20, 20));
            let mut expected = slab.slot(page).leaf();
            for level in 0..20 {
                let zero = zero_hash(level);
                expected = if page >> level & 1 == 0 {
                    hash_pair(&expected, zero)
                } else {
                    hash_pair(zero, &expected)
                };
            }
            assert_eq!(slab.pages_root(), expected);
            assert_eq!(count(&slab.pages), (20, 0));
        }
    }

    #[test]
    fn an_update_copies_and_hashes_one_path_of_many() {
        let pages: Vec<u32> = (0..1000).map(|i| i * 1000).collect();
        let before = full_region(&pages);
        before.pages_root();
        let (after, changes) = before.with_pages(&[(500_000, slot(2))]);
        assert_eq!(changes.len(), 1);
        assert_eq!(fresh(&before.pages, &after.pages), 20);
        assert_eq!(count(&after.pages).1, 20, "only the path is hashed again");
        assert_ne!(after.pages_root(), before.pages_root());

        let (two, _) = before.with_pages(&[(0, slot(2)), (999_000, slot(2))]);
        assert_eq!(fresh(&before.pages, &two.pages), 39, "two paths that share the root");
    }

    #[test]
    fn what_is_written_but_not_changed_costs_no_node() {
        let slab = full_region(&[3, 70, 5000]);
        slab.pages_root();
        let writes =
            [(3, slot(1)), (4, slot(0)), (70, PageSlot::Missing(slot(1).leaf())), (9999, PageSlot::Empty)];
        let (same, changes) = slab.with_pages(&writes);
        assert_eq!(changes, []);
        assert_eq!(fresh(&slab.pages, &same.pages), 0);
    }

    #[test]
    fn zeroed_pages_leave_nothing_behind() {
        let slab = full_region(&[3, 70, 5000]);
        let zeros = [(3, slot(0)), (70, PageSlot::Missing(*zero_hash(0))), (5000, PageSlot::Empty)];
        let (empty, changes) = slab.with_pages(&zeros);
        assert_eq!(changes.iter().map(|change| change.page).collect::<Vec<_>>(), [3, 70, 5000]);
        assert!(matches!(empty.pages, Node::Empty));
    }

    #[test]
    fn walks_skip_what_is_absent_and_outside() {
        let slab = full_region(&[3, 70, 5000, 0xF_FFFF]);
        let pages = |range| slab.pages_in(range).map(|(page, _)| page).collect::<Vec<_>>();
        assert_eq!(pages(0..u32::MAX), [3, 70, 5000, 0xF_FFFF]);
        assert_eq!(pages(4..5000), [70]);
        assert_eq!(pages(70..5001), [70, 5000]);
        assert_eq!(pages(71..71), []);
        let (slab, _) = slab.with_pages(&[(0, PageSlot::Missing([8; 32])), (70, PageSlot::Missing([7; 32]))]);
        let missing = |range| slab.missing_in(range).map(|(page, _)| page).collect::<Vec<_>>();
        assert_eq!(missing(0..u32::MAX), [0, 70]);
        assert_eq!(missing(1..70), []);
        let (slab, _) = slab.with_pages(&[(0, slot(0)), (70, slot(1))]);
        assert!(!slab.pages.has_missing());
    }
}
