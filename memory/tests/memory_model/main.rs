//! The memory against a naive twin: a map of bytes that checks every byte by itself, and sets of touched pages.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod bulk;
#[path = "../allocator_twin/placing.rs"]
#[allow(dead_code, reason = "only the allocator gives pages other numbers")]
mod placing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bulk::{Bulk, bulk};
use placing::Written;
use proptest::prelude::*;
use travertine_memory::{
    Access, DataCap, Fault, FaultReason, Memory, Page, PageBytes, PageRange, PageSlot, PageSource,
    Permissions, Region, RegionKind, Touches,
};
use travertine_merkle::Hash;

const PAGE: u64 = 4096;
const REGION_SHIFT: u32 = 32;

/// A region of the test: its number, kind, pages, and the permissions of the pages (one for all, or by range).
struct Plan {
    number: u8,
    kind: RegionKind,
    pages: u64,
    permissions: &'static [(u32, u32, u8)],
}

const R: u8 = 1;
const W: u8 = 2;
const X: u8 = 4;

#[rustfmt::skip]
const REGIONS: [Plan; 7] = [
    Plan { number: 1, kind: RegionKind::Code, pages: 3, permissions: &[(0, 3, R | X)] },
    Plan { number: 2, kind: RegionKind::State, pages: 20, permissions: &[(0, 20, R | W)] },
    // A flat program: text, a hole, data, read-only data, write-only pages, and no permissions up to the end.
    Plan { number: 3, kind: RegionKind::Heap, pages: 9, permissions: &[(0, 2, R | X), (3, 4, R | W), (4, 5, R), (5, 7, W)] },
    Plan { number: 4, kind: RegionKind::Stack, pages: 4, permissions: &[(0, 4, R | W)] },
    Plan { number: 5, kind: RegionKind::Transient, pages: 2, permissions: &[(0, 1, R | W), (1, 2, R)] },
    Plan { number: 254, kind: RegionKind::Heap, pages: 1 << 20, permissions: &[(0, 1 << 20, R | W)] },
    Plan { number: 255, kind: RegionKind::Shared, pages: 1 << 20, permissions: &[(0, 1 << 20, R | W)] },
];

/// Pages that are known only by their hash at first: in both kinds of regions, next to each other and alone.
const MISSING: [(u8, u32); 5] = [(2, 0), (2, 1), (2, 16), (3, 3), (254, 0xF_FFFF)];

fn missing_page(index: u8) -> Box<PageBytes> {
    PageBytes::starting_with(&[index + 1; 4096])
}

#[derive(Debug)]
struct Store;

impl PageSource for Store {
    fn page(&self, leaf: &Hash) -> Option<Page> {
        (0..5).map(missing_page).map(Page::new).find(|page| page.leaf() == *leaf)
    }
}

fn memory() -> Memory {
    let mut memory = Memory::new();
    memory.set_page_source(Arc::new(Store));
    for plan in &REGIONS {
        let missing = (0..).zip(MISSING).filter(|(_, (number, _))| *number == plan.number);
        let slots = missing
            .map(|(index, (_, page))| (page, PageSlot::Missing(Page::new(missing_page(index)).leaf())));
        let cap = DataCap::from_pages(plan.pages * PAGE, slots).unwrap();
        let set = |bits| Permissions::from_bits(bits).unwrap();
        let region = match plan.permissions {
            [(0, end, bits)] if u64::from(*end) == plan.pages => Region::new(plan.kind, set(*bits), cap),
            ranges => {
                let range = |&(first, end, bits)| PageRange { first, end, permissions: set(bits) };
                let ranges: Vec<_> = ranges.iter().rev().map(range).collect();
                Region::with_page_ranges(plan.kind, &ranges, cap)
            }
        };
        memory.insert(plan.number, region.unwrap()).unwrap();
    }
    memory
}

/// One byte at a time, nothing shared, nothing cached.
#[derive(Clone, Default)]
struct Twin {
    /// Bytes that are not zero.
    bytes: BTreeMap<u64, u8>,
    /// Bytes at the last settlement.
    settled: BTreeMap<u64, u8>,
    /// Page numbers.
    read: BTreeSet<u64>,
    written: Written,
    /// How many pages each region has now.
    pages: BTreeMap<u8, u64>,
}

