//! Contexts, masks and spaces against twins that are written as simply as possible.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::collection::vec;
use proptest::prelude::*;
use travertine_memory::generative::{
    Context, ContextId, Morph, MorphMode, Space, SpaceError, ZMask, synthesized_f64, to_cell, to_f64, vrns,
};

/// Addresses that meet each other, at both ends and at the end of what a mask tracks.
fn address() -> impl Strategy<Value = u64> {
    let near =
        |middle: u64| (0_u64..5000).prop_map(move |offset| middle.wrapping_add(offset).wrapping_sub(2500));
    prop_oneof![near(0), near(1 << 16), near(1 << 48), near(1 << 38), any::<u64>()]
}

#[derive(Debug, Clone)]
enum Step {
    Write(u64, u32),
    Replay(Vec<(u64, u32)>),
    Limit(u64),
    Clear,
    Fill(u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (address(), any::<u32>()).prop_map(|(address, cell)| Step::Write(address, cell)),
        2 => vec((address(), any::<u32>()), 0..40).prop_map(Step::Replay),
        1 => (0_u64..60).prop_map(Step::Limit),
        1 => Just(Step::Clear),
        4 => (address(), 0_usize..3000).prop_map(|(start, count)| Step::Fill(start, count)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn contexts_are_maps_over_a_function(seed: u64, steps in vec(step(), 1..40)) {
        let mut context = Context::new(seed);
        let mut twin: HashMap<u64, u32> = HashMap::new();
        let mut limit = 0;
        let fits = |count: usize, limit: u64| limit == 0 || count as u64 <= limit;
        for step in steps {
            match step {
                Step::Write(address, cell) => {
                    let is_new = !twin.contains_key(&address);
                    let fits = !is_new || fits(twin.len() + 1, limit);
                    prop_assert_eq!(context.write(address, cell).ok(), fits.then_some(is_new));
                    if fits {
                        twin.insert(address, cell);
                    }
                }
                Step::Replay(cells) => {
                    let mut after = twin.clone();
                    after.extend(cells.iter().copied());
                    let new = after.len() - twin.len();
                    let fits = new == 0 || fits(after.len(), limit);
                    prop_assert_eq!(context.replay(cells).ok(), fits.then_some(new as u64));
                    if fits {
                        twin = after;
                    }
                }
                Step::Limit(new_limit) => {
                    limit = new_limit;
                    context.set_limit(limit);
                }
                Step::Clear => {
                    twin.clear();
                    context.clear();
                }
                Step::Fill(start, count) => {
                    let mut cells = std::vec![0; count];
                    context.fill(start, &mut cells);
                    for (offset, cell) in (0..).zip(cells) {
                        let address = start.wrapping_add(offset);
                        let expected = twin.get(&address).copied();
                        prop_assert_eq!(cell, expected.unwrap_or_else(|| vrns::exact_cell(address, seed)));
                        prop_assert_eq!(context.fetch(address), cell);
                    }
                }
            }
            let sorted: BTreeMap<_, _> = twin.iter().map(|(address, cell)| (*address, *cell)).collect();
            prop_assert!(context.overlay().iter().eq(sorted));
            prop_assert!(twin.keys().all(|address| context.mask().is_dirty(*address)));
        }
    }

    #[test]
    fn masks_are_sets_of_pages(
        marks in vec(address(), 0..30),
        ranges in vec((address(), 0_u64..10_000), 1..40),
        whole: bool,
    ) {
        let mut mask = ZMask::default();
        if whole {
            mask.mark_all(marks.iter().copied());
        } else {
            for address in &marks {
                mask.mark(*address);
            }
        }
        let is_tracked = |address: &u64| *address < 1 << 48;
        let pages: BTreeSet<u64> = marks.iter().filter(|at| is_tracked(at)).map(|at| at >> 10).collect();
        prop_assert_eq!(mask.page_count(), pages.len() as u64);
        for (start, count) in ranges {
            prop_assert_eq!(mask.is_dirty(start), !is_tracked(&start) || pages.contains(&(start >> 10)));
            let mut cells = (0..count).step_by(512).chain(count.checked_sub(1)).map(|more| start.checked_add(more));
            let is_clean = cells.all(|at| at.is_some_and(|at| is_tracked(&at) && !pages.contains(&(at >> 10))));
            prop_assert_eq!(mask.is_range_clean(start, count), is_clean, "{} {}", start, count);
        }
    }
}

/// A context as a record.
#[derive(Default)]
struct Twin {
    seed: u64,
    cells: HashMap<u64, u32>,
    morph: Option<(usize, u32, f64, f64)>,
    mirror: Option<usize>,
}

/// All contexts that reads of one may reach through edges of any kind, and the longest way.
fn reaches(twins: &[Twin], from: usize, goal: usize) -> (bool, u32) {
    let edges = twins[from].morph.map(|morph| morph.0).into_iter().chain(twins[from].mirror);
    let below: Vec<_> = edges.map(|to| reaches(twins, to, goal)).collect();
    let depth = below.iter().map(|(_, depth)| depth + 1).max().unwrap_or(0);
    (from == goal || below.iter().any(|(found, _)| *found), depth)
}

/// The number, and the bits if nothing but moving them happened.
fn read(twins: &[Twin], from: usize, address: u64, hops: u32) -> Option<(f64, Option<u32>)> {
    let twin = &twins[from];
    if hops > 15 {
        return None;
    }
    if let Some(cell) = twin.cells.get(&address) {
        return Some((to_f64(*cell), Some(*cell)));
    }
    if let Some((source, mode, a, b)) = twin.morph {
        let (x, bits) = read(twins, source, address, hops + 1)?;
        let y = match mode {
            0 => return Some((x, bits)),
            1 => {
                let product = x * a;
                product + b
            }
            2 => x + b,
            _ => x * a,
        };
        return Some((if y.is_nan() { f64::from_bits(0x7FF8 << 48) } else { y }, None));
    }
    match twin.mirror {
        Some(source) => read(twins, source, address, hops + 1),
        None => Some((synthesized_f64(address, twin.seed), Some(vrns::exact_cell(address, twin.seed)))),
    }
}

#[derive(Debug, Clone)]
enum Edit {
    Write(usize, u64, u32),
    Morph(usize, usize, u32, f64, f64),
    Mirror(usize, usize),
    DetachMorph(usize),
    DetachMirror(usize),
    Remove(usize),
}

const CONTEXTS: usize = 24;

fn edit() -> impl Strategy<Value = Edit> {
    let index = || 0..CONTEXTS;
    let parameter = || prop_oneof![Just(0.0), Just(f64::MAX), -9.0..9.0_f64];
    let cell = prop_oneof![any::<u32>(), Just(0x7FA0_0001), Just(0x7F80_0000), 0x3F00_0000..0x4000_0000_u32];
    // Most edges go to the context before, so that chains get long.
    let pair = || prop_oneof![(index(), index()), (1..CONTEXTS).prop_map(|to| (to, to - 1))];
    prop_oneof![
        2 => (index(), 0_u64..4, cell).prop_map(|(at, address, cell)| Edit::Write(at, address, cell)),
        4 => (pair(), 0_u32..4, parameter(), parameter())
            .prop_map(|((at, source), mode, a, b)| Edit::Morph(at, source, mode, a, b)),
        4 => pair().prop_map(|(at, source)| Edit::Mirror(at, source)),
        1 => index().prop_map(Edit::DetachMorph),
        1 => index().prop_map(Edit::DetachMirror),
        1 => index().prop_map(Edit::Remove),
    ]
}

/// What a space says to an edge, by the twins.
fn edge_result(twins: &[Twin], at: usize, source: usize, ids: &[ContextId]) -> Result<(), SpaceError> {
    let (is_cycle, depth) = reaches(twins, source, at);
    if is_cycle {
        return Err(SpaceError::Cycle { context: ids[at], source_context: ids[source] });
    }
    if depth >= 15 { Err(SpaceError::Depth(ids[at])) } else { Ok(()) }
}

/// Whether two results are alike; a cycle that is longer than a read may also be called too deep.
fn is_alike(got: Result<(), SpaceError>, expected: Result<(), SpaceError>) -> bool {
    got == expected || matches!((got, expected), (Err(SpaceError::Depth(_)), Err(SpaceError::Cycle { .. })))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn spaces_read_as_recursion_does(edits in vec(edit(), 1..120)) {
        let mut space = Space::default();
        let mut twins: Vec<Twin> = Vec::new();
        let mut ids = Vec::new();
        for seed in 0..CONTEXTS as u64 {
            ids.push(space.create(seed, 0).unwrap());
            twins.push(Twin { seed, ..Twin::default() });
        }
        for edit in edits {
            match edit {
                Edit::Write(at, address, cell) => {
                    space.write(ids[at], address, cell).unwrap();
                    twins[at].cells.insert(address, cell);
                }
                Edit::Morph(at, source, mode, a, b) => {
                    let morph = Morph::new(MorphMode::try_from(mode).unwrap(), a, b).unwrap();
                    let expected = edge_result(&twins, at, source, &ids);
                    let got = space.attach_morph(ids[at], ids[source], morph);
                    prop_assert!(is_alike(got, expected), "{got:?} {expected:?}");
                    if got.is_ok() {
                        twins[at].morph = Some((source, mode, a, b));
                    }
                }
                Edit::Mirror(at, source) => {
                    let expected = edge_result(&twins, at, source, &ids);
                    let got = space.attach_mirror(ids[at], ids[source]);
                    prop_assert!(is_alike(got, expected), "{got:?} {expected:?}");
                    if got.is_ok() {
                        twins[at].mirror = Some(source);
                    }
                }
                Edit::DetachMorph(at) => {
                    space.detach_morph(ids[at]).unwrap();
                    twins[at].morph = None;
                }
                Edit::DetachMirror(at) => {
                    space.detach_mirror(ids[at]).unwrap();
                    twins[at].mirror = None;
                }
                Edit::Remove(at) => {
                    let edges = twins.iter().flat_map(|twin| twin.morph.map(|morph| morph.0).into_iter().chain(twin.mirror));
                    let dependents = edges.filter(|source| *source == at).count() as u64;
                    let expected = if dependents == 0 { Ok(()) } else {
                        Err(SpaceError::IsSource { context: ids[at], dependents })
                    };
                    prop_assert_eq!(space.remove(ids[at]), expected);
                    if dependents == 0 {
                        prop_assert_eq!(space.fetch(ids[at], 0), Err(SpaceError::Unknown(ids[at])));
                        // Another one takes its place.
                        ids[at] = space.create(at as u64, 0).unwrap();
                        twins[at] = Twin { seed: at as u64, ..Twin::default() };
                    }
                }
            }
            let cells: usize = twins.iter().map(|twin| twin.cells.len()).sum();
            prop_assert_eq!(space.cells(), cells as u64);
        }
        for (at, id) in ids.iter().enumerate() {
            for address in 0..4 {
                let expected = read(&twins, at, address, 0);
                prop_assert_eq!(
                    space.fetch_f64(*id, address).ok().map(f64::to_bits),
                    expected.map(|(number, _)| number.to_bits())
                );
                let cell = expected.map(|(number, bits)| bits.unwrap_or_else(|| to_cell(number)));
                prop_assert_eq!(space.fetch(*id, address).ok(), cell);
            }
        }
    }
}
