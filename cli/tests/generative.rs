//! A generative region from the command line: a contract's map that nobody has stored is called, shown and proven, cell by cell.

mod common;

use common::{ALICE, BOB, Ended, Sandbox, contract, string, text};

/// A cell of land on row 9, and its address, as the contract tells it.
const LAND: &str = "17000900";
const LAND_ADDRESS: &str = "128:18:0x5c";
/// The page behind, which nobody has written.
const FAR_ADDRESS: &str = "128:18:0x1000";

impl Sandbox {
    fn land(&self, caller: &str, input: &str) -> Ended {
        let program = contract("landmap");
        self.run(["run", text(&program), "--state", "land", "--caller", caller, "--input", input, "--json"])
    }

    fn proven(&self, address: &str, length: &str) -> (Ended, String) {
        let report = ["prove", "--state", "land", "-o", "cell", "--json", address, length];
        let report = self.run(report).expect(0).json();
        let data = string(&report["claims"][0], "data").to_owned();
        let root = self.root("land");
        let question = ["--address", address, "--data", &data[2..], "--explain"];
        (self.run([&["verify", "cell", "--root", &root][..], &question].concat()), data)
    }

    /// Pages of region 128 that are stored, as `root` lists them.
    fn written(&self) -> u64 {
        let report = self.run(["root", "--state", "land", "--json"]).expect(0).json();
        let regions = report["regions"].as_array().expect("regions").clone();
        let land = regions.iter().find(|region| region["region"] == 128).expect("the region is there");
        assert_eq!(land["seed"], "0x4c616e64");
        assert_eq!((&land["mode"], &land["size"]), (&1.into(), &(1_u64 << 32).into()));
        land["pages"].as_u64().expect("a number")
    }
}

#[test]
fn a_map_that_nobody_has_stored_is_proven_cell_by_cell() {
    let sandbox = Sandbox::new();
    let new = sandbox.land(ALICE, &format!("01{LAND}")).expect(0).json();
    assert_eq!(new["dirty_pages"].as_array().map(Vec::len), Some(0), "a look changes nothing: {new}");
    assert_eq!(sandbox.written(), 0, "4 GiB of land take no page");

    let (untouched, before) = sandbox.proven(LAND_ADDRESS, "4");
    let shown = untouched.expect(0).stdout;
    for line in [
        "valid",
        "Generative, RW---, 4,294,967,296 bytes, seed 0x4c616e64, mode 1",
        "which nobody has written",
    ] {
        assert!(shown.contains(line), "`{line}` is not in:\n{shown}");
    }

    sandbox.land(ALICE, &format!("02{LAND}")).expect(0);
    let taken = sandbox.land(BOB, &format!("02{LAND}")).expect(1);
    assert!(taken.stdout.contains("taken"), "{}", taken.stdout);
    assert_eq!(sandbox.written(), 1);
    let (claimed, after) = sandbox.proven(LAND_ADDRESS, "4");
    let shown = claimed.expect(0).stdout;
    assert_ne!(after, before);
    assert!(shown.contains("chunk 2 of page 288 of region 128"), "{shown}");
    assert!(shown.contains("mark of a written page"), "{shown}");
    sandbox.proven(FAR_ADDRESS, "4096").0.expect(0);

    // Written and unwritten bytes in one claim, and the region with them, in both forms of the file.
    let many = ["prove", "--state", "land", "-o", "many", "--range", "128:18:0xff0+32", "--region", "128"];
    sandbox.run([&many[..], &["--range", "2:0:0x0+40"]].concat()).expect(0);
    sandbox.run(["convert", "many", "many.json"]).expect(0);
    let root = sandbox.root("land");
    for form in ["many", "many.json"] {
        sandbox.run(["verify", form, "--root", &root, "--range", "128:18:0xff0+32"]).expect(0);
    }
    let mut proof = sandbox.read("many");
    for position in (0..proof.len()).step_by(7) {
        proof[position] ^= 1 << (position % 8);
        let question = ["verify", "-", "--root", &root, "--range", "128:18:0xff0+32", "--region", "128"];
        sandbox.run_with_stdin(question, &proof).expect(1);
        proof[position] ^= 1 << (position % 8);
    }
}

#[test]
fn what_was_written_is_drawn_and_its_transition_proven() {
    let sandbox = Sandbox::new();
    sandbox.land(ALICE, &format!("01{LAND}")).expect(0);
    let old = sandbox.root("land");
    let program = contract("landmap");
    let claim = format!("02{LAND}");
    let run = ["run", text(&program), "--state", "land", "--caller", ALICE, "--input", &claim];
    sandbox.run([&run[..], &["--transition", "step"]].concat()).expect(0);
    let new = sandbox.root("land");
    let shown = sandbox.run(["verify", "step", "--root", &old, "--new-root", &new]).expect(0).stdout;
    assert!(shown.contains("128:18:0x0      never written to "), "{shown}");

    let map = sandbox.run(["map", "--state", "land", "-o", "map.svg", "--json"]).expect(0).json();
    let regions = map["regions"].as_array().expect("regions");
    let land = regions.iter().find(|region| region["region"] == 128).expect("the region is there");
    assert_eq!((&land["kind"], &land["used_frames"]), (&"Generative".into(), &1.into()));
    let picture = String::from_utf8(sandbox.read("map.svg")).expect("SVG is text");
    assert!(picture.contains("18 planes as made from the seed"), "the planes before that of the cell");
    let inspected = sandbox.run(["inspect", text(&program)]).expect(0).stdout;
    assert!(inspected.contains("written; seed 0x4c616e64, mode 1"), "{inspected}");
}