impl Twin {
    fn new() -> Self {
        let pages = REGIONS.iter().map(|plan| (plan.number, plan.pages)).collect();
        let mut twin = Self { pages, ..Self::default() };
        for (index, (number, page)) in (0..).zip(MISSING) {
            let start = (u64::from(number) << REGION_SHIFT) + u64::from(page) * PAGE;
            twin.poke(start, &missing_page(index)[..]);
        }
        twin.settled = twin.bytes.clone();
        twin
    }

    fn plan_of(address: u64) -> Option<&'static Plan> {
        REGIONS.iter().find(|plan| u64::from(plan.number) == address >> REGION_SHIFT)
    }

    fn check_byte(&self, address: u64, access: Access, privileged: bool) -> Result<(), FaultReason> {
        if address >= 1 << 40 {
            return Err(FaultReason::AddressTooWide);
        }
        let plan = Self::plan_of(address).ok_or(FaultReason::NoRegion)?;
        let page = (address & 0xFFFF_FFFF) / PAGE;
        if page >= self.pages[&plan.number] {
            return Err(FaultReason::OutOfRegion);
        }
        let bit = match access {
            Access::Read => R,
            Access::Write => W,
            Access::Execute => X,
        };
        let granted = |range: &&(u32, u32, u8)| (u64::from(range.0)..u64::from(range.1)).contains(&page);
        let bits = match plan.permissions {
            [(0, end, bits)] if u64::from(*end) == plan.pages => *bits,
            ranges => ranges.iter().find(granted).map_or(0, |range| range.2),
        };
        if privileged || bits & bit != 0 { Ok(()) } else { Err(FaultReason::Permission) }
    }

    fn check(&self, address: u64, length: u64, access: Access, privileged: bool) -> Result<(), Fault> {
        let region = address >> REGION_SHIFT;
        for byte in 0..length {
            // The first byte of the next region is outside, whether or not there is such a region.
            let at = address + byte;
            let result = if at >> REGION_SHIFT == region {
                self.check_byte(at, access, privileged)
            } else {
                Err(FaultReason::OutOfRegion)
            };
            result.map_err(|reason| Fault { address: at, access, reason })?;
        }
        Ok(())
    }

    fn pages(address: u64, length: u64) -> BTreeSet<u64> {
        if length == 0 { BTreeSet::new() } else { (address / PAGE..=(address + length - 1) / PAGE).collect() }
    }

    fn load(&mut self, address: u64, length: u64) -> Vec<u8> {
        self.read.extend(Self::pages(address, length));
        self.peek(address, length)
    }

    fn store(&mut self, address: u64, bytes: &[u8]) {
        for page in Self::pages(address, bytes.len() as u64) {
            self.read.insert(page);
            self.written.store(page);
        }
        self.poke(address, bytes);
    }

    fn touches(&self, address: u64, length: u64, access: Access) -> Touches {
        let pages = Self::pages(address, length);
        match access {
            Access::Write => self.stores(&pages),
            Access::Read | Access::Execute => {
                let first_reads = u32::try_from(pages.difference(&self.read).count()).unwrap();
                Touches { first_reads, ..Touches::default() }
            }
        }
    }

    fn stores(&self, pages: &BTreeSet<u64>) -> Touches {
        pages.iter().fold(Touches::default(), |sum, &page| sum + self.written.to_store(page))
    }

    fn peek(&self, address: u64, length: u64) -> Vec<u8> {
        (0..length).map(|byte| self.bytes.get(&(address + byte)).copied().unwrap_or(0)).collect()
    }

    fn poke(&mut self, address: u64, bytes: &[u8]) {
        // In this order: behind the last address of all there is none.
        for (&byte, at) in bytes.iter().zip(address..) {
            if byte == 0 {
                self.bytes.remove(&at)
            } else {
                self.bytes.insert(at, byte)
            };
        }
    }

    fn clear_volatile(&mut self) {
        let volatile = |page: u64| matches!(page >> (REGION_SHIFT - 12), 4 | 5);
        self.bytes.retain(|address, _| !volatile(address / PAGE));
        self.read.retain(|&page| !volatile(page));
        self.written.retain(|page| !volatile(page));
    }

    /// Cuts off what lies behind the new end, or refuses to.
    fn resize(&mut self, number: u8, pages: u64) -> bool {
        let Some(plan) = REGIONS.iter().find(|plan| plan.number == number) else { return false };
        let has_ranges = !matches!(plan.permissions, [(0, end, _)] if u64::from(*end) == plan.pages);
        let ranges_end = plan.permissions.iter().map(|range| u64::from(range.1)).max().unwrap();
        if pages == 0 || pages > 1 << 20 || (has_ranges && pages < ranges_end) {
            return false;
        }
        let keep = |page: u64| page >> 20 != u64::from(number) || page & 0xF_FFFF < pages;
        self.bytes.retain(|address, _| keep(address / PAGE));
        self.settled.retain(|address, _| keep(address / PAGE));
        self.read.retain(|&page| keep(page));
        self.written.retain(keep);
        self.pages.insert(number, pages);
        true
    }

    fn page(bytes: &BTreeMap<u64, u8>, number: u64) -> Page {
        let mut page = PageBytes::zeroed();
        for (address, &byte) in bytes.range(number * PAGE..(number + 1) * PAGE) {
            page[usize::try_from(address % PAGE).unwrap()] = byte;
        }
        Page::new(page)
    }

    /// The pages that are not the same as at the last settlement: region, page, leaf before, leaf now.
    fn settle(&mut self) -> Vec<(u8, u32, Hash, Hash)> {
        self.clear_volatile();
        self.read.clear();
        self.written = Written::default();
        let used: BTreeSet<u64> =
            self.bytes.keys().chain(self.settled.keys()).map(|address| address / PAGE).collect();
        let change = |number: u64| {
            let (old, new) =
                (Self::page(&self.settled, number).leaf(), Self::page(&self.bytes, number).leaf());
            let region = u8::try_from(number >> 20).unwrap();
            (old != new).then(|| (region, u32::try_from(number & 0xF_FFFF).unwrap(), old, new))
        };
        let changes = used.into_iter().filter_map(change).collect();
        self.settled = self.bytes.clone();
        changes
    }

    /// The leaf of a region that is made anew from its bytes.
    fn region_leaf(&self, region: &Region, number: u8) -> Hash {
        let start = u64::from(number) << REGION_SHIFT;
        let used: BTreeSet<u64> =
            self.bytes.range(start..start + (1 << REGION_SHIFT)).map(|(at, _)| at / PAGE).collect();
        let slots = used
            .into_iter()
            .map(|page| (u32::try_from(page & 0xF_FFFF).unwrap(), Self::page(&self.bytes, page).into()));
        let cap = DataCap::from_pages(region.cap().size(), slots).unwrap();
        let fresh = match region.page_ranges() {
            None => Region::new(region.kind(), region.permissions(), cap),
            Some(ranges) => Region::with_page_ranges(region.kind(), ranges, cap),
        };
        fresh.unwrap().leaf().unwrap()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Load {
        address: u64,
        width: u64,
        commit: bool,
    },
    Store {
        address: u64,
        width: u64,
        value: u64,
        commit: bool,
    },
    Read {
        address: u64,
        length: u64,
    },
    Write {
        address: u64,
        length: u64,
        value: u8,
    },
    Peek {
        address: u64,
        length: u64,
    },
    Poke {
        address: u64,
        length: u64,
        value: u8,
    },
    Execute {
        page_number: u32,
    },
    Resize {
        region: u8,
        pages: u64,
    },
    ClearVolatile,
    Settle,
    Bulk {
        bulk: Bulk,
        commit: bool,
    },
    /// The call begins: what follows may be undone.
    Snapshot,
    Undo,
}

