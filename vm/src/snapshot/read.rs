//! From a snapshot to the state in it.

use std::sync::Arc;

use rkyv::api::high::HighValidator;
use rkyv::bytecheck::CheckBytes;
use rkyv::util::AlignedVec;
use rkyv::{Portable, rancor};
use travertine_memory::substrate::SUBSTRATE_REGION;
use travertine_memory::{
    DataCap, FrameBudget, Memory, Mode, PageRange, PageSlot, Permissions, Region, RegionKind, Synthesis,
};
use travertine_merkle::{Hash, page_leaf};

use super::allocations;
use super::container::{Content, RECORD_ALIGNMENT};
use super::error::{Place, SnapshotError};
use super::pages::SnapshotPages;
use super::record::{
    ArchivedCapRecord, ArchivedRangeRecord, ArchivedRegionRecord, ArchivedStateRecord,
    ArchivedSynthesisRecord,
};
use crate::state::State;

impl State {
    /// Reads a snapshot from a copy of these bytes; otherwise as [`State::open_snapshot`].
    ///
    /// # Errors
    /// As for [`State::open_snapshot`].
    pub fn from_snapshot(snapshot: &[u8]) -> Result<Self, SnapshotError> {
        Self::open_snapshot(snapshot.to_vec())
    }

    /// The state in a snapshot whose bytes someone keeps, for example a mapped file. Everything but the pages is checked now,
    /// and the root is computed from their leaves. A page is read from its place and checked against its leaf when it is first
    /// touched: if it is damaged, the access fails as if the page were missing. [`State::check_pages`] reads them all.
    ///
    /// The bytes must stay as they are. If they change, pages are found damaged or missing, and nothing else happens.
    ///
    /// # Errors
    /// [`SnapshotError`]: what is wrong with the snapshot.
    pub fn open_snapshot(snapshot: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, SnapshotError> {
        let pages = Arc::new(SnapshotPages::open(Arc::new(snapshot), Content::State)?);
        let sections = pages.sections()?;
        let aligned = aligned_record(sections.record);
        let record: &ArchivedStateRecord = access(aligned.as_ref().map_or(sections.record, |copy| copy))?;
        let mut reader = CapReader { leaves: sections.leaves, named: 0 };
        let mut memory = Memory::new();
        memory.set_page_source(pages.clone());
        let mut before = None;
        for region in record.regions.iter() {
            if Some(region.number) <= before {
                return Err(SnapshotError::RegionOrder(region.number));
            }
            before = Some(region.number);
            let built = reader.region(region)?;
            memory.insert(region.number, built).expect("regions ascend");
        }
        reader.finish()?;
        if memory.region(SUBSTRATE_REGION).is_some_and(|region| region.kind() == RegionKind::Mmio) {
            memory.restore_block()?;
        }
        let allocations = allocations::read(&record.allocations)?;
        memory.set_allocations(allocations, record.next_allocation.to_native())?;
        let state = Self::new(memory, record.schedule, record.image, record.settlements.to_native());
        if state.root() != record.root {
            return Err(SnapshotError::Root);
        }
        Ok(state.keeping(pages))
    }

    /// Reads every page that this state has not in memory but in its snapshot, and checks it against its leaf.
    ///
    /// # Errors
    /// [`SnapshotError::DamagedPage`] or [`SnapshotError::MissingPage`] names the first page that is not what it should be.
    pub fn check_pages(&self) -> Result<(), SnapshotError> {
        for (number, region) in self.memory().regions() {
            for (page, slot) in region.cap().backing().pages() {
                let PageSlot::Missing(leaf) = slot else { continue };
                let place = Place::Region(number);
                let stored = self.kept_pages().and_then(|pages| pages.stored(&leaf));
                let bytes = stored.ok_or(SnapshotError::MissingPage { place, page })?;
                if page_leaf(bytes) != leaf {
                    return Err(SnapshotError::DamagedPage { place, page });
                }
            }
        }
        Ok(())
    }
}

/// An aligned copy of a record, if it needs one. In a mapped file it does not.
pub(super) fn aligned_record(record: &[u8]) -> Option<AlignedVec> {
    if record.as_ptr().addr().is_multiple_of(RECORD_ALIGNMENT) {
        return None;
    }
    let mut copy: AlignedVec = AlignedVec::with_capacity(record.len());
    copy.extend_from_slice(record);
    Some(copy)
}

/// The archive in these bytes, if it is well formed.
pub(super) fn access<T>(record: &[u8]) -> Result<&T, SnapshotError>
where
    T: Portable + for<'a> CheckBytes<HighValidator<'a, rancor::Error>>,
{
    rkyv::access::<T, rancor::Error>(record).map_err(|error| SnapshotError::Record(error.to_string()))
}

/// Builds caps, and sees that they name the stored pages in the order in which they are stored.
pub(super) struct CapReader<'a> {
    pub(super) leaves: &'a [Hash],
    pub(super) named: u32,
}

