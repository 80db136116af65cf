//! The one definition of how a machine's state is laid out: the widths of an address and the places of the SSZ state
//! tree. Provers, verifiers and the memory derive theirs from it.

use thiserror::Error;

use crate::gindex::{GeneralizedIndex, GindexError};
use crate::merkleize::ceil_log2;

/// Bytes of an SSZ chunk.
pub const CHUNK_BYTES: u64 = 32;
/// Bytes of a page.
pub const PAGE_BYTES: u64 = 4096;
/// Chunks of a page: the leaves below a page's node.
pub const PAGE_CHUNKS: u64 = PAGE_BYTES / CHUNK_BYTES;
/// Bytes of a plane.
pub const PLANE_BYTES: u64 = 1 << 16;
/// Bytes of the largest region.
pub const REGION_BYTES: u64 = 1 << 32;
/// Regions that the machine addresses.
pub const REGIONS: u64 = 256;
/// Pages of the largest region.
pub const REGION_PAGES: u64 = REGION_BYTES / PAGE_BYTES;
/// The region kind whose cap has four fields, not size and pages alone: size, pages, seed and mode.
pub const GENERATIVE_KIND: u8 = 9;

/// The fields of the state container, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateField {
    /// Version of this layout: a `uint64`, [`STATE_VERSION`].
    Version = 0,
    /// The 256 region leaves.
    Regions = 1,
    /// List of allocation records.
    Allocations = 2,
    /// The next allocation's number, a `uint64`.
    NextAllocation = 3,
    /// Root of the gas schedule in force.
    GasSchedule = 4,
    /// Root of the image that the machine was made from, or zero.
    Image = 5,
    /// Root of the suspended processor, zero when idle.
    Cpu = 6,
    /// How many times the machine settled, a `uint64`.
    Settlements = 7,
}

/// Fields of the state container.
pub const STATE_FIELDS: u64 = 8;
/// The version of this layout.
pub const STATE_VERSION: u64 = 1;
/// Limit of the list of allocation records.
pub const ALLOCATIONS_LIMIT: u64 = 1 << 24;
/// Fields of an allocation record, one chunk each.
pub const ALLOCATION_FIELDS: u64 = 8;

/// Why an address, a size or a place is none of this layout's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// The address has a bit set above bit 39.
    #[error("address {address:#x} is wider than 40 bits")]
    Address {
        /// The address.
        address: u64,
    },
    /// A cap's size is a whole number of pages, from one page to a full region.
    #[error("a cap of {size} bytes: not a multiple of {PAGE_BYTES} from {PAGE_BYTES} to {REGION_BYTES}")]
    Size {
        /// The size in bytes.
        size: u64,
    },
    /// The page lies behind the cap's last one. Its leaf is padding, which proves nothing.
    #[error("page {page} of a cap of {pages} pages")]
    Page {
        /// The page's number.
        page: u32,
        /// The cap's pages.
        pages: u32,
    },
    /// The list of allocations has no such slot.
    #[error("slot {slot} of the list of allocations, which has at most {ALLOCATIONS_LIMIT}")]
    Slot {
        /// The slot.
        slot: u64,
    },
    /// The list of allocations is longer than its limit.
    #[error("a list of {length} allocations, the limit is {ALLOCATIONS_LIMIT}")]
    Slots {
        /// The list's length.
        length: u64,
    },
    /// The node's number cannot be expressed.
    #[error(transparent)]
    Index(#[from] GindexError),
}

/// Splits a 64-bit program address into its region (bits 32 to 39) and the byte offset within it (bits 0 to 31).
///
/// # Errors
/// [`LayoutError::Address`] if a higher bit is set.
pub fn split_address(address: u64) -> Result<(u8, u32), LayoutError> {
    let [o0, o1, o2, o3, region, 0, 0, 0] = address.to_le_bytes() else {
        return Err(LayoutError::Address { address });
    };
    Ok((region, u32::from_le_bytes([o0, o1, o2, o3])))
}

/// The number of the page that holds the byte `offset` of a region.
pub const fn page_number(offset: u32) -> u32 {
    offset >> PAGE_BYTES.ilog2()
}

/// Place of a field of the state container: `8 + f`.
pub fn field(field: StateField) -> GeneralizedIndex {
    known(GeneralizedIndex::ROOT.descendant(ceil_log2(STATE_FIELDS), field as u64))
}

/// Place of a region's leaf, `r = 9 * 256 + region`.
pub fn region(region: u8) -> GeneralizedIndex {
    known(field(StateField::Regions).descendant(ceil_log2(REGIONS), u64::from(region)))
}

/// Place of a region's meta chunk: `2r`.
pub fn meta(region_number: u8) -> GeneralizedIndex {
    known(region(region_number).left())
}

