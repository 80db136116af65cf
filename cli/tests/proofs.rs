//! Proofs of many things at once, their JSON form, the paths that `--explain` shows, and proofs of transitions.

mod common;

use common::{ALICE, BOB, Ended, OWNER, Sandbox, contract, keys, string, text};
use serde_json::{Value, json};

/// Bytes in a written page, across two pages of which one is zero, two regions, and an absent one.
const CLAIMS: [&str; 8] =
    ["--range", "2:1:0x6ca0+8", "--range", "0x200016cb0:4096", "--region", "2", "--region", "9"];

/// A proof of [`CLAIMS`] in `many`; the root.
fn prove_many(sandbox: &Sandbox, more: &[&str]) -> (Value, String) {
    let report = sandbox
        .run([&["prove", "--state", "token", "-o", "many", "--json"], &CLAIMS[..], more].concat())
        .expect(0)
        .json();
    let root = string(&report, "root").to_owned();
    (report, root)
}

fn verify(sandbox: &Sandbox, proof: &str, root: &str, more: &[&str]) -> Ended {
    sandbox.run([&["verify", proof, "--root", root], more].concat())
}

#[test]
fn many_claims_are_proven_at_once() {
    let sandbox = Sandbox::with_token();
    let (report, root) = prove_many(&sandbox, &[]);
    let expected = ["claims", "format", "helpers", "leaves", "proof", "proof_bytes", "proof_file", "root"];
    assert_eq!(keys(&report), expected);
    let proof = sandbox.read("many");
    assert_eq!(report["proof_bytes"], proof.len());
    let [leaves, helpers] = ["leaves", "helpers"].map(|list| report[list].as_u64().unwrap());
    assert_eq!(proof.len() as u64, 56 + 4 * 24 + leaves * 40 + helpers * 32);
    assert_eq!(string(&report["claims"][0], "data"), "0x4600000000000000");

    verify(&sandbox, "many", &root, &CLAIMS).expect(0);
    // Any of them may be asked for alone, in any order, and data is for the one range.
    verify(&sandbox, "many", &root, &CLAIMS[4..]).expect(0);
    verify(&sandbox, "many", &root, &["--region", "9", "--range", "2:1:0x6ca0:8"]).expect(0);
    let data = ["--range", "2:1:0x6ca0+8", "--region", "2", "--data"];
    verify(&sandbox, "many", &root, &[&data[..], &["4600000000000000"]].concat()).expect(0);
    verify(&sandbox, "many", &root, &[&data[..], &["4700000000000000"]].concat()).expect(1);
    verify(&sandbox, "many", &root, &[&data[..], &["46"]].concat()).expect(1);
    let both = ["--address", "2:1:0x6ca0", "--data", "4600000000000000"];
    verify(&sandbox, "many", &root, &[&CLAIMS[..], &both].concat()).expect(0);
    // What is not in it is not proven, whatever else is.
    for other in [["--region", "3"], ["--range", "2:1:0x6ca0+9"], ["--range", "2:1:0x6ca8+8"]] {
        let refused = verify(&sandbox, "many", &root, &[&CLAIMS[..], &other].concat()).expect(1);
        assert!(refused.stdout.starts_with("invalid: the proof is not about "), "{}", refused.stdout);
    }
    verify(&sandbox, "many", &root, &[&CLAIMS[..], &["--data", "00"]].concat()).refused("which");
    verify(&sandbox, "many", &root, &["--region", "2", "--data", "00"]).refused("which");
}

#[test]
fn malformed_ranges_are_refused() {
    let sandbox = Sandbox::with_token();
    let prove = |range: &str| sandbox.run(["prove", "--state", "token", "-o", "p", "--range", range]);
    prove("2:1:0x40").refused("`2:1` is no address");
    prove("0x200010040").refused("ADDRESS+LENGTH");
    prove("2:1:0x40+").refused("is no length");
    prove("2:1:0x40:8x").refused("`8x` is no length");
    prove("2:0:0x0+0").refused("0 bytes");
    prove("9:0:0x0+1").refused("region 0x09 is absent");
    assert_eq!(sandbox.names("."), ["token"]);
}

