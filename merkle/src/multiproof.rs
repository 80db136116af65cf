//! Multiproofs: many nodes of one tree proven at once, with each helper hash given once
//! (consensus specifications, `ssz/merkle-proofs.md`, "Merkle multiproofs"; stricter than its functions).
//!
//! Everything is in strictly descending order of generalized indices: the proven nodes and the helpers. No proven node
//! may lie below another, because then only one of the two would be tied to the root.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::iter::{Peekable, repeat_n};

use thiserror::Error;

use crate::gindex::GeneralizedIndex;
use crate::hash::{Hash, hash_pair};

/// Why a multiproof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MultiproofError {
    /// Nothing is to be proven.
    #[error("a multiproof of nothing")]
    Empty,
    /// The indices ascend somewhere, or one stands there twice.
    #[error("generalized index {next} follows {index}: they must be strictly descending")]
    Order {
        /// An index.
        index: GeneralizedIndex,
        /// The one after it, which is not smaller.
        next: GeneralizedIndex,
    },
    /// A proven node lies above another one.
    #[error("generalized index {ancestor} lies above another one of the proof")]
    Nested {
        /// The upper one.
        ancestor: GeneralizedIndex,
    },
    /// There is not one leaf for each index.
    #[error("{leaves} leaves for {indices} generalized indices")]
    Leaves {
        /// Leaves given.
        leaves: usize,
        /// Indices given.
        indices: usize,
    },
    /// The helpers end too early.
    #[error("the {helpers} helpers end before the one for generalized index {index}")]
    MissingHelper {
        /// Helpers given.
        helpers: usize,
        /// The node whose hash is wanted.
        index: GeneralizedIndex,
    },
    /// There are more helpers than the indices need.
    #[error("{surplus} surplus helpers after the {needed} that are needed")]
    SurplusHelpers {
        /// Helpers that are needed.
        needed: usize,
        /// Helpers after them.
        surplus: usize,
    },
    /// The root that follows from leaves and helpers is another one.
    #[error("the leaves and helpers do not yield the trusted root")]
    Root,
}

/// The places of the helpers of a multiproof of the nodes at `indices`, strictly descending
/// (the specification's `get_helper_indices`).
///
/// # Errors
/// [`MultiproofError::Empty`], [`MultiproofError::Order`] or [`MultiproofError::Nested`].
pub fn helper_indices(indices: &[GeneralizedIndex]) -> Result<Vec<GeneralizedIndex>, MultiproofError> {
    let mut helpers = Vec::new();
    let collect = |index| {
        helpers.push(index);
        Ok(())
    };
    climb(indices, repeat_n((), indices.len()), collect, |(), ()| ())?;
    Ok(helpers)
}

/// Checks that the tree under `root` has the nodes `leaves` at `indices`.
///
/// Work and memory are linear in the lengths of the three lists.
///
/// # Errors
/// Every other multiproof than the one, canonical form of a true statement is a [`MultiproofError`].
pub fn verify_multiproof(
    indices: &[GeneralizedIndex],
    leaves: &[Hash],
    helpers: &[Hash],
    root: &Hash,
) -> Result<(), MultiproofError> {
    if leaves.len() != indices.len() {
        return Err(MultiproofError::Leaves { leaves: leaves.len(), indices: indices.len() });
    }
    let mut rest = helpers.iter();
    let helper =
        |index| rest.next().copied().ok_or(MultiproofError::MissingHelper { helpers: helpers.len(), index });
    let found = climb(indices, leaves.iter().copied(), helper, |left, right| hash_pair(&left, &right))?;
    let surplus = rest.len();
    if surplus != 0 {
        return Err(MultiproofError::SurplusHelpers { needed: helpers.len() - surplus, surplus });
    }
    if found == *root { Ok(()) } else { Err(MultiproofError::Root) }
}

/// Joins the nodes at `indices` pair by pair up to the root, from the greatest index down; asks `helper` for siblings
/// that are not there, in descending order.
fn climb<T>(
    indices: &[GeneralizedIndex],
    nodes: impl Iterator<Item = T>,
    mut helper: impl FnMut(GeneralizedIndex) -> Result<T, MultiproofError>,
    mut join: impl FnMut(T, T) -> T,
) -> Result<T, MultiproofError> {
    if let Some(&[index, next]) = indices.windows(2).find(|pair| pair[0] <= pair[1]) {
        return Err(MultiproofError::Order { index, next });
    }
    let mut front = Front { given: indices.iter().copied().zip(nodes).peekable(), joined: VecDeque::new() };
    while let Some((index, node)) = front.take_if(|_| true)? {
        let (Some(parent), Some(sibling)) = (index.parent(), index.sibling()) else { return Ok(node) };
        let other = match front.take_if(|greatest| greatest == sibling)? {
            Some((_, other)) => other,
            None => helper(sibling)?,
        };
        front
            .joined
            .push_back((parent, if index.is_right() { join(other, node) } else { join(node, other) }));
    }
    Err(MultiproofError::Empty)
}

/// The known nodes whose parents are not known yet.
///
/// Parents come into being in descending order too, so two queues whose heads are compared replace a sort.
struct Front<T, Given: Iterator<Item = (GeneralizedIndex, T)>> {
    given: Peekable<Given>,
    joined: VecDeque<(GeneralizedIndex, T)>,
}

impl<T, Given: Iterator<Item = (GeneralizedIndex, T)>> Front<T, Given> {
    /// Takes the node with the greatest index if that is `wanted`.
    fn take_if(
        &mut self,
        wanted: impl Fn(GeneralizedIndex) -> bool,
    ) -> Result<Option<(GeneralizedIndex, T)>, MultiproofError> {
        let given = self.given.peek().map(|(index, _)| *index);
        let joined = self.joined.front().map(|(index, _)| *index);
        match given.max(joined) {
            Some(ancestor) if given == joined => Err(MultiproofError::Nested { ancestor }),
            Some(greatest) if wanted(greatest) => {
                Ok(if given == Some(greatest) { self.given.next() } else { self.joined.pop_front() })
            }
            _ => Ok(None),
        }
    }
}
