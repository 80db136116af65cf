//! Golden vectors of overlays, masks, contexts and their edges.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use travertine_memory::generative::{
    CHUNK_CELLS, CHUNK_PAGES, CHUNKS, ContextId, Morph, MorphError, MorphMode, Overlay, Space, SpaceError,
    TRACKED_CELLS, ZMask, split,
};

use crate::{bits, cells, number, rows, text, vectors};

#[test]
fn overlays_have_quotas() {
    let vectors = vectors("overlay");
    let script = &vectors["quota_script"];
    let mut overlay = Overlay::new(number(&script["limit"]));
    for op in rows(&script["ops"], 14) {
        match text(&op[0]) {
            "insert" => {
                let inserted = overlay.insert(number(&op[1]), bits(&op[2]));
                assert_eq!((json!(inserted.is_ok()), json!(overlay.len())), (op[3].clone(), op[4].clone()));
            }
            "lookup" => {
                let found = overlay.lookup(number(&op[1]));
                let expected = op[2].as_bool().unwrap().then(|| bits(&op[3]));
                assert_eq!(found, expected, "{op}");
            }
            "entries_sorted" => assert_eq!(overlay.iter().collect::<Vec<_>>(), cells(&op[1])),
            "clear" => overlay.clear(),
            other => panic!("{other}"),
        }
    }
    assert!(overlay.is_empty());
}

#[test]
fn masks() {
    let vectors = vectors("zmask");
    let constants = [
        ("tb_size_cells", CHUNK_CELLS),
        ("page_cells", CHUNK_CELLS / CHUNK_PAGES),
        ("pages_per_tb", CHUNK_PAGES),
        ("macro_chunks", CHUNKS),
        ("tracked_cells", TRACKED_CELLS),
    ];
    for (name, constant) in constants {
        assert_eq!(vectors[name], constant, "{name}");
    }
    for row in rows(&vectors["split"], 11) {
        let (chunk, page) = split(number(&row[0])).unzip();
        assert_eq!((json!(chunk), json!(page)), (row[1].clone(), row[2].clone()));
    }
    let mut mask = ZMask::default();
    for op in rows(&vectors["script"], 39) {
        let argument = |index: usize| number(&op[index]);
        match text(&op[0]) {
            "mark" => {
                mask.mark(argument(1));
                assert_eq!(split(argument(1)).is_some(), op[2] == "tracked");
            }
            "is_dirty" => assert_eq!(op[2], mask.is_dirty(argument(1)), "{op}"),
            "range_clean_exact" => assert_eq!(op[3], mask.is_range_clean(argument(1), argument(2)), "{op}"),
            "popcount_pages" => assert_eq!(op[1], mask.page_count()),
            "clear" => mask.clear(),
            other => panic!("{other}"),
        }
    }
}

/// What the vectors call a result.
fn result_name<T>(result: &Result<T, SpaceError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(SpaceError::Cycle { .. }) => "err:cycle",
        Err(SpaceError::Depth(_)) => "err:depth",
        Err(_) => "another error",
    }
}

fn attach_morph(space: &mut Space, context: ContextId, source: ContextId, op: &Value) -> &'static str {
    let parameters = [4, 5].map(|index| f64::from_bits(number(&op[index])));
    let morph =
        MorphMode::try_from(bits(&op[3])).and_then(|mode| Morph::new(mode, parameters[0], parameters[1]));
    match morph {
        Ok(morph) => result_name(&space.attach_morph(context, source, morph)),
        Err(MorphError::Mode(_)) => "err:mode",
        Err(MorphError::Parameter(_)) => "err:param",
    }
}

#[test]
fn contexts_read_through_each_other() {
    let vectors = vectors("context");
    let mut space = Space::default();
    let mut names = BTreeMap::new();
    let ops = vectors["ops"].as_array().unwrap();
    assert!(ops.len() > 150);
    for op in ops {
        let name = text(&op[1]);
        if op[0] == "new" {
            names.insert(name, space.create(number(&op[2]), 0).unwrap());
            continue;
        }
        let context = names[name];
        match text(&op[0]) {
            "write_bits" => space.write(context, number(&op[2]), bits(&op[3])).unwrap(),
            "fetch" => {
                let address = number(&op[2]);
                let shown = space.fetch_f64(context, address).unwrap().to_bits();
                assert_eq!(shown, number(&op[3]), "{op}");
                assert_eq!(space.fetch(context, address).unwrap(), bits(&op[4]), "{op}");
                let mut filled = [0; 3];
                space.fill(context, address.wrapping_sub(1), &mut filled).unwrap();
                assert_eq!(filled[1], bits(&op[4]), "{op}");
            }
            "morph_attach" => {
                assert_eq!(attach_morph(&mut space, context, names[text(&op[2])], op), text(&op[6]), "{op}");
            }
            "mirror_attach" => {
                let attached = space.attach_mirror(context, names[text(&op[2])]);
                assert_eq!(result_name(&attached), text(&op[3]), "{op}");
            }
            "morph_detach" => space.detach_morph(context).unwrap(),
            "mirror_detach" => space.detach_mirror(context).unwrap(),
            other => panic!("{other}"),
        }
    }
}

/// Edges that are attached below a chain make it longer afterwards: then reads tell.
#[test]
fn chains_that_grow_below_are_found_when_they_are_read() {
    let mut space = Space::default();
    let contexts: Vec<_> = (0..20).map(|seed| space.create(seed, 0).unwrap()).collect();
    for pair in contexts[..16].windows(2) {
        space.attach_mirror(pair[1], pair[0]).unwrap();
    }
    assert_eq!(space.fetch(contexts[15], 9), Ok(travertine_vrns::cell(9, 0)));
    space.attach_mirror(contexts[0], contexts[16]).unwrap();
    assert_eq!(space.fetch(contexts[14], 9), Ok(travertine_vrns::cell(9, 16)));
    assert_eq!(space.fetch(contexts[15], 9), Err(SpaceError::Depth(contexts[15])));
    assert_eq!(space.fill(contexts[15], 9, &mut [0; 2]), Err(SpaceError::Depth(contexts[15])));
    // A written cell before the end is within reach.
    space.write(contexts[0], 9, 5).unwrap();
    assert_eq!(space.fetch(contexts[15], 9), Ok(5));
    assert_eq!(
        space.attach_mirror(contexts[17], contexts[15]),
        Err(SpaceError::Depth(contexts[17])),
        "16 edges already"
    );
}
