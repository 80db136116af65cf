//! The list of allocation records beside a naive twin, a map from slots to records.

#![allow(clippy::unwrap_used, reason = "everything here is a test, its helpers too")]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use proptest::collection::vec;
use proptest::prelude::*;
use ssz_rs::prelude::*;
use travertine_memory::{
    Allocation, AllocationFlags, Fragment, Fragments, RecordError, RecordList, RegionKind,
};
use travertine_merkle::layout::ALLOCATIONS_LIMIT;
use travertine_merkle::{
    GeneralizedIndex, Hash, ZERO_HASH, hash_pair, merkleize, mix_in_length, uint64_chunk,
};

type Twin = BTreeMap<u32, Allocation>;

/// An allocation whose fields all follow from `seed`, with 1 to 9 runs of frames.
fn allocation(seed: u64) -> Allocation {
    let fragment = |number: u64| Fragment {
        plane: u16::try_from((seed ^ number) % 65_536).unwrap(),
        first: u8::try_from(number % 8).unwrap(),
        frames: u8::try_from(1 + seed % 8).unwrap(),
    };
    let fragments: Vec<Fragment> = (0..=seed % 9).map(fragment).collect();
    let byte = seed.to_le_bytes()[0];
    Allocation {
        id: seed + 1,
        address: format!("3:{}:0x40", seed % 65_536).parse().unwrap(),
        size: 1 + seed % 5000,
        kind: RegionKind::ALL[usize::from(byte % 10)],
        flags: AllocationFlags::from_bits(byte),
        owner: [byte; 32],
        fragments: Fragments::from(&fragments[..]),
    }
}

// ---- The root, by an SSZ library ---------------------------------------------------------------------------------

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleRecord {
    id: u64,
    address: u64,
    size: u64,
    kind: u64,
    flags: u64,
    owner: Vector<u8, 32>,
    fragment_count: u64,
    fragments: Vector<u8, 32>,
}

fn bytes32(hash: &[u8]) -> Vector<u8, 32> {
    hash.to_vec().try_into().unwrap()
}

/// The root of a vector of so many words.
fn words_root<const WORDS: usize>(words: &[u64]) -> Vector<u8, 32> {
    let mut vector: Vector<u64, WORDS> = words.to_vec().try_into().unwrap();
    bytes32(vector.hash_tree_root().unwrap().as_ref())
}

/// The root of a record, by `ssz_rs`. The runs of frames are a vector of words there, whose length is part of its type.
fn oracle_root(record: &Allocation) -> Hash {
    let words: Vec<u64> = record
        .fragments
        .iter()
        .map(|fragment| {
            u64::from(fragment.plane) + (u64::from(fragment.first) << 32) + (u64::from(fragment.frames) << 40)
        })
        .collect();
    let fragments = match words.len() {
        1 => words_root::<1>(&words),
        2 => words_root::<2>(&words),
        3 => words_root::<3>(&words),
        4 => words_root::<4>(&words),
        5 => words_root::<5>(&words),
        6 => words_root::<6>(&words),
        7 => words_root::<7>(&words),
        8 => words_root::<8>(&words),
        9 => words_root::<9>(&words),
        count => panic!("{count} runs"),
    };
    let mut oracle = OracleRecord {
        id: record.id,
        address: record.address.packed(),
        size: record.size,
        kind: record.kind.code().into(),
        flags: record.flags.bits().into(),
        owner: bytes32(&record.owner),
        fragment_count: words.len() as u64,
        fragments,
    };
    oracle.hash_tree_root().unwrap().as_ref().try_into().unwrap()
}

/// The root of the list, from all records anew.
fn twin_root(twin: &Twin) -> Hash {
    let length = twin.keys().next_back().map_or(0, |last| last + 1);
    let leaf = |slot| twin.get(&slot).map_or(ZERO_HASH, oracle_root);
    let leaves: Vec<Hash> = (0..length).map(leaf).collect();
    mix_in_length(&merkleize(&leaves, ALLOCATIONS_LIMIT), length.into())
}

