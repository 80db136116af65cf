//! Regions and their rules, nodes for provers, pages that are missing, and plans that are void.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::sync::Arc;

use travertine_memory::{
    Access, CapError, DataCap, Fault, FaultReason, Memory, MemoryError, NodeError, Page, PageBytes,
    PageRange, PageSlot, PageSource, Permissions, Region, RegionError, RegionKind,
};
use travertine_merkle::{Hash, ZERO_HASH, hash_pair, uint64_chunk};

const REGION_2: u64 = 2 << 32;

fn page(seed: u8) -> Box<PageBytes> {
    let mut page = PageBytes::zeroed();
    page.iter_mut().zip(0_u32..).for_each(|(byte, i)| *byte = i.wrapping_mul(31).to_le_bytes()[0] ^ seed);
    page
}

fn slot(seed: u8) -> PageSlot {
    Page::new(page(seed)).into()
}

fn state(cap: DataCap) -> Region {
    Region::new(RegionKind::State, Permissions::READ_WRITE, cap).unwrap()
}

fn memory_with(region: Region) -> Memory {
    let mut memory = Memory::new();
    memory.insert(2, region).unwrap();
    memory
}

fn store(memory: &mut Memory, address: u64, value: u64) {
    let plan = memory.plan_store(address, 8).unwrap();
    memory.store(plan, value);
}

fn load(memory: &mut Memory, address: u64) -> u64 {
    let plan = memory.plan_load(address, 8).unwrap();
    memory.load(plan)
}

#[test]
fn kinds_have_the_documented_codes_and_lives() {
    let table = [
        (RegionKind::Invalid, "-----", false),
        (RegionKind::VmControl, "R----", false),
        (RegionKind::Code, "R-X--", true),
        (RegionKind::State, "RW---", true),
        (RegionKind::Heap, "RW---", true),
        (RegionKind::Stack, "RW---", false),
        (RegionKind::Shared, "RW-S-", true),
        (RegionKind::Transient, "RW---", false),
        (RegionKind::Mmio, "-----", true),
        (RegionKind::Generative, "R----", true),
    ];
    for (code, (kind, permissions, survives)) in (0..).zip(table) {
        assert_eq!((kind.code(), RegionKind::from_code(code)), (code, Some(kind)));
        assert_eq!(kind.default_permissions().to_string(), permissions, "{kind}");
        assert_eq!(kind.survives_settle(), survives, "{kind}");
    }
    assert_eq!(RegionKind::from_code(10), None);
}

#[test]
fn no_page_is_written_and_executed() {
    let cap = DataCap::empty(4 * 4096).unwrap();
    let write_execute = Permissions::WRITE | Permissions::EXECUTE;
    let refused = RegionError::WriteExecute { permissions: write_execute };
    assert_eq!(Region::new(RegionKind::Code, write_execute, cap.clone()).unwrap_err(), refused);
    assert_eq!(
        Region::new(RegionKind::Invalid, Permissions::READ, cap.clone()).unwrap_err(),
        RegionError::InvalidKind
    );

    let range = |first, end, permissions| PageRange { first, end, permissions };
    let ranges = |ranges: &[PageRange]| Region::with_page_ranges(RegionKind::Code, ranges, cap.clone());
    assert_eq!(ranges(&[range(0, 1, write_execute)]).unwrap_err(), refused);
    let bounds = |first, end| RegionError::PageRange { first, end, page_count: 4 };
    assert_eq!(ranges(&[range(2, 5, Permissions::READ)]).unwrap_err(), bounds(2, 5));
    assert_eq!(ranges(&[range(2, 2, Permissions::READ)]).unwrap_err(), bounds(2, 2));
    let overlap = [range(2, 4, Permissions::READ_WRITE), range(0, 3, Permissions::READ_EXECUTE)];
    assert_eq!(ranges(&overlap).unwrap_err(), RegionError::Overlap { page: 2 });

    // A flat program: text and data in one region. The ceiling names both; no page has both.
    let flat =
        ranges(&[range(2, 3, Permissions::READ_WRITE), range(0, 1, Permissions::READ_EXECUTE)]).unwrap();
    assert!(flat.permissions().is_write_execute());
    assert_eq!(flat.with_flags(0xABCD).meta(), 0xABCD_0702);
    let flat =
        ranges(&[range(2, 3, Permissions::READ_WRITE), range(0, 1, Permissions::READ_EXECUTE)]).unwrap();
    let pages: Vec<String> = (0..5).map(|page| flat.page_permissions(page).to_string()).collect();
    assert_eq!(pages, ["R-X--", "-----", "RW---", "-----", "-----"]);
}

