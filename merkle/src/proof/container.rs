//! What the encodings of all proofs have in common: an SSZ container of fixed-size fields, then lists of fixed-size
//! elements.
//!
//! Decoding accepts exactly what encoding produces: the first list starts where the fixed part ends, each other one
//! where the one before it ends, and the last ends with the input, so no byte has two meanings or none.

use alloc::vec::Vec;

use thiserror::Error;

use super::LimitError;

/// Bytes of a list's offset in the fixed part.
pub(super) const OFFSET_BYTES: usize = 4;

/// Why bytes are not an encoded proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The input is longer than any proof.
    #[error("{length} bytes, the longest proof has {limit}")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes of the longest proof.
        limit: usize,
    },
    /// The input ends within the fixed part.
    #[error("{length} bytes, the fixed part of a proof has {fixed}")]
    TooShort {
        /// Bytes given.
        length: usize,
        /// Bytes of the fixed part.
        fixed: usize,
    },
    /// The proof is of another version.
    #[error("a proof of version {version:#x}, not {expected:#x}")]
    Version {
        /// The version found.
        version: u64,
        /// The version that can be read.
        expected: u64,
    },
    /// The first list does not follow the fixed part at once.
    #[error("the first offset is {offset}, not {expected}")]
    FirstOffset {
        /// The offset found.
        offset: u32,
        /// Bytes of the fixed part.
        expected: usize,
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

/// The container of these fields, which come before the offsets, and these lists.
pub(super) fn encode<const LISTS: usize>(fields: &[&[u8]], lists: &[Vec<u8>; LISTS]) -> Vec<u8> {
    let mut end = fields.iter().map(|field| field.len()).sum::<usize>() + LISTS * OFFSET_BYTES;
    let mut bytes = Vec::with_capacity(end + lists.iter().map(Vec::len).sum::<usize>());
    bytes.extend(fields.iter().copied().flatten());
    for list in lists {
        bytes.extend(u32::try_from(end).expect("a proof within its limits is shorter").to_le_bytes());
        end += list.len();
    }
    bytes.extend(lists.iter().flatten());
    bytes
}

/// Reads the fields of a container in their order.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// What is left of the fixed part.
    rest: &'a [u8],
    fixed: usize,
}

/// The places of a container's lists, which follow each other.
pub(super) struct Lists<'a, const LISTS: usize> {
    bytes: &'a [u8],
    starts: [usize; LISTS],
}

impl<'a> Reader<'a> {
    /// For a container with `fixed` bytes before its lists and `limit` bytes at most, that begins with `version`.
    pub(super) fn new(
        bytes: &'a [u8],
        fixed: usize,
        limit: usize,
        expected: u64,
    ) -> Result<Self, DecodeError> {
        let length = bytes.len();
        if length > limit {
            return Err(DecodeError::TooLong { length, limit });
        }
        let rest = &bytes[..fixed.min(length)];
        let mut reader = Self { bytes, rest, fixed };
        match reader.word()? {
            version if version == expected => Ok(reader),
            version => Err(DecodeError::Version { version, expected }),
        }
    }

    /// The next `N` bytes of the fixed part.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let too_short = DecodeError::TooShort { length: self.bytes.len(), fixed: self.fixed };
        let (taken, rest) = self.rest.split_first_chunk().ok_or(too_short)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The next field, a `uint64`.
    pub(super) fn word(&mut self) -> Result<u64, DecodeError> {
        self.take().map(u64::from_le_bytes)
    }

    /// The offsets, with which the fixed part ends.
    pub(super) fn lists<const LISTS: usize>(mut self) -> Result<Lists<'a, LISTS>, DecodeError> {
        let mut starts = [0; LISTS];
        for (number, start) in starts.iter_mut().enumerate() {
            let offset = u32::from_le_bytes(self.take()?);
            *start = offset as usize;
            if number == 0 && *start != self.fixed {
                return Err(DecodeError::FirstOffset { offset, expected: self.fixed });
            }
        }
        Ok(Lists { bytes: self.bytes, starts })
    }
}

impl<const LISTS: usize> Lists<'_, LISTS> {
    /// The list with this number, of `N`-byte elements. Nothing is allocated before its length has been checked.
    pub(super) fn list<const N: usize, T>(
        &self,
        number: usize,
        list: &'static str,
        limit: usize,
        element: impl Fn(&[u8; N]) -> T,
    ) -> Result<Vec<T>, DecodeError> {
        let length = self.bytes.len();
        let start = self.starts[number];
        let end = self.starts.get(number + 1).copied().unwrap_or(length);
        let content = self.bytes.get(start..end).ok_or(DecodeError::Offsets { list, start, end, length })?;
        let (elements, rest) = content.as_chunks();
        if !rest.is_empty() {
            return Err(DecodeError::PartialElement { list, bytes: content.len(), element: N });
        }
        LimitError::check(list, elements.len(), limit)?;
        Ok(elements.iter().map(element).collect())
    }
}

/// The `uint64` at a byte of an element.
pub(super) fn word_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from_le_bytes(core::array::from_fn(|i| bytes[at + i]))
}

/// The `Bytes32` at a byte of an element.
pub(super) fn hash_at<const N: usize>(bytes: &[u8; N], at: usize) -> [u8; 32] {
    core::array::from_fn(|i| bytes[at + i])
}
