//! Records, region choice, promotion, compaction, refunds, queries and batches.

use travertine_gas::{PlaneKind, REFUND_QUOTIENT, Schedule};
use travertine_memory::{
    AllocationError, AllocationFlags as Flags, AllocationRequest, DataCap, Memory, Permissions, Property,
    Region, RegionKind,
};
use travertine_merkle::fragments_root;
use travertine_opcodes::Opcode;

use crate::script::{Operand::Answer, Operand::Number, Step, alloc, answers, run};
use crate::{HEAP, PAGE, PLANE, PRICES, PROGRAM, Prices, allocate, holes, request, try_allocate};

#[test]
fn an_allocation_has_a_record_with_its_fragments() {
    let (mut memory, pages) = holes(2);
    let address = allocate(&mut memory, 9 * PAGE + 1, Flags::TEMPORARY);
    let (slot, allocation) = memory.allocation_at(address + 9 * PAGE).unwrap();
    assert_eq!(slot, 1, "the lowest slot that is free");
    assert_eq!((allocation.id, allocation.size), (33, 9 * PAGE + 1), "numbers are never used again");
    assert_eq!((allocation.kind, allocation.flags), (RegionKind::Heap, Flags::TEMPORARY));
    assert_eq!((allocation.address.packed(), allocation.owner), (address, PROGRAM));
    let frames: u32 = allocation.fragments.iter().map(|run| u32::from(run.frames)).sum();
    assert_eq!((allocation.fragments.len(), frames), (10, 10), "ten pages on ten single frames");
    for page in &pages {
        let (_, other) = memory.allocation_at(*page).unwrap();
        assert!(other.fragments.iter().all(|run| !allocation.fragments.contains(run)));
    }
    let words: Vec<u64> = allocation.fragments.iter().map(|run| run.word()).collect();
    let record = allocation.record();
    assert_eq!((record.fragment_count, record.fragments), (10, fragments_root(&words)));
}

#[test]
fn the_region_used_last_is_chosen_when_the_default_one_is_full() {
    let mut memory = Memory::new();
    let place = |memory: &mut Memory, size, region| {
        let request = AllocationRequest { region, ..request(size, Flags::NONE) };
        try_allocate(memory, &request).unwrap() >> 32
    };
    assert_eq!(place(&mut memory, 1 << 32, None), u64::from(HEAP), "all of the default region");
    assert_eq!(place(&mut memory, PAGE, None), 0x10, "the lowest number of others is opened");
    assert_eq!(place(&mut memory, PAGE, Some(0x11)), 0x11);
    assert_eq!(place(&mut memory, PAGE, None), 0x11);
    assert_eq!(place(&mut memory, PAGE, Some(0x10)), 0x10);
    assert_eq!(place(&mut memory, PAGE, None), 0x10);
    memory.settle();
    let recency = |region| memory.region(region).unwrap().budget().unwrap().recency;
    assert_eq!((recency(0x10), recency(0x11), recency(HEAP)), (1, 2, 3), "the order is part of the state");
}

#[test]
fn a_promotion_plan_tells_fragments_cost_and_score_and_changes_nothing() {
    let (mut memory, _) = holes(2);
    let (root, frames) = (memory.allocations().root(), memory.frames_in_use());
    let plan = memory.plan_allocation(&request(10 * PAGE, Flags::NONE), &PRICES).unwrap();
    let promotion = plan.promotion().unwrap();
    let place = |run: &travertine_memory::Fragment| (run.plane, run.first, run.frames);
    let expected = (0..10).map(|hole| (hole / 8, u8::try_from(2 * (hole % 8) + 1).unwrap(), 1));
    assert!(promotion.fragments.iter().map(place).eq(expected), "{:?}", promotion.fragments);
    assert_eq!((promotion.region, promotion.cost), (HEAP, 100), "one plane beyond the first");
    assert_eq!(promotion.score, 100 - 10 * 2 + 20 + 5 * 10);
    assert_eq!((memory.allocations().root(), memory.frames_in_use()), (root, frames));

    // Where growth is cheaper, nothing is promoted.
    let cheap = Prices { plane: 99, promotion: 100 };
    let plan = memory.plan_allocation(&request(10 * PAGE, Flags::NONE), &cheap).unwrap();
    assert_eq!((plan.promotion(), plan.planes().after), (None, 3));
}

#[test]
fn compaction_is_reported_planned_and_carried_out() {
    let (mut memory, pages) = holes(2);
    for (number, &address) in (1_u64..).zip(&pages) {
        let plan = memory.plan_store(address, 8).unwrap();
        memory.store(plan, number);
    }
    let report = memory.compaction_report(HEAP.into()).unwrap();
    assert_eq!((report.total_bytes, report.used_bytes, report.free_bytes), (2 * PLANE, PLANE, PLANE));
    assert_eq!((report.fragments, report.allocations, report.movable), (16, 16, 16));
    assert_eq!((report.fragmentation_bp, report.saving_bytes), (10_000 * 15 / 16, PLANE));
    assert!(report.is_recommended);

    let some = memory.plan_compaction(HEAP.into(), 3).unwrap();
    assert!(some.moved_frames() <= 3 && some.released_bytes() == 0);
    let plan = memory.plan_compaction(HEAP.into(), 8).unwrap();
    assert_eq!((plan.moved_frames(), plan.released_bytes()), (8, PLANE));
    assert_eq!((plan.planes().before, plan.planes().after), (2, 1));
    memory.compact(plan);

    let report = memory.compaction_report(HEAP.into()).unwrap();
    assert_eq!((report.total_bytes, report.free_bytes, report.fragmentation_bp), (PLANE, 0, 0));
    assert!(!report.is_recommended);
    for (number, &address) in (1_u64..).zip(&pages) {
        let plan = memory.plan_load(address, 8).unwrap();
        assert_eq!(memory.load(plan), number, "addresses and bytes stay");
    }
    let no_region = AllocationError::ForeignRegion { address: 9 << 32 };
    assert_eq!(memory.compaction_report(9).unwrap_err(), no_region);
}

