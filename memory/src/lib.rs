//! Three-dimensional, merkleized, copy-on-write memory.
//!
//! A program's memory is up to 256 [`Region`]s of up to 4 GiB, addressed by an [`Address`] (region, plane, offset).
//! A region's bytes are a [`DataCap`]: an immutable, shared [`PageSlab`] and an overlay of written pages. [`Memory`] holds the
//! regions and the working set of the current call; [`Memory::settle`] folds that into new slabs whose roots are
//! brought up to date at a cost in proportion to the pages that changed.
//!
//! ```
//! use travertine_memory::{Address, DataCap, Memory, Permissions, Region, RegionKind};
//!
//! let mut memory = Memory::new();
//! let state = Region::new(RegionKind::State, Permissions::READ_WRITE, DataCap::empty(1 << 32)?)?;
//! memory.insert(2, state)?;
//! let before = memory.region_leaf(2)?;
//!
//! let address: Address = "2:17:0x40".parse()?;
//! let plan = memory.plan_store(address.packed(), 8)?;
//! assert_eq!(plan.touches().first_writes, 1); // what gas is charged for, before anything happens
//! memory.store(plan, 0x1122_3344);
//!
//! let dirty = memory.settle();
//! assert_eq!((dirty.len(), dirty[0].region, dirty[0].page), (1, 2, 17 * 16));
//! assert_ne!(memory.region_leaf(2)?, before);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod address;
mod allocated_pages;
mod allocation;
mod allocator;
mod bulk;
mod cap;
mod fast_pages;
mod fault;
pub mod generative;
mod memory;
mod node;
mod page;
mod page_hash;
mod page_index;
mod parallel;
mod permissions;
mod persistent;
mod places;
mod plan;
mod region;
mod slab;
pub mod substrate;
mod tree;
mod working_set;

pub use address::{Address, AddressError, Component};
pub use allocation::{AllocationPlan, FreePlan, ResizePlan};
pub use allocator::{
    ALLOCATABLE_KINDS, Allocation, AllocationError, AllocationFailure, AllocationFlags, AllocationPrices,
    AllocationRequest, BLOCK_BYTES, CompactionPlan, CompactionReport, DEFAULT_COMPACTION_MOVES, Fragment,
    FragmentError, Fragments, GENERATIVE_REGIONS, MAX_BLOCK_BYTES, PARAMETER_BYTES, PlaneChange,
    PromotionPlan, Property, RECOMMENDED_FRAGMENTATION_BP, RecordError, RecordList, RestoreError,
};
pub use bulk::{BulkFault, BulkPlan, ByteRange, ENTRY_BYTES, MAX_ENTRIES, Quantities};
pub use cap::{CapError, DataCap};
pub use fast_pages::FastPages;
pub use fault::{Access, Fault, FaultReason};
pub use memory::{DirtyPage, Memory, MemoryError};
pub use node::NodeError;
pub use page::{Page, PageBytes, PageSlot, PageSource};
pub use permissions::{Permissions, PermissionsError};
pub use plan::{LoadPlan, Recalls, StorePlan, Touches};
pub use region::{FrameBudget, PageRange, Region, RegionError, RegionKind};
pub use slab::{PageChange, PageSlab, SlabError};
pub use travertine_vrns::{Mode, Synthesis};

/// The example of `docs/allocator.md`.
#[cfg(doctest)]
#[doc = include_str!("../../docs/allocator.md")]
struct AllocatorDocument;
