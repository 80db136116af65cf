//! The file form of a snapshot: a header, the table of the stored pages, a record, and the pages themselves.

use sha2::{Digest, Sha256};
use travertine_merkle::Hash;

use super::error::SnapshotError;

/// The first bytes of a snapshot.
pub const SNAPSHOT_MAGIC: [u8; 8] = *b"TRVTSNAP";
/// The version of the format.
pub const SNAPSHOT_VERSION: u32 = 3;
/// Bytes of the header.
pub const SNAPSHOT_HEADER_BYTES: usize = 64;

/// Bytes of the header that the checksum in the rest of it covers.
const CHECKED_HEADER_BYTES: usize = 32;
/// What the record is aligned to, from the snapshot's start.
pub(super) const RECORD_ALIGNMENT: usize = 16;
/// What the pages are aligned to, and the bytes of each.
pub(super) const PAGE_BYTES: usize = 4096;

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Content {
    State = 1,
    Cap = 2,
}

/// Where the sections of a snapshot begin, in bytes from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    order: usize,
    padding: usize,
    record: usize,
    record_end: usize,
    pages: usize,
    end: usize,
}

impl Layout {
    /// The layout for this many stored pages and bytes of record, or `None` if no address reaches its end.
    pub(super) fn new(stored: u32, record_bytes: u32) -> Option<Self> {
        let stored = usize::try_from(stored).ok()?;
        let leaves = stored.checked_mul(size_of::<Hash>())?;
        let order = SNAPSHOT_HEADER_BYTES.checked_add(leaves)?;
        let padding = order.checked_add(stored.checked_mul(size_of::<u32>())?)?;
        let record = padding.checked_next_multiple_of(RECORD_ALIGNMENT)?;
        let record_end = record.checked_add(usize::try_from(record_bytes).ok()?)?;
        let pages = record_end.checked_next_multiple_of(PAGE_BYTES)?;
        let end = pages.checked_add(stored.checked_mul(PAGE_BYTES)?)?;
        Some(Self { order, padding, record, record_end, pages, end })
    }

    /// The sections of a snapshot with this layout, or `None` if it is too short.
    pub(super) fn sections(self, snapshot: &[u8]) -> Option<Sections<'_>> {
        Some(Sections {
            leaves: snapshot.get(SNAPSHOT_HEADER_BYTES..self.order)?.as_chunks().0,
            order: snapshot.get(self.order..self.padding)?.as_chunks().0,
            record: snapshot.get(self.record..self.record_end)?,
            pages: snapshot.get(self.pages..self.end)?.as_chunks().0,
        })
    }
}

/// The sections of a snapshot behind its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sections<'a> {
    /// The leaves of the stored pages, as they are stored.
    pub(super) leaves: &'a [Hash],
    /// The places of the stored pages, little endian, by ascending leaf.
    order: &'a [[u8; 4]],
    /// The archived record.
    pub(super) record: &'a [u8],
    /// The stored pages.
    pub(super) pages: &'a [[u8; PAGE_BYTES]],
}

impl<'a> Sections<'a> {
    /// Where the page with this leaf is stored.
    pub(super) fn find(&self, leaf: &Hash) -> Option<usize> {
        let at = self.order.binary_search_by_key(&Some(leaf), |&place| self.leaf_at(place)).ok()?;
        usize::try_from(u32::from_le_bytes(self.order[at])).ok()
    }

    fn leaf_at(&self, place: [u8; 4]) -> Option<&'a Hash> {
        self.leaves.get(usize::try_from(u32::from_le_bytes(place)).ok()?)
    }

    /// Checks that `order` names every stored page once, by ascending leaf, and that none is the zero page.
    fn check_table(&self) -> Result<(), SnapshotError> {
        // `n` places with strictly ascending leaves are `n` different ones: all there are.
        let mut before = Some(&travertine_merkle::ZERO_HASH);
        for (entry, &place) in self.order.iter().enumerate() {
            let leaf = self.leaf_at(place);
            if leaf <= before {
                return Err(SnapshotError::Table { entry, stored: self.leaves.len() });
            }
            before = leaf;
        }
        Ok(())
    }
}

/// Everything of a snapshot that lies before its pages.
pub(super) fn head(
    content: Content,
    leaves: &[Hash],
    order: &[u32],
    record: &[u8],
) -> Result<Vec<u8>, SnapshotError> {
    let stored = u32::try_from(leaves.len()).map_err(|_| SnapshotError::TooLarge)?;
    let record_bytes = u32::try_from(record.len()).map_err(|_| SnapshotError::TooLarge)?;
    let layout = Layout::new(stored, record_bytes).ok_or(SnapshotError::TooLarge)?;
    let mut head = Vec::with_capacity(layout.pages);
    head.extend_from_slice(&SNAPSHOT_MAGIC);
    for word in [SNAPSHOT_VERSION, content as u32, stored, record_bytes] {
        head.extend_from_slice(&word.to_le_bytes());
    }
    head.resize(SNAPSHOT_HEADER_BYTES, 0);
    head.extend_from_slice(leaves.as_flattened());
    head.extend(order.iter().flat_map(|place| place.to_le_bytes()));
    head.resize(layout.record, 0);
    head.extend_from_slice(record);
    head.resize(layout.pages, 0);
    let checksum = checksum(&head);
    head[CHECKED_HEADER_BYTES..SNAPSHOT_HEADER_BYTES].copy_from_slice(&checksum);
    Ok(head)
}

/// SHA-256 of all that lies before the pages, but for the checksum itself.
fn checksum(head: &[u8]) -> Hash {
    let (header, rest) = head.split_at(SNAPSHOT_HEADER_BYTES);
    Sha256::new().chain_update(&header[..CHECKED_HEADER_BYTES]).chain_update(rest).finalize().into()
}

/// Checks everything but the record and the pages, and tells where they are.
pub(super) fn check(snapshot: &[u8], expected: Content) -> Result<Layout, SnapshotError> {
    let Some(header) = snapshot.first_chunk::<SNAPSHOT_HEADER_BYTES>() else {
        return Err(SnapshotError::Truncated(snapshot.len()));
    };
    let magic = std::array::from_fn(|i| header[i]);
    if magic != SNAPSHOT_MAGIC {
        return Err(SnapshotError::Magic(magic));
    }
    let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| header[at + i]));
    let [version, content, stored, record_bytes] = [8, 12, 16, 20].map(word);
    if version != SNAPSHOT_VERSION {
        return Err(SnapshotError::Version(version));
    }
    let wrong_length = || SnapshotError::Length {
        expected: Layout::new(stored, record_bytes).map_or(u64::MAX, |layout| layout.end as u64),
        found: snapshot.len(),
    };
    let layout = Layout::new(stored, record_bytes)
        .filter(|layout| layout.end == snapshot.len())
        .ok_or_else(wrong_length)?;
    let head = &snapshot[..layout.pages];
    if header[CHECKED_HEADER_BYTES..] != checksum(head) {
        return Err(SnapshotError::Checksum);
    }
    if content != expected as u32 {
        return Err(SnapshotError::Content { expected: expected as u32, found: content });
    }
    let zeros = [24..CHECKED_HEADER_BYTES, layout.padding..layout.record, layout.record_end..layout.pages];
    if let Some(at) = zeros.into_iter().flatten().find(|&at| head[at] != 0) {
        return Err(SnapshotError::Padding(at));
    }
    layout.sections(snapshot).ok_or_else(wrong_length)?.check_table()?;
    Ok(layout)
}
