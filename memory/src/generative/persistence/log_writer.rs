//! Appending to a framed log, many records at a time.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use thiserror::Error;

use super::framed_log::{LogHeader, LogRecords, RECORD_BYTES, record};

/// What a log is written to.
pub trait LogStorage {
    /// Writes bytes behind those that are there.
    ///
    /// # Errors
    /// As the storage has them; some of the bytes may have been written then.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Gives back when all that was written will outlast a loss of power.
    ///
    /// # Errors
    /// As the storage has them; nothing is known of what was written since the last success then.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts off what is behind so many bytes.
    ///
    /// # Errors
    /// As the storage has them.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A file that nobody else writes. The folder that it was made in is for its maker to sync.
impl LogStorage for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::End(0))?;
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Why a record is not in the log.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The storage failed. What it holds is not known; it must be recovered before it is written again.
    #[error("the log cannot be written: {0}")]
    Storage(#[from] io::Error),
    /// The storage failed before.
    #[error("the log was not written before, and must be recovered first")]
    Failed,
}

/// Appends records to a log. They are collected, and go to the storage when there are as many as its window has bytes, or when
/// [`LogWriter::commit`] says so. So of a log never more than the window's bytes can be torn.
#[derive(Debug)]
pub struct LogWriter<S> {
    storage: S,
    link: u32,
    pending: Vec<u8>,
    window: usize,
    has_failed: bool,
}

impl<S: LogStorage> LogWriter<S> {
    /// Makes a log in a storage, of which nothing is kept. Of the window, in bytes, at least one record is used.
    ///
    /// # Errors
    /// [`WriteError::Storage`].
    pub fn create(mut storage: S, header: &LogHeader, window: u64) -> Result<Self, WriteError> {
        storage.truncate(0)?;
        storage.append(&header.encode())?;
        storage.sync()?;
        Ok(Self::at(storage, header.first_link(), window))
    }

    /// Goes on behind records that were found in the storage, and cuts off what else there is.
    ///
    /// # Errors
    /// [`WriteError::Storage`].
    pub fn resume(mut storage: S, whole: &LogRecords<'_>, window: u64) -> Result<Self, WriteError> {
        storage.truncate(whole.bytes())?;
        storage.sync()?;
        Ok(Self::at(storage, whole.link, window))
    }

    fn at(storage: S, link: u32, window: u64) -> Self {
        let window = usize::try_from(window).unwrap_or(usize::MAX).max(RECORD_BYTES);
        Self { storage, link, pending: Vec::new(), window, has_failed: false }
    }

    /// Appends a record. It is durable after the next [`LogWriter::commit`].
    ///
    /// # Errors
    /// [`WriteError`]; the record is not in the log then.
    pub fn append(&mut self, address: u64, cell: u32) -> Result<(), WriteError> {
        if self.has_failed {
            return Err(WriteError::Failed);
        }
        if self.pending.len() + RECORD_BYTES > self.window {
            self.commit()?;
        }
        let (record, next) = record(self.link, address, cell);
        self.pending.extend(record);
        self.link = next;
        Ok(())
    }

    /// Makes all records durable.
    ///
    /// # Errors
    /// [`WriteError`]; the writer is of no use then, and the log must be recovered.
    pub fn commit(&mut self) -> Result<(), WriteError> {
        if self.has_failed {
            return Err(WriteError::Failed);
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        // Set first, for whatever happens on the way.
        self.has_failed = true;
        self.storage.append(&self.pending)?;
        self.storage.sync()?;
        self.pending.clear();
        self.has_failed = false;
        Ok(())
    }

    /// The storage, without the records that were not committed.
    pub fn into_storage(self) -> S {
        self.storage
    }
}
