//! The receipt of every fixture's every call is the one in `fixtures/receipts/`, to the byte: on every platform, in debug
//! and in release builds, and in every run of one process. After a change of prices, formats or fixtures:
//! `UPDATE_GOLDEN=1 cargo test -p travertine-tests --test receipts`.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use travertine_tests::fixtures::{self, Console, Fixture};
use travertine_vm::Receipt;

/// The receipts of all calls, in order.
fn receipts(fixture: &Fixture) -> Vec<Receipt> {
    let mut machine = fixture.machine();
    let call =
        |one: &fixtures::ExpectedCall| machine.call(&one.call, &mut Console::default()).unwrap().receipt;
    fixture.calls.iter().map(call).collect()
}

/// What is kept of a receipt: a few fields to read, and hashes that commit to all of it.
fn summary(receipt: &Receipt) -> Value {
    let outcome = &receipt.outcome;
    let bill = &receipt.bill;
    let ssz = receipt.to_ssz();
    json!({
        "outcome": [outcome.kind, outcome.code, outcome.pc, outcome.detail, outcome.fault, outcome.entry],
        "gas_used": receipt.gas_used,
        "bill": [bill.instructions, bill.memory, bill.allocation, bill.host],
        "refund": receipt.refund,
        "dirty_pages": receipt.dirty_pages.len(),
        "old_root": hex::encode(receipt.old_root()),
        "new_root": hex::encode(receipt.new_root()),
        "ssz_bytes": ssz.len(),
        "ssz_sha256": hex::encode(Sha256::digest(&ssz)),
        "receipt_root": hex::encode(receipt.root()),
    })
}

/// One line for each receipt, so that a difference names its call.
fn golden(fixture: &Fixture) -> String {
    let lines: Vec<String> = receipts(fixture).iter().map(|receipt| summary(receipt).to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn golden_path(fixture: &Fixture) -> PathBuf {
    fixtures::folder().join("receipts").join(format!("{}.json", fixture.name))
}

#[test]
fn receipts_are_the_golden_ones() {
    for fixture in fixtures::all() {
        let (path, found) = (golden_path(&fixture), golden(&fixture));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &found).unwrap();
        }
        let expected =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(found.lines().count(), expected.lines().count(), "{}: calls", fixture.name);
        for (line, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "{}, line {}", path.display(), line + 1);
        }
    }
}

#[test]
fn no_golden_file_is_left_without_its_fixture() {
    let names: Vec<String> = fixtures::all().iter().map(|fixture| format!("{}.json", fixture.name)).collect();
    for file in std::fs::read_dir(fixtures::folder().join("receipts")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn two_runs_in_one_process_give_the_same_bytes() {
    let ssz = |receipts: Vec<Receipt>| receipts.iter().map(Receipt::to_ssz).collect::<Vec<_>>();
    for fixture in fixtures::all() {
        let again = std::thread::spawn({
            let elf = fixtures::named(&fixture.name);
            move || ssz(receipts(&elf))
        });
        assert_eq!(ssz(receipts(&fixture)), again.join().unwrap(), "{}", fixture.name);
    }
}
