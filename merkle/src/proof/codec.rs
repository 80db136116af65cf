//! The SSZ encoding of memory proofs.

use alloc::vec::Vec;

use super::container::{self, DecodeError, OFFSET_BYTES, Reader, word_at};
use super::{CLAIMS_LIMIT, Claim, LimitError, MemoryProof, NODES_LIMIT, PROOF_VERSION};
use crate::hash::Hash;

const CLAIM_BYTES: usize = 24;
const INDEX_BYTES: usize = 8;
const NODE_BYTES: usize = 32;
/// Version, root, and the offsets of the four lists.
const FIXED_BYTES: usize = 8 + NODE_BYTES + 4 * OFFSET_BYTES;

/// Bytes of the longest encoded memory proof.
pub const PROOF_BYTES_LIMIT: usize =
    FIXED_BYTES + CLAIMS_LIMIT * CLAIM_BYTES + NODES_LIMIT * (INDEX_BYTES + 2 * NODE_BYTES);
const _: () = assert!(PROOF_BYTES_LIMIT < u32::MAX as usize, "every offset fits its four bytes");

impl MemoryProof {
    /// The proof as an SSZ container.
    ///
    /// # Errors
    /// [`LimitError`] if a list is longer than the format allows.
    pub fn encode(&self) -> Result<Vec<u8>, LimitError> {
        self.check_limits()?;
        let claims = self.claims.iter().map(|claim| [claim.kind, claim.address, claim.length]);
        let lists = [
            claims.flatten().flat_map(u64::to_le_bytes).collect(),
            self.gindices.iter().copied().flat_map(u64::to_le_bytes).collect(),
            self.leaves.concat(),
            self.helpers.concat(),
        ];
        Ok(container::encode(&[&self.version.to_le_bytes(), &self.root], &lists))
    }

    /// Reads an SSZ container. Nothing is allocated before its length has been checked.
    ///
    /// # Errors
    /// [`DecodeError`] for all bytes that [`MemoryProof::encode`] does not produce from a proof of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Reader::new(bytes, FIXED_BYTES, PROOF_BYTES_LIMIT, PROOF_VERSION)?;
        let root = fields.take()?;
        let lists = fields.lists::<4>()?;
        Ok(Self {
            version: PROOF_VERSION,
            root,
            claims: lists.list(0, "claims", CLAIMS_LIMIT, decode_claim)?,
            gindices: lists.list(1, "gindices", NODES_LIMIT, |index| u64::from_le_bytes(*index))?,
            leaves: lists.list(2, "leaves", NODES_LIMIT, |node: &Hash| *node)?,
            helpers: lists.list(3, "helpers", NODES_LIMIT, |node: &Hash| *node)?,
        })
    }
}

fn decode_claim(bytes: &[u8; CLAIM_BYTES]) -> Claim {
    Claim { kind: word_at(bytes, 0), address: word_at(bytes, 8), length: word_at(bytes, 16) }
}
