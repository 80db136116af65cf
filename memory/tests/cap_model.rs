//! Caps against a naive twin: a dense vector of pages that is hashed from scratch.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use travertine_memory::{DataCap, Page, PageBytes, PageSlot, SlabError};
use travertine_merkle::{Hash, ZERO_HASH, hash_pair, merkleize, uint64_chunk};

const GIB: u64 = 1 << 30;

/// A page that is told by one number; 0 is the zero page.
fn page(value: u8) -> Page {
    let mut bytes = PageBytes::zeroed();
    bytes[usize::from(value) * 16 + 7] = value;
    Page::new(bytes)
}

fn leaf(value: u8) -> Hash {
    if value == 0 {
        return ZERO_HASH;
    }
    let chunks: Vec<Hash> = page(value).bytes().chunks(32).map(|chunk| chunk.try_into().unwrap()).collect();
    merkleize(&chunks, 128)
}

/// The definition, word for word: pad, hash, mix the size in.
fn root(values: &[u8]) -> Hash {
    let leaves: Vec<Hash> = values.iter().map(|&value| leaf(value)).collect();
    hash_pair(&uint64_chunk(values.len() as u64 * 4096), &merkleize(&leaves, leaves.len() as u64))
}

fn bytes(values: &[u8]) -> Vec<u8> {
    values.iter().flat_map(|&value| page(value).bytes().to_vec()).collect()
}

/// One of the forms in which a page can be written.
fn slot(value: u8, form: u8) -> PageSlot {
    match form % 4 {
        0 => PageSlot::Loaded(page(value)),
        1 => page(value).into(),
        2 => PageSlot::Missing(leaf(value)),
        _ if value == 0 => PageSlot::Empty,
        _ => PageSlot::Loaded(page(value)),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write {
        page: prop::sample::Index,
        value: u8,
        form: u8,
    },
    Place {
        first: u32,
        values: Vec<u8>,
        dirty: bool,
    },
    Share,
    Flush,
    Resize {
        pages: u32,
    },
    /// Re-share with an earlier share, or with an unrelated cap.
    Rebase {
        share: prop::sample::Index,
        other: Vec<u8>,
    },
    /// Write the content of all pages that are known by their hash only.
    Load,
    /// Make the cap anew from its pages in other forms.
    FromPages {
        form: u8,
    },
    FromBytes,
}

fn values(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![2 => Just(0), 3 => 0..6u8], length)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<prop::sample::Index>(), 0..6u8, any::<u8>()).prop_map(|(page, value, form)| Step::Write { page, value, form }),
        2 => (0..45u32, values(1..12), any::<bool>()).prop_map(|(first, values, dirty)| Step::Place { first, values, dirty }),
        1 => Just(Step::Share),
        2 => Just(Step::Flush),
        1 => (1..70_u32).prop_map(|pages| Step::Resize { pages }),
        1 => (any::<prop::sample::Index>(), values(1..40)).prop_map(|(share, other)| Step::Rebase { share, other }),
        1 => Just(Step::Load),
        1 => any::<u8>().prop_map(|form| Step::FromPages { form }),
        1 => Just(Step::FromBytes),
    ]
}

/// A cap with this content, half of it in the overlay if it is to be dirty.
fn cap(values: &[u8], dirty: bool) -> DataCap {
    let all = (0..).zip(values.iter().map(|&value| page(value).into()));
    if !dirty {
        return DataCap::from_pages(values.len() as u64 * 4096, all).unwrap();
    }
    let junk = (0..).zip(values.iter().map(|_| page(9).into())).step_by(2);
    let mut cap = DataCap::from_pages(values.len() as u64 * 4096, junk).unwrap();
    all.for_each(|(index, slot)| cap.write(index, slot).unwrap());
    cap
}

