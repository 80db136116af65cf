//! Each flag of an allocation is enforced.

use travertine_memory::{
    Access, AllocationError, AllocationFailure, AllocationFlags as Flags, FaultReason, Memory, Permissions,
    Property,
};

use crate::{HEAP, PAGE, PLANE, PROGRAM, allocate, free, holes, request, try_allocate};

fn permissions(memory: &Memory, address: u64) -> Permissions {
    let bits = memory.query(address, Property::Permissions).unwrap();
    Permissions::from_bits(u8::try_from(bits).unwrap()).unwrap()
}

/// Whether compaction moves a page with these flags, the only one of its plane, to a fuller one.
fn is_moved(flags: Flags) -> bool {
    let mut memory = Memory::new();
    allocate(&mut memory, PLANE / 2, Flags::NONE);
    let filler = allocate(&mut memory, PLANE / 2, Flags::NONE);
    let address = allocate(&mut memory, PAGE, flags);
    free(&mut memory, filler);
    let frames = |memory: &Memory| memory.allocation_at(address).unwrap().1.fragments.clone();
    let before = frames(&memory);
    let plan = memory.plan_compaction(HEAP.into(), 16).unwrap();
    memory.compact(plan);
    frames(&memory) != before
}

#[test]
fn contiguous_frames_lie_in_one_run() {
    let (mut memory, _) = holes(1);
    let scattered = allocate(&mut memory, 4 * PAGE, Flags::NONE);
    let contiguous = allocate(&mut memory, 4 * PAGE, Flags::CONTIGUOUS);
    let fragments = |address| memory.query(address, Property::Fragments).unwrap();
    assert_eq!((fragments(scattered), fragments(contiguous)), (4, 1));
    assert_eq!(memory.query(contiguous, Property::Planes), Ok(2), "a plane was grown for the run");
}

#[test]
fn shared_pages_carry_the_permission_and_keep_their_frames() {
    let mut memory = Memory::new();
    let shared = allocate(&mut memory, 64, Flags::SHARED);
    let plain = allocate(&mut memory, 64, Flags::NONE);
    assert_eq!(permissions(&memory, shared), Permissions::READ_WRITE_SHARED);
    assert_eq!(permissions(&memory, plain), Permissions::READ_WRITE);
    assert_ne!(shared / PAGE, plain / PAGE, "permissions hold for whole pages");
    assert!(!is_moved(Flags::SHARED));
}

#[test]
fn pinned_pages_keep_their_frames() {
    assert!(is_moved(Flags::NONE));
    assert!(!is_moved(Flags::PINNED));
}

#[test]
fn executable_memory_is_never_writable() {
    let mut memory = Memory::new();
    assert_eq!(
        try_allocate(&mut memory, &request(64, Flags::EXECUTABLE)),
        Err(AllocationError::WriteExecute)
    );
    let address = allocate(&mut memory, 64, Flags::EXECUTABLE | Flags::READ_ONLY);
    assert_eq!(permissions(&memory, address), Permissions::READ_EXECUTE);
    memory.poke(address, &[0x13, 0, 0, 0]).unwrap();
    let page = memory.executable_page(u32::try_from(address / PAGE).unwrap()).unwrap();
    assert_eq!(page.bytes()[..4], [0x13, 0, 0, 0]);
    assert_eq!(memory.plan_store(address, 1).unwrap_err().reason, FaultReason::Permission);
}

#[test]
fn atomic_pages_carry_the_permission_and_keep_their_frames() {
    let mut memory = Memory::new();
    let address = allocate(&mut memory, 64, Flags::ATOMIC);
    let expected = Permissions::READ_WRITE | Permissions::ATOMIC;
    assert_eq!(permissions(&memory, address), expected);
    assert!(!is_moved(Flags::ATOMIC));
}

#[test]
fn read_only_memory_is_written_by_the_host_alone() {
    let mut memory = Memory::new();
    let address = allocate(&mut memory, 64, Flags::READ_ONLY);
    let fault = memory.plan_store(address, 8).unwrap_err();
    assert_eq!(
        (fault.address, fault.access, fault.reason),
        (address, Access::Write, FaultReason::Permission)
    );
    memory.poke(address, &7_u64.to_le_bytes()).unwrap();
    let plan = memory.plan_load(address, 8).unwrap();
    assert_eq!(memory.load(plan), 7);
}

#[test]
fn protected_memory_is_freed_and_resized_by_the_host_alone() {
    let mut memory = Memory::new();
    let start = allocate(&mut memory, 5000, Flags::PROTECTED);
    let refused = AllocationFailure::Refused(AllocationError::Protected { start });
    assert_eq!(memory.plan_free(start, &PROGRAM).unwrap_err(), refused);
    assert_eq!(memory.plan_resize(start, 1, &PROGRAM, &crate::PRICES).unwrap_err(), refused);
    let plan = memory.plan_free(start, &[0; 32]).unwrap();
    memory.free(plan);
    assert!(memory.allocations().is_empty());
}

#[test]
fn temporary_memory_is_gone_when_the_call_ends() {
    let mut memory = Memory::new();
    let kept = allocate(&mut memory, PAGE, Flags::NONE);
    let temporary = allocate(&mut memory, PAGE, Flags::TEMPORARY);
    for address in [kept, temporary] {
        let plan = memory.plan_store(address, 8).unwrap();
        memory.store(plan, u64::MAX);
    }
    let dirty = memory.settle();
    assert_eq!(dirty.iter().map(|page| u64::from(page.page)).collect::<Vec<_>>(), [kept % (1 << 32) / PAGE]);
    assert!(memory.allocation_at(kept).is_ok());
    let gone = AllocationError::NotAllocated { address: temporary };
    assert_eq!(memory.allocation_at(temporary).unwrap_err(), gone);
    assert!(memory.plan_load(temporary, 1).is_err());
    let again = allocate(&mut memory, PAGE, Flags::NONE);
    let plan = memory.plan_load(again, 8).unwrap();
    assert_eq!((again, memory.load(plan)), (temporary, 0), "the place is used again and reads as zeros");
}
