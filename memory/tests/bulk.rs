//! Bulk operations: what is shared, what is refused, and how far they reach. Their bytes and touches are compared with a
//! naive twin in `memory_model`.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use proptest::prelude::*;
use travertine_memory::{
    Access, BulkFault, BulkPlan, DataCap, ENTRY_BYTES, Fault, FaultReason, MAX_ENTRIES, Memory, Page,
    PageBytes, PageSlot, Permissions, Quantities, Region, RegionKind,
};

const PAGE: u64 = 4096;
const HEAP: u64 = 3 << 32;
const SHARED: u64 = 6 << 32;
const READ_ONLY: u64 = 9 << 32;
const REGION: u64 = 1 << 32;

/// Two regions that can be written and one that cannot, all of 4 GiB; the pages of each begin with their numbers.
fn memory() -> Memory {
    let mut memory = Memory::new();
    let kinds = [(3, RegionKind::Heap), (6, RegionKind::Shared), (9, RegionKind::Code)];
    for (number, kind) in kinds {
        let pages =
            (0..8_u8).map(|page| (page.into(), Page::new(PageBytes::starting_with(&[number, page])).into()));
        let cap = DataCap::from_pages(REGION, pages).unwrap();
        memory.insert(number, Region::new(kind, kind.default_permissions(), cap).unwrap()).unwrap();
    }
    memory
}

fn commit(memory: &mut Memory, plan: Result<BulkPlan, BulkFault>) {
    let plan = plan.unwrap();
    memory.load_missing(&plan).unwrap();
    memory.commit(plan);
}

fn bytes<const N: usize>(memory: &Memory, address: u64) -> [u8; N] {
    let mut bytes = [0; N];
    memory.peek(address, &mut bytes).unwrap();
    bytes
}

fn store(memory: &mut Memory, address: u64, value: u8) {
    let plan = memory.plan_store(address, 1).unwrap();
    memory.store(plan, value.into());
}

/// The page that stands in a settled memory.
fn settled_page(memory: &Memory, address: u64) -> Page {
    let number = u8::try_from(address >> 32).unwrap();
    let page = u32::try_from(address % REGION / PAGE).unwrap();
    match memory.region(number).unwrap().cap().slot(page) {
        PageSlot::Loaded(page) => page,
        slot => panic!("{slot:?}"),
    }
}

#[test]
fn a_shared_page_is_one_page_in_storage_until_either_side_is_stored_to() {
    let mut memory = memory();
    store(&mut memory, HEAP + 2, 0x77);
    let plan = memory.plan_share(SHARED + 5 * PAGE, HEAP, 3 * PAGE);
    commit(&mut memory, plan);
    store(&mut memory, HEAP + PAGE + 2, 0x88);
    store(&mut memory, SHARED + 7 * PAGE + 2, 0x99);
    assert_eq!(memory.settle().len(), 5);

    let frame = |page: u64| {
        settled_page(&memory, HEAP + page * PAGE)
            .is_same_frame(&settled_page(&memory, SHARED + (5 + page) * PAGE))
    };
    assert_eq!([frame(0), frame(1), frame(2)], [true, false, false]);
    assert_eq!(bytes(&memory, HEAP), [3, 0, 0x77]);
    assert_eq!(bytes(&memory, SHARED + 5 * PAGE), [3, 0, 0x77]);
    assert_eq!(bytes(&memory, HEAP + PAGE), [3, 1, 0x88]);
    assert_eq!(bytes(&memory, SHARED + 6 * PAGE), [3, 1, 0]);
    assert_eq!(bytes(&memory, HEAP + 2 * PAGE), [3, 2, 0]);
    assert_eq!(bytes(&memory, SHARED + 7 * PAGE), [3, 2, 0x99]);
}

#[test]
fn sharing_gives_no_permission() {
    let mut memory = memory();
    let plan = memory.plan_share(HEAP, READ_ONLY, PAGE);
    commit(&mut memory, plan);
    store(&mut memory, HEAP + 2, 1);
    assert_eq!((bytes(&memory, HEAP), bytes(&memory, READ_ONLY)), ([9, 0, 1], [9, 0, 0]));
    let fault = memory.plan_share(READ_ONLY, HEAP, PAGE).unwrap_err().fault;
    assert_eq!(
        (fault.address, fault.access, fault.reason),
        (READ_ONLY, Access::Write, FaultReason::Permission)
    );
    assert_eq!(memory.region(6).unwrap().permissions(), Permissions::READ_WRITE_SHARED);
    assert_eq!(memory.region(3).unwrap().permissions(), Permissions::READ_WRITE);
}