impl CapReader<'_> {
    pub(super) fn cap(&mut self, record: &ArchivedCapRecord, place: Place) -> Result<DataCap, SnapshotError> {
        let mut pages = Vec::with_capacity(record.pages.len());
        let mut before = None;
        for named in record.pages.iter() {
            let (page, stored) = (named.index.to_native(), named.stored.to_native());
            if Some(page) <= before {
                return Err(SnapshotError::PageOrder { place, page });
            }
            before = Some(page);
            pages.push((page, PageSlot::Missing(self.leaf(place, page, stored)?)));
        }
        let size = record.size.to_native();
        let cap = match record.synthesis.as_ref() {
            None => DataCap::from_pages(size, pages),
            Some(generative) => {
                let (synthesis, zeros) = synthesis(generative, place)?;
                pages.extend(zeros);
                DataCap::generative_from_pages(size, synthesis, pages)
            }
        };
        cap.map_err(|error| SnapshotError::Pages { place, error })
    }

    /// The leaf of the page that is stored there: one named before, or the next.
    fn leaf(&mut self, place: Place, page: u32, stored: u32) -> Result<Hash, SnapshotError> {
        let wrong = SnapshotError::StoredPage { place, page, stored, named: self.named };
        let leaf = usize::try_from(stored).ok().and_then(|stored| self.leaves.get(stored));
        match leaf {
            Some(leaf) if stored < self.named => Ok(*leaf),
            Some(leaf) if stored == self.named => {
                self.named += 1;
                Ok(*leaf)
            }
            _ => Err(wrong),
        }
    }

    /// Every stored page must have been named.
    pub(super) fn finish(self) -> Result<(), SnapshotError> {
        let Self { leaves, named } = self;
        match leaves.len() {
            stored if stored as u64 == u64::from(named) => Ok(()),
            stored => Err(SnapshotError::UnusedPages { stored, named }),
        }
    }

    fn region(&mut self, record: &ArchivedRegionRecord) -> Result<Region, SnapshotError> {
        let region = record.number;
        let kind = RegionKind::from_code(record.kind)
            .filter(|kind| *kind != RegionKind::Invalid)
            .filter(|kind| *kind != RegionKind::Mmio || region == SUBSTRATE_REGION)
            .ok_or(SnapshotError::Kind { region, kind: record.kind })?;
        let pages = record.cap.pages.len();
        if !kind.survives_settle() && pages > 0 {
            return Err(SnapshotError::Volatile { region, pages });
        }
        let cap = self.cap(&record.cap, Place::Region(region))?;
        let permissions = permissions(region, record.permissions)?;
        let built = match record.ranges.as_ref() {
            None => Region::new(kind, permissions, cap),
            Some(ranges) => {
                let ranges = page_ranges(region, ranges)?;
                let built = Region::with_page_ranges(kind, &ranges, cap);
                if built.as_ref().is_ok_and(|built| {
                    built.page_ranges() != Some(&*ranges) || built.permissions() != permissions
                }) {
                    return Err(SnapshotError::Ranges { region });
                }
                built
            }
        };
        let built = built.map_err(|error| SnapshotError::Region { region, error })?;
        let built = built.with_flags(record.flags.to_native());
        let Some(budget) = record.budget.as_ref() else { return Ok(built) };
        // The state's root does not commit to the ranges, and the program does not know the allocator's regions.
        let is_plain = built.flags() == 0 && built.page_ranges().is_none();
        if !is_plain || built.permissions() != kind.opened_permissions() {
            return Err(SnapshotError::ManagedRegion { region });
        }
        Ok(built.with_budget(FrameBudget { planes: budget.planes.to_native(), recency: budget.recency }))
    }
}

/// What makes a generative cap, and the pages that zeros were written to.
fn synthesis(
    record: &ArchivedSynthesisRecord,
    place: Place,
) -> Result<(Synthesis, Vec<(u32, PageSlot)>), SnapshotError> {
    let mode = record.mode.to_native();
    let mode = Mode::from_code(mode).ok_or(SnapshotError::Mode { place, mode })?;
    let zeros: Vec<u32> = record.zeros.iter().map(|page| page.to_native()).collect();
    if let Some(pair) = zeros.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(SnapshotError::PageOrder { place, page: pair[1] });
    }
    let zeros = zeros.into_iter().map(|page| (page, PageSlot::Empty)).collect();
    Ok((Synthesis { seed: record.seed.to_native(), mode }, zeros))
}

fn permissions(region: u8, bits: u8) -> Result<Permissions, SnapshotError> {
    Permissions::from_bits(bits).map_err(|error| SnapshotError::Permissions { region, error })
}

fn page_ranges(region: u8, ranges: &[ArchivedRangeRecord]) -> Result<Vec<PageRange>, SnapshotError> {
    let range = |range: &ArchivedRangeRecord| {
        Ok(PageRange {
            first: range.first.to_native(),
            end: range.end.to_native(),
            permissions: permissions(region, range.permissions)?,
        })
    };
    ranges.iter().map(range).collect()
}
