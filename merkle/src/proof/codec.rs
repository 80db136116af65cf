//! The SSZ encoding of memory proofs: a fixed part, then four lists of fixed-size elements.
//!
//! Decoding accepts exactly what encoding produces: the first list starts where the fixed part ends, each other one
//! where the one before it ends, and the last ends with the input, so no byte has two meanings or none.

use alloc::vec::Vec;

use thiserror::Error;

use super::{CLAIMS_LIMIT, Claim, LimitError, MemoryProof, NODES_LIMIT, PROOF_VERSION};
use crate::hash::Hash;

const CLAIM_BYTES: usize = 24;
const INDEX_BYTES: usize = 8;
const NODE_BYTES: usize = 32;
const OFFSET_BYTES: usize = 4;
/// Version, root, and the offsets of the four lists.
const FIXED_BYTES: usize = 8 + NODE_BYTES + 4 * OFFSET_BYTES;

/// Bytes of the longest encoded proof.
pub const PROOF_BYTES_LIMIT: usize =
    FIXED_BYTES + CLAIMS_LIMIT * CLAIM_BYTES + NODES_LIMIT * (INDEX_BYTES + 2 * NODE_BYTES);
const _: () = assert!(PROOF_BYTES_LIMIT < u32::MAX as usize, "every offset fits its four bytes");

/// Why bytes are not an encoded memory proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The input is longer than any proof.
    #[error("{length} bytes, the longest proof has {PROOF_BYTES_LIMIT}")]
    TooLong {
        /// Bytes given.
        length: usize,
    },
    /// The input ends within the fixed part.
    #[error("{length} bytes, the fixed part of a proof has {FIXED_BYTES}")]
    TooShort {
        /// Bytes given.
        length: usize,
    },
    /// The proof is of another version.
    #[error("memory proof version {version}, version {PROOF_VERSION} is known")]
    Version {
        /// The version found.
        version: u64,
    },
    /// The first list does not follow the fixed part at once.
    #[error("the first offset is {offset}, not {FIXED_BYTES}")]
    FirstOffset {
        /// The offset found.
        offset: u32,
    },
    /// A list ends before it starts, or behind the input.
    #[error("the list of {list} runs from byte {start} to byte {end} of {length}")]
    Offsets {
        /// Name of the list.
        list: &'static str,
        /// Its first byte.
        start: usize,
        /// The byte after its last.
        end: usize,
        /// Bytes given.
        length: usize,
    },
    /// A list's bytes are no whole number of elements.
    #[error("the list of {list} has {bytes} bytes, no multiple of {element}")]
    PartialElement {
        /// Name of the list.
        list: &'static str,
        /// Its bytes.
        bytes: usize,
        /// Bytes of an element.
        element: usize,
    },
    /// A list is too long.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

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
        let mut bytes = Vec::with_capacity(FIXED_BYTES + lists.iter().map(Vec::len).sum::<usize>());
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.root);
        let mut end = FIXED_BYTES;
        for list in &lists {
            bytes.extend(u32::try_from(end).expect("a proof within its limits is shorter").to_le_bytes());
            end += list.len();
        }
        bytes.extend(lists.iter().flatten());
        Ok(bytes)
    }

    /// Reads an SSZ container. Nothing is allocated before its length has been checked.
    ///
    /// # Errors
    /// [`DecodeError`] for all bytes that [`MemoryProof::encode`] does not produce from a proof of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > PROOF_BYTES_LIMIT {
            return Err(DecodeError::TooLong { length: bytes.len() });
        }
        let mut fixed = bytes;
        let version = u64::from_le_bytes(take(&mut fixed, bytes)?);
        if version != PROOF_VERSION {
            return Err(DecodeError::Version { version });
        }
        let root = take(&mut fixed, bytes)?;
        let mut offsets = [0; 4];
        for offset in &mut offsets {
            *offset = u32::from_le_bytes(take(&mut fixed, bytes)?);
        }
        let [claims, gindices, leaves, helpers] = offsets.map(|offset| offset as usize);
        if claims != FIXED_BYTES {
            return Err(DecodeError::FirstOffset { offset: offsets[0] });
        }
        Ok(Self {
            version,
            root,
            claims: list(bytes, "claims", claims, gindices, CLAIMS_LIMIT, decode_claim)?,
            gindices: list(bytes, "gindices", gindices, leaves, NODES_LIMIT, |index| {
                u64::from_le_bytes(*index)
            })?,
            leaves: list(bytes, "leaves", leaves, helpers, NODES_LIMIT, |node: &Hash| *node)?,
            helpers: list(bytes, "helpers", helpers, bytes.len(), NODES_LIMIT, |node: &Hash| *node)?,
        })
    }
}

/// Takes the next `N` bytes of the fixed part of `whole`.
fn take<const N: usize>(rest: &mut &[u8], whole: &[u8]) -> Result<[u8; N], DecodeError> {
    let (taken, after) = rest.split_first_chunk().ok_or(DecodeError::TooShort { length: whole.len() })?;
    *rest = after;
    Ok(*taken)
}

/// Reads the list of `N`-byte elements in `bytes[start..end]`.
fn list<const N: usize, T>(
    bytes: &[u8],
    list: &'static str,
    start: usize,
    end: usize,
    limit: usize,
    element: impl Fn(&[u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    let content =
        bytes.get(start..end).ok_or(DecodeError::Offsets { list, start, end, length: bytes.len() })?;
    let (elements, rest) = content.as_chunks();
    if !rest.is_empty() {
        return Err(DecodeError::PartialElement { list, bytes: content.len(), element: N });
    }
    LimitError::check(list, elements.len(), limit)?;
    Ok(elements.iter().map(element).collect())
}

fn decode_claim(bytes: &[u8; CLAIM_BYTES]) -> Claim {
    let word = |at: usize| u64::from_le_bytes(core::array::from_fn(|i| bytes[at + i]));
    Claim { kind: word(0), address: word(8), length: word(16) }
}
