//! For each way in which a snapshot can be wrong, one that is wrong in just this way. Records are patched where `rkyv`
//! puts their fields: `repr(C)`, little endian, relative 32-bit pointers.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use travertine_memory::{Permissions, PermissionsError, RegionError, SlabError};
use travertine_tests::fixtures;
use travertine_vm::{SNAPSHOT_HEADER_BYTES, SNAPSHOT_MAGIC, SNAPSHOT_VERSION, SnapshotError, State};

use crate::alone;

/// A snapshot with this record and the header that belongs to it, written from the table in `docs/formats.md`.
pub(crate) fn seal(record: &[u8]) -> Vec<u8> {
    let mut snapshot = SNAPSHOT_MAGIC.to_vec();
    snapshot.extend(SNAPSHOT_VERSION.to_le_bytes());
    snapshot.extend([0; 4]);
    snapshot.extend((record.len() as u64).to_le_bytes());
    snapshot.extend(Sha256::digest(record));
    snapshot.extend([0; 8]);
    snapshot.extend_from_slice(record);
    snapshot
}

/// Offsets of the fields of a region's record, in bytes.
mod region {
    pub(super) const NUMBER: usize = 0;
    pub(super) const KIND: usize = 1;
    pub(super) const PERMISSIONS: usize = 2;
    pub(super) const FLAGS: usize = 4;
    pub(super) const SIZE: usize = 8;
    /// Pointer and length, behind the tag of an option.
    pub(super) const RANGES: usize = 20;
    /// Pointer and length.
    pub(super) const PAGE_NUMBERS: usize = 28;
}

/// The token's settled state as a record that can be patched.
struct Patch(Vec<u8>);

impl Patch {
    fn new() -> Self {
        let snapshot = fixtures::named("token").settled().state().to_snapshot().unwrap();
        Self(snapshot[SNAPSHOT_HEADER_BYTES..].to_vec())
    }

    /// Where the record of a region begins.
    fn region(&self, number: u8) -> usize {
        let machine = fixtures::named("token").settled();
        let region = machine.state().memory().region(number).unwrap();
        let mut start = vec![number, region.kind().code(), region.permissions().bits(), 0, 0, 0, 0, 0];
        start.extend(region.cap().size().to_le_bytes());
        let found: Vec<usize> = (0..self.0.len() - start.len())
            .step_by(8)
            .filter(|&at| self.0[at..].starts_with(&start))
            .collect();
        assert_eq!(found.len(), 1, "the record of region {number}");
        found[0]
    }

    /// Where the list begins whose pointer lies at `pointer`.
    fn list(&self, pointer: usize) -> usize {
        let offset = i32::from_le_bytes(self.0[pointer..pointer + 4].try_into().unwrap());
        pointer.checked_add_signed(offset.try_into().unwrap()).unwrap()
    }

    fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn error(&self) -> SnapshotError {
        State::from_snapshot(&seal(&self.0)).unwrap_err()
    }
}

/// The name of an error's kind; a new kind does not compile before it is listed here.
fn kind(error: &SnapshotError) -> &'static str {
    match error {
        SnapshotError::Truncated(_) => "Truncated",
        SnapshotError::Magic(_) => "Magic",
        SnapshotError::Version(_) => "Version",
        SnapshotError::Reserved => "Reserved",
        SnapshotError::Length { .. } => "Length",
        SnapshotError::Checksum => "Checksum",
        SnapshotError::Record(_) => "Record",
        SnapshotError::Kind { .. } => "Kind",
        SnapshotError::Permissions { .. } => "Permissions",
        SnapshotError::PageCount { .. } => "PageCount",
        SnapshotError::Pages { .. } => "Pages",
        SnapshotError::Region { .. } => "Region",
        SnapshotError::Memory(_) => "Memory",
        SnapshotError::Root => "Root",
        SnapshotError::MissingPage(_) => "MissingPage",
    }
}

