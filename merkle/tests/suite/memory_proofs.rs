//! Memory proofs of random sparse states: what is proven is what the naive twin holds, and nothing else passes.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use travertine_merkle::layout::{ALLOCATIONS_LIMIT, PAGE_BYTES, REGION_BYTES, REGION_PAGES};
use travertine_merkle::{
    CapContent, Claim, Hash, MemoryProof, Proven, SingleProof, StateTree, VerifyError, layout,
    verify_memory_proof,
};

use crate::twin::{Allocations, Cap, Page, State, lcg_page, meta, record};

const PAGE_COUNTS: [u64; 7] = [1, 2, 3, 5, 8, 257, REGION_PAGES];

pub(crate) fn any_page() -> impl Strategy<Value = Page> {
    prop_oneof![
        2 => any::<u64>().prop_map(lcg_page),
        1 => (0..4096_usize, 1..=255_u8).prop_map(|(at, value)| {
            let mut page = [0; 4096];
            page[at] = value;
            page
        }),
        1 => Just([0; 4096]),
    ]
}

fn any_cap() -> impl Strategy<Value = Cap> {
    (select(&PAGE_COUNTS), vec((any::<Index>(), any_page()), 0..5)).prop_map(|(count, pages)| {
        let count = usize::try_from(count).unwrap();
        let pages = pages.into_iter().map(|(at, page)| (u32::try_from(at.index(count)).unwrap(), page));
        Cap { size: count as u64 * PAGE_BYTES, pages: pages.collect(), ..Cap::default() }
    })
}

pub(crate) fn any_state() -> impl Strategy<Value = State> {
    let header = (0..9_u8, any::<u8>(), 0..1_u64 << 48)
        .prop_map(|(kind, permissions, flags)| meta(kind, permissions, flags));
    let regions = btree_map(any::<u8>(), (header, any_cap()), 1..4);
    (regions, any_allocations()).prop_map(|(regions, allocations)| State {
        regions,
        allocations: Some(allocations),
        next_allocation: Some(1),
        settlements: Some(0),
    })
}

/// Few records or none, in the first slots and anywhere.
pub(crate) fn any_allocations() -> impl Strategy<Value = Allocations> {
    let slot = prop_oneof![0..10_u64, 0..ALLOCATIONS_LIMIT, Just(ALLOCATIONS_LIMIT - 1)];
    btree_map(slot, any::<u64>().prop_map(record), 0..5).prop_map(Allocations)
}

/// A claim that holds in the state: somewhere in a region, near a stored page as often as not, or about a region.
#[derive(Debug, Clone)]
struct ClaimSeed {
    kind: u64,
    number: u8,
    region: Index,
    near: Option<(Index, u64)>,
    start: u64,
    length: u64,
}

fn any_claim_seed() -> impl Strategy<Value = ClaimSeed> {
    let near = prop::option::of((any::<Index>(), 0..3 * PAGE_BYTES));
    let place = (0..3_u64, any::<u8>(), any::<Index>(), near);
    (place, any::<u64>(), 1..3 * PAGE_BYTES).prop_map(|((kind, number, region, near), start, length)| {
        ClaimSeed { kind, number, region, near, start, length }
    })
}

impl ClaimSeed {
    fn claim(&self, state: &State) -> Claim {
        let (region, (_, cap)) = state.regions.iter().nth(self.region.index(state.regions.len())).unwrap();
        if self.kind == 2 {
            let records = &state.allocations.as_ref().unwrap().0;
            let slot = match records.len() {
                length @ 1.. if self.number < 128 => *records.keys().nth(self.region.index(length)).unwrap(),
                _ => self.start % if self.number < 192 { 10 } else { ALLOCATIONS_LIMIT },
            };
            return Claim::allocation(u32::try_from(slot).unwrap());
        }
        if self.kind == 1 {
            return Claim::region(if self.number < 128 { *region } else { self.number });
        }
        let start = match &self.near {
            Some((page, offset)) if !cap.pages.is_empty() => {
                let page = cap.pages.keys().nth(page.index(cap.pages.len())).unwrap();
                (u64::from(*page) * PAGE_BYTES + offset).saturating_sub(PAGE_BYTES)
            }
            _ => self.start,
        } % cap.size;
        Claim::bytes(u64::from(*region) * REGION_BYTES + start, self.length.min(cap.size - start))
    }
}

/// A state and claims that hold in it.
fn any_case() -> impl Strategy<Value = (State, Vec<Claim>)> {
    (any_state(), vec(any_claim_seed(), 1..6)).prop_map(|(state, seeds)| {
        let claims = seeds.iter().map(|seed| seed.claim(&state)).collect();
        (state, claims)
    })
}

