//! From a state to its snapshot.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;

use rkyv::api::high::HighSerializer;
use rkyv::rancor;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use travertine_memory::{DataCap, Page, PageRange, PageSlot, Region, Synthesis};
use travertine_merkle::{Hash, ZERO_HASH};

use super::allocations;
use super::container::{Content, PAGE_BYTES, head};
use super::error::{Place, SnapshotError};
use super::record::{
    BudgetRecord, CapRecord, PageRecord, RangeRecord, RegionRecord, StateRecord, SynthesisRecord,
};
use crate::state::State;

/// A snapshot that is ready to be written. All that is left to do is to put its bytes somewhere.
#[derive(Debug)]
pub struct Snapshot<'a> {
    head: Vec<u8>,
    pages: Vec<StoredPage<'a>>,
}

/// A page that goes into a snapshot.
#[derive(Debug)]
pub(super) enum StoredPage<'a> {
    /// A page in memory.
    Loaded(Page),
    /// The bytes of a page in the snapshot that the state was read from. They are not read before they are written.
    Kept(&'a [u8; PAGE_BYTES]),
}

impl StoredPage<'_> {
    fn bytes(&self) -> &[u8; PAGE_BYTES] {
        match self {
            Self::Loaded(page) => page.bytes(),
            Self::Kept(bytes) => bytes,
        }
    }
}

impl Snapshot<'_> {
    /// The snapshot's size in bytes.
    pub fn size(&self) -> u64 {
        self.head.len() as u64 + self.pages.len() as u64 * PAGE_BYTES as u64
    }

    /// Writes the snapshot from beginning to end, in pieces of a page or more.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl io::Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        self.pages.iter().try_for_each(|page| out.write_all(page.bytes()))
    }

    /// The snapshot's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.head.len() + self.pages.len() * PAGE_BYTES);
        bytes.extend_from_slice(&self.head);
        for page in &self.pages {
            bytes.extend_from_slice(page.bytes());
        }
        bytes
    }
}

/// Collects the pages that a snapshot stores: each content once, in the order in which it is first named.
pub(super) struct PageTable<'a, F: Fn(&Hash) -> Option<StoredPage<'a>>> {
    /// Gives the pages that are known by their leaf only.
    missing: F,
    places: BTreeMap<Hash, u32>,
    leaves: Vec<Hash>,
    pages: Vec<StoredPage<'a>>,
}

impl<'a, F: Fn(&Hash) -> Option<StoredPage<'a>>> PageTable<'a, F> {
    pub(super) fn new(missing: F) -> Self {
        Self { missing, places: BTreeMap::new(), leaves: Vec::new(), pages: Vec::new() }
    }

    /// The record of a cap without an overlay, whose pages are stored from now on.
    pub(super) fn cap_record(&mut self, cap: &DataCap, place: Place) -> Result<CapRecord, SnapshotError> {
        let (mut pages, mut zeros) = (Vec::new(), Vec::new());
        for (index, slot) in cap.backing().pages() {
            if slot.leaf() == ZERO_HASH {
                zeros.push(index);
            } else {
                pages.push(PageRecord { index, stored: self.store(place, index, slot)? });
            }
        }
        let synthesis = cap.synthesis().map(|Synthesis { seed, mode }| SynthesisRecord {
            seed,
            mode: mode.code(),
            zeros,
        });
        Ok(CapRecord { size: cap.size(), pages, synthesis })
    }

    fn store(&mut self, place: Place, page: u32, slot: PageSlot) -> Result<u32, SnapshotError> {
        let leaf = slot.leaf();
        debug_assert_ne!(leaf, ZERO_HASH, "zero pages are not stored");
        let vacant = match self.places.entry(leaf) {
            Entry::Occupied(stored) => return Ok(*stored.get()),
            Entry::Vacant(vacant) => vacant,
        };
        let stored = u32::try_from(self.pages.len()).map_err(|_| SnapshotError::TooLarge)?;
        let content = match slot {
            PageSlot::Loaded(page) => Some(StoredPage::Loaded(page)),
            PageSlot::Missing(leaf) => (self.missing)(&leaf),
            PageSlot::Empty => None,
        };
        self.pages.push(content.ok_or(SnapshotError::MissingPage { place, page })?);
        self.leaves.push(leaf);
        Ok(*vacant.insert(stored))
    }

    /// The snapshot with this record, which names the pages of the table.
    pub(super) fn finish(
        self,
        content: Content,
        record: &impl for<'r> rkyv::Serialize<HighSerializer<AlignedVec, ArenaHandle<'r>, rancor::Error>>,
    ) -> Result<Snapshot<'a>, SnapshotError> {
        // Records of more than 2 GiB do not fit the archive's pointers.
        let record = rkyv::to_bytes::<rancor::Error>(record).map_err(|_| SnapshotError::TooLarge)?;
        let order: Vec<u32> = self.places.into_values().collect();
        Ok(Snapshot { head: head(content, &self.leaves, &order, &record)?, pages: self.pages })
    }
}

impl State {
    /// The state as a snapshot that can be written. Pages of the snapshot that the state was read from, and that were never
    /// touched, are taken from there as they are: nothing is hashed.
    ///
    /// # Errors
    /// [`SnapshotError::MissingPage`] if a page is known by its hash only and no snapshot has it;
    /// [`SnapshotError::TooLarge`].
    pub fn snapshot(&self) -> Result<Snapshot<'_>, SnapshotError> {
        let mut table = PageTable::new(|leaf: &Hash| self.kept_pages()?.stored(leaf).map(StoredPage::Kept));
        let record = self.record(&mut table)?;
        table.finish(Content::State, &record)
    }

    /// The state's record, whose pages are stored from now on.
    pub(super) fn record<'a>(
        &self,
        table: &mut PageTable<'a, impl Fn(&Hash) -> Option<StoredPage<'a>>>,
    ) -> Result<StateRecord, SnapshotError> {
        let mut regions = Vec::new();
        for (number, region) in self.memory().regions() {
            let cap = table.cap_record(region.cap(), Place::Region(number))?;
            regions.push(region_record(number, region, cap));
        }
        Ok(StateRecord {
            root: self.root(),
            schedule: self.schedule(),
            image: self.image(),
            settlements: self.settlements(),
            next_allocation: self.memory().next_allocation(),
            regions,
            allocations: allocations::stored(self.memory().allocations()),
        })
    }

    /// The bytes of [`State::snapshot`].
    ///
    /// # Errors
    /// As for [`State::snapshot`].
    pub fn to_snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        Ok(self.snapshot()?.to_bytes())
    }
}

fn region_record(number: u8, region: &Region, cap: CapRecord) -> RegionRecord {
    let range = |range: &PageRange| RangeRecord {
        first: range.first,
        end: range.end,
        permissions: range.permissions.bits(),
    };
    RegionRecord {
        number,
        kind: region.kind().code(),
        permissions: region.permissions().bits(),
        flags: region.flags(),
        budget: region.budget().map(|budget| BudgetRecord { planes: budget.planes, recency: budget.recency }),
        ranges: region.page_ranges().map(|ranges| ranges.iter().map(range).collect()),
        cap,
    }
}
