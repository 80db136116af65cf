//! `substrate` and blocks from the command line.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use common::{Sandbox, contract, string, text};
use serde_json::json;
use travertine_memory::substrate::{Ledger, LedgerRecord};

/// The first header of which one in 256 allocates.
fn mined(sandbox: &Sandbox, prefix: &str) -> String {
    let mined = sandbox.run(["substrate", "mine", "--prefix", prefix, "--json"]).expect(0).json();
    string(&mined, "header").to_owned()
}

#[test]
fn a_declaration_is_checked_and_the_documented_one_is_printed() {
    let sandbox = Sandbox::new();
    let default = sandbox.run(["substrate", "check", "--default"]).expect(0).stdout;
    sandbox.write("runtime.json", default.as_bytes());
    let report = sandbox.run(["substrate", "check", "runtime.json", "--json"]).expect(0).json();
    assert_eq!(
        (&report["size"], &report["rows"], &report["expected_bytes"]),
        (&json!(31_457_280), &json!(491_520), &json!(122_880))
    );
    sandbox.write("zero.json", default.replace(": 256", ": 0").as_bytes());
    sandbox.run(["substrate", "check", "zero.json"]).refused("`allocation_policy.trigger_modulus` is 0");
    sandbox.write("surplus.json", default.replacen('{', "{ \"surplus\": 1,", 1).as_bytes());
    sandbox.run(["substrate", "check", "surplus.json"]).refused("surplus");
    sandbox.run(["substrate", "check", "nowhere.json"]).refused("nowhere.json");
}

#[test]
fn a_nonce_is_found_and_the_rule_agrees() {
    let sandbox = Sandbox::new();
    let header = mined(&sandbox, "0x68656164");
    assert!(header.starts_with("0x68656164"));
    let report = sandbox.run(["substrate", "eval", "--header", &header, "--json"]).expect(0).json();
    assert_eq!((&report["allocates"], &report["remainder"]), (&json!(true), &json!(0)));
    assert_eq!((string(&report, "base"), string(&report, "planes_base")), ("0xf060000000", "0xf070000000"));
    // The same bytes from a file.
    sandbox.write("header.bin", &hex::decode(&header[2..]).unwrap());
    let again = sandbox.run(["substrate", "eval", "--header", "header.bin", "--json"]).expect(0).json();
    assert_eq!(again, report);
    let none =
        sandbox.run(["substrate", "mine", "--prefix", "00", "--limit", "1", "--json"]).expect(1).json();
    assert_eq!((&none["nonce"], &none["tried"]), (&json!(null), &json!(1)));
}

#[test]
fn a_statistic_is_near_the_theory() {
    let report = Sandbox::new().run(["substrate", "statistic", "--json"]).expect(0).json();
    let number = |key: &str| report[key].as_u64().unwrap();
    assert_eq!(
        (number("headers"), number("expected_allocated"), number("expected_bytes_per_header")),
        (100_000, 390, 122_880)
    );
    // Five standard deviations of 20.
    assert!(number("allocated").abs_diff(390) < 100, "{report}");
    assert_eq!(number("bytes_per_header"), number("allocated") * 31_457_280 / 100_000);
}

/// Runs the fixture in a new block, and returns its report.
fn run(sandbox: &Sandbox, header: &str, timestamp: &str, input: &str, code: i32) -> serde_json::Value {
    let program = contract("deinterleave");
    let arguments =
        ["run", text(&program), "--state", "machine", "--header", header, "--timestamp", timestamp];
    sandbox.run(arguments.into_iter().chain(["--input", input, "--json"])).expect(code).json()
}

const FRAME: &str = "08000000000000000100000000000000";