/// Place of a region's cap root: `c = 2r + 1`.
pub fn cap(region_number: u8) -> GeneralizedIndex {
    known(region(region_number).right())
}

/// Place of the size chunk of a region's cap: `2c`. A Generative region has none there.
pub fn size(region_number: u8) -> GeneralizedIndex {
    known(cap(region_number).left())
}

/// Places of the integers in the cap of a Generative region: its size `4c`, its seed `4c + 2`, its mode `4c + 3`.
pub fn generative_integers(region_number: u8) -> [GeneralizedIndex; 3] {
    [0, 2, 3].map(|field| known(cap(region_number).descendant(GENERATIVE_LEVELS, field)))
}

/// Place of the length of the list of allocation records: `2 * 10 + 1`.
pub fn allocations_length() -> GeneralizedIndex {
    known(field(StateField::Allocations).right())
}

/// Place of an allocation record, or of a free slot's zero leaf: `(2 * 10) * 2^24 + slot`.
///
/// # Errors
/// [`LayoutError::Slot`] for a slot of [`ALLOCATIONS_LIMIT`] or more.
pub fn allocation(slot: u64) -> Result<GeneralizedIndex, LayoutError> {
    if slot >= ALLOCATIONS_LIMIT {
        return Err(LayoutError::Slot { slot });
    }
    let records = known(field(StateField::Allocations).left());
    Ok(known(records.descendant(ceil_log2(ALLOCATIONS_LIMIT), slot)))
}

/// The places of a record's chunks, in the order of its fields: `8 * allocation + f`.
///
/// # Errors
/// As for [`allocation`].
pub fn allocation_chunks(slot: u64) -> Result<[GeneralizedIndex; 8], LayoutError> {
    let record = allocation(slot)?;
    let chunk = |field: usize| known(record.descendant(ceil_log2(ALLOCATION_FIELDS), field as u64));
    Ok(core::array::from_fn(chunk))
}

/// For places at most 31 levels below the state root.
fn known(index: Result<GeneralizedIndex, GindexError>) -> GeneralizedIndex {
    index.expect("the upper places of the state tree are far above level 63")
}

/// Levels between the cap root of a Generative region and its four fields.
const GENERATIVE_LEVELS: u32 = 2;

/// The places of a cap's pages, which depend on its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapLayout {
    pages_root: GeneralizedIndex,
    pages: u32,
    /// Whether the leaf of a page that has been written lies above the root of its chunks and a mark.
    has_marks: bool,
}

impl CapLayout {
    /// Of a cap of `size` bytes whose root is the node `root`: [`cap`] of a region within the state tree,
    /// [`GeneralizedIndex::ROOT`] for a cap that stands alone.
    ///
    /// # Errors
    /// [`LayoutError::Size`] unless `size` is a multiple of [`PAGE_BYTES`] from one page to [`REGION_BYTES`];
    /// [`LayoutError::Index`] if `root` lies too deep to have a child.
    pub fn new(root: GeneralizedIndex, size: u64) -> Result<Self, LayoutError> {
        if size == 0 || size > REGION_BYTES || !size.is_multiple_of(PAGE_BYTES) {
            return Err(LayoutError::Size { size });
        }
        let pages = u32::try_from(size / PAGE_BYTES).expect("a region has at most 2^20 pages");
        Ok(Self { pages_root: root.right()?, pages, has_marks: false })
    }

    /// Of the cap of a Generative region, whose root is the node `root`.
    ///
    /// # Errors
    /// As for [`CapLayout::new`].
    pub fn generative(root: GeneralizedIndex, size: u64) -> Result<Self, LayoutError> {
        let pages_root = root.descendant(GENERATIVE_LEVELS, 1)?;
        Ok(Self { pages_root, has_marks: true, ..Self::new(root, size)? })
    }

    /// How many pages the cap has: 1 to 2^20.
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    /// Levels from the root over the pages down to a page's leaf: 0 to 20.
    pub fn depth(&self) -> u32 {
        ceil_log2(u64::from(self.pages))
    }

    /// Place of the root over all pages: `q = 2c + 1`, in a Generative region `4c + 1`.
    pub const fn pages_root(&self) -> GeneralizedIndex {
        self.pages_root
    }

    /// Place of a page's leaf: `q * 2^depth + page`.
    ///
    /// # Errors
    /// [`LayoutError::Page`] behind the last page, [`LayoutError::Index`] below level 63.
    pub fn page(&self, page: u32) -> Result<GeneralizedIndex, LayoutError> {
        if page >= self.pages {
            return Err(LayoutError::Page { page, pages: self.pages });
        }
        Ok(self.pages_root.descendant(self.depth(), u64::from(page))?)
    }

