//! Golden vectors of snapshots and logs, and mutations of both.

use proptest::prelude::*;
use serde_json::{Value, json};
use travertine_memory::generative::Context;
use travertine_memory::generative::persistence::{
    GUIDE_RECORD_BYTES, HEADER_BYTES, HeaderError, Journal, LogError, LogHeader, RECORD_BYTES, Recovery,
    Snapshot, SnapshotError, SnapshotForm, guide_record, read_guide_log, read_wide_log, recover,
};

use crate::crashes::Disk;
use crate::{bytes, cells, number, rows, text, vectors};

fn context(seed: u64, cells: impl IntoIterator<Item = (u64, u32)>) -> Context {
    let mut context = Context::new(seed);
    context.replay(cells).unwrap();
    context
}

#[test]
fn snapshots_have_three_forms() {
    for case in rows(&vectors("persistence")["snapshot"], 4) {
        let written = context(number(&case["seed"]), cells(&case["entries"]));
        let snapshot = Snapshot::of(&written);
        for form in [SnapshotForm::Guide, SnapshotForm::Repo, SnapshotForm::Shielded] {
            let encoded = snapshot.encode(form);
            assert_eq!(encoded, bytes(&case[format!("{}_v1", form.name())]), "{}", form.name());
            assert_eq!(Snapshot::decode(&encoded), Ok((snapshot.clone(), form)));
        }
        // Loading replaces everything, and marks.
        let mut loaded = context(77, [(5, 5), (1 << 40, 1)]);
        loaded.load(&snapshot).unwrap();
        assert_eq!(loaded, written);
    }
}

#[test]
fn the_sum_of_the_repo_form_does_not_see_swapped_cells() {
    let vectors = vectors("persistence");
    let weakness = &vectors["repo_checksum_weakness"];
    let [a, b] = ["a", "b"].map(|name| Snapshot::import(&bytes(&weakness[name])).unwrap().0);
    assert_ne!(a, b);
}

#[test]
fn snapshots_are_read_strictly() {
    for case in rows(&vectors("persistence")["snapshot_reader"], 14) {
        let read = Snapshot::decode(&bytes(&case["hex"]));
        let name = match read {
            Ok((_, form)) => format!("ok:{}", form.name()),
            Err(SnapshotError::Short(_)) => "err:short".to_owned(),
            Err(SnapshotError::Magic(_)) => "err:magic".to_owned(),
            Err(SnapshotError::Version(_)) => "err:version".to_owned(),
            Err(SnapshotError::Length { .. }) => "err:length".to_owned(),
            Err(SnapshotError::Checksum { .. }) => "err:checksum".to_owned(),
            Err(SnapshotError::Order { .. }) => "err:order".to_owned(),
        };
        assert_eq!(text(&case["result"]).split(' ').next(), Some(name.as_str()), "{case}");
        if name == "err:order" {
            assert!(Snapshot::import(&bytes(&case["hex"])).is_ok());
        }
    }
    // A count that would need more than all memory.
    let mut huge = Snapshot::of(&Context::new(1)).encode(SnapshotForm::Guide);
    huge[16..24].fill(0xFF);
    assert!(matches!(Snapshot::decode(&huge), Err(SnapshotError::Length { count: u64::MAX, .. })));
    let quota = &mut Context::with_limit(3, 1);
    quota.write(1, 1).unwrap();
    let before = quota.clone();
    assert!(quota.load(&Snapshot::of(&context(4, [(1, 1), (2, 2)]))).is_err());
    assert_eq!(*quota, before);
}