fn check(cap: &DataCap, twin: &[u8]) {
    for (index, &value) in (0..).zip(twin) {
        assert_eq!(cap.slot(index).leaf(), leaf(value), "page {index}");
    }
    let present: Vec<(u32, Hash)> =
        (0..).zip(twin).filter(|(_, value)| **value != 0).map(|(i, &v)| (i, leaf(v))).collect();
    let listed: Vec<(u32, Hash)> =
        cap.pages_in(0..u32::MAX).map(|(index, slot)| (index, slot.leaf())).collect();
    assert_eq!(listed, present);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_cap_is_a_vector_of_pages(start in values(1..40), steps in prop::collection::vec(step(), 0..30)) {
        let (mut cap, mut twin) = (cap(&start, false), start);
        let mut flushed = twin.clone();
        let mut shares = Vec::new();
        for step in steps {
            match step {
                Step::Write { page, value, form } => {
                    let index = page.index(twin.len());
                    cap.write(u32::try_from(index).unwrap(), slot(value, form)).unwrap();
                    twin[index] = value;
                }
                Step::Place { first, values, dirty } => {
                    let placed = cap.place_shared(first, &self::cap(&values, dirty));
                    let mut expected = 0;
                    for (place, value) in twin.iter_mut().skip(first as usize).zip(values) {
                        *place = value;
                        expected += 1;
                    }
                    prop_assert_eq!(placed, expected);
                }
                Step::Share => shares.push((cap.share(), twin.clone())),
                Step::Resize { pages } => {
                    cap.resize(u64::from(pages) * 4096).unwrap();
                    twin.resize(pages as usize, 0);
                    flushed.resize(pages as usize, 0);
                }
                Step::Rebase { share, other } if shares.is_empty() || other.len() % 2 == 0 => {
                    let _ = share;
                    cap.rebase(&self::cap(&other, false));
                }
                Step::Rebase { share, .. } => cap.rebase(&shares[share.index(shares.len())].0),
                Step::Load => {
                    for (index, &value) in (0..).zip(&twin) {
                        if matches!(cap.slot(index), PageSlot::Missing(_)) {
                            cap.write(index, page(value).into()).unwrap();
                        }
                    }
                }
                Step::FromPages { form } => {
                    let pages = (0..).zip(&twin).map(|(index, &value)| (index, slot(value, form.wrapping_add(value))));
                    cap = DataCap::from_pages(cap.size(), pages).unwrap();
                    flushed.clone_from(&twin);
                }
                Step::FromBytes => {
                    cap = DataCap::from_bytes(&bytes(&twin)).unwrap();
                    flushed.clone_from(&twin);
                }
                Step::Flush => {
                    let changes: Vec<_> = cap.flush().iter().map(|change| (change.page, change.old, change.new)).collect();
                    let expected: Vec<_> = (0..).zip(flushed.iter().zip(&twin)).filter(|(_, (old, new))| old != new)
                        .map(|(index, (&old, &new))| (index, leaf(old), leaf(new))).collect();
                    prop_assert_eq!(changes, expected);
                    prop_assert_eq!(cap.root(), Ok(root(&twin)));
                    flushed.clone_from(&twin);
                }
            }
            prop_assert_eq!(cap.root().is_ok(), cap.overlay_pages() == 0);
            check(&cap, &twin);
        }
        for (mut share, twin) in shares {
            check(&share, &twin);
            share.flush();
            prop_assert_eq!(share.root(), Ok(root(&twin)));
        }
    }

    /// Whatever the way in, equal content has an equal root.
    #[test]
    fn all_constructors_agree(twin in values(1..40)) {
        let expected = root(&twin);
        let size = twin.len() as u64 * 4096;
        let mut written = DataCap::empty(size).unwrap();
        for index in (0..twin.len()).rev() {
            written.write(u32::try_from(index).unwrap(), page(twin[index]).into()).unwrap();
        }
        written.flush();
        let mut placed = DataCap::empty(size).unwrap();
        placed.place_shared(0, &cap(&twin, true));
        placed.flush();
        let content = bytes(&twin);
        let used = content.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        for cap in [cap(&twin, false), written, placed, DataCap::from_bytes(&content).unwrap(),
            DataCap::from_bytes_sized(&content[..used], size).unwrap()] {
            prop_assert_eq!(cap.root(), Ok(expected));
            prop_assert_eq!(cap.size(), size);
        }
    }
}

#[test]
fn sizes_and_pages_outside_the_limits_are_refused() {
    for size in [0, 1, 4095, 4097, 4 * GIB + 1, 4 * GIB + 4096, u64::MAX] {
        assert_eq!(DataCap::empty(size).unwrap_err(), SlabError::Size { size });
    }
    assert_eq!(DataCap::empty(4 * GIB).unwrap().page_count(), 1 << 20);
    assert_eq!(DataCap::from_bytes_sized(&[], u64::MAX).unwrap_err(), SlabError::Size { size: u64::MAX });
    assert!(DataCap::from_bytes_sized(&[], 4 * GIB + 1).is_err());
    let outside = SlabError::PageOutOfRange { page: 2, page_count: 2 };
    assert_eq!(DataCap::from_pages(8192, [(2, page(1).into())]).unwrap_err(), outside);
    assert_eq!(DataCap::empty(8192).unwrap().write(2, PageSlot::Empty), Err(outside));
    let twice = [(1, page(1).into()), (1, page(2).into())];
    assert_eq!(DataCap::from_pages(8192, twice).unwrap_err(), SlabError::DuplicatePage { page: 1 });
}

