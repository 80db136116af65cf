//! Why the allocator refuses. Every reason has a code that never changes: programs see it.

use crate::fault::Fault;
use crate::region::RegionKind;

/// Declares the reasons in the order of their codes.
macro_rules! allocation_errors {
    ($($(#[$meta:meta])* $name:ident $({$($(#[$field_meta:meta])* $field:ident: $type:ty,)*})?;)*) => {
        /// Why the allocator refuses a request. Nothing has changed then.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        pub enum AllocationError {
            $($(#[$meta])* $name $({$($(#[$field_meta])* $field: $type,)*})?,)*
        }

        /// The same without the values, for their places.
        enum Place { $($name,)* }

        impl AllocationError {
            /// What the program gets in `rd`: -1 for the first reason, -2 for the second one, and so on.
            pub const fn code(&self) -> i64 {
                let place = match self { $(Self::$name $({$($field: _),*})? => Place::$name,)* };
                -1 - place as i64
            }

            /// The names of all reasons, in the order of their codes.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)*];
        }
    };
}

allocation_errors! {
    /// No bytes were asked for.
    #[error("an allocation has at least one byte")]
    ZeroSize;
    /// More bytes than a region has.
    #[error("{size} bytes are more than the 4 GiB of a region")]
    TooLarge {
        /// The bytes.
        size: u64,
    };
    /// A bit without a meaning is set in the word of `m3.alloc`.
    #[error("{word:#x} has bits above the kind, the flags and the region")]
    ReservedBits {
        /// The word.
        word: u64,
    };
    /// There is no such kind of region.
    #[error("{code} is no kind of region")]
    UnknownKind {
        /// The code.
        code: u8,
    };
    /// The allocator opens no regions of this kind.
    #[error("memory of kind {kind} is not allocated")]
    Kind {
        /// The kind.
        kind: RegionKind,
    };
    /// Executable memory that is not read-only.
    #[error("executable memory must be read-only: no page is written and executed")]
    WriteExecute;
    /// The region cannot serve this kind of request.
    #[error("region {region} is not for allocations of kind {kind}")]
    WrongRegion {
        /// The region.
        region: u8,
        /// The kind that was asked for.
        kind: RegionKind,
    };
    /// No region that may serve the request has room for it.
    #[error("there is no room for {size} bytes in any of {regions} regions")]
    Exhausted {
        /// The bytes.
        size: u64,
        /// The regions that were asked, at least one.
        regions: u32,
    };
    /// The embedder's limit of the machine's memory.
    #[error("{frames} frames would be in use, the machine's limit is {limit}")]
    FrameLimit {
        /// Frames of 4,096 bytes that would be in use.
        frames: u64,
        /// The limit, in frames.
        limit: u64,
    };
    /// All slots of the list of records are used.
    #[error("there are as many allocations as the list of records can hold")]
    TooManyAllocations;
    /// The address is in no region of the allocator.
    #[error("{address:#x} is in no region of the allocator")]
    ForeignRegion {
        /// The address.
        address: u64,
    };
    /// Nothing is allocated there: it was freed before, or never allocated.
    #[error("nothing is allocated at {address:#x}: freed before, or never allocated")]
    NotAllocated {
        /// The address.
        address: u64,
    };
    /// Only the first byte's address frees an allocation.
    #[error("{address:#x} is inside of the allocation at {start:#x}, not its start")]
    InteriorPointer {
        /// The address.
        address: u64,
        /// The allocation's start.
        start: u64,
    };
    /// Only the host frees and resizes a protected allocation.
    #[error("the allocation at {start:#x} is protected")]
    Protected {
        /// The allocation's start.
        start: u64,
    };
    /// The allocation keeps its frames and needs them in one run, and the run cannot be made longer.
    #[error("the allocation at {start:#x} is pinned and contiguous: its frames cannot grow")]
    Pinned {
        /// The allocation's start.
        start: u64,
    };
    /// The allocation of this handle is gone.
    #[error("the allocation with handle {handle:#x} is gone")]
    StaleHandle {
        /// The handle.
        handle: u64,
    };
    /// There is no such property.
    #[error("{number} is no property")]
    UnknownProperty {
        /// The property's number.
        number: u64,
    };
    /// Generative memory has whole pages.
    #[error("generative memory has whole pages of 4,096 bytes, not {size} bytes")]
    PartialPage {
        /// The bytes.
        size: u64,
    };
    /// Generative memory is not executed.
    #[error("generative memory is not executed")]
    GenerativeExecute;
    /// There is no such mode of making pages.
    #[error("pages are made by no mode {mode}")]
    UnknownMode {
        /// The mode's code.
        mode: u64,
    };
}

/// Why a plan of the allocator could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllocationFailure {
    /// The request is refused, on every node.
    #[error(transparent)]
    Refused(#[from] AllocationError),
    /// This node lacks a page that is needed.
    #[error(transparent)]
    MissingPage(#[from] Fault),
}
