//! The contract `ledger`, which allocates: its report, the map of its heap, proofs of its allocations and of its calls, the
//! comparison of allocators on its requests, and the memory limit.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use std::path::Path;

use common::{Ended, Sandbox, contract, keys, string, text};
use serde_json::{Value, json};

/// A page of journal 1, so that its text has pages of its own.
const PAGE: usize = 4096;

fn append(key: u64, bytes: usize) -> String {
    let length = u16::try_from(bytes).unwrap().to_le_bytes();
    format!("01{}{}{}", hex::encode(key.to_le_bytes()), hex::encode(length), "ab".repeat(bytes))
}

fn close(key: u64) -> String {
    format!("02{}", hex::encode(key.to_le_bytes()))
}

const COMPACT: &str = "0700000000";

/// A call on the machine in `ledger`.
fn call(sandbox: &Sandbox, input: &str, more: &[&str]) -> Ended {
    let program = contract("ledger");
    sandbox.write("input", &hex::decode(input).unwrap());
    let run = ["run", text(&program), "--state", "ledger", "--input", "@input"];
    sandbox.run([&run[..], more].concat())
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn a_refund_is_in_the_receipt_and_in_the_report() {
    let sandbox = Sandbox::new();
    // 120,000 bytes come and go within the call.
    let input = [append(1, 60_000), append(1, 60_000), append(2, 1), close(1), COMPACT.to_owned()].concat();
    let report = call(&sandbox, &input, &["--receipt", "receipt", "--statistics", "--json"]).expect(0).json();
    let gas = &report["gas"];
    let refund = count(&gas["refund"]);
    // Behind version and outcome; the bill's four classes stand between them (docs/formats.md).
    let receipt = sandbox.read("receipt");
    let word = |at: usize| u64::from_le_bytes(receipt[at..at + 8].try_into().unwrap());
    assert_eq!((word(56), word(96)), (count(&gas["used"]), refund));
    assert!(refund > 0 && refund <= word(56) / 5, "{refund}");
    assert!(count(&gas["allocation"]) > 0);
    let statistics = &report["statistics"];
    let [allocated, freed, compacted] =
        ["allocations", "frees", "compactions"].map(|key| count(&statistics[key]));
    assert_eq!((allocated, freed, compacted), (4, 1, 1), "catalog, two journals, the answer");
    assert_eq!(statistics["live_allocations"], 2);

    let shown = call(&sandbox, &input.replace("0200000000000000", "0300000000000000"), &[]);
    let shown = shown.expect(0).stdout;
    assert!(shown.contains("  allocation\n") && shown.contains("\nrefund  "), "{shown}");
    let quiet = call(&sandbox, &append(2, 1), &[]).expect(0).stdout;
    assert!(!quiet.contains("refund"), "{quiet}");
}

#[test]
fn a_used_slot_is_proven_and_verified_with_the_root_alone() {
    let sandbox = Sandbox::new();
    call(&sandbox, &append(7, 3 * PAGE), &[]).expect(0);
    let listed = sandbox.run(["root", "--state", "ledger", "--allocations", "--json"]).expect(0).json();
    let list = listed["allocations"]["list"].as_array().unwrap();
    assert_eq!((list.len(), &listed["allocations"]["next"]), (2, &3.into()));
    let prove = ["prove", "--state", "ledger", "--allocation", "1", "-o", "slot", "--json"];
    let report = sandbox.run(prove).expect(0).json();
    let allocation = &report["claims"][0]["allocation"];
    let mut expected = list[1].clone();
    assert_eq!(expected.as_object_mut().unwrap().remove("slot"), Some(1.into()));
    assert_eq!(*allocation, expected);
    // 12,288 bytes in a capacity that doubled from 32, behind the page of the catalog.
    assert_eq!((&allocation["size"], string(allocation, "kind")), (&16_384.into(), "Heap"));
    assert_eq!((string(allocation, "address"), string(allocation, "flags")), ("0x300001000", "none"));
    assert_eq!(string(&list[0], "flags"), "pinned");
    assert_eq!(string(allocation, "owner"), string(&list[0], "owner"));
    assert_eq!(
        (&report["leaves"], sandbox.read("slot").len() as u64),
        (&9.into(), count(&report["proof_bytes"]))
    );

    let elsewhere = Sandbox::new();
    elsewhere.write("slot", &sandbox.read("slot"));
    let root = string(&report, "root");
    let verify = |more: &[&str]| elsewhere.run([&["verify", "slot", "--root", root], more].concat());
    let verified = verify(&["--allocation", "1", "--json"]).expect(0).json();
    assert_eq!(verified["claims"][0]["allocation"], *allocation);
    let shown = verify(&["--explain"]).expect(0).stdout;
    for line in ["slot 1 holds allocation 2: 16,384 bytes at 3:0:0x1000", "length: 2", "state root"] {
        assert!(shown.contains(line), "`{line}` is not in:\n{shown}");
    }
    verify(&["--allocation", "0"]).expect(1);
    // The allocation's bytes are not disclosed.
    let bytes = [0xab; 64];
    assert!(!sandbox.read("slot").windows(64).any(|window| window == bytes));
    let proof = sandbox.read("slot");
    for position in 0..proof.len() {
        let mut changed = proof.clone();
        changed[position] ^= 1 << (position % 8);
        elsewhere.run_with_stdin(["verify", "-", "--root", root, "--allocation", "1"], &changed).expect(1);
    }
}

#[test]
fn a_map_shows_the_allocators_region() {
    let sandbox = Sandbox::new();
    // Journal 1 grows between others, and its frames are gathered from the ends of planes.
    let input: String = (1..=10).map(|key| append(key, 5000)).collect();
    call(&sandbox, &(input + &append(1, 60_000)), &[]).expect(0);
    call(&sandbox, &[close(3), close(5), "060100000000000000".to_owned()].concat(), &[]).expect(0);
    let report = sandbox.run(["map", "--state", "ledger", "-o", "map.svg", "--json"]).expect(0).json();
    let region = |number: u64| {
        let regions = report["regions"].as_array().unwrap();
        regions.iter().find(|region| region["region"] == number).unwrap().clone()
    };
    let (heap, shared) = (region(3), region(6));
    let [planes, used, free] = ["planes", "used_frames", "free_frames"].map(|key| count(&heap[key]));
    assert_eq!((used + free, count(&heap["pinned_frames"])), (16 * planes, 1), "the catalog is pinned");
    // Nine journals of 8 KiB and one of 64 KiB, less the two that are closed, and the catalog.
    assert_eq!((&heap["allocations"], used), (&9.into(), 7 * 2 + 16 + 1));
    assert!(count(&heap["promoted_frames"]) > 0, "{heap}");
    assert!(heap["fragmentation_basis_points"].is_u64());
    assert_eq!((&shared["allocations"], &shared["shared_frames"]), (&1.into(), &15.into()));
    assert_eq!(region(2)["fragmentation_basis_points"], Value::Null);

    let picture = String::from_utf8(sandbox.read("map.svg")).unwrap();
    let titles: Vec<_> = picture.split("<title>").skip(1).collect();
    for (what, least) in [("pinned", 1), ("shared", 15), ("allocation", used)] {
        let found = titles.iter().filter(|title| title.contains(what)).count() as u64;
        assert!(found >= least, "{what}: {found}");
    }
    let shown = sandbox.run(["map", "--state", "ledger"]).expect(0).stdout;
    assert!(shown.lines().any(|line| line.contains("Heap")), "{shown}");
}

#[test]
fn the_memory_limit_refuses_the_frame_beyond() {
    let sandbox = Sandbox::new();
    // The catalog, four pages of text, and a page of the answer's or none: exactly five frames.
    let limited = |limit: &str| call(&sandbox, &append(1, 3 * PAGE), &["--memory-limit", limit]);
    let refused = limited("20479").expect(1).stdout;
    assert!(refused.starts_with("failed: reverted: \"the allocator answers -9\""), "{refused}");
    limited("4096").expect(1);
    limited("20480").expect(0);
    // What earlier calls have allocated counts, too.
    let another = |limit: &str| call(&sandbox, &append(2, PAGE), &["--memory-limit", limit]);
    another("20480").expect(1);
    another("24576").expect(0);
    limited("x").refused("--memory-limit");
}

/// A call with its transition in `call`: the report, and what `verify` says of the proof elsewhere.
fn proven(sandbox: &Sandbox, input: &str) -> (Value, Value) {
    let called = call(sandbox, input, &["--transition", "call", "--json"]).expect(0).json();
    let (old, new) = (string(&called, "old_root"), string(&called, "new_root"));
    let elsewhere = Sandbox::new();
    elsewhere.write("call", &sandbox.read("call"));
    let verify = ["verify", "call", "--root", old, "--new-root", new];
    let report = elsewhere.run([&verify[..], &["--json"]].concat()).expect(0).json();
    let transition = report["transition"].clone();
    assert_eq!(transition["pages"], called["dirty_pages"]);
    let shown = elsewhere.run(verify).expect(0).stdout;
    assert!(shown.starts_with("valid\n") && shown.contains(", and nothing else\n"), "{shown}");
    elsewhere.run(["verify", "call", "--root", new, "--new-root", old]).expect(1);
    elsewhere.run(["convert", "call", "call.json"]).expect(0);
    elsewhere.run(["verify", "call.json", "--root", old, "--new-root", new]).expect(0);
    elsewhere.run(["convert", "call.json", "back"]).expect(0);
    assert_eq!(elsewhere.read("back"), sandbox.read("call"));
    (called, transition)
}

fn slots(transition: &Value) -> Vec<(u64, bool, bool)> {
    let list = transition["allocations"].as_array().unwrap();
    list.iter().map(|it| (count(&it["slot"]), it["old"].is_object(), it["new"].is_object())).collect()
}

#[test]
fn calls_that_allocate_are_proven_to_lead_from_root_to_root() {
    let sandbox = Sandbox::new();
    // The heap is opened, two allocations are made.
    let (_, first) = proven(&sandbox, &append(7, 100));
    assert_eq!(slots(&first), [(0, false, true), (1, false, true)]);
    assert_eq!((&first["old_next_allocation"], &first["new_slots"]), (&1.into(), &2.into()));
    let opened = &first["regions"][0];
    assert_eq!((&opened["region"], &opened["old"]), (&3.into(), &Value::Null));
    assert_eq!(keys(&opened["new"]), ["flags", "kind", "permissions", "size"]);
    // One of them grows to pages of its own: same number, other address and size.
    let (_, grown) = proven(&sandbox, &append(7, 2 * PAGE));
    assert_eq!(slots(&grown), [(1, true, true)]);
    let change = &grown["allocations"][0];
    assert_eq!(change["old"]["id"], change["new"]["id"]);
    assert_eq!((&change["old"]["size"], &change["new"]["size"]), (&128.into(), &16_384.into()));
    assert_eq!(grown["regions"], json!([]), "the heap has as many planes as before");
    // The shared region is opened, then everything is given back, and the heap has no planes left but the catalog's.
    proven(&sandbox, "060700000000000000");
    let (_, many) = proven(&sandbox, &(1..5).map(|key| append(key, 30_000)).collect::<String>());
    // The heap has more planes, and the shared region is no longer the one that was allocated in last.
    assert_eq!((many["regions"].as_array().unwrap().len(), slots(&many).len()), (2, 4));
    let (_, gone) = proven(&sandbox, &([1, 2, 3, 7].map(close).concat() + COMPACT));
    assert_eq!(
        slots(&gone).iter().filter(|slot| slot.1 && !slot.2).count(),
        5,
        "four texts, one publication"
    );
    let (_, nothing) = proven(&sandbox, "04");
    let lists = ["allocations", "pages", "regions"].map(|list| nothing[list].as_array().unwrap().len());
    assert_eq!(lists, [0, 0, 0], "what is temporary leaves only a number behind");
    assert_ne!(nothing["old_next_allocation"], nothing["new_next_allocation"]);

    let called =
        call(&sandbox, &(append(9, 50) + &close(4)), &["--transition", "call", "--json"]).expect(0).json();
    let (old, new) = (string(&called, "old_root"), string(&called, "new_root"));
    let proof = sandbox.read("call");
    for position in (0..proof.len()).step_by(5) {
        let mut changed = proof.clone();
        changed[position] ^= 1 << (position % 8);
        sandbox.run_with_stdin(["verify", "-", "--root", old, "--new-root", new], &changed).expect(1);
    }
}

#[test]
fn allocators_are_compared_on_what_the_program_asks_for() {
    let sandbox = Sandbox::new();
    let program = contract("ledger");
    let input: String = (0..40).map(|turn| append(turn % 8, 1000)).collect();
    sandbox.write("input", &hex::decode(input + &close(3)).unwrap());
    let bench = ["bench", "alloc", "--program", text(&program), "--input", "@input"];
    let lines = sandbox.run([&bench[..], &["--json", "--plots", "plots"]].concat()).expect(0).stdout;
    let reports: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schedules = ["documented", "linear", "quadratic"];
    assert_eq!(reports.len(), schedules.len());
    for (report, schedule) in reports.iter().zip(schedules) {
        assert_eq!((string(report, "workload"), string(report, "schedule")), ("ledger", schedule));
        let allocators = report["allocators"].as_array().unwrap();
        let planes = allocators.iter().map(|allocator| count(&allocator["peak_planes"])).max();
        assert!(planes >= Some(2), "eight journals of 8 KiB and the catalog: {report}");
        // A vector that doubles is copied by the linear allocator, byte by byte, and remapped by the machine's.
        assert!(count(&allocators[2]["gas"]) < count(&allocators[0]["gas"]), "{report}");
    }
    assert_eq!(sandbox.names("plots"), schedules.map(|schedule| format!("ledger-{schedule}.svg")));
    let picture = String::from_utf8(sandbox.read("plots/ledger-linear.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.matches("<polyline").count() >= 3, "{picture}");
}

/// The line of the README, and its picture.
#[test]
fn the_readme_says_what_is_measured() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sandbox = Sandbox::new();
    let input = format!("@{}", text(&root.join("fixtures/contracts/ledger/churn.input")));
    let program = contract("ledger");
    let bench = ["bench", "alloc", "--program", text(&program), "--input", &input, "--plots", "plots"];
    let table = sandbox.run(bench).expect(0).stdout;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("ledger "))
        .map(|line| line.split_whitespace().collect())
        .collect();
    // The columns: workload, growth, three times gas, planes and fragmentation, then two changes with their sign of per cent.
    let changes: Vec<_> = rows.iter().map(|row| format!("{} %", row[11])).collect();
    let planes = format!("{}, {}", rows[2][3], rows[2][9]);
    let line = format!("| `ledger` | {} | {planes} |\n", changes.join(" | "));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains(&line), "{line}is not in the README");
    let picture = std::fs::read(root.join("docs/pictures/ledger-quadratic.svg")).unwrap();
    assert_eq!(String::from_utf8(picture), String::from_utf8(sandbox.read("plots/ledger-quadratic.svg")));
}
