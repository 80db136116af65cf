//! The directory that keeps a machine between runs: its snapshot, and the lock that lets one run at a time change it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use travertine_vm::State;

use crate::arguments::Source;
use crate::error::InputError;
use crate::files;

const SNAPSHOT_FILE: &str = "machine.trv";
const LOCK_FILE: &str = "machine.lock";

/// No snapshot is longer: positions in it are 32-bit and signed.
const MAX_SNAPSHOT_BYTES: u64 = 1 << 31;

/// The directory, for reading. The snapshot is replaced as a whole, so that reading needs no lock.
#[derive(Debug)]
pub(crate) struct StateDirectory<'a>(pub(crate) &'a Path);

impl StateDirectory<'_> {
    fn snapshot_path(&self) -> PathBuf {
        self.0.join(SNAPSHOT_FILE)
    }

    /// The machine's state, or `None` if no call has succeeded yet.
    ///
    /// # Errors
    /// If the snapshot cannot be read or is damaged.
    pub(crate) fn read(&self) -> Result<Option<State>, InputError> {
        let path = self.snapshot_path();
        let bytes = match Source::File(path.clone()).read(MAX_SNAPSHOT_BYTES) {
            Err(InputError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            read => read?,
        };
        State::from_snapshot(&bytes).map(Some).map_err(|error| InputError::Snapshot { path, error })
    }

    /// The machine's state.
    ///
    /// # Errors
    /// As for [`StateDirectory::read`], and if there is none.
    pub(crate) fn require(&self) -> Result<State, InputError> {
        self.read()?.ok_or_else(|| InputError::NoMachine(self.0.into()))
    }
}

/// The directory, for a run that may change it. Dropping it lets the next run in.
#[derive(Debug)]
pub(crate) struct LockedDirectory<'a> {
    directory: StateDirectory<'a>,
    _lock: File,
}

impl<'a> LockedDirectory<'a> {
    /// Creates the directory if it does not exist, and locks it.
    ///
    /// # Errors
    /// [`InputError::Locked`] if another run has it, or if it cannot be created.
    pub(crate) fn lock(path: &'a Path) -> Result<Self, InputError> {
        let failed = |path: PathBuf| move |error| InputError::Write { path, error };
        fs::create_dir_all(path).map_err(failed(path.into()))?;
        let lock_path = path.join(LOCK_FILE);
        let open = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = open.map_err(failed(lock_path.clone()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { directory: StateDirectory(path), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(InputError::Locked(path.into())),
            Err(TryLockError::Error(error)) => Err(InputError::Write { path: lock_path, error }),
        }
    }

    /// What is in it.
    pub(crate) fn directory(&self) -> &StateDirectory<'a> {
        &self.directory
    }

    /// Replaces the snapshot.
    ///
    /// # Errors
    /// If it cannot be written; the old one is still there then.
    pub(crate) fn save(&self, state: &State) -> Result<(), InputError> {
        let path = self.directory.snapshot_path();
        let snapshot =
            state.to_snapshot().map_err(|error| InputError::Snapshot { path: path.clone(), error })?;
        files::write_atomically(&path, &snapshot)
    }
}
