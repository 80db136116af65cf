//! A program's image: its validated segments and entry, before it becomes a machine.

use ssz_rs::prelude::*;
use thiserror::Error;
use travertine_memory::{PageBytes, Permissions};
use travertine_merkle::Hash;
use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES, REGION_BYTES, REGIONS};

use crate::generative::{FIRST_GENERATIVE_REGION, GenerativeRegion, LAST_GENERATIVE_REGION};
use crate::ssz;

/// The most segments of an image.
pub const MAX_SEGMENTS: usize = 64;
/// The version of the image's container.
pub const IMAGE_VERSION: u64 = 1;

/// Regions that the machine fills itself: stack, transient, shared, and the call context.
const RESERVED_REGIONS: [u64; 4] = [4, 5, 6, 7];
/// The regions from here on are for generative memory and devices.
const FIRST_SPECIAL_REGION: u64 = FIRST_GENERATIVE_REGION as u64;

/// A run of pages with the same permissions, and their first content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Address of the first byte, a multiple of the page size.
    pub address: u64,
    /// Bytes in memory; what `data` does not fill is zero.
    pub memory_size: u64,
    /// The first bytes.
    pub data: Vec<u8>,
    /// What the program may do with these pages.
    pub permissions: Permissions,
}

impl Segment {
    /// The number of the segment's region. Only a checked segment lies in one region.
    pub fn region(&self) -> u64 {
        self.address / REGION_BYTES
    }

    /// The first address behind the segment's last page; of a checked segment, no address overflows.
    pub fn end(&self) -> u64 {
        self.address.saturating_add(self.memory_size.checked_next_multiple_of(PAGE_BYTES).unwrap_or(u64::MAX))
    }

    /// The pages at the segment's start that hold its content.
    pub(crate) fn filled_pages(&self) -> u64 {
        (self.data.len() as u64).div_ceil(PAGE_BYTES)
    }

    /// The bytes of the segment's page number `index`, counted from its start.
    pub(crate) fn page_bytes(&self, index: u64) -> Box<PageBytes> {
        let start =
            usize::try_from(index * PAGE_BYTES).map_or(self.data.len(), |start| start.min(self.data.len()));
        let rest = &self.data[start..];
        PageBytes::starting_with(&rest[..rest.len().min(size_of::<PageBytes>())])
    }
}

/// Why segments and an entry do not make an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImageError {
    /// There is nothing to load.
    #[error("the program has no segments to load")]
    NoSegments,
    /// Too many segments.
    #[error("the program has {0} segments, at most {MAX_SEGMENTS} are loaded")]
    TooManySegments(usize),
    /// A segment does not start at a page.
    #[error(
        "the segment at {0:#x} does not start at a multiple of {PAGE_BYTES}; link with page-aligned segments"
    )]
    Unaligned(u64),
    /// A segment is not within one region.
    #[error("the segment of {size} bytes at {address:#x} does not lie within one region of 4 GiB")]
    OutOfRegion {
        /// Its address.
        address: u64,
        /// Its size in memory, in bytes.
        size: u64,
    },
    /// A segment has more bytes of content than memory, or no memory at all.
    #[error("the segment at {address:#x} has {data} bytes of content for {size} bytes of memory")]
    Size {
        /// Its address.
        address: u64,
        /// Its content, in bytes.
        data: usize,
        /// Its size in memory, in bytes.
        size: u64,
    },
    /// A segment lies in plane 0 of region 0, which is never mapped.
    #[error("the segment at {0:#x} lies in the null plane; link the program at {PLANE_BYTES:#x} or above")]
    NullPlane(u64),
    /// A segment lies in a region that the machine fills itself.
    #[error("the segment at {address:#x} lies in region {region:#x}, which the machine fills itself")]
    ReservedRegion {
        /// Its address.
        address: u64,
        /// The region's number.
        region: u64,
    },
    /// A segment is writable and executable, or writable and not readable, or neither readable nor executable.
    #[error("the segment at {address:#x} has permissions {permissions}; allowed are R, X, RX and RW")]
    Permissions {
        /// Its address.
        address: u64,
        /// Its permissions.
        permissions: Permissions,
    },
    /// Two segments share a page.
    #[error("the segments at {0:#x} and {1:#x} share a page")]
    Overlap(u64, u64),
    /// The number is none of a generative region.
    #[error(
        "generative region {0:#x}: its number must be {FIRST_GENERATIVE_REGION:#x} to {LAST_GENERATIVE_REGION:#x}"
    )]
    GenerativeNumber(u64),
    /// A generative region has a size that no region can have.
    #[error(
        "generative region {region:#x} of {size} bytes: its size must be a multiple of {PAGE_BYTES} up to 4 GiB"
    )]
    GenerativeSize {
        /// Its number.
        region: u8,
        /// Its size, in bytes.
        size: u64,
    },
    /// A generative region is declared twice.
    #[error("generative region {0:#x} is declared twice")]
    GenerativeTwice(u8),
    /// The program does not start in code.
    #[error("the entry {0:#x} is not in an executable segment")]
    EntryOutsideCode(u64),
    /// The entry is odd.
    #[error("the entry {0:#x} is odd; instructions start at even addresses")]
    EntryMisaligned(u64),
}

