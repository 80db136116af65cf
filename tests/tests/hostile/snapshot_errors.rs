//! For each way in which a snapshot can be wrong, one that is wrong in just this way. Records are patched where `rkyv`
//! puts their fields: `repr(C)`, little endian, relative 32-bit pointers.

use std::collections::BTreeSet;

use travertine_memory::{
    DataCap, Mode, Page, PageBytes, PageSlot, Permissions, PermissionsError, RegionError, RegionKind,
    SlabError, Synthesis,
};
use travertine_tests::fixtures;
use travertine_vm::{Place, SNAPSHOT_HEADER_BYTES, SnapshotError, State, open_cap_snapshot, snapshot_cap};

use crate::alone;
use crate::snapshot_parts::{Parts, pages_start, places, seal};

/// Offsets of the fields of a region's record, in bytes.
mod region {
    pub(super) const NUMBER: usize = 0;
    pub(super) const KIND: usize = 1;
    pub(super) const PERMISSIONS: usize = 2;
    pub(super) const FLAGS: usize = 4;
    /// Pointer and length, behind the tag of an option.
    pub(super) const RANGES: usize = 24;
    pub(super) const SIZE: usize = 32;
    /// Pointer and length.
    pub(super) const PAGES: usize = 40;
}

/// The token's settled state.
fn token() -> Vec<u8> {
    fixtures::named("token").settled().state().to_snapshot().unwrap()
}

/// The token's settled state, to be patched.
struct Patch(Parts);

impl Patch {
    fn new() -> Self {
        Self(Parts::of(&token()))
    }

    /// Where the record of a region begins.
    fn region(&self, number: u8) -> usize {
        let machine = fixtures::named("token").settled();
        let region = machine.state().memory().region(number).unwrap();
        let start = [number, region.kind().code(), region.permissions().bits(), 0, 0, 0, 0, 0];
        let size = region.cap().size().to_le_bytes();
        let record = &self.0.record;
        let found: Vec<usize> = (0..record.len() - region::PAGES)
            .step_by(8)
            .filter(|&at| record[at..].starts_with(&start) && record[at + region::SIZE..].starts_with(&size))
            .collect();
        assert_eq!(found.len(), 1, "the record of region {number}");
        found[0]
    }

    /// Where the list begins whose pointer lies at `pointer`.
    fn list(&self, pointer: usize) -> usize {
        let offset = i32::from_le_bytes(self.0.record[pointer..pointer + 4].try_into().unwrap());
        pointer.checked_add_signed(offset.try_into().unwrap()).unwrap()
    }

    fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0.record[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn error(&self) -> SnapshotError {
        error(&self.0)
    }
}

fn error(parts: &Parts) -> SnapshotError {
    State::from_snapshot(&parts.snapshot()).unwrap_err()
}

/// The name of an error's kind; a new kind does not compile before it is listed here.
fn kind(error: &SnapshotError) -> &'static str {
    match error {
        SnapshotError::Truncated(_) => "Truncated",
        SnapshotError::Magic(_) => "Magic",
        SnapshotError::Version(_) => "Version",
        SnapshotError::Content { .. } => "Content",
        SnapshotError::Padding(_) => "Padding",
        SnapshotError::Length { .. } => "Length",
        SnapshotError::Checksum => "Checksum",
        SnapshotError::Table { .. } => "Table",
        SnapshotError::Record(_) => "Record",
        SnapshotError::RegionOrder(_) => "RegionOrder",
        SnapshotError::Kind { .. } => "Kind",
        SnapshotError::Block(_) => "Block",
        SnapshotError::Permissions { .. } => "Permissions",
        SnapshotError::Ranges { .. } => "Ranges",
        SnapshotError::Volatile { .. } => "Volatile",
        SnapshotError::Pages { .. } => "Pages",
        SnapshotError::PageOrder { .. } => "PageOrder",
        SnapshotError::Mode { .. } => "Mode",
        SnapshotError::StoredPage { .. } => "StoredPage",
        SnapshotError::AllocationOrder(_) => "AllocationOrder",
        SnapshotError::Slot(_) => "Slot",
        SnapshotError::AllocationAddress { .. } => "AllocationAddress",
        SnapshotError::AllocationKind { .. } => "AllocationKind",
        SnapshotError::Fragment { .. } => "Fragment",
        SnapshotError::ManagedRegion { .. } => "ManagedRegion",
        SnapshotError::Allocations(_) => "Allocations",
        SnapshotError::UnusedPages { .. } => "UnusedPages",
        SnapshotError::Region { .. } => "Region",
        SnapshotError::Root => "Root",
        SnapshotError::DamagedPage { .. } => "DamagedPage",
        SnapshotError::MissingPage { .. } => "MissingPage",
        SnapshotError::Dirty(_) => "Dirty",
        SnapshotError::TooLarge => "TooLarge",
    }
}

