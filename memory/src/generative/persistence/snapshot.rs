//! Snapshots: a context's seed and written cells, with or without sums.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::generative::context::Context;
use crate::generative::hashing::crc32;

/// `GMEM`.
const MAGIC: u32 = 0x4D45_4D47;
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
const RECORD_BYTES: usize = 12;

/// How a snapshot ends. All forms begin alike, and the length tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotForm {
    /// With the last record: nothing is checked.
    Guide,
    /// With the exclusive or of all records' sums, which does not see records that swap their cells.
    Repo,
    /// With the sum of [`SnapshotForm::Repo`] and a CRC-32 of all that is before.
    Shielded,
}

impl SnapshotForm {
    const ALL: [Self; 3] = [Self::Guide, Self::Repo, Self::Shielded];

    /// Bytes after the records.
    const fn trailer_bytes(self) -> u64 {
        match self {
            Self::Guide => 0,
            Self::Repo => 4,
            Self::Shielded => 8,
        }
    }

    /// The form's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Repo => "repo",
            Self::Shielded => "shielded",
        }
    }
}

/// Why bytes are no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// There is no header.
    #[error("{0} bytes are too short for a snapshot: its header has {HEADER_BYTES}")]
    Short(usize),
    /// It is something else.
    #[error("it begins with {0:#010x}, not with {MAGIC:#010x}, the mark of a snapshot")]
    Magic(u32),
    /// It is of another version.
    #[error("its version is {0}, not {VERSION}")]
    Version(u32),
    /// The header's count and the length do not go together.
    #[error("{length} bytes are no snapshot of {count} cells: it has 24 + 12 for each, and 0, 4 or 8 more")]
    Length {
        /// How long it is.
        length: usize,
        /// The count in its header.
        count: u64,
    },
    /// A sum is wrong.
    #[error("its sum is {stored:#010x}, but that of its content is {computed:#010x}")]
    Checksum {
        /// The sum in it.
        stored: u32,
        /// The sum of its content.
        computed: u32,
    },
    /// Addresses do not ascend.
    #[error("address {address:#x} follows {before:#x}: addresses must ascend")]
    Order {
        /// The address.
        address: u64,
        /// The one before it.
        before: u64,
    },
}

/// A seed, and written cells by ascending address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    seed: u64,
    cells: Vec<(u64, u32)>,
}

impl Snapshot {
    /// That of a context.
    pub fn of(context: &Context) -> Self {
        Self { seed: context.seed(), cells: context.overlay().iter().collect() }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The written cells, by ascending address.
    pub fn cells(&self) -> &[(u64, u32)] {
        &self.cells
    }

    /// The bytes.
    pub fn encode(&self, form: SnapshotForm) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + RECORD_BYTES * self.cells.len() + 8);
        bytes.extend(MAGIC.to_le_bytes());
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.seed.to_le_bytes());
        bytes.extend((self.cells.len() as u64).to_le_bytes());
        for (address, cell) in &self.cells {
            bytes.extend(address.to_le_bytes());
            bytes.extend(cell.to_le_bytes());
        }
        if form != SnapshotForm::Guide {
            bytes.extend(folded_sum(&bytes[HEADER_BYTES..]).to_le_bytes());
        }
        if form == SnapshotForm::Shielded {
            bytes.extend(crc32(&bytes).to_le_bytes());
        }
        bytes
    }

    /// The snapshot in the bytes, and its form.
    ///
    /// # Errors
    /// [`SnapshotError`], whatever the bytes are.
    pub fn decode(bytes: &[u8]) -> Result<(Self, SnapshotForm), SnapshotError> {
        let (seed, records, form) = parse(bytes)?;
        let cells: Vec<_> = cells(records).collect();
        if let Some(pair) = cells.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            return Err(SnapshotError::Order { address: pair[1].0, before: pair[0].0 });
        }
        Ok((Self { seed, cells }, form))
    }

    /// Like [`Snapshot::decode`], for files of other programs: records may have any order, and the last of an address wins.
    ///
    /// # Errors
    /// [`SnapshotError`], but not [`SnapshotError::Order`].
    pub fn import(bytes: &[u8]) -> Result<(Self, SnapshotForm), SnapshotError> {
        let (seed, records, form) = parse(bytes)?;
        let cells = cells(records).collect::<BTreeMap<_, _>>().into_iter().collect();
        Ok((Self { seed, cells }, form))
    }
}

/// Seed, records and form, once header, length and sums are checked.
fn parse(bytes: &[u8]) -> Result<(u64, &[[u8; RECORD_BYTES]], SnapshotForm), SnapshotError> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(SnapshotError::Short(bytes.len()));
    };
    let (words, _) = header.as_chunks();
    let (magic, version) = (u32::from_le_bytes(words[0]), u32::from_le_bytes(words[1]));
    if magic != MAGIC {
        return Err(SnapshotError::Magic(magic));
    }
    if version != VERSION {
        return Err(SnapshotError::Version(version));
    }
    let (numbers, _) = header[8..].as_chunks();
    let (seed, count) = (u64::from_le_bytes(numbers[0]), u64::from_le_bytes(numbers[1]));
    let length_error = SnapshotError::Length { length: bytes.len(), count };
    let record_bytes = count.checked_mul(RECORD_BYTES as u64).ok_or(length_error)?;
    let rest = (body.len() as u64).checked_sub(record_bytes).ok_or(length_error)?;
    let form = SnapshotForm::ALL.into_iter().find(|form| form.trailer_bytes() == rest).ok_or(length_error)?;
    let (records, _) = body.as_chunks();
    // A trailer is shorter than a record.
    let (sums, _) = body[RECORD_BYTES * records.len()..].as_chunks();
    if let Some(stored) = sums.first() {
        check_sum(*stored, folded_sum(records.as_flattened()))?;
    }
    if let Some(stored) = sums.get(1) {
        check_sum(*stored, crc32(&bytes[..bytes.len() - 4]))?;
    }
    Ok((seed, records, form))
}

fn check_sum(stored: [u8; 4], computed: u32) -> Result<(), SnapshotError> {
    let stored = u32::from_le_bytes(stored);
    if stored == computed { Ok(()) } else { Err(SnapshotError::Checksum { stored, computed }) }
}

fn cells(records: &[[u8; RECORD_BYTES]]) -> impl Iterator<Item = (u64, u32)> {
    records.iter().map(super::guide_log::cell_of)
}

/// The exclusive or of the sums of all addresses and cells.
fn folded_sum(records: &[u8]) -> u32 {
    let (records, _) = records.as_chunks::<RECORD_BYTES>();
    records.iter().fold(0, |sum, record| sum ^ crc32(&record[..8]) ^ crc32(&record[8..]))
}