#[test]
fn a_region_number_is_taken_once() {
    let mut memory = memory_with(state(DataCap::empty(4096).unwrap()));
    let again = memory.insert(2, state(DataCap::empty(4096).unwrap()));
    assert_eq!(again, Err(MemoryError::Occupied { region: 2 }));
    store(&mut memory, REGION_2, 7);
    let removed = memory.remove(2).unwrap();
    assert_eq!(removed.cap().root(), DataCap::empty(4096).unwrap().root(), "what the call wrote is dropped");
    assert!(memory.remove(2).is_none());
    assert_eq!(memory.plan_load(REGION_2, 1).unwrap_err().reason, FaultReason::NoRegion);
    assert_eq!(memory.region_leaf(2), Ok(ZERO_HASH));
    memory.insert(2, removed).unwrap();
    assert_eq!(memory.plan_load(REGION_2, 1).unwrap().touches().first_reads, 1, "it is cold again");
    assert_eq!(load(&mut memory, REGION_2), 0);
}

#[test]
fn nothing_at_all_can_be_accessed_anywhere() {
    let mut memory = Memory::new();
    for address in [0, REGION_2, u64::MAX] {
        let plan = memory.plan_load(address, 0).unwrap();
        memory.read(plan, &mut []);
        let plan = memory.plan_store(address, 0).unwrap();
        memory.write(plan, &[]);
        assert_eq!((memory.peek(address, &mut []), memory.poke(address, &[])), (Ok(()), Ok(())));
    }
    let huge =
        memory_with(state(DataCap::empty(8192).unwrap())).plan_load(REGION_2 + 8, u64::MAX).unwrap_err();
    let expected = Fault { address: REGION_2 + 8192, access: Access::Read, reason: FaultReason::OutOfRegion };
    assert_eq!(huge, expected);
    assert_eq!(huge.to_string(), "read at 2:0:0x2000 refused: it lies behind the region's end");
}

#[test]
#[should_panic(expected = "a plan is committed before regions change or the memory settles")]
fn a_plan_is_void_after_a_settlement() {
    let mut memory = memory_with(state(DataCap::empty(4096).unwrap()));
    store(&mut memory, REGION_2, 1);
    let plan = memory.plan_store(REGION_2, 8).unwrap();
    memory.settle();
    memory.store(plan, 2);
}

#[test]
fn a_poked_region_has_no_leaf_until_it_settles() {
    let mut memory = memory_with(state(DataCap::empty(1 << 20).unwrap()));
    memory.poke(REGION_2 + 4094, &[1, 2, 3, 4]).unwrap();
    assert_eq!(memory.region_leaf(2), Err(CapError { pages: 2 }));
    assert!(memory.region_leaves().is_err());
    assert_eq!(memory.node(2, 3), Err(NodeError::Dirty(CapError { pages: 2 })));
    assert_eq!(
        memory.plan_load(REGION_2 + 4094, 4).unwrap().touches().first_reads,
        2,
        "poked pages are cold"
    );
    assert_eq!(memory.settle().len(), 2);
    assert_eq!(load(&mut memory, REGION_2 + 4094), 0x0403_0201);
}