/// A program's validated segments, in order of address, and its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    entry: u64,
    segments: Vec<Segment>,
    /// In the order of their numbers.
    generative: Vec<GenerativeRegion>,
}

/// The container behind an image's root.
#[derive(Default, SimpleSerialize)]
struct ImageRecord {
    version: u64,
    entry: u64,
    /// Root of the 256 region leaves of the machine before its first call: they hold the content, and all of generative regions.
    regions: Vector<u8, 32>,
    segments: List<SegmentRecord, MAX_SEGMENTS>,
}

#[derive(Default, SimpleSerialize)]
struct SegmentRecord {
    address: u64,
    memory_size: u64,
    permissions: u64,
}

impl Image {
    /// An image of these segments, in any order.
    ///
    /// # Errors
    /// [`ImageError`], one kind for each rule that is broken.
    pub fn new(entry: u64, mut segments: Vec<Segment>) -> Result<Self, ImageError> {
        if segments.is_empty() {
            return Err(ImageError::NoSegments);
        }
        if segments.len() > MAX_SEGMENTS {
            return Err(ImageError::TooManySegments(segments.len()));
        }
        segments.iter().try_for_each(check_segment)?;
        segments.sort_by_key(|segment| segment.address);
        for pair in segments.windows(2) {
            if pair[0].end() > pair[1].address {
                return Err(ImageError::Overlap(pair[0].address, pair[1].address));
            }
        }
        let image = Self { entry, segments, generative: Vec::new() };
        if !entry.is_multiple_of(2) {
            return Err(ImageError::EntryMisaligned(entry));
        }
        if !image
            .executable_segments()
            .any(|code| (code.address..code.address + code.memory_size).contains(&entry))
        {
            return Err(ImageError::EntryOutsideCode(entry));
        }
        Ok(image)
    }

    /// The image with these generative regions, in any order, instead of those that it had.
    ///
    /// # Errors
    /// If a number or a size is none of a generative region's, or two have the same number.
    pub fn with_generative(self, mut regions: Vec<GenerativeRegion>) -> Result<Self, ImageError> {
        regions.iter().try_for_each(GenerativeRegion::check)?;
        regions.sort_by_key(|region| region.number);
        if let Some(pair) = regions.windows(2).find(|pair| pair[0].number == pair[1].number) {
            return Err(ImageError::GenerativeTwice(pair[0].number));
        }
        Ok(Self { generative: regions, ..self })
    }

    /// Address of the first instruction.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// The segments, in order of address.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The generative regions, in the order of their numbers.
    pub fn generative(&self) -> &[GenerativeRegion] {
        &self.generative
    }

    /// The segments that can be executed.
    pub(crate) fn executable_segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.permissions.contains(Permissions::EXECUTE))
    }

    /// The image's root, given the root over the region leaves of the machine that it makes.
    pub(crate) fn root(&self, regions: &Hash) -> Hash {
        let segments = self.segments.iter().map(|segment| SegmentRecord {
            address: segment.address,
            memory_size: segment.memory_size,
            permissions: u64::from(segment.permissions.bits()),
        });
        let mut record = ImageRecord {
            version: IMAGE_VERSION,
            entry: self.entry,
            regions: ssz::vector32(regions),
            segments: ssz::list(segments.collect()),
        };
        ssz::root(&mut record)
    }
}

fn check_segment(segment: &Segment) -> Result<(), ImageError> {
    let Segment { address, memory_size: size, ref data, permissions } = *segment;
    if !address.is_multiple_of(PAGE_BYTES) {
        return Err(ImageError::Unaligned(address));
    }
    if size == 0 || data.len() as u64 > size {
        return Err(ImageError::Size { address, data: data.len(), size });
    }
    let last = address.checked_add(size - 1);
    let is_in_one_region = last.is_some_and(|last| last / REGION_BYTES == address / REGION_BYTES);
    if !is_in_one_region || segment.region() >= REGIONS {
        return Err(ImageError::OutOfRegion { address, size });
    }
    if address < PLANE_BYTES {
        return Err(ImageError::NullPlane(address));
    }
    let region = segment.region();
    if RESERVED_REGIONS.contains(&region) || region >= FIRST_SPECIAL_REGION {
        return Err(ImageError::ReservedRegion { address, region });
    }
    let allowed =
        [Permissions::READ, Permissions::EXECUTE, Permissions::READ_EXECUTE, Permissions::READ_WRITE];
    if !allowed.contains(&permissions) {
        return Err(ImageError::Permissions { address, permissions });
    }
    Ok(())
}