#[test]
fn logs_without_a_header_are_imported() {
    let vectors = vectors("persistence");
    let guide = &vectors["aof_guide_12"];
    let writes = cells(&guide["writes"]);
    let encoded: Vec<u8> = writes.iter().flat_map(|(address, cell)| guide_record(*address, *cell)).collect();
    assert_eq!(encoded, bytes(&guide["hex"]));
    for torn in rows(&guide["torn"], 10) {
        let length = usize::try_from(number(&torn["len"])).unwrap();
        let (records, valid) = read_guide_log(&encoded[..length]);
        let records: Vec<_> = records.collect();
        assert_eq!(
            (json!(records.len()), json!(valid)),
            (torn["records"].clone(), torn["truncate_to"].clone())
        );
        assert_eq!(records, writes[..length / GUIDE_RECORD_BYTES]);
    }
    let replayed = context(0, read_guide_log(&encoded).0);
    assert_eq!(replayed.overlay().iter().collect::<Vec<_>>(), cells(&guide["replayed"]));
    let wide = bytes(&vectors["aof_repo_16_high_precision"]["hex"]);
    let (records, valid) = read_wide_log(&wide[..wide.len() - 1]);
    assert_eq!((records.collect::<Vec<_>>(), valid), (writes[..3].to_vec(), 48));
}

fn state(recovered: &Result<Recovery<'_>, LogError<'_>>) -> Value {
    match recovered {
        Ok(Recovery::New) => json!({ "state": "new", "records": 0, "truncate_to": 0 }),
        Ok(Recovery::Clean(whole)) => {
            json!({ "state": "clean", "records": whole.len(), "truncate_to": whole.bytes() })
        }
        Ok(Recovery::Torn(whole)) => {
            json!({ "state": "torn", "records": whole.len(), "truncate_to": whole.bytes() })
        }
        Err(LogError::Header(_)) => json!({ "state": "corrupt_header" }),
        Err(LogError::Corrupt { whole, .. }) => {
            json!({ "state": "corrupt", "records": whole.len(), "first_bad": whole.len() })
        }
    }
}

#[test]
fn framed_logs_are_recovered() {
    let vectors = vectors("persistence");
    let framed = &vectors["aof_framed_proposed"];
    let header = LogHeader { seed: 0x3039, size_cells: 1 << 20, mode: 1 };
    assert_eq!(header.encode().to_vec(), bytes(&framed["header_only"]));
    let writes = cells(&framed["writes"]);
    let mut journal = Journal::create(Disk::default(), &header, 0, 1 << 10).unwrap();
    for (address, cell) in &writes {
        journal.write(*address, *cell).unwrap();
    }
    journal.commit().unwrap();
    let (written, disk) = journal.into_parts();
    assert_eq!(disk.written, bytes(&framed["hex"]));
    let Ok(Recovery::Clean(whole)) = recover(&disk.written, 16) else { panic!("it is clean") };
    assert_eq!((whole.header, whole.iter().collect::<Vec<_>>()), (header, writes));
    assert_eq!(written, context(0x3039, whole.iter()));
    for case in rows(&framed["recover"], 12) {
        let log = bytes(&case["hex"]);
        assert_eq!(state(&recover(&log, number(&case["window"]))), case["result"], "{case}");
    }
}

/// A snapshot and a log, of some cells each.
fn files(cells: &[(u64, u32)]) -> (Vec<u8>, Vec<u8>) {
    let header = LogHeader { seed: 7, size_cells: 0, mode: 1 };
    let mut journal = Journal::create(Disk::default(), &header, 0, 64).unwrap();
    for (address, cell) in cells {
        journal.write(*address, *cell).unwrap();
    }
    journal.commit().unwrap();
    let (context, disk) = journal.into_parts();
    (Snapshot::of(&context).encode(SnapshotForm::Shielded), disk.written)
}

#[test]
fn every_flipped_bit_is_found() {
    let (snapshot, log) = files(&[(3, 0), (u64::MAX, 1), (3, 2), (1 << 50, 3), (0, 4)]);
    for bit in 0..8 * snapshot.len() {
        let mut mutant = snapshot.clone();
        mutant[bit / 8] ^= 1 << (bit % 8);
        assert!(Snapshot::decode(&mutant).is_err() && Snapshot::import(&mutant).is_err(), "bit {bit}");
    }
    for bit in 0..8 * log.len() {
        let mut mutant = log.clone();
        mutant[bit / 8] ^= 1 << (bit % 8);
        match recover(&mutant, RECORD_BYTES as u64) {
            Err(LogError::Header(_)) => assert!(bit < 8 * HEADER_BYTES),
            Err(LogError::Corrupt { whole, .. }) => assert_eq!(whole.len(), record_of(bit)),
            Ok(Recovery::Torn(whole)) => assert_eq!((whole.len(), record_of(bit)), (4, 4)),
            other => panic!("bit {bit}: {other:?}"),
        }
    }
}

