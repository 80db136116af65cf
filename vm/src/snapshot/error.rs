//! Why bytes are not a snapshot, or a state cannot become one.

use thiserror::Error;
use travertine_memory::substrate::StatusError;
use travertine_memory::{
    AddressError, CapError, FragmentError, PermissionsError, RecordError, RegionError, RestoreError,
    SlabError,
};

use super::container::{SNAPSHOT_HEADER_BYTES, SNAPSHOT_VERSION};

/// Why bytes are not a snapshot, or a state cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// The bytes end within the header.
    #[error("the snapshot has {0} bytes, its header alone has {SNAPSHOT_HEADER_BYTES}")]
    Truncated(usize),
    /// The bytes do not start with [`SNAPSHOT_MAGIC`](super::SNAPSHOT_MAGIC).
    #[error("not a snapshot: it starts with {0:02x?}")]
    Magic([u8; 8]),
    /// Another version.
    #[error("the snapshot has version {0}, this machine reads version {SNAPSHOT_VERSION}")]
    Version(u32),
    /// It is a snapshot of something else.
    #[error("the snapshot holds content of kind {found}, not {expected} (1 is a machine, 2 a cap)")]
    Content {
        /// What is to be read.
        expected: u32,
        /// What the header says.
        found: u32,
    },
    /// A byte that must be zero is not: the header's last ones, or the padding before the record or the pages.
    #[error("byte {0} of the snapshot must be zero and is not")]
    Padding(usize),
    /// The bytes are not as many as the header says.
    #[error("the snapshot has {found} bytes, its header says {expected}")]
    Length {
        /// What the header says, in bytes.
        expected: u64,
        /// What is there, in bytes.
        found: usize,
    },
    /// What lies before the pages does not have the checksum in the header.
    #[error("the snapshot is damaged: its checksum does not match")]
    Checksum,
    /// The table of stored pages does not list each page once, by ascending leaf.
    #[error("the snapshot's table of {stored} pages is out of order at entry {entry}")]
    Table {
        /// The entry.
        entry: usize,
        /// Entries of the table.
        stored: usize,
    },
    /// The record is not well formed.
    #[error("the snapshot's record is malformed: {0}")]
    Record(String),
    /// Regions do not ascend by number.
    #[error("region {0:#x} does not come behind the regions before it")]
    RegionOrder(u8),
    /// A region's kind cannot be in a snapshot.
    #[error("region {region:#x}: kind {kind} cannot be in a snapshot")]
    Kind {
        /// The region's number.
        region: u8,
        /// Its kind's code.
        kind: u8,
    },
    /// Region 0xF0 is not that of a block.
    #[error(transparent)]
    Block(#[from] StatusError),
    /// A region's permissions have unknown bits.
    #[error("region {region:#x}: {error}")]
    Permissions {
        /// The region's number.
        region: u8,
        /// What is wrong.
        error: PermissionsError,
    },
    /// The permissions by range do not ascend, or are not those of the region together.
    #[error("region {region:#x}: the permissions of its pages are not in their one form")]
    Ranges {
        /// The region's number.
        region: u8,
    },
    /// A region that is zero between calls has pages.
    #[error("region {region:#x} is zero between calls, but has {pages} pages")]
    Volatile {
        /// The region's number.
        region: u8,
        /// How many pages it has.
        pages: usize,
    },
    /// A cap's size or a page's index is wrong.
    #[error("{place}: {error}")]
    Pages {
        /// Whose pages.
        place: Place,
        /// What is wrong.
        error: SlabError,
    },
    /// What makes the pages of a generative cap is not defined.
    #[error("{place}: pages that nobody has written are made by mode {mode}, which is not defined")]
    Mode {
        /// Whose pages.
        place: Place,
        /// The mode's code.
        mode: u64,
    },
    /// Pages of a cap do not ascend by index.
    #[error("{place}: page {page} does not come behind the pages before it")]
    PageOrder {
        /// Whose page.
        place: Place,
        /// The page's index.
        page: u32,
    },
    /// A page is none of those stored before it was first named, and not the next.
    #[error("{place}: page {page} is stored at {stored}, but {named} pages have been named so far")]
    StoredPage {
        /// Whose page.
        place: Place,
        /// The page's index.
        page: u32,
        /// Where it is said to be stored.
        stored: u32,
        /// How many stored pages have been named so far.
        named: u32,
    },
    /// Records of allocations do not ascend by slot.
    #[error("slot {0} of the list of allocations does not come behind the slots before it")]
    AllocationOrder(u32),
    /// The list of allocations has no such slot.
    #[error(transparent)]
    Slot(RecordError),
    /// An allocation's address has more than 40 bits.
    #[error("slot {slot} of the list of allocations: {error}")]
    AllocationAddress {
        /// The slot.
        slot: u32,
        /// What is wrong.
        error: AddressError,
    },
    /// An allocation's kind is not defined.
    #[error("slot {slot} of the list of allocations: kind {kind} is not defined")]
    AllocationKind {
        /// The slot.
        slot: u32,
        /// The kind's code.
        kind: u8,
    },
    /// A run of an allocation's frames is none.
    #[error("slot {slot} of the list of allocations: {error}")]
    Fragment {
        /// The slot.
        slot: u32,
        /// What is wrong.
        error: FragmentError,
    },
    /// A region of the allocator's has not the permissions of its kind, or flags, or permissions page by page.
    #[error("region {region:#x} is the allocator's, but not as the allocator opens one")]
    ManagedRegion {
        /// The region's number.
        region: u8,
    },
    /// The allocations cannot be those of one machine.
    #[error(transparent)]
    Allocations(#[from] RestoreError),
    /// Pages are stored that nothing names.
    #[error("the snapshot stores {stored} pages and names {named}")]
    UnusedPages {
        /// How many are stored.
        stored: usize,
        /// How many are named.
        named: u32,
    },
    /// A region's kind, permissions and ranges do not go together.
    #[error("region {region:#x}: {error}")]
    Region {
        /// The region's number.
        region: u8,
        /// What is wrong.
        error: RegionError,
    },
    /// The content does not have the root that the snapshot names.
    #[error("the snapshot's content does not have the root that it names")]
    Root,
    /// A stored page does not have its leaf.
    #[error("{place}: page {page} is damaged")]
    DamagedPage {
        /// Whose page.
        place: Place,
        /// The page's index.
        page: u32,
    },
    /// A page is known by its leaf only, and no source has it.
    #[error("{place}: page {page} is missing")]
    MissingPage {
        /// Whose page.
        place: Place,
        /// The page's index.
        page: u32,
    },
    /// The cap has no root.
    #[error(transparent)]
    Dirty(#[from] CapError),
    /// There are more pages than the format can count.
    #[error("the snapshot would be too large: more than 2^32 - 1 stored pages, or 2 GiB of records")]
    TooLarge,
}

/// Whose pages an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The pages of this region.
    Region(u8),
    /// The pages of a cap that stands alone.
    Cap,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Region(number) => write!(formatter, "region {number:#x}"),
            Self::Cap => formatter.write_str("the cap"),
        }
    }
}
