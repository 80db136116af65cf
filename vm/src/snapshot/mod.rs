//! Snapshots: a settled state or a cap as bytes, and back. `docs/snapshot.md` draws the format byte by byte.
//!
//! Reading checks everything but the pages, and computes the root from their leaves. The pages stay where the bytes are,
//! for example in a mapped file; each is checked against its leaf when it is first touched.

mod allocations;
mod cap;
mod container;
mod error;
mod pages;
mod read;
mod record;
#[cfg(test)]
mod tests;
mod write;

pub use cap::{LoadedCap, open_cap_snapshot, snapshot_cap};
pub use container::{SNAPSHOT_HEADER_BYTES, SNAPSHOT_MAGIC, SNAPSHOT_VERSION};
pub use error::{Place, SnapshotError};
pub use write::Snapshot;

pub(crate) use pages::SnapshotPages;
