//! Snapshots that are cut or mutated, also with a checksum that matches: refused, or a state that is what it says.

use travertine_tests::Random;
use travertine_tests::fixtures::{self, Console, Fixture};
use travertine_vm::{Call, Engine, SNAPSHOT_HEADER_BYTES, SnapshotError, State};

use crate::mutate::{index, mutant};
use crate::snapshot_errors::seal;
use crate::{alone, bounded};

const MUTANTS: usize = 3_000;
/// Bytes at the end of a record in which everything but pages lies.
const TAIL: usize = 600;

/// Reads a snapshot; if that gives a state, calls a machine with it. Says why it was refused.
fn examine(fixture: &Fixture, snapshot: &[u8]) -> Result<(), SnapshotError> {
    let state = bounded(snapshot.len(), || State::from_snapshot(snapshot))?;
    let again = State::from_snapshot(&state.to_snapshot().unwrap()).unwrap();
    assert_eq!(again.root(), state.root());
    let engine = Engine::default();
    let program = engine.load(&fixture.elf).unwrap();
    if let Ok(mut machine) = engine.restore(&program, state) {
        // The program and every page's permissions are those of the fixture: it must answer.
        let call = Call::new([4], 1_000_000);
        machine.call(&call, &mut Console::default()).unwrap();
    }
    Ok(())
}

#[test]
fn every_prefix_of_a_snapshot_is_refused() {
    let _alone = alone();
    let fixture = fixtures::named("counter");
    let snapshot = fixture.settled().state().to_snapshot().unwrap();
    assert_eq!(examine(&fixture, &snapshot), Ok(()));
    for length in 0..snapshot.len() {
        assert!(examine(&fixture, &snapshot[..length]).is_err(), "{length} bytes");
        if let Some(record) = snapshot[..length].get(SNAPSHOT_HEADER_BYTES..) {
            let resealed = examine(&fixture, &seal(record));
            assert!(resealed.is_err(), "{length} bytes with their own checksum");
        }
    }
}

#[test]
fn mutated_snapshots_are_refused_by_their_checksum() {
    let _alone = alone();
    let mut random = Random::new(5);
    let fixture = fixtures::named("token");
    let snapshot = fixture.settled().state().to_snapshot().unwrap();
    for number in 0..MUTANTS {
        let mut mutant = mutant(&mut random, &snapshot, SNAPSHOT_HEADER_BYTES, 40);
        if random.chance(20) {
            mutant.truncate(index(&mut random, mutant.len() + 1));
        }
        assert_eq!(examine(&fixture, &mutant).is_ok(), mutant == snapshot, "mutant {number}");
    }
}

#[test]
fn mutated_records_with_a_matching_checksum_are_refused_or_true() {
    let _alone = alone();
    let mut random = Random::new(6);
    let fixture = fixtures::named("token");
    let root = fixture.settled().root();
    let snapshot = fixture.settled().state().to_snapshot().unwrap();
    let record = &snapshot[SNAPSHOT_HEADER_BYTES..];
    let mut seen = std::collections::BTreeMap::new();
    for number in 0..MUTANTS {
        // The record ends with what is not pages: mutate it from behind.
        let backwards: Vec<u8> = record.iter().rev().copied().collect();
        let mut mutant = mutant(&mut random, &backwards, TAIL, 85);
        mutant.reverse();
        if random.chance(5) {
            mutant.truncate(index(&mut random, mutant.len() + 1));
        }
        let sealed = seal(&mutant);
        let kind = match examine(&fixture, &sealed) {
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
