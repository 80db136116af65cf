//! Snapshots of states with allocations: they come back as they were, and broken ones are refused with their reason.

use travertine_memory::{
    AllocationFlags, AllocationPrices, AllocationRequest, DataCap, Memory, Permissions, Region, RegionKind,
    RestoreError,
};
use travertine_merkle::layout::{ALLOCATIONS_LIMIT, STATE_FIELDS};
use travertine_merkle::{
    Claim, Proven, ZERO_HASH, merkleize, mix_in_length, uint64_chunk, verify_memory_proof,
};

use super::container::Content;
use super::record::StateRecord;
use super::write::PageTable;
use super::*;
use crate::state::{State, regions_root};

/// Growing costs, gathering does not.
struct Prices;

impl AllocationPrices for Prices {
    fn growth(&self, _: RegionKind, before: u64, after: u64) -> u64 {
        after.saturating_sub(before)
    }

    fn promotion(&self, _: u64) -> u64 {
        0
    }
}

fn allocate(memory: &mut Memory, request: &AllocationRequest) -> u64 {
    let plan = memory.plan_allocation(request, &Prices).unwrap();
    memory.allocate(plan).packed()
}

fn free(memory: &mut Memory, address: u64) {
    let plan = memory.plan_free(address, &ZERO_HASH).unwrap();
    memory.free(plan);
}

/// Requests of all sizes, kinds that are kept, and some flags.
fn requests() -> Vec<AllocationRequest> {
    let sizes = [1, 16, 17, 2048, 2049, 4096, 65_536, 1 << 20];
    let kinds = [RegionKind::Heap, RegionKind::Shared, RegionKind::State];
    let flags = [AllocationFlags::NONE, AllocationFlags::PINNED | AllocationFlags::READ_ONLY];
    let with =
        |(size, kind)| flags.map(|flags| AllocationRequest { flags, ..AllocationRequest::new(size, kind) });
    sizes.iter().flat_map(|&size| kinds.map(|kind| (size, kind))).flat_map(with).collect()
}

/// A settled state with an image's region and allocations, of which every third was freed again.
fn state() -> State {
    let mut memory = Memory::new();
    let cap = DataCap::empty(1 << 20).unwrap();
    let region = Region::new(RegionKind::State, Permissions::READ_WRITE, cap).unwrap();
    memory.insert(2, region).unwrap();
    let addresses: Vec<u64> = requests().iter().map(|request| allocate(&mut memory, request)).collect();
    for address in addresses.iter().step_by(3) {
        free(&mut memory, *address);
    }
    for address in addresses.iter().skip(2).step_by(6) {
        let plan = memory.plan_store(*address, 1).unwrap();
        memory.store(plan, 0xAB);
    }
    assert!(!memory.settle().is_empty());
    State::new(memory, [1; 32], [2; 32], 3)
}

#[test]
fn the_root_commits_to_all_records_and_the_next_number() {
    let state = state();
    let records = state.memory().allocations();
    let leaf = |slot| records.get(slot).map_or(ZERO_HASH, |record| record.record().root());
    let leaves: Vec<_> = (0..records.slots()).map(leaf).collect();
    assert!(leaves.contains(&ZERO_HASH) && records.len() > 20);
    let list = mix_in_length(&merkleize(&leaves, ALLOCATIONS_LIMIT), leaves.len() as u64);
    let next = uint64_chunk(1 + requests().len() as u64);
    let fields = [
        uint64_chunk(1),
        regions_root(state.memory()),
        list,
        next,
        [1; 32],
        [2; 32],
        ZERO_HASH,
        uint64_chunk(3),
    ];
    assert_eq!(state.root(), merkleize(&fields, STATE_FIELDS));
}

#[test]
fn every_slot_is_proven() {
    let state = state();
    let records = state.memory().allocations();
    let slots: Vec<u32> = (0..records.slots() + 2).chain([(1 << 24) - 1]).collect();
    let claims: Vec<Claim> = slots.iter().map(|&slot| Claim::allocation(slot)).collect();
    let expected = |slot: &u32| Proven::Allocation(records.get(*slot).map(|it| Box::new(it.record())));
    for (claim, slot) in claims.iter().zip(&slots) {
        let proof = state.prove(&[*claim]).unwrap().encode().unwrap();
        assert_eq!(verify_memory_proof(&proof, &state.root(), &[*claim]), Ok(vec![expected(slot)]));
    }
    let proof = state.prove(&claims).unwrap().encode().unwrap();
    let values = verify_memory_proof(&proof, &state.root(), &claims).unwrap();
    assert!(values.into_iter().eq(slots.iter().map(expected)));
}

