//! `travertine gmem`: cells are fetched, written, kept, exported, imported, checked and drawn.

mod common;

use common::{Sandbox, keys, string};
use serde_json::{Value, json};
use travertine_memory::generative::persistence::{Snapshot, SnapshotForm, guide_record};
use travertine_memory::generative::{Context, monotonic, vrns};

/// Writes two cells to a new log.
fn with_log() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.run(["gmem", "write", "--log", "log", "--seed", "12345", "42=3.14", "7=0x7fa00001"]).expect(0);
    sandbox
}

fn fetch(sandbox: &Sandbox, source: [&str; 2], address: &str) -> Value {
    let arguments = ["gmem", "fetch", source[0], source[1], address, "--json"];
    sandbox.run(arguments).expect(0).json()["cells"][0].clone()
}

#[test]
fn cells_are_synthesized_or_written() {
    let sandbox = with_log();
    let report = sandbox.run(["gmem", "fetch", "--log", "log", "41", "42", "0x7", "--json"]).expect(0).json();
    assert_eq!(keys(&report), ["cells", "seed"]);
    assert_eq!(report["seed"], "0x3039");
    let [synthesized, written, nan] = [0, 1, 2].map(|index| &report["cells"][index]);
    assert_eq!(keys(written), ["address", "cell", "number", "value", "written"]);
    assert_eq!((string(written, "cell"), &written["written"]), ("0x4048f5c3", &json!(true)));
    assert_eq!((string(nan, "cell"), &nan["value"]), ("0x7fa00001", &Value::Null));
    assert_eq!(string(synthesized, "cell"), format!("{:#010x}", vrns::exact_cell(41, 12_345)));
    assert_eq!(*synthesized, fetch(&sandbox, ["--seed", "0x3039"], "41"));
    let human = sandbox.run(["gmem", "fetch", "--log", "log", "42"]).expect(0).stdout;
    assert_eq!(human, "0x2a                0x4048f5c3  3.14          written\n");
}

#[test]
fn many_cells_are_printed_or_become_a_file() {
    let sandbox = with_log();
    let start = "0xfffffffffffffff0";
    sandbox.run(["gmem", "bulk", "--log", "log", start, "20000", "-o", "cells"]).expect(0);
    let mut context = Context::new(12_345);
    context.replay([(42, 0x4048_F5C3), (7, 0x7FA0_0001)]).unwrap();
    let mut cells = vec![0; 20_000];
    context.fill(16_u64.wrapping_neg(), &mut cells);
    let bytes: Vec<_> = cells.iter().flat_map(|cell| cell.to_le_bytes()).collect();
    assert_eq!(sandbox.read("cells"), bytes);
    let report = sandbox.run(["gmem", "bulk", "--log", "log", start, "300", "--json"]).expect(0).json();
    assert_eq!(keys(&report), ["cells", "count", "file", "seed", "start"]);
    let expected: Vec<_> = cells[..300].iter().map(|cell| format!("{cell:#010x}")).collect();
    assert_eq!(report["cells"], json!(expected));
    let human = sandbox.run(["gmem", "bulk", "--log", "log", start, "300"]).expect(0).stdout;
    assert_eq!((human.lines().count(), human.matches(" written").count()), (300, 2));
    let too_many = "65537 cells are more than the 65536 that are printed";
    sandbox.run(["gmem", "bulk", "--seed", "1", "0", "65537"]).refused(too_many);
}

#[test]
fn logs_grow_and_keep_their_seed() {
    let sandbox = with_log();
    let report =
        sandbox.run(["gmem", "write", "--log", "log", "42=-1", "43=1e-45", "--json"]).expect(0).json();
    assert_eq!(keys(&report), ["cells", "cut_bytes", "log", "records", "seed", "written_cells"]);
    assert_eq!((&report["records"], &report["written_cells"]), (&json!(4), &json!(3)));
    assert_eq!(fetch(&sandbox, ["--log", "log"], "42")["value"], -1.0);
    assert_eq!(sandbox.read("log").len(), 32 + 4 * 16);
    let other = ["gmem", "write", "--log", "log", "--seed", "1", "1=1"];
    sandbox.run(other).refused("the seed of log is 0x3039, not 0x1");
    sandbox.run(["gmem", "write", "--log", "new", "1=1"]).refused("new is new, and a log needs a seed");
    assert!(!sandbox.path("new").exists());
    sandbox.run(["gmem", "write", "--log", "log", "1"]).refused("a cell is ADDRESS=VALUE");
}