#[test]
fn each_rule_of_the_header_has_its_own_error() {
    let _alone = alone();
    let snapshot = token();
    assert!(Parts::of(&snapshot).snapshot() == snapshot, "the snapshot is as its page says");
    let (_, record, record_end) = places(&snapshot);
    let found = snapshot.len();
    let longer = |bytes: usize| SnapshotError::Length { expected: (found + bytes) as u64, found };
    let cases = [
        (0, b'X', SnapshotError::Magic(*b"XRVTSNAP")),
        (8, 2, SnapshotError::Version(2)),
        (8, 4, SnapshotError::Version(4)),
        (12, 2, SnapshotError::Checksum),
        (18, 1, longer(0x1_0000 * 4096 + (0x1_0000 * 36_usize).next_multiple_of(4096))),
        (22, 1, longer(0x1_0000)),
        (24, 1, SnapshotError::Checksum),
        (32, snapshot[32] ^ 1, SnapshotError::Checksum),
        (64, snapshot[64] ^ 1, SnapshotError::Checksum),
        (record, snapshot[record] ^ 1, SnapshotError::Checksum),
        (record_end, 1, SnapshotError::Checksum),
    ];
    for (at, byte, error) in cases {
        let mut damaged = snapshot.clone();
        damaged[at] = byte;
        assert_eq!(State::from_snapshot(&damaged).unwrap_err(), error, "byte {at}");
    }
    for at in [24, 31, record_end, pages_start(&snapshot) - 1] {
        let mut padded = snapshot.clone();
        padded[at] = 1;
        seal(&mut padded, pages_start(&snapshot));
        assert_eq!(State::from_snapshot(&padded).unwrap_err(), SnapshotError::Padding(at));
    }
    let shorter = SnapshotError::Length { expected: found as u64, found: found - 1 };
    assert_eq!(State::from_snapshot(&snapshot[..found - 1]).unwrap_err(), shorter);
    let header = SNAPSHOT_HEADER_BYTES - 1;
    assert_eq!(State::from_snapshot(&snapshot[..header]).unwrap_err(), SnapshotError::Truncated(header));
}

#[test]
fn a_snapshot_of_a_cap_is_none_of_a_machine() {
    let _alone = alone();
    let page = PageSlot::from(Page::new(PageBytes::starting_with(b"page")));
    let cap = DataCap::from_pages(1 << 20, [(3, page.clone()), (9, page)]).unwrap();
    let snapshot = snapshot_cap(&cap, None).unwrap().to_bytes();
    assert_eq!(
        State::from_snapshot(&snapshot).unwrap_err(),
        SnapshotError::Content { expected: 1, found: 2 }
    );
    assert_eq!(open_cap_snapshot(token()).unwrap_err(), SnapshotError::Content { expected: 2, found: 1 });
    let mut parts = Parts::of(&snapshot);
    // The record is the root, the size, the list, and an option.
    let at = parts.record.len() - 48;
    parts.record[at..at + 8].copy_from_slice(&4_097_u64.to_le_bytes());
    let error = SnapshotError::Pages { place: Place::Cap, error: SlabError::Size { size: 4_097 } };
    assert_eq!(open_cap_snapshot(parts.snapshot()).unwrap_err(), error);
    parts.record[at..at + 8].copy_from_slice(&(1_u64 << 21).to_le_bytes());
    assert_eq!(open_cap_snapshot(parts.snapshot()).unwrap_err(), SnapshotError::Root);
}

#[test]
fn each_rule_of_a_generative_cap_has_its_own_error() {
    let _alone = alone();
    let page = PageSlot::from(Page::new(PageBytes::starting_with(b"page")));
    let synthesis = Synthesis { seed: 0x1234_5678_9abc, mode: Mode::Vrns };
    let pages = [(3, page), (5, PageSlot::Empty), (9, PageSlot::Empty)];
    let cap = DataCap::generative_from_pages(1 << 20, synthesis, pages).unwrap();
    let snapshot = snapshot_cap(&cap, None).unwrap().to_bytes();
    let loaded = open_cap_snapshot(snapshot.clone()).unwrap().cap;
    assert_eq!((loaded.root(), loaded.synthesis()), (cap.root(), Some(synthesis)));
    let parts = Parts::of(&snapshot);
    // The record ends with the option: its tag, seed, mode, and the list of written pages of zeros.
    let end = parts.record.len();
    assert_eq!(parts.record[end - 24..end - 16], synthesis.seed.to_le_bytes());
    let patched = |before_end: usize, bytes: &[u8]| {
        let mut parts = parts.clone();
        parts.record[end - before_end..][..bytes.len()].copy_from_slice(bytes);
        open_cap_snapshot(parts.snapshot()).unwrap_err()
    };
    let place = Place::Cap;
    assert_eq!(patched(16, &[2]), SnapshotError::Mode { place, mode: 2 });
    for (before_end, byte) in [(32, 0), (24, 1), (16, 0), (4, 1), (4, 0)] {
        assert_eq!(patched(before_end, &[byte]), SnapshotError::Root, "{before_end} bytes before the end");
    }
    let offset = i32::from_le_bytes(parts.record[end - 8..end - 4].try_into().unwrap());
    let list = end - (end - 8).checked_add_signed(offset.try_into().unwrap()).unwrap();
    assert_eq!(patched(list, &9_u32.to_le_bytes()), SnapshotError::PageOrder { place, page: 9 });
    let error = SlabError::DuplicatePage { page: 3 };
    assert_eq!(patched(list, &3_u32.to_le_bytes()), SnapshotError::Pages { place, error });
    let error = SlabError::PageOutOfRange { page: 256, page_count: 256 };
    assert_eq!(patched(list - 4, &256_u32.to_le_bytes()), SnapshotError::Pages { place, error });
}

