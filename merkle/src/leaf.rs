//! The leaves and inner roots of the state tree that have a meaning of their own: pages, caps, regions, and the chunks
//! that hold an integer.

use alloc::vec;
use alloc::vec::Vec;
use core::slice;

use thiserror::Error;

use crate::hash::{Hash, ZERO_HASH, hash_pair, hash_pairs};
use crate::layout::{self, CapLayout, GENERATIVE_KIND, LayoutError, PAGE_BYTES};
use crate::merkleize::{merkleize, merkleize_each, uint64_chunk};

const PAGE_LENGTH: usize = 4096;
const _: () = assert!(PAGE_LENGTH as u64 == PAGE_BYTES);

/// Pages whose trees are hashed together: even the layer of their roots fills the lanes of the widest kernel, and the
/// layers above the second, 32 KiB, stay in the nearest cache.
const PAGES_SIDE_BY_SIDE: usize = 32;

/// What the tree says of a present region besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionHeader {
    /// Kind, permissions and flags: `kind | permissions << 8 | flags << 16`.
    pub meta: u64,
    /// Size of the region's cap in bytes.
    pub size: u64,
    /// What the pages of a Generative region are made from; `None` for every other kind.
    pub generator: Option<Generator>,
}

/// The fields that only the cap of a Generative region has. What they make is in `docs/generative.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generator {
    /// The seed.
    pub seed: u64,
    /// 0: pages that nobody has written are zero; 1: they are synthesized from the seed.
    pub mode: u64,
}

impl RegionHeader {
    /// The region's kind: bits 0 to 7 of `meta`.
    pub const fn kind(&self) -> u8 {
        self.meta.to_le_bytes()[0]
    }

    /// The region's permissions: bits 8 to 15 of `meta`.
    pub const fn permissions(&self) -> u8 {
        self.meta.to_le_bytes()[1]
    }

    /// The region's flags: bits 16 to 63 of `meta`.
    pub const fn flags(&self) -> u64 {
        self.meta >> 16
    }

    /// Whether the region is Generative.
    pub const fn is_generative(&self) -> bool {
        self.kind() == GENERATIVE_KIND
    }

    /// Whether it is known which fields the cap has. That of a kind which this version does not know may have any.
    pub const fn has_known_cap(&self) -> bool {
        self.kind() <= GENERATIVE_KIND
    }

    /// Where the pages of the region are, whose number is `region` and whose kind is a known one.
    ///
    /// # Errors
    /// As for [`CapLayout::new`].
    pub fn cap_layout(&self, region: u8) -> Result<CapLayout, LayoutError> {
        let root = layout::cap(region);
        if self.is_generative() {
            CapLayout::generative(root, self.size)
        } else {
            CapLayout::new(root, self.size)
        }
    }
}

/// A chunk that should hold a `uint64` has a nonzero byte behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the chunk of a uint64 has a nonzero byte after its first 8")]
pub struct PaddingError;

/// The leaf of a page: zero for an all-zero page, else the root of its 128 chunks.
pub fn page_leaf(page: &[u8; PAGE_LENGTH]) -> Hash {
    let mut leaf = ZERO_HASH;
    page_leaves(&[page], slice::from_mut(&mut leaf));
    leaf
}

/// The leaf of each of `pages`, as [`page_leaf`] gives it. Their trees are hashed side by side, layer by layer, which is
/// faster than one after the other.
///
/// # Panics
/// If there are not as many `leaves` as `pages`: the caller has sized both.
pub fn page_leaves(pages: &[&[u8; PAGE_LENGTH]], leaves: &mut [Hash]) {
    assert_eq!(pages.len(), leaves.len(), "a leaf for each page");
    leaves.fill(ZERO_HASH);
    let used: Vec<usize> = (0..pages.len()).filter(|page| !page_is_zero(pages[*page])).collect();
    for group in used.chunks(PAGES_SIDE_BY_SIDE) {
        for (page, root) in group.iter().zip(page_roots(group.iter().map(|page| pages[*page]))) {
            leaves[*page] = root;
        }
    }
}

/// The roots over the chunks of a few pages.
fn page_roots<'a>(pages: impl ExactSizeIterator<Item = &'a [u8; PAGE_LENGTH]>) -> Vec<Hash> {
    /// Nodes of a page two layers above its chunks.
    const NODES: usize = PAGE_LENGTH / 32 / 4;
    let roots = pages.len();
    let mut layer = vec![ZERO_HASH; roots * NODES];
    // Two layers of one page are wide enough by themselves, and so the page is read while it is near.
    for (page, nodes) in pages.zip(layer.chunks_exact_mut(NODES)) {
        let mut lowest = [ZERO_HASH; 2 * NODES];
        hash_pairs(page.as_chunks().0, &mut lowest);
        hash_pairs(&lowest, nodes);
    }
    merkleize_each(layer, roots)
}

