//! The allocator: records of the memory that programs and the host have asked for.

mod hashes;
mod record;
mod records;
mod validate;

pub use record::{Allocation, AllocationFlags, Fragment, FragmentError, Fragments};
pub use records::{RecordError, RecordList};
pub use validate::AllocationsError;