/// Every node of a region, from the definition: the children of a node hash to it, and the chunks are the bytes.
#[test]
fn nodes_below_a_region_are_those_of_its_tree() {
    for (page_count, depth) in [(1_u64, 0_u32), (2, 1), (3, 2), (5, 3), (8, 3)] {
        let present: Vec<u32> =
            (0..u32::try_from(page_count).unwrap()).filter(|page| page % 3 != 1).collect();
        let slots = present.iter().map(|&page| (page, slot(page.to_le_bytes()[0])));
        let region = state(DataCap::from_pages(page_count * 4096, slots).unwrap()).with_flags(3);
        let node = |gindex| region.node(gindex, |_| None);
        assert_eq!(node(1), Ok(region.leaf().unwrap()));
        assert_eq!(node(2), Ok(uint64_chunk(region.meta())));
        assert_eq!(node(6), Ok(uint64_chunk(region.cap().size())));
        let (first_page, end_page) = (7 << depth, 8 << depth);
        for gindex in 0..=(end_page * 256) {
            // Where the index lies: its ancestor at the level of the pages.
            let below = u64::BITS - u64::leading_zeros(gindex.max(1)) - 1;
            let page = if below >= 2 + depth { gindex >> (below - 2 - depth) } else { 0 };
            let expected = match gindex {
                1..=3 | 6 => true,
                0 | 4 | 5 => false,
                _ if page == 0 => gindex >> (below - 2) == 7,
                _ if page < first_page || page >= end_page => false,
                _ if gindex == page => true,
                _ => {
                    let present = u32::try_from(page - first_page).is_ok_and(|page| present.contains(&page));
                    present && below - 2 - depth <= 7
                }
            };
            assert_eq!(node(gindex).is_ok(), expected, "node {gindex} of {page_count} pages");
            if let (Ok(parent), Ok(left), Ok(right)) = (node(gindex), node(2 * gindex), node(2 * gindex + 1))
            {
                assert_eq!(parent, hash_pair(&left, &right), "node {gindex} of {page_count} pages");
            }
        }
        for &index in &present {
            for (chunk, bytes) in (0..).zip(page(index.to_le_bytes()[0]).chunks(32)) {
                let gindex = (first_page + u64::from(index)) * 128 + chunk;
                assert_eq!(node(gindex).unwrap()[..], *bytes);
            }
        }
    }
    let region = state(DataCap::empty(1 << 32).unwrap());
    for gindex in [u64::MAX, 1 << 63, 7 << 61, (7 << 20) << 8] {
        assert!(region.node(gindex, |_| None).is_err());
    }
    assert_eq!(region.node((7 << 20) * 2 + 1, |_| None), Err(NodeError::BelowEmptyPage { page: 0 }));
    let three = state(DataCap::empty(3 * 4096).unwrap());
    assert_eq!(three.node(7 << 2 | 3, |_| None), Ok(ZERO_HASH), "padding is a sibling");
    let below_padding = (7 << 2 | 3) * 2;
    let outside = NodeError::OutsideTree { gindex: below_padding, page_count: 3 };
    assert_eq!(three.node(below_padding, |_| None), Err(outside));
    assert_eq!(Memory::new().node(9, 1), Ok(ZERO_HASH));
    assert_eq!(Memory::new().node(9, 2), Err(NodeError::OutsideTree { gindex: 2, page_count: 0 }));
}

#[derive(Debug)]
struct Source(Supply);

type Supply = fn() -> Option<Box<PageBytes>>;

impl PageSource for Source {
    fn page(&self, _: &Hash) -> Option<Page> {
        self.0().map(Page::new)
    }
}

#[test]
fn a_missing_page_is_loaded_checked_and_never_zero() {
    let leaf = Page::new(page(1)).leaf();
    let cap = DataCap::from_pages(1 << 20, [(5, PageSlot::Missing(leaf)), (6, slot(2))]).unwrap();
    let at = REGION_2 + 5 * 4096;
    let with = |source: Option<Supply>| {
        let mut memory = memory_with(state(cap.clone()));
        if let Some(source) = source {
            memory.set_page_source(Arc::new(Source(source)));
        }
        memory
    };
    let failures: [(Option<Supply>, FaultReason); 4] = [
        (None, FaultReason::MissingPage),
        (Some(|| None), FaultReason::MissingPage),
        (Some(|| Some(page(2))), FaultReason::WrongPage),
        (Some(|| Some(PageBytes::zeroed())), FaultReason::WrongPage),
    ];
    for (source, reason) in failures {
        let mut memory = with(source);
        let fault = |access| Fault { address: at, access, reason };
        assert_eq!(memory.plan_load(at - 4, 8).unwrap_err(), fault(Access::Read));
        assert_eq!(memory.plan_store(at, 4096).unwrap_err(), fault(Access::Write));
        assert_eq!(memory.peek(at - 4, &mut [0; 8]), Err(fault(Access::Read)));
        assert_eq!(memory.poke(at - 4, &[9; 8]), Err(fault(Access::Write)));
        assert_eq!(memory.node(2, (7 << 8 | 5) * 128), Err(NodeError::MissingPage { page: 5 }));
        assert!(reason.is_host_failure());
        assert_eq!(memory.settle(), [], "nothing has changed");
        assert_eq!(load(&mut memory, at + 4096), load(&mut with(None), at + 4096), "the next page is there");
    }

    let mut shadowed = cap.clone();
    shadowed.write(5, slot(3)).unwrap();
    let mut memory = memory_with(state(shadowed));
    assert_eq!(load(&mut memory, at).to_le_bytes(), page(3)[..8], "a page that is shadowed is not missed");

    let mut memory = with(Some(|| Some(page(1))));
    assert_eq!(memory.region_leaf(2), with(None).region_leaf(2));
    assert_eq!(memory.node(2, (7 << 8 | 5) * 128).unwrap()[..], page(1)[..32]);
    let plan = memory.plan_load(at, 8).unwrap();
    assert_eq!(plan.touches().first_reads, 1);
    assert_eq!(memory.load(plan).to_le_bytes(), page(1)[..8]);
    store(&mut memory, at, 0);
    let dirty = memory.settle();
    assert_eq!((dirty.len(), dirty[0].page, dirty[0].old), (1, 5, leaf));
    assert_eq!(load(&mut memory, at).to_le_bytes(), [0; 8]);
    assert_eq!(load(&mut memory, at + 8).to_le_bytes(), page(1)[8..16]);
}

