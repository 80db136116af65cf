//! The containers against those of the standard library, clones included.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Numbers below 2^`bits` that are often near each other and near the ends of words and of the range.
fn numbers(bits: u32) -> impl Strategy<Value = u32> {
    let end = 1_u32 << bits;
    prop_oneof![0..end, 0..130.min(end), Just(end - 1), (0..end / 64).prop_map(|word| word * 64 + 63)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_vector_keeps_what_was_written_and_clones_do_not_change(
        writes in prop::collection::vec((numbers(16), any::<u32>(), any::<bool>()), 1..200),
    ) {
        let mut vector = RadixVec::new(16);
        let mut expected = BTreeMap::new();
        let mut clones = Vec::new();
        for (index, value, clones_first) in writes {
            if value % 2 == 0 {
                vector.rest();
            }
            if clones_first {
                clones.push((vector.clone(), expected.clone()));
            }
            *vector.get_mut(index) = value;
            expected.insert(index, value);
        }
        clones.push((vector, expected));
        for (vector, expected) in clones {
            for index in (0..1 << 16).step_by(97).chain(expected.keys().copied()).chain([1 << 16, u32::MAX]) {
                prop_assert_eq!(*vector.get(index), expected.get(&index).copied().unwrap_or(0));
            }
        }
    }

    #[test]
    fn a_set_finds_neighbours(
        starts_full: bool,
        bits in prop::sample::select(vec![6, 7, 12, 13, 16, 20]),
        changes in prop::collection::vec((any::<u32>(), any::<bool>()), 1..200),
        asked in prop::collection::vec(any::<u32>(), 30),
    ) {
        let end = 1_u32 << bits;
        let mut set = if starts_full { BitSet::full(bits) } else { BitSet::empty(bits) };
        // The numbers that differ from the beginning.
        let mut changed = BTreeSet::new();
        for (number, present) in changes {
            let number = if number % 3 == 0 { number % end } else { number % 200 % end };
            if present { set.insert(number) } else { set.remove(number) }
            if number % 5 == 0 {
                set.rest();
            }
            if present == starts_full { changed.remove(&number) } else { changed.insert(number) };
        }
        let contains = |number: u32| changed.contains(&number) != starts_full;
        let len = u32::try_from(changed.len()).unwrap();
        prop_assert_eq!(set.len(), if starts_full { end - len } else { len });
        let near = changed.iter().flat_map(|number| number.saturating_sub(2)..(number + 3).min(end));
        let asked: Vec<u32> = asked.into_iter().map(|number| number % end).chain(near).collect();
        for number in asked {
            prop_assert_eq!(set.contains(number), contains(number));
            prop_assert_eq!(set.first_from(number), (number..end).find(|number| contains(*number)));
            prop_assert_eq!(set.last_to(number), (0..=number).rev().find(|number| contains(*number)));
        }
        prop_assert_eq!(set.first_from(end), None);
    }

    #[test]
    fn runs_are_found_where_a_scan_finds_them(
        changes in prop::collection::vec((numbers(16), 1_u32..300, any::<bool>(), 1_u32..700), 1..60),
    ) {
        let end = 1 << 16;
        let mut set = RunSet::full(16);
        let mut members = vec![true; end as usize];
        for (first, count, present, wanted) in changes {
            let count = count.min(end - first);
            if present { set.insert(first, count) } else { set.remove(first, count) }
            members[first as usize..][..count as usize].fill(present);
            let mut open = 0;
            let found = (0..end).find(|&number| {
                open = if members[number as usize] { open + 1 } else { 0 };
                open == wanted
            });
            prop_assert_eq!(set.first_run(wanted), found.map(|last| last + 1 - wanted));
            let length = members[first as usize..].iter().take_while(|member| **member).count();
            prop_assert_eq!(set.run_at(first, wanted), u32::try_from(length).unwrap().min(wanted));
        }
    }
}
