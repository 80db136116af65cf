//! `--statistics`, `--profile`, the limits and `--log-level`: what is added, and that nothing else changes.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use common::{Sandbox, contract, keys, text};
use serde_json::Value;

fn without(mut report: Value, added: &[&str]) -> Value {
    for key in added {
        assert!(report.as_object_mut().unwrap().remove(*key).is_some(), "no {key}");
    }
    report
}

#[test]
fn statistics_and_times_are_added_to_an_equal_report() {
    let sandbox = Sandbox::new();
    let program = contract("counter");
    let run = |more: &[&str]| {
        let call = ["run", text(&program), "--input", "0500000000000000", "--json"];
        sandbox.run(call.iter().chain(more)).expect(0)
    };
    let plain = run(&[]).json();
    let measured = run(&["--statistics", "--profile", "--transition", "proof"]).json();
    let statistics = &measured["statistics"];
    assert_eq!(statistics["gas"], plain["gas"]["used"]);
    let classes = statistics["classes"].as_object().unwrap().values();
    assert_eq!(classes.map(|count| count.as_u64().unwrap()).sum::<u64>(), statistics["instructions"]);
    assert_eq!(keys(&measured["profile"]), ["load_ns", "prove_ns", "run_ns", "settle_ns"]);
    assert!(measured["profile"]["prove_ns"].as_u64().unwrap() > 0);
    let added = ["statistics", "profile", "transition"];
    assert_eq!(without(measured, &added), without(plain, &added), "with a proof or without");

    let shown = sandbox.run(["run", text(&program), "--statistics", "--profile"]).expect(0);
    for what in ["instructions by class", "cache hits", "live bytes", "time         in microseconds"] {
        assert!(shown.stdout.contains(what), "no `{what}` in:\n{}", shown.stdout);
    }
}

#[test]
fn exactly_the_instruction_limit_is_allowed() {
    let sandbox = Sandbox::new();
    let program = contract("counter");
    let call = ["run", text(&program), "--state", "kept", "--input", "0500000000000000", "--json"];
    let counted = sandbox.run(call.iter().chain(&["--statistics"])).expect(0).json();
    let root = sandbox.root("kept");
    let count = counted["statistics"]["instructions"].as_u64().unwrap();
    let short = (count - 1).to_string();
    let stopped = sandbox.run(call.iter().chain(&["--instruction-limit", &short]));
    stopped.refused(&format!("did not end within {short} instructions"));
    assert_eq!(sandbox.root("kept"), root);
    sandbox.run(call.iter().chain(&["--instruction-limit", "0"])).refused("within 0 instructions");
    sandbox.run(call.iter().chain(&["--instruction-limit", &count.to_string()])).expect(0);
    assert_ne!(sandbox.root("kept"), root);
}

#[test]
fn the_log_level_decides_what_is_said() {
    let sandbox = Sandbox::new();
    let program = contract("counter");
    let run = |level: &str| sandbox.run(["run", text(&program), "--json", "--log-level", level]).expect(0);
    let said = ["error", "warn", "info", "debug"].map(run);
    assert!(said.iter().all(|ended| ended.stdout == said[0].stdout));
    assert_eq!((said[0].stderr.as_str(), said[1].stderr.as_str()), ("", ""));
    assert!(said[2].stderr.starts_with("info: state root 0x") && !said[2].stderr.contains("debug: "));
    assert!(said[3].stderr.contains("debug: settled: "), "{}", said[3].stderr);
    sandbox.run(["run", text(&program), "--log-level", "all"]).refused("all");
}
