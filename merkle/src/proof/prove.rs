//! Making memory proofs from a settled state.

use thiserror::Error;

use super::{Claim, ClaimError, LimitError, MemoryProof, NODES_LIMIT, PROOF_VERSION};
use crate::gindex::GeneralizedIndex;
use crate::hash::Hash;
use crate::leaf::RegionHeader;
use crate::multiproof::{MultiproofError, helper_indices};
use crate::proof::plan::Plan;

/// What a prover must know of a settled state.
pub trait StateTree {
    /// The node at `index` of the state tree, or `None` where there is no such node.
    ///
    /// Below the leaf of a zero page or of an absent region there are none; padding behind a cap's last page has the
    /// roots of zero subtrees.
    fn node(&self, index: GeneralizedIndex) -> Option<Hash>;
    /// The header of a region, or `None` where it is absent.
    fn region(&self, region: u8) -> Option<RegionHeader>;
    /// Whether a page of a present region is all zero. `page` counts from 0, 4,096 bytes each.
    fn page_is_zero(&self, region: u8, page: u32) -> bool;
}

/// Why a proof cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProveError {
    /// The claims are malformed, or name what this state does not have.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The proof would be longer than its format allows.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The state does not give a node that it should have.
    #[error("the state has no node at generalized index {index}")]
    MissingNode {
        /// The node's place.
        index: GeneralizedIndex,
    },
    /// The state's answers about zero pages contradict each other.
    #[error("the state is inconsistent: {0}")]
    Inconsistent(#[from] MultiproofError),
}

impl MemoryProof {
    /// Proves `claims` of `state`. Shared leaves and helpers appear once.
    ///
    /// # Errors
    /// [`ProveError::Claim`] if the claims are malformed or name bytes that the state does not have;
    /// [`ProveError::Limit`] if they lie so far apart that the proof would be too long; the other two only if the
    /// state has holes or contradicts itself.
    pub fn prove(state: &impl StateTree, claims: &[Claim]) -> Result<Self, ProveError> {
        let node = |index| state.node(index).ok_or(ProveError::MissingNode { index });
        let plan = Plan::new(claims, |region| Ok::<_, ClaimError>(state.region(region)))?;
        let page_is_zero = |region, page, _| state.page_is_zero(region, page);
        let indices = plan.leaf_indices(page_is_zero, NODES_LIMIT)?;
        let helpers = helper_indices(&indices)?;
        LimitError::check("helpers", helpers.len(), NODES_LIMIT)?;
        Ok(Self {
            version: PROOF_VERSION,
            root: node(GeneralizedIndex::ROOT)?,
            claims: claims.to_vec(),
            leaves: indices.iter().map(|&index| node(index)).collect::<Result<_, _>>()?,
            gindices: indices.into_iter().map(GeneralizedIndex::get).collect(),
            helpers: helpers.into_iter().map(node).collect::<Result<_, _>>()?,
        })
    }
}
