//! Making, finding and receiving segments: the right ones, unfinished ones and hostile ones.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::bootstrap::{attach, format_file};
use super::system;
use crate::layout::{Geometry, MAX_PROCESSES, header};
use crate::{Arena, ArenaError};

const SOON: Duration = Duration::from_millis(300);
const LATER: Duration = Duration::from_secs(20);

/// A name that no other test has, removed at the end.
struct Name(String);

impl Name {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(format!("travertine-arena-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    fn path(&self) -> String {
        format!("/dev/shm/{}", self.0)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

/// The 12th defect of the source: who comes later with another size gets the segment as it is, and nobody resizes it.
#[test]
fn a_later_size_changes_nothing() {
    let name = Name::new();
    let first = Arena::open_or_create(&name.0, 300, SOON).unwrap();
    let block = first.allocate(300 * 4096).unwrap();
    for pages in [1, 299, 301, 4000] {
        let later = Arena::open_or_create(&name.0, pages, SOON).unwrap();
        assert_eq!(later.pages(), 300);
    }
    block.words().iter().for_each(|word| word.store(7, Ordering::Relaxed));
    let handle = block.share();
    let other = Arena::open(&name.0, SOON).unwrap();
    let received = other.adopt(handle).unwrap();
    assert!(received.words().iter().all(|word| word.load(Ordering::Relaxed) == 7));
    assert_eq!(fs::metadata(name.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

/// The 13th: a formatter that died at any point is replaced, with a new epoch, and who only attaches does not wait for ever.
#[test]
fn a_dead_formatter_is_replaced() {
    let geometry = Geometry::new(64).unwrap();
    for written in 0..=3 {
        let name = Name::new();
        let file = system::open(name.path().as_ref(), nix::fcntl::OFlag::O_CREAT).unwrap();
        if written > 0 {
            file.set_len(geometry.bytes()).unwrap();
        }
        if written > 1 {
            // It had begun, as the third of its kind; the last one had even written a wrong header.
            let mut words = [0_u64; header::INIT + 1];
            words[header::INIT] = 77 << 32 | 3 << 2 | 1;
            words[header::PAGES] = if written > 2 { u64::MAX } else { 0 };
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
        }
        assert!(matches!(Arena::open(&name.0, SOON / 10), Err(ArenaError::Timeout { .. })));
        let arena = Arena::open_or_create(&name.0, 64, SOON).unwrap();
        let init = arena.sector().memory().words()[header::INIT].load(Ordering::SeqCst);
        let expected = if written > 1 { 4 } else { 1 };
        assert_eq!(init, u64::from(std::process::id()) << 32 | expected << 2 | 2);
        assert!(arena.allocate(64 * 4096).is_ok());
        assert!(Arena::open(&name.0, SOON).is_ok());
    }
}

/// Who comes while another formats waits for it; and one that lives for ever is not waited for longer than was asked.
#[test]
fn a_live_formatter_is_waited_for() {
    let geometry = Geometry::new(64).unwrap();
    let name = Name::new();
    let file = system::open(name.path().as_ref(), nix::fcntl::OFlag::O_CREAT).unwrap();
    file.set_len(geometry.bytes()).unwrap();
    assert!(system::try_lock(&file, super::bootstrap::FORMATTER).unwrap());
    assert!(matches!(Arena::open_or_create(&name.0, 64, SOON), Err(ArenaError::Timeout { .. })));
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| Arena::open_or_create(&name.0, 64, LATER).map(|arena| arena.pages())))
            .collect();
        std::thread::sleep(SOON / 4);
        format_file(&file, geometry).unwrap();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap().unwrap(), 64);
        }
    });
}

#[test]
fn traps_are_refused() {
    for name in ["", ".", "..", "a/b", "/etc/passwd", "a\0b"] {
        assert!(matches!(Arena::open(name, SOON), Err(ArenaError::Name(_))), "{name}");
    }
    let (name, link) = (Name::new(), Name::new());
    let _arena = Arena::open_or_create(&name.0, 4, SOON).unwrap();
    std::os::unix::fs::symlink(name.path(), link.path()).unwrap();
    assert!(matches!(Arena::open(&link.0, SOON), Err(ArenaError::System { call: "open", .. })));
    assert!(matches!(Arena::open_or_create(&link.0, 4, SOON), Err(ArenaError::System { call: "open", .. })));
    fs::set_permissions(name.path(), fs::Permissions::from_mode(0o620)).unwrap();
    assert!(matches!(Arena::open(&name.0, SOON), Err(ArenaError::Owner { .. })));
    assert!(matches!(Arena::open_or_create(&name.0, 4, SOON), Err(ArenaError::Owner { .. })));
}