#[test]
fn blocks_leave_a_ledger_that_is_audited_and_proven() {
    let sandbox = Sandbox::new();
    let headers = [mined(&sandbox, "01"), "0x00".to_owned(), mined(&sandbox, "02"), mined(&sandbox, "03")];
    let mut lines = String::new();
    for (header, timestamp) in headers.iter().zip(["10", "11", "12", "13"]) {
        let allocates = header != "0x00";
        let report = run(&sandbox, header, timestamp, FRAME, i32::from(!allocates));
        assert_eq!(report["block"]["allocated"], json!(allocates), "{report}");
        lines.extend([timestamp, " ", header, "\n"]);
    }
    sandbox.write("headers.txt", lines.as_bytes());
    let audit =
        ["substrate", "audit", "--headers", "headers.txt", "--ledger", "machine/ledger.ssz", "--json"];
    let report = sandbox.run(audit).expect(0).json();
    assert_eq!(
        (&report["valid"], &report["records"], &report["headers"]),
        (&json!(true), &json!(3), &json!(4))
    );

    // The root of the ledger is in the status page, which is proven under the state root.
    let ledger_root = string(&report, "root").to_owned();
    sandbox.run(["prove", "--state", "machine", "0xf03ffff0a0", "32", "-o", "root.proof"]).expect(0);
    let root = sandbox.root("machine");
    let verify =
        ["verify", "root.proof", "--root", &root, "--address", "0xf03ffff0a0", "--data", &ledger_root];
    sandbox.run(verify).expect(0);
    sandbox.run(audit.into_iter().chain(["--root", &ledger_root])).expect(0);
    let other = sandbox.run(audit.into_iter().chain(["--root", &root])).expect(1).json();
    assert_eq!(other["kind"], "root");

    let right = Ledger::from_ssz(&sandbox.read("machine/ledger.ssz")).unwrap().records().to_vec();
    let audited = |records: &[LedgerRecord]| {
        sandbox.write("machine/ledger.ssz", &Ledger::new(records.to_vec()).to_ssz());
        let report = sandbox.run(audit).expect(1).json();
        (report["record"].as_u64().unwrap(), string(&report, "kind").to_owned())
    };
    let changed = LedgerRecord { bytes_allocated: 1, ..right[1] };
    assert_eq!(audited(&[right[0], right[2]]), (1, "missing".to_owned()));
    assert_eq!(audited(&[right[0], changed, right[2]]), (1, "changed".to_owned()));
    assert_eq!(audited(&[right[1], right[0], right[2]]), (0, "out_of_order".to_owned()));
    assert_eq!(audited(&[right[0], right[1], right[2], right[0]]), (3, "added".to_owned()));

    // A machine goes on with its own ledger only.
    sandbox.write("machine/ledger.ssz", &Ledger::new(vec![changed]).to_ssz());
    let program = contract("deinterleave");
    let next = ["run", text(&program), "--state", "machine", "--header", &headers[0]];
    sandbox.run(next).refused("is not the ledger of the machine");
    assert_eq!(sandbox.root("machine"), root);
    sandbox.write("machine/ledger.ssz", &Ledger::new(right.clone()).to_ssz());
    sandbox.run(next.into_iter().chain(["--input", FRAME])).expect(0);
    let ledger = Ledger::from_ssz(&sandbox.read("machine/ledger.ssz")).unwrap();
    assert_eq!((&ledger.records()[..3], ledger.records().len()), (&right[..], 4));
    sandbox.write("headers.txt", b"10 0x0g\n");
    sandbox.run(audit).refused("headers.txt, line 1");
}

#[test]
fn a_block_stays_until_the_next_one_also_when_a_call_fails() {
    let sandbox = Sandbox::new();
    let header = mined(&sandbox, "");
    let first = run(&sandbox, &header, "5", FRAME, 0);
    let failed = run(&sandbox, &header, "6", "00", 1);
    assert_eq!((&failed["block"]["ledger_records"], &failed["settlements"]), (&json!(2), &json!(1)));
    let program = contract("deinterleave");
    let same_block = ["run", text(&program), "--state", "machine", "--json"];
    let read = sandbox.run(same_block).expect(0).json();
    assert_eq!((&read["output"], &read["block"]), (&first["output"], &failed["block"]));
    sandbox.run(same_block.into_iter().chain(["--substrate", "x"])).refused("no --header begins one");
    sandbox.write("other.json", br#"{ "allocation_policy": { "trigger_modulus": 2 } }"#);
    let other = ["run", text(&program), "--state", "machine", "--header", "00", "--substrate", "other.json"];
    sandbox.run(other).refused("the machine's last block was begun by");
}

#[test]
fn a_machine_in_a_block_is_mapped_and_its_transfers_are_drawn() {
    let sandbox = Sandbox::new();
    let program = contract("bulk");
    let header = mined(&sandbox, "");
    // Pages of the call's input appear in the State region; a copy within it.
    let share = format!("0600000000000000000010000000000000{}", "aa".repeat(8192));
    let begin = ["run", text(&program), "--state", "machine", "--header", &header, "--input", &share];
    sandbox.run(begin).expect(0);
    let copy = "01001000000000000000000000000000006400000000000000";
    sandbox.run(["run", text(&program), "--state", "machine", "--input", copy]).expect(0);
    let graph = ["substrate", "graph", "--state", "machine", "-o", "graph.svg", "--json"];
    let report = sandbox.run(graph).expect(0).json();
    let edge = |from: u64, to: u64| {
        let edges = report["edges"].as_array().unwrap();
        edges.iter().find(|edge| edge["from"] == from && edge["to"] == to).cloned().unwrap_or_default()
    };
    assert!(edge(7, 2)["bytes"].as_u64() >= Some(4096), "{report}");
    assert!(edge(2, 2)["bytes"].as_u64() >= Some(100), "{report}");
    let picture = String::from_utf8(sandbox.read("graph.svg")).unwrap();
    assert!(picture.contains("0x07 to 0x02") && picture.ends_with("</svg>\n"));

    let map = sandbox.run(["map", "--state", "machine", "--json"]).expect(0).json();
    let device =
        map["regions"].as_array().unwrap().iter().find(|region| region["region"] == 0xF0).unwrap().clone();
    assert_eq!(string(&device, "kind"), "Mmio");
    let windows: Vec<_> =
        map["windows"].as_array().unwrap().iter().map(|window| string(window, "name")).collect();
    assert_eq!(windows, ["header", "edge_counters", "node_accums", "frames_packed", "frames_planes"]);

    let without = Sandbox::with_token();
    without.run(["substrate", "graph", "--state", "token", "-o", "graph.svg"]).refused("in no block");
}
