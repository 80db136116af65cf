//! The memory of a machine: its regions, their settlement and their leaves in the state tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use travertine_merkle::{Hash, ZERO_HASH};

use crate::allocator::Allocator;
use crate::cap::{CapError, DataCap};
use crate::fault::FaultReason;
use crate::node::NodeError;
use crate::page::{Page, PageSource};
use crate::region::{Region, RegionError};
use crate::substrate::{Device, SUBSTRATE_REGION};
use crate::working_set::{Content, WorkingSet, page_of, region_of};

/// Why the regions of a memory cannot be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// A region stands there already.
    #[error("region {region} is there already")]
    Occupied {
        /// The region's number.
        region: u8,
    },
    /// There is no such region.
    #[error("there is no region {region}")]
    NoRegion {
        /// The region's number.
        region: u8,
    },
    /// The region is the allocator's: it always has its full size.
    #[error("region {region} is the allocator's and keeps its size")]
    Managed {
        /// The region's number.
        region: u8,
    },
    /// The region cannot be as asked.
    #[error("region {region}: {error}")]
    Region {
        /// The region's number.
        region: u8,
        /// Why not.
        error: RegionError,
    },
}

/// A page whose content a settlement has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirtyPage {
    /// The region's number.
    pub region: u8,
    /// The page's index in the region.
    pub page: u32,
    /// Its leaf before; zero for the zero page.
    pub old: Hash,
    /// Its leaf now; zero for the zero page.
    pub new: Hash,
}

/// Up to 256 regions, and the pages that the current call has touched.
///
/// Every access is planned, then paid, then committed: [`plan_load`](Self::plan_load) and [`plan_store`](Self::plan_store)
/// check everything and change nothing that can be observed; committing the plan cannot fail.
///
/// A clone shares all pages. While the working set is empty (before a call, after [`settle`](Self::settle)) it costs a few
/// reference counts per region: that is how a call is made undone.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub(crate) regions: BTreeMap<u8, Region>,
    pub(crate) allocator: Allocator,
    /// What regions that were closed with their allocation leave to be settled: their written pages, none of which is there any
    /// more. A region that is opened at such a number takes it over.
    pub(crate) closed: BTreeMap<u8, DataCap>,
    pub(crate) working: WorkingSet,
    /// What region 0xF0 is, in a block.
    pub(crate) device: Option<Arc<Device>>,
    source: Option<Arc<dyn PageSource>>,
    /// Counts the changes that make plans invalid.
    pub(crate) epoch: u64,
}

impl Memory {
    /// A memory without regions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says where the content of missing pages comes from.
    pub fn set_page_source(&mut self, source: Arc<dyn PageSource>) {
        self.source = Some(source);
    }

    /// Adds a region. Plans made before are void.
    ///
    /// # Errors
    /// If there is a region with this number.
    pub fn insert(&mut self, number: u8, region: Region) -> Result<(), MemoryError> {
        if self.regions.contains_key(&number) {
            return Err(MemoryError::Occupied { region: number });
        }
        self.regions.insert(number, region);
        self.epoch += 1;
        Ok(())
    }

    /// Removes a region, as it was before the current call; what the call has written to it is dropped. Plans made before
    /// are void. A region of the allocator's stays, and `None` is returned.
    pub fn remove(&mut self, number: u8) -> Option<Region> {
        if self.allocator.manages(number) {
            return None;
        }
        let region = self.regions.remove(&number)?;
        self.working.retain(|page| region_of(page) != number);
        self.device = self.device.take().filter(|_| number != SUBSTRATE_REGION);
        self.epoch += 1;
        Some(region)
    }

    /// Makes a region longer or shorter. What the current call has written stays as far as the region reaches; pages behind the
    /// end are dropped, and read as zeros and are cold if the region grows again. Plans made before are void.
    ///
    /// # Errors
    /// If there is no such region, it is the allocator's, no cap has this size, or the region's page ranges do not fit; nothing
    /// is changed then.
    pub fn resize(&mut self, number: u8, size: u64) -> Result<(), MemoryError> {
        if self.allocator.manages(number) {
            return Err(MemoryError::Managed { region: number });
        }
        let region = self.regions.get_mut(&number).ok_or(MemoryError::NoRegion { region: number })?;
        region.resize(size).map_err(|error| MemoryError::Region { region: number, error })?;
        let page_count = region.cap().page_count();
        self.working.retain(|page| region_of(page) != number || page_of(page) < page_count);
        self.epoch += 1;
        Ok(())
    }

