//! The directory that keeps a machine between runs: its snapshot, and the lock that lets one run at a time change it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use travertine_vm::State;

use crate::error::InputError;
use crate::files;

const SNAPSHOT_FILE: &str = "machine.trv";
/// The ledger of the machine's blocks.
const LEDGER_FILE: &str = "ledger.ssz";
const LOCK_FILE: &str = "machine.lock";

/// The directory, for reading. The snapshot is replaced as a whole, so that reading needs no lock.
#[derive(Debug)]
pub(crate) struct StateDirectory<'a>(pub(crate) &'a Path);

impl StateDirectory<'_> {
    fn snapshot_path(&self) -> PathBuf {
        self.0.join(SNAPSHOT_FILE)
    }

    /// The machine's state, or `None` if no call has succeeded yet. Its pages are read from the file when they are needed.
    ///
    /// # Errors
    /// If the snapshot cannot be read, or is damaged outside of its pages.
    pub(crate) fn read(&self) -> Result<Option<State>, InputError> {
        let path = self.snapshot_path();
        let content = match files::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(InputError::Read { path, error }),
            Ok(content) => content,
        };
        State::open_snapshot(content).map(Some).map_err(|error| InputError::Snapshot { path, error })
    }

    /// The machine's state.
    ///
    /// # Errors
    /// As for [`StateDirectory::read`], and if there is none.
    pub(crate) fn require(&self) -> Result<State, InputError> {
        self.read()?.ok_or_else(|| InputError::NoMachine(self.0.into()))
    }

    /// Reads every page of a state that was read from here.
    ///
    /// # Errors
    /// If one is damaged.
    pub(crate) fn check_pages(&self, state: &State) -> Result<(), InputError> {
        state.check_pages().map_err(|error| InputError::Snapshot { path: self.snapshot_path(), error })
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
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(InputError::Locked(path.into())),
            Err(TryLockError::Error(error)) => return Err(InputError::Write { path: lock_path, error }),
        }
        let directory = StateDirectory(path);
        // Only the lock's holder writes a snapshot.
        files::remove_leftovers(&directory.snapshot_path()).map_err(failed(path.into()))?;
        Ok(Self { directory, _lock: lock })
    }

    /// Where the ledger of the machine's blocks is.
    pub(crate) fn ledger_path(&self) -> PathBuf {
        self.directory.0.join(LEDGER_FILE)
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
            state.snapshot().map_err(|error| InputError::Snapshot { path: path.clone(), error })?;
        files::write_atomically_with(&path, |out| snapshot.write_to(out))
    }
}
