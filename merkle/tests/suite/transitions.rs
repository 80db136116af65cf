//! Transition proofs of random states: the listed pages are all that changes, and nothing else passes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use travertine_merkle::layout::{self, LayoutError, PAGE_BYTES, REGION_BYTES, StateField};
use travertine_merkle::{
    ChangedRegion, GeneralizedIndex, Hash, MultiproofError, NodeOrigin, PageChange, ProveTransitionError,
    StateTree, TransitionError, TransitionProof, ZERO_HASH, hash_pair, multiproof_nodes, page_leaf,
    uint64_chunk, verify_multiproof, verify_transition_proof,
};

use crate::memory_proofs::{any_page, any_state, sample_state};
use crate::traps::{Patched, root};
use crate::twin::{Page, State, lcg_page, meta};

/// A state that has settled so many times.
fn settled(state: &State, settlements: u64) -> Patched {
    let index = layout::field(StateField::Settlements);
    Patched { state: state.clone(), index, node: uint64_chunk(settlements) }
}

/// Writes pages somewhere in the regions that there are, near stored ones as often as not. Gives their places.
fn write(state: &mut State, writes: &[(Index, Index, bool, Page)]) -> Vec<(u8, u32)> {
    let mut places = Vec::new();
    for (region, page, stored, content) in writes {
        let numbers: Vec<_> = state.regions.keys().copied().collect();
        let region = numbers[region.index(numbers.len())];
        let cap = &mut state.regions.get_mut(&region).unwrap().1;
        let count = usize::try_from(cap.size / PAGE_BYTES).unwrap();
        let page = match cap.pages.len() {
            pages @ 1.. if *stored => *cap.pages.keys().nth(page.index(pages)).unwrap(),
            _ => u32::try_from(page.index(count)).unwrap(),
        };
        cap.pages.insert(page, *content);
        places.push((region, page));
    }
    places
}