/// Addresses near the edges of pages, planes and regions, some of them nowhere.
fn address() -> impl Strategy<Value = u64> {
    let region = prop_oneof![
        8 => prop::sample::select(vec![1_u64, 2, 2, 2, 3, 3, 3, 4, 5, 254, 255]),
        1 => prop::sample::select(vec![0_u64, 6, 253]),
    ];
    let page = prop_oneof![8 => 0..3_u64, 4 => 3..8_u64, 3 => 15..21_u64, 2 => Just(1_u64 << 20), 1 => Just((1 << 20) - 1)];
    let edge = prop_oneof![4 => -9..9_i64, 1 => -4096..4096_i64];
    let wide = prop_oneof![30 => Just(0_u64), 1 => Just(1 << 40), 1 => Just(0xFFFF_FF00_0000_0000), 1 => Just(1 << 63)];
    (region, page, edge, wide).prop_map(|(region, page, edge, wide)| {
        (region << REGION_SHIFT).wrapping_add(page * PAGE).wrapping_add_signed(edge) | wide
    })
}

fn width() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![1_u64, 2, 4, 8])
}

fn length() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 4 => 1..40_u64, 2 => 4000..4200_u64, 1 => 8000..13_000_u64]
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![1 => Just(0), 2 => any::<u8>()]
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 3 => any::<u64>()]
}

