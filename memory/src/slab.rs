//! The immutable backing of a cap: a size and a persistent tree of pages with cached hashes.

use std::ops::Range;

use travertine_merkle::layout::{self, CapLayout};
use travertine_merkle::{
    GeneralizedIndex, Generator, Hash, cap_root, generative_cap_root, merkleize, uint64_chunk,
};
use travertine_vrns::Synthesis;

use crate::page::{LeafForm, Page, PageSlot};
use crate::page_hash::hash_pages;
use crate::tree::{Node, Pages};

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
/// It is canonical: an all-zero page is always [`PageSlot::Empty`], so equal content has one form and one root. In a generative
/// slab that slot stands for a page that nobody has written, and a page stays written, also if it is zero or again as it was made.
#[derive(Debug, Clone)]
pub struct PageSlab {
    size: u64,
    layout: CapLayout,
    pages: Node,
    /// What makes the pages that nobody has written, of a generative slab.
    synthesis: Option<Synthesis>,
}

/// A page that is written, and what it stands in for.
struct Write<'a> {
    page: u32,
    old: &'a Node,
    new: Node,
}

impl PageSlab {
    /// A slab of zeros.
    ///
    /// # Errors
    /// If `size` is not a multiple of 4,096 from 4,096 bytes to 4 GiB.
    pub fn empty(size: u64) -> Result<Self, SlabError> {
        let layout = CapLayout::new(GeneralizedIndex::ROOT, size).map_err(|_| SlabError::Size { size })?;
        Ok(Self { size, layout, pages: Node::Empty, synthesis: None })
    }

    /// A generative slab, none of whose pages has been written.
    ///
    /// # Errors
    /// If `size` is not a multiple of 4,096 from 4,096 bytes to 4 GiB.
    pub fn generative(size: u64, synthesis: Synthesis) -> Result<Self, SlabError> {
        Ok(Self { synthesis: Some(synthesis), ..Self::empty(size)? })
    }

    /// This generative slab with another rule by which pages are made.
    pub(crate) fn with_synthesis(self, synthesis: Synthesis) -> Self {
        Self { synthesis: Some(synthesis), ..self }
    }

    /// What makes the pages that nobody has written; `None` if they are zero and the slab is not generative.
    pub fn synthesis(&self) -> Option<Synthesis> {
        self.synthesis
    }

    /// The page that an empty slot stands for.
    pub(crate) fn unwritten(&self, page: u32) -> Page {
        self.synthesis.map_or_else(Page::zero, |synthesis| Page::synthesized(synthesis, page))
    }

    /// How the leaves of stored pages follow from their contents.
    pub(crate) fn leaf_form(&self) -> LeafForm {
        if self.synthesis.is_some() { LeafForm::Marked } else { LeafForm::Plain }
    }

    /// Whether a page of the slab is stored.
    pub(crate) fn is_stored(&self, page: u32) -> bool {
        matches!(self.pages.descend(self.depth(), page.into()), Node::Page(..) | Node::Missing(..))
    }

