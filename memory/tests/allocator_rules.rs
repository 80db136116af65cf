//! The allocator's rules one by one: those that random sequences seldom reach, and every error.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use travertine_memory::{
    Access, Address, Allocation, AllocationError as Error, AllocationFailure, AllocationFlags as Flags,
    AllocationPrices, AllocationRequest, DataCap, FaultReason, Fragment, Memory, MemoryError, Mode, Property,
    RecordList, Region, RegionKind, RestoreError, Synthesis,
};

const PROGRAM: [u8; 32] = [1; 32];
const GIB: u64 = 1 << 30;

/// Planes cost 1,000 each, promotion 1 a plane; or the other way around.
struct Prices {
    plane: u64,
    promotion: u64,
}

const CHEAP_PROMOTION: Prices = Prices { plane: 1000, promotion: 1 };

impl AllocationPrices for Prices {
    fn growth(&self, _: RegionKind, before: u64, after: u64) -> u64 {
        (after - before) * self.plane
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        extra_planes * self.promotion
    }
}

fn request(size: u64, flags: Flags) -> AllocationRequest {
    AllocationRequest { flags, owner: PROGRAM, ..AllocationRequest::new(size, RegionKind::Heap) }
}

fn try_allocate(memory: &mut Memory, request: &AllocationRequest) -> Result<u64, Error> {
    match memory.plan_allocation(request, &CHEAP_PROMOTION) {
        Ok(plan) => Ok(memory.allocate(plan).packed()),
        Err(AllocationFailure::Refused(error)) => Err(error),
        Err(failure) => panic!("{failure}"),
    }
}

fn allocate(memory: &mut Memory, size: u64) -> u64 {
    try_allocate(memory, &request(size, Flags::NONE)).unwrap()
}

fn try_free(memory: &mut Memory, address: u64) -> Result<(), Error> {
    match memory.plan_free(address, &PROGRAM) {
        Ok(plan) => {
            memory.free(plan);
            Ok(())
        }
        Err(AllocationFailure::Refused(error)) => Err(error),
        Err(failure) => panic!("{failure}"),
    }
}

fn region_of(address: u64) -> u8 {
    Address::new(address).unwrap().region()
}

#[test]
fn codes_are_stable() {
    let names = [
        "ZeroSize",
        "TooLarge",
        "ReservedBits",
        "UnknownKind",
        "Kind",
        "WriteExecute",
        "WrongRegion",
        "Exhausted",
        "FrameLimit",
        "TooManyAllocations",
        "ForeignRegion",
        "NotAllocated",
        "InteriorPointer",
        "Protected",
        "Pinned",
        "StaleHandle",
        "UnknownProperty",
        "PartialPage",
        "GenerativeExecute",
        "UnknownMode",
    ];
    assert_eq!(Error::NAMES, names);
    let codes = [Error::ZeroSize, Error::UnknownProperty { number: 0 }, Error::UnknownMode { mode: 2 }];
    assert_eq!(codes.map(|error| error.code()), [-1, -17, -20]);
}