/// Whether every byte is zero. Words are OR-ed without a branch, which vectorises; the end of a line of 512 bytes lets a
/// page that begins with data end early.
pub fn page_is_zero(page: &[u8; PAGE_LENGTH]) -> bool {
    let is_zero = |line: &[[u8; 8]]| line.iter().fold(0, |bits, word| bits | u64::from_ne_bytes(*word)) == 0;
    page.as_chunks().0.chunks(64).all(is_zero)
}

/// The root of a cap of `size` bytes over the root of its page leaves.
pub fn cap_root(size: u64, pages_root: &Hash) -> Hash {
    hash_pair(&uint64_chunk(size), pages_root)
}

/// The root of a Generative region's cap: the container of its size, the root of its page leaves, its seed and its mode.
pub fn generative_cap_root(size: u64, pages_root: &Hash, generator: Generator) -> Hash {
    let Generator { seed, mode } = generator;
    merkleize(&[uint64_chunk(size), *pages_root, uint64_chunk(seed), uint64_chunk(mode)], 4)
}

/// The leaf of a page of a Generative region that has been written, given the leaf that the same bytes have elsewhere. That
/// of a page which nobody has written is [`ZERO_HASH`].
pub fn written_page_leaf(content: &Hash) -> Hash {
    hash_pair(content, &WRITTEN_MARK)
}

/// What stands beside the content of a written page of a Generative region: the chunk of the `uint64` 1.
pub const WRITTEN_MARK: Hash = {
    let mut mark = ZERO_HASH;
    mark[0] = 1;
    mark
};

/// The leaf of a present region. That of an absent one is [`ZERO_HASH`].
pub fn region_leaf(meta: u64, cap_root: &Hash) -> Hash {
    hash_pair(&uint64_chunk(meta), cap_root)
}

/// The integer in a chunk that [`uint64_chunk`] made.
///
/// # Errors
/// [`PaddingError`] if one of the 24 bytes behind it is not zero.
pub fn decode_uint64_chunk(chunk: &Hash) -> Result<u64, PaddingError> {
    let ([word, padding @ ..], _) = chunk.as_chunks() else { return Err(PaddingError) };
    if padding.iter().any(|word| *word != [0; 8]) {
        return Err(PaddingError);
    }
    Ok(u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_set_bit_anywhere_makes_a_page_nonzero() {
        assert_eq!(page_leaf(&[0; PAGE_LENGTH]), ZERO_HASH);
        for at in 0..PAGE_LENGTH {
            let mut page = [0; PAGE_LENGTH];
            page[at] = 1 << (at % 8);
            assert!(!page_is_zero(&page), "byte {at}");
        }
    }

    fn naive_root(nodes: &[Hash]) -> Hash {
        match nodes {
            [node] => *node,
            _ => hash_pair(&naive_root(&nodes[..nodes.len() / 2]), &naive_root(&nodes[nodes.len() / 2..])),
        }
    }

    /// Around the number of pages that are hashed together, with zero pages in between.
    #[test]
    fn pages_side_by_side_have_the_leaves_of_each() {
        let mut pages = vec![[0_u8; PAGE_LENGTH]; 71];
        for (number, page) in pages.iter_mut().enumerate().filter(|(number, _)| number % 5 != 2) {
            for (at, byte) in page.iter_mut().enumerate() {
                *byte = (at * at + 31 * number + at / 256).to_le_bytes()[0];
            }
        }
        let expected: Vec<Hash> = pages
            .iter()
            .map(|page| if page_is_zero(page) { ZERO_HASH } else { naive_root(page.as_chunks().0) })
            .collect();
        let pages: Vec<_> = pages.iter().collect();
        for count in [0, 1, 2, 3, 31, 32, 39, 40, 41, 42, 71] {
            let mut leaves = vec![[0xee; 32]; count];
            page_leaves(&pages[..count], &mut leaves);
            assert_eq!(leaves, expected[..count], "{count} pages");
        }
    }

    #[test]
    fn integer_chunks_round_trip_and_their_padding_must_be_zero() {
        for value in [0, 1, 4096, 1 << 32, u64::MAX] {
            assert_eq!(decode_uint64_chunk(&uint64_chunk(value)), Ok(value));
        }
        for bit in 64..256 {
            let mut chunk = uint64_chunk(4096);
            chunk[bit / 8] |= 1 << (bit % 8);
            assert_eq!(decode_uint64_chunk(&chunk), Err(PaddingError), "bit {bit}");
        }
    }

    #[test]
    fn meta_is_kind_permissions_flags() {
        let header = RegionHeader { meta: 0xabcd_ef01_2345_0307, size: 4096, generator: None };
        assert_eq!((header.kind(), header.permissions(), header.flags()), (7, 3, 0xabcd_ef01_2345));
    }
}
