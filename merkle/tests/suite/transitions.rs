//! Transition proofs of random states: the listed pages, regions and records are all that changes, and nothing else passes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use travertine_merkle::layout::{self, ALLOCATIONS_LIMIT, LayoutError, PAGE_BYTES, REGION_BYTES};
use travertine_merkle::{
    AllocationRecord, ChangedRecord, ChangedRegion, GeneralizedIndex, Generator, Hash, MultiproofError,
    NodeOrigin, PageChange, ProveTransitionError, StateCounts, StateTree, TransitionError, TransitionHeader,
    TransitionProof, ZERO_HASH, hash_pair, multiproof_nodes, verify_multiproof, verify_transition_proof,
};

use crate::memory_proofs::{any_allocations, any_page, any_state, sample_state};
use crate::traps::{Patched, root};
use crate::twin::{Allocations, Cap, Page, State, lcg_page, meta, record};

/// A state that has settled so many times.
fn settled(state: &State, settlements: u64) -> State {
    State { settlements: Some(settlements), ..state.clone() }
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

fn counts(state: &State) -> StateCounts {
    StateCounts {
        settlements: state.settlements.unwrap(),
        next_allocation: state.next_allocation.unwrap(),
        slots: state.allocations.as_ref().unwrap().length(),
    }
}

fn all_pages(state: &State) -> impl Iterator<Item = (u8, u32)> {
    state.regions.iter().flat_map(|(&region, (_, cap))| cap.pages.keys().map(move |&page| (region, page)))
}

fn header(state: &State, region: u8) -> TransitionHeader {
    state.region(region).map_or(TransitionHeader::ABSENT, TransitionHeader::from)
}

fn leaf(state: &State, (region, page): (u8, u32)) -> Hash {
    state.regions.get(&region).map_or(ZERO_HASH, |(_, cap)| cap.leaf(page))
}

/// Every page that must be listed, by the naive twin.
fn all_differences(old: &State, new: &State) -> Vec<PageChange> {
    let mut places: Vec<_> = all_pages(old).chain(all_pages(new)).collect();
    places.sort_unstable();
    places.dedup();
    let change = |place: (u8, u32)| PageChange {
        region: place.0.into(),
        page: place.1.into(),
        old: leaf(old, place),
        new: leaf(new, place),
    };
    let is_listed = |change: &PageChange| {
        let region = u8::try_from(change.region).unwrap();
        let [before, after] = [old, new].map(|state| header(state, region));
        let is_whole = before.size != after.size || before.is_generative() != after.is_generative();
        change.old != change.new || (is_whole && change.old != ZERO_HASH)
    };
    places.into_iter().map(change).filter(is_listed).collect()
}

fn changed_regions(old: &State, new: &State) -> Vec<ChangedRegion> {
    let pages = all_differences(old, new);
    let change = |number: u8| {
        let change =
            ChangedRegion { region: number.into(), old: header(old, number), new: header(new, number) };
        let has_pages = pages.iter().any(|page| page.region == u64::from(number));
        (change.old != change.new || has_pages).then_some(change)
    };
    (0..=255).filter_map(change).collect()
}

fn changed_records(old: &State, new: &State) -> Vec<ChangedRecord> {
    let [old, new] = [old, new].map(|state| &state.allocations.as_ref().unwrap().0);
    let mut slots: Vec<_> = old.keys().chain(new.keys()).copied().collect();
    slots.sort_unstable();
    slots.dedup();
    let at = |records: &std::collections::BTreeMap<u64, AllocationRecord>, slot| {
        records.get(&slot).copied().unwrap_or(AllocationRecord::FREE)
    };
    let change = |slot| ChangedRecord { slot, old: at(old, slot), new: at(new, slot) };
    slots.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

fn any_writes() -> impl Strategy<Value = Vec<(Index, Index, bool, Page)>> {
    vec((any::<Index>(), any::<Index>(), any::<bool>(), any_page()), 0..6)
}

/// Makes a region Generative, gives it another seed or mode, or makes it plain again.
fn remake(state: &mut State, region: Index, seed: u64) {
    let numbers: Vec<_> = state.regions.keys().copied().collect();
    let Some(number) = numbers.get(region.index(numbers.len().max(1))) else { return };
    let (meta, cap) = state.regions.get_mut(number).unwrap();
    let is_plain = seed.is_multiple_of(4);
    cap.generator = (!is_plain).then_some(Generator { seed: seed / 8, mode: seed % 2 });
    *meta = *meta & !0xFF | if is_plain { 3 } else { 9 };
}

/// A state of which some regions are Generative.
fn any_made() -> impl Strategy<Value = State> {
    (any_state(), vec(any::<(Index, u64)>(), 0..4)).prop_map(|(mut state, made)| {
        for (region, seed) in made {
            remake(&mut state, region, seed);
        }
        state
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_transition_is_proven_with_exactly_its_changes(old in any_made(), writes in any_writes(), before: u32, calls in 0..3_u64) {
        let mut new = old.clone();
        let places = write(&mut new, &writes);
        let changes = all_differences(&old, &new);
        let before = u64::from(before);
        let (old, new) = (settled(&old, before), settled(&new, before + calls));
        let proof = TransitionProof::prove(&old, &new, places).unwrap();
        let proven = verify_transition_proof(&proof.encode().unwrap(), &root(&old), &root(&new)).unwrap();
        prop_assert_eq!(&proven, &proof);
        prop_assert_eq!((proven.old.settlements, proven.new.settlements), (before, before + calls));
        prop_assert_eq!(proven.changes, changes);
        prop_assert!(proven.records.is_empty());
    }

    /// Regions appear, vanish, change their header or their size, and so does the list of allocations.
    #[test]
    fn changes_of_regions_and_allocations_are_proven(
        old in any_made(),
        other in any_made(),
        (writes, records, next) in (any_writes(), any_allocations(), any::<(u64, u64)>()),
        (drops, bits, made) in (vec(any::<Index>(), 0..2), any::<u64>(), vec(any::<(Index, u64)>(), 0..3)),
    ) {
        let old = State { next_allocation: Some(next.0), ..old };
        let mut new = old.clone();
        let mut places = write(&mut new, &writes);
        // Replaces regions of the same number, whatever their sizes.
        new.regions.extend(other.regions);
        for drop in drops.into_iter().take(new.regions.len()) {
            let number = *new.regions.keys().nth(drop.index(new.regions.len())).unwrap();
            new.regions.remove(&number);
        }
        if let Some((header, _)) = new.regions.values_mut().next() {
            *header ^= bits << 16;
        }
        for (region, seed) in made {
            remake(&mut new, region, seed);
        }
        new.next_allocation = Some(next.1);
        new.allocations.as_mut().unwrap().0.extend(records.0);
        places.extend(all_pages(&old).chain(all_pages(&new)));
        places.retain(|place| old.regions.contains_key(&place.0) || new.regions.contains_key(&place.0));
        let proof = TransitionProof::prove(&old, &new, places.clone()).unwrap();
        let proven = verify_transition_proof(&proof.encode().unwrap(), &old.root(), &new.root()).unwrap();
        prop_assert_eq!(&proven, &proof);
        prop_assert_eq!((proven.old, proven.new), (counts(&old), counts(&new)));
        prop_assert_eq!(proven.regions, changed_regions(&old, &new));
        prop_assert_eq!(&proven.records, &changed_records(&old, &new));
        prop_assert_eq!(proven.changes, all_differences(&old, &new));
        // One change that is not named, and nothing is proven.
        if let Some(change) = proof.changes.last() {
            let hidden = (u8::try_from(change.region).unwrap(), u32::try_from(change.page).unwrap());
            places.retain(|place| *place != hidden);
            let refused = TransitionProof::prove(&old, &new, places);
            prop_assert!(matches!(refused, Err(ProveTransitionError::OtherChanges(_))), "{refused:?}");
        }
        let mut forged = proof.clone();
        if forged.records.pop().is_some() {
            prop_assert!(forged.verify(&old.root(), &new.root()).is_err());
        }
    }

    /// One more change than the proof lists, wherever it is: no prover makes the proof, and no forged one passes.
    #[test]
    fn a_hidden_change_fails(old in any_made(), writes in any_writes(), hidden in (any::<Index>(), any::<Index>(), any::<bool>(), any_page())) {
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
    fn surplus_missing_and_reordered_elements_fail(old in any_made(), writes in any_writes(), list in 0..4_u8, at: Index, edit in 0..3_u8, records in any_allocations()) {
        let mut new = old.clone();
        let places = write(&mut new, &writes);
        new.allocations = Some(records);
        let (old, new) = (settled(&old, 1), settled(&new, 2));
        let proof = TransitionProof::prove(&old, &new, places).unwrap();
        let mut edited = proof.clone();
        match list {
            0 => change_list(&mut edited.regions, at, edit),
            1 => change_list(&mut edited.changes, at, edit),
            2 => change_list(&mut edited.records, at, edit),
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

/// Two states, and the pages that differ: in regions of one, three and 2^20 pages; one becomes zero, one was zero. Another
/// region's header changes, one appears and one vanishes. Of Generative regions one appears, one vanishes, and one has another seed;
/// one of its pages is written, one is not any more. One record changes, one appears behind the end of the list, one vanishes.
fn sample() -> (State, State, Vec<(u8, u32)>) {
    let mut old = settled(&sample_state(), 41);
    old.regions.insert(
        8,
        (meta(4, 3, 0), Cap { size: 5 * PAGE_BYTES, pages: [(3, lcg_page(1))].into(), ..Cap::default() }),
    );
    let mut new = settled(&old, 42);
    let opened = [(0, lcg_page(5)), (70_000, lcg_page(6))];
    new.regions
        .insert(6, (meta(4, 3, 1 << 33), Cap { size: REGION_BYTES, pages: opened.into(), ..Cap::default() }));
    new.regions.remove(&8);
    let made = |seed, written: &[u32]| {
        let pages = written.iter().map(|&page| (page, [0; 4096])).collect();
        (meta(9, 3, 0), Cap { size: REGION_BYTES, pages, generator: Some(Generator { seed, mode: 1 }) })
    };
    old.regions.extend([(0x81, made(1, &[5])), (0x82, made(2, &[0, 9]))]);
    new.regions.extend([(0x80, made(4, &[6])), (0x82, made(3, &[7, 9]))]);
    new.regions.get_mut(&255).unwrap().0 = meta(6, 7, 3);
    let records = &mut new.allocations.as_mut().unwrap().0;
    records.remove(&0);
    records.insert(2, record(55));
    records.insert(78, record(56));
    new.next_allocation = Some(3);
    let mut set = |region: u8, page: u32, content: Page| {
        new.regions.get_mut(&region).unwrap().1.pages.insert(page, content);
        (region, page)
    };
    let places = vec![
        set(1, 2, [0; 4096]),
        set(2, 0, lcg_page(77)),
        set(3, 5, lcg_page(78)),
        set(3, 1_048_575, lcg_page(79)),
        (6, 0),
        (6, 70_000),
        (8, 3),
        (0x80, 6),
        (0x81, 5),
        (0x82, 0),
        (0x82, 7),
    ];
    (old, new, places)
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
fn a_change_of_any_other_field_fails() {
    let (old, new, places) = sample();
    let proof = TransitionProof::prove(&old, &new, places.clone()).unwrap();
    // Version, schedule, image and processor.
    for field in [8, 12, 13, 14] {
        let index = GeneralizedIndex::new(field).unwrap();
        let other = Patched { state: new.clone(), index, node: [9; 32] };
        let refused = TransitionProof::prove(&old, &other, places.clone());
        assert_eq!(refused, Err(ProveTransitionError::OtherChanges(TransitionError::NewRoot)), "{field}");
        let mut forged = proof.clone();
        forged.new_root = root(&other);
        assert_eq!(forged.verify(&root(&old), &root(&other)), Err(TransitionError::NewRoot));
    }
    // What changes besides, and is not in the proof that was made without it.
    let hidden = |change: &dyn Fn(&mut State)| {
        let mut other = new.clone();
        change(&mut other);
        let mut forged = proof.clone();
        forged.new_root = other.root();
        assert_eq!(forged.verify(&old.root(), &other.root()), Err(TransitionError::NewRoot));
    };
    hidden(&|state| state.regions.get_mut(&3).unwrap().0 ^= 1 << 20);
    hidden(&|state| state.regions.get_mut(&255).unwrap().1.size -= PAGE_BYTES);
    hidden(&|state| drop(state.regions.remove(&1)));
    hidden(&|state| drop(state.regions.insert(9, old.regions[&2].clone())));
    hidden(&|state| {
        state.allocations.as_mut().unwrap().0.remove(&77);
    });
    hidden(&|state| {
        state.allocations.as_mut().unwrap().0.insert(5, record(9));
    });
    hidden(&|state| state.next_allocation = Some(4));
    hidden(&|state| {
        state.regions.get_mut(&6).unwrap().1.pages.insert(9, lcg_page(9));
    });
}

/// Two caps of different size can have the same root of pages: three pages, and four of which the last is zero. A proof
/// that names the one for the other fails, whether the region is listed by its pages or as a whole.
#[test]
fn a_cap_of_another_size_with_the_same_pages_is_told_apart() {
    let cap = |size: u64| Cap {
        size,
        pages: (0..3).map(|page| (page, lcg_page(page.into()))).collect(),
        ..Cap::default()
    };
    let state = |size: Option<u64>| State {
        regions: size.map(|size| (2, (meta(4, 3, 0), cap(size * PAGE_BYTES)))).into_iter().collect(),
        allocations: Some(Allocations::default()),
        next_allocation: Some(1),
        settlements: Some(0),
    };
    assert_eq!(cap(3 * PAGE_BYTES).node(&[true]), cap(4 * PAGE_BYTES).node(&[true]), "the trap");
    let pages = [(2, 0), (2, 1), (2, 2)];
    let cases = [
        (None, Some(3), TransitionError::NewRoot),
        (Some(3), None, TransitionError::OldRoot),
        (Some(3), Some(200), TransitionError::OldRoot),
        (Some(200), Some(3), TransitionError::NewRoot),
        // Then nothing would have changed.
        (Some(4), Some(3), TransitionError::Unchanged { region: 2, page: 0 }),
    ];
    for (from, to, reason) in cases {
        let (old, new) = (state(from), state(to));
        let proof = TransitionProof::prove(&old, &new, pages).unwrap();
        assert_eq!(proof.changes.len(), 3, "all pages that are not zero are listed");
        let mut forged = proof.clone();
        let ChangedRegion { old: before, new: after, .. } = &mut forged.regions[0];
        for header in [before, after] {
            header.size = if header.size == 3 * PAGE_BYTES { 4 * PAGE_BYTES } else { header.size };
        }
        assert_eq!(forged.verify(&old.root(), &new.root()), Err(reason));
        // A page behind the last one is none, though its leaf is in the tree.
        let mut behind = proof.clone();
        behind.changes.push(PageChange { region: 2, page: 300, old: [1; 32], new: [1; 32] });
        assert!(matches!(
            behind.verify(&old.root(), &new.root()),
            Err(TransitionError::Page { region: 2, page: 300, .. })
        ));
    }
}

#[test]
fn places_that_do_not_exist_are_refused() {
    let (old, new, _) = sample();
    let prove = |region, page| TransitionProof::prove(&old, &new, [(region, page)]);
    assert_eq!(prove(7, 0), Err(ProveTransitionError::RegionAbsent { region: 7 }));
    let behind = LayoutError::Page { page: 3, pages: 3 };
    assert_eq!(prove(1, 3), Err(ProveTransitionError::Layout(behind)));
}

/// Why a proof of a transition between these roots is refused when it has been edited.
fn refusal(
    proof: &TransitionProof,
    (old_root, new_root): (Hash, Hash),
    edit: &dyn Fn(&mut TransitionProof),
) -> TransitionError {
    let mut edited = proof.clone();
    edit(&mut edited);
    edited.verify(&old_root, &new_root).unwrap_err()
}

/// Every rule of the verifier that stands before the multiproof, broken alone.
#[test]
fn malformed_proofs_are_refused_with_their_reason() {
    let (old, new, places) = sample();
    let proof = TransitionProof::prove(&old, &new, places).unwrap();
    let refused = |edit: &dyn Fn(&mut TransitionProof)| refusal(&proof, (root(&old), root(&new)), edit);
    let error = TransitionError::Version { version: 1 };
    assert_eq!(refused(&|proof| proof.version = 1), error);
    assert_eq!(refused(&|proof| proof.old_root[0] ^= 1), TransitionError::OtherOldRoot);
    assert_eq!(refused(&|proof| proof.new_root[0] ^= 1), TransitionError::OtherNewRoot);
    assert_eq!(proof.verify(&root(&new), &root(&old)), Err(TransitionError::OtherOldRoot));
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
    assert_eq!(refused(&|proof| proof.regions.swap(3, 4)), TransitionError::Regions);
    let same = TransitionHeader { meta: meta(3, 3, 0), size: PAGE_BYTES, seed: 0, mode: 0 };
    for header in [same, TransitionHeader::ABSENT] {
        let surplus = ChangedRegion { region: 100, old: header, new: header };
        let error = TransitionError::RegionUnchanged { region: 100 };
        assert_eq!(refused(&|proof| proof.regions.insert(5, surplus)), error);
    }
    let above = |proof: &mut TransitionProof| proof.regions.last_mut().unwrap().region = 256;
    assert_eq!(refused(&above), TransitionError::Region { region: 256 });
    let kind = |change: &dyn Fn(&mut ChangedRegion) -> &mut TransitionHeader| {
        refused(&|proof| change(&mut proof.regions[0]).meta = meta(10, 5, 0))
    };
    let error = TransitionError::RegionKind { region: 1, kind: 10 };
    assert_eq!((kind(&|region| &mut region.old), kind(&|region| &mut region.new)), (error, error));
    // What makes the pages of a Generative region is proven wherever it is listed, and no other region has it.
    for (region, plain) in [(5, false), (6, true), (7, true)] {
        let seed = |proof: &mut TransitionProof| proof.regions[region].old.seed += 1;
        let mode = |proof: &mut TransitionProof| proof.regions[region].new.mode += 2;
        let error = TransitionError::Generator { region: 0x80 + u8::try_from(region - 5).unwrap() };
        assert_eq!(refused(&seed), if plain { TransitionError::OldRoot } else { error });
        assert_eq!(refused(&mode), if region == 6 { error } else { TransitionError::NewRoot });
    }
    let seed = |proof: &mut TransitionProof| proof.regions[0].old.seed = 1;
    assert_eq!(refused(&seed), TransitionError::Generator { region: 1 });
    let plain = |proof: &mut TransitionProof| proof.regions[7].old.meta = meta(3, 3, 0);
    assert_eq!(refused(&plain), TransitionError::Generator { region: 0x82 });
    let unwritten = |proof: &mut TransitionProof| {
        proof.changes.retain(|change| change.region != 0x80);
    };
    assert_eq!(refused(&unwritten), TransitionError::NewRoot);
    let odd = |proof: &mut TransitionProof| proof.regions[0].new.size = 4097;
    assert_eq!(refused(&odd), TransitionError::Layout(LayoutError::Size { size: 4097 }));
    let meta_alone = |proof: &mut TransitionProof| proof.regions[3].old.meta = 1;
    assert_eq!(refused(&meta_alone), TransitionError::Layout(LayoutError::Size { size: 0 }));
    let resize = |region: usize, size: u64| {
        refused(&|proof| {
            let ChangedRegion { old, new, .. } = &mut proof.regions[region];
            (old.size, new.size) = (size, size);
        })
    };
    // The size decides where the pages are: four pages have the tree of three, but another size leaf.
    assert_eq!(resize(0, 4 * PAGE_BYTES), TransitionError::OldRoot);
    assert!(matches!(resize(2, REGION_BYTES / 2), TransitionError::Page { region: 3, .. }));
    // A region that appears has no page before.
    let early = |proof: &mut TransitionProof| proof.changes[4].old = [1; 32];
    assert_eq!(refused(&early), TransitionError::Page { region: 6, page: 0, pages: 0 });
    let nothing = |proof: &mut TransitionProof| proof.changes[4].new = ZERO_HASH;
    assert_eq!(refused(&nothing), TransitionError::Unchanged { region: 6, page: 0 });
    assert_eq!(
        refused(&|proof| {
            proof.changes.remove(4);
        }),
        TransitionError::NewRoot
    );
    assert_eq!(refused(&|proof| proof.regions[3].new.meta ^= 1 << 40), TransitionError::NewRoot);
}

/// The rules for records and counts, and what the multiproof itself finds.
#[test]
fn malformed_records_and_counts_are_refused_with_their_reason() {
    let (old, new, places) = sample();
    let proof = TransitionProof::prove(&old, &new, places).unwrap();
    let refused = |edit: &dyn Fn(&mut TransitionProof)| refusal(&proof, (root(&old), root(&new)), edit);
    assert_eq!(refused(&|proof| proof.records.swap(1, 2)), TransitionError::RecordOrder { slot: 2 });
    let same = |proof: &mut TransitionProof| proof.records[1].new = proof.records[1].old;
    assert_eq!(refused(&same), TransitionError::RecordUnchanged { slot: 2 });
    let free = ChangedRecord { slot: 9, old: AllocationRecord::FREE, new: AllocationRecord::FREE };
    let surplus = |proof: &mut TransitionProof| proof.records.insert(2, free);
    assert_eq!(refused(&surplus), TransitionError::RecordUnchanged { slot: 9 });
    let behind = |proof: &mut TransitionProof| proof.records[2].slot = 79;
    assert_eq!(refused(&behind), TransitionError::RecordBehindEnd { slot: 79, slots: 79 });
    let before = |proof: &mut TransitionProof| proof.records[2].old = record(1);
    assert_eq!(refused(&before), TransitionError::RecordBehindEnd { slot: 78, slots: 78 });
    let long = |proof: &mut TransitionProof| proof.new.slots = ALLOCATIONS_LIMIT + 1;
    let error = LayoutError::Slots { length: ALLOCATIONS_LIMIT + 1 };
    assert_eq!(refused(&long), TransitionError::Layout(error));
    let far = |proof: &mut TransitionProof| {
        (proof.records[2].slot, proof.records[2].new) = (ALLOCATIONS_LIMIT, AllocationRecord::FREE);
        proof.records[2].old.id = 0;
        proof.records[2].new.id = 1;
    };
    assert!(matches!(refused(&far), TransitionError::RecordBehindEnd { .. }));
    // A record of nothing but zeros would have another leaf than a free slot: it cannot be said.
    let one_bit = |proof: &mut TransitionProof| proof.records[0].new.fragment_count = 1;
    assert_eq!(refused(&one_bit), TransitionError::NewRoot);
    assert_eq!(
        refused(&|proof| {
            proof.records.remove(0);
        }),
        TransitionError::OldRoot
    );
    assert_eq!(refused(&|proof| proof.old.slots -= 1), TransitionError::OldRoot);
    assert_eq!(refused(&|proof| proof.new.next_allocation += 1), TransitionError::NewRoot);
    let surplus = |proof: &mut TransitionProof| proof.helpers.push(ZERO_HASH);
    let error = MultiproofError::SurplusHelpers { needed: proof.helpers.len(), surplus: 1 };
    assert_eq!(refused(&surplus), TransitionError::Multiproof(error));
    assert_eq!(refused(&|proof| proof.old.settlements += 1), TransitionError::OldRoot);
    assert_eq!(refused(&|proof| proof.new.settlements += 1), TransitionError::NewRoot);
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
