//! What the commands print, their exit codes, and how they refuse wrong arguments.

mod common;

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use common::{ALICE, OWNER, Sandbox, contract, keys, string, text};
use travertine_vm::{Call, Engine, NoHost};

#[test]
fn the_report_of_a_call_has_the_documented_fields() {
    let sandbox = Sandbox::new();
    let report = sandbox.token(OWNER, &format!("01{ALICE}6400000000000000")).expect(0).json();
    let expected = [
        "block",
        "debug",
        "dirty_pages",
        "events",
        "gas",
        "message",
        "new_root",
        "old_root",
        "outcome",
        "output",
        "output_text",
        "profile",
        "receipt_root",
        "settlements",
        "state",
        "statistics",
        "success",
        "transition",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(
        keys(&report["gas"]),
        ["allocation", "host", "instructions", "limit", "memory", "refund", "used"]
    );
    let gas = |class: &str| report["gas"][class].as_u64().unwrap();
    assert_eq!(gas("used"), gas("instructions") + gas("memory") + gas("allocation") + gas("host"));
    assert_eq!(report["outcome"], serde_json::json!({ "kind": "halted", "exit_code": 0 }));
    assert_eq!(keys(&report["dirty_pages"][0]), ["address", "new_leaf", "old_leaf"]);
    let event = &report["events"][0];
    assert_eq!(string(event, "data"), "0x6400000000000000");
    assert_eq!(event["topics"][2], format!("0x{ALICE}"));
    let balance = sandbox.token(OWNER, &format!("03{ALICE}")).expect(0).json();
    assert!(string(&balance["debug"], "stdout").starts_with("balance of 0x0101..: 100 at 2:1:0x"));
    assert_eq!(keys(&balance["debug"]), ["stderr", "stdout", "truncated"]);
}

#[test]
fn people_read_the_debug_output_and_then_the_outcome() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(["run", text(&contract("sieve"))]).expect(0);
    let mut lines = ended.stdout.lines();
    assert_eq!(lines.next(), Some("82025 primes below 1048576"));
    assert_eq!(lines.next(), Some("ok: halted with exit code 0"));
    assert!(ended.stdout.contains("and 240 more pages"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
}

#[test]
fn failures_come_with_their_reason_first() {
    let sandbox = Sandbox::new();
    let faults = contract("faults");
    for (input, reason, kind) in [
        ("01", "failed: trapped: IllegalInstruction at pc 0x1f", "trapped"),
        ("0a", "failed: trapped: LoadFault at pc 0x1f", "trapped"),
        ("3c", "failed: halted with exit code 7\n", "halted"),
        ("3d", "failed: reverted: \"refused\"\n", "reverted"),
        ("3e", "failed: reverted\n", "reverted"),
    ] {
        let call = ["run", text(&faults), "--input", input];
        let human = sandbox.run(call).expect(1);
        assert!(human.stdout.starts_with(reason), "{}", human.stdout);
        let report = sandbox.run(call.into_iter().chain(["--json"])).expect(1).json();
        assert_eq!((&report["success"], string(&report["outcome"], "kind")), (&false.into(), kind));
        if kind == "trapped" {
            assert_eq!(
                keys(&report["outcome"]),
                ["code", "detail", "entry", "fault", "kind", "pc", "symbol", "trap"]
            );
            assert!(string(&report["outcome"], "symbol").starts_with("main"));
        }
    }
    let call = ["run", text(&faults), "--input", "28", "--gas", "50000", "--json"];
    let report = sandbox.run(call).expect(1).json();
    assert_eq!(keys(&report["outcome"]), ["kind", "needed", "pc", "symbol"]);
    assert!(report["gas"]["used"].as_u64().unwrap() <= 50_000);
}

/// The command runs in slices, and the library at once; the sieve takes more than one slice.
#[test]
fn the_receipt_is_the_one_of_the_library() {
    let sandbox = Sandbox::new();
    let path = contract("sieve");
    let engine = Engine::default();
    let program = engine.load(&fs::read(&path).unwrap()).unwrap();
    let mut machine = engine.instantiate(&program);
    let settled = machine.call(&Call::new([], 100_000_000), &mut NoHost).unwrap();
    let report = sandbox.run(["run", text(&path), "--receipt", "receipt", "--json"]).expect(0).json();
    assert_eq!(sandbox.read("receipt"), settled.receipt.to_ssz());
    assert_eq!(string(&report, "receipt_root"), format!("0x{}", hex::encode(settled.receipt.root())));
    assert_eq!(string(&report, "new_root"), format!("0x{}", hex::encode(machine.root())));
}

#[test]
fn input_comes_from_an_argument_a_file_or_standard_input() {
    let sandbox = Sandbox::new();
    let program = contract("sha256");
    // FIPS 180-4: SHA-256 of "abc".
    let digest = "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    sandbox.write("letter", b"abc");
    let call = |input: &str| ["run", text(&program), "--json", "--input", input].map(str::to_owned);
    for ended in [
        sandbox.run(call("616263")),
        sandbox.run(call("0x616263")),
        sandbox.run(call("@letter")),
        sandbox.run_with_stdin(call("-"), b"abc"),
        sandbox.run_with_stdin(["run", "-", "--json", "--input", "616263"], &fs::read(&program).unwrap()),
    ] {
        assert_eq!(string(&ended.expect(0).json(), "output"), digest);
    }
    sandbox.run(["run", "-", "--input", "-"]).refused("cannot both be read from standard input");
    sandbox.run(["verify", "-", "--root", ALICE, "--data", "-"]).refused("standard input");
}

#[test]
fn the_context_reaches_the_contract() {
    let sandbox = Sandbox::new();
    let program = contract("guestbook");
    let sign = ["run", text(&program), "--state", "book", "--input", "0168656c6c6f"];
    let context = ["--caller", ALICE, "--block-number", "0x1234"];
    sandbox.run(sign.into_iter().chain(context)).expect(0);
    let read = ["run", text(&program), "--state", "book", "--input", "020000000000000000", "--json"];
    let report = sandbox.run(read).expect(0).json();
    let entry = string(&report, "output");
    assert!(entry.starts_with(&format!("0x{ALICE}3412000000000000")), "{entry}");
    assert!(entry.ends_with(&hex::encode("hello")), "{entry}");
}

#[test]
fn wrong_arguments_are_refused() {
    let sandbox = Sandbox::new();
    let counter = contract("counter");
    let run = |more: &[&str]| sandbox.run([&["run", text(&counter)], more].concat());
    run(&["--input", "0g"]).refused("`g` at position 2");
    run(&["--input", "123"]).refused("3 hexadecimal digits");
    run(&["--input", "@nothing"]).refused("cannot read nothing");
    run(&["--caller", "01"]).refused("2 hexadecimal digits, not 64");
    run(&["--gas=-1"]).refused("--gas");
    run(&["--gas", "1e6"]).refused("--gas");
    run(&["--gas", "18446744073709551616"]).refused("too large");
    run(&["--schedule", "cheap"]).refused("known names: default");
    sandbox.write("bad.json", b"{}");
    run(&["--schedule", "bad.json"]).refused("bad.json is no gas schedule");
    run(&["--frobnicate"]).refused("--frobnicate");
    sandbox.run(["run", "missing.elf"]).refused("cannot read missing.elf");
    sandbox.run(["run", text(&counter.with_extension("c"))]).refused("not an ELF file");
    sandbox.run(["inspect", "."]).refused("cannot read .");
    sandbox.run(["verify", "missing", "--root", ALICE]).refused("cannot read missing");
    sandbox.run(["verify", "missing", "--root", "0x12"]).refused("2 hexadecimal digits, not 64");
    sandbox.run(["verify", "missing"]).refused("--root");
    let both = ["verify", "bad.json", "--root", ALICE, "--address", "0x0", "--length", "2", "--data", "00"];
    sandbox.run(both).refused("--length is 2, but --data has 1 bytes");
    sandbox.run(["frobnicate"]).refused("frobnicate");
    sandbox.run::<&str>([]).expect(2);
    assert_eq!(sandbox.names("."), ["bad.json"]);
}

#[test]
fn too_long_an_input_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("long", &vec![0; (16 << 20) + 1]);
    let counter = contract("counter");
    sandbox.run(["run", text(&counter), "--input", "@long"]).refused("long has more than 16777216 bytes");
}

#[test]
fn inspect_shows_what_a_program_is_made_of() {
    let sandbox = Sandbox::new();
    let path = contract("counter");
    let report = sandbox.run(["inspect", text(&path), "--json"]).expect(0).json();
    let program = Engine::default().load(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(string(&report, "image"), format!("0x{}", hex::encode(program.root())));
    assert_eq!((string(&report, "entry"), string(&report, "entry_symbol")), ("0x1f0000000", "_start"));
    let expected =
        ["code_bytes", "entry", "entry_symbol", "file_bytes", "image", "regions", "segments", "symbol_count"];
    assert_eq!(keys(&report), expected);
    assert_eq!(keys(&report["segments"][0]), ["address", "content", "permissions", "size"]);
    let listed = ["inspect", text(&path), "--symbols", "--limit", "2", "--json"];
    let symbols = sandbox.run(listed).expect(0).json();
    assert_eq!(symbols["symbols"].as_array().unwrap().len(), 2);
    assert_eq!(symbols["symbols"][0]["name"], "_start");
    assert_eq!(keys(&symbols["symbols"][0]), ["address", "kind", "name", "size"]);
    let human = sandbox.run(["inspect", text(&path), "--symbols"]).expect(0).stdout;
    assert!(human.contains("0x1f0000000") && human.contains("main") && human.contains("State"), "{human}");
}

#[test]
fn disasm_shows_addresses_bits_labels_and_targets() {
    let sandbox = Sandbox::new();
    let counter = contract("counter");
    let all = sandbox.run(["disasm", text(&counter)]).expect(0).stdout;
    assert!(all.contains("\nmain:\n"), "{all}");
    assert!(all.contains("  0x1f0000010  00000073  ecall\n"), "{all}");
    let main = sandbox.run(["disasm", text(&counter), "--symbol", "main"]).expect(0).stdout;
    assert!(main.contains("main:") && !main.contains("_start:") && !main.contains("memcpy:"), "{main}");
    assert!(main.contains("# memcpy"), "{main}");
    let part = ["disasm", text(&counter), "--start", "0x1f0000010", "--end", "1:61440:0x14", "--json"];
    let report = sandbox.run(part).expect(0).json();
    let line = serde_json::json!({
        "address": "0x1f0000010", "labels": [], "bits": "0x00000073", "text": "ecall",
        "target": null, "target_symbol": null,
    });
    assert_eq!(report["lines"], serde_json::json!([line]));
    sandbox.run(["disasm", text(&counter), "--symbol", "nothing"]).refused("no symbol `nothing`");
    sandbox.run(["disasm", text(&counter), "--start", "2:0:0x8", "--end", "2:0:0x8"]).refused("is empty");
    let faults = sandbox.run(["disasm", text(&contract("faults"))]).expect(0).stdout;
    assert!(faults.contains(".word 0xffffffff") && faults.contains(".half 0x0000"));
    let bulk = contract("bulk");
    let names = |arguments: &[&str], name: &str| {
        sandbox.run([&["disasm", text(&bulk)], arguments].concat()).expect(0).stdout.contains(name)
    };
    assert!(names(&[], "m3.copy") && !names(&[], "mcopy3d"));
    assert!(
        names(&["--aliases"], "mcopy3d")
            && !names(&["--aliases"], "m3.copy")
            && names(&["--aliases"], "m3.fill")
    );
}

#[test]
fn schedules_are_printed_and_read() {
    let sandbox = Sandbox::new();
    let printed = sandbox.run(["schedule"]).expect(0).stdout;
    sandbox.write("mine.json", printed.replace("\"load\": 3", "\"load\": 5").as_bytes());
    let report = sandbox.run(["schedule", "mine.json", "--json"]).expect(0).json();
    assert_eq!(keys(&report), ["name", "root", "schedule"]);
    assert_eq!(report["schedule"]["load"], 5);
    let counter = contract("counter");
    let gas = |schedule: &str| {
        let call = ["run", text(&counter), "--schedule", schedule, "--json"];
        sandbox.run(call).expect(0).json()["gas"]["instructions"].as_u64().unwrap()
    };
    assert!(gas("mine.json") > gas("default"));
}

#[test]
fn costs_are_estimated() {
    let sandbox = Sandbox::new();
    let costs =
        ["schedule", "memory3d", "--cost", "store 256", "--cost", "load 256", "--cost", "mcopy3d 256"];
    let printed = sandbox.run(costs).expect(0).stdout;
    let totals: Vec<&str> = printed.lines().filter(|line| line.contains("bytes=256")).collect();
    assert_eq!(
        totals,
        ["         527  store bytes=256", "         522  load bytes=256", "         537  copy bytes=256"]
    );
    let report = sandbox.run(costs.iter().chain(&["--json"])).expect(0).json();
    assert_eq!(keys(&report), ["costs", "name", "root", "schedule"]);
    assert_eq!(report["costs"][2]["total"], 537);
    assert_eq!(report["costs"][2]["memory"], 512);
    let listed = sandbox.run(["schedule", "--operations"]).expect(0).stdout;
    assert!(listed.contains("extra_planes") && listed.contains("m3.compact, m3.defrag"), "{listed}");
    sandbox.run(["schedule", "--cost", "teleport 3"]).refused("`teleport` is no operation");
}

#[test]
fn completions_and_help_are_printed() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(["completions", shell]).expect(0).stdout;
        assert!(script.contains("travertine") && script.contains("disasm"), "{shell}");
    }
    sandbox.run(["completions", "cobol"]).refused("cobol");
    for command in
        ["run", "inspect", "disasm", "root", "prove", "verify", "convert", "schedule", "completions"]
    {
        let help = sandbox.run(["help", command]).expect(0).stdout;
        assert!(help.contains("Example"), "{help}");
    }
}

/// A reader that goes away, like `head`, ends neither the command with a panic nor the contract's success.
#[test]
fn a_reader_may_go_away() {
    let torture = contract("torture");
    for arguments in [vec!["disasm", text(&torture)], vec!["disasm", text(&torture), "--json"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_travertine"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
    }
}
