//! Generative memory that is allocated: a region of its own for each, which is made by its parameters and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use travertine_memory::{
    Allocation, AllocationError as Error, AllocationFailure, AllocationFlags as Flags, AllocationPrices,
    AllocationRequest, DataCap, Fragment, Fragments, FrameBudget, GENERATIVE_REGIONS, Memory, Mode, PageSlot,
    Permissions, Property, RecordList, Region, RegionKind, RestoreError, Synthesis, Touches,
};
use travertine_merkle::ZERO_HASH;

const PAGE: u64 = 4096;
const GIB: u64 = 1 << 30;
const FIRST: u64 = 0x80 << 32;

/// A plane costs 1,000, a plane of a promotion 100.
struct Prices;

impl AllocationPrices for Prices {
    fn growth(&self, _: RegionKind, before: u64, after: u64) -> u64 {
        1000 * (after - before)
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        100 * extra_planes
    }
}

fn vrns(seed: u64) -> Synthesis {
    Synthesis { seed, mode: Mode::Vrns }
}

fn try_allocate(memory: &mut Memory, request: &AllocationRequest) -> Result<u64, Error> {
    match memory.plan_allocation(request, &Prices) {
        Ok(plan) => Ok(memory.allocate(plan).packed()),
        Err(AllocationFailure::Refused(error)) => Err(error),
        Err(AllocationFailure::MissingPage(fault)) => panic!("{fault}"),
    }
}

fn allocate(memory: &mut Memory, size: u64, seed: u64) -> u64 {
    try_allocate(memory, &AllocationRequest::generative(size, vrns(seed))).unwrap()
}

fn free(memory: &mut Memory, address: u64) {
    let plan = memory.plan_free(address, &ZERO_HASH).unwrap();
    memory.free(plan);
}

fn resize(memory: &mut Memory, address: u64, size: u64) {
    let plan = memory.plan_resize(address, size, &ZERO_HASH, &Prices).unwrap();
    assert_eq!(memory.resize_allocation(plan).packed(), address);
}

fn store(memory: &mut Memory, address: u64, value: u64) -> Touches {
    let plan = memory.plan_store(address, 8).unwrap();
    let touches = plan.touches();
    memory.store(plan, value);
    touches
}

fn page(memory: &Memory, address: u64) -> [u8; 4096] {
    let mut bytes = [0; 4096];
    memory.peek(address, &mut bytes).unwrap();
    bytes
}

fn dirty(memory: &mut Memory) -> Vec<(u8, u32, bool, bool)> {
    let pages = memory.settle();
    pages.iter().map(|it| (it.region, it.page, it.old == ZERO_HASH, it.new == ZERO_HASH)).collect()
}

