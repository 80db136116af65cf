//! The Merkle arithmetic of pages, caps and regions
//! (the formulas of the state tree; `docs/memory.md`, "Roots").

use travertine_merkle::{Hash, ZERO_HASH, hash_pair, layout, merkleize, uint64_chunk};

use crate::page::{PAGE_BYTES, PageBytes};

/// Levels between a page's node and its chunks.
pub(crate) const CHUNK_LEVELS: u32 = layout::PAGE_CHUNKS.ilog2();

const CHUNK_BYTES: usize = 32;
const _: () = assert!(CHUNK_BYTES as u64 == layout::CHUNK_BYTES);

/// The leaf of a page: zero if all its bytes are zero, else the root of its 128 chunks.
pub(crate) fn page_leaf(bytes: &PageBytes) -> Hash {
    if bytes.is_zero() { ZERO_HASH } else { chunk_node(bytes, 0, 0) }
}

/// The node `depth` levels below a page's node, the `index`-th of its level: over 128 >> `depth` chunks.
pub(crate) fn chunk_node(bytes: &PageBytes, depth: u32, index: usize) -> Hash {
    let span = PAGE_BYTES >> depth;
    let chunks: Vec<Hash> = bytes[index * span..][..span]
        .chunks_exact(CHUNK_BYTES)
        .map(|chunk| chunk.try_into().expect("a chunk is as long as a hash"))
        .collect();
    merkleize(&chunks, layout::PAGE_CHUNKS >> depth)
}

/// The root of a cap: its size in bytes and the root of its pages.
pub(crate) fn cap_root(size: u64, pages_root: &Hash) -> Hash {
    hash_pair(&uint64_chunk(size), pages_root)
}

/// The leaf of a region that is present: its metadata and the root of its cap.
pub(crate) fn region_leaf(meta: u64, cap_root: &Hash) -> Hash {
    hash_pair(&uint64_chunk(meta), cap_root)
}