/// What the state says of a claim.
fn expected(state: &State, claim: &Claim) -> Proven {
    if claim.kind == 2 {
        let records = &state.allocations.as_ref().unwrap().0;
        return Proven::Allocation(records.get(&claim.address).copied().map(Box::new));
    }
    let region = u8::try_from(claim.address >> 32).unwrap();
    let header = state.region(region);
    if claim.kind == 1 {
        return Proven::Region(header);
    }
    let data = state.regions[&region].1.bytes(claim.address % REGION_BYTES, claim.length);
    Proven::Bytes { data, region: header.unwrap() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_proof_verifies_and_returns_what_the_state_holds((state, claims) in any_case()) {
        let proof = MemoryProof::prove(&state, &claims).unwrap();
        let encoded = proof.encode().unwrap();
        let values = verify_memory_proof(&encoded, &state.root(), &claims).unwrap();
        prop_assert_eq!(values, claims.iter().map(|claim| expected(&state, claim)).collect::<Vec<_>>());
    }

    #[test]
    fn proofs_of_another_root_or_other_claims_fail((state, claims) in any_case(), which: Index, bit in 0..192_usize, root_bit in 0..256_usize) {
        let proof = MemoryProof::prove(&state, &claims).unwrap();
        let mut root = state.root();
        root[root_bit / 8] ^= 1 << (root_bit % 8);
        prop_assert_eq!(proof.verify(&root, &claims), Err(VerifyError::OtherRoot));
        let mut relabelled = proof.clone();
        relabelled.root = root;
        prop_assert!(relabelled.verify(&root, &claims).is_err());

        let mut others = claims.clone();
        let claim = &mut others[which.index(claims.len())];
        let field = [&mut claim.kind, &mut claim.address, &mut claim.length].into_iter().nth(bit / 64).unwrap();
        *field ^= 1 << (bit % 64);
        prop_assert_eq!(proof.verify(&state.root(), &others), Err(VerifyError::OtherClaims));
        // Another claim may be provable by the same leaves, but then its value is the true one.
        let mut reclaimed = proof.clone();
        reclaimed.claims = others.clone();
        if let Ok(values) = reclaimed.verify(&state.root(), &others) {
            prop_assert_eq!(values, others.iter().map(|claim| expected(&state, claim)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn surplus_missing_and_reordered_nodes_fail((state, claims) in any_case(), list in 0..3_u8, at: Index, other: Index) {
        let proof = MemoryProof::prove(&state, &claims).unwrap();
        let root = state.root();
        let edit = |edit: &dyn Fn(&mut Vec<Hash>, &mut Vec<u64>)| {
            let mut edited = proof.clone();
            let nodes = if list == 0 { &mut edited.helpers } else { &mut edited.leaves };
            if !nodes.is_empty() {
                edit(nodes, &mut edited.gindices);
            }
            (edited != proof).then(|| edited.verify(&root, &claims))
        };
        let with_indices = list == 2;
        let duplicated = edit(&|nodes, indices| {
            let at = at.index(nodes.len());
            nodes.insert(at, nodes[at]);
            if with_indices {
                indices.insert(at, indices[at]);
            }
        });
        let removed = edit(&|nodes, indices| {
            let at = at.index(nodes.len());
            nodes.remove(at);
            if with_indices {
                indices.remove(at);
            }
        });
        let swapped = edit(&|nodes, indices| {
            let (a, b) = (at.index(nodes.len()), other.index(nodes.len()));
            nodes.swap(a, b);
            if with_indices {
                indices.swap(a, b);
            }
        });
        for verdict in [duplicated, removed, swapped].into_iter().flatten() {
            prop_assert!(verdict.is_err(), "{:?}", verdict);
        }
    }

    #[test]
    fn truncated_and_extended_proofs_fail((state, claims) in any_case(), cut: Index, tail in vec(any::<u8>(), 1..100)) {
        let encoded = MemoryProof::prove(&state, &claims).unwrap().encode().unwrap();
        let root = state.root();
        prop_assert!(verify_memory_proof(&encoded[..cut.index(encoded.len())], &root, &claims).is_err());
        let extended = [&encoded[..], &tail].concat();
        prop_assert!(verify_memory_proof(&extended, &root, &claims).is_err());
        let repeated = [&encoded[..], &encoded].concat();
        prop_assert!(verify_memory_proof(&repeated, &root, &claims).is_err());
    }

    #[test]
    fn single_proofs_from_the_state_root_hold_the_same_content((state, claims) in any_case()) {
        let root = state.root();
        for claim in claims.iter().filter(|claim| claim.kind == 0) {
            let (region, offset) = layout::split_address(claim.address).unwrap();
            let cap = &state.regions[&region].1;
            let places = layout::CapLayout::new(layout::cap(region), cap.size).unwrap();
            let page = layout::page_number(offset);
            let (index, content) = if cap.page_is_zero(page) {
                (places.page(page).unwrap(), CapContent::ZeroPage)
            } else {
                let chunk = cap.bytes(u64::from(offset) / 32 * 32, 32);
                (places.chunk(offset).unwrap(), CapContent::Chunk(chunk.try_into().unwrap()))
            };
            let proof = SingleProof::prove(&state, index).unwrap();
            prop_assert_eq!(proof.verify_in_state(&root, claim.address), Ok(content));
            prop_assert!(proof.verify_in_state(&root, claim.address ^ 1 << 32).is_err());
            prop_assert!(proof.verify_in_cap(&cap.root(), offset).is_err());
        }
    }
}

/// A state of four regions, one of them of 4 GiB.
pub(crate) fn sample_state() -> State {
    let cap = |pages: u64, stored: &[u32]| Cap {
        size: pages * PAGE_BYTES,
        pages: stored.iter().map(|&page| (page, lcg_page(u64::from(page)))).collect(),
        ..Cap::default()
    };
    State {
        regions: [
            (1, (meta(2, 5, 0), cap(3, &[0, 2]))),
            (2, (meta(3, 3, 0), cap(1, &[0]))),
            (3, (meta(4, 3, 1 << 47), cap(REGION_PAGES, &[0, 123_456, 1_048_575]))),
            (255, (meta(6, 7, 2), cap(257, &[]))),
        ]
        .into(),
        allocations: Some(Allocations([0, 2, 77].map(|slot| (slot, record(slot))).into())),
        next_allocation: Some(78),
        settlements: Some(40),
    }
}

#[test]
fn every_single_bit_flip_fails() {
    let state = sample_state();
    let root = state.root();
    let four_gib = 3 * REGION_BYTES;
    let cases = [
        vec![Claim::bytes(2 * REGION_BYTES + 100, 8)],
        vec![Claim::bytes(REGION_BYTES + 4090, 12), Claim::region(7)],
        vec![Claim::bytes(four_gib + 123_457 * 4096 - 40, 80), Claim::bytes(four_gib + REGION_BYTES - 1, 1)],
        vec![Claim::region(255), Claim::region(0), Claim::bytes(255 * REGION_BYTES + 5000, 9000)],
        vec![Claim::allocation(2)],
        vec![Claim::allocation(1)],
        vec![Claim::allocation(78)],
        vec![Claim::allocation(77), Claim::region(2), Claim::allocation(76), Claim::allocation(1 << 23)],
    ];
    for claims in cases {
        let mut encoded = MemoryProof::prove(&state, &claims).unwrap().encode().unwrap();
        assert!(verify_memory_proof(&encoded, &root, &claims).is_ok());
        for bit in 0..encoded.len() * 8 {
            encoded[bit / 8] ^= 1 << (bit % 8);
            assert!(verify_memory_proof(&encoded, &root, &claims).is_err(), "bit {bit} of {claims:?}");
            encoded[bit / 8] ^= 1 << (bit % 8);
        }
        for end in 0..encoded.len() {
            assert!(
                verify_memory_proof(&encoded[..end], &root, &claims).is_err(),
                "{end} bytes of {claims:?}"
            );
        }
    }
}

#[test]
fn shared_leaves_and_helpers_appear_once() {
    let state = sample_state();
    let start = 2 * REGION_BYTES;
    let once = MemoryProof::prove(&state, &[Claim::bytes(start, 64)]).unwrap();
    let overlapping =
        [Claim::bytes(start, 40), Claim::bytes(start + 20, 44), Claim::region(2), Claim::bytes(start, 64)];
    let many = MemoryProof::prove(&state, &overlapping).unwrap();
    assert_eq!((many.gindices, many.leaves, many.helpers), (once.gindices, once.leaves, once.helpers));
}

#[test]
fn a_proof_of_sixteen_mebibytes_verifies() {
    let pages = 4096;
    let cap = Cap {
        size: 2 * pages * PAGE_BYTES,
        pages: (0..=4096).map(|page| (page, lcg_page(page.into()))).collect(),
        ..Cap::default()
    };
    let state = State { regions: [(3, (meta(4, 3, 0), cap))].into(), ..State::default() };
    let claims = [Claim::bytes(3 * REGION_BYTES + 1, pages * PAGE_BYTES)];
    let proof = MemoryProof::prove(&state, &claims).unwrap();
    let values = proof.verify(&state.root(), &claims).unwrap();
    assert_eq!(values, [expected(&state, &claims[0])]);
}

/// The proof that the crate's and the format's documentation show.
#[test]
fn the_documented_example_is_current() {
    let mut page = [0; 4096];
    page[0x40..0x48].copy_from_slice(&1_000_000_u64.to_le_bytes());
    let cap = Cap { size: 16 * PAGE_BYTES, pages: [(0, page)].into(), ..Cap::default() };
    let state = State { regions: [(2, (meta(3, 3, 0), cap))].into(), ..State::default() };
    let proof = MemoryProof::prove(&state, &[Claim::bytes(0x2_0000_0040, 8)]).unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/balance.proof");
    assert_eq!(std::fs::read(file).unwrap(), proof.encode().unwrap());
}