#[test]
fn torn_logs_go_on_and_corrupt_ones_are_refused() {
    let sandbox = with_log();
    let whole = sandbox.read("log");
    let verify = |log: &str, more: &[&str]| {
        let arguments = ["gmem", "verify-log", log, "--json"];
        sandbox.run(arguments.iter().chain(more)).json()
    };
    let clean = verify("log", &[]);
    let expected =
        ["bytes_behind", "mode", "records", "seed", "size_cells", "state", "truncated", "whole_bytes"];
    assert_eq!(keys(&clean), expected);
    assert_eq!((string(&clean, "state"), &clean["records"]), ("clean", &json!(2)));

    sandbox.write("log", &whole[..whole.len() - 5]);
    sandbox.run(["gmem", "verify-log", "log"]).expect(1);
    assert_eq!(verify("log", &[])["bytes_behind"], 11);
    assert_eq!(fetch(&sandbox, ["--log", "log"], "42")["written"], true);
    assert_eq!(fetch(&sandbox, ["--log", "log"], "7")["written"], false);
    let report = sandbox.run(["gmem", "write", "--log", "log", "7=1", "--json"]).expect(0).json();
    assert_eq!((&report["cut_bytes"], &report["records"]), (&json!(11), &json!(2)));
    assert_eq!(string(&verify("log", &[]), "state"), "clean");

    let mut damaged = whole.clone();
    damaged[33] ^= 1;
    sandbox.write("log", &damaged);
    let corrupt = verify("log", &["--window", "16", "--truncate"]);
    assert_eq!((string(&corrupt, "state"), &corrupt["truncated"]), ("corrupt", &json!(false)));
    assert_eq!(sandbox.read("log"), damaged);
    let cut = sandbox.run(["gmem", "verify-log", "log", "--window", "16", "--truncate", "--force"]).expect(0);
    assert!(cut.stdout.starts_with("corrupt: 0 records whole\n"), "{}", cut.stdout);
    assert_eq!(sandbox.read("log"), whole[..32]);

    // More than a window of records behind the damage.
    let cells: Vec<_> = (0..300).map(|address| format!("{address}=1")).collect();
    let write = ["gmem", "write", "--log", "long", "--seed", "1"].map(str::to_owned);
    sandbox.run(write.into_iter().chain(cells)).expect(0);
    let mut damaged = sandbox.read("long");
    damaged[50] ^= 1;
    sandbox.write("long", &damaged);
    for arguments in
        [&["gmem", "fetch", "--log", "long", "1"][..], &["gmem", "write", "--log", "long", "1=1"]]
    {
        let why =
            "long is damaged: record 1 is wrong, and the 4784 bytes from there on are more than the 4096";
        sandbox.run(arguments).refused(why);
    }
    assert_eq!(sandbox.read("long"), damaged);
    sandbox.write("short", &whole[..31]);
    sandbox.run(["gmem", "verify-log", "short"]).refused("short is no log: it has 31 bytes");
    sandbox.write("other", &[0; 40]);
    sandbox
        .run(["gmem", "fetch", "--log", "other", "1"])
        .refused("other is no log: it begins with 0x00000000");
}

#[test]
fn a_log_that_is_being_written_is_left_alone() {
    let sandbox = with_log();
    let file = std::fs::File::open(sandbox.path("log")).unwrap();
    file.lock().unwrap();
    sandbox.run(["gmem", "write", "--log", "log", "1=1"]).refused("log is being written by another run");
    sandbox.run(["gmem", "verify-log", "log", "--truncate"]).refused("log is being written by another run");
    sandbox.run(["gmem", "verify-log", "log"]).expect(0);
}

#[test]
fn snapshots_go_out_and_come_in() {
    let sandbox = with_log();
    for (form, bytes) in [("guide", 48), ("repo", 52), ("shielded", 56)] {
        let export = ["gmem", "export", "--log", "log", "--form", form, "-o", form, "--json"];
        let report = sandbox.run(export).expect(0).json();
        assert_eq!(keys(&report), ["bytes", "cells", "file", "form", "seed"]);
        assert_eq!((&report["bytes"], sandbox.read(form).len()), (&json!(bytes), bytes));
        let log = format!("{form}.log");
        sandbox.run(["gmem", "import", form, "--log", &log]).expect(0);
        for address in ["7", "41", "42"] {
            let cell = fetch(&sandbox, ["--log", "log"], address);
            assert_eq!(fetch(&sandbox, ["--log", &log], address), cell);
            assert_eq!(fetch(&sandbox, ["--snapshot", form], address), cell);
        }
        sandbox.run(["gmem", "import", form, "--log", &log]).refused("exists, and would be replaced");
    }
    let mut damaged = sandbox.read("shielded");
    damaged[30] ^= 1;
    sandbox.write("damaged", &damaged);
    sandbox.run(["gmem", "import", "damaged", "--log", "no"]).refused("damaged is no snapshot: its sum is");
    assert!(!sandbox.path("no").exists());

    // Two records of another program, the wrong way round.
    let mut context = Context::new(5);
    context.replay([(1, 10), (2, 20)]).unwrap();
    let mut foreign = Snapshot::of(&context).encode(SnapshotForm::Guide);
    foreign[24..].rotate_left(12);
    sandbox.write("foreign", &foreign);
    let import = ["gmem", "import", "foreign", "--log", "foreign.log"];
    sandbox.run(import).refused("address 0x1 follows 0x2: addresses must ascend");
    sandbox.run(import.into_iter().chain(["--any-order"])).expect(0);
    assert_eq!(string(&fetch(&sandbox, ["--log", "foreign.log"], "2"), "cell"), "0x00000014");
}