#[test]
fn a_state_comes_back_with_its_allocations() {
    let state = state();
    let snapshot = state.to_snapshot().unwrap();
    let again = State::from_snapshot(&snapshot).unwrap();
    assert_eq!(again.root(), state.root());
    assert_eq!(again.memory().allocations(), state.memory().allocations());
    assert_eq!(again.to_snapshot().unwrap(), snapshot);
    // Whatever is allocated and freed from here on goes to the same places.
    let [mut first, mut second] = [state, again].map(|state| state.memory().clone());
    for request in requests().iter().rev() {
        let address = allocate(&mut first, request);
        assert_eq!(allocate(&mut second, request), address);
        if address % 5 < 2 {
            free(&mut first, address);
            free(&mut second, address);
        }
    }
    assert_eq!(first.settle(), second.settle());
    let root = |memory| State::new(memory, [1; 32], [2; 32], 4).root();
    assert_eq!(root(first), root(second));
}

/// Why a snapshot with an edited record is refused.
fn refused(edit: impl FnOnce(&mut StateRecord)) -> SnapshotError {
    let state = state();
    let mut table = PageTable::new(|_| None);
    let mut record = state.record(&mut table).unwrap();
    edit(&mut record);
    let snapshot = table.finish(Content::State, &record).unwrap().to_bytes();
    State::from_snapshot(&snapshot).unwrap_err()
}

#[test]
fn each_rule_of_the_records_has_its_own_error() {
    let slot = state().memory().allocations().iter().nth(1).unwrap().0;
    assert_eq!(refused(|it| it.allocations.swap(0, 1)), SnapshotError::AllocationOrder(slot - 1));
    let repeated = refused(|it| it.allocations[1].slot = it.allocations[0].slot);
    assert_eq!(repeated, SnapshotError::AllocationOrder(slot - 1));
    let error = refused(|it| it.allocations.last_mut().unwrap().slot = 1 << 24);
    assert!(matches!(error, SnapshotError::Slot(_)), "{error}");
    let error = refused(|it| it.allocations[1].address |= 1 << 40);
    assert!(
        matches!(error, SnapshotError::AllocationAddress { slot: found, .. } if found == slot),
        "{error}"
    );
    let error = refused(|it| it.allocations[1].kind = 10);
    assert_eq!(error, SnapshotError::AllocationKind { slot, kind: 10 });
    let error = refused(|it| it.allocations[1].fragments[0] |= 1 << 63);
    assert!(matches!(error, SnapshotError::Fragment { slot: found, .. } if found == slot), "{error}");

    // What is well formed, but cannot be: the memory's to say.
    let restore = |edit: &dyn Fn(&mut StateRecord)| match refused(edit) {
        SnapshotError::Allocations(error) => error,
        error => panic!("{error}"),
    };
    restore(&|it| it.next_allocation = 0);
    let id = restore(&|it| it.next_allocation = it.allocations[1].id);
    assert!(matches!(id, RestoreError::Id { .. }), "{id}");
    let id = restore(&|it| it.allocations[1].id = it.allocations[0].id);
    assert!(matches!(id, RestoreError::RepeatedId { .. }), "{id}");
    let overlap = restore(&|it| {
        let copied = &it.allocations[1];
        let (address, kind, size) = (copied.address, copied.kind, copied.size);
        let other = &mut it.allocations[2];
        (other.address, other.kind, other.size) = (address, kind, size);
    });
    assert!(!overlap.to_string().is_empty());
    let unmanaged = restore(&|it| it.regions.iter_mut().for_each(|region| region.budget = None));
    assert!(matches!(unmanaged, RestoreError::ForeignRegion { .. }), "{unmanaged}");
    // Numbers that are not used up, owners and the like are the root's to say.
    assert_eq!(refused(|it| it.next_allocation += 1), SnapshotError::Root);
    assert_eq!(refused(|it| it.allocations[1].owner[31] ^= 1), SnapshotError::Root);
}

#[test]
fn regions_of_the_allocator_are_as_it_opens_them() {
    let managed = |edit: fn(&mut super::record::RegionRecord)| {
        refused(|it| edit(it.regions.iter_mut().find(|region| region.number == 3).unwrap()))
    };
    let error = SnapshotError::ManagedRegion { region: 3 };
    assert_eq!(managed(|region| region.permissions = Permissions::READ.bits()), error);
    assert_eq!(managed(|region| region.flags = 1), error);
    let ranges = managed(|region| {
        let permissions = region.permissions;
        region.ranges = Some(vec![super::record::RangeRecord { first: 0, end: 9, permissions }]);
    });
    assert_eq!(ranges, error);
    let more = managed(|region| region.budget.as_mut().unwrap().planes += 1);
    assert_eq!(more, SnapshotError::Root);
    for broken in [
        managed(|region| region.budget.as_mut().unwrap().planes = 65_537),
        managed(|region| region.budget.as_mut().unwrap().planes = 0),
        managed(|region| region.budget.as_mut().unwrap().recency = 17),
        managed(|region| region.cap.size = 1 << 31),
    ] {
        assert!(matches!(broken, SnapshotError::Allocations(_)), "{broken}");
    }
}
