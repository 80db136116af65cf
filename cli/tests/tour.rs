//! The tour of the README: a token, a transfer, a proof of a balance, its verification with nothing but the root, and
//! what happens when a digit of anything is changed.

mod common;

use common::{ALICE, BOB, OWNER, Sandbox, string};

/// Alice's balance is 70: its address as the contract tells it, and the proof of its eight bytes in `proof`.
fn prove_the_balance(sandbox: &Sandbox) -> (String, String) {
    let report = sandbox.token(OWNER, &format!("03{ALICE}")).expect(0).json();
    let output = hex::decode(&string(&report, "output")[2..]).expect("hexadecimal");
    assert_eq!(output[..8], 70_u64.to_le_bytes());
    let address = u64::from_le_bytes(output[8..].try_into().expect("8 bytes"));
    let address = format!("{address:#x}");
    let proof =
        sandbox.run(["prove", "--state", "token", &address, "8", "-o", "proof", "--json"]).expect(0).json();
    assert_eq!(string(&proof["claims"][0], "data"), "0x4600000000000000");
    assert_eq!(string(&proof, "root"), sandbox.root("token"));
    assert_eq!(proof["proof_bytes"], sandbox.read("proof").len());
    (address, sandbox.root("token"))
}

const SEVENTY: &str = "4600000000000000";

#[test]
fn a_balance_is_proven_and_verified_with_the_root_alone() {
    let sandbox = Sandbox::with_token();
    let (address, root) = prove_the_balance(&sandbox);

    // Another machine: nothing but the proof and the root.
    let elsewhere = Sandbox::new();
    elsewhere.write("proof", &sandbox.read("proof"));
    let verified = elsewhere
        .run(["verify", "proof", "--root", &root, "--address", &address, "--data", SEVENTY])
        .expect(0);
    assert!(verified.stdout.starts_with("valid\n"), "{}", verified.stdout);
    for arguments in [vec![], vec!["--address", &address], vec!["--address", &address, "--length", "8"]] {
        let mut all = vec!["verify", "proof", "--root", &root, "--json"];
        all.extend(arguments);
        let report = elsewhere.run(all).expect(0).json();
        assert_eq!(
            (&report["valid"], string(&report["claims"][0], "data")),
            (&true.into(), "0x4600000000000000")
        );
    }
    elsewhere.run(["verify", "proof", "--root", &root, "--data", SEVENTY]).expect(0);
    assert_eq!(elsewhere.names("."), ["proof"]);
}

#[test]
fn a_changed_digit_is_refused_wherever_it_stands() {
    let sandbox = Sandbox::with_token();
    let (address, root) = prove_the_balance(&sandbox);
    let verify = |root: &str, address: &str, data: &str| {
        sandbox.run(["verify", "proof", "--root", root, "--address", address, "--data", data])
    };
    verify(&root, &address, SEVENTY).expect(0);
    for position in 2..root.len() {
        let mut changed = root.clone();
        let digit = if &root[position..=position] == "0" { "1" } else { "0" };
        changed.replace_range(position..=position, digit);
        assert!(verify(&changed, &address, SEVENTY).expect(1).stdout.starts_with("invalid: "));
    }
    for position in 0..SEVENTY.len() {
        let mut changed = SEVENTY.to_owned();
        let digit = if &SEVENTY[position..=position] == "0" { "1" } else { "0" };
        changed.replace_range(position..=position, digit);
        verify(&root, &address, &changed).expect(1);
    }
    // The right bytes, but elsewhere, or not all of them.
    verify(&root, "2:1:0x0", SEVENTY).expect(1);
    verify(&root, &address, "46").expect(1);
    verify(&root, &address, &format!("{SEVENTY}00")).expect(1);
    sandbox.run(["verify", "proof", "--root", &root, "--address", &address, "--length", "7"]).expect(1);
    sandbox.run(["verify", "proof", "--root", &root, "--data", "46"]).expect(1);
    sandbox.run(["verify", "proof", "--root", &root, "--region", "2"]).expect(1);
}

