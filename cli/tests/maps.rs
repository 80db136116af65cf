//! `map` and `bench alloc`: tables and pictures.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use common::{ALICE, OWNER, Sandbox, keys, string};
use serde_json::Value;

fn regions(report: &Value) -> &[Value] {
    report["regions"].as_array().unwrap()
}

fn sum(report: &Value, key: &str) -> u64 {
    regions(report).iter().map(|region| region[key].as_u64().unwrap()).sum()
}

#[test]
fn a_map_shows_what_is_used_and_what_has_changed() {
    let sandbox = Sandbox::with_token();
    std::fs::create_dir(sandbox.path("older")).unwrap();
    std::fs::copy(sandbox.path("token/machine.trv"), sandbox.path("older/machine.trv")).unwrap();

    let same = sandbox.run(["map", "--state", "token", "--since", "older", "--json"]).expect(0).json();
    assert_eq!((sum(&same, "dirty_pages"), &same["picture"]), (0, &Value::Null));
    sandbox.token(OWNER, &format!("01{ALICE}6400000000000000")).expect(0);
    let map = ["map", "--state", "token", "--since", "older", "-o", "map.svg", "--json"];
    let report = sandbox.run(map).expect(0).json();
    let dirty: Vec<_> = regions(&report).iter().filter(|region| region["dirty_pages"] != 0).collect();
    assert_eq!((dirty.len(), &dirty[0]["region"], string(dirty[0], "kind")), (1, &2.into(), "State"));
    assert_eq!(string(&report, "picture"), "map.svg");

    let picture = String::from_utf8(sandbox.read("map.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"), "{picture}");
    let titles =
        |what: &str| picture.split("<title>").skip(1).filter(|title| title.contains(what)).count() as u64;
    assert_eq!(
        (titles("page"), titles(", dirty")),
        (sum(&report, "used_frames"), sum(&report, "dirty_pages"))
    );

    let shown = sandbox.run(["map", "--state", "token"]).expect(0).stdout;
    assert_eq!(shown.lines().count(), 1 + regions(&report).len() + 1, "{shown}");
    sandbox.run(["map", "--state", "nowhere"]).refused("there is no machine in nowhere");
}

#[test]
fn allocators_are_compared_line_by_line() {
    let sandbox = Sandbox::new();
    let compare = || {
        let chosen = ["--workload", "small-churn", "--workload", "adversary"];
        sandbox
            .run(["bench", "alloc", "--json", "--plots", "plots"].into_iter().chain(chosen))
            .expect(0)
            .stdout
    };
    let lines = compare();
    assert_eq!(lines, compare(), "the same in every run");
    let reports: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.len(), 2 * 3);
    assert_eq!(sandbox.names("plots").len(), 2 * 3);
    let gas = |report: &Value| -> Vec<u64> {
        let allocators = report["allocators"].as_array().unwrap();
        assert_eq!(keys(&allocators[0]), ["allocator", "fragmentation_basis_points", "gas", "peak_planes"]);
        allocators.iter().map(|allocator| allocator["gas"].as_u64().unwrap()).collect()
    };
    let hardest =
        reports.iter().find(|report| report["workload"] == "adversary" && report["schedule"] == "quadratic");
    let costs = gas(hardest.unwrap());
    assert!(costs[2] < costs[1] && costs[1] < costs[0], "{costs:?}");
    sandbox.run(["bench", "alloc", "--workload", "other"]).refused("invalid value 'other'");
}
