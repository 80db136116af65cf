//! A context whose writes go into a log.

use thiserror::Error;

use super::framed_log::{LogHeader, LogRecords};
use super::log_writer::{LogStorage, LogWriter, WriteError};
use crate::generative::cell::to_cell;
use crate::generative::context::Context;
use crate::generative::overlay::QuotaError;

/// Why a write is refused.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The context's quota is reached.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] WriteError),
}

/// A context and the log of its writes. A write that is refused is in neither.
#[derive(Debug)]
pub struct Journal<S> {
    context: Context,
    log: LogWriter<S>,
}

impl<S: LogStorage> Journal<S> {
    /// An empty context for up to `limit` cells (0 is no limit), and a new log with a window in bytes.
    ///
    /// # Errors
    /// [`JournalError::Log`].
    pub fn create(storage: S, header: &LogHeader, limit: u64, window: u64) -> Result<Self, JournalError> {
        let log = LogWriter::create(storage, header, window)?;
        Ok(Self { context: Context::with_limit(header.seed, limit), log })
    }

    /// The context of a log that was recovered, and the log, which goes on.
    ///
    /// # Errors
    /// [`JournalError::Quota`] if the log has more cells than `limit`; it is not changed then. [`JournalError::Log`].
    pub fn resume(storage: S, whole: &LogRecords<'_>, limit: u64, window: u64) -> Result<Self, JournalError> {
        let mut context = Context::with_limit(whole.header.seed, limit);
        context.replay(whole.iter())?;
        Ok(Self { context, log: LogWriter::resume(storage, whole, window)? })
    }

    /// The context.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Writes a cell. It is durable after the next [`Journal::commit`].
    ///
    /// # Errors
    /// [`JournalError`]; nothing is changed then.
    pub fn write(&mut self, address: u64, cell: u32) -> Result<(), JournalError> {
        self.context.overlay().check_insert(address)?;
        self.log.append(address, cell)?;
        self.context.write(address, cell)?;
        Ok(())
    }

    /// Writes the cell nearest to a number, as [`Journal::write`].
    ///
    /// # Errors
    /// As [`Journal::write`].
    pub fn write_f64(&mut self, address: u64, value: f64) -> Result<(), JournalError> {
        self.write(address, to_cell(value))
    }

    /// Makes all writes durable.
    ///
    /// # Errors
    /// [`JournalError::Log`].
    pub fn commit(&mut self) -> Result<(), JournalError> {
        Ok(self.log.commit()?)
    }

    /// The context and the storage, without the writes that were not committed to it.
    pub fn into_parts(self) -> (Context, S) {
        (self.context, self.log.into_storage())
    }
}