fn page_count() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 1..22_u64, 1 => Just(0), 2 => Just(1_u64 << 20), 1 => Just((1 << 20) + 1)]
}

fn step() -> impl Strategy<Value = Step> {
    let commit = || prop::bool::weighted(0.8);
    prop_oneof![
        10 => (address(), width(), commit()).prop_map(|(address, width, commit)| Step::Load { address, width, commit }),
        10 => (address(), width(), value(), commit())
            .prop_map(|(address, width, value, commit)| Step::Store { address, width, value, commit }),
        3 => (address(), length()).prop_map(|(address, length)| Step::Read { address, length }),
        3 => (address(), length(), byte()).prop_map(|(address, length, value)| Step::Write { address, length, value }),
        2 => (address(), length()).prop_map(|(address, length)| Step::Peek { address, length }),
        2 => (address(), length(), byte()).prop_map(|(address, length, value)| Step::Poke { address, length, value }),
        1 => (prop::sample::select(vec![0_u32, 1, 3]), 0..10_u32)
            .prop_map(|(region, page)| Step::Execute { page_number: region << 20 | page }),
        1 => (prop::sample::select(vec![0_u8, 1, 2, 2, 2, 3, 3, 4, 5, 254, 255]), page_count())
            .prop_map(|(region, pages)| Step::Resize { region, pages }),
        16 => (bulk(), commit()).prop_map(|(bulk, commit)| Step::Bulk { bulk, commit }),
        1 => Just(Step::ClearVolatile),
        2 => Just(Step::Settle),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Undo),
    ]
}

fn as_bytes(length: u64, value: u8) -> Vec<u8> {
    vec![value; usize::try_from(length).unwrap()]
}