#[test]
fn logs_without_a_header_come_in() {
    let sandbox = Sandbox::new();
    let mut narrow: Vec<u8> =
        [(42, 1), (7, 2), (42, 3)].into_iter().flat_map(|(at, cell)| guide_record(at, cell)).collect();
    narrow.extend([1, 2, 3]);
    sandbox.write("narrow", &narrow);
    let import = ["gmem", "import", "narrow", "--format", "guide-log", "--log", "a"];
    sandbox.run(import).expect(2);
    let report = sandbox.run(import.into_iter().chain(["--seed", "9", "--json"])).expect(0).json();
    assert_eq!(keys(&report), ["log", "records", "seed", "torn_bytes"]);
    assert_eq!((&report["records"], &report["torn_bytes"]), (&json!(3), &json!(3)));
    assert_eq!(string(&fetch(&sandbox, ["--log", "a"], "42"), "cell"), "0x00000003");
    let wide: Vec<u8> = [42_u64.to_le_bytes(), 0.1_f64.to_le_bytes()].concat();
    sandbox.write("wide", &wide);
    sandbox.run(["gmem", "import", "wide", "--format", "wide-log", "--seed", "9", "--log", "b"]).expect(0);
    assert_eq!(string(&fetch(&sandbox, ["--log", "b"], "42"), "cell"), "0x3dcccccd");
}

#[test]
fn the_order_is_searched() {
    let sandbox = Sandbox::new();
    let search = |target: &str| sandbox.run(["gmem", "search", "--seed", "12345", target, "--json"]);
    let report = search("0.25").expect(0).json();
    assert_eq!(keys(&report), ["exact", "index", "number", "rounds", "seed"]);
    assert_eq!(string(&report["exact"], "index"), "0x4000000000000000");
    let index = u64::from_str_radix(string(&report, "index").trim_start_matches("0x"), 16).unwrap();
    assert_eq!(report["number"], monotonic(index, 12_345));
    let outside = search("-1").expect(0).json();
    assert_eq!((string(&outside, "index"), &outside["exact"]), ("0x0", &Value::Null));
    search("nan").refused("NaN is no target of a search");
}

#[test]
fn folders_are_listed() {
    let sandbox = Sandbox::new();
    let list = ["gmem", "listing", "/assets", "--create", "/assets/x", "--json"];
    let report = sandbox.run(list).expect(0).json();
    assert_eq!(keys(&report), ["entries", "folder"]);
    assert_eq!(report["entries"].as_array().map(Vec::len), Some(6));
    assert_eq!(keys(&report["entries"][5]), ["is_folder", "name", "offset", "size"]);
    assert_eq!(string(&report["entries"][5], "offset"), "0xf0000068b7c405fc");
    let human = sandbox.run(["gmem", "listing", "--limit", "2"]).expect(0).stdout;
    assert_eq!(human.lines().count(), 2);
    assert_eq!(sandbox.run(["gmem", "listing", "--mode", "raw"]).expect(0).stdout, "");
    let twins = ["gmem", "listing", "--create", "/vzdrctrcmsmg", "--create", "/ahttgevfrmzp"];
    sandbox.run(twins).refused("would have the offset 0xf000006ef6cc3854 of \"/vzdrctrcmsmg\"");
}

#[test]
fn pages_and_maps_are_drawn() {
    let sandbox = with_log();
    let page = ["gmem", "plot", "--seed", "12345", "--page", "3", "-o", "page.svg", "--json"];
    let report = sandbox.run(page).expect(0).json();
    assert_eq!(keys(&report), ["cells", "file", "kind", "seed", "start"]);
    assert_eq!(string(&report, "start"), "0xc00");
    let svg = String::from_utf8(sandbox.read("page.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    // A curve of 1,024 points, of which one is at the bottom each 33.57 cells.
    let points = svg.split("points=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
    assert!(points.map(|points| points.split_whitespace().count()).any(|count| count == 1024));

    sandbox.run(["gmem", "plot", "--log", "log", "--map", "0", "--side", "16", "-o", "map.svg"]).expect(0);
    let map = String::from_utf8(sandbox.read("map.svg")).unwrap();
    // The ground, and a square for each cell but the NaN.
    assert_eq!(map.matches("<rect ").count(), 1 + 256 - 1);
    let again = ["gmem", "plot", "--log", "log", "--map", "0", "--side", "16", "-o", "again.svg"];
    sandbox.run(again).expect(0);
    assert_eq!(sandbox.read("again.svg"), sandbox.read("map.svg"));

    let plot = |more: [&'static str; 2]| {
        sandbox.run(["gmem", "plot", "--seed", "1", "-o", "no", "--map", "0"].into_iter().chain(more))
    };
    plot(["--side", "48"]).refused("48 is no side of a grid: it must be a power of two");
    plot(["--side", "512"]).refused("262144 cells are more than the 65536 that are drawn");
    let page = ["gmem", "plot", "--seed", "1", "-o", "no", "--page", "0x40000000000000"];
    sandbox.run(page).refused("page 0x40000000000000 is after the last one");
}