#[test]
fn a_poke_over_a_planned_missing_page_is_what_is_loaded() {
    let cap = DataCap::from_pages(4096, [(0, PageSlot::Missing(Page::new(page(1)).leaf()))]).unwrap();
    let mut memory = memory_with(state(cap));
    memory.set_page_source(Arc::new(Source(|| Some(page(1)))));
    let plan = memory.plan_load(REGION_2, 8).unwrap();
    memory.poke(REGION_2, &[0xEE; 8]).unwrap();
    assert_eq!(memory.load(plan), 0xEEEE_EEEE_EEEE_EEEE);
    assert_eq!(load(&mut memory, REGION_2 + 8).to_le_bytes(), page(1)[8..16]);
}

#[test]
fn a_poke_is_no_touch_whatever_the_call_did_before() {
    let mut memory = memory_with(state(DataCap::empty(4096).unwrap()));
    let touches = |memory: &mut Memory| {
        let reads = memory.plan_load(REGION_2, 8).unwrap().touches().first_reads;
        (reads, memory.plan_store(REGION_2, 8).unwrap().touches().first_writes)
    };
    let mut poke = |value, expected| {
        memory.poke(REGION_2, &[value]).unwrap();
        assert_eq!(touches(&mut memory), expected);
        assert_eq!(load(&mut memory, REGION_2), u64::from(value));
        if expected == (0, 1) {
            store(&mut memory, REGION_2 + 8, 0);
            assert_eq!(load(&mut memory, REGION_2), u64::from(value));
        }
    };
    poke(1, (1, 1));
    poke(2, (0, 1));
    poke(3, (0, 0));
    memory.settle();
    assert_eq!(load(&mut memory, REGION_2), 3);
}

#[test]
fn a_snapshot_before_a_call_keeps_the_root() {
    let mut memory = memory_with(state(DataCap::from_pages(1 << 32, [(77, slot(1))]).unwrap()));
    let before = memory.region_leaf(2);
    let snapshot = memory.clone();
    for page in 0..300 {
        store(&mut memory, REGION_2 + page * 4096, page + 1);
    }
    assert_eq!(memory.region_leaf(2), before, "a running call does not show in the leaf");
    assert_eq!(memory.settle().len(), 300);
    assert_ne!(memory.region_leaf(2), before);
    let mut memory = snapshot;
    assert_eq!(memory.settle(), []);
    assert_eq!(memory.region_leaf(2), before);
}

#[test]
fn volatile_regions_are_zero_after_each_call() {
    let mut memory = Memory::new();
    let stack = |cap| Region::new(RegionKind::Stack, Permissions::READ_WRITE, cap).unwrap();
    memory.insert(4, stack(DataCap::from_pages(1 << 20, [(9, slot(1))]).unwrap())).unwrap();
    let zero = stack(DataCap::empty(1 << 20).unwrap()).leaf();
    assert_ne!(memory.region_leaf(4), zero);
    store(&mut memory, 4 << 32, 5);
    let dirty = memory.settle();
    let leaf = Page::new(page(1)).leaf();
    assert_eq!(
        dirty.iter().map(|d| (d.region, d.page, d.old, d.new)).collect::<Vec<_>>(),
        [(4, 9, leaf, ZERO_HASH)]
    );
    assert_eq!(memory.region_leaf(4), zero);
    assert_eq!(load(&mut memory, 4 << 32), 0);
}