#[test]
fn a_changed_byte_of_a_proof_of_many_claims_is_refused() {
    let sandbox = Sandbox::with_token();
    let (_, root) = prove_many(&sandbox, &[]);
    let proof = sandbox.read("many");
    for position in (0..proof.len()).step_by(11) {
        let mut changed = proof.clone();
        changed[position] ^= 1 << (position % 8);
        let question = [&["verify", "-", "--root", &root], &CLAIMS[..]].concat();
        sandbox.run_with_stdin(question, &changed).expect(1);
    }
}

#[test]
fn json_and_ssz_are_converted_into_each_other_without_loss() {
    let sandbox = Sandbox::with_token();
    let (report, root) = prove_many(&sandbox, &[]);
    assert_eq!(string(&report, "format"), "ssz");
    let ssz = sandbox.read("many");
    let (report, _) = prove_many(&sandbox, &["--format", "json"]);
    assert_eq!(string(&report, "format"), "json");
    let json = sandbox.read("many");
    assert!(json.starts_with(b"{\n"));
    verify(&sandbox, "many", &root, &CLAIMS).expect(0);

    sandbox.run(["convert", "many", "many.proof"]).expect(0);
    assert_eq!(sandbox.read("many.proof"), ssz);
    let converted = sandbox.run(["convert", "many.proof", "many.json", "--json"]).expect(0).json();
    assert_eq!((string(&converted, "format"), string(&converted, "proof")), ("json", "memory"));
    assert_eq!(sandbox.read("many.json"), json);
    sandbox.run(["convert", "many.json", "same.json", "--format", "json"]).expect(0);
    assert_eq!(sandbox.read("same.json"), json);

    // A changed digit, another field, a repeated one.
    let json = String::from_utf8(json).unwrap();
    let edits = [
        ("\"kind\": \"0\"", "\"kind\": \"1\""),
        ("{\n", "{\n \"x\": 1,"),
        ("{\n", "{\n \"version\": \"1\","),
    ];
    for (from, to) in edits {
        let edited = json.replacen(from, to, 1);
        assert_ne!(edited, json);
        sandbox.write("edited", edited.as_bytes());
        verify(&sandbox, "edited", &root, &CLAIMS).expect(1);
    }
    sandbox.write("edited", b"{ \"version\": \"1\"");
    sandbox.run(["convert", "edited", "out"]).refused("edited is no proof");
    sandbox.run(["convert", "missing", "out"]).refused("cannot read missing");
    sandbox.write("edited", b"\xff\xff");
    sandbox.run(["convert", "edited", "out"]).refused("2 bytes");
}

