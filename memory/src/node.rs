//! Nodes of the state tree below a region's leaf, for provers.

use travertine_merkle::layout::PAGE_CHUNKS;
use travertine_merkle::{Hash, WRITTEN_MARK, merkleize, region_leaf, uint64_chunk};

use crate::cap::CapError;
use crate::page::{LeafForm, PAGE_BYTES, Page, PageBytes, PageSlot};
use crate::region::Region;
use crate::slab::PageSlab;

/// Why there is no node at a generalized index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// No node can be there, whatever the content: it lies below a leaf, or outside of the tree.
    #[error("there is no node {gindex} in a region of {page_count} pages")]
    OutsideTree {
        /// The index, counted from the region's leaf as 1.
        gindex: u64,
        /// Pages of the region; 0 if it is absent.
        page_count: u32,
    },
    /// The page is all zero, or one of a generative region that nobody has written: there is a zero node, and nothing below it.
    #[error("page {page} is all zero or was never written: there is no node below its zero node")]
    BelowEmptyPage {
        /// The page's index.
        page: u32,
    },
    /// The page's content is needed but is known by its hash only.
    #[error("page {page} is known by its hash only")]
    MissingPage {
        /// The page's index.
        page: u32,
    },
    /// The cap has pages that are not flushed.
    #[error(transparent)]
    Dirty(#[from] CapError),
}

/// Indices below a region's leaf, which is 1: metadata 2, cap 3.
const LEAF: u64 = 1;
const META: u64 = 2 * LEAF;
const CAP: u64 = 2 * LEAF + 1;

/// Place of the root of the pages among the cap's fields.
const PAGES_FIELD: u64 = 1;
/// Levels between a page's content and its chunks.
const CHUNK_LEVELS: u32 = PAGE_CHUNKS.ilog2();

impl Region {
    /// The node at a generalized index that counts from this region's leaf: leaf 1, metadata 2, cap 3, and every node below that
    /// (`docs/memory.md` has their places). Padding behind the last page has the roots of zero subtrees. A page that is known
    /// by its hash is loaded with `load`.
    ///
    /// # Errors
    /// If the cap is dirty, no node is there, or a page that is needed cannot be loaded.
    pub fn node(&self, gindex: u64, load: impl FnOnce(&Hash) -> Option<Page>) -> Result<Hash, NodeError> {
        let slab = self.cap().flushed()?;
        match gindex {
            LEAF => Ok(region_leaf(self.meta(), &slab.root())),
            META => Ok(uint64_chunk(self.meta())),
            CAP => Ok(slab.root()),
            _ => node_below_cap(slab, gindex, load),
        }
    }
}

fn node_below_cap(
    slab: &PageSlab,
    gindex: u64,
    load: impl FnOnce(&Hash) -> Option<Page>,
) -> Result<Hash, NodeError> {
    let outside = NodeError::OutsideTree { gindex, page_count: slab.page_count() };
    let below_cap = gindex.checked_ilog2().and_then(|depth| depth.checked_sub(CAP.ilog2())).ok_or(outside)?;
    if gindex >> below_cap != CAP {
        return Err(outside);
    }
    let index = gindex - (CAP << below_cap);
    let field_levels = if slab.synthesis().is_some() { 2 } else { 1 };
    let Some(depth) = below_cap.checked_sub(field_levels).filter(|depth| *depth > 0) else {
        return slab.cap_node(below_cap, index).ok_or(outside);
    };
    if index >> depth != PAGES_FIELD {
        return Err(outside);
    }
    let index = index - (PAGES_FIELD << depth);
    let Some(below_leaf) = depth.checked_sub(slab.depth()).filter(|levels| *levels > 0) else {
        return slab.node(depth, index).ok_or(outside);
    };
    node_below_leaf(slab, below_leaf, index, outside, load)
}

/// The node `levels` below a page's leaf, the `index`-th of its level.
fn node_below_leaf(
    slab: &PageSlab,
    levels: u32,
    index: u64,
    outside: NodeError,
    load: impl FnOnce(&Hash) -> Option<Page>,
) -> Result<Hash, NodeError> {
    let marks = u32::from(slab.leaf_form() == LeafForm::Marked);
    let page = u32::try_from(index >> levels).map_err(|_| outside)?;
    if page >= slab.page_count() || levels > marks + CHUNK_LEVELS {
        return Err(outside);
    }
    let slot = slab.slot(page);
    if matches!(slot, PageSlot::Empty) {
        return Err(NodeError::BelowEmptyPage { page });
    }
    let (below_content, position) = (levels - marks, index & ((1 << levels) - 1));
    match (position >> below_content, below_content) {
        (0, 0) => return Ok(slot.leaf()),
        (0, _) => {}
        (_, 0) => return Ok(WRITTEN_MARK),
        _ => return Err(outside),
    }
    let content = match slot {
        PageSlot::Missing(leaf) => load(&leaf).ok_or(NodeError::MissingPage { page })?,
        PageSlot::Loaded(content) if !content.bytes().is_zero() => content,
        PageSlot::Empty | PageSlot::Loaded(_) => return Err(NodeError::BelowEmptyPage { page }),
    };
    let position = usize::try_from(position).map_err(|_| outside)?;
    Ok(node_in_page(content.bytes(), below_content, position))
}

/// The node `depth` levels below a page's node, the `position`-th of its level: over 128 >> `depth` chunks.
fn node_in_page(bytes: &PageBytes, depth: u32, position: usize) -> Hash {
    let span = PAGE_BYTES >> depth;
    merkleize(bytes[position * span..][..span].as_chunks().0, PAGE_CHUNKS >> depth)
}
