//! The rule, the ledger and its proofs, and the audit.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use ssz_rs::prelude::*;
use travertine_memory::substrate::{
    AuditError, AuditedHeader, LEDGER_RECORD_BYTES, Ledger, LedgerError, LedgerFrontier, LedgerRecord,
    Substrate, audit,
};
use travertine_merkle::{BranchError, decode_uint64_chunk};

/// The record for an independent SSZ library.
#[derive(Debug, Clone, Default, PartialEq, Eq, SimpleSerialize)]
struct OracleRecord {
    timestamp: u64,
    event_hash: Vector<u8, 32>,
    bytes_allocated: u64,
}

fn record(number: u64) -> LedgerRecord {
    let event_hash = Sha256::digest(number.to_be_bytes()).into();
    LedgerRecord { timestamp: number * 3, event_hash, bytes_allocated: 31_457_280 + number }
}

fn ledger(length: u64) -> Ledger {
    Ledger::new((0..length).map(record).collect())
}

#[test]
fn the_rule_is_the_first_byte_of_the_digest_for_modulus_256() {
    let substrate = Substrate::default();
    let mut allocations = 0;
    for number in 0..4096_u64 {
        let header = number.to_le_bytes();
        let digest: [u8; 32] = Sha256::digest(header).into();
        let evaluation = substrate.evaluate(&header);
        assert_eq!((evaluation.digest, evaluation.remainder), (digest, u64::from(digest[0])));
        assert_eq!(evaluation.allocates(), digest[0] == 0);
        let record = substrate.record(&header, number);
        assert_eq!(record.is_some(), digest[0] == 0);
        if let Some(record) = record {
            let event: [u8; 32] = Sha256::digest([&header[..], &[0; 8]].concat()).into();
            let expected = LedgerRecord { timestamp: number, event_hash: event, bytes_allocated: 31_457_280 };
            assert_eq!(record, expected);
            allocations += 1;
        }
    }
    assert!((4..40).contains(&allocations), "{allocations} of 4,096, 16 are expected");
}

#[test]
fn other_moduli_take_the_whole_word_little_endian() {
    let header = b"a header";
    let digest: [u8; 32] = Sha256::digest(header).into();
    let hash = u64::from_le_bytes(digest[..8].try_into().unwrap());
    for modulus in [1, 2, 3, 1000, u64::MAX, hash] {
        let bounds = Substrate::default().words();
        let pairs = std::array::from_fn(|index| [bounds[4 + 2 * index], bounds[5 + 2 * index]]);
        let substrate = Substrate::new(modulus, 4096, 64, pairs).unwrap();
        let evaluation = substrate.evaluate(header);
        assert_eq!((evaluation.hash, evaluation.remainder), (hash, hash % modulus));
        assert_eq!(evaluation.allocates(), hash.is_multiple_of(modulus));
    }
}

#[test]
fn roots_and_encodings_are_those_of_an_independent_library() {
    for length in [0, 1, 2, 3, 4, 5, 8, 31, 100] {
        let ledger = ledger(length);
        let oracle: Vec<OracleRecord> = ledger
            .records()
            .iter()
            .map(|record| OracleRecord {
                timestamp: record.timestamp,
                event_hash: Vector::try_from(record.event_hash.to_vec()).unwrap(),
                bytes_allocated: record.bytes_allocated,
            })
            .collect();
        let mut oracle = List::<OracleRecord, { 1 << 32 }>::try_from(oracle).unwrap();
        assert_eq!(ledger.root(), oracle.hash_tree_root().unwrap().as_ref());
        assert_eq!(ledger.to_ssz(), ssz_rs::serialize(&oracle).unwrap());
        assert_eq!(Ledger::from_ssz(&ledger.to_ssz()), Ok(ledger.clone()));
        assert_eq!(ledger.frontier().unwrap().root(), ledger.root());
    }
    let cut = [0; LEDGER_RECORD_BYTES + 1];
    assert_eq!(Ledger::from_ssz(&cut), Err(LedgerError::Length(LEDGER_RECORD_BYTES + 1)));
}

#[test]
fn appending_gives_the_root_of_the_whole_list_every_time() {
    let mut frontier = LedgerFrontier::default();
    let mut records = Vec::new();
    for number in 0..70 {
        assert_eq!(frontier.root(), Ledger::new(records.clone()).root());
        frontier.append(&record(number)).unwrap();
        records.push(record(number));
        assert_eq!(frontier.length(), number + 1);
    }
}