#[test]
fn a_region_is_opened_for_each_and_closed_with_it() {
    let mut memory = Memory::new();
    let declared = DataCap::generative(PAGE, vrns(1)).unwrap();
    memory.insert(0x81, Region::new(RegionKind::Generative, Permissions::READ, declared).unwrap()).unwrap();
    assert_eq!(allocate(&mut memory, 3 * PAGE, 7), FIRST);
    assert_eq!(allocate(&mut memory, PAGE, 7), FIRST + (2 << 32), "0x81 is the image's");
    let asked = AllocationRequest { region: Some(0xBF), ..AllocationRequest::generative(4 * GIB, vrns(9)) };
    assert_eq!(try_allocate(&mut memory, &asked), Ok(0xBF << 32));
    for region in [0x10, 0x7F, 0x80, 0x81, 0xBF, 0xC0, 3] {
        let request =
            AllocationRequest { region: Some(region), ..AllocationRequest::generative(PAGE, vrns(9)) };
        let error = Error::WrongRegion { region, kind: RegionKind::Generative };
        assert_eq!(try_allocate(&mut memory, &request), Err(error));
    }
    // What others allocate never goes there, and no order of use knows it.
    let heap = AllocationRequest { region: Some(0x80), ..AllocationRequest::new(64, RegionKind::Heap) };
    let error = Error::WrongRegion { region: 0x80, kind: RegionKind::Heap };
    assert_eq!(try_allocate(&mut memory, &heap), Err(error));
    assert_eq!(try_allocate(&mut memory, &AllocationRequest::new(64, RegionKind::Heap)), Ok(3 << 32));
    assert_eq!(memory.page_permissions(0x80, 2), Permissions::READ_WRITE);
    assert_eq!(memory.page_permissions(0x80, 3), Permissions::NONE, "it ends there");
    assert!(page(&memory, FIRST + 2 * PAGE) == vrns(7).page(2));
    assert!(page(&memory, (0xBF << 32) + 4 * GIB - PAGE) == vrns(9).page((1 << 20) - 1));
    memory.settle();
    let budget = |memory: &Memory, region| memory.region(region).unwrap().budget();
    assert_eq!(budget(&memory, 0x80), Some(FrameBudget { planes: 1, recency: 0 }));
    assert_eq!(budget(&memory, 0xBF), Some(FrameBudget { planes: 1 << 16, recency: 0 }));
    assert_eq!(budget(&memory, 3), Some(FrameBudget { planes: 1, recency: 1 }));

    let plan = memory.plan_free(FIRST, &ZERO_HASH).unwrap();
    let planes = plan.planes().unwrap();
    assert_eq!((planes.kind, planes.before, planes.after), (RegionKind::Generative, 65_538, 65_537));
    memory.free(plan);
    assert!(memory.region(0x80).is_none());
    assert_eq!(allocate(&mut memory, PAGE, 8), FIRST, "the number serves again");
    // Until all of them are open.
    let left = GENERATIVE_REGIONS.count() - 4;
    for _ in 0..left {
        allocate(&mut memory, PAGE, 3);
    }
    let error = Error::Exhausted { size: PAGE, regions: 1 };
    assert_eq!(try_allocate(&mut memory, &AllocationRequest::generative(PAGE, vrns(3))), Err(error));
}

#[test]
fn what_cannot_be_is_refused() {
    let mut memory = Memory::new();
    let mut refused = |size, flags, error| {
        let request = AllocationRequest { flags, ..AllocationRequest::generative(size, vrns(1)) };
        assert_eq!(try_allocate(&mut memory, &request), Err(error));
        assert!(memory.regions().next().is_none() && memory.next_allocation() == 1);
    };
    refused(0, Flags::NONE, Error::ZeroSize);
    refused(4 * GIB + PAGE, Flags::NONE, Error::TooLarge { size: 4 * GIB + PAGE });
    refused(PAGE + 1, Flags::NONE, Error::PartialPage { size: PAGE + 1 });
    refused(64, Flags::NONE, Error::PartialPage { size: 64 });
    refused(PAGE, Flags::EXECUTABLE | Flags::READ_ONLY, Error::GenerativeExecute);
    for (kind, synthesis) in [(RegionKind::Generative, None), (RegionKind::Heap, Some(vrns(1)))] {
        let request = AllocationRequest { synthesis, ..AllocationRequest::new(PAGE, kind) };
        assert_eq!(try_allocate(&mut memory, &request), Err(Error::Kind { kind }));
    }
    let address = allocate(&mut memory, 2 * PAGE, 1);
    let plan = memory.plan_resize(address, PAGE + 1, &ZERO_HASH, &Prices);
    assert!(matches!(plan, Err(AllocationFailure::Refused(Error::PartialPage { size: 4097 }))));
}

