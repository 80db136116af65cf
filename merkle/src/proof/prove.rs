//! Making memory proofs from a settled state.

use thiserror::Error;

use super::plan::Plan;
use super::{Claim, ClaimError, LimitError, MemoryProof, NODES_LIMIT, PROOF_VERSION};
use crate::gindex::GeneralizedIndex;
use crate::hash::ZERO_HASH;
use crate::layout;
use crate::leaf::decode_uint64_chunk;
use crate::multiproof::{MultiproofError, helper_indices};
use crate::state::StateTree;

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
        let slots = || {
            let index = layout::allocations_length();
            decode_uint64_chunk(&node(index)?).map_err(|_| ProveError::MissingNode { index })
        };
        let plan = Plan::new(claims, |region| Ok(state.region(region)), slots)?;
        let indices = plan.leaf_indices(|place| state.node(place) == Some(ZERO_HASH), NODES_LIMIT)?;
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