#[test]
fn inclusion_is_proven_to_whoever_has_the_root() {
    let ledger = ledger(11);
    let root = ledger.root();
    for index in 0..11_u32 {
        let proof = ledger.prove(index).unwrap();
        assert_eq!(proof.verify(&root), Ok(()));
        assert_eq!((proof.index, proof.leaf), (Ledger::place(index), record(index.into()).root()));
        assert_eq!(decode_uint64_chunk(proof.branch.last().unwrap()), Ok(11));
        for bit in 0..256 {
            let mut forged = proof.clone();
            forged.leaf[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(forged.verify(&root), Err(BranchError::Root));
        }
        for level in 0..proof.branch.len() {
            let mut forged = proof.clone();
            forged.branch[level][level % 32] ^= 1;
            assert_eq!(forged.verify(&root), Err(BranchError::Root));
        }
        let mut moved = proof.clone();
        moved.index = Ledger::place(index ^ 1);
        assert_eq!(moved.verify(&root), Err(BranchError::Root));
    }
    assert_eq!(ledger.prove(11), None);
}

/// Headers of which every one allocates, and their ledger.
fn chain(headers: usize) -> (Substrate, Vec<AuditedHeader>, Ledger) {
    let substrate = crate::small(3, 1, 64);
    let audited: Vec<_> = (0..headers as u64)
        .map(|number| AuditedHeader { bytes: number.to_le_bytes().to_vec(), timestamp: Some(7 * number) })
        .collect();
    let records =
        audited.iter().filter_map(|header| substrate.record(&header.bytes, header.timestamp.unwrap()));
    let ledger = Ledger::new(records.collect());
    (substrate, audited, ledger)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// One thing is done to a ledger that is right; the audit says what, and where.
    #[test]
    fn an_audit_names_the_first_record_that_does_not_fit(
        headers in 8_usize..60, at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), kind in 0..6,
        knows_timestamps in any::<bool>(),
    ) {
        let (substrate, mut audited, ledger) = chain(headers);
        if !knows_timestamps {
            for header in &mut audited {
 header.timestamp = None;
}
        }
        let right = ledger.records().to_vec();
        prop_assume!(right.len() >= 2);
        prop_assert_eq!(audit(&substrate, &audited, &ledger), Ok(right.len()));
        let (at, to) = (at.index(right.len()), to.index(right.len()));
        let mut wrong = right.clone();
        match kind {
            0 => { wrong.remove(at); }
            1 => wrong.insert(at, record(1)),
            2 => wrong[at].bytes_allocated ^= 1,
            3 => wrong[at].timestamp += 1,
            4 => wrong.swap(at, to),
            _ => wrong[at].event_hash[5] ^= 1,
        }
        let header_of = |record: &LedgerRecord| {
            let makes = |header: &AuditedHeader| substrate.record(&header.bytes, 0).map(|record| record.event_hash);
            audited.iter().position(|header| makes(header) == Some(record.event_hash)).unwrap()
        };
        let found = audit(&substrate, &audited, &Ledger::new(wrong.clone()));
        let untouched = kind == 4 && at == to || kind == 3 && !knows_timestamps;
        if untouched {
            prop_assert_eq!(found, Ok(right.len()));
            return Ok(());
        }
        let finding = found.unwrap_err();
        prop_assert_eq!(finding.index, if kind == 4 { at.min(to) } else { at });
        let header = header_of(&right[finding.index]);
        match (kind, finding.error) {
            (0, AuditError::Missing { header: named, .. })
            | (2 | 3 | 5, AuditError::Changed { header: named, .. }) => prop_assert_eq!(named, header),
            (1, AuditError::Added { found }) => prop_assert_eq!(found, record(1)),
            (4, AuditError::OutOfOrder { header: named, found_header, .. }) => {
                prop_assert_eq!(named, header);
                prop_assert_eq!(found_header, header_of(&right[at.max(to)]));
            }
            (_, error) => prop_assert!(false, "{kind}: {error}"),
        }
    }
}

#[test]
fn a_record_that_stands_twice_was_added() {
    let (substrate, audited, ledger) = chain(30);
    let mut twice = ledger.records().to_vec();
    twice.insert(3, twice[2]);
    let finding = audit(&substrate, &audited, &Ledger::new(twice.clone())).unwrap_err();
    assert_eq!((finding.index, finding.error), (3, AuditError::Added { found: twice[2] }));
    let mut behind = ledger.records().to_vec();
    behind.push(behind[0]);
    let finding = audit(&substrate, &audited, &Ledger::new(behind.clone())).unwrap_err();
    assert_eq!((finding.index, finding.error), (behind.len() - 1, AuditError::Added { found: behind[0] }));
}