/// A file with these first words and this size.
fn forged(words: &[(usize, u64)], bytes: u64) -> File {
    let file = File::from(memfd_create(c"forged", MFdFlags::MFD_CLOEXEC).unwrap());
    file.set_len(bytes).unwrap();
    for &(at, word) in words {
        std::os::unix::fs::FileExt::write_all_at(&file, &word.to_ne_bytes(), at as u64 * 8).unwrap();
    }
    file
}

/// The 14th: what a header says is checked before anything is mapped by it.
#[test]
fn forged_headers_are_refused() {
    use crate::layout::{LAYOUT, MAGIC, VERSION};
    let bytes = Geometry::new(64).unwrap().bytes();
    let good = [
        (header::MAGIC, MAGIC),
        (header::VERSION, VERSION),
        (header::LAYOUT, LAYOUT),
        (header::PAGES, 64),
        (header::INIT, 2),
    ];
    assert!(attach(forged(&good, bytes)).is_ok());
    for at in 0..3 {
        let mut bad = good;
        bad[at].1 ^= 1;
        assert!(matches!(attach(forged(&bad, bytes)), Err(ArenaError::Format { .. })));
    }
    for (pages, size) in [(64, bytes - 4096), (64, bytes + 4096), (65, bytes), (63, bytes), (1 << 20, bytes)]
    {
        let mut bad = good;
        bad[3].1 = pages;
        assert!(
            matches!(attach(forged(&bad, size)), Err(ArenaError::Size { .. })),
            "{pages} pages, {size} bytes"
        );
    }
    for pages in [0, 1 << 21, u64::MAX] {
        let mut bad = good;
        bad[3].1 = pages;
        assert!(matches!(attach(forged(&bad, bytes)), Err(ArenaError::Pages { .. })));
    }
    assert!(matches!(attach(forged(&[], 10)), Err(ArenaError::System { call: "pread", .. })));
}

#[test]
fn a_segment_is_received_if_its_size_is_sealed() {
    let arena = Arena::create(64).unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    arena.send(&one).unwrap();
    let received = Arena::receive(&other).unwrap();
    assert_eq!((received.pages(), arena.owner(), received.owner()), (64, 1, 2));
    let file = arena.link().unwrap().file();
    assert!(file.set_len(1).is_err() && file.set_len(1 << 30).is_err(), "the size is sealed");
    assert!(matches!(Arena::private(1).unwrap().send(&one), Err(ArenaError::System { call: "send", .. })));

    // The other end sends a file without seals, none at all, or nothing.
    let unsealed = forged(&[], 1 << 20);
    assert!(matches!(system::check_seals(&unsealed), Err(ArenaError::Unsealed { .. })));
    std::io::Write::write_all(&mut &one, b"A").unwrap();
    assert!(matches!(Arena::receive(&other), Err(ArenaError::Message { bytes: 1, files: 0 })));
    drop(one);
    assert!(matches!(Arena::receive(&other), Err(ArenaError::Message { bytes: 0, files: 0 })));
}

#[test]
fn slots_are_counted_and_what_is_forgotten_is_settled() {
    let name = Name::new();
    let arena = Arena::open_or_create(&name.0, 64, SOON).unwrap();
    let other = Arena::open(&name.0, SOON).unwrap();
    std::mem::forget(other.allocate(100).unwrap());
    std::mem::forget(other.allocate(100_000).unwrap());
    let kept = other.allocate(50).unwrap().share();
    assert_eq!(arena.processes().unwrap().len(), 2);
    assert_eq!(arena.recover().processes, 0, "it lives");
    drop(other);
    arena.free(kept).expect("what was handed over survives");
    assert!(arena.allocate(64 * 4096).is_ok(), "what was forgotten is free");

    let all: Vec<Arena> = (1..MAX_PROCESSES).map(|_| Arena::open(&name.0, SOON).unwrap()).collect();
    assert!(arena.processes().unwrap().iter().all(|process| process.is_alive));
    assert!(matches!(Arena::open(&name.0, SOON), Err(ArenaError::TooManyProcesses { .. })));
    drop(all);
    assert_eq!(arena.processes().unwrap().len(), 1);
}
