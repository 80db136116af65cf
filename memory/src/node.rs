//! Nodes of the state tree below a region's leaf, for provers.

use travertine_merkle::layout::PAGE_CHUNKS;
use travertine_merkle::{Hash, merkleize, region_leaf, uint64_chunk};

use crate::cap::CapError;
use crate::page::{PAGE_BYTES, Page, PageBytes, PageSlot};
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
    /// The page is all zero: its leaf is zero and nothing is below it.
    #[error("page {page} is all zero: there is no node below its leaf")]
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

/// Indices below a region's leaf, which is 1: metadata 2, cap 3, size 6, root of the pages 7.
const LEAF: u64 = 1;
const META: u64 = 2 * LEAF;
const CAP: u64 = 2 * LEAF + 1;
const SIZE: u64 = 2 * CAP;
const PAGES: u64 = 2 * CAP + 1;

/// Levels between a page's node and its chunks.
const CHUNK_LEVELS: u32 = PAGE_CHUNKS.ilog2();

impl Region {
    /// The node at a generalized index that counts from this region's leaf: leaf 1, metadata 2, cap 3, size 6, root of the
    /// pages 7, page `p` `7 * 2^depth + p`, chunk `c` of it `128 * page + c`, and every node between. Padding behind the last
    /// page has the roots of zero subtrees. A page that is known by its hash is loaded with `load`.
    ///
    /// # Errors
    /// If the cap is dirty, no node is there, or a page that is needed cannot be loaded.
    pub fn node(&self, gindex: u64, load: impl FnOnce(&Hash) -> Option<Page>) -> Result<Hash, NodeError> {
        let slab = self.cap().flushed()?;
        match gindex {
            LEAF => Ok(region_leaf(self.meta(), &slab.root())),
            META => Ok(uint64_chunk(self.meta())),
            CAP => Ok(slab.root()),
            SIZE => Ok(uint64_chunk(slab.size())),
            _ => node_below_pages(slab, gindex, load),
        }
    }
}

fn node_below_pages(
    slab: &PageSlab,
    gindex: u64,
    load: impl FnOnce(&Hash) -> Option<Page>,
) -> Result<Hash, NodeError> {
    let outside = NodeError::OutsideTree { gindex, page_count: slab.page_count() };
    let depth = gindex.checked_ilog2().and_then(|depth| depth.checked_sub(PAGES.ilog2())).ok_or(outside)?;
    if gindex >> depth != PAGES {
        return Err(outside);
    }
    let index = gindex - (PAGES << depth);
    if depth <= slab.depth() {
        return slab.node(depth, index).ok_or(outside);
    }
    let below_page = depth - slab.depth();
    let page = u32::try_from(index >> below_page).map_err(|_| outside)?;
    if below_page > CHUNK_LEVELS || page >= slab.page_count() {
        return Err(outside);
    }
    let content = match slab.slot(page) {
        PageSlot::Empty => return Err(NodeError::BelowEmptyPage { page }),
        PageSlot::Loaded(content) => content,
        PageSlot::Missing(leaf) => load(&leaf).ok_or(NodeError::MissingPage { page })?,
    };
    let position = usize::try_from(index & ((1 << below_page) - 1)).map_err(|_| outside)?;
    Ok(node_in_page(content.bytes(), below_page, position))
}

/// The node `depth` levels below a page's node, the `position`-th of its level: over 128 >> `depth` chunks.
fn node_in_page(bytes: &PageBytes, depth: u32, position: usize) -> Hash {
    let span = PAGE_BYTES >> depth;
    merkleize(bytes[position * span..][..span].as_chunks().0, PAGE_CHUNKS >> depth)
}