#[test]
fn every_request_that_cannot_be_is_refused() {
    let mut memory = Memory::new();
    let cap = DataCap::empty(4096).unwrap();
    let state = Region::new(RegionKind::State, RegionKind::State.default_permissions(), cap).unwrap();
    memory.insert(2, state).unwrap();
    let asked = |edit: &dyn Fn(&mut AllocationRequest)| {
        let mut request = request(64, Flags::NONE);
        edit(&mut request);
        request
    };
    let mut refuses = |edit: &dyn Fn(&mut AllocationRequest), error| {
        assert_eq!(try_allocate(&mut memory, &asked(edit)), Err(error));
        assert!(memory.allocations().is_empty() && memory.region(3).is_none());
    };
    refuses(&|it| it.size = 0, Error::ZeroSize);
    refuses(&|it| it.size = 4 * GIB + 1, Error::TooLarge { size: 4 * GIB + 1 });
    refuses(&|it| it.kind = RegionKind::Stack, Error::Kind { kind: RegionKind::Stack });
    refuses(&|it| it.flags = Flags::EXECUTABLE, Error::WriteExecute);
    for region in [0, 2, 4, 5, 7, 0x0F, 0x80, 0xFF] {
        refuses(&|it| it.region = Some(region), Error::WrongRegion { region, kind: RegionKind::Heap });
    }
    let read = |word, mode| AllocationRequest::from_registers(4096, word, Some([5, mode]), PROGRAM);
    assert_eq!(read(1 << 24, 0), Err(Error::ReservedBits { word: 1 << 24 }));
    assert_eq!(read(10, 0), Err(Error::UnknownKind { code: 10 }));
    assert_eq!(read(9, 2), Err(Error::UnknownMode { mode: 2 }));
    let synthesis = Synthesis { seed: 5, mode: Mode::Vrns };
    let made = AllocationRequest { owner: PROGRAM, ..AllocationRequest::generative(4096, synthesis) };
    assert_eq!(read(9 | 0xAB_CDEF_0123 << 24, 1), Ok(made));
    for (word, address) in
        [(9 | 0xAB_CDEF_0123 << 24, Some(0xAB_CDEF_0123)), (9, Some(0)), (4 | 1 << 24, None)]
    {
        assert_eq!(AllocationRequest::parameters_address(word), address);
    }
}

#[test]
fn frees_that_are_wrong_are_told_apart() {
    let mut memory = Memory::new();
    let address = allocate(&mut memory, 100);
    let large = allocate(&mut memory, 10_000);
    let protected = try_allocate(&mut memory, &request(8, Flags::PROTECTED)).unwrap();
    let inside = |address, start| Error::InteriorPointer { address, start };
    assert_eq!(try_free(&mut memory, address + 1), Err(inside(address + 1, address)));
    assert_eq!(try_free(&mut memory, large + 9999), Err(inside(large + 9999, large)));
    assert_eq!(try_free(&mut memory, large + 10_000), Err(Error::NotAllocated { address: large + 10_000 }));
    assert_eq!(try_free(&mut memory, protected), Err(Error::Protected { start: protected }));
    for address in [0, 2 << 32, 1 << 40, u64::MAX] {
        assert_eq!(try_free(&mut memory, address), Err(Error::ForeignRegion { address }));
    }
    assert_eq!(try_free(&mut memory, address), Ok(()));
    assert_eq!(try_free(&mut memory, address), Err(Error::NotAllocated { address }));
    let by_host = memory.plan_free(protected, &[0; 32]).unwrap();
    memory.free(by_host);
    assert_eq!(memory.allocations().len(), 1);
    assert_eq!(memory.resolve(1 << 24), Err(Error::StaleHandle { handle: 1 << 24 }));
}

#[test]
fn a_full_region_leaves_the_order_of_the_others() {
    let mut memory = Memory::new();
    let whole = |region| AllocationRequest { region, ..request(4 * GIB, Flags::NONE) };
    assert_eq!(region_of(try_allocate(&mut memory, &whole(None)).unwrap()), 0x03);
    assert_eq!(region_of(try_allocate(&mut memory, &whole(None)).unwrap()), 0x10);
    // The default region is full, so is 0x10: a third one is opened, and is then the one that was used last.
    assert_eq!(region_of(allocate(&mut memory, 64)), 0x11);
    assert_eq!(region_of(allocate(&mut memory, 64)), 0x11);
    let in_region = |region| AllocationRequest { region: Some(region), ..request(4096, Flags::NONE) };
    try_allocate(&mut memory, &in_region(0x20)).unwrap();
    assert_eq!(region_of(allocate(&mut memory, 64)), 0x20, "the one that was used last");
    try_allocate(&mut memory, &in_region(0x11)).unwrap();
    try_allocate(&mut memory, &in_region(0x11)).unwrap();
    assert_eq!(region_of(allocate(&mut memory, 64)), 0x11);
    let full = AllocationRequest { region: Some(3), ..request(1, Flags::NONE) };
    assert_eq!(try_allocate(&mut memory, &full), Err(Error::Exhausted { size: 1, regions: 1 }));
    // Seventeen regions used since: 0x20 is not remembered, and of the forgotten ones the one with more free frames serves.
    for region in 0x40..0x51 {
        try_allocate(
            &mut memory,
            &AllocationRequest { region: Some(region), ..request(4 * GIB, Flags::NONE) },
        )
        .unwrap();
    }
    assert_eq!(region_of(allocate(&mut memory, 64)), 0x20, "14 frames are free there, 13 in 0x11");
    memory.settle();
    let recency = |region| memory.region(region).unwrap().budget().unwrap().recency;
    assert_eq!((recency(0x20), recency(0x50), recency(0x41), recency(0x42)), (1, 2, 0, 16));
}

