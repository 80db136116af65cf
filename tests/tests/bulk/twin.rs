//! The twin: a flat map of bytes, pages by pages what may be done with them, and sets of touched pages.

use std::collections::{BTreeMap, BTreeSet};

use travertine_gas::{Bill, Schedule};
use travertine_memory::{Access, Fault, FaultReason, Touches};
use travertine_tests::places::Places;

use crate::placing::{Move, Split, Written};
use crate::steps::{Action, Scenario};

pub(crate) const PAGE: u64 = 4096;
const PLANE: u64 = 1 << 16;
const REGION: u64 = 1 << 32;

pub(crate) const CODE: u64 = 0x1_f000_0000;
pub(crate) const CONSTANTS: u64 = 0x1_f001_0000;
pub(crate) const DATA: u64 = 0x2_0000_0000;
pub(crate) const HEAP: u64 = 0x3_0000_d000;
const STACK: u64 = 0x4_0000_0000;
const CONTROL: u64 = 0x7_0000_0000;
pub(crate) const INPUT: u64 = 0x7_0001_0000;

/// A range of addresses that are mapped, and whether the program may write there. It may read everywhere.
struct Range {
    start: u64,
    end: u64,
    writable: bool,
}

/// An instruction that trapped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) fault: Fault,
    pub(crate) entry: Option<u32>,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { fault, entry: None }
    }
}

type Bytes = (u64, u64);

pub(crate) struct Twin {
    ranges: Vec<Range>,
    pub(crate) bill: Bill,
    bytes: BTreeMap<u64, u8>,
    read: BTreeSet<u64>,
    written: Written,
    places: Places,
    reserved: Option<u64>,
    schedule: Schedule,
    gas_limit: u64,
    /// The leaf of every region before the call, and zeros behind them.
    leaves: Vec<[u8; 32]>,
    /// Where the next operands are loaded from.
    operands: u64,
}

impl Twin {
    pub(crate) fn new(scenario: &Scenario, gas_limit: u64, leaves: Vec<[u8; 32]>) -> Self {
        let segments = scenario.program.image().segments();
        let segment = |segment: &travertine_vm::Segment| Range {
            start: segment.address,
            end: segment.end(),
            writable: segment.permissions.bits() & 2 != 0,
        };
        let own = [(STACK, 1 << 20, true), (CONTROL, PLANE + (16 << 20), false)];
        let own = own.map(|(start, size, writable)| Range { start, end: start + size, writable });
        let mut twin = Self {
            ranges: segments.iter().map(segment).chain(own).collect(),
            bill: Bill::default(),
            bytes: BTreeMap::new(),
            read: BTreeSet::new(),
            written: Written::default(),
            places: Places::default(),
            reserved: None,
            schedule: Schedule::default(),
            gas_limit,
            leaves,
            operands: INPUT,
        };
        for segment in segments {
            twin.poke(segment.address, &segment.data);
        }
        let call = travertine_vm::Call::new(scenario.input.clone(), gas_limit);
        twin.poke(CONTROL, &call.context_block());
        twin.poke(INPUT, &scenario.input);
        twin
    }

    /// The numbers of the pages that hold bytes or that the program has touched.
    pub(crate) fn pages(&self) -> BTreeSet<u64> {
        let filled = self.bytes.keys().map(|address| address / PAGE);
        filled.chain(self.read.iter().copied()).chain(self.written.pages.iter().copied()).collect()
    }

    pub(crate) fn byte(&self, address: u64) -> u8 {
        self.bytes.get(&address).copied().unwrap_or(0)
    }

    /// Carries out a step: three loads, an addition, and the action. Returns the register that the action sets, and its
    /// value.
    pub(crate) fn step(&mut self, action: Action, operands: [u64; 3]) -> Result<Option<(u8, u64)>, Refused> {
        for _ in 0..3 {
            self.pay(self.schedule.load, 0);
            self.recall(self.operands, false);
            self.pay_reads(&[(self.operands, 8)]);
            self.operands += 8;
        }
        self.pay(self.schedule.arithmetic, 0);
        self.act(action, operands)
    }

