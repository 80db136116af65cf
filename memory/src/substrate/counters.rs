//! Live counters, as pages of region 0xF0: transfers of bytes between regions, and a record for each region.
//!
//! They are counted in the call's own pages, so a call that fails has counted nothing, and they settle like all that it wrote.
//! Without a block there is nothing to count in. Sums stay at `u64::MAX`.

use std::collections::BTreeMap;

use super::SUBSTRATE_REGION;
use super::device::address;
use super::map::WindowName;
use super::status::BlockStatus;
use crate::access::{Pages, number_of, page_offset};
use crate::fault::{Access, Fault};
use crate::memory::Memory;
use crate::working_set::{Frame, page_of};

const REGIONS: u64 = 256;
const WORD: u64 = 8;
/// Bytes of one matrix.
const MATRIX_BYTES: u64 = REGIONS * REGIONS * WORD;
/// Bytes of a region's record.
const RECORD_BYTES: u64 = 64;
/// Bytes of the two matrices.
pub(super) const EDGE_BYTES: u64 = 2 * MATRIX_BYTES;
/// Bytes of the records of all regions.
pub(super) const NODE_BYTES: u64 = REGIONS * RECORD_BYTES;

/// What was moved from one region to another, or within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transfers {
    /// How often.
    pub count: u64,
    /// Bytes, all together.
    pub bytes: u64,
}

impl Transfers {
    /// One more of so many bytes.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// By the region that bytes come from and the one that they go to.
pub(crate) type Edges = BTreeMap<(u8, u8), Transfers>;

/// The fields of a region's record, in order: `u64` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeField {
    /// Allocations that were made.
    Allocations = 0,
    /// Allocations that were freed by an instruction.
    Frees = 1,
    /// Bytes of the allocations that are live now, those of earlier blocks included.
    LiveBytes = 2,
    /// Bytes that allocations and resizes asked for beyond what there was.
    TotalBytes = 3,
    /// What the instructions of the allocator and bulk instructions cost, by the region that they name first.
    GasSpent = 4,
    /// Allocations and resizes whose frames were gathered from several planes.
    Promotions = 5,
    /// Compactions that moved a frame or released a plane.
    Compactions = 6,
    /// What the refund counter was credited for released planes, in gas.
    Refunds = 7,
}

impl NodeField {
    /// All fields, in order.
    pub const ALL: [Self; 8] = [
        Self::Allocations,
        Self::Frees,
        Self::LiveBytes,
        Self::TotalBytes,
        Self::GasSpent,
        Self::Promotions,
        Self::Compactions,
        Self::Refunds,
    ];

    /// Address of the field of a region's record.
    pub(super) fn address(self, status: &BlockStatus, region: u8) -> u64 {
        let window = address(status.substrate.window(WindowName::NodeAccums).first);
        window + u64::from(region) * RECORD_BYTES + self as u64 * WORD
    }
}

impl BlockStatus {
    /// Addresses of the count and of the bytes of what goes from one region to another.
    fn edge_addresses(&self, from: u8, to: u8) -> [u64; 2] {
        let window = address(self.substrate.window(WindowName::EdgeCounters).first);
        let count = window + (u64::from(from) * REGIONS + u64::from(to)) * WORD;
        [count, count + MATRIX_BYTES]
    }
}

impl Memory {
    /// Loads the counters of what an instruction does in a region, and of moves within it: missing pages are had before
    /// anything is paid.
    ///
    /// # Errors
    /// The fault of a page that this node lacks.
    pub fn stage_counters(&mut self, region: u8) -> Result<(), Fault> {
        let Some(status) = self.block() else { return Ok(()) };
        let [count, bytes] = status.edge_addresses(region, region);
        let node = NodeField::Allocations.address(status, region);
        [count, bytes, node].into_iter().try_for_each(|address| self.stage_counter(address))
    }

