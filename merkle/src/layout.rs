//! The one definition of how a machine's state is laid out: the widths of an address and the places of the SSZ state
//! tree. Provers, verifiers and the memory derive theirs from it.

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