#[test]
fn a_list_has_at_most_so_many_entries() {
    let mut memory = memory();
    let list = HEAP + (1 << 24);
    for entry in 0..MAX_ENTRIES {
        let words = [SHARED, 1].map(u64::to_le_bytes).concat();
        memory.poke(list + entry * ENTRY_BYTES, &words).unwrap();
    }
    let plan = memory.plan_gather(HEAP, list, MAX_ENTRIES).unwrap();
    let quantities = *plan.quantities();
    assert_eq!((quantities.bytes, quantities.entries), (MAX_ENTRIES, MAX_ENTRIES));
    // 256 pages of entries and one that they name; 16 pages that are written.
    assert_eq!((quantities.touches.first_reads, quantities.touches.first_writes), (257, 16));
    memory.commit(plan);
    assert_eq!(bytes(&memory, HEAP + MAX_ENTRIES - 4), [6; 4]);

    let refused = memory.plan_scatter(HEAP, list, MAX_ENTRIES + 1).unwrap_err();
    let address = list + MAX_ENTRIES * ENTRY_BYTES;
    let fault = Fault { address, access: Access::Read, reason: FaultReason::TooManyEntries };
    assert_eq!(refused, BulkFault { fault, entry: Some(1 << 16) });
    let refused = memory.plan_gather(HEAP, u64::MAX, u64::MAX).unwrap_err();
    assert_eq!((refused.fault.reason, refused.entry), (FaultReason::TooManyEntries, Some(1 << 16)));
}

#[test]
fn lengths_beyond_a_region_fault_at_its_end() {
    let memory = memory();
    for length in [REGION, u64::MAX - HEAP, u64::MAX] {
        let fault = |plan: Result<BulkPlan, BulkFault>| plan.unwrap_err().fault;
        let copied = fault(memory.plan_copy(HEAP + 1, SHARED, length));
        let end = if length > REGION { (7 << 32, Access::Read) } else { (4 << 32, Access::Write) };
        assert_eq!((copied.address, copied.access), end);
        let filled = fault(memory.plan_fill(HEAP + 1, length, 1));
        assert_eq!((filled.address, filled.reason), (4 << 32, FaultReason::OutOfRegion));
    }
    // Entries whose lengths add up to more than 64 bits can hold.
    let mut memory = memory;
    let entries = [SHARED, REGION, 5, 0, SHARED, REGION];
    memory.poke(HEAP, &entries.map(u64::to_le_bytes).concat()).unwrap();
    let refused = memory.plan_gather(READ_ONLY - 5, HEAP, 3).unwrap_err();
    assert_eq!((refused.fault.reason, refused.entry), (FaultReason::NoRegion, Some(0)));
    let refused = memory.plan_gather(HEAP + REGION - 5, HEAP, 3).unwrap_err();
    assert_eq!((refused.fault.address, refused.entry), (4 << 32, Some(0)));
    let refused = memory.plan_gather(HEAP, HEAP, 3).unwrap_err();
    assert_eq!((refused.fault.address, refused.entry), (4 << 32, Some(2)));
}

#[test]
fn a_whole_region_can_be_filled_and_copied_and_takes_no_storage_for_equal_pages() {
    let mut memory = memory();
    let gibibyte = 1 << 30;
    let plan = memory.plan_fill(HEAP, gibibyte, 0x5A);
    commit(&mut memory, plan);
    let plan = memory.plan_copy(SHARED + PAGE, HEAP, gibibyte);
    let Quantities { bytes: copied, pages, touches, .. } = *plan.as_ref().unwrap().quantities();
    assert_eq!((copied, pages, touches.first_writes, touches.first_placed), (0, 1 << 18, 0, 1 << 18));
    commit(&mut memory, plan);
    assert_eq!(bytes(&memory, SHARED + gibibyte + PAGE - 1), [0x5A, 0]);
    memory.settle();
    let (first, last) = (settled_page(&memory, HEAP), settled_page(&memory, SHARED + gibibyte));
    assert!(first.is_same_frame(&last));
}