/// Carries out a step on both and compares everything that can be seen.
fn run(memory: &mut Memory, twin: &mut Twin, step: &Step) {
    match *step {
        Step::Bulk { ref bulk, commit } => bulk::run(memory, twin, bulk, commit),
        Step::Load { address, width, commit } => {
            let expected = twin.check(address, width, Access::Read, false);
            let plan = memory.plan_load(address, width);
            assert_eq!(plan.as_ref().err(), expected.as_ref().err());
            if let (Ok(plan), true) = (plan, commit) {
                assert_eq!(plan.touches(), twin.touches(address, width, Access::Read));
                let mut value = [0; 8];
                value[..usize::try_from(width).unwrap()].copy_from_slice(&twin.load(address, width));
                assert_eq!(memory.load(plan), u64::from_le_bytes(value));
            }
        }
        Step::Store { address, width, value, commit } => {
            let expected = twin.check(address, width, Access::Write, false);
            let plan = memory.plan_store(address, width);
            assert_eq!(plan.as_ref().err(), expected.as_ref().err());
            if let (Ok(plan), true) = (plan, commit) {
                assert_eq!(plan.touches(), twin.touches(address, width, Access::Write));
                twin.store(address, &value.to_le_bytes()[..usize::try_from(width).unwrap()]);
                memory.store(plan, value);
            }
        }
        Step::Read { address, length } => {
            let expected = twin.check(address, length, Access::Read, false);
            let plan = memory.plan_load(address, length);
            assert_eq!(plan.as_ref().err(), expected.as_ref().err());
            if let Ok(plan) = plan {
                assert_eq!(plan.touches(), twin.touches(address, length, Access::Read));
                let mut bytes = as_bytes(length, 0xAA);
                memory.read(plan, &mut bytes);
                assert_eq!(bytes, twin.load(address, length));
            }
        }
        Step::Write { address, length, value } => {
            let expected = twin.check(address, length, Access::Write, false);
            let plan = memory.plan_store(address, length);
            assert_eq!(plan.as_ref().err(), expected.as_ref().err());
            if let Ok(plan) = plan {
                assert_eq!(plan.touches(), twin.touches(address, length, Access::Write));
                memory.write(plan, &as_bytes(length, value));
                twin.store(address, &as_bytes(length, value));
            }
        }
        Step::Peek { address, length } => {
            let mut bytes = as_bytes(length, 0xAA);
            let result = memory.peek(address, &mut bytes);
            assert_eq!(result, twin.check(address, length, Access::Read, true));
            if result.is_ok() {
                assert_eq!(bytes, twin.peek(address, length));
            }
        }
        Step::Poke { address, length, value } => {
            let result = memory.poke(address, &as_bytes(length, value));
            assert_eq!(result, twin.check(address, length, Access::Write, true));
            if result.is_ok() {
                twin.poke(address, &as_bytes(length, value));
            }
        }
        Step::Execute { page_number } => {
            let address = u64::from(page_number) * PAGE;
            let result = memory.executable_page(page_number);
            assert_eq!(
                result.as_ref().err(),
                twin.check(address, PAGE, Access::Execute, false).as_ref().err()
            );
            if let Ok(page) = result {
                assert_eq!(page.bytes()[..], twin.peek(address, PAGE)[..]);
            }
        }
        Step::Resize { region, pages } => {
            assert_eq!(memory.resize(region, pages * PAGE).is_ok(), twin.resize(region, pages));
        }
        Step::ClearVolatile => {
            memory.clear_volatile();
            twin.clear_volatile();
        }
        Step::Settle => settle(memory, twin),
        Step::Snapshot | Step::Undo => unreachable!("carried out by the caller"),
    }
}

fn settle(memory: &mut Memory, twin: &mut Twin) {
    let dirty: Vec<_> =
        memory.settle().iter().map(|page| (page.region, page.page, page.old, page.new)).collect();
    assert_eq!(dirty, twin.settle());
    assert_eq!(memory.settle(), [], "nothing is left to settle");
    let leaves = memory.region_leaves().unwrap();
    for (number, region) in memory.regions() {
        let fresh = twin.region_leaf(region, number);
        assert_eq!(leaves[usize::from(number)], fresh, "region {number}");
        assert_eq!(memory.region_leaf(number), Ok(fresh));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_memory_is_a_map_of_bytes(steps in prop::collection::vec(step(), 1..80)) {
        let (mut memory, mut twin) = (memory(), Twin::new());
        let mut snapshot = (memory.clone(), twin.clone());
        for step in &steps {
            match step {
                Step::Snapshot => snapshot = (memory.clone(), twin.clone()),
                Step::Undo => (memory, twin) = snapshot.clone(),
                step => run(&mut memory, &mut twin, step),
            }
        }
        settle(&mut memory, &mut twin);
    }

    /// Many pages that share the places of the cache of recent pages.
    #[test]
    fn far_pages_do_not_disturb_each_other(accesses in prop::collection::vec((0..6_u64, 0..3_u64, 0..4096_u64, any::<Option<u64>>()), 1..200)) {
        let (mut memory, mut twin) = (memory(), Twin::new());
        for (far, near, offset, value) in accesses {
            let address = (254 << REGION_SHIFT) + (far * 256 + near) * PAGE + offset;
            let step = match value {
                Some(value) => Step::Store { address, width: 8, value, commit: true },
                None => Step::Load { address, width: 8, commit: true },
            };
            run(&mut memory, &mut twin, &step);
        }
        settle(&mut memory, &mut twin);
    }
}
