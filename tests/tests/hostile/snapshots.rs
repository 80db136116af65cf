//! Snapshots that are cut or mutated, also with a checksum that matches: refused, or a state that is what it says. A damaged
//! page is found when it is touched.

use travertine_memory::{DataCap, FaultReason, Page, PageBytes, PageSlot};
use travertine_tests::Random;
use travertine_tests::fixtures::{self, Console, Fixture};
use travertine_vm::{
    Call, Engine, MachineError, SNAPSHOT_HEADER_BYTES, Settlement, SnapshotError, State, open_cap_snapshot,
    snapshot_cap,
};

use crate::mutate::{index, mutant};
use crate::snapshot_parts::{Parts, pages_start, places};
use crate::{alone, bounded, bounded_by};

const MUTANTS: usize = 3_000;

/// A fixture, its settled state as a snapshot, and what it answers.
struct Subject {
    fixture: Fixture,
    snapshot: Vec<u8>,
    answer: Settlement,
}

fn call() -> Call {
    Call::new([4], 1_000_000)
}

impl Subject {
    fn new(name: &str) -> Self {
        let fixture = fixtures::named(name);
        let mut machine = fixture.settled();
        let snapshot = machine.state().to_snapshot().unwrap();
        let answer = machine.call(&call(), &mut Console::default()).unwrap();
        Self { fixture, snapshot, answer }
    }

    /// Reads a snapshot; if that gives a state, calls a machine with it, which must answer as the intact one does or lack a
    /// page. Says why it was refused, or which page is damaged.
    fn examine(&self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let state = bounded(snapshot.len(), || State::from_snapshot(snapshot))?;
        let checked = bounded(snapshot.len(), || state.check_pages());
        let engine = Engine::default();
        let program = engine.load(&self.fixture.elf).unwrap();
        if let Ok(mut machine) = engine.restore(&program, state.clone()) {
            // The program and every page's permissions are those of the fixture.
            match machine.call(&call(), &mut Console::default()) {
                Ok(settlement) => {
                    // The count of settlements is part of the root; the rest of the answer is the same.
                    assert_eq!(settlement.outcome, self.answer.outcome);
                    assert_eq!(settlement.receipt.output, self.answer.receipt.output);
                }
                Err(MachineError::MissingPage(fault)) => {
                    assert_eq!(fault.reason, FaultReason::WrongPage);
                    assert!(checked.is_err(), "a page that was sound is not");
                }
                Err(error) => panic!("{error}"),
            }
        }
        // What is damaged stays where it is, and is found again.
        let again = State::from_snapshot(&state.to_snapshot().unwrap()).unwrap();
        assert_eq!((again.root(), again.check_pages()), (state.root(), checked.clone()));
        checked
    }
}

