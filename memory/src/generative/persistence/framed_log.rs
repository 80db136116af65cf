//! The framed log: a header, and records whose sums form a chain, so that damage, loss and swaps are told from a torn end.

use thiserror::Error;

use super::guide_log::{cell_of, guide_record};
use crate::generative::hashing::crc32;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 32;
/// Bytes of a record: address, cell, sum.
pub const RECORD_BYTES: usize = 16;

/// `GMAL`.
const MAGIC: u32 = 0x4C41_4D47;
const VERSION: u16 = 1;
/// Bytes of the header that its sum covers.
const SUMMED_BYTES: usize = HEADER_BYTES - 4;

/// What a log's cells belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeader {
    /// The seed.
    pub seed: u64,
    /// How many cells there are; 0 is all 2^64. It is a note: records are not checked against it.
    pub size_cells: u64,
    /// What untouched cells are: 0 zeros, 1 synthesized. A note, too.
    pub mode: u32,
}

/// Why bytes are no header of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// It is something else.
    #[error("it begins with {0:#010x}, not with {MAGIC:#010x}, the mark of a log")]
    Magic(u32),
    /// It is of another version.
    #[error("its version is {0}, not {VERSION}")]
    Version(u16),
    /// Bytes that must be zero are not.
    #[error("its reserved bytes are {0:#06x}, not zero")]
    Reserved(u16),
    /// The sum is wrong.
    #[error("its header's sum is {stored:#010x}, but that of its content is {computed:#010x}")]
    Checksum {
        /// The sum in it.
        stored: u32,
        /// The sum of its content.
        computed: u32,
    },
}

impl LogHeader {
    /// The bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.seed.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.size_cells.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.mode.to_le_bytes());
        let sum = crc32(&bytes[..SUMMED_BYTES]);
        bytes[SUMMED_BYTES..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header in the bytes.
    ///
    /// # Errors
    /// [`HeaderError`]. The sum is looked at last, so that a file of another kind is called that.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, HeaderError> {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |index: usize| u32::from_le_bytes(words[index]);
        let long = |index: usize| u64::from(word(index + 1)) << 32 | u64::from(word(index));
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let computed = crc32(&bytes[..SUMMED_BYTES]);
        match (word(0), half(4), half(6), word(7)) {
            (magic, ..) if magic != MAGIC => Err(HeaderError::Magic(magic)),
            (_, version, ..) if version != VERSION => Err(HeaderError::Version(version)),
            (_, _, reserved, _) if reserved != 0 => Err(HeaderError::Reserved(reserved)),
            (.., stored) if stored != computed => Err(HeaderError::Checksum { stored, computed }),
            _ => Ok(Self { seed: long(2), size_cells: long(4), mode: word(6) }),
        }
    }

    /// The first link of the chain: the header's own sum.
    pub(super) fn first_link(&self) -> u32 {
        crc32(&self.encode()[..SUMMED_BYTES])
    }
}

/// A record's bytes, the last four of which are the chain's next link.
pub(super) fn record(link: u32, address: u64, cell: u32) -> ([u8; RECORD_BYTES], u32) {
    let content = guide_record(address, cell);
    let next = next_link(link, &content);
    let mut record = [0; RECORD_BYTES];
    record[..12].copy_from_slice(&content);
    record[12..].copy_from_slice(&next.to_le_bytes());
    (record, next)
}

fn next_link(link: u32, content: &[u8; 12]) -> u32 {
    let mut summed = [0; 16];
    summed[..4].copy_from_slice(&link.to_le_bytes());
    summed[4..].copy_from_slice(content);
    crc32(&summed)
}

/// The records of a log that are whole, and where the chain goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRecords<'a> {
    /// The header.
    pub header: LogHeader,
    records: &'a [[u8; RECORD_BYTES]],
    pub(super) link: u32,
}

impl LogRecords<'_> {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of the header and of these records: what a torn log is cut to.
    pub fn bytes(&self) -> u64 {
        HEADER_BYTES as u64 + RECORD_BYTES as u64 * self.len()
    }

    /// Addresses and cells, in the order in which they were written.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, u32)> {
        self.records.iter().map(|record| cell_of(content(record)))
    }
}

fn content(record: &[u8; RECORD_BYTES]) -> &[u8; 12] {
    record.first_chunk().expect("a record is longer")
}

/// What bytes of a log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery<'a> {
    /// Too short for a header: a log that was being made. It is to be made anew.
    New,
    /// All is whole.
    Clean(LogRecords<'a>),
    /// What is behind these records was not written to the end. It is to be cut off, and then the log goes on.
    Torn(LogRecords<'a>),
}

/// Why bytes are no log that can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LogError<'a> {
    /// There is no valid header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A record is damaged, missing or out of place, and more bytes follow it than can be torn at once. Who cuts the log there all
    /// the same loses all that follow.
    #[error(
        "record {} is damaged, {bytes_behind} bytes before the end: more than the {window} that can be torn", .whole.len()
    )]
    Corrupt {
        /// The records before it.
        whole: LogRecords<'a>,
        /// Bytes from the damaged record on.
        bytes_behind: u64,
        /// Bytes that can be torn.
        window: u64,
    },
}

/// Finds out what the bytes of a log are. Its writer made sure that never more than the last `window` bytes were not yet on the
/// disk; a file system may also have made the file longer, with zeros.
///
/// # Errors
/// [`LogError`] if the log is damaged in a way that a torn end does not explain.
pub fn recover(bytes: &[u8], window: u64) -> Result<Recovery<'_>, LogError<'_>> {
    let Some((header, body)) = bytes.split_first_chunk() else { return Ok(Recovery::New) };
    let header = LogHeader::decode(header)?;
    let (records, _) = body.as_chunks();
    let (mut link, mut count) = (header.first_link(), 0);
    for record in records {
        let next = next_link(link, content(record));
        if record[12..] != next.to_le_bytes() {
            break;
        }
        (link, count) = (next, count + 1);
    }
    let whole = LogRecords { header, records: &records[..count], link };
    let rest = &body[RECORD_BYTES * count..];
    let bytes_behind = rest.len() as u64;
    if rest.is_empty() {
        Ok(Recovery::Clean(whole))
    } else if bytes_behind <= window || rest.iter().all(|byte| *byte == 0) {
        Ok(Recovery::Torn(whole))
    } else {
        Err(LogError::Corrupt { whole, bytes_behind, window })
    }
}