// ---- Random operations -------------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Operation {
    Insert(u64),
    InsertMany(u64, usize),
    InsertAt(u32, u64),
    Replace(u32, u64),
    Remove(u32),
    RemoveRange(u32, u32),
    Rest,
    Root,
    /// Goes on with a clone, and later back to this.
    Clone,
    Revert,
}

/// Slots near the boundaries of the tree's nodes as often as not, and now and then out of range.
fn any_slot() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0..200_u32,
        2 => (0..3_u32, 0..3_u32).prop_map(|(node, near)| (4096 << (6 * node)) + near - 1),
        1 => 0..(1_u32 << 18),
        1 => Just((1 << 24) - 1),
        1 => prop_oneof![Just(1 << 24), Just(u32::MAX)],
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let seed = 0..1_000_000_u64;
    prop_oneof![
        4 => seed.clone().prop_map(Operation::Insert),
        1 => (seed.clone(), 1..150_usize).prop_map(|(seed, count)| Operation::InsertMany(seed, count)),
        2 => (any_slot(), seed.clone()).prop_map(|(slot, seed)| Operation::InsertAt(slot, seed)),
        3 => (any_slot(), seed).prop_map(|(slot, seed)| Operation::Replace(slot, seed)),
        4 => any_slot().prop_map(Operation::Remove),
        1 => (0..100_u32, 1..150_u32).prop_map(|(first, count)| Operation::RemoveRange(first, count)),
        1 => Just(Operation::Rest),
        2 => Just(Operation::Root),
        1 => Just(Operation::Clone),
        1 => Just(Operation::Revert),
    ]
}

fn lowest_free(twin: &Twin) -> u32 {
    (0..=u32::MAX).find(|slot| !twin.contains_key(slot)).unwrap()
}

fn insert(list: &mut RecordList, twin: &mut Twin, seed: u64) {
    let free = lowest_free(twin);
    assert_eq!(list.lowest_free(), Some(free));
    assert_eq!(list.insert(allocation(seed)), Ok(free));
    twin.insert(free, allocation(seed));
}