/// Every node is the hash of the one above it and its sibling: the paths are followed as a person would.
#[test]
fn paths_lead_from_each_claim_to_the_root() {
    let sandbox = Sandbox::with_token();
    let (_, root) = prove_many(&sandbox, &[]);
    let report = verify(&sandbox, "many", &root, &["--explain", "--json"]).expect(0).json();
    let paths = report["paths"].as_array().unwrap();
    // One for each page of a range, and one for each region.
    let claims: Vec<_> = paths.iter().map(|path| path["claim"].as_u64().unwrap()).collect();
    assert_eq!(claims, [0, 1, 1, 2, 3]);
    let hash = |node: &Value| <[u8; 32]>::try_from(hex::decode(&string(node, "hash")[2..]).unwrap()).unwrap();
    let index = |node: &Value| node["gindex"].as_u64().unwrap();
    let mut known = std::collections::BTreeSet::new();
    for path in paths {
        let nodes = path["nodes"].as_array().unwrap();
        assert_eq!(string(&nodes[0], "origin"), "leaf");
        for pair in nodes.windows(2) {
            let sibling = &pair[0]["sibling"];
            assert_eq!((index(&pair[0]) ^ 1, index(&pair[0]) / 2), (index(sibling), index(&pair[1])));
            let (left, right) =
                if index(sibling) % 2 == 1 { (&pair[0], sibling) } else { (sibling, &pair[0]) };
            assert_eq!(travertine_merkle::hash_pair(&hash(left), &hash(right)), hash(&pair[1]));
            assert_eq!(string(&pair[1], "origin"), "computed");
        }
        let last = nodes.last().unwrap();
        assert_eq!(path["joins"], known.contains(&index(last)));
        assert!(path["joins"] == true || (index(last) == 1 && string(last, "hash") == root));
        known.extend(nodes.iter().map(index));
    }
    let names: Vec<_> =
        paths[0]["nodes"].as_array().unwrap().iter().map(|node| string(node, "name")).collect();
    for name in ["chunk 101", "page 22", "pages", "cap", "region 2", "regions", "state root"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }

    let human = verify(&sandbox, "many", &root, &["--explain"]).expect(0).stdout;
    for line in
        ["size: 135,168", "meta: State, RW---", "from    region 9", "page 23 of region 2, which is all zero"]
    {
        assert!(human.contains(line), "`{line}` is not in:\n{human}");
    }
    let digit = if &root[5..6] == "0" { "1" } else { "0" };
    let other = format!("{}{digit}{}", &root[..5], &root[6..]);
    let report = verify(&sandbox, "many", &other, &["--explain", "--json"]).expect(1).json();
    assert_eq!(report["paths"], Value::Null);
}

/// The token allocates nothing: every slot is free, and the list's length proves it.
#[test]
fn free_slots_are_proven() {
    let sandbox = Sandbox::with_token();
    let prove = ["prove", "--state", "token", "-o", "free", "--json", "--allocation"];
    let report = sandbox.run([&prove[..], &["5", "--allocation", "0"]].concat()).expect(0).json();
    let claim = &report["claims"][0];
    assert_eq!((string(claim, "kind"), &claim["slot"]), ("allocation", &5.into()));
    assert_eq!((&claim["allocation"], &report["leaves"]), (&Value::Null, &1.into()));
    let root = string(&report, "root");
    let shown = verify(&sandbox, "free", root, &["--allocation", "0", "--explain"]).expect(0).stdout;
    for line in ["slot 5 of the allocations is free", "length: 0", "allocations  ", "state root"] {
        assert!(shown.contains(line), "`{line}` is not in:\n{shown}");
    }
    let refused = verify(&sandbox, "free", root, &["--allocation", "1"]).expect(1).stdout;
    assert!(refused.contains("not about slot 1 of the allocations"), "{refused}");
    verify(&sandbox, "free", root, &["--allocation", "0", "--data", "00"]).refused("which");
    sandbox.run([&prove[..], &["16777216"]].concat()).refused("no slot");
    let listed = sandbox.run(["root", "--state", "token", "--allocations", "--json"]).expect(0).json();
    let expected = json!({"next": 1, "count": 0, "list": []});
    assert_eq!(listed["allocations"], expected);
}

/// A transfer with a proof of its transition in `call`: the report.
fn transfer(sandbox: &Sandbox) -> Value {
    let program = contract("token");
    let input = format!("02{BOB}0100000000000000");
    let call = ["run", text(&program), "--state", "token", "--caller", ALICE, "--input", &input];
    sandbox.run(call.into_iter().chain(["--transition", "call", "--json"])).expect(0).json()
}

