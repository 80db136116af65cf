//! The SSZ encoding of transition proofs.

use alloc::vec::Vec;

use super::{
    CHANGES_LIMIT, ChangedRecord, ChangedRegion, PageChange, RECORDS_LIMIT, REGIONS_LIMIT, StateCounts,
    TRANSITION_VERSION, TransitionHeader, TransitionProof,
};
use crate::allocation::AllocationRecord;
use crate::hash::Hash;
use crate::proof::container::{self, OFFSET_BYTES, Reader, hash_at, word_at};
use crate::proof::{DecodeError, LimitError, NODES_LIMIT};

const COUNTS_BYTES: usize = 3 * 8;
/// Meta, size, seed and mode.
const HEADER_BYTES: usize = 4 * 8;
const REGION_BYTES: usize = 8 + 2 * HEADER_BYTES;
const CHANGE_BYTES: usize = 2 * 8 + 2 * NODE_BYTES;
/// An allocation record: six integers and two roots.
const RECORD_BYTES: usize = 6 * 8 + 2 * NODE_BYTES;
const CHANGED_RECORD_BYTES: usize = 8 + 2 * RECORD_BYTES;
const NODE_BYTES: usize = 32;
/// Version, two roots, the counts of two states, and the offsets of the four lists.
const FIXED_BYTES: usize = 8 + 2 * NODE_BYTES + 2 * COUNTS_BYTES + 4 * OFFSET_BYTES;

/// Bytes of the longest encoded transition proof.
pub const TRANSITION_BYTES_LIMIT: usize = FIXED_BYTES
    + REGIONS_LIMIT * REGION_BYTES
    + CHANGES_LIMIT * CHANGE_BYTES
    + RECORDS_LIMIT * CHANGED_RECORD_BYTES
    + NODES_LIMIT * NODE_BYTES;
const _: () = assert!(TRANSITION_BYTES_LIMIT < u32::MAX as usize, "every offset fits its four bytes");

impl TransitionProof {
    /// The proof as an SSZ container.
    ///
    /// # Errors
    /// [`LimitError`] if a list is longer than the format allows.
    pub fn encode(&self) -> Result<Vec<u8>, LimitError> {
        self.check_limits()?;
        let header = |it: TransitionHeader| [it.meta, it.size, it.seed, it.mode];
        let region = |it: &ChangedRegion| [&[it.region], &header(it.old)[..], &header(it.new)].concat();
        let regions = self.regions.iter().flat_map(region).flat_map(u64::to_le_bytes).collect();
        let mut changes = Vec::with_capacity(self.changes.len() * CHANGE_BYTES);
        for PageChange { region, page, old, new } in &self.changes {
            changes.extend([region.to_le_bytes(), page.to_le_bytes()].as_flattened());
            changes.extend([*old, *new].as_flattened());
        }
        let mut records = Vec::with_capacity(self.records.len() * CHANGED_RECORD_BYTES);
        for ChangedRecord { slot, old, new } in &self.records {
            records.extend(slot.to_le_bytes());
            for record in [old, new] {
                encode_record(&mut records, record);
            }
        }
        let counts = [self.old, self.new].map(encode_counts);
        let fields: [&[u8]; 4] = [
            &self.version.to_le_bytes(),
            &self.old_root,
            &self.new_root,
            counts.as_flattened().as_flattened(),
        ];
        Ok(container::encode(&fields, &[regions, changes, records, self.helpers.concat()]))
    }

    /// Reads an SSZ container. Nothing is allocated before its length has been checked.
    ///
    /// # Errors
    /// [`DecodeError`] for all bytes that [`TransitionProof::encode`] does not produce from a proof of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Reader::new(bytes, FIXED_BYTES, TRANSITION_BYTES_LIMIT, TRANSITION_VERSION)?;
        let (old_root, new_root) = (fields.take()?, fields.take()?);
        let (old, new) = (decode_counts(&mut fields)?, decode_counts(&mut fields)?);
        let lists = fields.lists::<4>()?;
        Ok(Self {
            version: TRANSITION_VERSION,
            old_root,
            new_root,
            old,
            new,
            regions: lists.list(0, "regions", REGIONS_LIMIT, decode_region)?,
            changes: lists.list(1, "changes", CHANGES_LIMIT, decode_change)?,
            records: lists.list(2, "records", RECORDS_LIMIT, decode_changed_record)?,
            helpers: lists.list(3, "helpers", NODES_LIMIT, |node: &Hash| *node)?,
        })
    }
}

fn encode_counts(counts: StateCounts) -> [[u8; 8]; 3] {
    [counts.settlements, counts.next_allocation, counts.slots].map(u64::to_le_bytes)
}

fn decode_counts(fields: &mut Reader<'_>) -> Result<StateCounts, DecodeError> {
    Ok(StateCounts { settlements: fields.word()?, next_allocation: fields.word()?, slots: fields.word()? })
}

fn decode_region(bytes: &[u8; REGION_BYTES]) -> ChangedRegion {
    let header = |at| TransitionHeader {
        meta: word_at(bytes, at),
        size: word_at(bytes, at + 8),
        seed: word_at(bytes, at + 16),
        mode: word_at(bytes, at + 24),
    };
    ChangedRegion { region: word_at(bytes, 0), old: header(8), new: header(8 + HEADER_BYTES) }
}

fn decode_change(bytes: &[u8; CHANGE_BYTES]) -> PageChange {
    PageChange {
        region: word_at(bytes, 0),
        page: word_at(bytes, 8),
        old: hash_at(bytes, 16),
        new: hash_at(bytes, 48),
    }
}

fn encode_record(bytes: &mut Vec<u8>, record: &AllocationRecord) {
    let AllocationRecord { id, address, size, kind, flags, owner, fragment_count, fragments } = record;
    bytes.extend([id, address, size, kind, flags].map(|word| word.to_le_bytes()).as_flattened());
    bytes.extend(owner);
    bytes.extend(fragment_count.to_le_bytes());
    bytes.extend(fragments);
}

fn decode_changed_record(bytes: &[u8; CHANGED_RECORD_BYTES]) -> ChangedRecord {
    let record = |at| AllocationRecord {
        id: word_at(bytes, at),
        address: word_at(bytes, at + 8),
        size: word_at(bytes, at + 16),
        kind: word_at(bytes, at + 24),
        flags: word_at(bytes, at + 32),
        owner: hash_at(bytes, at + 40),
        fragment_count: word_at(bytes, at + 72),
        fragments: hash_at(bytes, at + 80),
    };
    ChangedRecord { slot: word_at(bytes, 0), old: record(8), new: record(8 + RECORD_BYTES) }
}
