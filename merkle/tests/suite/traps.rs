//! The known traps of memory proofs, each with the forgery or the hostile input that it is about.
//! Those that concern only trees are among the golden vectors and beside `merkleize`.

use travertine_merkle::layout::{self, CapLayout, LayoutError, PAGE_BYTES, REGION_BYTES};
use travertine_merkle::{
    BranchError, CLAIMED_BYTES_LIMIT, CLAIMS_LIMIT, Claim, ClaimError, DecodeError, GeneralizedIndex, Hash,
    LimitError, MemoryProof, MultiproofError, NODES_LIMIT, ProveError, Proven, RegionHeader, SingleProof,
    StateTree, VerifyError, ZERO_HASH, hash_pair, helper_indices, page_leaf, uint64_chunk,
    verify_memory_proof, zero_hash,
};

use crate::memory_proofs::sample_state;
use crate::twin::{Allocations, Cap, State, lcg_page, meta, record};

/// A tree that has another node at one place, and hashes accordingly above it.
pub(crate) struct Patched {
    pub(crate) state: State,
    pub(crate) index: GeneralizedIndex,
    pub(crate) node: Hash,
}

impl StateTree for Patched {
    fn node(&self, index: GeneralizedIndex) -> Option<Hash> {
        if index == self.index {
            return Some(self.node);
        }
        if index.is_ancestor_of(self.index) {
            return Some(hash_pair(&self.node(index.left().ok()?)?, &self.node(index.right().ok()?)?));
        }
        self.state.node(index)
    }

    fn region(&self, region: u8) -> Option<RegionHeader> {
        self.state.region(region)
    }
}

pub(crate) fn root(tree: &impl StateTree) -> Hash {
    tree.node(GeneralizedIndex::ROOT).unwrap()
}

/// A proof of the nodes at any `indices`; nodes that the tree does not have are taken for all-zero subtrees.
fn forge(tree: &impl StateTree, claims: &[Claim], indices: &[GeneralizedIndex]) -> MemoryProof {
    let deepest = indices.iter().map(|index| index.depth()).max().unwrap();
    let node = |index: GeneralizedIndex| tree.node(index).unwrap_or(*zero_hash(deepest - index.depth()));
    MemoryProof {
        version: 1,
        root: root(tree),
        claims: claims.to_vec(),
        gindices: indices.iter().map(|index| index.get()).collect(),
        leaves: indices.iter().map(|&index| node(index)).collect(),
        helpers: helper_indices(indices).unwrap().into_iter().map(node).collect(),
    }
}

/// Region 3 of the sample state: 4 GiB, pages 0, 123456 and the last are stored.
const FOUR_GIB: u64 = 3 * REGION_BYTES;

#[test]
fn trap_1_a_zero_page_is_proven_by_its_zero_leaf_only() {
    let state = sample_state();
    assert_eq!(page_leaf(&[0; 4096]), ZERO_HASH);
    let places = CapLayout::new(layout::cap(3), REGION_BYTES).unwrap();
    let claims = [Claim::bytes(FOUR_GIB + PAGE_BYTES, 32)];
    let chunk = places.chunk(4096).unwrap();
    let forged = forge(&state, &claims, &[chunk, layout::size(3), layout::meta(3)]);
    assert_eq!(forged.verify(&state.root(), &claims), Err(VerifyError::Multiproof(MultiproofError::Root)));

    // Where the page is stored as loaded zeros, the root is another one.
    let loaded = Patched { state: state.clone(), index: places.page(1).unwrap(), node: *zero_hash(7) };
    assert_ne!(root(&loaded), state.root());
    let mut forged = forge(&loaded, &claims, &[chunk, layout::size(3), layout::meta(3)]);
    forged.root = state.root();
    assert_eq!(forged.verify(&state.root(), &claims), Err(VerifyError::Multiproof(MultiproofError::Root)));
}

