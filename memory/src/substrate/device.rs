//! Region 0xF0 in a memory: made anew for every block, and found again in a memory that was loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;
use travertine_merkle::{Hash, layout};

use super::SUBSTRATE_REGION;
use super::counters::NodeField;
use super::ledger::{LedgerError, LedgerFrontier};
use super::map::{Substrate, Window, WindowName};
use super::status::{BlockStatus, StatusError};
use super::view::View;
use crate::address::Address;
use crate::allocator::Property;
use crate::cap::DataCap;
use crate::memory::Memory;
use crate::page::{PAGE_BYTES, Page, PageBytes, PageSlot};
use crate::permissions::Permissions;
use crate::region::{PageRange, Region, RegionKind};
use crate::working_set::region_of;

/// The longest header, in bytes, whatever the window.
pub const MAX_HEADER_BYTES: u64 = 1 << 20;

/// What a memory keeps of its device region besides the pages.
#[derive(Debug)]
pub(crate) struct Device {
    pub(super) status: BlockStatus,
    /// The second view, if there is a segment.
    pub(crate) view: Option<View>,
}

/// Why a block cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BlockError {
    /// The header is too long.
    #[error("the header has {bytes} bytes; at most {limit} are shown")]
    HeaderTooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The longest one, in bytes.
        limit: u64,
    },
    /// The machine has begun blocks by another substrate.
    #[error("the substrate has root {}, but the machine's last block was begun by {}", hex::encode(.given), hex::encode(.machine))]
    OtherSubstrate {
        /// Root of the substrate in the machine.
        machine: Hash,
        /// Root of the one that was given.
        given: Hash,
    },
    /// The program has pages of its own there.
    #[error("region {SUBSTRATE_REGION:#x} is the program's: there is no room for the substrate")]
    Occupied,
    /// The ledger takes no more.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The packed address of an offset in the region.
pub(super) fn address(offset: u32) -> u64 {
    Address::from_linear(SUBSTRATE_REGION, offset).packed()
}

/// The longest header that the window shows, in bytes.
pub(super) fn header_limit(substrate: &Substrate) -> u64 {
    MAX_HEADER_BYTES.min(substrate.window(WindowName::Header).bytes() - layout::PAGE_BYTES)
}

fn first_page(window: Window) -> u32 {
    layout::page_number(window.first)
}

/// The windows that are pages of the region, and what the program may do there. The region ends with the last one.
fn ranges(status: &BlockStatus) -> Vec<PageRange> {
    let range = |name, bytes: Option<u64>, permissions| {
        let window = status.substrate.window(name);
        let pages = bytes.unwrap_or(window.bytes()) / layout::PAGE_BYTES;
        let first = first_page(window);
        PageRange { first, end: first + u32::try_from(pages).expect("a region has 2^20 pages"), permissions }
    };
    let mut ranges = vec![
        range(WindowName::Header, None, Permissions::READ),
        range(WindowName::EdgeCounters, None, Permissions::READ),
        range(WindowName::NodeAccums, None, Permissions::READ),
    ];
    if status.evaluation.allocates() {
        let size = status.substrate.size();
        ranges.push(range(WindowName::FramesPacked, Some(size), Permissions::READ_WRITE));
    }
    ranges
}

/// The size of the region's cap in bytes.
fn cap_size(ranges: &[PageRange]) -> u64 {
    u64::from(ranges.last().expect("the header window is there").end) * layout::PAGE_BYTES
}

/// The pages with the header and its status.
fn header_pages(status: &BlockStatus, header: &[u8]) -> impl Iterator<Item = (u32, Box<PageBytes>)> {
    let window = status.substrate.window(WindowName::Header);
    let shown = (first_page(window)..)
        .zip(header.chunks(PAGE_BYTES))
        .map(|(page, bytes)| (page, PageBytes::starting_with(bytes)));
    shown.chain([(layout::page_number(window.last), status.to_page())])
}

