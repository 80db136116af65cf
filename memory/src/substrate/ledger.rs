//! The ledger of allocations: an SSZ list, its root, proofs of its records, and what it takes to append to it.

use thiserror::Error;
use travertine_merkle::{
    GeneralizedIndex, Hash, SingleProof, ZERO_HASH, hash_pair, merkleize, mix_in_length, uint64_chunk,
    zero_hash,
};

/// The most records of a ledger.
pub const LEDGER_LIMIT: u64 = 1 << DEPTH;
/// Bytes of a record, as SSZ.
pub const LEDGER_RECORD_BYTES: usize = 48;
/// Levels between the root over the records and each of them.
pub(super) const DEPTH: u32 = 32;

/// That a segment was allocated for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRecord {
    /// When, in the chain's own unit: the embedder says.
    pub timestamp: u64,
    /// SHA-256 of the header's bytes and the remainder as a little-endian `u64`.
    pub event_hash: Hash,
    /// Bytes of the segment.
    pub bytes_allocated: u64,
}

/// Why bytes are not a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// It is not whole records.
    #[error("a ledger of {0} bytes: records have {LEDGER_RECORD_BYTES} each")]
    Length(usize),
    /// There are too many records.
    #[error("the ledger has {LEDGER_LIMIT} records and takes no more")]
    Full,
}

impl LedgerRecord {
    /// The SSZ encoding: three fields of fixed size.
    pub fn to_ssz(&self) -> [u8; LEDGER_RECORD_BYTES] {
        let mut bytes = [0; LEDGER_RECORD_BYTES];
        bytes[..8].copy_from_slice(&self.timestamp.to_le_bytes());
        bytes[8..40].copy_from_slice(&self.event_hash);
        bytes[40..].copy_from_slice(&self.bytes_allocated.to_le_bytes());
        bytes
    }

    fn from_ssz(bytes: &[u8; LEDGER_RECORD_BYTES]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let event_hash = std::array::from_fn(|index| bytes[8 + index]);
        Self { timestamp: word(0), event_hash, bytes_allocated: word(40) }
    }

    /// The root of the record as a container: the leaf of the list.
    pub fn root(&self) -> Hash {
        merkleize(&[uint64_chunk(self.timestamp), self.event_hash, uint64_chunk(self.bytes_allocated)], 4)
    }
}

/// A whole ledger: `List[LedgerRecord, 2^32]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger(Vec<LedgerRecord>);

impl Ledger {
    /// A ledger of these records.
    pub fn new(records: Vec<LedgerRecord>) -> Self {
        Self(records)
    }

    /// The records, the oldest first.
    pub fn records(&self) -> &[LedgerRecord] {
        &self.0
    }

    /// The SSZ encoding: the records, one behind the other.
    pub fn to_ssz(&self) -> Vec<u8> {
        self.0.iter().flat_map(LedgerRecord::to_ssz).collect()
    }

    /// The ledger with this encoding.
    ///
    /// # Errors
    /// [`LedgerError::Length`] if the bytes are not whole records.
    pub fn from_ssz(bytes: &[u8]) -> Result<Self, LedgerError> {
        match bytes.as_chunks() {
            (records, []) => Ok(Self(records.iter().map(LedgerRecord::from_ssz).collect())),
            _ => Err(LedgerError::Length(bytes.len())),
        }
    }

    /// The root of the list.
    pub fn root(&self) -> Hash {
        let leaves: Vec<Hash> = self.0.iter().map(LedgerRecord::root).collect();
        mix_in_length(&merkleize(&leaves, LEDGER_LIMIT), self.0.len() as u64)
    }

    /// What it takes to append to the ledger.
    ///
    /// # Errors
    /// [`LedgerError::Full`].
    pub fn frontier(&self) -> Result<LedgerFrontier, LedgerError> {
        let mut frontier = LedgerFrontier::default();
        self.0.iter().try_for_each(|record| frontier.append(record))?;
        Ok(frontier)
    }

    /// Where the record at `index` stands under the list's root.
    pub fn place(index: u32) -> GeneralizedIndex {
        let data = GeneralizedIndex::ROOT.left().expect("it is the second level");
        data.descendant(DEPTH, index.into()).expect("it is level 33")
    }

    /// A proof that the record at `index` is there, and how many records there are. [`SingleProof::verify`] checks it against the
    /// ledger's root: the leaf is the record's root, the place [`Ledger::place`], and the last sibling the number of records.
    ///
    /// `None` if there is no such record.
    pub fn prove(&self, index: u32) -> Option<SingleProof> {
        let mut position = usize::try_from(index).ok()?;
        let leaf = self.0.get(position)?.root();
        let mut layer: Vec<Hash> = self.0.iter().map(LedgerRecord::root).collect();
        let mut branch = Vec::with_capacity(DEPTH as usize + 1);
        for level in 0..DEPTH {
            let zero = zero_hash(level);
            branch.push(*layer.get(position ^ 1).unwrap_or(zero));
            layer = layer.chunks(2).map(|pair| hash_pair(&pair[0], pair.get(1).unwrap_or(zero))).collect();
            position /= 2;
        }
        branch.push(uint64_chunk(self.0.len() as u64));
        Some(SingleProof { index: Self::place(index), leaf, branch })
    }
}

/// The right edge of a ledger: enough to append to it and to know its root, whatever its length. `nodes[level]` is the root of the
/// last complete subtree of `2^level` records if that bit of the length is set, else zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerFrontier {
    pub(super) length: u64,
    pub(super) nodes: [Hash; DEPTH as usize],
}

impl Default for LedgerFrontier {
    fn default() -> Self {
        Self { length: 0, nodes: [ZERO_HASH; DEPTH as usize] }
    }
}

impl LedgerFrontier {
    /// How many records there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends a record: amortized two hashes beside those of the record.
    ///
    /// # Errors
    /// [`LedgerError::Full`].
    pub fn append(&mut self, record: &LedgerRecord) -> Result<(), LedgerError> {
        // The full tree has no place for its root here: one record less than the limit.
        if self.length + 1 >= LEDGER_LIMIT {
            return Err(LedgerError::Full);
        }
        let mut node = record.root();
        for (level, left) in self.nodes.iter_mut().enumerate() {
            if self.length >> level & 1 == 0 {
                *left = node;
                break;
            }
            node = hash_pair(left, &node);
            *left = ZERO_HASH;
        }
        self.length += 1;
        Ok(())
    }

    /// The root of the list.
    pub fn root(&self) -> Hash {
        let mut root = ZERO_HASH;
        for (level, left) in (0..).zip(&self.nodes) {
            root = if self.length >> level & 1 == 1 {
                hash_pair(left, &root)
            } else {
                hash_pair(&root, zero_hash(level))
            };
        }
        mix_in_length(&root, self.length)
    }

    /// Whether exactly the nodes that the length asks for are there.
    pub(super) fn is_well_formed(&self) -> bool {
        self.length < LEDGER_LIMIT
            && self
                .nodes
                .iter()
                .enumerate()
                .all(|(level, node)| self.length >> level & 1 == 1 || *node == ZERO_HASH)
    }
}