    /// Counts in a region's record: to each field is added, and the live bytes are set to what they are. Nothing happens before
    /// the first block.
    ///
    /// # Panics
    /// If the counters are missing pages that were not loaded ([`stage_counters`](Self::stage_counters)): an error of the
    /// embedder.
    pub fn count_node(&mut self, region: u8, amounts: &[(NodeField, u64)]) {
        let Some(device) = self.device.clone() else { return };
        for &(field, amount) in amounts.iter().filter(|(_, amount)| *amount > 0) {
            self.add(field.address(&device.status, region), amount);
        }
        self.note_live_bytes(region);
    }

    /// What was counted from one region to another in this block; zero before the first one.
    ///
    /// # Errors
    /// The fault of a page that this node lacks.
    pub fn transfers(&self, from: u8, to: u8) -> Result<Transfers, Fault> {
        let Some(status) = self.block() else { return Ok(Transfers::default()) };
        let [count, bytes] = status.edge_addresses(from, to);
        Ok(Transfers { count: self.counter(count)?, bytes: self.counter(bytes)? })
    }

    /// A field of a region's record in this block; zero before the first one.
    ///
    /// # Errors
    /// The fault of a page that this node lacks.
    pub fn node_counter(&self, region: u8, field: NodeField) -> Result<u64, Fault> {
        self.block().map_or(Ok(0), |status| self.counter(field.address(status, region)))
    }

    pub(crate) fn stage_edges(&mut self, edges: &Edges) -> Result<(), Fault> {
        for &(from, to) in edges.keys() {
            let Some(status) = self.block() else { return Ok(()) };
            for address in status.edge_addresses(from, to) {
                self.stage_counter(address)?;
            }
        }
        Ok(())
    }

    /// Counts transfers whose counters are at hand.
    pub(crate) fn count_edges(&mut self, edges: &Edges) {
        let Some(device) = self.device.clone() else { return };
        for (&(from, to), transfers) in edges {
            let [count, bytes] = device.status.edge_addresses(from, to);
            self.add(count, transfers.count);
            self.add(bytes, transfers.bytes);
        }
    }

    /// When a call ends, what it allocated for itself alone is gone: in regions whose record it has changed, live bytes are
    /// brought up to date.
    pub(crate) fn note_ended(&mut self, regions: impl IntoIterator<Item = u8>) {
        let Some(device) = self.device.clone() else { return };
        for region in regions {
            let page = number_of(NodeField::LiveBytes.address(&device.status, region));
            if self.working.find(page).is_some_and(|frame| self.working.frame(frame).is_dirty()) {
                self.note_live_bytes(region);
            }
        }
    }

    fn note_live_bytes(&mut self, region: u8) {
        let Some(device) = self.device.clone() else { return };
        let live = self.live_bytes(region);
        self.update(NodeField::LiveBytes.address(&device.status, region), |_| live);
    }

    fn add(&mut self, address: u64, amount: u64) {
        self.update(address, |value| value.saturating_add(amount));
    }

    /// Changes a counter, if that makes a difference: no page is written without need.
    fn update(&mut self, address: u64, change: impl FnOnce(u64) -> u64) {
        let frame = self.touch(number_of(address));
        let offset = page_offset(address);
        let value = word_at(self.working.frame(frame), offset);
        let new = change(value);
        if new != value {
            let bytes = self.working.frame_mut(frame).bytes_mut();
            bytes[offset..offset + 8].copy_from_slice(&new.to_le_bytes());
        }
    }

    fn counter(&self, address: u64) -> Result<u64, Fault> {
        let mut bytes = [0; 8];
        self.peek(address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn stage_counter(&mut self, address: u64) -> Result<(), Fault> {
        let number = number_of(address);
        if self.working.find(number).is_some() {
            return Ok(());
        }
        let page = page_of(number);
        self.stage_missing(
            address,
            Pages { region: SUBSTRATE_REGION, first: page, last: page },
            Access::Write,
        )
    }
}

fn word_at(frame: &Frame, offset: usize) -> u64 {
    let bytes = frame.bytes();
    u64::from_le_bytes(std::array::from_fn(|index| bytes[offset + index]))
}
