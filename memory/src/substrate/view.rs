//! The second view of the segment: the same bytes, de-interleaved. Byte `k` of row `i` of the packed view is byte `k * rows + i`
//! of this one.
//!
//! It has no pages of its own. Loads and stores of up to 8 bytes find each byte in its page of the packed view, so
//! copy-on-write, first touches and settling are those of the packed view.

use travertine_merkle::layout::PAGE_BYTES;

use super::SUBSTRATE_REGION;
use super::map::{Substrate, WindowName};
use crate::access::{Pages, number_of, page_offset};
use crate::fault::{Access, Fault, FaultReason};
use crate::memory::Memory;
use crate::plan::{Span, Touches};
use crate::working_set::page_of;

/// The most bytes of an access through the view.
const MAX_BYTES: usize = 8;

/// Where the view lies, and what it shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Address of its first byte.
    first: u64,
    /// Address of the segment's first byte.
    packed: u64,
    rows: u64,
    /// Bytes of a row.
    row_bytes: u64,
}

impl View {
    pub(super) fn new(substrate: &Substrate, packed: u64) -> Self {
        let first = super::device::address(substrate.window(WindowName::FramesPlanes).first);
        Self { first, packed, rows: substrate.rows(), row_bytes: substrate.alignment() }
    }

    fn end(&self) -> u64 {
        self.first + self.rows * self.row_bytes
    }

    fn contains(&self, address: u64) -> bool {
        (self.first..self.end()).contains(&address)
    }

    /// Where a byte of the view is in the packed view; others are where they are.
    fn packed(&self, address: u64) -> u64 {
        if !self.contains(address) {
            return address;
        }
        let offset = address - self.first;
        self.packed + offset % self.rows * self.row_bytes + offset / self.rows
    }

    /// Refuses an access that leaves the view, or comes to it from elsewhere than the end of the segment.
    fn check(&self, address: u64, length: u64, access: Access) -> Result<(), Fault> {
        let segment = self.packed..self.packed + self.rows * self.row_bytes;
        let address = match address {
            outside if outside < self.first && !segment.contains(&outside) => outside,
            inside if self.end().saturating_sub(inside) < length => self.end(),
            _ => return Ok(()),
        };
        Err(Fault { address, access, reason: FaultReason::OutOfRegion })
    }
}

impl Memory {
    /// The second view, if an access begins in it, or is a load or store that ends there.
    pub(crate) fn view_at(&self, address: u64, length: u64) -> Option<View> {
        let view = self.device.as_ref()?.view?;
        let is_scalar = (1..=MAX_BYTES as u64).contains(&length);
        let ends_there = || is_scalar && view.contains(address.wrapping_add(length - 1));
        (view.contains(address) || ends_there()).then_some(view)
    }

    /// Whether an access touches the second view of the segment, where a byte has another address than in the packed one.
    pub fn is_second_view(&self, address: u64, length: u64) -> bool {
        self.view_at(address, length).is_some()
    }

    /// Plans an access through the view.
    pub(crate) fn plan_view(
        &mut self,
        view: View,
        address: u64,
        length: u64,
        access: Access,
    ) -> Result<Span, Fault> {
        if length > MAX_BYTES as u64 {
            return Err(Fault { address, access, reason: FaultReason::SecondView });
        }
        view.check(address, length, access)?;
        let view_bytes = u32::try_from(length).expect("at most 8");
        let mut touches = Touches { view_bytes, ..Touches::default() };
        let mut seen = [u32::MAX; MAX_BYTES];
        for (byte, slot) in (address..address + length).zip(0..) {
            let number = number_of(view.packed(byte));
            if seen[..slot].contains(&number) {
                continue;
            }
            seen[slot] = number;
            let is_warm = match access {
                Access::Write => self.working.recent_store(number.into()),
                Access::Read | Access::Execute => self.working.recent_load(number.into()),
            };
            if is_warm.is_none() {
                let page = page_of(number);
                let pages = Pages { region: SUBSTRATE_REGION, first: page, last: page };
                self.stage_missing(u64::from(number) * PAGE_BYTES, pages, access)?;
                touches = touches + self.touches(number..=number, access);
            }
        }
        Ok(Span { touches, ..self.unplaced(address, length) })
    }

    /// Reads planned bytes through the view.
    pub(crate) fn read_view(&mut self, view: View, address: u64, bytes: &mut [u8]) {
        for (byte, at) in bytes.iter_mut().zip(address..) {
            let packed = view.packed(at);
            let number = number_of(packed);
            let frame = self.working.recent_load(number.into()).unwrap_or_else(|| {
                let frame = self.touch(number);
                self.working.remember(frame);
                frame
            });
            *byte = self.working.frame(frame).bytes()[page_offset(packed)];
        }
    }

    /// Writes planned bytes through the view.
    pub(crate) fn write_view(&mut self, view: View, address: u64, bytes: &[u8]) {
        for (byte, at) in bytes.iter().zip(address..) {
            let packed = view.packed(at);
            let number = number_of(packed);
            let recent = self.working.recent_store(number.into());
            let frame = recent.unwrap_or_else(|| self.touch(number));
            self.working.frame_mut(frame).bytes_mut()[page_offset(packed)] = *byte;
            if recent.is_none() {
                self.working.remember(frame);
            }
        }
    }

    /// Reads for the host through the view, as far as it reaches.
    pub(crate) fn peek_view(&self, view: View, address: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        view.check(address, bytes.len() as u64, Access::Read)?;
        bytes
            .iter_mut()
            .zip(address..)
            .try_for_each(|(byte, at)| self.peek(view.packed(at), std::slice::from_mut(byte)))
    }
}
