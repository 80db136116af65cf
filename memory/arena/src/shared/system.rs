//! System calls: memory files and their seals, locks that end with their process, waiting on a word.
#![allow(unsafe_code, reason = "no library wraps these calls; see each SAFETY")]

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::error::ArenaError;

/// The seals of a segment's file: its size stays, and so do the seals.
pub(super) const SEALS: SealFlag =
    SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

/// Turns what a call returned into an error that names it.
pub(super) trait Named<T> {
    fn named(self, call: &'static str) -> Result<T, ArenaError>;
}

impl<T, E: Into<std::io::Error>> Named<T> for Result<T, E> {
    fn named(self, call: &'static str) -> Result<T, ArenaError> {
        self.map_err(|error| ArenaError::System { call, error: error.into() })
    }
}

/// A new file in memory, without a name, whose size is sealed.
pub(super) fn sealed_file(bytes: u64) -> Result<File, ArenaError> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = File::from(memfd_create(c"travertine-arena", flags).named("memfd_create")?);
    file.set_len(bytes).named("ftruncate")?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS)).named("fcntl(F_ADD_SEALS)")?;
    Ok(file)
}

/// Refuses a file whose size could change.
pub(super) fn check_seals(file: &File) -> Result<(), ArenaError> {
    let seals = fcntl(file, FcntlArg::F_GET_SEALS).named("fcntl(F_GET_SEALS)")?;
    let needed = SEALS.bits();
    if seals & needed == needed { Ok(()) } else { Err(ArenaError::Unsealed { seals, needed }) }
}

/// Opens a file for the lifetime of this process's locks. A file that was received or sent has its locks in common with the
/// other process, so it is opened anew.
pub(super) fn reopen(file: &File) -> Result<File, ArenaError> {
    open(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())), OFlag::empty())
        .named("open(/proc/self/fd)")
}

/// Opens a file to read and write; it is not left to processes that are started.
pub(super) fn open(path: &Path, flags: OFlag) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((flags | OFlag::O_CLOEXEC).bits())
        .mode(0o600)
        .open(path)
}

/// Where the bytes begin that stand for locks, far behind the end of any segment.
const LOCKS: i64 = 1 << 40;

fn lock_of(number: u8, kind: i32) -> libc::flock {
    // SAFETY: a structure of integers, for which zeros are valid.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    #[allow(clippy::cast_possible_truncation, reason = "small constants of the system")]
    let kinds = (kind as i16, libc::SEEK_SET as i16);
    (lock.l_type, lock.l_whence) = kinds;
    (lock.l_start, lock.l_len) = (LOCKS + i64::from(number), 1);
    lock
}

/// Takes a lock, if no other open file has it. It ends when this file is closed, by the end of the process at the latest.
pub(super) fn try_lock(file: &File, number: u8) -> Result<bool, ArenaError> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&lock_of(number, libc::F_WRLCK))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error).named("fcntl(F_OFD_SETLK)"),
    }
}

pub(super) fn unlock(file: &File, number: u8) -> Result<(), ArenaError> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&lock_of(number, libc::F_UNLCK))).named("fcntl(F_OFD_SETLK)").map(drop)
}

/// Whether another open file has the lock.
pub(super) fn is_locked(file: &File, number: u8) -> Result<bool, ArenaError> {
    let mut lock = lock_of(number, libc::F_WRLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock)).named("fcntl(F_OFD_GETLK)")?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

/// The half of a word on which processes wait: the lower one.
fn futex_of(word: &AtomicU64) -> *mut u32 {
    word.as_ptr().cast::<u32>().wrapping_add(usize::from(cfg!(target_endian = "big")))
}

/// Sleeps until the lower half of the word is no longer `expected`, somebody wakes, or the time is over.
pub(super) fn wait(word: &AtomicU64, expected: u32, time: Duration) {
    let time = libc::timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    };
    // SAFETY: the word and the time are valid for the call. The system reads the word as atomics are read. Whatever the
    // result, the caller looks at the word again.
    unsafe {
        libc::syscall(libc::SYS_futex, futex_of(word), libc::FUTEX_WAIT, expected, &raw const time);
    }
}

/// Wakes all who wait on the word.
pub(super) fn wake(word: &AtomicU64) {
    // SAFETY: the word is valid for the call, which does not read it.
    unsafe {
        libc::syscall(libc::SYS_futex, futex_of(word), libc::FUTEX_WAKE, i32::MAX);
    }
}

/// Takes what a message brought: files of this process that nobody else holds.
pub(super) fn own(files: Vec<RawFd>) -> Vec<OwnedFd> {
    // SAFETY: the system has just made these descriptors for this process, and the list is consumed.
    files.into_iter().map(|file| unsafe { OwnedFd::from_raw_fd(file) }).collect()
}

/// When this process was started, in clock ticks since the machine was; 0 if the system does not say.
pub(super) fn start_time() -> u64 {
    const FIELDS_BEHIND_NAME: usize = 19;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may have spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(FIELDS_BEHIND_NAME).and_then(|field| field.parse().ok()).unwrap_or(0)
}