#[test]
fn a_changed_byte_of_the_proof_is_refused_wherever_it_stands() {
    let sandbox = Sandbox::with_token();
    let (address, root) = prove_the_balance(&sandbox);
    let proof = sandbox.read("proof");
    let verify = |bytes: &[u8]| {
        let question = ["verify", "-", "--root", &root, "--address", &address, "--length", "8", "--json"];
        sandbox.run_with_stdin(question, bytes)
    };
    let refused = |bytes: &[u8]| {
        let report = verify(bytes).expect(1).json();
        assert_eq!(report["valid"], false);
        assert!(!string(&report, "reason").is_empty());
    };
    verify(&proof).expect(0);
    for position in 0..proof.len() {
        let mut changed = proof.clone();
        changed[position] ^= 1 << (position % 8);
        refused(&changed);
    }
    for length in [0, 1, 8, 55, proof.len() - 32, proof.len() - 1] {
        refused(&proof[..length]);
    }
    refused(&[&proof[..], &[0]].concat());
    refused(b"not a proof at all");
}

/// Without an address the proof says what it is about: changing that may give a proof of something else that is true,
/// and then the report says what.
#[test]
fn a_proof_that_is_asked_nothing_tells_what_it_proves() {
    let sandbox = Sandbox::with_token();
    let (address, root) = prove_the_balance(&sandbox);
    let proof = sandbox.read("proof");
    let claim = 56..80; // behind version, root and four offsets
    for position in 0..proof.len() {
        let mut changed = proof.clone();
        changed[position] ^= 1 << (position % 8);
        let ended = sandbox.run_with_stdin(["verify", "-", "--root", &root, "--json"], &changed);
        let report = ended.json();
        if ended.code == 1 {
            assert_eq!((&report["valid"], &report["claims"]), (&false.into(), &serde_json::json!([])));
        } else {
            assert!(claim.contains(&position), "byte {position}");
            let proven = &report["claims"][0];
            assert_ne!((string(proven, "address"), &proven["length"]), (address.as_str(), &8.into()));
        }
    }
}

#[test]
fn regions_and_their_absence_are_proven() {
    let sandbox = Sandbox::with_token();
    let root = sandbox.root("token");
    for (region, present) in [("2", true), ("0x9", false)] {
        sandbox.run(["prove", "--state", "token", "--region", region, "-o", "region"]).expect(0);
        let verify = ["verify", "region", "--root", &root, "--region", region, "--json"];
        let report = sandbox.run(verify).expect(0).json();
        assert_eq!(report["claims"][0]["region"].is_object(), present);
        if present {
            assert_eq!(string(&report["claims"][0]["region"], "kind"), "State");
        }
        sandbox.run(["verify", "region", "--root", &root, "--region", "3"]).expect(1);
        sandbox.run(["verify", "region", "--root", &root, "--data", "00"]).expect(1);
    }
}

#[test]
fn every_form_of_an_address_names_the_same_byte() {
    let sandbox = Sandbox::with_token();
    let mut proofs = Vec::new();
    for address in ["2:1:0x40", "0x200010040", "[X:2,Y:1,Z:64]"] {
        sandbox.run(["prove", "--state", "token", address, "0x20", "-o", "proof"]).expect(0);
        proofs.push(sandbox.read("proof"));
    }
    assert!(proofs[0] == proofs[1] && proofs[1] == proofs[2]);
}

#[test]
fn what_cannot_be_proven_leaves_no_file() {
    let sandbox = Sandbox::with_token();
    let prove = |address: &str, length: &str| {
        sandbox.run(["prove", "--state", "token", address, length, "-o", "proof"])
    };
    prove("9:0:0x0", "8").refused("region 0x09 is absent");
    prove("2:255:0x0", "8").refused("whose size is");
    prove("2:0:0x0", "0").refused("0 bytes");
    prove("2:65535:0xffff", "2").refused("one region");
    prove("256:0:0x0", "8").refused("region (X) 256");
    prove("2:0", "8").refused("2:17:0x40");
    prove("2:0:0x0", "8x").refused("'8x'");
    sandbox.run(["prove", "--state", "token", "2:0:0x0", "-o", "proof"]).refused("<LENGTH>");
    sandbox.run(["prove", "--state", "token", "-o", "proof"]).refused("<ADDRESS>");
    assert_eq!(sandbox.names("."), ["token"]);
    sandbox.run(["prove", "--state", "token", "2:0:0x0", "8", "-o", "token"]).refused("not a regular file");
    sandbox.run(["prove", "--state", "token", "2:0:0x0", "8", "-o", "none/proof"]).refused("none/proof");
    assert_eq!(sandbox.token(BOB, "04").expect(0).json()["success"], true);
}