    /// The region with this number. Its cap does not show what the current call has written.
    pub fn region(&self, number: u8) -> Option<&Region> {
        self.regions.get(&number)
    }

    /// All regions, ascending by number.
    pub fn regions(&self) -> impl Iterator<Item = (u8, &Region)> {
        self.regions.iter().map(|(&number, region)| (number, region))
    }

    /// Zeroes the regions that do not survive a settlement; what the current call has written to them is dropped. Plans made
    /// before are void.
    pub fn clear_volatile(&mut self) {
        self.end_call();
        self.clear_volatile_caps();
        let regions = &self.regions;
        self.working.retain(|page| regions[&region_of(page)].kind().survives_settle());
        self.epoch += 1;
    }

    /// Ends a call for good: zeroes the regions that do not survive, folds what was written into the caps, and reports the
    /// pages whose content has changed, ascending by region and page. The working set is empty then. Plans made before are
    /// void. Only changed pages are hashed; the nodes above them are when a leaf is next asked for.
    pub fn settle(&mut self) -> Vec<DirtyPage> {
        self.end_call();
        self.clear_volatile_caps();
        for frame in std::mem::take(&mut self.working).into_frames() {
            let survives = self.regions[&region_of(frame.page_number)].kind().survives_settle();
            match frame.content {
                Content::Dirty(bytes) if survives => self.overlay(frame.page_number, Page::new(bytes)),
                Content::Placed { page, .. } if survives => self.overlay(frame.page_number, page),
                Content::Clean(_) | Content::Dirty(_) | Content::Placed { .. } => {}
            }
        }
        self.epoch += 1;
        let closed = std::mem::take(&mut self.closed);
        let mut dirty: Vec<DirtyPage> =
            self.regions.iter_mut().flat_map(|(&number, region)| flushed(number, region.cap_mut())).collect();
        if !closed.is_empty() {
            dirty.extend(closed.into_iter().flat_map(|(number, mut cap)| flushed(number, &mut cap)));
            dirty.sort_by_key(|page| (page.region, page.page));
        }
        dirty
    }

    /// The leaf of a region in the state tree; zero if there is no such region. The current call does not show in it.
    ///
    /// # Errors
    /// If the host has written to the region ([`poke`](Self::poke)) since the memory was settled.
    pub fn region_leaf(&self, number: u8) -> Result<Hash, CapError> {
        self.regions.get(&number).map_or(Ok(ZERO_HASH), Region::leaf)
    }

    /// The leaves of all 256 regions, as [`region_leaf`](Self::region_leaf) gives them.
    ///
    /// # Errors
    /// If the host has written to a region since the memory was settled.
    pub fn region_leaves(&self) -> Result<Vec<Hash>, CapError> {
        (0..=u8::MAX).map(|number| self.region_leaf(number)).collect()
    }

    /// The node of the state tree at a generalized index that counts from a region's leaf; see [`Region::node`].
    ///
    /// # Errors
    /// If the region's cap is dirty, no node is there, or a page that is needed cannot be loaded.
    pub fn node(&self, number: u8, gindex: u64) -> Result<Hash, NodeError> {
        match self.regions.get(&number) {
            Some(region) => region.node(gindex, |leaf| self.fetch(leaf).ok()),
            None if gindex == 1 => Ok(ZERO_HASH),
            None => Err(NodeError::OutsideTree { gindex, page_count: 0 }),
        }
    }

    /// The page with this leaf from the page source, checked.
    pub(crate) fn fetch(&self, leaf: &Hash) -> Result<Page, FaultReason> {
        let page =
            self.source.as_ref().and_then(|source| source.page(leaf)).ok_or(FaultReason::MissingPage)?;
        if page.leaf() == *leaf { Ok(page) } else { Err(FaultReason::WrongPage) }
    }

    fn clear_volatile_caps(&mut self) {
        for region in self.regions.values_mut().filter(|region| !region.kind().survives_settle()) {
            let cleared = region.cap().cleared();
            *region.cap_mut() = cleared;
        }
    }

    /// Puts a page into its cap's overlay.
    pub(crate) fn overlay(&mut self, page_number: u32, page: Page) {
        let region = self.regions.get_mut(&region_of(page_number)).expect("the page's region is there");
        region.cap_mut().write(page_of(page_number), page.into()).expect("the page lies within its cap");
    }
}

/// The pages of a region that a flush of its cap changes.
fn flushed(region: u8, cap: &mut DataCap) -> impl Iterator<Item = DirtyPage> + use<> {
    let dirty = move |crate::PageChange { page, old, new }| DirtyPage { region, page, old, new };
    cap.flush().into_iter().map(dirty)
}