#[test]
fn a_released_plane_is_refunded_up_to_a_fifth_of_the_gas() {
    let growth = |before, after| Schedule::default().growth(PlaneKind::Heap, before, after);
    let release = |freed: usize| -> [Step; 4] {
        [
            alloc(16 * PLANE, 4),
            alloc(PLANE, 4),
            (Opcode::M3Free, Answer(freed), Number(0)),
            (Opcode::M3Compact, Number(HEAP.into()), Number(0)),
        ]
    };
    // The last plane: half of what it cost is below the cap.
    let (_, small) = run(&release(1));
    assert_eq!(answers(&small)[3], PLANE);
    let half = growth(16, 17) / 2;
    assert!(half > 0 && half < small.receipt.gas_used / REFUND_QUOTIENT);
    assert_eq!(small.receipt.refund, half);
    // The first sixteen: half of what they cost is above it.
    let (_, large) = run(&release(0));
    assert_eq!(answers(&large)[3], 16 * PLANE);
    let cap = large.receipt.gas_used / REFUND_QUOTIENT;
    assert!(growth(1, 17) / 2 > cap);
    assert_eq!(large.receipt.refund, cap);
}

#[test]
fn every_property_is_queried_by_its_number() {
    let query = |number| (Opcode::M3Query, Answer(0), Number(number));
    let steps: Vec<Step> = [alloc(5000, 4)].into_iter().chain((0..=14).map(query)).collect();
    let got = answers(&run(&steps).1);
    let expected: [(Property, u64); 14] = [
        (Property::Kind, RegionKind::Heap.code().into()),
        (Property::Permissions, Permissions::READ_WRITE.bits().into()),
        (Property::RegionSize, 1 << 32),
        (Property::FreeBytes, 14 * PAGE),
        (Property::LargestRun, 14 * PAGE),
        (Property::Fragmentation, 0),
        (Property::Handle, 1 << 24),
        (Property::Fragments, 1),
        (Property::Start, got[0]),
        (Property::Size, 5000),
        (Property::Flags, 0),
        (Property::Planes, 1),
        (Property::LiveAllocations, 1),
        (Property::LiveBytes, 5000),
    ];
    for (number, (property, value)) in expected.into_iter().enumerate() {
        assert_eq!((usize::from(property.number()), got[number + 1]), (number, value), "{property:?}");
    }
    assert_eq!(got[15].cast_signed(), AllocationError::UnknownProperty { number: 14 }.code());
}

#[test]
fn batches_load_and_store_many_places_or_none() {
    let mut memory = Memory::new();
    let cap = DataCap::empty(4 * PAGE).unwrap();
    let region = Region::new(RegionKind::State, Permissions::READ_WRITE, cap).unwrap();
    memory.insert(2, region).unwrap();
    let base = 2_u64 << 32;
    let list = base + 3 * PAGE;
    let mut put_list = |entries: &[(u64, u64)]| {
        let words = entries.iter().flat_map(|&(address, length)| [address, length]);
        memory.poke(list, &words.flat_map(u64::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    };
    put_list(&[(base, 2), (base + PAGE - 1, 3), (base + 100, 0)]);
    memory.poke(base, b"ab").unwrap();
    memory.poke(base + PAGE - 1, b"cde").unwrap();
    let joined = base + 2 * PAGE;
    let gather = memory.plan_gather(joined, list, 3).unwrap();
    memory.commit(gather);
    let read = |memory: &Memory, address| {
        let mut bytes = [0; 5];
        memory.peek(address, &mut bytes).unwrap();
        bytes
    };
    assert_eq!(&read(&memory, joined), b"abcde");

    memory.poke(joined, b"vwxyz").unwrap();
    let scatter = memory.plan_scatter(joined, list, 3).unwrap();
    memory.commit(scatter);
    assert_eq!((&read(&memory, base)[..2], &read(&memory, base + PAGE - 1)[..3]), (&b"vw"[..], &b"xyz"[..]));

    // The third entry cannot be stored to, so the first two are not.
    memory.poke(list + 32, &(base + 4 * PAGE).to_le_bytes()).unwrap();
    memory.poke(list + 40, &1_u64.to_le_bytes()).unwrap();
    let refused = memory.plan_scatter(joined, list, 3).unwrap_err();
    assert_eq!((refused.entry, refused.fault.address), (Some(2), base + 4 * PAGE));
    assert_eq!(&read(&memory, base)[..2], b"vw");
}