/// The record that holds a bit of a log.
fn record_of(bit: usize) -> u64 {
    ((bit / 8 - HEADER_BYTES) / RECORD_BYTES) as u64
}

#[test]
fn headers_tell_what_is_wrong() {
    let header = LogHeader { seed: 1, size_cells: 2, mode: 3 };
    assert_eq!(LogHeader::decode(&header.encode()), Ok(header));
    let decode = |at: usize| {
        let mut bytes = header.encode();
        bytes[at] ^= 1;
        LogHeader::decode(&bytes).unwrap_err()
    };
    assert!(matches!(decode(0), HeaderError::Magic(_)));
    assert_eq!(decode(4), HeaderError::Version(0));
    assert_eq!(decode(7), HeaderError::Reserved(0x100));
    assert!((8..32).all(|at| matches!(decode(at), HeaderError::Checksum { .. })));
}

/// What happens to a file.
#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Double(prop::sample::Index, prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use prop::sample::Index;
    prop_oneof![
        any::<(Index, u8)>().prop_map(|(at, byte)| Mutation::Set(at, byte)),
        any::<Index>().prop_map(Mutation::Cut),
        any::<(Index, Vec<u8>)>().prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        any::<(Index, Index)>().prop_map(|(from, to)| Mutation::Double(from, to)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let length = bytes.len() + 1;
    match mutation {
        Mutation::Set(at, byte) => {
            let at = at.index(length);
            if let Some(target) = bytes.get_mut(at) {
                *target = *byte;
            }
        }
        Mutation::Cut(at) => bytes.truncate(at.index(length)),
        Mutation::Insert(at, inserted) => {
            let at = at.index(length);
            bytes.splice(at..at, inserted.iter().copied());
        }
        Mutation::Double(from, to) => {
            let (from, to) = (from.index(length), to.index(length));
            let piece = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(from..from, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the bytes are, reading ends with a result, and what is accepted is what it seems to be.
    #[test]
    fn mutants_never_panic(
        cells in prop::collection::vec(any::<(u64, u32)>(), 0..8),
        mutations in prop::collection::vec(mutation(), 1..4),
        window in 0_u64..200,
    ) {
        let (mut snapshot, mut log) = files(&cells);
        for mutation in &mutations {
            mutate(&mut snapshot, mutation);
            mutate(&mut log, mutation);
        }
        if let Ok((read, form)) = Snapshot::decode(&snapshot) {
            prop_assert_eq!(read.encode(form), snapshot.clone());
        }
        if let Ok((read, _)) = Snapshot::import(&snapshot) {
            prop_assert!(read.cells().is_sorted_by(|a, b| a.0 < b.0));
        }
        for bytes in [&snapshot, &log] {
            let (records, valid) = read_guide_log(bytes);
            prop_assert_eq!(records.count() * GUIDE_RECORD_BYTES, valid);
            let (records, valid) = read_wide_log(bytes);
            prop_assert_eq!(records.count() * RECORD_BYTES, valid);
        }
        let whole = match recover(&log, window) {
            Ok(Recovery::New) => { prop_assert!(log.len() < HEADER_BYTES); None }
            Ok(Recovery::Clean(whole)) => { prop_assert_eq!(whole.bytes(), log.len() as u64); Some(whole) }
            Ok(Recovery::Torn(whole)) => { prop_assert!(whole.bytes() < log.len() as u64); Some(whole) }
            Err(LogError::Corrupt { whole, bytes_behind, .. }) => {
                prop_assert!(bytes_behind > window);
                prop_assert_eq!(whole.bytes() + bytes_behind, log.len() as u64);
                Some(whole)
            }
            Err(LogError::Header(_)) => None,
        };
        // What is whole stays whole when the rest is cut off.
        if let Some(whole) = whole {
            let cut = usize::try_from(whole.bytes()).unwrap();
            prop_assert_eq!(recover(&log[..cut], window), Ok(Recovery::Clean(whole)));
        }
    }
}