/// The pages among `places` that differ, with their leaves, by the naive twin.
fn differences(old: &State, new: &State, places: &[(u8, u32)]) -> Vec<PageChange> {
    let mut places = places.to_vec();
    places.sort_unstable();
    places.dedup();
    let leaf = |state: &State, (region, page)| page_leaf(&state.regions[&region].1.page(page));
    let change = |place: (u8, u32)| PageChange {
        region: place.0.into(),
        page: place.1.into(),
        old: leaf(old, place),
        new: leaf(new, place),
    };
    places.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

fn any_writes() -> impl Strategy<Value = Vec<(Index, Index, bool, Page)>> {
    vec((any::<Index>(), any::<Index>(), any::<bool>(), any_page()), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_transition_is_proven_with_exactly_its_changes(old in any_state(), writes in any_writes(), before: u32, calls in 0..3_u64) {
        let mut new = old.clone();
        let places = write(&mut new, &writes);
        let changes = differences(&old, &new, &places);
        let before = u64::from(before);
        let (old, new) = (settled(&old, before), settled(&new, before + calls));
        let proof = TransitionProof::prove(&old, &new, places).unwrap();
        let proven = verify_transition_proof(&proof.encode().unwrap(), &root(&old), &root(&new)).unwrap();
        prop_assert_eq!(&proven, &proof);
        prop_assert_eq!((proven.old_settlements, proven.new_settlements), (before, before + calls));
        prop_assert_eq!(proven.changes, changes);
    }

    /// One more change than the proof lists, wherever it is: no prover makes the proof, and no forged one passes.
    #[test]
    fn a_hidden_change_fails(old in any_state(), writes in any_writes(), hidden in (any::<Index>(), any::<Index>(), any::<bool>(), any_page())) {
        let mut listed = old.clone();
        let places = write(&mut listed, &writes);
        let mut new = listed.clone();
        let content = hidden.3;
        let extra = write(&mut new, &[hidden])[0];
        prop_assume!(new.root() != listed.root() && !places.contains(&extra));
        let mut early = old.clone();
        early.regions.get_mut(&extra.0).unwrap().1.pages.insert(extra.1, content);
        let [old, early] = [old, early].map(|state| settled(&state, 7));
        let [listed, new] = [listed, new].map(|state| settled(&state, 8));
        let refused = TransitionProof::prove(&old, &new, places.iter().copied());
        prop_assert_eq!(refused, Err(ProveTransitionError::OtherChanges(TransitionError::NewRoot)));
        // With the helpers of the old state the new root does not follow, and the other way round.
        let mut forged = TransitionProof::prove(&old, &listed, places.iter().copied()).unwrap();
        forged.new_root = root(&new);
        prop_assert_eq!(forged.verify(&root(&old), &root(&new)), Err(TransitionError::NewRoot));
        let mut forged = TransitionProof::prove(&early, &new, places).unwrap();
        forged.old_root = root(&old);
        prop_assert_eq!(forged.verify(&root(&old), &root(&new)), Err(TransitionError::OldRoot));
    }

    #[test]
    fn surplus_missing_and_reordered_elements_fail(old in any_state(), writes in any_writes(), list in 0..3_u8, at: Index, edit in 0..3_u8) {
        let mut new = old.clone();
        let places = write(&mut new, &writes);
        let (old, new) = (settled(&old, 1), settled(&new, 2));
        let proof = TransitionProof::prove(&old, &new, places).unwrap();
        let mut edited = proof.clone();
        match list {
            0 => change_list(&mut edited.regions, at, edit),
            1 => change_list(&mut edited.changes, at, edit),
            _ => change_list(&mut edited.helpers, at, edit),
        }
        prop_assert!(edited == proof || edited.verify(&root(&old), &root(&new)).is_err());
    }
}

fn change_list<T: Clone>(list: &mut Vec<T>, at: Index, edit: u8) {
    if list.is_empty() {
        return;
    }
    let at = at.index(list.len());
    match edit {
        0 => drop(list.remove(at)),
        1 => list.insert(at, list[at].clone()),
        _ => list.rotate_left(at),
    }
}

/// Two states, and the pages that differ: in regions of one, three and 2^20 pages; one becomes zero, one was zero.
fn sample() -> (Patched, Patched, Vec<(u8, u32)>) {
    let old = sample_state();
    let mut new = old.clone();
    let mut set = |region: u8, page: u32, content: Page| {
        new.regions.get_mut(&region).unwrap().1.pages.insert(page, content);
        (region, page)
    };
    let places = vec![
        set(1, 2, [0; 4096]),
        set(2, 0, lcg_page(77)),
        set(3, 5, lcg_page(78)),
        set(3, 1_048_575, lcg_page(79)),
    ];
    (settled(&old, 41), settled(&new, 42), places)
}

#[test]
fn every_single_bit_flip_fails() {
    let (old, new, places) = sample();
    let (old_root, new_root) = (root(&old), root(&new));
    let mut encoded = TransitionProof::prove(&old, &new, places).unwrap().encode().unwrap();
    assert!(verify_transition_proof(&encoded, &old_root, &new_root).is_ok());
    for bit in 0..encoded.len() * 8 {
        encoded[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_transition_proof(&encoded, &old_root, &new_root).is_err(), "bit {bit}");
        encoded[bit / 8] ^= 1 << (bit % 8);
    }
    for end in 0..encoded.len() {
        assert!(verify_transition_proof(&encoded[..end], &old_root, &new_root).is_err(), "{end} bytes");
    }
}

#[test]
fn a_change_of_anything_but_pages_and_settlements_fails() {
    let (old, new, places) = sample();
    let moved = GeneralizedIndex::new(13).unwrap();
    // The image root changes as well.
    let other = Patched { state: new.state.clone(), index: moved, node: [9; 32] };
    let fields = |tree: &Patched| tree.node(layout::field(StateField::Settlements)).unwrap();
    assert_ne!(fields(&other), fields(&new));
    let mut forged = TransitionProof::prove(&old, &new, places.clone()).unwrap();
    forged.new_root = root(&other);
    assert_eq!(forged.verify(&root(&old), &root(&other)), Err(TransitionError::NewRoot));

    let refused = |change: &dyn Fn(&mut State)| {
        let mut state = new.state.clone();
        change(&mut state);
        TransitionProof::prove(&old, &settled(&state, 42), places.clone()).unwrap_err()
    };
    let changed = |region| ProveTransitionError::RegionChanged { region };
    assert_eq!(refused(&|state| state.regions.get_mut(&2).unwrap().1.size *= 2), changed(2));
    assert_eq!(refused(&|state| state.regions.get_mut(&255).unwrap().0 ^= 1 << 20), changed(255));
    assert_eq!(refused(&|state| drop(state.regions.remove(&1))), changed(1));
    let region = old.state.regions[&2].clone();
    assert_eq!(refused(&|state| drop(state.regions.insert(9, region.clone()))), changed(9));
    // An allocation is freed; the next one has another number.
    let freed = refused(&|state| {
        state.allocations.as_mut().unwrap().0.remove(&0);
    });
    assert_eq!(freed, ProveTransitionError::AllocationsChanged);
    let index = layout::field(StateField::NextAllocation);
    let numbered = Patched { state: new.state.clone(), index, node: uint64_chunk(7) };
    let refused = TransitionProof::prove(&old, &numbered, places);
    assert_eq!(refused, Err(ProveTransitionError::AllocationsChanged));
}

#[test]
fn places_that_do_not_exist_are_refused() {
    let (old, new, _) = sample();
    let prove = |region, page| TransitionProof::prove(&old, &new, [(region, page)]);
    assert_eq!(prove(7, 0), Err(ProveTransitionError::RegionAbsent { region: 7 }));
    let behind = LayoutError::Page { page: 3, pages: 3 };
    assert_eq!(prove(1, 3), Err(ProveTransitionError::Layout(behind)));
}

/// Every rule of the verifier that stands before the multiproof, broken alone.
#[test]
fn malformed_proofs_are_refused_with_their_reason() {
    let (old, new, places) = sample();
    let (old_root, new_root) = (root(&old), root(&new));
    let proof = TransitionProof::prove(&old, &new, places).unwrap();
    let refused = |edit: &dyn Fn(&mut TransitionProof)| {
        let mut edited = proof.clone();
        edit(&mut edited);
        edited.verify(&old_root, &new_root).unwrap_err()
    };
    let error = TransitionError::Version { version: 1 };
    assert_eq!(refused(&|proof| proof.version = 1), error);
    assert_eq!(refused(&|proof| proof.old_root[0] ^= 1), TransitionError::OtherOldRoot);
    assert_eq!(refused(&|proof| proof.new_root[0] ^= 1), TransitionError::OtherNewRoot);
    assert_eq!(proof.verify(&new_root, &old_root), Err(TransitionError::OtherOldRoot));
    assert_eq!(refused(&|proof| proof.changes.swap(0, 1)), TransitionError::Order { region: 1, page: 2 });
    let twice = |proof: &mut TransitionProof| proof.changes.insert(0, proof.changes[0]);
    assert_eq!(refused(&twice), TransitionError::Order { region: 1, page: 2 });
    let unchanged = |proof: &mut TransitionProof| proof.changes[1].new = proof.changes[1].old;
    assert_eq!(refused(&unchanged), TransitionError::Unchanged { region: 2, page: 0 });
    let behind = |proof: &mut TransitionProof| proof.changes[0].page = 3;
    assert_eq!(refused(&behind), TransitionError::Page { region: 1, page: 3, pages: 3 });
    let far = |proof: &mut TransitionProof| proof.changes[0].page = 1 << 32 | 2;
    assert_eq!(refused(&far), TransitionError::Page { region: 1, page: 1 << 32 | 2, pages: 3 });
    assert_eq!(refused(&|proof| proof.regions.truncate(2)), TransitionError::Regions);
    let surplus = ChangedRegion { region: 255, meta: meta(6, 7, 2), size: 257 * PAGE_BYTES };
    assert_eq!(refused(&|proof| proof.regions.push(surplus)), TransitionError::Regions);
    let above = |proof: &mut TransitionProof| {
        proof.regions[2].region = 256;
        proof.changes[2].region = 256;
        proof.changes[3].region = 256;
    };
    assert_eq!(refused(&above), TransitionError::Region { region: 256 });
    let unknown = |proof: &mut TransitionProof| proof.regions[0].meta = meta(10, 5, 0);
    assert_eq!(refused(&unknown), TransitionError::RegionKind { region: 1, kind: 10 });
    let odd = |proof: &mut TransitionProof| proof.regions[0].size = 4097;
    assert_eq!(refused(&odd), TransitionError::Layout(LayoutError::Size { size: 4097 }));
    // The size decides where the pages are: four pages have the tree of three, but another size leaf.
    let larger = |proof: &mut TransitionProof| proof.regions[0].size = 4 * PAGE_BYTES;
    assert_eq!(refused(&larger), TransitionError::OldRoot);
    let larger = |proof: &mut TransitionProof| proof.regions[2].size = REGION_BYTES / 2;
    assert!(matches!(refused(&larger), TransitionError::Page { region: 3, .. }));
    let surplus = |proof: &mut TransitionProof| proof.helpers.push(ZERO_HASH);
    let error = MultiproofError::SurplusHelpers { needed: proof.helpers.len(), surplus: 1 };
    assert_eq!(refused(&surplus), TransitionError::Multiproof(error));
    assert_eq!(refused(&|proof| proof.old_settlements += 1), TransitionError::OldRoot);
    assert_eq!(refused(&|proof| proof.new_settlements += 1), TransitionError::NewRoot);
}

#[test]
fn the_nodes_of_a_multiproof_lead_from_the_leaves_to_the_root() {
    let state = sample_state();
    let indices = [layout::size(3), layout::meta(3), layout::meta(1), layout::region(0)];
    let leaves: Vec<Hash> = indices.iter().map(|&index| state.node(index).unwrap()).collect();
    let helpers = travertine_merkle::helper_indices(&indices).unwrap();
    let helpers: Vec<Hash> = helpers.into_iter().map(|index| state.node(index).unwrap()).collect();
    verify_multiproof(&indices, &leaves, &helpers, &state.root()).unwrap();
    let nodes = multiproof_nodes(&indices, &leaves, &helpers, &state.root()).unwrap();
    assert!(nodes.windows(2).all(|pair| pair[0].index > pair[1].index));
    for node in &nodes {
        assert_eq!(Some(node.hash), state.node(node.index));
        assert_eq!(node.origin == NodeOrigin::Leaf, indices.contains(&node.index));
        let child = |index: GeneralizedIndex| nodes.iter().find(|node| node.index == index);
        let children = [node.index.left().unwrap(), node.index.right().unwrap()].map(child);
        match children {
            [Some(left), Some(right)] => {
                assert_eq!(node.origin, NodeOrigin::Computed);
                assert_eq!(node.hash, hash_pair(&left.hash, &right.hash));
            }
            children => assert!(children == [None, None] && node.origin != NodeOrigin::Computed),
        }
    }
    assert_eq!(nodes.last().unwrap().index, GeneralizedIndex::ROOT);
    // The verifier's work: every leaf and helper but one takes one hash.
    let computed = nodes.iter().filter(|node| node.origin == NodeOrigin::Computed).count();
    assert_eq!(computed, leaves.len() + helpers.len() - 1);
    assert!(multiproof_nodes(&indices, &leaves, &helpers[1..], &state.root()).is_err());
    assert_eq!(multiproof_nodes(&indices, &leaves, &helpers, &[1; 32]), Err(MultiproofError::Root));
}
