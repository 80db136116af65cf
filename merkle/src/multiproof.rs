//! Multiproofs: many nodes of one tree proven at once, with each helper hash given once
//! (consensus specifications, `ssz/merkle-proofs.md`, "Merkle multiproofs"; stricter than its functions).
//!
//! Everything is in strictly descending order of generalized indices: the proven nodes and the helpers. No proven node
//! may lie below another, because then only one of the two would be tied to the root.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cmp::Reverse;
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
    climb(indices, repeat_n((), indices.len()), collect, |_, (), ()| ())?;
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
    let join = |_, left: Hash, right: Hash| hash_pair(&left, &right);
    let found = compute_root(indices, leaves.iter().copied(), helpers, |helper| helper, join)?;
    if found == *root { Ok(()) } else { Err(MultiproofError::Root) }
}

/// A node that a multiproof gives or that follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofNode {
    /// The node's place.
    pub index: GeneralizedIndex,
    /// The node.
    pub hash: Hash,
    /// How it is known.
    pub origin: NodeOrigin,
}

/// How a verifier knows a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeOrigin {
    /// The proof proves it.
    Leaf,
    /// The proof gives it so that others can be computed.
    Helper,
    /// It is the hash of its children.
    Computed,
}

/// All nodes that [`verify_multiproof`] meets, the root among them, in descending order of their indices.
///
/// For showing how a proof works; there are fewer than twice as many nodes as leaves and helpers.
///
/// # Errors
/// As for [`verify_multiproof`].
pub fn multiproof_nodes(
    indices: &[GeneralizedIndex],
    leaves: &[Hash],
    helpers: &[Hash],
    root: &Hash,
) -> Result<Vec<ProofNode>, MultiproofError> {
    verify_multiproof(indices, leaves, helpers, root)?;
    let given = |(&index, &hash), origin| ProofNode { index, hash, origin };
    let helper_places = helper_indices(indices)?;
    let listed = indices.iter().zip(leaves).map(|node| given(node, NodeOrigin::Leaf));
    let helping = helper_places.iter().zip(helpers).map(|node| given(node, NodeOrigin::Helper));
    let mut nodes: Vec<_> = listed.chain(helping).collect();
    let join = |index, left: Hash, right: Hash| {
        let hash = hash_pair(&left, &right);
        nodes.push(ProofNode { index, hash, origin: NodeOrigin::Computed });
        hash
    };
    compute_root(indices, leaves.iter().copied(), helpers, |helper| helper, join)?;
    nodes.sort_unstable_by_key(|node| Reverse(node.index));
    Ok(nodes)
}

/// The root that follows from `leaves` at `indices` and the helpers; `join` makes a parent, whose index it is told, of
/// its two children.
///
/// What is computed may be more than one hash for a node: `helper` says what a helper is then.
pub(crate) fn compute_root<T>(
    indices: &[GeneralizedIndex],
    leaves: impl ExactSizeIterator<Item = T>,
    helpers: &[Hash],
    helper: impl Fn(Hash) -> T,
    join: impl FnMut(GeneralizedIndex, T, T) -> T,
) -> Result<T, MultiproofError> {
    if leaves.len() != indices.len() {
        return Err(MultiproofError::Leaves { leaves: leaves.len(), indices: indices.len() });
    }
    let mut rest = helpers.iter();
    let next = |index| {
        let hash = rest.next().ok_or(MultiproofError::MissingHelper { helpers: helpers.len(), index })?;
        Ok(helper(*hash))
    };
    let root = climb(indices, leaves, next, join)?;
    let surplus = rest.len();
    if surplus != 0 {
        return Err(MultiproofError::SurplusHelpers { needed: helpers.len() - surplus, surplus });
    }
    Ok(root)
}

/// Joins the nodes at `indices` pair by pair up to the root, from the greatest index down; asks `helper` for siblings
/// that are not there, in descending order.
fn climb<T>(
    indices: &[GeneralizedIndex],
    nodes: impl Iterator<Item = T>,
    mut helper: impl FnMut(GeneralizedIndex) -> Result<T, MultiproofError>,
    mut join: impl FnMut(GeneralizedIndex, T, T) -> T,
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
        let (left, right) = if index.is_right() { (other, node) } else { (node, other) };
        front.joined.push_back((parent, join(parent, left, right)));
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