#[test]
fn what_is_missing_is_loaded_before_and_not_by_the_commit() {
    let mut memory = memory();
    let page = Page::new(PageBytes::starting_with(&[1]));
    let cap = DataCap::from_pages(8 * PAGE, [(2, PageSlot::Missing(page.leaf()))]).unwrap();
    memory.insert(2, Region::new(RegionKind::State, Permissions::READ_WRITE, cap).unwrap()).unwrap();
    let missing = (2 << 32) + 2 * PAGE;
    for plan in [memory.plan_copy(HEAP, missing - 1, 2), memory.plan_fill(missing + 5, 1, 0)] {
        let fault = memory.load_missing(&plan.unwrap()).unwrap_err();
        assert_eq!(fault.reason, FaultReason::MissingPage);
        assert!((missing..missing + 6).contains(&fault.address), "{fault}");
    }
    assert_eq!(memory.settle(), []);
}

/// What a step of the property below does with pages of a region of 12.
#[derive(Debug, Clone)]
enum Step {
    Store { page: u64 },
    Share { to: u64, from: u64, count: u64 },
    Copy { to: u64, from: u64, offset: u64, length: u64 },
    Fill { to: u64, length: u64, value: u8 },
    Gather { to: u64, from: u64, length: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let page = || 0..12_u64;
    let length = || prop_oneof![Just(PAGE), 1..3 * PAGE];
    prop_oneof![
        4 => page().prop_map(|page| Step::Store { page }),
        4 => (page(), page(), 1..5_u64).prop_map(|(to, from, count)| Step::Share { to, from, count }),
        2 => (page(), page(), prop_oneof![Just(0), 1..PAGE], length())
            .prop_map(|(to, from, offset, length)| Step::Copy { to, from, offset, length }),
        1 => (page(), length(), any::<u8>()).prop_map(|(to, length, value)| Step::Fill { to, length, value }),
        1 => (page(), page(), length()).prop_map(|(to, from, length)| Step::Gather { to, from, length }),
    ]
}

proptest! {
    /// Whatever is placed, shared and stored to: there are never more pages to hash when the memory settles than first writes
    /// that were charged.
    #[test]
    fn every_page_that_is_hashed_was_paid_for(steps in prop::collection::vec(step(), 1..60)) {
        let mut memory = memory();
        let settled: Vec<Page> = (0..8).map(|page| settled_page(&memory, HEAP + page * PAGE)).collect();
        let list = SHARED + 8 * PAGE;
        let mut paid = 0;
        for (value, step) in (1_u64..).zip(steps) {
            let plan = match step {
                Step::Store { page } => {
                    let plan = memory.plan_store(HEAP + page * PAGE, 8).unwrap();
                    paid += plan.touches().first_writes;
                    memory.store(plan, value);
                    continue;
                }
                Step::Share { to, from, count } => memory.plan_share(HEAP + to * PAGE, HEAP + from * PAGE, count * PAGE),
                Step::Copy { to, from, offset, length } => {
                    memory.plan_copy(HEAP + to * PAGE, HEAP + from * PAGE + offset, length)
                }
                Step::Fill { to, length, value } => memory.plan_fill(HEAP + to * PAGE, length, value),
                Step::Gather { to, from, length } => {
                    memory.poke(list, &[HEAP + from * PAGE, length].map(u64::to_le_bytes).concat()).unwrap();
                    memory.plan_gather(HEAP + to * PAGE, list, 1)
                }
            };
            paid += plan.as_ref().unwrap().quantities().touches.first_writes;
            commit(&mut memory, plan);
        }
        memory.settle();
        let cap = memory.region(3).unwrap().cap();
        let mut hashed: Vec<Page> = Vec::new();
        for page in 0..20 {
            let PageSlot::Loaded(page) = cap.slot(page) else { continue };
            let is_filled = page.bytes().iter().all(|byte| *byte == page.bytes()[0]);
            if !is_filled && !settled.iter().chain(&hashed).any(|known| known.is_same_frame(&page)) {
                hashed.push(page);
            }
        }
        prop_assert!(hashed.len() <= paid as usize, "{} pages, {paid} paid", hashed.len());
    }
}