#[test]
fn as_many_frames_as_the_limit_allows() {
    let mut memory = Memory::new();
    memory.set_frame_limit(10);
    allocate(&mut memory, 9 * 4096);
    let two = request(8192, Flags::NONE);
    assert_eq!(try_allocate(&mut memory, &two), Err(Error::FrameLimit { frames: 11, limit: 10 }));
    allocate(&mut memory, 64);
    allocate(&mut memory, 64);
    assert_eq!(memory.frames_in_use(), 10);
}

/// A region whose planes each have one frame free.
fn holes(planes: u32) -> Memory {
    let mut memory = Memory::new();
    for _ in 0..planes {
        let plan =
            memory.plan_allocation(&request(15 * 4096, Flags::NONE), &Prices { plane: 1, promotion: 1000 });
        memory.allocate(plan.unwrap());
    }
    memory
}

#[test]
fn promotion_gathers_where_growth_costs_more() {
    let mut memory = holes(100);
    let asked = request(100 * 4096, Flags::NONE);
    let plan = memory.plan_allocation(&asked, &CHEAP_PROMOTION).unwrap();
    let promotion = plan.promotion().unwrap();
    assert_eq!((promotion.region, promotion.fragments.len(), promotion.cost), (3, 100, 99));
    assert_eq!(promotion.score, 100 - 10 * 100 + 20 + 5 * 100);
    assert_eq!(promotion.fragments[7], Fragment { plane: 7, first: 15, frames: 1 });
    assert_eq!((plan.extra_planes(), plan.planes().before, plan.planes().after), (99, 100, 100));
    let grown = memory.plan_allocation(&asked, &Prices { plane: 1, promotion: 1 }).unwrap();
    assert_eq!((grown.promotion(), grown.planes().after), (None, 107));
    let contiguous =
        memory.plan_allocation(&request(17 * 4096, Flags::CONTIGUOUS), &CHEAP_PROMOTION).unwrap();
    assert_eq!((contiguous.promotion(), contiguous.planes().after), (None, 102));
    let plan = memory.plan_allocation(&asked, &CHEAP_PROMOTION).unwrap();
    let address = memory.allocate(plan).packed();
    assert_eq!(memory.query(address, Property::Fragments), Ok(100));
    assert_eq!(try_free(&mut memory, address), Ok(()));
}

#[test]
fn compaction_keeps_addresses_and_bytes() {
    let mut memory = Memory::new();
    let addresses: Vec<u64> = (0..64).map(|_| allocate(&mut memory, 8 * 4096)).collect();
    for (address, value) in addresses.iter().zip(1..) {
        let store = memory.plan_store(*address + 5 * 4096, 8).unwrap();
        memory.store(store, value);
    }
    // Every second one goes: 32 planes, each half full.
    for address in addresses.iter().step_by(2) {
        try_free(&mut memory, *address).unwrap();
    }
    memory.settle();
    let root = memory.region_leaf(3).unwrap();
    let report = memory.compaction_report(3).unwrap();
    assert!(report.is_recommended);
    assert_eq!((report.fragmentation_bp, report.saving_bytes), (10_000 * 248 / 256, 16 << 16));
    let plan = memory.plan_compaction(3, u32::MAX).unwrap();
    assert_eq!((plan.moved_frames(), plan.released_bytes()), (128, 16 << 16));
    memory.compact(plan);
    for (address, value) in addresses.iter().zip(1..).skip(1).step_by(2) {
        let load = memory.plan_load(*address + 5 * 4096, 8).unwrap();
        assert_eq!(memory.load(load), value);
    }
    assert!(!memory.compaction_report(3).unwrap().is_recommended);
    assert!(memory.settle().is_empty(), "no page changes");
    assert_ne!(memory.region_leaf(3).unwrap(), root, "but the budget does");
}

