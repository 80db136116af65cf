//! Golden vectors of archetypes, tenants and allocations, and the limits of spaces.

use serde_json::{Value, json};
use travertine_memory::generative::archetype::{
    Archetype, ArchetypeError, ArchetypeMode, Entry, created_offset, split_path,
};
use travertine_memory::generative::{
    Allocator, AllocatorError, Context, Manager, SpaceError, SpaceLimits, persistence::Snapshot,
    seed_of_size, tenant_path,
};

use crate::{bits, number, rows, text, vectors};

fn entry(value: &Value) -> Entry {
    Entry {
        name: text(&value[0]).to_owned(),
        offset: number(&value[1]),
        size: number(&value[2]),
        is_folder: value[3].as_bool().unwrap(),
    }
}

#[test]
fn archetypes_list_files() {
    let vectors = vectors("archetype");
    let fat = Archetype::new(ArchetypeMode::Fat);
    for (folder, count) in [("/", 3), ("/assets", 5)] {
        let expected: Vec<_> = rows(&vectors["FAT"][folder], count).map(entry).collect();
        assert_eq!(fat.list(folder, 100), expected);
    }
    for row in rows(&vectors["dynamic_offset"], 6) {
        assert_eq!(created_offset(text(&row[0])), number(&row[1]));
    }
    for row in rows(&vectors["parent_basename"], 9) {
        assert_eq!(split_path(text(&row[0])), (text(&row[1]), text(&row[2])));
    }
    for listing in rows(&vectors["listing"], 9) {
        let mode = ArchetypeMode::try_from(bits(&listing["mode"])).unwrap();
        let mut archetype = Archetype::new(mode);
        for path in rows(&vectors["listing_files_in_creation_order"], 5) {
            archetype.create(text(path), false).unwrap();
            archetype.create(text(path), true).unwrap();
        }
        let limit = usize::try_from(number(&listing["max"])).unwrap();
        let expected: Vec<_> = listing["entries"].as_array().unwrap().iter().map(entry).collect();
        assert_eq!(archetype.list(text(&listing["path"]), limit), expected, "{listing}");
    }
    assert_eq!(ArchetypeMode::try_from(2), Err(ArchetypeError::Mode(2)));
    let readme = &fat.list("/", 1)[0];
    assert_eq!((readme.place_of_byte(1023), readme.place_of_byte(1024)), (Some((255, 3)), None));
}

/// Two of a million random names, which had 40 bits of their hashes in common.
#[test]
fn files_with_one_offset_are_refused() {
    let names = ["/vzdrctrcmsmg", "/ahttgevfrmzp"];
    let offset = created_offset(names[0]);
    let mut archetype = Archetype::new(ArchetypeMode::Fat);
    archetype.create(names[0], false).unwrap();
    let [other, path] = names.map(str::to_owned);
    assert_eq!(archetype.create(names[1], false), Err(ArchetypeError::Overlap { path, other, offset }));
    assert_eq!(archetype.list("/", 9).len(), 4);
}