#[test]
fn growing_is_instant_and_shrinking_forgets() {
    let mut cap = cap(&[1], false);
    let small = cap.root();
    cap.resize(4 * GIB).unwrap();
    assert_eq!(cap.root(), DataCap::from_pages(4 * GIB, [(0, page(1).into())]).unwrap().root());
    cap.write((1 << 20) - 1, page(2).into()).unwrap();
    assert_eq!(cap.flush().len(), 1);
    cap.write(7, page(3).into()).unwrap();
    cap.resize(4096).unwrap();
    assert_eq!(cap.overlay_pages(), 0, "what was written behind the end is dropped");
    assert_eq!(cap.root(), small);
    for size in [0, 4095, 4 * GIB + 4096, u64::MAX] {
        assert_eq!(cap.resize(size), Err(SlabError::Size { size }));
    }
    assert_eq!((cap.size(), cap.root()), (4096, small), "a refused size changes nothing");
    cap.resize(4 * GIB).unwrap();
    assert_eq!(cap.pages_in(0..u32::MAX).count(), 1, "what was dropped reads as zero");
}

#[test]
fn what_one_side_knows_the_other_learns() {
    let missing = |values: &[u8], form: u8| {
        let slots = (0..).zip(values).map(|(index, &value)| (index, slot(value, form)));
        DataCap::from_pages(values.len() as u64 * 4096, slots).unwrap()
    };
    let is_loaded = |cap: &DataCap, page| matches!(cap.slot(page), PageSlot::Loaded(_));
    let mut stub = missing(&[1, 2, 0, 3, 4], 2);
    let root = stub.root();
    stub.rebase(&missing(&[1, 5, 0, 3], 0));
    assert_eq!([0, 1, 3, 4].map(|page| is_loaded(&stub, page)), [true, false, true, false]);
    assert_eq!(stub.root(), root);

    let mut full = missing(&[1, 2, 0, 3, 4], 0);
    full.rebase(&missing(&[1, 2, 0, 3, 4], 2));
    assert_eq!([0, 1, 3, 4].map(|page| is_loaded(&full, page)), [true; 4], "nothing is unlearned");
    stub.rebase(&full);
    assert!(loaded(stub.slot(4)).unwrap().is_same_frame(&loaded(full.slot(4)).unwrap()));

    // Written content is learned, too, and is no change.
    let mut stub = missing(&[1, 2], 2);
    stub.write(1, slot(2, 0)).unwrap();
    assert_eq!((stub.flush(), is_loaded(&stub, 0), is_loaded(&stub, 1)), (vec![], false, true));
    assert_eq!(stub.root(), missing(&[1, 2], 0).root());
}

#[test]
fn placed_pages_are_shared_and_not_copied() {
    let image = cap(&[1, 0, 2, 3], false);
    let frames: Vec<Page> = image.pages_in(0..4).filter_map(|(_, slot)| loaded(slot)).collect();
    let instances: Vec<DataCap> = (0..100)
        .map(|_| {
            let mut instance = DataCap::empty(4 * GIB).unwrap();
            assert_eq!(instance.place_shared((1 << 20) - 3, &image), 3);
            instance.flush();
            instance
        })
        .collect();
    for instance in &instances {
        let placed: Vec<Page> = instance.pages_in(0..1 << 20).filter_map(|(_, slot)| loaded(slot)).collect();
        assert_eq!(placed.len(), 2);
        assert!(placed.iter().zip(&frames).all(|(placed, frame)| placed.is_same_frame(frame)));
    }
    let roots: BTreeSet<Hash> = instances.iter().map(|instance| instance.root().unwrap()).collect();
    assert_eq!(roots.len(), 1);
    assert_eq!(DataCap::empty(4096).unwrap().place_shared(1, &image), 0);
    assert_eq!(DataCap::empty(4096).unwrap().place_shared(u32::MAX, &image), 0);
}

fn loaded(slot: PageSlot) -> Option<Page> {
    if let PageSlot::Loaded(page) = slot { Some(page) } else { None }
}

#[test]
fn caps_and_pages_cross_threads() {
    fn crosses<T: Send + Sync>(value: T) -> Arc<T> {
        Arc::new(value)
    }
    crosses(cap(&[1], false));
    crosses(travertine_memory::Memory::new());
}