#[test]
fn what_is_pinned_stays() {
    let mut memory = Memory::new();
    let pinned: Vec<u64> = (0..4)
        .map(|_| {
            let pinned = try_allocate(&mut memory, &request(4096, Flags::PINNED)).unwrap();
            allocate(&mut memory, 15 * 4096);
            pinned
        })
        .collect();
    let rest: Vec<u64> = memory.allocations().iter().map(|(_, record)| record.address.packed()).collect();
    for address in rest.iter().filter(|address| !pinned.contains(address)) {
        try_free(&mut memory, *address).unwrap();
    }
    let plan = memory.plan_compaction(3, u32::MAX).unwrap();
    assert_eq!((plan.moved_frames(), plan.released_bytes()), (0, 0));
    assert_eq!(memory.compaction_report(3).unwrap().movable, 0);
}

#[test]
fn the_regions_of_the_allocator_are_its_own() {
    let mut memory = Memory::new();
    let address = allocate(&mut memory, 4096);
    assert!(memory.remove(3).is_none());
    assert_eq!(memory.resize(3, 4096), Err(MemoryError::Managed { region: 3 }));
    let fault = memory.plan_load(address + 4096, 1).unwrap_err();
    assert_eq!(
        (fault.address, fault.access, fault.reason),
        (address + 4096, Access::Read, FaultReason::Permission)
    );
    assert_eq!(memory.plan_store(address + 4000, 200).unwrap_err().address, address + 4096);
    // Not even the host writes where nothing is allocated: fresh memory is zero.
    assert_eq!(memory.poke(address + 4000, &[1; 200]).unwrap_err().address, address + 4096);
    assert_eq!(memory.poke(address, &[1; 96]), Ok(()));
}

#[test]
fn what_a_page_was_is_forgotten_with_it() {
    let mut memory = Memory::new();
    let address = allocate(&mut memory, 4096);
    let store = memory.plan_store(address, 8).unwrap();
    memory.store(store, 7);
    memory.settle();
    let load = memory.plan_load(address, 8).unwrap();
    assert_eq!(memory.load(load), 7);
    try_free(&mut memory, address).unwrap();
    assert!(memory.plan_load(address, 8).is_err(), "the recent page is forgotten");
    assert_eq!(allocate(&mut memory, 4096), address);
    let load = memory.plan_load(address, 8).unwrap();
    assert_eq!((load.touches().first_reads, memory.load(load)), (1, 0));
    let dirty = memory.settle();
    assert_eq!((dirty.len(), dirty[0].page, dirty[0].new), (1, 0, [0; 32]));
}

/// Records and regions of a settled memory, to be made wrong.
fn restored(edit: impl FnOnce(&mut Vec<(u32, Allocation)>, &mut u64, &mut u32)) -> Result<(), RestoreError> {
    let mut memory = Memory::new();
    for size in [100, 100, 5000, 3000] {
        allocate(&mut memory, size);
    }
    memory.settle();
    let mut records: Vec<_> =
        memory.allocations().iter().map(|(slot, record)| (slot, record.clone())).collect();
    let mut next = memory.next_allocation();
    let mut budget = memory.region(3).unwrap().budget().unwrap();
    edit(&mut records, &mut next, &mut budget.planes);
    let mut list = RecordList::new();
    for (slot, record) in records {
        list.insert_at(slot, record).unwrap();
    }
    let mut other = Memory::new();
    other.insert(3, memory.region(3).unwrap().clone().with_budget(budget)).unwrap();
    other.set_allocations(list, next)?;
    assert_eq!(other.allocations().root() == memory.allocations().root(), other.allocations().len() == 4);
    Ok(())
}