impl Memory {
    /// Begins a block: region 0xF0 becomes that of this header. Its header window shows the header, its counters are zero but
    /// for the bytes that are live, and if the rule holds there is a segment of zeros. What was there before is gone.
    ///
    /// The memory has settled. Plans made before are void.
    ///
    /// # Errors
    /// [`BlockError`]; nothing is changed then.
    pub fn begin_block(
        &mut self,
        substrate: &Substrate,
        header: &[u8],
        timestamp: u64,
    ) -> Result<&BlockStatus, BlockError> {
        let limit = header_limit(substrate);
        if header.len() as u64 > limit {
            return Err(BlockError::HeaderTooLong { bytes: header.len(), limit });
        }
        let mut ledger = match self.block() {
            Some(before) if before.substrate == *substrate => before.ledger,
            Some(before) => {
                let (machine, given) = (before.substrate.root(), substrate.root());
                return Err(BlockError::OtherSubstrate { machine, given });
            }
            None if self.regions.contains_key(&SUBSTRATE_REGION) => return Err(BlockError::Occupied),
            None => LedgerFrontier::default(),
        };
        if let Some(record) = substrate.record(header, timestamp) {
            ledger.append(&record)?;
        }
        let evaluation = substrate.evaluate(header);
        let header_bytes = header.len() as u64;
        let status = BlockStatus { substrate: *substrate, evaluation, header_bytes, timestamp, ledger };
        let ranges = ranges(&status);
        let pages = header_pages(&status, header).chain(self.live_bytes_pages(&status));
        let pages = pages.map(|(page, bytes)| (page, PageSlot::from(Page::new(bytes))));
        let cap = DataCap::from_pages(cap_size(&ranges), pages);
        let cap = cap.expect("the windows are whole pages of the region, in order and apart");
        let region = Region::with_page_ranges(RegionKind::Mmio, &ranges, cap);
        self.regions.insert(SUBSTRATE_REGION, region.expect("the ranges ascend and lie in the cap"));
        self.working.retain(|page| region_of(page) != SUBSTRATE_REGION);
        self.epoch += 1;
        let device = self.device.insert(Arc::new(Device::new(status)));
        Ok(&device.status)
    }

    /// The block that the memory is in; `None` before the first one.
    pub fn block(&self) -> Option<&BlockStatus> {
        self.device.as_ref().map(|device| &device.status)
    }

    /// Finds the block of a memory whose regions were loaded, if region 0xF0 is there.
    ///
    /// # Errors
    /// [`StatusError`] if it is not such a region as a block has, or its status page cannot be read.
    pub fn restore_block(&mut self) -> Result<(), StatusError> {
        let Some(region) = self.regions.get(&SUBSTRATE_REGION) else { return Ok(()) };
        let header = region.page_ranges().and_then(<[PageRange]>::first).ok_or(StatusError::Shape)?;
        let mut page = [0; PAGE_BYTES];
        let place = u64::from(header.end - 1) * layout::PAGE_BYTES;
        let place = address(u32::try_from(place).expect("ranges lie in their cap"));
        self.peek(place, &mut page).map_err(|fault| StatusError::Unreadable(fault.reason))?;
        let status = BlockStatus::from_page(&page)?;
        let ranges = ranges(&status);
        let is_so = region.kind() == RegionKind::Mmio
            && region.flags() == 0
            && region.budget().is_none()
            && region.page_ranges() == Some(&ranges)
            && region.cap().size() == cap_size(&ranges);
        if !is_so {
            return Err(StatusError::Shape);
        }
        self.device = Some(Arc::new(Device::new(status)));
        Ok(())
    }

    /// The pages of the node records in which bytes are live.
    fn live_bytes_pages(&self, status: &BlockStatus) -> BTreeMap<u32, Box<PageBytes>> {
        let mut pages = BTreeMap::new();
        for (region, _) in self.allocator.budgets() {
            let live = self.live_bytes(region);
            if live > 0 {
                let at = NodeField::LiveBytes.address(status, region);
                let (_, offset) = layout::split_address(at).expect("the window lies in its region");
                let page = pages.entry(layout::page_number(offset)).or_insert_with(PageBytes::zeroed);
                let offset = crate::access::page_offset(at);
                page[offset..offset + 8].copy_from_slice(&live.to_le_bytes());
            }
        }
        pages
    }

    /// Bytes of the allocations that are live in a region.
    pub(super) fn live_bytes(&self, region: u8) -> u64 {
        self.allocator.query(u64::from(region) << 32, Property::LiveBytes).and_then(Result::ok).unwrap_or(0)
    }
}

impl Device {
    fn new(status: BlockStatus) -> Self {
        let view = status.base().map(|base| View::new(&status.substrate, base));
        Self { status, view }
    }
}
