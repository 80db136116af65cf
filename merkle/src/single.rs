//! Single proofs: one node, the siblings on its way to the root, and its generalized index.
//!
//! Where a page lies in its tree follows from its cap's size, so a page's content is proven only by a check that takes
//! the size from the same branch: [`SingleProof::verify_in_cap`] and [`SingleProof::verify_in_state`].

use alloc::vec::Vec;
use core::iter::successors;

use thiserror::Error;

use crate::gindex::GeneralizedIndex;
use crate::hash::{Hash, ZERO_HASH, hash_pair};
use crate::layout::{self, CapLayout, LayoutError};
use crate::leaf::{PaddingError, RegionHeader, decode_uint64_chunk};
use crate::state::StateTree;

/// A node, its place, and what it takes to compute the root from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SingleProof {
    /// The node's place.
    pub index: GeneralizedIndex,
    /// The node.
    pub leaf: Hash,
    /// Siblings from the node's own up to the one below the root.
    pub branch: Vec<Hash>,
}

/// What a cap holds at a byte offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapContent {
    /// The 32-byte chunk around the byte.
    Chunk(Hash),
    /// The byte's whole page is zero.
    ZeroPage,
}

/// Why a single proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BranchError {
    /// The branch has not one sibling for each level.
    #[error("a branch of {siblings} siblings for generalized index {index}, which lies {depth} levels deep")]
    Length {
        /// The node's place.
        index: GeneralizedIndex,
        /// Its depth.
        depth: u32,
        /// Siblings given.
        siblings: usize,
    },
    /// The root that follows from leaf and branch is another one.
    #[error("the leaf and branch do not yield the trusted root")]
    Root,
    /// The branch's meta or size chunk is malformed.
    #[error(transparent)]
    Padding(#[from] PaddingError),
    /// The address, the size of the cap or the offset in it is none.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The region's cap may have another shape, so nothing can be read from it.
    #[error("regions of kind {kind} cannot be proven")]
    RegionKind {
        /// The region's kind.
        kind: u8,
    },
    /// The proof is about another place.
    #[error("generalized index {index}, but the offset's chunk is at {chunk} and its page at {page}")]
    Place {
        /// The proof's index.
        index: GeneralizedIndex,
        /// Where the chunk would be.
        chunk: GeneralizedIndex,
        /// Where the page's leaf would be.
        page: GeneralizedIndex,
    },
    /// The page's leaf is not zero: a page with content is proven by its chunks.
    #[error("the page at generalized index {page} is not zero")]
    PagePresent {
        /// Where the page's leaf is.
        page: GeneralizedIndex,
    },
}

impl SingleProof {
    /// Proves the node at `index` of `state`. `None` where it has no such node.
    pub fn prove(state: &impl StateTree, index: GeneralizedIndex) -> Option<Self> {
        let branch = path(index).filter_map(GeneralizedIndex::sibling).map(|sibling| state.node(sibling));
        Some(Self { index, leaf: state.node(index)?, branch: branch.collect::<Option<_>>()? })
    }

    /// Checks that the tree under `root` has the node `leaf` at `index`. The work is at most 63 hashes.
    ///
    /// # Errors
    /// [`BranchError::Length`] unless the branch has exactly one sibling per level; [`BranchError::Root`].
    pub fn verify(&self, root: &Hash) -> Result<(), BranchError> {
        self.check_length()?;
        let found = path(self.index).zip(&self.branch).fold(self.leaf, |node, (index, sibling)| {
            if index.is_right() { hash_pair(sibling, &node) } else { hash_pair(&node, sibling) }
        });
        if found == *root { Ok(()) } else { Err(BranchError::Root) }
    }

    /// The content at the byte `offset` of the cap under `cap_root`, a chunk or the absence of a page.
    ///
    /// The last sibling is the size chunk. It alone says how many pages there are and how deep they lie, and the
    /// proof's index must be the one that follows from it.
    ///
    /// # Errors
    /// [`BranchError`] if the proof is invalid, about another place, below an absent page's leaf, about a page behind
    /// the last one, or if the size is none.
    pub fn verify_in_cap(&self, cap_root: &Hash, offset: u32) -> Result<CapContent, BranchError> {
        let cap = GeneralizedIndex::ROOT;
        let content = self.content(CapLayout::new(cap, self.integer_sibling(1)?)?, offset)?;
        self.verify(cap_root)?;
        Ok(content)
    }

    /// The content at `address` of the state under `state_root`, a chunk or the absence of a page.
    ///
    /// Meta and size chunk are siblings in the branch and are read from it.
    ///
    /// # Errors
    /// [`BranchError`] as for [`SingleProof::verify_in_cap`], and for an address above 40 bits or a region whose kind
    /// is Generative or unknown.
    pub fn verify_in_state(&self, state_root: &Hash, address: u64) -> Result<CapContent, BranchError> {
        let (region, offset) = layout::split_address(address)?;
        let cap = layout::cap(region);
        let header = RegionHeader { meta: self.integer_sibling(cap.depth())?, size: 0, generator: None };
        if header.is_generative() || !header.has_known_cap() {
            return Err(BranchError::RegionKind { kind: header.kind() });
        }
        let size = self.integer_sibling(cap.depth() + 1)?;
        let content = self.content(CapLayout::new(cap, size)?, offset)?;
        self.verify(state_root)?;
        Ok(content)
    }

    /// What the leaf says of a cap with these places, if the branch holds.
    fn content(&self, places: CapLayout, offset: u32) -> Result<CapContent, BranchError> {
        let chunk = places.chunk(offset)?;
        let page = places.page(layout::page_number(offset))?;
        match self.index {
            index if index == chunk => Ok(CapContent::Chunk(self.leaf)),
            index if index != page => Err(BranchError::Place { index, chunk, page }),
            _ if self.leaf == ZERO_HASH => Ok(CapContent::ZeroPage),
            _ => Err(BranchError::PagePresent { page }),
        }
    }

    /// The integer in the sibling that lies `depth` levels below the root.
    fn integer_sibling(&self, depth: u32) -> Result<u64, BranchError> {
        self.check_length()?;
        let at = self.branch.len().checked_sub(depth as usize).ok_or_else(|| self.length_error())?;
        Ok(decode_uint64_chunk(self.branch.get(at).ok_or_else(|| self.length_error())?)?)
    }

    fn check_length(&self) -> Result<(), BranchError> {
        let fits = u32::try_from(self.branch.len()) == Ok(self.index.depth());
        if fits { Ok(()) } else { Err(self.length_error()) }
    }

    fn length_error(&self) -> BranchError {
        BranchError::Length { index: self.index, depth: self.index.depth(), siblings: self.branch.len() }
    }
}

/// The nodes from `index` up to the root.
fn path(index: GeneralizedIndex) -> impl Iterator<Item = GeneralizedIndex> {
    successors(Some(index), |index| index.parent())
}