fn check(list: &RecordList, twin: &Twin) {
    assert_eq!(list.len() as usize, twin.len());
    assert_eq!(list.is_empty(), twin.is_empty());
    assert_eq!(list.slots(), twin.keys().next_back().map_or(0, |last| last + 1));
    assert_eq!(list.lowest_free(), Some(lowest_free(twin)));
    assert!(list.iter().eq(twin.iter().map(|(&slot, record)| (slot, record))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 20 } else { 200 }))]

    #[test]
    fn lists_do_what_a_map_does(operations in vec(any_operation(), 0..60)) {
        let (mut list, mut twin) = (RecordList::new(), Twin::new());
        let mut kept = vec![];
        for operation in operations {
            match operation {
                Operation::Insert(seed) => insert(&mut list, &mut twin, seed),
                Operation::InsertMany(seed, count) => {
                    (0..count as u64).for_each(|number| insert(&mut list, &mut twin, seed + number));
                }
                Operation::InsertAt(slot, seed) => {
                    let expected = match twin.entry(slot) {
                        _ if u64::from(slot) >= ALLOCATIONS_LIMIT => Err(RecordError::NoSlot { slot }),
                        Entry::Occupied(_) => Err(RecordError::Occupied { slot }),
                        Entry::Vacant(free) => {
                            free.insert(allocation(seed));
                            Ok(())
                        }
                    };
                    prop_assert_eq!(list.insert_at(slot, allocation(seed)), expected);
                }
                Operation::Replace(slot, seed) => {
                    let before = twin.get_mut(&slot).map(|record| std::mem::replace(record, allocation(seed)));
                    prop_assert_eq!(list.replace(slot, allocation(seed)), before);
                }
                Operation::Remove(slot) => prop_assert_eq!(list.remove(slot), twin.remove(&slot)),
                Operation::RemoveRange(first, count) => {
                    for slot in first..first + count {
                        prop_assert_eq!(list.remove(slot), twin.remove(&slot));
                    }
                }
                Operation::Rest => list.rest(),
                Operation::Root => check(&list, &twin),
                Operation::Clone => kept.push((list.clone(), twin.clone(), list.root())),
                Operation::Revert => {
                    if let Some((old, old_twin, old_root)) = kept.pop() {
                        prop_assert_eq!(list == old, twin == old_twin);
                        prop_assert_eq!(list.root() == old_root, twin == old_twin);
                        (list, twin) = (old, old_twin);
                    }
                }
            }
            // Not after each operation: what has changed since the last root must add up.
            if matches!(operation, Operation::Root) && list.slots() < 1 << 19 {
                prop_assert_eq!(list.root(), twin_root(&twin));
            }
        }
        check(&list, &twin);
        let mut anew = RecordList::new();
        for (&slot, record) in &twin {
            anew.insert_at(slot, record.clone()).unwrap();
        }
        prop_assert!(anew == list && anew.root() == list.root(), "one content has one root");
        for (old, old_twin, old_root) in kept {
            check(&old, &old_twin);
            prop_assert_eq!(old.root(), old_root, "changes do not show in clones");
        }
    }

    /// Every node that a list has, down to the chunks, is that of its children; there are none elsewhere.
    #[test]
    fn nodes_are_the_parents_of_their_children(slots in vec(any_slot(), 1..20)) {
        let mut list = RecordList::new();
        for (slot, seed) in slots.iter().zip(0..) {
            let _ = list.insert_at(*slot, allocation(seed));
        }
        let node = |index: u64| list.node(GeneralizedIndex::new(index).unwrap());
        prop_assert_eq!(node(1), Some(list.root()));
        prop_assert_eq!(node(3), Some(uint64_chunk(list.slots().into())));
        prop_assert_eq!((node(6), node(7)), (None, None));
        for slot in slots.iter().map(|slot| u64::from(*slot) % ALLOCATIONS_LIMIT) {
            let leaf = 2 * ALLOCATIONS_LIMIT + slot;
            let record = u32::try_from(slot).ok().and_then(|slot| list.get(slot));
            prop_assert_eq!(node(leaf), Some(record.map_or(ZERO_HASH, oracle_root)));
            let chunks: Vec<_> = (0..8).map(|field| node(8 * leaf + field)).collect();
            prop_assert_eq!(chunks.iter().copied().collect::<Option<Vec<_>>>(), record.map(|it| it.record().chunks().to_vec()));
            prop_assert_eq!((node(16 * leaf), node(u64::MAX)), (None, None));
            let deepest = if record.is_some() { 4 * leaf + 3 } else { leaf / 2 };
            let path = std::iter::successors(Some(deepest), |index| Some(index / 2)).take_while(|index| *index > 0);
            for index in path {
                prop_assert_eq!(node(index), Some(hash_pair(&node(2 * index).unwrap(), &node(2 * index + 1).unwrap())));
            }
        }
    }
}

/// A subtree of 64 records becomes full, and free again; the lowest free slot is always taken.
#[test]
fn full_nodes_are_passed_over() {
    let mut list = RecordList::new();
    for slot in 0..5000 {
        assert_eq!(list.insert(allocation(slot)), Ok(u32::try_from(slot).unwrap()));
    }
    for slot in [4999, 4096, 4095, 64, 63, 0] {
        list.remove(slot).unwrap();
        assert_eq!(list.lowest_free(), Some(slot));
    }
    for slot in [0, 63, 64, 4095, 4096, 4999, 5000] {
        assert_eq!(list.insert(allocation(7)), Ok(slot));
    }
}

#[test]
fn the_last_slot_is_the_last() {
    let mut records = RecordList::new();
    let last = u32::try_from(ALLOCATIONS_LIMIT - 1).unwrap();
    records.insert_at(last, allocation(1)).unwrap();
    assert_eq!((u64::from(records.slots()), records.lowest_free()), (ALLOCATIONS_LIMIT, Some(0)));
    let no_slot = Err(RecordError::NoSlot { slot: last + 1 });
    assert_eq!(records.insert_at(last + 1, allocation(1)), no_slot);
    assert_eq!(records.get(last + 1), None);
    assert_eq!(records.replace(u32::MAX, allocation(1)), None);
    assert_eq!(records.remove(last + 1), None);
}