    fn act(&mut self, action: Action, [a, b, c]: [u64; 3]) -> Result<Option<(u8, u64)>, Refused> {
        match action {
            Action::Load | Action::Reserve => {
                self.pay(if action == Action::Load { self.schedule.load } else { self.schedule.atomic }, 0);
                self.check(a, 8, Access::Read)?;
                self.cross(a, 8);
                self.recall(a, false);
                self.pay_reads(&[(a, 8)]);
                if action == Action::Reserve {
                    self.reserved = Some(a);
                }
                return Ok(Some((6, u64::from_le_bytes(self.peek(a, 8).try_into().unwrap()))));
            }
            Action::Store => {
                self.pay(self.schedule.store, 0);
                self.check(a, 8, Access::Write)?;
                self.cross(a, 8);
                self.recall(a, true);
                self.write(&[(a, 8)], &b.to_le_bytes());
            }
            Action::StoreIfReserved => {
                self.pay(self.schedule.atomic, 0);
                let intact = self.reserved.take() == Some(a);
                if intact {
                    self.check(a, 8, Access::Write)?;
                    self.recall(a, true);
                    self.write(&[(a, 8)], &b.to_le_bytes());
                }
                return Ok(Some((7, u64::from(!intact))));
            }
            Action::Fill => {
                self.pay(self.schedule.fill, 0);
                self.check(a, c, Access::Write)?;
                let split = Split::of(Move::Fill, a, c);
                self.pay(0, (split.bytes * self.schedule.fill_byte_64ths).div_ceil(64));
                self.pay(0, split.placed.len() as u64 * self.schedule.fill_page);
                self.write_split((a, c), &split, &vec![b.to_le_bytes()[0]; usize::try_from(c).unwrap()]);
            }
            Action::Share => {
                self.pay(self.schedule.share, 0);
                for (address, access) in
                    [(b, Access::Read), (a, Access::Write), (b.wrapping_add(c), Access::Read)]
                {
                    if address % PAGE != 0 {
                        return Err(Fault { address, access, reason: FaultReason::Misaligned }.into());
                    }
                }
                self.check(b, c, Access::Read)?;
                self.check(a, c, Access::Write)?;
                self.pay(0, c / PAGE * self.schedule.share_page);
                self.move_bytes((b, c), a, &Split::of(Move::Share(b), a, c));
            }
            Action::Copy => {
                self.pay(self.schedule.copy, 0);
                self.check(b, c, Access::Read)?;
                self.check(a, c, Access::Write)?;
                let split = Split::of(Move::Copy(b), a, c);
                self.pay(0, (split.bytes * self.schedule.copy_byte_64ths).div_ceil(64));
                self.pay(0, split.placed.len() as u64 * self.schedule.copy_page);
                self.move_bytes((b, c), a, &split);
            }
            Action::Gather => self.batch(
                [
                    self.schedule.gather,
                    self.schedule.gather_entry,
                    self.schedule.gather_page,
                    self.schedule.gather_byte_64ths,
                ],
                [a, b, c],
                true,
            )?,
            Action::Scatter => self.batch(
                [
                    self.schedule.scatter,
                    self.schedule.scatter_entry,
                    self.schedule.scatter_page,
                    self.schedule.scatter_byte_64ths,
                ],
                [a, b, c],
                false,
            )?,
            Action::Root => {
                self.pay(self.schedule.read_root, 0);
                self.check(a, 32, Access::Write)?;
                let region = usize::try_from(b).ok();
                let leaf = region.and_then(|region| self.leaves.get(region)).copied().unwrap_or_default();
                self.cross(a, 32);
                self.write(&[(a, 32)], &leaf);
            }
            Action::Gas => {
                self.pay(self.schedule.read_gas, 0);
                return Ok(Some((5, self.gas_limit - self.bill.total().unwrap())));
            }
            Action::Refund => {
                self.pay(self.schedule.read_refund, 0);
                return Ok(Some((5, 0)));
            }
        }
        Ok(None)
    }