    /// How many pages of a range within the slab are stored. The cost is that of two paths of the tree.
    pub(crate) fn stored_in(&self, range: Range<u32>) -> u32 {
        let before = |page| self.pages.stored_before(self.depth(), page);
        before(range.end) - before(range.start)
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

    /// The root of a cap that is backed by this slab: its size and the root of its pages; if it is generative, its seed and
    /// mode, too.
    pub fn root(&self) -> Hash {
        match self.generator() {
            None => cap_root(self.size, &self.pages_root()),
            Some(generator) => generative_cap_root(self.size, &self.pages_root(), generator),
        }
    }

    /// What the state tree says of a generative slab beyond size and pages.
    pub fn generator(&self) -> Option<Generator> {
        self.synthesis.map(|Synthesis { seed, mode }| Generator { seed, mode: mode.code() })
    }

    /// The cap root's node `depth` levels below it, the `index`-th of that level, as far as the container's fields.
    pub(crate) fn cap_node(&self, depth: u32, index: u64) -> Option<Hash> {
        let mut fields = vec![uint64_chunk(self.size), self.pages_root()];
        if let Some(Generator { seed, mode }) = self.generator() {
            fields.extend([seed, mode].map(uint64_chunk));
        }
        let width = fields.len() >> depth;
        let start = usize::try_from(index).ok()?.checked_mul(width)?;
        let below = fields.get(start..start + width).filter(|below| !below.is_empty())?;
        Some(merkleize(below, below.len() as u64))
    }

    /// The hash of the `index`-th node `depth` levels below the root of the pages, or `None` where no level or no node is.
    pub fn node(&self, depth: u32, index: u64) -> Option<Hash> {
        let levels = self.depth().checked_sub(depth)?;
        (index >> depth == 0).then(|| self.pages.descend(depth, index).hash(levels))
    }

    /// This slab with other pages in place; `writes` ascend by page. The cost is in proportion to the writes: all other
    /// pages, their nodes and hashes are shared. The pages whose content changes are reported in ascending order.
    pub(crate) fn with_pages(
        &self,
        writes: impl IntoIterator<Item = (u32, PageSlot)>,
        mut report: impl FnMut(PageChange),
    ) -> Self {
        let writes = self.changing_writes(writes);
        hash_pages(writes.iter().filter_map(|write| Some((write.new.page()?, write.old.page()))));
        let mut nodes = Vec::with_capacity(writes.len());
        for Write { page, old, new } in writes {
            let change = PageChange { page, old: old.hash(0), new: new.hash(0) };
            if change.old != change.new {
                report(change);
            } else if !(old.has_missing() && new.page().is_some()) {
                continue;
            }
            nodes.push((page, new));
        }
        Self { pages: self.pages.update(self.depth(), 0, &mut nodes), ..*self }
    }

    /// What is to be written, but for pages that hold the same bytes already: comparing is much cheaper than hashing.
    fn changing_writes(&self, writes: impl IntoIterator<Item = (u32, PageSlot)>) -> Vec<Write<'_>> {
        let form = self.leaf_form();
        let write = |(page, slot)| Write { page, old: &self.pages, new: Node::from_slot(slot, form) };
        let mut writes: Vec<Write> = writes.into_iter().map(write).collect();
        debug_assert!(writes.is_sorted_by(|a, b| a.page < b.page));
        debug_assert!(writes.last().is_none_or(|write| write.page < self.page_count()));
        // Level by level, so that the processor waits for many branches at once.
        for level in (0..self.depth()).rev() {
            for Write { page, old, .. } in &mut writes {
                *old = old.half(level, (*page).into());
            }
        }
        writes.retain(|write| match (write.old.page(), write.new.page()) {
            (Some(old), Some(new)) => old != new,
            _ => true,
        });
        writes
    }

    /// The first pages of this slab as a slab of `size` bytes. Growing adds pages that nobody has written; shrinking drops the pages behind the
    /// end for good. Either costs one path of the tree, besides freeing dropped pages that nothing else shares.
    ///
    /// # Errors
    /// If `size` is not a multiple of 4,096 from 4,096 bytes to 4 GiB.
    pub fn resized(&self, size: u64) -> Result<Self, SlabError> {
        let empty = Self::empty(size)?;
        let (before, after) = (self.depth(), empty.depth());
        let pages = match after.checked_sub(before) {
            Some(levels) => self.pages.grown(levels),
            None => self.pages.descend(before - after, 0).clone(),
        };
        Ok(Self { pages: pages.truncated(after, empty.page_count()), synthesis: self.synthesis, ..empty })
    }

    /// This slab with all subtrees and pages that equal those of `other` at the same place taken from there, so that they are
    /// stored once. Pages that only `other` knows by their content become known; none becomes missing. Content, size and
    /// root are as before.
    ///
    /// Hashes tell what is equal: the cost is that of the paths to what differs, and of hashing nodes not hashed before.
    #[must_use]
    pub fn rebased(&self, other: &Self) -> Self {
        Self { pages: self.pages.rebased(self.depth(), &other.pages, other.depth()), ..*self }
    }

    /// The pages that are stored, ascending: those that are not all zero, in a generative slab those that have been written. The
    /// cost is that of the pages present.
    pub fn pages(&self) -> impl Iterator<Item = (u32, PageSlot)> + '_ {
        self.pages_in(0..self.page_count())
    }

    /// The pages of a range that are stored, ascending.
    pub fn pages_in(&self, range: Range<u32>) -> impl Iterator<Item = (u32, PageSlot)> + '_ {
        Pages::new(&self.pages, self.depth(), range)
    }

    /// The pages of a range that are known by their hash only, ascending.
    pub(crate) fn missing_in(&self, range: Range<u32>) -> impl Iterator<Item = (u32, PageSlot)> + '_ {
        Pages::missing(&self.pages, self.depth(), range)
    }

    #[cfg(test)]
    pub(crate) fn tree(&self) -> &Node {
        &self.pages
    }
}