#[test]
fn each_rule_of_the_table_has_its_own_error() {
    let _alone = alone();
    let parts = Parts::of(&token());
    let stored = parts.leaves.len();
    assert!(stored > 3);
    let broken = |entry, change: &dyn Fn(&mut Parts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        assert_eq!(error(&parts), SnapshotError::Table { entry, stored });
    };
    broken(2, &|parts| parts.order.swap(1, 2));
    broken(2, &|parts| parts.order[2] = parts.order[1]);
    broken(2, &|parts| parts.order[2] = u32::try_from(stored).unwrap());
    broken(0, &|parts| parts.leaves[parts.order[0] as usize] = [0; 32]);
    broken(1, &|parts| parts.leaves[parts.order[1] as usize] = parts.leaves[parts.order[0] as usize]);
    // Another leaf in the same place of the order: another root.
    let mut other = parts.clone();
    other.leaves[parts.order[0] as usize] = [0; 32];
    other.leaves[parts.order[0] as usize][31] = 1;
    assert_eq!(error(&other), SnapshotError::Root);
    // One page more, which nothing names.
    let mut unused = parts.clone();
    unused.leaves.push([0xff; 32]);
    unused.order.push(u32::try_from(stored).unwrap());
    unused.pages.extend([0xff; 4096]);
    let named = u32::try_from(stored).unwrap();
    assert_eq!(error(&unused), SnapshotError::UnusedPages { stored: stored + 1, named });
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
    // Mmio, which is for one region, a kind that is not defined, and none.
    for kind in [8, 10, 0] {
        expect(patched(2, region::KIND, &[kind]), SnapshotError::Kind { region: 2, kind });
    }
    // Generative without a seed.
    let error = RegionError::GenerativeCap { kind: RegionKind::Generative };
    expect(patched(4, region::KIND, &[9]), SnapshotError::Region { region: 4, error });
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
        let place = Place::Region(4);
        expect(patched(4, region::SIZE, &size.to_le_bytes()), SnapshotError::Pages { place, error });
    }
    // A stack with pages: it is zero between calls.
    let pages = Patch::new().0.record[at(2, region::PAGES) + 4];
    let error = SnapshotError::Volatile { region: 2, pages: pages.into() };
    expect(patched(2, region::KIND, &[5]), error);

    let pages = |entry: usize, bytes: &[u8]| {
        let patch = Patch::new();
        let list = patch.list(patch.region(2) + region::PAGES);
        patch.with(list + 8 * entry, bytes).error()
    };
    let place = Place::Region(2);
    let (page, page_count) = (u32::MAX, 33);
    let error = SlabError::PageOutOfRange { page, page_count };
    let last = usize::from(Patch::new().0.record[at(2, region::PAGES) + 4]) - 1;
    expect(pages(last, &page.to_le_bytes()), SnapshotError::Pages { place, error });
    let first = Patch::new();
    let entry = first.list(first.region(2) + region::PAGES);
    let first = first.0.record[entry..entry + 8].to_vec();
    let page = u32::from_le_bytes(first[..4].try_into().unwrap());
    expect(pages(1, &first), SnapshotError::PageOrder { place, page });
    let named = u32::from_le_bytes(first[4..].try_into().unwrap());
    for stored in [named + 1, u32::MAX] {
        let error = SnapshotError::StoredPage { place, page, stored, named };
        expect(pages(0, &[&first[..4], &stored.to_le_bytes()].concat()), error);
    }

    let patch = Patch::new();
    let ranges = patch.list(patch.region(2) + region::RANGES);
    let found = patch.with(ranges + 4, &34_u32.to_le_bytes()).error();
    let error = RegionError::PageRange { first: 0, end: 34, page_count: 33 };
    expect(found, SnapshotError::Region { region: 2, error });
    expect(patched(2, region::PERMISSIONS, &[1]), SnapshotError::Ranges { region: 2 });

    // Flags are part of the root.
    expect(patched(2, region::FLAGS, &[1]), SnapshotError::Root);
    for number in [1, 2] {
        expect(patched(4, region::NUMBER, &[number]), SnapshotError::RegionOrder(number));
    }
    let patch = Patch::new();
    let pointer = patch.region(2) + region::PAGES;
    let elsewhere = patch.with(pointer, &i32::MIN.to_le_bytes()).error();
    assert_eq!(kind(&elsewhere), "Record", "{elsewhere}");
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}