    /// A gather (the entries are read) or scatter, with the prices of itself, an entry, a page of one and a byte.
    fn batch(
        &mut self,
        prices: [u64; 4],
        [joined, list, count]: [u64; 3],
        is_gather: bool,
    ) -> Result<(), Refused> {
        let [base, entry_price, page_price, byte_price] = prices;
        self.pay(base, 0);
        if count > 65_536 {
            let address = list.wrapping_add(65_536 * 16);
            let fault = Fault { address, access: Access::Read, reason: FaultReason::TooManyEntries };
            return Err(Refused { fault, entry: Some(65_536) });
        }
        self.pay(0, count * entry_price);
        let number = |index: u64| u32::try_from(index).ok();
        self.check(list, 16 * count, Access::Read)
            .map_err(|fault| Refused { fault, entry: number((fault.address - list) / 16) })?;
        let word = |at: u64| u64::from_le_bytes(self.peek(at, 8).try_into().unwrap());
        let entries: Vec<Bytes> =
            (0..count).map(|index| list + 16 * index).map(|at| (word(at), word(at + 8))).collect();
        let (one, other) =
            if is_gather { (Access::Read, Access::Write) } else { (Access::Write, Access::Read) };
        let mut ends = Vec::new();
        for (index, &(address, length)) in (0..).zip(&entries) {
            self.check(address, length, one).map_err(|fault| Refused { fault, entry: number(index) })?;
            ends.push(ends.last().copied().unwrap_or(0_u64) + length);
        }
        let total = ends.last().copied().unwrap_or(0);
        self.check(joined, total, other).map_err(|fault| {
            let index = ends.iter().position(|&end| fault.address - joined < end).unwrap();
            Refused { fault, entry: number(index as u64) }
        })?;
        self.pay(0, (total * byte_price).div_ceil(64));
        self.pay(0, entries.iter().map(|&entry| pages(entry).count() as u64).sum::<u64>() * page_price);
        let whole = [(joined, total)];
        let (from, to) = if is_gather { (&entries[..], &whole[..]) } else { (&whole[..], &entries[..]) };
        self.pay_changes(&entries, joined);
        self.pay_reads(&[(list, 16 * count)]);
        // All bytes are read, then all are written.
        self.pay_reads(from);
        let bytes: Vec<u8> = from.iter().flat_map(|&(address, length)| self.peek(address, length)).collect();
        self.write(to, &bytes);
        Ok(())
    }

    fn move_bytes(&mut self, from: Bytes, to: u64, split: &Split) {
        self.pay_changes(&[from], to);
        self.pay_reads(&[from]);
        let bytes = self.peek(from.0, from.1);
        self.write_split((to, from.1), split, &bytes);
    }

    fn pay_changes(&mut self, ranges: &[Bytes], other: u64) {
        for &(address, _) in ranges.iter().filter(|range| range.1 > 0) {
            if address / REGION != other / REGION {
                self.pay(0, self.schedule.region_change);
            } else if address / PLANE != other / PLANE {
                self.pay(0, self.schedule.plane_change);
            }
        }
    }

    fn pay(&mut self, instructions: u64, memory: u64) {
        self.bill.instructions += instructions;
        self.bill.memory += memory;
    }

    /// Pays for so many bytes that lie in two pages.
    fn cross(&mut self, address: u64, length: u64) {
        self.pay(0, u64::from(address % PAGE + length > PAGE) * self.schedule.page_crossing);
    }

