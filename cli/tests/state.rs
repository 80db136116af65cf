//! The state directory: what changes it, what does not, and what is refused.

mod common;

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{ALICE, BOB, OWNER, Sandbox, contract, keys, string, text};

const SNAPSHOT: &str = "token/machine.trv";

#[test]
fn a_machine_goes_on_where_it_ended() {
    let sandbox = Sandbox::new();
    let counter = contract("counter");
    let mut root = None;
    for (input, sum) in [("", 1_u64), ("0500000000000000", 6), ("0x0a00000000000000", 16)] {
        let call = ["run", text(&counter), "--state", "here/there", "--input", input, "--json"];
        let report = sandbox.run(call).expect(0).json();
        assert_eq!(string(&report, "output"), format!("0x{}", hex::encode(sum.to_le_bytes())));
        assert_eq!(report["output_text"], serde_json::Value::Null);
        let old = string(&report, "old_root").to_owned();
        assert_eq!(*root.get_or_insert(old.clone()), old);
        root = Some(string(&report, "new_root").to_owned());
    }
    assert_eq!(sandbox.names("here/there"), ["machine.lock", "machine.trv"]);
    let report = sandbox.run(["root", "--state", "here/there", "--json"]).expect(0).json();
    assert_eq!(keys(&report), ["allocations", "image", "regions", "root", "schedule", "settlements"]);
    assert_eq!((Some(string(&report, "root").to_owned()), &report["settlements"]), (root, &3.into()));
    assert_eq!(keys(&report["regions"][0]), ["address", "kind", "pages", "permissions", "region", "size"]);
}

#[test]
fn without_a_directory_nothing_is_kept() {
    let sandbox = Sandbox::new();
    let counter = contract("counter");
    for _ in 0..2 {
        let report = sandbox.run(["run", text(&counter), "--json"]).expect(0).json();
        assert_eq!(string(&report, "output"), "0x0100000000000000");
    }
    assert!(sandbox.names(".").is_empty());
}

#[test]
fn calls_that_fail_leave_the_file_as_it_is() {
    let sandbox = Sandbox::with_token();
    let before = sandbox.read(SNAPSHOT);
    let reverted = sandbox.token(BOB, &format!("02{ALICE}ff00000000000000")).expect(1).json();
    assert_eq!((&reverted["success"], string(&reverted, "output_text")), (&false.into(), "balance too low"));
    assert_eq!(reverted["old_root"], reverted["new_root"]);
    let program = contract("token");
    let call = |more: &[&str]| {
        let mut arguments = vec!["run", text(&program), "--state", "token", "--input", "04"];
        arguments.extend(more);
        sandbox.run(arguments)
    };
    let out_of_gas = call(&["--gas", "10", "--json"]).expect(1).json();
    assert_eq!(string(&out_of_gas["outcome"], "kind"), "out_of_gas");
    let human = call(&["--gas", "10"]).expect(1);
    assert!(human.stdout.starts_with("failed: out of gas"), "{}", human.stdout);
    assert!(human.stdout.contains("unchanged in token"), "{}", human.stdout);
    // The call succeeds, but its receipt cannot be written.
    call(&["--receipt", "no/receipt"]).refused("no/receipt");
    assert_eq!(sandbox.read(SNAPSHOT), before);
    assert_eq!(sandbox.names("token"), ["machine.lock", "machine.trv"]);
}

#[test]
fn a_first_call_that_fails_puts_no_machine_there() {
    let sandbox = Sandbox::new();
    sandbox.token(ALICE, "ff").expect(1);
    assert_eq!(sandbox.names("token"), ["machine.lock"]);
    sandbox.run(["root", "--state", "token"]).refused("there is no machine in token");
    sandbox.run(["root", "--state", "nowhere"]).refused("hint: ");
    assert_eq!(sandbox.names("."), ["token"]);
}

/// Where the pages of a snapshot begin; see `docs/snapshot.md`.
fn pages_start(snapshot: &[u8]) -> usize {
    let word = |at: usize| u32::from_le_bytes(snapshot[at..at + 4].try_into().expect("four bytes")) as usize;
    ((64 + 36 * word(16)).next_multiple_of(16) + word(20)).next_multiple_of(4096)
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let sandbox = Sandbox::with_token();
    let intact = sandbox.read(SNAPSHOT);
    let mut damaged = vec![Vec::new(), b"something else".to_vec(), intact[..intact.len() / 2].to_vec()];
    damaged.extend((0..pages_start(&intact)).step_by(97).map(|position| {
        let mut changed = intact.clone();
        changed[position] ^= 0x10;
        changed
    }));
    damaged.push([&intact[..], b"\0"].concat());
    for bytes in damaged {
        sandbox.write(SNAPSHOT, &bytes);
        let ended = sandbox.token(OWNER, "04");
        assert!(ended.stderr.contains("hint: the file was left as it is"), "{}", ended.stderr);
        ended.refused("machine.trv cannot be used");
        sandbox.run(["root", "--state", "token"]).refused("machine.trv");
        sandbox.run(["prove", "--state", "token", "2:0:0x0", "8", "-o", "p"]).refused("machine.trv");
        assert_eq!(sandbox.read(SNAPSHOT), bytes);
    }
    assert_eq!(sandbox.names("."), ["token"]);
    sandbox.write(SNAPSHOT, &intact);
    sandbox.token(OWNER, "04").expect(0);
}