#[test]
fn every_prefix_of_a_snapshot_is_refused() {
    let _alone = alone();
    let subject = Subject::new("counter");
    assert_eq!(subject.examine(&subject.snapshot), Ok(()));
    for length in 0..subject.snapshot.len() {
        assert!(State::from_snapshot(&subject.snapshot[..length]).is_err(), "{length} bytes");
    }
    let whole = Parts::of(&subject.snapshot);
    for length in 0..whole.record.len() {
        let parts = Parts { record: whole.record[..length].to_vec(), ..whole.clone() };
        assert!(subject.examine(&parts.snapshot()).is_err(), "a record of {length} bytes");
    }
    for stored in 0..whole.leaves.len() {
        let mut parts = whole.clone();
        parts.leaves.truncate(stored);
        parts.order.retain(|&place| (place as usize) < stored);
        parts.pages.truncate(4096 * stored);
        assert!(subject.examine(&parts.snapshot()).is_err(), "{stored} pages");
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_checksum_or_in_its_page() {
    let _alone = alone();
    let subject = Subject::new("counter");
    let pages = pages_start(&subject.snapshot);
    let mut flipped = subject.snapshot.clone();
    // Every byte before the pages; of the pages, a sample.
    for at in (0..pages).chain((pages..flipped.len()).step_by(61)) {
        flipped[at] ^= 1 << (at % 8);
        match subject.examine(&flipped) {
            Err(SnapshotError::DamagedPage { .. }) => assert!(at >= pages, "byte {at}"),
            Err(_) => assert!(at < pages, "byte {at}"),
            Ok(()) => panic!("byte {at} does not count"),
        }
        flipped[at] = subject.snapshot[at];
    }
}

#[test]
fn mutated_snapshots_are_refused_or_have_damaged_pages() {
    let _alone = alone();
    let mut random = Random::new(5);
    let subject = Subject::new("token");
    let pages = pages_start(&subject.snapshot);
    for number in 0..MUTANTS {
        let mut mutant = mutant(&mut random, &subject.snapshot, SNAPSHOT_HEADER_BYTES, 40);
        if random.chance(20) {
            mutant.truncate(index(&mut random, mutant.len() + 1));
        }
        let is_whole = mutant == subject.snapshot;
        let only_pages =
            mutant.len() == subject.snapshot.len() && mutant[..pages] == subject.snapshot[..pages];
        match subject.examine(&mutant) {
            Ok(()) => assert!(is_whole, "mutant {number}"),
            Err(SnapshotError::DamagedPage { .. }) => assert!(only_pages && !is_whole, "mutant {number}"),
            Err(error) => assert!(!only_pages, "mutant {number}: {error}"),
        }
    }
}

#[test]
fn mutated_records_with_a_matching_checksum_are_refused_or_true() {
    let _alone = alone();
    let mut random = Random::new(6);
    let subject = Subject::new("token");
    let root = subject.fixture.settled().root();
    let whole = Parts::of(&subject.snapshot);
    let (_, record, record_end) = places(&subject.snapshot);
    assert_eq!(whole.record, subject.snapshot[record..record_end]);
    let mut seen = std::collections::BTreeMap::new();
    for number in 0..MUTANTS {
        let mut record = mutant(&mut random, &whole.record, whole.record.len(), 85);
        if random.chance(5) {
            record.truncate(index(&mut random, record.len() + 1));
        }
        let sealed = Parts { record, ..whole.clone() }.snapshot();
        let kind = match subject.examine(&sealed) {
            Ok(()) => {
                // What a root does not commit to is no part of the state: padding, permissions of single pages.
                assert_eq!(State::from_snapshot(&sealed).unwrap().root(), root, "mutant {number}");
                "valid"
            }
            Err(SnapshotError::Record(_)) => "malformed",
            Err(SnapshotError::Root) => "another root",
            Err(_) => "a rule broken",
        };
        *seen.entry(kind).or_insert(0) += 1;
    }
    // Each layer of the validation was reached.
    assert!(seen.len() == 4 && seen.values().all(|&count| count >= MUTANTS / 100), "{seen:?}");
}

/// Bytes that the tree over a cap may take for each byte of its snapshot: 8 bytes name a page, and a page that stands alone in
/// the largest region takes up to 20 nodes.
const PER_BYTE_OF_CAP: usize = 256;

#[test]
fn a_page_that_stands_everywhere_takes_no_more_memory_than_its_places() {
    let _alone = alone();
    let page = PageSlot::from(Page::new(PageBytes::starting_with(b"everywhere")));
    for (pages, stride) in [(1 << 16, 16), (1 << 10, 1 << 10), (1 << 18, 1)] {
        let places = (0..pages).map(|place| (place * stride, page.clone()));
        let cap = DataCap::from_pages(1 << 32, places).unwrap();
        let snapshot = snapshot_cap(&cap, None).unwrap().to_bytes();
        assert!(snapshot.len() < 4 * 4096 + 8 * pages as usize, "{} bytes", snapshot.len());
        let root = cap.root();
        drop(cap);
        let length = snapshot.len();
        let loaded = bounded_by(PER_BYTE_OF_CAP, length, || open_cap_snapshot(snapshot)).unwrap();
        assert_eq!(loaded.cap.root(), root);
    }
}