    /// Pays for the pages of a load or store of eight bytes that are not in their places, before they are touched.
    fn recall(&mut self, address: u64, is_write: bool) {
        let is_known = |page| {
            let is_written = self.written.pages.contains(&page);
            if is_write {
                self.written.to_store(page) == Touches::default()
            } else {
                is_written || self.read.contains(&page)
            }
        };
        let pages: Vec<(u64, bool)> = pages((address, 8)).map(|page| (page, !is_known(page))).collect();
        let owed = self.places.access(&self.schedule, &pages);
        self.pay(0, owed);
    }

    /// Touches the pages of all ranges, which pay once each.
    fn pay_reads(&mut self, ranges: &[Bytes]) {
        for page in ranges.iter().flat_map(|&range| pages(range)) {
            let is_new = self.read.insert(page) && !self.written.pages.contains(&page);
            self.pay(0, u64::from(is_new) * self.schedule.page_first_read);
        }
    }

    /// Stores to ranges; a page of several is paid for once.
    fn write(&mut self, ranges: &[Bytes], mut bytes: &[u8]) {
        for page in ranges.iter().flat_map(|&range| pages(range)) {
            let touches = self.written.store(page);
            self.pay_writes(touches);
        }
        for &range in ranges {
            let (now, rest) = bytes.split_at(usize::try_from(range.1).unwrap());
            self.put(range, now);
            bytes = rest;
        }
    }

    /// Writes a range of which pages may be placed.
    fn write_split(&mut self, range: Bytes, split: &Split, bytes: &[u8]) {
        self.pay_writes(split.touches(&self.written));
        split.write(&mut self.written);
        self.put(range, bytes);
    }

    fn pay_writes(&mut self, touches: Touches) {
        let Schedule { page_first_write, page_copy, page_first_placed, .. } = self.schedule;
        let Touches { first_writes, copies, first_placed, .. } = touches;
        self.pay(0, u64::from(first_writes) * page_first_write);
        self.pay(0, u64::from(copies) * page_copy + u64::from(first_placed) * page_first_placed);
    }

    fn put(&mut self, (address, length): Bytes, bytes: &[u8]) {
        if self.reserved.is_some_and(|at| {
            (address..address.saturating_add(length)).any(|byte| (at..at + 8).contains(&byte))
        }) {
            self.reserved = None;
        }
        self.poke(address, bytes);
    }

    fn peek(&self, address: u64, length: u64) -> Vec<u8> {
        (0..length).map(|offset| self.byte(address + offset)).collect()
    }

    fn poke(&mut self, address: u64, bytes: &[u8]) {
        self.bytes.extend(bytes.iter().copied().zip(address..).map(|(byte, at)| (at, byte)));
    }

    /// The first byte that is refused: pages are looked at one by one, and lie in no more than one range.
    fn check(&self, address: u64, length: u64, access: Access) -> Result<(), Fault> {
        let end = u128::from(address) + u128::from(length);
        let mut at = address;
        while u128::from(at) < end {
            let fault = |reason| Err(Fault { address: at, access, reason });
            let in_region = |range: &&Range| range.start / REGION == at / REGION;
            let last = self.ranges.iter().filter(in_region).map(|range| range.end).max();
            let found = self.ranges.iter().find(|range| (range.start..range.end).contains(&at));
            match (found, last) {
                _ if at >= 256 * REGION => return fault(FaultReason::AddressTooWide),
                _ if at / REGION != address / REGION => return fault(FaultReason::OutOfRegion),
                (_, None) => return fault(FaultReason::NoRegion),
                (_, Some(end)) if at >= end => return fault(FaultReason::OutOfRegion),
                (None, _) => return fault(FaultReason::Permission),
                (Some(range), _) if access == Access::Write && !range.writable => {
                    return fault(FaultReason::Permission);
                }
                _ => at = (at / PAGE + 1) * PAGE,
            }
        }
        Ok(())
    }
}

/// The numbers of the pages that a range touches.
fn pages((address, length): Bytes) -> impl Iterator<Item = u64> {
    let end = if length == 0 { address / PAGE } else { (address + length - 1) / PAGE + 1 };
    address / PAGE..end
}