#[test]
fn a_damaged_page_is_refused_where_it_counts() {
    let sandbox = Sandbox::with_token();
    let intact = sandbox.read(SNAPSHOT);
    let root = sandbox.root("token");
    let answer = sandbox.token(OWNER, "04").expect(0).json();
    let pages = pages_start(&intact);
    let (mut touched, mut untouched) = (0, 0);
    for position in (pages + 5..intact.len()).step_by(4096) {
        let mut bytes = intact.clone();
        bytes[position] ^= 0x10;
        sandbox.write(SNAPSHOT, &bytes);
        assert_eq!(sandbox.root("token"), root, "the root needs no page");
        sandbox.run(["root", "--state", "token", "--check"]).refused("is damaged");
        let ended = sandbox.token(OWNER, "04");
        if ended.code == 0 {
            untouched += 1;
            assert_eq!(ended.json()["output"], answer["output"]);
            sandbox.run(["root", "--state", "token", "--check"]).refused("is damaged");
        } else {
            touched += 1;
            assert!(ended.stderr.contains("root --state DIR --check"), "{}", ended.stderr);
            ended.refused("this node lacks a page");
            assert_eq!(sandbox.read(SNAPSHOT), bytes);
            let prove = ["prove", "--state", "token", "2:0:0x0", "8", "-o", "proof"];
            if sandbox.run(prove).code != 0 {
                sandbox.run(prove).refused("--check");
                assert!(!sandbox.path("proof").exists());
            }
        }
    }
    assert!(touched > 0 && untouched > 0, "{touched} {untouched}");
    sandbox.write(SNAPSHOT, &intact);
    sandbox.run(["root", "--state", "token", "--check"]).expect(0);
}

#[test]
fn a_killed_run_leaves_the_old_state_or_the_new() {
    let sandbox = Sandbox::with_token();
    let program = contract("token");
    let mint = format!("01{ALICE}6400000000000000");
    let settlements = || {
        let report = sandbox.run(["root", "--state", "token", "--check", "--json"]).expect(0).json();
        report["settlements"].as_u64().unwrap()
    };
    for delay in 0..40 {
        let before = settlements();
        let mut child = Command::new(env!("CARGO_BIN_EXE_travertine"))
            .args(["run", text(&program), "--state", "token", "--caller", OWNER, "--input", &mint])
            .current_dir(sandbox.path("."))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(300 * delay));
        child.kill().unwrap();
        child.wait().unwrap();
        let after = settlements();
        assert!(after == before || after == before + 1, "{before} {after}");
    }
    // What a writer leaves that is killed at the worst time.
    sandbox.write("token/.machine.trv.new-a1B2c3", b"TRVTSNAP");
    sandbox.token(OWNER, &mint).expect(0);
    assert_eq!(sandbox.names("token"), ["machine.lock", "machine.trv"]);
}

#[test]
fn a_state_fits_its_own_program_and_schedule_only() {
    let sandbox = Sandbox::with_token();
    let before = sandbox.read(SNAPSHOT);
    let (token, counter) = (contract("token"), contract("counter"));
    let ended = sandbox.run(["run", text(&counter), "--state", "token"]);
    assert!(
        ended.stderr.contains("hint: run the program that the machine was made from"),
        "{}",
        ended.stderr
    );
    ended.refused("the program with image root");

    let schedule = sandbox.run(["schedule"]).expect(0).stdout;
    sandbox.write("mine.json", schedule.replace("\"multiply\": ", "\"multiply\": 9").as_bytes());
    let call = ["run", text(&token), "--state", "token", "--schedule", "mine.json", "--input", "04"];
    sandbox.run(call).refused("the gas schedule with root");
    sandbox.write("same.json", schedule.as_bytes());
    assert_eq!(sandbox.read(SNAPSHOT), before);
    let call = ["run", text(&token), "--state", "token", "--schedule", "same.json", "--input", "04"];
    sandbox.run(call).expect(0);
}

#[test]
fn one_run_at_a_time_has_the_state() {
    let sandbox = Sandbox::with_token();
    let lock = File::options().write(true).open(sandbox.path("token/machine.lock")).unwrap();
    lock.lock().unwrap();
    sandbox.token(OWNER, "04").refused("in use by another run");
    // Reading needs no lock: the file is replaced as a whole.
    sandbox.root("token");
    drop(lock);
    sandbox.token(OWNER, "04").expect(0);
}

#[test]
fn a_directory_that_cannot_be_one_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("file", b"");
    let counter = contract("counter");
    sandbox.run(["run", text(&counter), "--state", "file"]).refused("cannot write file");
    fs::create_dir_all(sandbox.path("odd/machine.trv")).unwrap();
    sandbox.run(["run", text(&counter), "--state", "odd"]).refused("machine.trv");
}