#[test]
fn tenants_have_seeds_paths_and_quotas() {
    let vectors = vectors("manager");
    for row in rows(&vectors["paths"], 5) {
        assert_eq!(tenant_path(number(&row[0])), text(&row[1]));
    }
    let mut manager = Manager::default();
    for op in rows(&vectors["script"], 17) {
        let id = |manager: &Manager| manager.find(number(&op[1])).unwrap();
        match text(&op[0]) {
            "get" => {
                let before = manager.find(number(&op[1]));
                let got = manager.get(number(&op[1]), number(&op[2])).unwrap();
                assert_eq!(before, text(&op[3]).starts_with("existing").then_some(got), "{op}");
            }
            "write" => {
                let id = id(&manager);
                let written = manager.space_mut().write(id, number(&op[2]), bits(&op[3]));
                let is_quota = matches!(written, Err(SpaceError::Quota(_)));
                assert_eq!((written.is_ok(), is_quota), (op[4] == "ok", op[4] == "err:quota"), "{op}");
            }
            "fetch" => {
                let cell = manager.space().fetch(id(&manager), number(&op[2])).unwrap();
                assert_eq!(cell, bits(&op[3]), "{op}");
            }
            "by_path" => {
                let expected = op[2].is_string().then(|| manager.find(number(&op[2])).unwrap());
                assert_eq!(manager.find_by_path(text(&op[1])), expected, "{op}");
            }
            "list" => {
                let paths: Vec<_> = manager.seeds().into_iter().map(tenant_path).collect();
                assert_eq!(json!(paths), op[1]);
            }
            "remove" => assert_eq!(op[2], manager.remove(number(&op[1])).unwrap()),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn allocations_are_bounded_and_handles_never_return() {
    let vectors = vectors("allocator");
    for row in rows(&vectors["seed_of_size"], 9) {
        assert_eq!(seed_of_size(number(&row[0])), number(&row[1]));
    }
    let mut allocator = Allocator::default();
    let name = |error: &AllocatorError| match error {
        AllocatorError::Handle(_) => "err:handle",
        AllocatorError::Bounds { .. } => "err:bounds",
        AllocatorError::Limit(_) => "err:limit",
    };
    for op in rows(&vectors["script"], 18) {
        let argument = |index: usize| number(&op[index]);
        match text(&op[0]) {
            "malloc" => assert_eq!(allocator.allocate(argument(1)), Ok(argument(2))),
            "get" => match allocator.get(argument(1), argument(2)) {
                Ok(cell) => assert_eq!(("ok", cell), (text(&op[3]), bits(&op[4])), "{op}"),
                Err(error) => assert_eq!(name(&error), text(&op[3]), "{op}"),
            },
            "set" => {
                let set = allocator.set(argument(1), argument(2), bits(&op[3]));
                assert_eq!(set.as_ref().map_or_else(name, |()| "ok"), text(&op[4]), "{op}");
            }
            "free" => {
                let freed = allocator.free(argument(1));
                assert_eq!(freed.as_ref().map_or_else(name, |()| "ok"), text(&op[2]), "{op}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn spaces_have_limits_and_keep_their_sources() {
    let mut manager = Manager::new(SpaceLimits { contexts: 2, cells: 3 });
    let (a, b) = (manager.get(1, 0).unwrap(), manager.get(2, 0).unwrap());
    assert_eq!(manager.get(3, 0), Err(SpaceError::Contexts { contexts: 3, limit: 2 }));
    let space = manager.space_mut();
    for address in [0, 1] {
        space.write(a, address, 7).unwrap();
    }
    space.write(b, 0, 7).unwrap();
    assert!(
        matches!(space.write(b, 1, 7), Err(SpaceError::Quota(error)) if (error.cells, error.limit) == (4, 3))
    );
    space.write(b, 0, 8).unwrap();
    let mut two = Context::new(9);
    two.replay([(5, 1), (6, 1)]).unwrap();
    let snapshot = Snapshot::of(&two);
    assert!(matches!(space.load(b, &snapshot), Err(SpaceError::Quota(_))));
    assert_eq!((space.fetch(b, 0), space.cells()), (Ok(8), 3));
    space.load(a, &snapshot).unwrap();
    assert_eq!((space.fetch(a, 5), space.context(a).unwrap().seed(), space.cells()), (Ok(1), 9, 3));

    space.attach_mirror(b, a).unwrap();
    assert_eq!(manager.remove(1), Err(SpaceError::IsSource { context: a, dependents: 1 }));
    assert_eq!(manager.remove(2), Ok(true));
    assert_eq!((manager.remove(1), manager.space().cells()), (Ok(true), 0));
    assert_eq!(manager.space().fetch(a, 0), Err(SpaceError::Unknown(a)));
    // A tenant whose context was removed is none.
    let again = manager.get(1, 0).unwrap();
    manager.space_mut().remove(again).unwrap();
    assert_eq!((manager.find(1), manager.seeds()), (None, vec![]));
    assert!(manager.get(1, 0).is_ok());
}
