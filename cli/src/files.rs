//! Reading files up to a limit, mapping large ones, and writing them so that a reader sees the old content or the new,
//! never a part.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use memmap2::Mmap;

use crate::error::InputError;

/// The file's bytes; one more than `limit`, if there are more.
pub(crate) fn read_up_to(path: &Path, limit: u64) -> Result<Vec<u8>, InputError> {
    let file = File::open(path).and_then(|file| read(file, limit));
    file.map_err(|error| InputError::Read { path: path.into(), error })
}

/// The bytes on standard input; one more than `limit`, if there are more.
pub(crate) fn read_stdin_up_to(limit: u64) -> Result<Vec<u8>, InputError> {
    read(io::stdin().lock(), limit).map_err(InputError::ReadStdin)
}

fn read(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Files of this many bytes or more are mapped; reading shorter ones costs no more than mapping them.
const MAPPED_FROM: u64 = 1 << 20;

/// The content of a file that is only ever replaced as a whole.
#[derive(Debug)]
pub(crate) enum Content {
    Read(Vec<u8>),
    Mapped(Mmap),
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}

/// The content of a regular file that is only ever replaced as a whole, never changed in place: of a large one, what is
/// looked at is read, and no more.
pub(crate) fn open(path: &Path) -> io::Result<Content> {
    // Opening a pipe would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let file = File::open(path)?;
    // Other systems do not replace files that are mapped.
    if cfg!(unix) && file.metadata()?.len() >= MAPPED_FROM {
        return map(&file).map(Content::Mapped);
    }
    read(file, MAPPED_FROM).map(Content::Read)
}

#[allow(unsafe_code, reason = "a mapped file can change under its reader; see SAFETY")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes of a map must not change while it is borrowed. The file is a snapshot. This program never writes into
    // a snapshot: `write_atomically_with` writes another file and gives it the name, and the map keeps the old one.
    // Other programs have no business in a state directory. Should one write into the file all the same, the copies of pages
    // that are taken from the map are checked against their leaves before use, and should one cut it short, the system
    // ends this process (SIGBUS) with nothing written; docs/snapshot.md says so.
    unsafe { Mmap::map(file) }
}

/// Writes a new file, or replaces a regular one: a temporary file beside it is written, flushed to the disk and renamed.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), InputError> {
    write_atomically_with(path, |out| out.write_all(bytes))
}

/// Like [`write_atomically`]; the content is what `write` writes.
pub(crate) fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<(), InputError> {
    // A device or pipe would be replaced, too: renaming does not look at what it removes.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(InputError::NotAFile(path.into()));
    }
    replace(path, write).map_err(|error| InputError::Write { path: path.into(), error })
}

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 1 << 18;

fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> io::Result<()> {
    let directory = directory_of(path);
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file; the process's mask takes its part away.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let prefix = temporary_prefix(path);
    let mut temporary = builder.prefix(&prefix).tempfile_in(directory)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, temporary.as_file_mut());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    sync_directory_of(path)
}

/// Makes the name of a new file durable: it is on the disk only when its directory is.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory_of(path))?.sync_all()?;
    }
    Ok(())
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// What the names of the temporary files for `path` begin with.
fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".new-");
    prefix
}

/// Removes what writers of `path` left behind when they were killed. No other may be at work.
pub(crate) fn remove_leftovers(path: &Path) -> io::Result<()> {
    let prefix = temporary_prefix(path);
    for entry in fs::read_dir(directory_of(path))? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in a directory.
    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_writer_that_fails_anywhere_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write_atomically(&path, b"old").unwrap();
        let length = 3 * BUFFER_BYTES;
        for written in [0, 1, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, length] {
            let failed = write_atomically_with(&path, |out| {
                out.write_all(&vec![7; written])?;
                Err(io::Error::other("no space"))
            });
            assert!(matches!(failed, Err(InputError::Write { .. })));
            assert_eq!(fs::read(&path).unwrap(), b"old");
            assert_eq!(names(directory.path()), ["file"]);
        }
        write_atomically_with(&path, |out| out.write_all(&vec![7; length])).unwrap();
        assert_eq!(fs::read(&path).unwrap(), vec![7; length]);
    }

    #[test]
    fn a_mapped_file_keeps_its_content_when_its_name_goes_to_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for length in [MAPPED_FROM - 1, MAPPED_FROM] {
            let old = vec![1; usize::try_from(length).unwrap()];
            write_atomically(&path, &old).unwrap();
            let content = open(&path).unwrap();
            assert_eq!(matches!(content, Content::Mapped(_)), cfg!(unix) && length == MAPPED_FROM);
            write_atomically(&path, b"new").unwrap();
            assert!(content.as_ref() == old);
        }
        assert_eq!(open(&path).unwrap().as_ref(), b"new");
        assert!(open(directory.path()).is_err());
    }

    #[test]
    fn leftovers_of_one_file_are_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        for name in [".file.new-Ab12", "file", ".other.new-Ab12", ".file"] {
            fs::write(directory.path().join(name), b"x").unwrap();
        }
        remove_leftovers(&directory.path().join("file")).unwrap();
        let mut names = names(directory.path());
        names.sort();
        assert_eq!(names, [".file", ".other.new-Ab12", "file"]);
    }
}