#[test]
fn each_rule_of_the_header_has_its_own_error() {
    let _alone = alone();
    let snapshot = seal(&Patch::new().0);
    assert!(State::from_snapshot(&snapshot).is_ok(), "the snapshot that is damaged is whole");
    let record = (snapshot.len() - SNAPSHOT_HEADER_BYTES) as u64;
    let found = snapshot.len() - SNAPSHOT_HEADER_BYTES;
    let cases = [
        (0, b'X', SnapshotError::Magic(*b"XRVTSNAP")),
        (8, 2, SnapshotError::Version(2)),
        (12, 1, SnapshotError::Reserved),
        (15, 1, SnapshotError::Reserved),
        (23, 0x80, SnapshotError::Length { expected: record | 0x80 << 56, found }),
        (24, snapshot[24] ^ 1, SnapshotError::Checksum),
        (56, 1, SnapshotError::Reserved),
        (63, 1, SnapshotError::Reserved),
        (64, snapshot[64] ^ 1, SnapshotError::Checksum),
    ];
    for (at, byte, error) in cases {
        let mut damaged = snapshot.clone();
        damaged[at] = byte;
        assert_eq!(State::from_snapshot(&damaged).unwrap_err(), error, "byte {at}");
    }
    let shorter = SnapshotError::Length { expected: record, found: found - 1 };
    assert_eq!(State::from_snapshot(&snapshot[..snapshot.len() - 1]).unwrap_err(), shorter);
    assert_eq!(State::from_snapshot(&snapshot[..63]).unwrap_err(), SnapshotError::Truncated(63));
}

#[test]
fn each_rule_of_the_record_has_its_own_error() {
    let _alone = alone();
    let at = |number, field| Patch::new().region(number) + field;
    let patched = |number, field, bytes: &[u8]| Patch::new().with(at(number, field), bytes).error();
    let mut kinds = BTreeSet::new();
    let mut expect = |found: SnapshotError, error: SnapshotError| {
        assert_eq!(found, error);
        kinds.insert(kind(&error));
    };
    // Generative, a kind that is not defined, and none.
    for kind in [9, 10, 0] {
        expect(patched(2, region::KIND, &[kind]), SnapshotError::Kind { region: 2, kind });
    }
    let error = PermissionsError { bits: 0x20 };
    expect(patched(4, region::PERMISSIONS, &[0x20]), SnapshotError::Permissions { region: 4, error });
    let permissions = Permissions::READ_WRITE | Permissions::EXECUTE;
    let error = RegionError::WriteExecute { permissions };
    expect(
        patched(4, region::PERMISSIONS, &[permissions.bits()]),
        SnapshotError::Region { region: 4, error },
    );
    for size in [0, 4_097, 1 << 33] {
        let error = SlabError::Size { size };
        expect(patched(4, region::SIZE, &size.to_le_bytes()), SnapshotError::Pages { region: 4, error });
    }

    let patch = Patch::new();
    let length = patch.region(2) + region::PAGE_NUMBERS + 4;
    let pages = u32::from_le_bytes(patch.0[length..length + 4].try_into().unwrap());
    let found = patch.with(length, &(pages - 1).to_le_bytes()).error();
    let [numbers, pages] = [pages - 1, pages].map(|count| usize::try_from(count).unwrap());
    expect(found, SnapshotError::PageCount { region: 2, numbers, pages });

    let numbers = |bytes: &[u8]| {
        let patch = Patch::new();
        let list = patch.list(patch.region(2) + region::PAGE_NUMBERS);
        patch.with(list, bytes).error()
    };
    let (page, page_count) = (u32::MAX, 33);
    let error = SlabError::PageOutOfRange { page, page_count };
    expect(numbers(&page.to_le_bytes()), SnapshotError::Pages { region: 2, error });
    let error = SlabError::DuplicatePage { page: 16 };
    expect(numbers(&[16, 0, 0, 0, 16, 0, 0, 0]), SnapshotError::Pages { region: 2, error });

    let patch = Patch::new();
    let ranges = patch.list(patch.region(2) + region::RANGES);
    let found = patch.with(ranges + 4, &34_u32.to_le_bytes()).error();
    let error = RegionError::PageRange { first: 0, end: 34, page_count: 33 };
    expect(found, SnapshotError::Region { region: 2, error });

    // Flags are part of the root.
    expect(patched(2, region::FLAGS, &[1]), SnapshotError::Root);

    let twice = patched(4, region::NUMBER, &[2]);
    assert_eq!(kind(&twice), "Memory", "{twice}");
    let patch = Patch::new();
    let pointer = patch.region(2) + region::PAGE_NUMBERS;
    let elsewhere = patch.with(pointer, &i32::MIN.to_le_bytes()).error();
    assert_eq!(kind(&elsewhere), "Record", "{elsewhere}");
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}
