//! What a verifier allocates is bounded by the length of the proof, whoever wrote it. A test program of its own, because it
//! counts all that is allocated.

#![allow(clippy::unwrap_used, reason = "everything here is a test, its helpers too")]

#[path = "../suite/twin.rs"]
#[allow(dead_code, reason = "the suite uses all of it")]
mod twin;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use travertine_merkle::layout::{PAGE_BYTES, REGION_BYTES};
use travertine_merkle::{Claim, MemoryProof, TransitionProof, verify_memory_proof, verify_transition_proof};
use twin::{Allocations, Cap, State, lcg, lcg_page, meta, record};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes allocated for each byte of the proof, counting everything that was allocated at any time: more than the most that
/// is held at once.
const FACTOR: usize = 5;
/// And for proofs of a few bytes.
const CONSTANT: usize = 1 << 14;

/// Bytes of a proven record.
const RECORD_BYTES: u64 = 112;
const _: () = assert!(size_of::<travertine_merkle::AllocationRecord>() as u64 == RECORD_BYTES);

#[track_caller]
fn bounded<T>(proof: usize, values: u64, verify: impl FnOnce() -> T) -> T {
    let region = Region::new(ALLOCATOR);
    let result = verify();
    let allocated = region.change().bytes_allocated;
    // A vector that grows is allocated twice over.
    let limit = FACTOR * proof + 2 * usize::try_from(values).unwrap() + CONSTANT;
    assert!(
        allocated <= limit,
        "{allocated} bytes for a proof of {proof} bytes and {values} bytes of values"
    );
    result
}

fn check(proof: &[u8], root: &[u8; 32], claims: &[Claim]) -> bool {
    let value = |claim: &Claim| match claim.kind {
        0 => claim.length,
        1 => 0,
        _ => RECORD_BYTES,
    };
    let values = claims.iter().map(value).sum();
    let valid = bounded(proof.len(), values, || verify_memory_proof(proof, root, claims).is_ok());
    // A proof that is refused yields no values.
    if !valid {
        bounded(proof.len(), 0, || verify_memory_proof(proof, root, claims).is_err());
    }
    valid
}

fn state(pages: u32) -> State {
    let page = |page: u32| (3 * page, lcg_page(u64::from(page)));
    let cap = Cap { size: 1 << 30, pages: (0..pages).map(page).collect(), ..Cap::default() };
    let allocations = Allocations((0..150).map(|slot| (7 * slot, record(slot))).collect());
    let small = Cap { size: PAGE_BYTES, pages: [(0, lcg_page(9))].into(), ..Cap::default() };
    State {
        regions: [(2, (meta(3, 3, 0), cap)), (7, (meta(4, 3, 0), small))].into(),
        allocations: Some(allocations),
        next_allocation: Some(1),
        settlements: Some(0),
    }
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn verifiers_allocate_in_proportion_to_the_proof() {
    let state = state(20);
    let root = state.root();
    let start = 2 * REGION_BYTES;
    let chunks: Vec<_> = (0..300).map(|at| Claim::bytes(start + at * 40_961, 1)).collect();
    for claims in [
        vec![Claim::bytes(start + 40, 8)],
        vec![Claim::region(9)],
        vec![Claim::bytes(start, 40 * PAGE_BYTES), Claim::region(2), Claim::bytes(7 * REGION_BYTES + 9, 100)],
        vec![Claim::bytes(start + 100 * PAGE_BYTES, 16 << 20)],
        chunks,
        vec![Claim::region(2); 65_536],
        vec![Claim::allocation(1); 65_536],
        (0..60_000).map(Claim::allocation).collect(),
    ] {
        let proof = MemoryProof::prove(&state, &claims).unwrap();
        let encoded = proof.encode().unwrap();
        assert!(check(&encoded, &root, &claims));
        for (at, step) in (0..encoded.len()).step_by(encoded.len() / 60 + 1).zip(1..) {
            let mut hostile = encoded.clone();
            hostile[at] ^= u8::try_from(step).unwrap();
            assert!(!check(&hostile, &root, &claims));
            check(&encoded[..at], &root, &claims);
        }
        // A short proof that claims as much as there may be; leaves at random; helpers without end.
        let greedy = [Claim::bytes(start, 16 << 20)];
        let random = |seed, count: usize| lcg(seed, count * 32).as_chunks().0.to_vec();
        let mut indices: Vec<_> =
            lcg(5, 8_000).as_chunks().0.iter().copied().map(u64::from_le_bytes).collect();
        indices.sort_unstable_by(|a, b| b.cmp(a));
        for (claims, edit) in [
            (&greedy[..], MemoryProof { claims: greedy.to_vec(), ..proof.clone() }),
            (&claims, MemoryProof { gindices: indices, leaves: random(6, 1000), ..proof.clone() }),
            (&claims, MemoryProof { helpers: random(7, 20_000), ..proof.clone() }),
        ] {
            assert!(!check(&edit.encode().unwrap(), &root, claims));
        }
    }
    transitions(&state);
}

fn transitions(old: &State) {
    for changed in [0, 1, 30, 150] {
        let mut new = State { settlements: Some(1), next_allocation: Some(77), ..old.clone() };
        let mut pages: Vec<_> = (0..changed).map(|page| (2, 7 * page)).collect();
        for &(region, page) in &pages {
            new.regions.get_mut(&region).unwrap().1.pages.insert(page, lcg_page(1000 + u64::from(page)));
        }
        // Records change, and a region with as many pages appears.
        let records = &mut new.allocations.as_mut().unwrap().0;
        records.extend((0..u64::from(changed.min(30))).map(|slot| (3 * slot, record(5000 + slot))));
        let opened = (0..changed).map(|page| (5 * page, lcg_page(3000 + u64::from(page)))).collect();
        new.regions.insert(9, (meta(4, 3, 0), Cap { size: REGION_BYTES, pages: opened, ..Cap::default() }));
        pages.extend((0..changed).map(|page| (9, 5 * page)));
        let (old_root, new_root) = (old.root(), new.root());
        let encoded = TransitionProof::prove(old, &new, pages).unwrap().encode().unwrap();
        let check = |proof: &[u8]| {
            bounded(proof.len(), 0, || verify_transition_proof(proof, &old_root, &new_root).is_ok())
        };
        assert!(check(&encoded));
        for at in (0..encoded.len()).step_by(encoded.len() / 60 + 1) {
            let mut hostile = encoded.clone();
            hostile[at] ^= 0x41;
            assert!(!check(&hostile) && !check(&encoded[..at]));
        }
    }
}
