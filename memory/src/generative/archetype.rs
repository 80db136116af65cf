//! Archetypes: a context shown as a folder of files.
//!
//! A file's offset is the address of its first cell, and its size is in bytes: byte `k` is byte `k mod 4` of cell `offset + k/4`. The
//! fixed asset files lie inside `data_volume.bin`, as the format has it.

use std::collections::BTreeMap;

use thiserror::Error;

use super::hashing::fnv1a_string;

/// The highest bits of the offsets of created files, and the bits that their names choose.
const CREATED: u64 = 0xF000_0000_0000_0000;
const CREATED_MASK: u64 = (1 << 40) - 1;

/// A fixed listing; the variant's number is its mode in formats and calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchetypeMode {
    /// 0: nothing is listed.
    Raw,
    /// 1: some fixed files, and those that were created.
    Fat,
}

impl TryFrom<u32> for ArchetypeMode {
    type Error = ArchetypeError;

    fn try_from(mode: u32) -> Result<Self, ArchetypeError> {
        match mode {
            0 => Ok(Self::Raw),
            1 => Ok(Self::Fat),
            _ => Err(ArchetypeError::Mode(mode)),
        }
    }
}

/// Why an archetype refuses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArchetypeError {
    /// There is no such mode.
    #[error("there is no archetype mode {0}: modes are 0 and 1")]
    Mode(u32),
    /// Another file has the same offset.
    #[error("{path:?} would have the offset {offset:#x} of {other:?}")]
    Overlap {
        /// The file to be created.
        path: String,
        /// The file that is there.
        other: String,
        /// The offset of both.
        offset: u64,
    },
}

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name in its folder.
    pub name: String,
    /// The address of the first cell.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

impl Entry {
    fn file(name: impl Into<String>, offset: u64, size: u64) -> Self {
        Self { name: name.into(), offset, size, is_folder: false }
    }

    /// The address of the cell and the place in it, 0 to 3, of a byte; `None` after the last byte.
    pub fn place_of_byte(&self, byte: u64) -> Option<(u64, u64)> {
        (byte < self.size).then(|| (self.offset.wrapping_add(byte / 4), byte % 4))
    }
}

/// A listing, and the files that were created in it.
#[derive(Debug, Clone)]
pub struct Archetype {
    mode: ArchetypeMode,
    /// By folder, in the order in which they were created.
    created: BTreeMap<String, Vec<Entry>>,
    /// The path that has an offset. Created files have no bytes yet: they overlap if their offsets are equal.
    offsets: BTreeMap<u64, String>,
}

impl Archetype {
    /// One in which nothing was created.
    pub fn new(mode: ArchetypeMode) -> Self {
        Self { mode, created: BTreeMap::new(), offsets: BTreeMap::new() }
    }

    /// Creates a file or folder. If there is one of that path already, it stays as it is.
    ///
    /// # Errors
    /// [`ArchetypeError::Overlap`] if another one has the same offset.
    pub fn create(&mut self, path: &str, is_folder: bool) -> Result<(), ArchetypeError> {
        let offset = created_offset(path);
        match self.offsets.get(&offset) {
            Some(known) if known == path => return Ok(()),
            Some(other) => {
                return Err(ArchetypeError::Overlap { path: path.to_owned(), other: other.clone(), offset });
            }
            None => self.offsets.insert(offset, path.to_owned()),
        };
        let (parent, name) = split_path(path);
        let entry = Entry { is_folder, ..Entry::file(name, offset, 0) };
        self.created.entry(parent.to_owned()).or_default().push(entry);
        Ok(())
    }

    /// The first entries of a folder, `limit` at most: the fixed ones, then those that were created, in their order.
    pub fn list(&self, folder: &str, limit: usize) -> Vec<Entry> {
        if self.mode == ArchetypeMode::Raw {
            return Vec::new();
        }
        let created = self.created.get(folder).into_iter().flatten().cloned();
        fixed_entries(folder).into_iter().chain(created).take(limit).collect()
    }
}

fn fixed_entries(folder: &str) -> Vec<Entry> {
    match folder {
        "/" => vec![
            Entry::file("README.txt", 0, 1024),
            Entry::file("data_volume.bin", 1 << 20, 1 << 40),
            Entry { is_folder: true, ..Entry::file("assets", 2048, 0) },
        ],
        "/assets" => (0..5)
            .map(|index| Entry::file(format!("asset_{index:03}.raw"), (index + 1) << 30, 1 << 26))
            .collect(),
        _ => Vec::new(),
    }
}

/// The offset of a file that is created.
pub fn created_offset(path: &str) -> u64 {
    CREATED | fnv1a_string(path, 0) & CREATED_MASK
}

/// The folder and the name in a path, which are what stands before and after the last slash. The folder is `.` if there is no slash,
/// and `/` if there is nothing before it. Nothing is normalised.
pub fn split_path(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        None => (".", path),
        Some(("", name)) => ("/", name),
        Some(parts) => parts,
    }
}
