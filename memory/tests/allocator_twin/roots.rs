//! The root of the list of records, from the twin's allocations, all of it hashed each time.

use travertine_merkle::layout::ALLOCATIONS_LIMIT;
use travertine_merkle::{AllocationRecord, Hash, ZERO_HASH, fragments_root, merkleize, mix_in_length};

use super::frames::runs;
use super::{Owned, Twin};

fn record(owned: &Owned) -> AllocationRecord {
    let words: Vec<u64> = runs(&owned.frames)
        .into_iter()
        .map(|(plane, first, frames)| u64::from(plane) | u64::from(first) << 32 | u64::from(frames) << 40)
        .collect();
    AllocationRecord {
        id: owned.id,
        address: owned.address,
        size: owned.size,
        kind: owned.kind.code().into(),
        flags: owned.flags.bits().into(),
        owner: owned.owner,
        fragment_count: words.len() as u64,
        fragments: fragments_root(&words),
    }
}

impl Twin {
    pub(crate) fn records_root(&self) -> Hash {
        let length = self.live.iter().map(|owned| owned.slot + 1).max().unwrap_or(0);
        let mut leaves = vec![ZERO_HASH; length as usize];
        for owned in &self.live {
            leaves[owned.slot as usize] = record(owned).root();
        }
        mix_in_length(&merkleize(&leaves, ALLOCATIONS_LIMIT), length.into())
    }
}
