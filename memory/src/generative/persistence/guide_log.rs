//! Logs without a header, for import: a stream of addresses and cells. Nothing in them tells damage, or a wrong seed.

use crate::generative::cell::to_cell;

/// Bytes of a record: address and cell.
pub const GUIDE_RECORD_BYTES: usize = 12;
/// Bytes of a record of the other kind: address and binary64 number. Nothing in a file tells the two kinds apart.
pub const WIDE_RECORD_BYTES: usize = 16;

/// A record's bytes.
pub fn guide_record(address: u64, cell: u32) -> [u8; GUIDE_RECORD_BYTES] {
    let mut record = [0; GUIDE_RECORD_BYTES];
    record[..8].copy_from_slice(&address.to_le_bytes());
    record[8..].copy_from_slice(&cell.to_le_bytes());
    record
}

/// The address and cell of a record.
pub(super) fn cell_of(record: &[u8; GUIDE_RECORD_BYTES]) -> (u64, u32) {
    let (words, _) = record.as_chunks();
    let [low, high, cell] = [words[0], words[1], words[2]].map(u32::from_le_bytes);
    (u64::from(high) << 32 | u64::from(low), cell)
}

/// The records, in their order, and how many bytes they have: what is behind is a record that was torn, and must be cut
/// off before another is appended.
pub fn read_guide_log(bytes: &[u8]) -> (impl Iterator<Item = (u64, u32)>, usize) {
    let (records, torn) = bytes.as_chunks();
    (records.iter().map(cell_of), bytes.len() - torn.len())
}

/// Like [`read_guide_log`], for records with numbers, which are rounded to cells.
pub fn read_wide_log(bytes: &[u8]) -> (impl Iterator<Item = (u64, u32)>, usize) {
    let (records, torn) = bytes.as_chunks::<WIDE_RECORD_BYTES>();
    let cell = |record: &[u8; WIDE_RECORD_BYTES]| {
        let (words, _) = record.as_chunks();
        (u64::from_le_bytes(words[0]), to_cell(f64::from_le_bytes(words[1])))
    };
    (records.iter().map(cell), bytes.len() - torn.len())
}