#[test]
fn a_call_is_proven_to_lead_from_root_to_root() {
    let sandbox = Sandbox::with_token();
    let called = transfer(&sandbox);
    let (old, new) = (string(&called, "old_root"), string(&called, "new_root"));
    assert_eq!(called["transition"]["proof_bytes"], sandbox.read("call").len());

    let elsewhere = Sandbox::new();
    elsewhere.write("call", &sandbox.read("call"));
    let report = verify(&elsewhere, "call", old, &["--new-root", new, "--json"]).expect(0).json();
    assert_eq!(keys(&report), ["claims", "paths", "reason", "root", "transition", "valid"]);
    let transition = &report["transition"];
    let expected = [
        "allocations",
        "new_next_allocation",
        "new_root",
        "new_settlements",
        "new_slots",
        "old_next_allocation",
        "old_settlements",
        "old_slots",
        "pages",
        "regions",
    ];
    assert_eq!(keys(transition), expected);
    assert_eq!((&transition["allocations"], &transition["regions"]), (&json!([]), &json!([])));
    assert_eq!((&transition["old_settlements"], &transition["new_settlements"]), (&2.into(), &3.into()));
    assert_eq!(transition["pages"], called["dirty_pages"]);
    assert_eq!(transition["pages"].as_array().unwrap().len(), 2);
    let human = verify(&elsewhere, "call", old, &["--new-root", new]).expect(0).stdout;
    assert!(human.starts_with("valid\n") && human.contains("2 pages, and nothing else"), "{human}");
    // The proof may say where it leads: what it says is true.
    let open = verify(&elsewhere, "call", old, &[]).expect(0).stdout;
    assert!(open.contains(new) && open.contains("note    "), "{open}");

    verify(&elsewhere, "call", new, &["--new-root", old]).expect(1);
    verify(&elsewhere, "call", old, &["--new-root", old]).expect(1);
    verify(&elsewhere, "call", old, &["--address", "2:0:0x0"]).expect(1);
    verify(&elsewhere, "call", old, &["--data", "00"]).expect(1);
    verify(&elsewhere, "call", old, &["--explain"]).refused("--explain");
    let (_, root) = prove_many(&sandbox, &[]);
    verify(&sandbox, "many", &root, &["--new-root", old]).expect(1);

    elsewhere.run(["convert", "call", "call.json"]).expect(0);
    verify(&elsewhere, "call.json", old, &["--new-root", new]).expect(0);
    elsewhere.run(["convert", "call.json", "back"]).expect(0);
    assert_eq!(elsewhere.read("back"), sandbox.read("call"));
    let proof = sandbox.read("call");
    for position in (0..proof.len()).step_by(7) {
        let mut changed = proof.clone();
        changed[position] ^= 1 << (position % 8);
        elsewhere.run_with_stdin(["verify", "-", "--root", old, "--new-root", new], &changed).expect(1);
    }
}

#[test]
fn transitions_of_none_and_of_many_pages_are_proven() {
    for (name, pages) in [("counter", 1), ("quicksort", 64), ("sieve", 256), ("sha256", 0), ("bytecode", 0)] {
        let sandbox = Sandbox::new();
        let program = contract(name);
        let called = sandbox.run(["run", text(&program), "--transition", "call", "--json"]).expect(0).json();
        assert_eq!(called["dirty_pages"].as_array().unwrap().len(), pages, "{name}");
        let (old, new) = (string(&called, "old_root"), string(&called, "new_root"));
        let report = verify(&sandbox, "call", old, &["--new-root", new, "--json"]).expect(0).json();
        assert_eq!(report["transition"]["pages"], called["dirty_pages"], "{name}");
    }
}

#[test]
fn a_failed_call_has_no_transition() {
    let sandbox = Sandbox::with_token();
    let program = contract("token");
    let input = format!("02{ALICE}ff00000000000000");
    let call = ["run", text(&program), "--state", "token", "--caller", OWNER, "--input", &input];
    let report = sandbox.run(call.into_iter().chain(["--transition", "call", "--json"])).expect(1).json();
    assert_eq!(report["transition"], Value::Null);
    assert_eq!(sandbox.names("."), ["token"]);
    // A transition that cannot be written leaves the state as it is.
    let root = sandbox.root("token");
    let mint = ["run", text(&program), "--state", "token", "--input", "04", "--transition", "no/call"];
    sandbox.run(mint).refused("no/call");
    assert_eq!(sandbox.root("token"), root);
}
