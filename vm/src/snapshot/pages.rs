//! The pages of a snapshot, where they are stored.

use std::fmt;
use std::sync::{Arc, OnceLock};

use travertine_memory::{Page, PageBytes, PageSource};
use travertine_merkle::Hash;

use super::container::{Content, Layout, PAGE_BYTES, Sections, check};
use super::error::SnapshotError;

/// Whoever keeps the bytes of a snapshot: a vector, a mapped file.
pub(super) type Owner = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The stored pages of a snapshot. A page is copied from its place when it is first asked for, and kept.
pub(crate) struct SnapshotPages {
    owner: Owner,
    layout: Layout,
    loaded: Box<[OnceLock<Page>]>,
}

impl SnapshotPages {
    /// The pages of a snapshot whose header and tables are sound.
    pub(super) fn open(owner: Owner, content: Content) -> Result<Self, SnapshotError> {
        let layout = check((*owner).as_ref(), content)?;
        let mut pages = Self { owner, layout, loaded: Box::default() };
        let stored = pages.sections()?.leaves.len();
        pages.loaded = (0..stored).map(|_| OnceLock::new()).collect();
        Ok(pages)
    }

    /// The sections, as long as the owner still has as many bytes as when the snapshot was opened.
    pub(super) fn sections(&self) -> Result<Sections<'_>, SnapshotError> {
        let snapshot = (*self.owner).as_ref();
        self.layout.sections(snapshot).ok_or(SnapshotError::Truncated(snapshot.len()))
    }

    /// The bytes that are stored for the page with this leaf. They may be damaged.
    pub(super) fn stored(&self, leaf: &Hash) -> Option<&[u8; PAGE_BYTES]> {
        let sections = self.sections().ok()?;
        sections.pages.get(sections.find(leaf)?)
    }
}

impl PageSource for SnapshotPages {
    fn page(&self, leaf: &Hash) -> Option<Page> {
        let sections = self.sections().ok()?;
        let place = sections.find(leaf)?;
        let bytes = sections.pages.get(place)?;
        let loaded = self.loaded.get(place)?;
        Some(loaded.get_or_init(|| Page::new(PageBytes::starting_with(bytes))).clone())
    }
}

impl fmt::Debug for SnapshotPages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loaded = self.loaded.iter().filter(|page| page.get().is_some()).count();
        write!(formatter, "SnapshotPages({} stored, {loaded} loaded)", self.loaded.len())
    }
}
