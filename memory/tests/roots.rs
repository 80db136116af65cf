//! Roots of caps of 1 to 2^20 pages, whatever their history, against a naive twin and against `ssz_rs`.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;
use ssz_rs::prelude::{List, Merkleized, Vector};
use travertine_memory::{DataCap, Page, PageBytes, PageSlot};
use travertine_merkle::{Hash, ZERO_HASH, hash_pair, merkleize, mix_in_length, page_leaf, uint64_chunk};

/// Numbers of pages that are not zero, and what each of them holds, told by one number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Twin {
    page_count: u32,
    pages: BTreeMap<u32, u8>,
}

fn page(value: u8) -> Page {
    Page::new(PageBytes::starting_with(&[value; 77]))
}

fn leaf(value: u8) -> Hash {
    page_leaf(page(value).bytes())
}

impl Twin {
    fn size(&self) -> u64 {
        u64::from(self.page_count) * 4096
    }

    fn write(&mut self, page: u32, value: u8) {
        if value == 0 {
            self.pages.remove(&page)
        } else {
            self.pages.insert(page, value)
        };
    }

    fn resize(&mut self, page_count: u32) {
        self.page_count = page_count;
        self.pages.retain(|&page, _| page < page_count);
    }

    /// The root over a range of pages, of which there is a power of two, by the definition.
    fn pages_root(&self, range: Range<u32>) -> Hash {
        if range.len() == 1 {
            return self.pages.get(&range.start).map_or(ZERO_HASH, |&value| leaf(value));
        }
        let middle = range.start.midpoint(range.end);
        let (left, right) = (range.start..middle, middle..range.end);
        if self.pages.range(range).next().is_none() {
            // Both halves are zero: one will do.
            let half = self.pages_root(left);
            return hash_pair(&half, &half);
        }
        hash_pair(&self.pages_root(left), &self.pages_root(right))
    }

    fn root(&self) -> Hash {
        hash_pair(&uint64_chunk(self.size()), &self.pages_root(0..self.page_count.next_power_of_two()))
    }

    /// The pages in one of the forms that a way in may give them.
    fn slots(&self, form: u8) -> impl Iterator<Item = (u32, PageSlot)> {
        self.pages.iter().map(move |(&index, &value)| (index, slot(value, form.wrapping_add(value))))
    }

    fn cap(&self, form: u8) -> DataCap {
        DataCap::from_pages(self.size(), self.slots(form)).unwrap()
    }
}

fn slot(value: u8, form: u8) -> PageSlot {
    match form % 3 {
        0 => PageSlot::Loaded(page(value)),
        1 => PageSlot::Missing(leaf(value)),
        _ => page(value).into(),
    }
}

/// Half of all numbers are small, and powers of two and their neighbours come often.
fn page_count() -> impl Strategy<Value = u32> {
    prop_oneof![
        2 => 1..70_u32,
        2 => (0..=20_u32, 0..3_u32).prop_map(|(power, offset)| ((1 << power) + offset).saturating_sub(1).clamp(1, 1 << 20)),
        2 => 1..=1_u32 << 20,
    ]
}

fn twin() -> impl Strategy<Value = Twin> {
    let pages = prop::collection::vec((any::<prop::sample::Index>(), 1..6_u8), 0..40);
    (page_count(), pages).prop_map(|(page_count, pages)| {
        let place = |(page, value): (prop::sample::Index, u8)| (index(page, page_count), value);
        Twin { page_count, pages: pages.into_iter().map(place).collect() }
    })
}

/// A page of a cap: often one of the first or the last.
fn index(page: prop::sample::Index, page_count: u32) -> u32 {
    let near = u32::try_from(page.index(24)).unwrap().min(page_count - 1);
    match page.index(3) {
        0 => near,
        1 => page_count - 1 - near,
        _ => u32::try_from(page.index(page_count as usize)).unwrap(),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write { page: prop::sample::Index, value: u8, form: u8 },
    Flush,
    Place { first: prop::sample::Index, source: Twin, form: u8 },
    Share,
    Resize { page_count: u32 },
    RebaseOnShare,
    Rebase { other: Twin, form: u8 },
    Rebuild { form: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<prop::sample::Index>(), 0..6_u8, any::<u8>()).prop_map(|(page, value, form)| Step::Write { page, value, form }),
        2 => Just(Step::Flush),
        1 => (any::<prop::sample::Index>(), twin(), any::<u8>()).prop_map(|(first, source, form)| Step::Place { first, source, form }),
        1 => Just(Step::Share),
        2 => page_count().prop_map(|page_count| Step::Resize { page_count }),
        1 => Just(Step::RebaseOnShare),
        1 => (twin(), any::<u8>()).prop_map(|(other, form)| Step::Rebase { other, form }),
        1 => any::<u8>().prop_map(|form| Step::Rebuild { form }),
    ]
}