#[test]
fn trap_1_a_present_page_does_not_pass_for_a_zero_page() {
    let state = sample_state();
    let claims = [Claim::bytes(FOUR_GIB, 32)];
    let page = CapLayout::new(layout::cap(3), REGION_BYTES).unwrap().page(0).unwrap();
    let mut forged = forge(&state, &claims, &[page, layout::size(3), layout::meta(3)]);
    assert_eq!(forged.verify(&state.root(), &claims), Err(VerifyError::Indices));
    forged.leaves[0] = ZERO_HASH;
    assert_eq!(forged.verify(&state.root(), &claims), Err(VerifyError::Multiproof(MultiproofError::Root)));
}

#[test]
fn trap_2_three_and_four_pages_with_one_pages_root() {
    let pages = |count: u64| Cap {
        size: count * PAGE_BYTES,
        pages: [(0, lcg_page(1)), (2, lcg_page(2))].into(),
        ..Cap::default()
    };
    let (three, four) = (pages(3), pages(4));
    let place = GeneralizedIndex::new(3).unwrap();
    assert_eq!(three.node_at(place), four.node_at(place));
    assert_ne!(three.root(), four.root());

    let state_of = |cap: Cap| State { regions: [(2, (meta(3, 3, 0), cap))].into(), ..State::default() };
    let (three, four) = (state_of(three), state_of(four));
    let last_page = [Claim::bytes(2 * REGION_BYTES + 3 * PAGE_BYTES, 10)];
    assert!(MemoryProof::prove(&four, &last_page).unwrap().verify(&four.root(), &last_page).is_ok());
    let beyond = ClaimError::BeyondSize { region: 2, end: 3 * PAGE_BYTES + 10, size: 3 * PAGE_BYTES };
    assert_eq!(MemoryProof::prove(&three, &last_page), Err(ProveError::Claim(beyond)));

    // A proof of the larger cap, relabelled: with its own size chunk, and with that of the smaller cap.
    let mut forged = MemoryProof::prove(&four, &last_page).unwrap();
    forged.root = three.root();
    assert_eq!(forged.verify(&three.root(), &last_page), Err(VerifyError::Multiproof(MultiproofError::Root)));
    let size_at = forged.gindices.iter().position(|&index| index == layout::size(2).get()).unwrap();
    forged.leaves[size_at] = uint64_chunk(3 * PAGE_BYTES);
    assert_eq!(forged.verify(&three.root(), &last_page), Err(VerifyError::Claim(beyond)));
}

/// A page whose content is 128 page leaves has the root of a cap of those 128 pages.
#[test]
fn trap_2_a_page_that_holds_page_leaves() {
    let pages: Vec<_> = (0..128).map(|page| (page, lcg_page(u64::from(page)))).collect();
    let leaves = pages.iter().map(|(_, page)| page_leaf(page)).collect::<Vec<_>>().concat();
    let large = Cap { size: 128 * PAGE_BYTES, pages: pages.into_iter().collect(), ..Cap::default() };
    let small = Cap { size: PAGE_BYTES, pages: [(0, leaves.try_into().unwrap())].into(), ..Cap::default() };
    assert_eq!(
        large.node_at(GeneralizedIndex::new(3).unwrap()),
        small.node_at(GeneralizedIndex::new(3).unwrap())
    );

    // Below the small cap's root there are nodes that look like a chunk of page 5 of the large one.
    let chunk = CapLayout::new(GeneralizedIndex::ROOT, large.size).unwrap().chunk(5 * 4096).unwrap();
    let siblings =
        std::iter::successors(Some(chunk), |index| index.parent()).filter_map(GeneralizedIndex::sibling);
    let mut forged = SingleProof {
        index: chunk,
        leaf: large.node_at(chunk).unwrap(),
        branch: siblings.map(|sibling| large.node_at(sibling).unwrap()).collect(),
    };
    assert!(forged.verify_in_cap(&large.root(), 5 * 4096).is_ok());
    *forged.branch.last_mut().unwrap() = uint64_chunk(PAGE_BYTES);
    assert_eq!(forged.verify(&small.root()), Ok(()), "the nodes are there");
    assert_eq!(
        forged.verify_in_cap(&small.root(), 5 * 4096),
        Err(BranchError::Layout(LayoutError::Page { page: 5, pages: 1 }))
    );
    for offset in (0..4096).step_by(32) {
        assert!(matches!(forged.verify_in_cap(&small.root(), offset), Err(BranchError::Place { .. })));
    }
}

