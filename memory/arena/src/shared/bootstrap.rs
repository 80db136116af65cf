//! How a process comes to a segment: it makes one, receives one over a socket, or finds one by its name.

use std::fs::{self, File};
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::fcntl::OFlag;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::unistd::geteuid;

use super::system::{self, Named};
use super::{Link, Process};
use crate::arena::Arena;
use crate::error::ArenaError;
use crate::layout::{Geometry, LAYOUT, MAGIC, VERSION, header};
use crate::sector::Sector;
use crate::segment::Segment;

/// The lock of whoever formats a segment; the others are those of the slots.
pub(super) const FORMATTER: u8 = 0;

/// Permissions of anybody but the user.
const OTHERS: u32 = 0o077;

/// The states of the init word, in its lowest two bits.
const FORMATTING: u64 = 1;
const READY: u64 = 2;
const STATE_MASK: u64 = 3;
/// The epoch stands above the state, and counts those who have begun to format.
const EPOCH_ONE: u64 = 4;
const LOW_HALF: u64 = 0xffff_ffff;

/// How long a waiter sleeps before it looks whether the formatter still lives.
const LOOK: Duration = Duration::from_millis(20);
/// How long it sleeps while there is no word yet to wait on.
const LOOK_SIZE: Duration = Duration::from_millis(1);

/// What is sent along with a segment's file.
const GREETING: u8 = b'A';

/// The words at the beginning of a header.
const CHECKED_WORDS: usize = header::INIT + 1;

impl Arena {
    /// A new segment of so many pages of 4096 bytes, without a name and with a sealed size. Others get it by
    /// [`send`](Self::send).
    ///
    /// # Errors
    /// [`ArenaError::Pages`], or what the system says.
    pub fn create(pages: u64) -> Result<Self, ArenaError> {
        let geometry = Geometry::new(pages)?;
        let file = system::sealed_file(geometry.bytes())?;
        let segment = Segment::map(&file, geometry).named("mmap")?;
        format(&segment, geometry);
        enter(file, segment, geometry)
    }

    /// Sends the segment to the process at the other end, which calls [`receive`](Self::receive).
    ///
    /// # Errors
    /// What the system says; a [private](Self::private) arena has nothing that could be sent.
    pub fn send(&self, stream: &UnixStream) -> Result<(), ArenaError> {
        let link = self.link().ok_or(std::io::Error::from(ErrorKind::Unsupported)).named("send")?;
        let files = [link.file().as_raw_fd()];
        let (message, parts) = ([ControlMessage::ScmRights(&files)], [IoSlice::new(&[GREETING])]);
        sendmsg::<()>(stream.as_raw_fd(), &parts, &message, MsgFlags::MSG_NOSIGNAL, None).named("sendmsg")?;
        Ok(())
    }

    /// Attaches to the segment that the process at the other end sends. One whose size is not sealed is refused, so no
    /// peer can take the memory away that is in use here.
    ///
    /// # Errors
    /// [`ArenaError::Message`] if no file comes, [`ArenaError::Unsealed`], [`ArenaError::Format`] and
    /// [`ArenaError::Size`] if it is no segment, [`ArenaError::TooManyProcesses`], or what the system says.
    pub fn receive(stream: &UnixStream) -> Result<Self, ArenaError> {
        let file = receive_file(stream)?;
        system::check_seals(&file)?;
        attach(file)
    }

    /// Makes a named segment, or attaches to the one of this name. The first process formats it; if it dies before it is
    /// ready, the next one does, with a new epoch.
    ///
    /// A named segment can be cut short by every process of the same user, which ends those that use it then with SIGBUS:
    /// use it among processes that trust each other.
    ///
    /// # Errors
    /// [`ArenaError::Timeout`] if another is still formatting it then, and those of [`create`](Self::create) and
    /// [`open`](Self::open).
    pub fn open_or_create(name: &str, pages: u64, patience: Duration) -> Result<Self, ArenaError> {
        let (geometry, path) = (Geometry::new(pages)?, path_of(name)?);
        let file = loop {
            match system::open(&path, OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => break opened.named("open")?,
            }
            match system::open(&path, OFlag::O_NOFOLLOW) {
                // It was removed in between.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => break opened.named("open")?,
            }
        };
        check_owner(&file)?;
        let locks = system::reopen(&file)?;
        let deadline = Instant::now() + patience;
        while !format_or_wait(&file, &locks, geometry)? {
            check_time(deadline, patience)?;
        }
        attach(file)
    }

