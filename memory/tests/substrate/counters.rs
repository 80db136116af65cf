//! The counters: what is counted, where it is read, and that a dropped call has counted nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use travertine_memory::substrate::{NodeField, Transfers};
use travertine_memory::{DataCap, Memory, Permissions, Region, RegionKind};

use crate::{PAGE, header, small};

const EDGES: u64 = 0xF0_0000_2000;
const MATRIX_BYTES: u64 = 256 * 256 * 8;
const NODES: u64 = EDGES + 256 * PAGE;

fn memory() -> Memory {
    let mut memory = Memory::new();
    for number in [2, 3, 9] {
        let cap = DataCap::empty(1 << 16).unwrap();
        memory.insert(number, Region::new(RegionKind::State, Permissions::READ_WRITE, cap).unwrap()).unwrap();
    }
    let substrate = small(3, 1, 64);
    memory.begin_block(&substrate, &header(&substrate, true, 0), 0).unwrap();
    memory
}

fn load(memory: &mut Memory, address: u64) -> u64 {
    let plan = memory.plan_load(address, 8).expect("counters are readable");
    memory.load(plan)
}

#[derive(Debug, Clone)]
enum Step {
    Copy { from: u8, to: u8, length: u64 },
    Share { from: u8, to: u8 },
    Gather { to: u8, entries: Vec<(u8, u64)> },
    Scatter { from: u8, entries: Vec<(u8, u64)> },
    Settle,
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    let region = || prop::sample::select(vec![2_u8, 3, 9]);
    let entries = || prop::collection::vec((region(), 0_u64..600), 0..5);
    prop_oneof![
        4 => (region(), region(), 0_u64..5000).prop_map(|(from, to, length)| Step::Copy { from, to, length }),
        1 => (region(), region()).prop_map(|(from, to)| Step::Share { from, to }),
        2 => (region(), entries()).prop_map(|(to, entries)| Step::Gather { to, entries }),
        2 => (region(), entries()).prop_map(|(from, entries)| Step::Scatter { from, entries }),
        1 => Just(Step::Settle),
        1 => Just(Step::Drop),
    ]
}

fn at(region: u8, offset: u64) -> u64 {
    u64::from(region) << 32 | offset
}

/// Writes a list of entries to region 2.
fn list(memory: &mut Memory, entries: &[(u8, u64)]) -> u64 {
    let words = entries.iter().flat_map(|&(region, length)| [at(region, 0x2000), length]);
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    memory.poke(at(2, 0xf000), &bytes).unwrap();
    at(2, 0xf000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn transfers_are_counted_where_they_go(steps in prop::collection::vec(step(), 1..40)) {
        let mut memory = memory();
        let mut twin: BTreeMap<(u8, u8), Transfers> = BTreeMap::new();
        let mut settled = (memory.clone(), twin.clone());
        for step in steps {
            let mut count = |from, to, bytes: u64| {
                if bytes > 0 {
                    let edge = twin.entry((from, to)).or_default();
                    *edge = Transfers { count: edge.count + 1, bytes: edge.bytes + bytes };
                }
            };
            let plan = match step {
                Step::Copy { from, to, length } => {
                    count(from, to, length);
                    memory.plan_copy(at(to, 0x3001), at(from, 0x1003), length)
                }
                Step::Share { from, to } => {
                    count(from, to, 2 * PAGE);
                    memory.plan_share(at(to, 0x8000), at(from, 0x4000), 2 * PAGE)
                }
                Step::Gather { to, entries } => {
                    for &(from, bytes) in &entries {
 count(from, to, bytes);
}
                    let list = list(&mut memory, &entries);
                    memory.plan_gather(at(to, 0x5000), list, entries.len() as u64)
                }
                Step::Scatter { from, entries } => {
                    for &(to, bytes) in &entries {
 count(from, to, bytes);
}
                    let list = list(&mut memory, &entries);
                    memory.plan_scatter(at(from, 0x5000), list, entries.len() as u64)
                }
                Step::Settle => {
                    memory.settle();
                    settled = (memory.clone(), twin.clone());
                    continue;
                }
                Step::Drop => {
                    (memory, twin) = settled.clone();
                    continue;
                }
            };
            let plan = plan.unwrap();
            memory.load_missing(&plan).unwrap();
            memory.commit(plan);
        }
        for (from, to) in [2, 3, 9, 0xF0].into_iter().flat_map(|from| [2, 3, 9, 0xF0].map(|to| (from, to))) {
            let expected = twin.get(&(from, to)).copied().unwrap_or_default();
            prop_assert_eq!(memory.transfers(from, to), Ok(expected));
            let place = EDGES + (u64::from(from) * 256 + u64::from(to)) * 8;
            prop_assert_eq!(load(&mut memory, place), expected.count);
            prop_assert_eq!(load(&mut memory, place + MATRIX_BYTES), expected.bytes);
        }
        memory.settle();
        let all = |memory: &mut Memory, base: u64| {
            (0..256 * 256).map(|edge| load(memory, base + edge * 8)).fold(0_u64, u64::saturating_add)
        };
        prop_assert_eq!(all(&mut memory, EDGES), twin.values().map(|edge| edge.count).sum::<u64>());
        prop_assert_eq!(all(&mut memory, EDGES + MATRIX_BYTES), twin.values().map(|edge| edge.bytes).sum::<u64>());
    }
}

#[test]
fn records_of_regions_have_their_fields_in_order() {
    let mut memory = memory();
    memory.stage_counters(3).unwrap();
    for (number, field) in (1..).zip(NodeField::ALL) {
        memory.count_node(3, &[(field, number), (field, 10 * number)]);
        // Nothing is allocated, so no bytes are live, whatever is added.
        let expected = if field == NodeField::LiveBytes { 0 } else { 11 * number };
        assert_eq!(memory.node_counter(3, field), Ok(expected));
        assert_eq!(load(&mut memory, NODES + 3 * 64 + (number - 1) * 8), expected);
    }
    memory.count_node(3, &[(NodeField::GasSpent, u64::MAX)]);
    assert_eq!(memory.node_counter(3, NodeField::GasSpent), Ok(u64::MAX), "sums stay at the highest value");
    assert_eq!(memory.node_counter(2, NodeField::GasSpent), Ok(0));
}

#[test]
fn without_a_block_nothing_is_counted() {
    let mut memory = Memory::new();
    memory.stage_counters(3).unwrap();
    memory.count_node(3, &[(NodeField::Frees, 1)]);
    assert_eq!(
        (memory.node_counter(3, NodeField::Frees), memory.transfers(3, 3)),
        (Ok(0), Ok(Transfers::default()))
    );
}