#[test]
fn trap_2_padding_of_meta_and_size_chunks_must_be_zero() {
    let claims = [Claim::region(3)];
    for index in [layout::meta(3), layout::size(3)] {
        for byte in 8..32 {
            let state = sample_state();
            let mut node = state.node(index).unwrap();
            node[byte] = 1;
            let tree = Patched { state, index, node };
            let forged = forge(&tree, &claims, &[layout::size(3), layout::meta(3)]);
            assert_eq!(forged.verify(&root(&tree), &claims), Err(VerifyError::Padding { region: 3 }));
            let chunk = CapLayout::new(layout::cap(3), REGION_BYTES).unwrap().chunk(0).unwrap();
            let single = SingleProof::prove(&tree, chunk).unwrap();
            assert_eq!(single.verify(&root(&tree)), Ok(()));
            assert!(matches!(single.verify_in_state(&root(&tree), FOUR_GIB), Err(BranchError::Padding(_))));
        }
    }
}

#[test]
fn trap_3_impossible_sizes_are_refused_under_a_true_root() {
    for size in [0, 1, 4095, 4097, REGION_BYTES + PAGE_BYTES, 1 << 63, u64::MAX] {
        let tree = Patched { state: sample_state(), index: layout::size(3), node: uint64_chunk(size) };
        for claims in [[Claim::region(3)], [Claim::bytes(FOUR_GIB, 1)]] {
            let forged = forge(&tree, &claims, &[layout::size(3), layout::meta(3)]);
            let error = ClaimError::Layout(LayoutError::Size { size });
            assert_eq!(forged.verify(&root(&tree), &claims), Err(VerifyError::Claim(error)));
        }
    }
}

#[test]
fn trap_3_padding_behind_the_last_page_is_no_page() {
    let state = sample_state();
    let claims = [Claim::bytes(REGION_BYTES + 3 * PAGE_BYTES, 4)];
    let padding = CapLayout::new(layout::cap(1), 4 * PAGE_BYTES).unwrap().page(3).unwrap();
    let forged = forge(&state, &claims, &[padding, layout::size(1), layout::meta(1)]);
    let beyond = ClaimError::BeyondSize { region: 1, end: 3 * PAGE_BYTES + 4, size: 3 * PAGE_BYTES };
    assert_eq!(forged.verify(&state.root(), &claims), Err(VerifyError::Claim(beyond)));
}

#[test]
fn trap_3_an_absent_region_and_a_present_one_are_not_exchanged() {
    let state = sample_state();
    for region in [3, 7] {
        let claims = [Claim::region(region)];
        let proven = MemoryProof::prove(&state, &claims).unwrap().verify(&state.root(), &claims).unwrap();
        assert_eq!(proven, [Proven::Region(state.region(region))]);
    }
    let (present, absent) = ([Claim::region(3)], [Claim::region(7)]);
    let mut forged = forge(&state, &present, &[layout::region(3)]);
    assert_eq!(forged.verify(&state.root(), &present), Err(VerifyError::RegionPresent { region: 3 }));
    forged.leaves[0] = ZERO_HASH;
    assert_eq!(forged.verify(&state.root(), &present), Err(VerifyError::Multiproof(MultiproofError::Root)));

    let mut forged = forge(&state, &absent, &[layout::size(7), layout::meta(7)]);
    forged.leaves = vec![uint64_chunk(PAGE_BYTES), uint64_chunk(meta(3, 3, 0))];
    assert_eq!(forged.verify(&state.root(), &absent), Err(VerifyError::Multiproof(MultiproofError::Root)));
    let forged = forge(&state, &absent, &[layout::region(6)]);
    assert_eq!(forged.verify(&state.root(), &absent), Err(VerifyError::RegionMissing { region: 7 }));
    let bytes = [Claim::bytes(7 * REGION_BYTES, 1)];
    let forged = forge(&state, &bytes, &[layout::region(7)]);
    let error = ClaimError::RegionAbsent { region: 7 };
    assert_eq!(forged.verify(&state.root(), &bytes), Err(VerifyError::Claim(error)));
    assert_eq!(MemoryProof::prove(&state, &bytes), Err(ProveError::Claim(error)));
}

