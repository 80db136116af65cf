//! Reading files up to a limit, and writing them so that a reader sees the old content or the new, never a part.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

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

/// Writes a new file, or replaces a regular one: a temporary file beside it is written, flushed to the disk and renamed.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), InputError> {
    // A device or pipe would be replaced, too: renaming does not look at what it removes.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(InputError::NotAFile(path.into()));
    }
    replace(path, bytes).map_err(|error| InputError::Write { path: path.into(), error })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file; the process's mask takes its part away.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.prefix(".travertine-").tempfile_in(directory)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    // The new name is on the disk only when the directory is.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}
