//! Snapshots of caps that stand alone.

use std::sync::Arc;

use travertine_memory::{DataCap, PageSource};
use travertine_merkle::Hash;

use super::container::Content;
use super::error::{Place, SnapshotError};
use super::pages::SnapshotPages;
use super::read::{CapReader, access, aligned_record};
use super::record::{ArchivedRootedCapRecord, RootedCapRecord};
use super::write::{PageTable, Snapshot, StoredPage};

/// A cap that was read from a snapshot, and the source of its pages, which it knows by their leaves only.
#[derive(Debug, Clone)]
pub struct LoadedCap {
    /// The cap.
    pub cap: DataCap,
    /// Where its pages are.
    pub pages: Arc<dyn PageSource>,
}

/// A cap as a snapshot that can be written. Pages that it knows by their leaf only are asked from `source`.
///
/// # Errors
/// [`SnapshotError::Dirty`] if the cap is not flushed; [`SnapshotError::MissingPage`] if `source` does not have a page
/// that is needed, or has another content for it; [`SnapshotError::TooLarge`].
pub fn snapshot_cap<'a>(
    cap: &DataCap,
    source: Option<&dyn PageSource>,
) -> Result<Snapshot<'a>, SnapshotError> {
    let missing =
        |leaf: &Hash| source?.page(leaf).filter(|page| page.leaf() == *leaf).map(StoredPage::Loaded);
    let root = cap.root()?;
    let mut table = PageTable::new(missing);
    let record = RootedCapRecord { root, cap: table.cap_record(cap, Place::Cap)? };
    table.finish(Content::Cap, &record)
}

/// Reads the snapshot of a cap, as [`State::open_snapshot`](crate::State::open_snapshot) does that of a state.
///
/// # Errors
/// [`SnapshotError`]: what is wrong with the snapshot.
pub fn open_cap_snapshot(
    snapshot: impl AsRef<[u8]> + Send + Sync + 'static,
) -> Result<LoadedCap, SnapshotError> {
    let pages = Arc::new(SnapshotPages::open(Arc::new(snapshot), Content::Cap)?);
    let sections = pages.sections()?;
    let aligned = aligned_record(sections.record);
    let record: &ArchivedRootedCapRecord = access(aligned.as_ref().map_or(sections.record, |copy| copy))?;
    let mut reader = CapReader { leaves: sections.leaves, named: 0 };
    let cap = reader.cap(&record.cap, Place::Cap)?;
    reader.finish()?;
    if cap.root()? != record.root {
        return Err(SnapshotError::Root);
    }
    Ok(LoadedCap { cap, pages })
}