#[test]
fn trap_4_duplicates_and_ancestors_in_a_memory_proof() {
    let state = sample_state();
    let claims = [Claim::bytes(FOUR_GIB, 32)];
    let places = CapLayout::new(layout::cap(3), REGION_BYTES).unwrap();
    let (chunk, page) = (places.chunk(0).unwrap(), places.page(0).unwrap());
    let proof = MemoryProof::prove(&state, &claims).unwrap();
    assert_eq!(proof.gindices, [chunk.get(), layout::size(3).get(), layout::meta(3).get()]);

    let mut duplicated = proof.clone();
    duplicated.gindices.insert(0, chunk.get());
    duplicated.leaves.insert(0, [0xee; 32]);
    assert_eq!(duplicated.verify(&state.root(), &claims), Err(VerifyError::Indices));

    let mut nested = proof.clone();
    nested.gindices.insert(1, page.get());
    nested.leaves.insert(1, state.node(page).unwrap());
    nested.leaves[0] = [0xee; 32];
    assert_eq!(nested.verify(&state.root(), &claims), Err(VerifyError::Indices));

    let ancestor = page;
    assert_eq!(helper_indices(&[chunk, page]), Err(MultiproofError::Nested { ancestor }));
    let (index, next) = (chunk, chunk);
    assert_eq!(helper_indices(&[chunk, chunk]), Err(MultiproofError::Order { index, next }));
    assert_eq!(helper_indices(&[]), Err(MultiproofError::Empty));
    assert_eq!(
        helper_indices(&[chunk, GeneralizedIndex::ROOT]),
        Err(MultiproofError::Nested { ancestor: GeneralizedIndex::ROOT })
    );
}

/// Nodes beyond those that the claims need are surplus, also when they are true.
#[test]
fn trap_4_surplus_true_leaves_fail() {
    let state = sample_state();
    let claims = [Claim::bytes(FOUR_GIB, 32)];
    let places = CapLayout::new(layout::cap(3), REGION_BYTES).unwrap();
    let indices = [places.chunk(32).unwrap(), places.chunk(0).unwrap(), layout::size(3), layout::meta(3)];
    let forged = forge(&state, &claims, &indices);
    assert_eq!(forged.verify(&state.root(), &claims), Err(VerifyError::Indices));
    let forged = forge(&state, &claims, &[layout::size(3), layout::meta(3)]);
    let error = ClaimError::Leaves { limit: 2 };
    assert_eq!(forged.verify(&state.root(), &claims), Err(VerifyError::Claim(error)));
}

#[test]
fn trap_5_hostile_offsets_are_typed_errors() {
    let state = sample_state();
    let claims = [Claim::bytes(FOUR_GIB, 32)];
    let encoded = MemoryProof::prove(&state, &claims).unwrap().encode().unwrap();
    assert_eq!(
        MemoryProof::decode(&[8, 0, 0, 0, 100, 0, 0, 0]),
        Err(DecodeError::Version { version: 100 << 32 | 8, expected: 1 })
    );
    assert_eq!(MemoryProof::decode(&[]), Err(DecodeError::TooShort { length: 0, fixed: 56 }));
    assert_eq!(MemoryProof::decode(&encoded[..55]), Err(DecodeError::TooShort { length: 55, fixed: 56 }));
    // The first list begins one element late: what lies before it would belong to none.
    let mut late = encoded.clone();
    late[40] += 24;
    assert_eq!(MemoryProof::decode(&late), Err(DecodeError::FirstOffset { offset: 56 + 24, expected: 56 }));
    let length = u32::try_from(encoded.len()).unwrap();
    for at in [40, 44, 48, 52] {
        for offset in [0, 1, 8, 55, 57, 64, 100, length - 1, length, length + 1, 1 << 31, u32::MAX] {
            let mut hostile = encoded.clone();
            hostile[at..at + 4].copy_from_slice(&offset.to_le_bytes());
            if hostile != encoded {
                assert!(verify_memory_proof(&hostile, &state.root(), &claims).is_err(), "{offset} at {at}");
            }
        }
    }
}

