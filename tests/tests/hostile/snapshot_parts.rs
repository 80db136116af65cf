//! A snapshot taken apart and put together again as `docs/snapshot.md` draws it, so that any part can be made wrong.

use sha2::{Digest, Sha256};
use travertine_vm::SNAPSHOT_HEADER_BYTES;

/// Bytes of the header before the checksum.
const CHECKED: usize = 32;

/// The parts of a snapshot. Putting them together computes counts, padding and checksum.
#[derive(Clone)]
pub(crate) struct Parts {
    /// The header up to the checksum. The counts in it are not used.
    pub(crate) header: Vec<u8>,
    pub(crate) leaves: Vec<[u8; 32]>,
    pub(crate) order: Vec<u32>,
    pub(crate) record: Vec<u8>,
    pub(crate) pages: Vec<u8>,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// How many pages a snapshot stores, and where its record begins and ends.
pub(crate) fn places(snapshot: &[u8]) -> (usize, usize, usize) {
    let stored = word(snapshot, 16) as usize;
    let record = (SNAPSHOT_HEADER_BYTES + stored * 36).next_multiple_of(16);
    (stored, record, record + word(snapshot, 20) as usize)
}

/// Where the pages of a snapshot begin.
pub(crate) fn pages_start(snapshot: &[u8]) -> usize {
    places(snapshot).2.next_multiple_of(4096)
}

/// The checksum of a snapshot whose pages begin at `pages`.
pub(crate) fn seal(snapshot: &mut [u8], pages: usize) {
    let hash = Sha256::new()
        .chain_update(&snapshot[..CHECKED])
        .chain_update(&snapshot[SNAPSHOT_HEADER_BYTES..pages])
        .finalize();
    snapshot[CHECKED..SNAPSHOT_HEADER_BYTES].copy_from_slice(&hash);
}

impl Parts {
    pub(crate) fn of(snapshot: &[u8]) -> Self {
        let (stored, record, record_end) = places(snapshot);
        let order = SNAPSHOT_HEADER_BYTES + 32 * stored;
        Self {
            header: snapshot[..CHECKED].to_vec(),
            leaves: snapshot[SNAPSHOT_HEADER_BYTES..order].as_chunks().0.to_vec(),
            order: (0..stored).map(|entry| word(snapshot, order + 4 * entry)).collect(),
            record: snapshot[record..record_end].to_vec(),
            pages: snapshot[pages_start(snapshot)..].to_vec(),
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let mut snapshot = self.header.clone();
        snapshot.resize(SNAPSHOT_HEADER_BYTES, 0);
        snapshot[16..20].copy_from_slice(&u32::try_from(self.leaves.len()).unwrap().to_le_bytes());
        snapshot[20..24].copy_from_slice(&u32::try_from(self.record.len()).unwrap().to_le_bytes());
        snapshot.extend_from_slice(self.leaves.as_flattened());
        snapshot.extend(self.order.iter().flat_map(|place| place.to_le_bytes()));
        snapshot.resize(snapshot.len().next_multiple_of(16), 0);
        snapshot.extend_from_slice(&self.record);
        let pages = snapshot.len().next_multiple_of(4096);
        snapshot.resize(pages, 0);
        seal(&mut snapshot, pages);
        snapshot.extend_from_slice(&self.pages);
        snapshot
    }
}