    /// Attaches to the segment of this name.
    ///
    /// # Errors
    /// [`ArenaError::Name`]; [`ArenaError::Owner`] if another user made it; [`ArenaError::Timeout`] if it is not
    /// formatted then; those of [`receive`](Self::receive) but for the seals, and what the system says.
    pub fn open(name: &str, patience: Duration) -> Result<Self, ArenaError> {
        let file = system::open(&path_of(name)?, OFlag::O_NOFOLLOW).named("open")?;
        check_owner(&file)?;
        let deadline = Instant::now() + patience;
        while !is_ready(&file) {
            check_time(deadline, patience)?;
            sleep(LOOK_SIZE);
        }
        attach(file)
    }

    /// Removes a name. Processes that are attached keep the segment.
    ///
    /// # Errors
    /// [`ArenaError::Name`], or what the system says.
    pub fn unlink(name: &str) -> Result<(), ArenaError> {
        fs::remove_file(path_of(name)?).named("unlink")
    }

    /// The processes that have a slot; none for a [private](Self::private) arena.
    ///
    /// # Errors
    /// What the system says.
    pub fn processes(&self) -> Result<Vec<Process>, ArenaError> {
        self.link().map_or_else(|| Ok(Vec::new()), |link| link.processes(self.sector(), self.owner()))
    }
}

fn path_of(name: &str) -> Result<PathBuf, ArenaError> {
    let is_component = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
    is_component
        .then(|| PathBuf::from("/dev/shm").join(name))
        .ok_or_else(|| ArenaError::Name(name.to_owned()))
}

fn check_time(deadline: Instant, patience: Duration) -> Result<(), ArenaError> {
    let milliseconds = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    if Instant::now() < deadline { Ok(()) } else { Err(ArenaError::Timeout { milliseconds }) }
}

/// Everybody can make files in the folder, so a file of this name may be a trap.
fn check_owner(file: &File) -> Result<(), ArenaError> {
    let found = file.metadata().named("fstat")?;
    if found.is_file() && found.uid() == geteuid().as_raw() && found.mode() & OTHERS == 0 {
        return Ok(());
    }
    Err(ArenaError::Owner { uid: found.uid(), mode: found.mode() })
}

fn receive_file(stream: &UnixStream) -> Result<File, ArenaError> {
    let (mut byte, mut space) = ([0], cmsg_space!(i32));
    let mut parts = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)
        .named("recvmsg")?;
    let mut files = Vec::new();
    for part in message.cmsgs().named("recvmsg")? {
        if let ControlMessageOwned::ScmRights(received) = part {
            files.extend(system::own(received));
        }
    }
    let bytes = message.bytes;
    let count = files.len();
    match files.pop() {
        Some(file) if (bytes, count, byte[0]) == (1, 1, GREETING) => Ok(file.into()),
        _ => Err(ArenaError::Message { bytes, files: count }),
    }
}

/// Formats a named segment if nobody else does and nobody has, or waits a while. Whether it is ready.
fn format_or_wait(file: &File, locks: &File, geometry: Geometry) -> Result<bool, ArenaError> {
    if is_ready(file) {
        return Ok(true);
    }
    if system::try_lock(locks, FORMATTER)? {
        // With the lock held, a segment that is not ready has no formatter that lives.
        let result = if is_ready(file) { Ok(()) } else { format_file(file, geometry) };
        system::unlock(locks, FORMATTER)?;
        return result.map(|()| true);
    }
    if file.metadata().named("fstat")?.len() == geometry.bytes() {
        let segment = Segment::map(file, geometry).named("mmap")?;
        let init = &segment.words()[header::INIT];
        let seen = init.load(Ordering::Acquire);
        if seen & STATE_MASK != READY {
            let low = u32::try_from(seen & LOW_HALF).unwrap_or_default();
            system::wait(init, low, LOOK);
        }
    } else {
        sleep(LOOK_SIZE);
    }
    Ok(false)
}