#[test]
fn trap_5_branches_of_another_length_than_the_depth() {
    let state = sample_state();
    let index = layout::size(3);
    let proof = SingleProof::prove(&state, index).unwrap();
    assert_eq!(proof.verify(&state.root()), Ok(()));
    for siblings in [0, 12, 14, 70, 1000] {
        let mut other = proof.clone();
        other.branch.resize(siblings, ZERO_HASH);
        let error = BranchError::Length { index, depth: 13, siblings };
        assert_eq!(other.verify(&state.root()), Err(error));
        assert!(other.verify_in_state(&state.root(), FOUR_GIB).is_err());
        assert!(other.verify_in_cap(&state.root(), 0).is_err());
    }
    let root_itself = SingleProof { index: GeneralizedIndex::ROOT, leaf: state.root(), branch: vec![] };
    assert_eq!(root_itself.verify(&state.root()), Ok(()));
    assert!(root_itself.verify_in_cap(&state.root(), 0).is_err());
}

#[test]
fn regions_whose_caps_have_another_shape_are_refused() {
    for kind in [10, 255] {
        let cap = Cap { size: PAGE_BYTES, pages: [(0, lcg_page(5))].into(), ..Cap::default() };
        let state = State { regions: [(0x80, (meta(kind, 1, 0), cap))].into(), ..State::default() };
        let address = 0x80 * REGION_BYTES;
        for claims in [[Claim::bytes(address, 1)], [Claim::region(0x80)]] {
            let error = ClaimError::RegionKind { region: 0x80, kind };
            assert_eq!(MemoryProof::prove(&state, &claims), Err(ProveError::Claim(error)));
            let forged = forge(&state, &claims, &[layout::size(0x80), layout::meta(0x80)]);
            assert_eq!(forged.verify(&state.root(), &claims), Err(VerifyError::Claim(error)));
        }
        let chunk = CapLayout::new(layout::cap(0x80), PAGE_BYTES).unwrap().chunk(0).unwrap();
        let single = SingleProof::prove(&state, chunk).unwrap();
        assert_eq!(single.verify_in_state(&state.root(), address), Err(BranchError::RegionKind { kind }));
    }
}

/// A free slot and one behind the end are no records, and a record is no free slot, whatever the proof lists.
#[test]
fn records_do_not_pass_for_free_slots_nor_the_other_way_round() {
    let state = sample_state();
    let length = layout::allocations_length();
    let forged = |slot: u32, chunks: bool| {
        let place = layout::allocation(slot.into()).unwrap();
        let mut leaves = layout::allocation_chunks(slot.into()).unwrap().to_vec();
        leaves.reverse();
        let leaves = if chunks { leaves } else { vec![place] };
        forge(&state, &[Claim::allocation(slot)], &[&leaves[..], &[length]].concat())
    };
    let verify = |proof: &MemoryProof| proof.verify(&state.root(), &proof.claims);
    assert!(verify(&forged(2, true)).is_ok() && verify(&forged(1, false)).is_ok());
    let too_few = VerifyError::Claim(ClaimError::Leaves { limit: 2 });
    assert_eq!(verify(&forged(2, false)), Err(too_few), "it takes more leaves than are listed");
    let mut zeroed = forged(2, false);
    zeroed.leaves[0] = ZERO_HASH;
    assert_eq!(verify(&zeroed), Err(VerifyError::Multiproof(MultiproofError::Root)));
    // A path through the roots of zero chunks to a "record" of zeros.
    let mut opened = forged(1, true);
    opened.leaves[..8].fill(ZERO_HASH);
    assert_eq!(verify(&opened), Err(VerifyError::Multiproof(MultiproofError::Root)));
    // Behind the end there is zero padding, which is no part of the list.
    for (slot, chunks) in [(78, false), (78, true), (LAST_SLOT, false)] {
        assert_eq!(verify(&forged(slot, chunks)), Err(VerifyError::Indices), "slot {slot}");
    }
}

