//! The SSZ encoding of transition proofs.

use alloc::vec::Vec;

use super::{CHANGES_LIMIT, ChangedRegion, PageChange, REGIONS_LIMIT, TRANSITION_VERSION, TransitionProof};
use crate::hash::Hash;
use crate::proof::container::{self, OFFSET_BYTES, Reader, hash_at, word_at};
use crate::proof::{DecodeError, LimitError, NODES_LIMIT};

const REGION_BYTES: usize = 24;
const CHANGE_BYTES: usize = 80;
const NODE_BYTES: usize = 32;
/// Version, two roots, two counts, and the offsets of the three lists.
const FIXED_BYTES: usize = 8 + 2 * NODE_BYTES + 2 * 8 + 3 * OFFSET_BYTES;

/// Bytes of the longest encoded transition proof.
pub const TRANSITION_BYTES_LIMIT: usize =
    FIXED_BYTES + REGIONS_LIMIT * REGION_BYTES + CHANGES_LIMIT * CHANGE_BYTES + NODES_LIMIT * NODE_BYTES;
const _: () = assert!(TRANSITION_BYTES_LIMIT < u32::MAX as usize, "every offset fits its four bytes");

impl TransitionProof {
    /// The proof as an SSZ container.
    ///
    /// # Errors
    /// [`LimitError`] if a list is longer than the format allows.
    pub fn encode(&self) -> Result<Vec<u8>, LimitError> {
        self.check_limits()?;
        let regions = self.regions.iter().flat_map(|region| [region.region, region.meta, region.size]);
        let mut changes = Vec::with_capacity(self.changes.len() * CHANGE_BYTES);
        for PageChange { region, page, old, new } in &self.changes {
            changes.extend([region.to_le_bytes(), page.to_le_bytes()].as_flattened());
            changes.extend([*old, *new].as_flattened());
        }
        let fields: [&[u8]; 5] = [
            &self.version.to_le_bytes(),
            &self.old_root,
            &self.new_root,
            &self.old_settlements.to_le_bytes(),
            &self.new_settlements.to_le_bytes(),
        ];
        let regions = regions.flat_map(u64::to_le_bytes).collect();
        Ok(container::encode(&fields, &[regions, changes, self.helpers.concat()]))
    }

    /// Reads an SSZ container. Nothing is allocated before its length has been checked.
    ///
    /// # Errors
    /// [`DecodeError`] for all bytes that [`TransitionProof::encode`] does not produce from a proof of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Reader::new(bytes, FIXED_BYTES, TRANSITION_BYTES_LIMIT, TRANSITION_VERSION)?;
        let (old_root, new_root) = (fields.take()?, fields.take()?);
        let (old_settlements, new_settlements) = (fields.word()?, fields.word()?);
        let lists = fields.lists::<3>()?;
        Ok(Self {
            version: TRANSITION_VERSION,
            old_root,
            new_root,
            old_settlements,
            new_settlements,
            regions: lists.list(0, "regions", REGIONS_LIMIT, decode_region)?,
            changes: lists.list(1, "changes", CHANGES_LIMIT, decode_change)?,
            helpers: lists.list(2, "helpers", NODES_LIMIT, |node: &Hash| *node)?,
        })
    }
}

fn decode_region(bytes: &[u8; REGION_BYTES]) -> ChangedRegion {
    ChangedRegion { region: word_at(bytes, 0), meta: word_at(bytes, 8), size: word_at(bytes, 16) }
}

fn decode_change(bytes: &[u8; CHANGE_BYTES]) -> PageChange {
    PageChange {
        region: word_at(bytes, 0),
        page: word_at(bytes, 8),
        old: hash_at(bytes, 16),
        new: hash_at(bytes, 48),
    }
}
