//! Generative regions on the machine, against bytes that are all there from the beginning: random calls of loads, stores, atomics
//! and bulk instructions, of which some fail; settlements, snapshots and proofs; on both engines in lockstep.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod allocated;
#[path = "../../../memory/tests/allocator_twin/placing.rs"]
#[allow(dead_code, reason = "only the allocator gives pages other numbers")]
mod placing;
mod program;
mod twin;

use program::{Action, STEPS};
use travertine_memory::PageSlot;
use travertine_merkle::layout::PAGE_BYTES;
use travertine_merkle::{Claim, MemoryProof, Proven, TransitionProof, verify_memory_proof};
use travertine_tests::Random;
use travertine_tests::lockstep::{engine, lockstep};
use travertine_vm::{Call, Engine, EngineKind, Machine, Outcome, Program, State};
use twin::{REGIONS, Twin};

/// Programs, and calls of each.
const PROGRAMS: u64 = if cfg!(debug_assertions) { 12 } else { 40 };
const CALLS: u64 = 12;

/// What the tests must have seen, or they have tested nothing.
#[derive(Debug, Default)]
struct Tally {
    succeeded: u64,
    failed: u64,
    synthesized: u64,
    zero_pages: u64,
    restored: u64,
    transitions: u64,
}

fn restored(engine: &Engine, program: &Program, machine: &Machine) -> Machine {
    let snapshot = machine.state().to_snapshot().unwrap();
    let state = State::open_snapshot(snapshot.clone()).unwrap();
    assert_eq!(state.root(), machine.root());
    state.check_pages().unwrap();
    let machine = engine.restore(program, state).unwrap();
    assert_eq!(machine.state().to_snapshot().unwrap(), snapshot, "one state has one snapshot");
    machine
}

/// Compares all bytes, which pages have been written, and the regions' leaves.
fn assert_same(machine: &Machine, twin: &Twin, what: &str) {
    for (index, region) in REGIONS.iter().enumerate() {
        let (number, pages) = (region.number, region.pages);
        let mut bytes = vec![0; usize::try_from(pages * PAGE_BYTES).unwrap()];
        machine.peek(region.base(), &mut bytes).unwrap();
        assert!(bytes == twin.bytes[index], "{what}: the bytes of region {number:#x}");
        let memory = machine.state().memory();
        let cap = memory.region(number).unwrap().cap();
        if region.synthesis.is_some() {
            let is_stored = |page: &u32| !matches!(cap.slot(*page), PageSlot::Empty);
            let stored: Vec<u32> = (0..cap.page_count()).filter(is_stored).collect();
            assert!(stored.iter().eq(&twin.stored[index]), "{what}: written pages of region {number:#x}");
        }
        let leaf = twin.leaf(index, memory.region(number).unwrap().permissions().bits());
        assert_eq!(memory.region_leaf(number).unwrap(), leaf, "{what}: the leaf of region {number:#x}");
    }
}

/// Proves random bytes of all regions at once, and refuses the proof with any of some bits flipped.
fn assert_proven(machine: &Machine, twin: &Twin, random: &mut Random) {
    let claims: Vec<Claim> = (0..=random.below(4))
        .map(|_| {
            let region = random.pick(&REGIONS);
            let start = random.below(region.pages * PAGE_BYTES);
            let longest = (region.pages * PAGE_BYTES - start).min(random.pick(&[1, 70, 9_000]));
            Claim::bytes(region.base() + start, 1 + random.below(longest))
        })
        .collect();
    let mut proof = machine.state().prove(&claims).unwrap().encode().unwrap();
    let root = machine.root();
    let proven = verify_memory_proof(&proof, &root, &claims).unwrap();
    for (claim, value) in claims.iter().zip(&proven) {
        assert_eq!(value.bytes().unwrap(), twin.peek(claim.address, claim.length), "{claim:?}");
        let Proven::Bytes { region, .. } = value else { unreachable!("bytes were claimed") };
        let made = REGIONS.iter().find(|one| one.base() >> 32 == claim.address >> 32).unwrap().synthesis;
        assert_eq!(region.generator.map(|made| made.seed), made.map(|made| made.seed));
    }
    assert_eq!(MemoryProof::decode(&proof).unwrap().encode().unwrap(), proof);
    for _ in 0..20 {
        let bit = random.below(8 * proof.len() as u64);
        let at = usize::try_from(bit / 8).unwrap();
        proof[at] ^= 1 << (bit % 8);
        assert!(verify_memory_proof(&proof, &root, &claims).is_err(), "bit {bit} is flipped");
        proof[at] ^= 1 << (bit % 8);
    }
}

fn play(seed: u64, tally: &mut Tally) {
    let mut random = Random::new(seed);
    let engines = (engine(EngineKind::Reference), engine(EngineKind::Threaded));
    let actions: [Action; STEPS] = std::array::from_fn(|_| random.pick(&Action::ALL));
    let program = program::program(&actions);
    let mut machines = (engines.0.instantiate(&program), engines.1.instantiate(&program));
    let mut twin = Twin::new();
    for call in 0..CALLS {
        let what = format!("program {seed}, call {call}");
        let (operands, input) = program::operands(&actions, &mut random);
        let before = machines.0.state().clone();
        let call = Call::new(input.clone(), 1 << 40);

        // Once alone, for the bill and the receipt; then both in lockstep, which may end early.
        let mut alone = machines.0.clone();
        let settlement = alone.call(&call, &mut travertine_vm::NoHost).unwrap();
        let mut after = twin.clone();
        let expected = after.call(&actions, &operands, &input);
        assert_eq!(settlement.outcome.is_success(), expected.is_ok(), "{what}: {}", settlement.outcome);
        assert_eq!(settlement.receipt.bill.memory, after.gas, "{what}: gas of memory");
        assert!(matches!(settlement.outcome, Outcome::Halted { .. } | Outcome::Trapped(_)), "{what}");
        lockstep(&mut machines.0, &mut machines.1, &call, &mut random).unwrap();
        // The lockstep may have run out of gas or been given up: its state is the old or the new one.
        assert!([before.root(), alone.root()].contains(&machines.0.root()), "{what}: in lockstep");
        machines = (alone.clone(), alone.clone());

        tally.synthesized += after.synthesized;
        if expected.is_ok() {
            tally.succeeded += 1;
            twin = after.settled();
            if !settlement.receipt.dirty_pages.is_empty() {
                let proof = before.prove_transition(alone.state(), &settlement.receipt).unwrap();
                let encoded = proof.encode().unwrap();
                TransitionProof::decode(&encoded).unwrap().verify(&before.root(), &alone.root()).unwrap();
                tally.transitions += 1;
            }
        } else {
            tally.failed += 1;
            assert_eq!(alone.root(), before.root(), "{what}: a call that failed leaves no trace");
        }
        assert_same(&alone, &twin, &what);
        assert_proven(&alone, &twin, &mut random);
        if random.chance(30) {
            machines.0 = restored(&engines.0, &program, &alone);
            machines.1 = restored(&engines.1, &program, &alone);
            tally.restored += 1;
        }
    }
    tally.zero_pages += twin.zero_pages();
}

#[test]
fn generative_regions_are_as_bytes_that_were_there_from_the_beginning() {
    let mut tally = Tally::default();
    for seed in 0..PROGRAMS {
        play(seed, &mut tally);
    }
    let Tally { succeeded, failed, synthesized, zero_pages, restored, transitions } = tally;
    let all = [succeeded, failed, synthesized, zero_pages, restored, transitions];
    assert!(all.iter().all(|&count| count >= PROGRAMS / 8), "{tally:?}");
}