const LAST_SLOT: u32 = (1 << 24) - 1;

#[test]
fn lists_of_allocations_are_read_strictly() {
    let state = sample_state();
    let (claims, index) = ([Claim::allocation(2)], layout::allocations_length());
    let proof = MemoryProof::prove(&state, &claims).unwrap();
    let with = |index: GeneralizedIndex, bytes: Hash| {
        let mut edited = proof.clone();
        let at = edited.gindices.iter().position(|&listed| listed == index.get()).unwrap();
        edited.leaves[at] = bytes;
        edited.verify(&state.root(), &claims)
    };
    // Of a shorter list slot 2 would be no part; a longer one would need the same leaves.
    assert_eq!(with(index, uint64_chunk(2)), Err(VerifyError::Indices));
    assert_eq!(with(index, uint64_chunk(79)), Err(VerifyError::Multiproof(MultiproofError::Root)));
    let length = (1 << 24) + 1;
    let too_long = VerifyError::Claim(LayoutError::Slots { length }.into());
    assert_eq!(with(index, uint64_chunk(length)), Err(too_long));
    let mut padded = uint64_chunk(78);
    padded[31] = 1;
    assert_eq!(with(index, padded), Err(VerifyError::AllocationPadding));
    let mut silent = proof.clone();
    silent.gindices.pop();
    silent.leaves.pop();
    assert_eq!(silent.verify(&state.root(), &claims), Err(VerifyError::SlotsMissing));

    // States whose own list is malformed: their provers refuse, and so do verifiers who trust their roots.
    let bad_length = |bytes| Patched { state: state.clone(), index, node: bytes };
    for (tree, prover, verifier) in [
        (bad_length(padded), ProveError::MissingNode { index }, VerifyError::AllocationPadding),
        (bad_length(uint64_chunk(length)), ProveError::Claim(LayoutError::Slots { length }.into()), too_long),
    ] {
        assert_eq!(MemoryProof::prove(&tree, &claims), Err(prover));
        let places = proof.gindices.iter().map(|&index| GeneralizedIndex::new(index).unwrap());
        let forged = forge(&tree, &claims, &places.collect::<Vec<_>>());
        assert_eq!(forged.verify(&root(&tree), &claims), Err(verifier));
    }
    let index = layout::allocation_chunks(2).unwrap()[3];
    let tree = Patched { state: state.clone(), index, node: [9; 32] };
    let padded_record = MemoryProof::prove(&tree, &claims).unwrap();
    assert_eq!(padded_record.verify(&root(&tree), &claims), Err(VerifyError::AllocationPadding));
}

#[test]
fn records_of_a_full_list_are_proven_with_one_path_each() {
    let last = LAST_SLOT;
    let state =
        State { allocations: Some(Allocations([(u64::from(last), record(1))].into())), ..State::default() };
    let claims = [Claim::allocation(last), Claim::allocation(last - 1), Claim::allocation(0)];
    let proof = MemoryProof::prove(&state, &claims).unwrap();
    let values = proof.verify(&state.root(), &claims).unwrap();
    let record = Proven::Allocation(Some(Box::new(record(1))));
    assert_eq!(values, [record, Proven::Allocation(None), Proven::Allocation(None)]);
    // The record's chunks, two free slots, and the length.
    assert_eq!(proof.leaves.len(), 8 + 2 + 1);

    let empty = State { allocations: Some(Allocations::default()), ..State::default() };
    let proof = MemoryProof::prove(&empty, &claims).unwrap();
    assert_eq!(proof.leaves, [ZERO_HASH], "the length alone");
    assert_eq!(proof.verify(&empty.root(), &claims), Ok(vec![Proven::Allocation(None); 3]));
}