/// Gives a new file its size, and formats it. The size of one that has any is not touched: others may have mapped it.
pub(super) fn format_file(file: &File, geometry: Geometry) -> Result<(), ArenaError> {
    let (found, expected) = (file.metadata().named("fstat")?.len(), geometry.bytes());
    match found {
        0 => file.set_len(expected).named("ftruncate")?,
        _ if found == expected => {}
        _ => return Err(ArenaError::Size { found, expected }),
    }
    format(&Segment::map(file, geometry).named("mmap")?, geometry);
    Ok(())
}

/// Formats a segment in which nobody has allocated yet: it is zero, but for what a formatter that died has written.
fn format(segment: &Segment, geometry: Geometry) {
    let words = segment.words();
    let epoch = words[header::INIT].load(Ordering::Acquire) & LOW_HALF & !STATE_MASK;
    let epoch = epoch.wrapping_add(EPOCH_ONE) & LOW_HALF;
    let init = u64::from(std::process::id()) << u32::BITS | epoch;
    words[header::INIT].store(init | FORMATTING, Ordering::Release);
    let facts = [
        (header::START_TIME, system::start_time()),
        (header::MAGIC, MAGIC),
        (header::VERSION, VERSION),
        (header::LAYOUT, LAYOUT),
        (header::PAGES, u64::from(geometry.pages)),
        (header::BYTES, geometry.bytes()),
    ];
    for (at, fact) in facts {
        words[at].store(fact, Ordering::Relaxed);
    }
    Sector::new(segment, geometry).format();
    words[header::INIT].store(init | READY, Ordering::Release);
    system::wake(&words[header::INIT]);
}

/// The first words of a file's header, without mapping it.
fn read_header(file: &File) -> std::io::Result<[u64; CHECKED_WORDS]> {
    let mut bytes = [0; CHECKED_WORDS * size_of::<u64>()];
    file.read_exact_at(&mut bytes, 0)?;
    let (words, _) = bytes.as_chunks();
    let mut header = [0; CHECKED_WORDS];
    for (word, bytes) in header.iter_mut().zip(words) {
        *word = u64::from_ne_bytes(*bytes);
    }
    Ok(header)
}

fn is_ready(file: &File) -> bool {
    read_header(file).is_ok_and(|header| header[header::INIT] & STATE_MASK == READY)
}

/// Checks a file's header and size, maps it and takes a slot. From here on the geometry is this process's own.
pub(super) fn attach(file: File) -> Result<Arena, ArenaError> {
    let found = read_header(&file).named("pread")?;
    let fields = [
        ("magic", header::MAGIC, MAGIC),
        ("version", header::VERSION, VERSION),
        ("layout", header::LAYOUT, LAYOUT),
    ];
    for (field, at, expected) in fields {
        if found[at] != expected {
            return Err(ArenaError::Format { field, found: found[at], expected });
        }
    }
    let geometry = Geometry::new(found[header::PAGES])?;
    let size = file.metadata().named("fstat")?.len();
    if size != geometry.bytes() {
        return Err(ArenaError::Size { found: size, expected: geometry.bytes() });
    }
    let segment = Segment::map(&file, geometry).named("mmap")?;
    enter(file, segment, geometry)
}

fn enter(file: File, segment: Segment, geometry: Geometry) -> Result<Arena, ArenaError> {
    let sector = Sector::new(segment, geometry);
    let (link, owner) = Link::enter(file, &sector)?;
    Ok(Arena::shared(sector, owner, link))
}