/// Pages behind a new end, of a freed region and of one that was opened at its number in the same call are as they are made.
#[test]
fn nothing_that_was_written_is_seen_again() {
    let mut memory = Memory::new();
    let address = allocate(&mut memory, 4 * PAGE, 7);
    for at in 0..4 {
        assert_eq!(store(&mut memory, address + at * PAGE, 1).synthesized, 1);
    }
    assert_eq!(dirty(&mut memory), [0, 1, 2, 3].map(|page| (0x80, page, true, false)));
    let leaf = memory.region_leaf(0x80).unwrap();

    // Smaller and larger again, before and after a settlement.
    resize(&mut memory, address, 2 * PAGE);
    assert!(memory.plan_load(address + 2 * PAGE, 1).is_err());
    resize(&mut memory, address, 4 * PAGE);
    assert!(page(&memory, address + 3 * PAGE) == vrns(7).page(3));
    assert_eq!(store(&mut memory, address + 3 * PAGE, 1).synthesized, 1);
    assert_eq!(dirty(&mut memory), [(0x80, 2, false, true)], "page 3 is as it was");
    resize(&mut memory, address, PAGE);
    assert_eq!(dirty(&mut memory), [(0x80, 1, false, true), (0x80, 3, false, true)]);
    resize(&mut memory, address, 4 * PAGE);
    assert!((1..4).all(|at| page(&memory, address + at * PAGE) == vrns(7).page(at)));
    assert_eq!(dirty(&mut memory), []);
    assert_ne!(memory.region_leaf(0x80).unwrap(), leaf);

    // Freed and allocated twice in one call, with other parameters: what was settled counts.
    store(&mut memory, address + PAGE, 5);
    free(&mut memory, address);
    assert_eq!(allocate(&mut memory, 4 * PAGE, 8), address);
    assert_eq!(store(&mut memory, address + 2 * PAGE, 6).synthesized, 1);
    free(&mut memory, address);
    assert_eq!(allocate(&mut memory, 3 * PAGE, 9), address);
    assert!((0..3).all(|at| page(&memory, address + at * PAGE) == vrns(9).page(at)));
    let plan = memory.plan_fill(address, 3 * PAGE, 0).unwrap();
    let first = Touches { first_placed: 3, synthesized: 3, ..Touches::default() };
    assert_eq!(plan.quantities().touches, first);
    store(&mut memory, address, 1);
    store(&mut memory, address + 2 * PAGE, 1);
    assert_eq!(dirty(&mut memory), [(0x80, 0, false, false), (0x80, 2, true, false)]);
    let cap = memory.region(0x80).unwrap().cap();
    assert_eq!(cap.backing().generator().unwrap().seed, 9);
    let mut same = DataCap::generative(4 * GIB, vrns(9)).unwrap();
    for at in [0, 2] {
        same.write(at, cap.slot(at)).unwrap();
    }
    same.flush();
    assert_eq!(cap.root(), same.root());
    assert!(matches!(cap.slot(1), PageSlot::Empty));

    // Freed for good: its pages are gone from the state, and all else is as if it had never been.
    free(&mut memory, address);
    assert_eq!(dirty(&mut memory), [(0x80, 0, false, true), (0x80, 2, false, true)]);
    assert_eq!(memory.region_leaf(0x80), Ok(ZERO_HASH));
    assert!(memory.allocations().is_empty());
    assert_eq!(dirty(&mut memory), []);
}