    /// Place of the root over a page's chunks: the page's leaf, or in a Generative region the node to the left below it. To
    /// the right of that is the mark of a page that has been written, a `uint64` of 1.
    ///
    /// # Errors
    /// As for [`CapLayout::page`].
    pub fn content(&self, page: u32) -> Result<GeneralizedIndex, LayoutError> {
        let leaf = self.page(page)?;
        if self.has_marks { Ok(leaf.left()?) } else { Ok(leaf) }
    }

    /// Place of the chunk that holds the byte `offset` of the cap: chunk `k` of a page is `content * 128 + k`.
    ///
    /// # Errors
    /// As for [`CapLayout::page`].
    pub fn chunk(&self, offset: u32) -> Result<GeneralizedIndex, LayoutError> {
        let within_page = u64::from(offset) % PAGE_BYTES / CHUNK_BYTES;
        Ok(self.content(page_number(offset))?.descendant(ceil_log2(PAGE_CHUNKS), within_page)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_formulas() {
        for (number, state_field) in
            [(8, StateField::Version), (9, StateField::Regions), (15, StateField::Settlements)]
        {
            assert_eq!(field(state_field).get(), number);
        }
        for number in 0..=255_u8 {
            let r = 9 * 256 + u64::from(number);
            let places = [region(number), meta(number), cap(number), size(number)].map(GeneralizedIndex::get);
            assert_eq!(places, [r, 2 * r, 2 * r + 1, 2 * (2 * r + 1)]);
        }
    }

    #[test]
    fn records_have_their_chunks_below_them() {
        assert_eq!(allocations_length().get(), 2 * 10 + 1);
        for slot in [0, 1, 77, ALLOCATIONS_LIMIT - 1] {
            let record = allocation(slot).unwrap();
            assert_eq!(record.get(), (20 << 24) + slot);
            let chunks = allocation_chunks(slot).unwrap().map(GeneralizedIndex::get);
            assert!(chunks.into_iter().eq(8 * record.get()..8 * record.get() + 8));
        }
        for slot in [ALLOCATIONS_LIMIT, u64::MAX] {
            assert_eq!(allocation(slot), Err(LayoutError::Slot { slot }));
        }
    }

    #[test]
    fn the_deepest_place_is_that_of_the_last_byte_of_the_last_region() {
        let layout = CapLayout::new(cap(255), REGION_BYTES).unwrap();
        let q = 2 * cap(255).get() + 1;
        assert_eq!(layout.chunk(u32::MAX).unwrap().get(), (q * (1 << 20) + (1 << 20) - 1) * 128 + 127);
        assert_eq!(layout.chunk(u32::MAX).unwrap().depth(), 3 + 8 + 1 + 1 + 20 + 7);
    }

    #[test]
    fn caps_of_generative_regions_have_four_fields_and_marks() {
        let c = cap(0x80).get();
        assert_eq!(generative_integers(0x80).map(GeneralizedIndex::get), [4 * c, 4 * c + 2, 4 * c + 3]);
        let layout = CapLayout::generative(cap(0x80), REGION_BYTES).unwrap();
        let page = ((4 * c + 1) << 20) + 77;
        assert_eq!(layout.page(77).unwrap().get(), page);
        assert_eq!(layout.content(77).unwrap().get(), 2 * page);
        assert_eq!(layout.chunk(77 * 4096 + 33).unwrap().get(), 2 * page * 128 + 1);
        assert_eq!(layout.chunk(u32::MAX).unwrap().depth(), 3 + 8 + 1 + 2 + 20 + 1 + 7);
    }

    #[test]
    fn sizes_are_whole_pages_from_one_to_a_region() {
        let sized = |size| CapLayout::new(GeneralizedIndex::ROOT, size);
        for size in [0, 1, 4095, 4097, REGION_BYTES - 1, REGION_BYTES + PAGE_BYTES, u64::MAX, 1 << 63] {
            assert_eq!(sized(size), Err(LayoutError::Size { size }));
        }
        for (size, pages, depth) in [(4096, 1, 0), (8192, 2, 1), (12288, 3, 2), (REGION_BYTES, 1 << 20, 20)] {
            let layout = sized(size).unwrap();
            assert_eq!((layout.pages(), layout.depth()), (pages, depth));
            assert_eq!(layout.page(pages), Err(LayoutError::Page { page: pages, pages }));
        }
    }

    #[test]
    fn only_forty_bits_of_an_address_are_used() {
        assert_eq!(split_address(0x02_0011_0040), Ok((2, 0x11_0040)));
        assert_eq!(split_address((1 << 40) - 1), Ok((255, u32::MAX)));
        for bit in 40..64 {
            assert_eq!(split_address(1 << bit), Err(LayoutError::Address { address: 1 << bit }));
        }
    }
}
