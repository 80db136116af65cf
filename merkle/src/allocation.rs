//! Records of allocations: what the state tree says of a piece of memory that a program has asked for.

use alloc::vec::Vec;

use crate::hash::{Hash, ZERO_HASH};
use crate::layout::ALLOCATION_FIELDS;
use crate::leaf::{PaddingError, decode_uint64_chunk};
use crate::merkleize::{merkleize, uint64_chunk};

/// Words of eight bytes in a chunk.
const CHUNK_WORDS: usize = 4;

/// A record of the list of allocations: the SSZ container of these fields, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocationRecord {
    /// The allocation's number, from 1 on. A machine gives none twice.
    pub id: u64,
    /// Packed program address of the first byte, 40 bits.
    pub address: u64,
    /// The bytes that were asked for.
    pub size: u64,
    /// Code of the region kind that was asked for.
    pub kind: u64,
    /// Flags of the allocation, bits 0 to 7.
    pub flags: u64,
    /// Root of the image of the program that allocated; zero if it was the host.
    pub owner: Hash,
    /// How many runs of frames hold the allocation.
    pub fragment_count: u64,
    /// The runs of frames, as [`fragments_root`] gives it.
    pub fragments: Hash,
}

impl AllocationRecord {
    /// All zero: stands for a free slot where a record is expected. No allocation has the number 0.
    pub const FREE: Self = Self {
        id: 0,
        address: 0,
        size: 0,
        kind: 0,
        flags: 0,
        owner: ZERO_HASH,
        fragment_count: 0,
        fragments: ZERO_HASH,
    };

    /// The chunks of the container, in the order of its fields.
    pub fn chunks(&self) -> [Hash; 8] {
        [
            uint64_chunk(self.id),
            uint64_chunk(self.address),
            uint64_chunk(self.size),
            uint64_chunk(self.kind),
            uint64_chunk(self.flags),
            self.owner,
            uint64_chunk(self.fragment_count),
            self.fragments,
        ]
    }

    /// The record with these chunks.
    ///
    /// # Errors
    /// [`PaddingError`] if an integer's chunk has a nonzero byte behind the integer.
    pub fn from_chunks(chunks: &[Hash; 8]) -> Result<Self, PaddingError> {
        let [id, address, size, kind, flags, owner, fragment_count, fragments] = chunks;
        Ok(Self {
            id: decode_uint64_chunk(id)?,
            address: decode_uint64_chunk(address)?,
            size: decode_uint64_chunk(size)?,
            kind: decode_uint64_chunk(kind)?,
            flags: decode_uint64_chunk(flags)?,
            owner: *owner,
            fragment_count: decode_uint64_chunk(fragment_count)?,
            fragments: *fragments,
        })
    }

    /// The container's root: its leaf in the list of allocations. That of a free slot is [`ZERO_HASH`].
    pub fn root(&self) -> Hash {
        merkleize(&self.chunks(), ALLOCATION_FIELDS)
    }

    /// The leaf of a slot that holds this, or is free if this is [`AllocationRecord::FREE`].
    pub(crate) fn leaf(&self) -> Hash {
        if *self == Self::FREE { ZERO_HASH } else { self.root() }
    }
}

/// The root over the runs of frames that hold an allocation, four words to a chunk and as deep as that takes: one chunk is
/// its own root. Only together with the number of words it tells what they are.
///
/// A word is `plane | first frame << 32 | frames << 40`.
pub fn fragments_root(words: &[u64]) -> Hash {
    let chunk = |words: &[u64]| {
        let mut chunk = ZERO_HASH;
        chunk.as_chunks_mut().0.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
        chunk
    };
    let chunks: Vec<Hash> = words.chunks(CHUNK_WORDS).map(chunk).collect();
    merkleize(&chunks, chunks.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash_pair;
    use crate::merkleize::merkleize_each;

    fn record() -> AllocationRecord {
        AllocationRecord {
            id: 1,
            address: 0x3_0000_0040,
            size: 3,
            kind: 4,
            flags: 5,
            owner: [6; 32],
            fragment_count: 7,
            fragments: [8; 32],
        }
    }

    #[test]
    fn the_root_is_that_of_the_chunks() {
        assert_eq!([record().root()][..], merkleize_each(record().chunks().to_vec(), 1));
        assert_eq!(AllocationRecord::from_chunks(&record().chunks()), Ok(record()));
    }

    #[test]
    fn padding_of_integers_must_be_zero_and_hashes_have_none() {
        for field in 0..8 {
            for bit in 0..256 {
                let mut chunks = record().chunks();
                chunks[field][bit / 8] ^= 1 << (bit % 8);
                let read = AllocationRecord::from_chunks(&chunks);
                let is_hash = field == 5 || field == 7;
                assert_eq!(read.is_ok(), is_hash || bit < 64, "bit {bit} of field {field}");
                assert!(read.is_err() || read.is_ok_and(|read| read.chunks() == chunks));
            }
        }
    }

    #[test]
    fn words_are_packed_four_to_a_chunk() {
        let root = |count| fragments_root(&(1..=count).collect::<Vec<u64>>());
        let chunk = |first: u64, count: u64| {
            let mut bytes = (first..first + count).flat_map(u64::to_le_bytes);
            core::array::from_fn(|_| bytes.next().unwrap_or(0))
        };
        assert_eq!(root(0), ZERO_HASH);
        assert_eq!((root(1), root(4)), (chunk(1, 1), chunk(1, 4)));
        assert_eq!(root(5), hash_pair(&chunk(1, 4), &chunk(5, 1)));
        assert_eq!(root(9), merkleize(&[chunk(1, 4), chunk(5, 4), chunk(9, 1), ZERO_HASH], 4));
    }
}