fn run(cap: &mut DataCap, twin: &mut Twin, share: &mut DataCap, step: Step) {
    match step {
        Step::Write { page, value, form } => {
            let index = index(page, twin.page_count);
            cap.write(index, slot(value, form)).unwrap();
            twin.write(index, value);
        }
        Step::Flush => {
            cap.flush();
            assert_eq!(cap.root(), Ok(twin.root()));
        }
        Step::Place { first, source, form } => {
            let first = index(first, twin.page_count);
            let count = cap.place_shared(first, &source.cap(form));
            assert_eq!(count, source.page_count.min(twin.page_count - first));
            twin.pages.retain(|page, _| !(first..first + count).contains(page));
            twin.pages.extend(source.pages.range(..count).map(|(page, &value)| (first + page, value)));
        }
        Step::Share => *share = cap.share(),
        Step::Resize { page_count } => {
            cap.resize(u64::from(page_count) * 4096).unwrap();
            twin.resize(page_count);
        }
        Step::RebaseOnShare => cap.rebase(share),
        Step::Rebase { other, form } => cap.rebase(&other.cap(form)),
        Step::Rebuild { form } => *cap = twin.cap(form),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Equal bytes have an equal root, whatever was done to get there.
    #[test]
    fn the_root_is_that_of_the_bytes_whatever_the_history(start in twin(), steps in prop::collection::vec(step(), 0..25)) {
        let (mut cap, mut twin) = (start.cap(0), start);
        let mut share = cap.share();
        for step in steps {
            run(&mut cap, &mut twin, &mut share, step);
        }
        cap.flush();
        let expected = twin.root();
        prop_assert_eq!(cap.root(), Ok(expected));
        for form in 0..3 {
            prop_assert_eq!(twin.cap(form).root(), Ok(expected));
        }
        let listed: Vec<(u32, Hash)> = cap.pages_in(0..u32::MAX).map(|(page, slot)| (page, slot.leaf())).collect();
        let expected: Vec<(u32, Hash)> = twin.pages.iter().map(|(&page, &value)| (page, leaf(value))).collect();
        prop_assert_eq!(listed, expected);
    }

    /// Another tree is another root: no two different contents or sizes meet.
    #[test]
    fn what_differs_has_another_root(a in twin(), b in twin()) {
        prop_assert_eq!(a.cap(0).root() == b.cap(0).root(), a == b);
    }
}

/// The root over `leaves` in a tree of `2^DEPTH` leaves, as `ssz_rs` computes it: that of a list, whose length is mixed in.
fn oracle<const LIMIT: usize>(leaves: &[Hash]) -> Hash {
    let leaves: Vec<Vector<u8, 32>> = leaves.iter().map(|leaf| leaf.to_vec().try_into().unwrap()).collect();
    let mut list: List<Vector<u8, 32>, LIMIT> = leaves.try_into().unwrap();
    list.hash_tree_root().unwrap().as_ref().try_into().unwrap()
}

/// For each depth of a cap's tree, 0 to 20.
#[rustfmt::skip]
const ORACLES: [fn(&[Hash]) -> Hash; 21] = [
    oracle::<0x1>, oracle::<0x2>, oracle::<0x4>, oracle::<0x8>, oracle::<0x10>, oracle::<0x20>, oracle::<0x40>,
    oracle::<0x80>, oracle::<0x100>, oracle::<0x200>, oracle::<0x400>, oracle::<0x800>, oracle::<0x1000>,
    oracle::<0x2000>, oracle::<0x4000>, oracle::<0x8000>, oracle::<0x1_0000>, oracle::<0x2_0000>, oracle::<0x4_0000>,
    oracle::<0x8_0000>, oracle::<0x10_0000>,
];

/// Compares a cap, the twin and `ssz_rs`. The list ends with the last page that is not zero: the padding is `ssz_rs`'s own.
fn compare_with_oracle(twin: &Twin) {
    let cap = twin.cap(0);
    let slab = cap.backing();
    let end = twin.pages.last_key_value().map_or(0, |(&last, _)| last + 1);
    let leaves: Vec<Hash> =
        (0..end).map(|page| twin.pages.get(&page).map_or(ZERO_HASH, |&value| leaf(value))).collect();
    let expected = ORACLES[slab.depth() as usize](&leaves);
    assert_eq!(mix_in_length(&slab.pages_root(), u64::from(end)), expected, "{twin:?}");
    assert_eq!(merkleize(&leaves, u64::from(twin.page_count)), slab.pages_root());
    assert_eq!(cap.root(), Ok(twin.root()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn ssz_rs_agrees(mut twin in twin()) {
        // Its cost is that of all pages up to the last one: a sparse cap of 2^20 pages takes it a while.
        twin.pages.retain(|&page, _| page < 1 << 14);
        compare_with_oracle(&twin);
    }
}

#[test]
fn ssz_rs_agrees_on_the_largest_caps() {
    for page_count in [0x8_0000, 0x8_0001, 0xF_FFFF, 0x10_0000] {
        let pages = [(0, 1), (1, 2), (0x7_FFFF, 3), (page_count - 2, 4), (page_count - 1, 5)];
        compare_with_oracle(&Twin { page_count, pages: pages.into() });
    }
}