#[test]
fn records_from_outside_are_checked() {
    assert_eq!(restored(|_, _, _| ()), Ok(()));
    let record =
        |slot: usize, edit: fn(&mut Allocation)| restored(|records, _, _| edit(&mut records[slot].1));
    let address = |linear| Address::from_linear(3, linear);
    assert_eq!(restored(|_, next, _| *next = 4), Err(RestoreError::Id { slot: 3, id: 4, next: 4 }));
    assert_eq!(restored(|_, next, _| *next = 0), Err(RestoreError::Next));
    assert_eq!(record(1, |it| it.id = 1), Err(RestoreError::RepeatedId { slot: 1, id: 1 }));
    assert_eq!(
        record(1, |it| it.address = Address::from_linear(3, 0)),
        Err(RestoreError::Overlap { slot: 1 })
    );
    let misplaced = RestoreError::Place { slot: 1, address: address(8).packed(), size: 100 };
    assert_eq!(record(1, |it| it.address = Address::from_linear(3, 8)), Err(misplaced));
    assert_eq!(
        record(1, |it| it.address = Address::from_linear(3, 4096)),
        Err(RestoreError::Frame { slot: 1, plane: 0 })
    );
    assert_eq!(
        record(1, |it| it.size = 400),
        Err(RestoreError::Place { slot: 1, address: address(112).packed(), size: 400 })
    );
    assert_eq!(record(2, |it| it.size = 9000), Err(RestoreError::Fragments { slot: 2 }));
    assert_eq!(
        record(3, |it| it.address = Address::from_linear(3, 8192)),
        Err(RestoreError::Overlap { slot: 3 })
    );
    assert_eq!(
        record(3, |it| it.address = Address::from_linear(4, 0)),
        Err(RestoreError::ForeignRegion { slot: 3, region: 4 })
    );
    assert_eq!(
        record(3, |it| it.kind = RegionKind::State),
        Err(RestoreError::ForeignRegion { slot: 3, region: 3 })
    );
    let zero = Err(RestoreError::Request { slot: 3, error: Error::ZeroSize });
    assert_eq!(record(3, |it| it.size = 0), zero);
    let executable = Err(RestoreError::Request { slot: 3, error: Error::WriteExecute });
    assert_eq!(record(3, |it| it.flags = Flags::EXECUTABLE), executable);
    assert_eq!(record(3, |it| it.flags = Flags::TEMPORARY), Err(RestoreError::Ended { slot: 3 }));
    let frame = |first, frames| Fragment { plane: 0, first, frames };
    let runs =
        |slot: usize, runs: &[Fragment]| restored(|records, _, _| records[slot].1.fragments = runs.into());
    assert_eq!(runs(2, &[]), Err(RestoreError::Fragments { slot: 2 }));
    assert_eq!(
        runs(2, &[frame(1, 1), frame(2, 1)]),
        Err(RestoreError::Fragments { slot: 2 }),
        "one run could do"
    );
    assert_eq!(runs(2, &[frame(2, 1), frame(2, 1)]), Err(RestoreError::Frame { slot: 2, plane: 0 }));
    assert_eq!(runs(3, &[frame(1, 1)]), Err(RestoreError::Frame { slot: 3, plane: 0 }));
    assert_eq!(
        runs(1, &[frame(9, 1)]),
        Err(RestoreError::Fragments { slot: 1 }),
        "another frame than its page"
    );
    for planes in [0, 65_537] {
        let error = restored(|_, _, budget| *budget = planes).unwrap_err();
        assert!(matches!(error, RestoreError::Budget { region: 3, .. }));
    }
}
