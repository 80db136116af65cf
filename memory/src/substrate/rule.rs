//! The rule: whether a block's header allocates the segment.

use sha2::{Digest, Sha256};
use travertine_merkle::Hash;

use super::ledger::LedgerRecord;
use super::map::Substrate;

/// What the rule says of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluation {
    /// SHA-256 of the header's bytes.
    pub digest: Hash,
    /// The hash: the digest's first eight bytes, little endian.
    pub hash: u64,
    /// The hash modulo [`Substrate::modulus`].
    pub remainder: u64,
}

impl Evaluation {
    /// Whether the segment is allocated: the remainder is 0.
    pub fn allocates(&self) -> bool {
        self.remainder == 0
    }
}

impl Substrate {
    /// Applies the rule to a header.
    pub fn evaluate(&self, header: &[u8]) -> Evaluation {
        self.judge(Sha256::digest(header).into())
    }

    /// Applies the rule to the digest of a header.
    pub(super) fn judge(&self, digest: Hash) -> Evaluation {
        let hash = u64::from_le_bytes(std::array::from_fn(|index| digest[index]));
        Evaluation { digest, hash, remainder: hash % self.modulus }
    }

    /// The record of a header that allocates, at a time that the embedder gives; `None` for one that does not.
    pub fn record(&self, header: &[u8], timestamp: u64) -> Option<LedgerRecord> {
        let evaluation = self.evaluate(header);
        let event = || Sha256::new().chain_update(header).chain_update(evaluation.remainder.to_le_bytes());
        evaluation.allocates().then(|| LedgerRecord {
            timestamp,
            event_hash: event().finalize().into(),
            bytes_allocated: self.size,
        })
    }
}