#[test]
fn flags_and_properties_are_those_of_any_memory() {
    let mut memory = Memory::new();
    let flagged = |flags| AllocationRequest { flags, ..AllocationRequest::generative(PAGE, vrns(1)) };
    let read_only = try_allocate(&mut memory, &flagged(Flags::READ_ONLY | Flags::SHARED)).unwrap();
    assert!(memory.plan_store(read_only, 1).is_err() && memory.plan_load(read_only, 1).is_ok());
    assert_eq!(memory.query(read_only, Property::Permissions), Ok(1 | 8));
    assert_eq!(memory.query(read_only, Property::Kind), Ok(9));
    let protected = try_allocate(&mut memory, &flagged(Flags::PROTECTED)).unwrap();
    let refused = memory.plan_free(protected, &[1; 32]);
    assert!(matches!(refused, Err(AllocationFailure::Refused(Error::Protected { .. }))));
    let temporary = try_allocate(&mut memory, &flagged(Flags::TEMPORARY)).unwrap();
    store(&mut memory, temporary, 1);
    assert_eq!(dirty(&mut memory), []);
    assert!(memory.region(0x82).is_none(), "its region is closed with the call");
    assert_eq!((memory.frames_in_use(), memory.query(protected, Property::Planes)), (2, Ok(1)));

    // Frames move when planes can be given back; pages and bytes stay.
    let address = allocate(&mut memory, 20 * PAGE, 4);
    resize(&mut memory, address, 40 * PAGE);
    resize(&mut memory, address, 17 * PAGE);
    store(&mut memory, address + 16 * PAGE, 77);
    let before = page(&memory, address + 16 * PAGE);
    let plan = memory.plan_compaction(0x82, u32::MAX).unwrap();
    assert!(plan.released_bytes() > 0);
    memory.compact(plan);
    assert_eq!(memory.query(address, Property::Planes), Ok(2));
    assert!(page(&memory, address + 16 * PAGE) == before);
    assert!(page(&memory, address + 15 * PAGE) == vrns(4).page(15));
}

#[test]
fn regions_from_outside_are_checked() {
    let mut memory = Memory::new();
    let address = allocate(&mut memory, 2 * PAGE, 5);
    store(&mut memory, address + PAGE, 1);
    memory.settle();
    let region = memory.region(0x80).unwrap();
    let record = memory.allocations().get(0).unwrap();
    let restored = |number: u8, region: Region, records: &[Allocation]| {
        let mut list = RecordList::new();
        for (slot, record) in (0..).zip(records) {
            list.insert_at(slot, record.clone()).unwrap();
        }
        let mut other = Memory::new();
        other.insert(number, region).unwrap();
        other.set_allocations(list, 9)
    };
    let one = std::slice::from_ref(record);
    assert_eq!(restored(0x80, region.clone(), one), Ok(()));
    let wrong = |region| Err(RestoreError::Region { region });
    assert_eq!(restored(0x80, region.clone(), &[]), wrong(0x80), "none is open for nothing");
    assert_eq!(restored(0x7F, region.clone(), one), wrong(0x7F));
    let recent = FrameBudget { planes: 1, recency: 1 };
    assert_eq!(restored(0x80, region.clone().with_budget(recent), one), wrong(0x80));
    let budget = FrameBudget { planes: 1, recency: 0 };
    let small = DataCap::generative(2 * PAGE, vrns(5)).unwrap();
    let small = Region::new(RegionKind::Generative, Permissions::READ_WRITE, small).unwrap();
    assert_eq!(restored(0x80, small.with_budget(budget), one), wrong(0x80));
    let read_only = Region::new(RegionKind::Generative, Permissions::READ, region.cap().clone()).unwrap();
    assert_eq!(restored(0x80, read_only.with_budget(budget), one), wrong(0x80));

    let edited = |edit: &dyn Fn(&mut Allocation)| {
        let mut record = record.clone();
        edit(&mut record);
        restored(0x80, region.clone(), &[record])
    };
    let inside = edited(&|it| it.address = it.address.offset_by(4096).unwrap());
    let place = RestoreError::Place { slot: 0, address: address + PAGE, size: 2 * PAGE };
    assert_eq!(inside, Err(place));
    let partial = Error::PartialPage { size: PAGE + 1 };
    assert_eq!(edited(&|it| it.size = PAGE + 1), Err(RestoreError::Request { slot: 0, error: partial }));
    let frame = |first, frames| Fragments::from(Fragment { plane: 0, first, frames });
    let one_page = edited(&|it| (it.size, it.fragments) = (PAGE, frame(0, 1)));
    assert_eq!(one_page, Err(RestoreError::Content { region: 0x80, page: 1 }));
    let second = Allocation { id: 2, fragments: frame(2, 2), ..record.clone() };
    assert_eq!(
        restored(0x80, region.clone(), &[record.clone(), second]),
        Err(RestoreError::Overlap { slot: 1 })
    );
}
