//! Log files: reading them, and opening one to be written by this run alone.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::Path;

use travertine_memory::generative::persistence::{LogError, LogRecords, Recovery, recover};

use super::error::GmemError;
use crate::error::InputError;
use crate::files;

/// Bytes that this command commits at once.
pub(super) const WINDOW: u64 = 1 << 12;
/// The longest log that is read, in bytes.
pub(super) const LOG_BYTES_LIMIT: u64 = 1 << 34;

/// The bytes of a log.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    let bytes = files::read_up_to(path, LOG_BYTES_LIMIT)?;
    if bytes.len() as u64 > LOG_BYTES_LIMIT {
        return Err(InputError::TooLarge { name: path.display().to_string(), limit: LOG_BYTES_LIMIT });
    }
    Ok(bytes)
}

/// The whole records of a log; of one that is torn, those before the torn end.
pub(super) fn records<'a>(path: &Path, bytes: &'a [u8]) -> Result<LogRecords<'a>, GmemError> {
    match recover(bytes, WINDOW) {
        Ok(Recovery::Clean(whole) | Recovery::Torn(whole)) => Ok(whole),
        Ok(Recovery::New) => Err(GmemError::NoHeader { path: path.into(), length: bytes.len() }),
        Err(error) => Err(refusal(path, error)),
    }
}

/// Why the log cannot be used.
fn refusal(path: &Path, error: LogError<'_>) -> GmemError {
    match error {
        LogError::Header(error) => GmemError::Header { path: path.into(), error },
        LogError::Corrupt { whole, bytes_behind, window } => {
            GmemError::Corrupt { path: path.into(), record: whole.len(), bytes_behind, window }
        }
    }
}

/// Opens a log to be changed, with its bytes. No other run can until the file is dropped.
pub(super) fn open(path: &Path, creates: bool) -> Result<(File, Vec<u8>), InputError> {
    let failed = |error: io::Error| InputError::Read { path: path.into(), error };
    let is_new = creates && !path.exists();
    let mut file =
        File::options().read(true).write(true).create(creates).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(GmemError::Locked(path.into()).into()),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    if is_new {
        files::sync_directory_of(path).map_err(failed)?;
    }
    let length = file.metadata().map_err(failed)?.len();
    if length > LOG_BYTES_LIMIT {
        return Err(InputError::TooLarge { name: path.display().to_string(), limit: LOG_BYTES_LIMIT });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok((file, bytes))
}