#[test]
fn malformed_claims_are_refused_by_prover_and_verifier() {
    let state = sample_state();
    let limit = CLAIMED_BYTES_LIMIT;
    let claim = |kind, address, length| Claim { kind, address, length };
    let cases: [(&[Claim], ClaimError); 15] = [
        (&[], ClaimError::None),
        (&[claim(2, 1 << 24, 0)], ClaimError::AllocationForm { address: 1 << 24, length: 0 }),
        (&[claim(2, u64::MAX, 0)], ClaimError::AllocationForm { address: u64::MAX, length: 0 }),
        (&[claim(2, 2, 1)], ClaimError::AllocationForm { address: 2, length: 1 }),
        (&[claim(3, 0, 1)], ClaimError::UnknownKind { kind: 3 }),
        (&[claim(u64::MAX, 0, 1)], ClaimError::UnknownKind { kind: u64::MAX }),
        (&[claim(0, 1 << 40, 1)], LayoutError::Address { address: 1 << 40 }.into()),
        (&[claim(1, u64::MAX, 0)], LayoutError::Address { address: u64::MAX }.into()),
        (&[claim(1, 1, 0)], ClaimError::RegionForm { address: 1, length: 0 }),
        (&[claim(1, REGION_BYTES, 4)], ClaimError::RegionForm { address: REGION_BYTES, length: 4 }),
        (&[claim(0, FOUR_GIB, 0)], ClaimError::Length { length: 0, left: limit }),
        (&[claim(0, FOUR_GIB, limit + 1)], ClaimError::Length { length: limit + 1, left: limit }),
        (&[claim(0, FOUR_GIB, u64::MAX)], ClaimError::Length { length: u64::MAX, left: limit }),
        (&[claim(0, FOUR_GIB, limit - 1), claim(0, FOUR_GIB, 2)], ClaimError::Length { length: 2, left: 1 }),
        (
            &[claim(0, FOUR_GIB + REGION_BYTES - 1, 2)],
            ClaimError::LeavesRegion { address: FOUR_GIB + REGION_BYTES - 1, length: 2 },
        ),
    ];
    let mut proof = MemoryProof::prove(&state, &[Claim::region(3)]).unwrap();
    for (claims, error) in cases {
        assert_eq!(MemoryProof::prove(&state, claims), Err(ProveError::Claim(error)));
        proof.claims = claims.to_vec();
        assert_eq!(proof.verify(&state.root(), claims), Err(VerifyError::Claim(error)));
    }
}

#[test]
fn lists_beyond_their_limits_are_refused() {
    let state = sample_state();
    let claims = [Claim::region(3)];
    let proof = MemoryProof::prove(&state, &claims).unwrap();
    let error = |list, limit| LimitError { list, elements: limit + 1, limit };
    let many = vec![Claim::region(3); CLAIMS_LIMIT + 1];
    let too_many_claims = ProveError::Claim(ClaimError::Limit(error("claims", CLAIMS_LIMIT)));
    assert_eq!(MemoryProof::prove(&state, &many), Err(too_many_claims));

    let mut long = proof.clone();
    long.helpers.resize(NODES_LIMIT + 1, ZERO_HASH);
    assert_eq!(long.encode(), Err(error("helpers", NODES_LIMIT)));
    assert_eq!(long.verify(&state.root(), &claims), Err(VerifyError::Limit(error("helpers", NODES_LIMIT))));
    let mut encoded = proof.encode().unwrap();
    encoded.resize(encoded.len() + 32 * (NODES_LIMIT + 1 - proof.helpers.len()), 0);
    assert_eq!(MemoryProof::decode(&encoded), Err(DecodeError::Limit(error("helpers", NODES_LIMIT))));
    let limit = travertine_merkle::PROOF_BYTES_LIMIT;
    encoded.resize(limit + 1, 0);
    assert_eq!(MemoryProof::decode(&encoded), Err(DecodeError::TooLong { length: limit + 1, limit }));
}
