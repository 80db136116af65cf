//! Written cells as bytes: snapshots, and logs that are replayed.
//!
//! Everything is little endian. What is read is checked as a whole before anything is changed.

mod framed_log;
mod guide_log;
mod journal;
mod log_writer;
mod snapshot;

pub use framed_log::{
    HEADER_BYTES, HeaderError, LogError, LogHeader, LogRecords, RECORD_BYTES, Recovery, recover,
};
pub use guide_log::{GUIDE_RECORD_BYTES, WIDE_RECORD_BYTES, guide_record, read_guide_log, read_wide_log};
pub use journal::{Journal, JournalError};
pub use log_writer::{LogStorage, LogWriter, WriteError};
pub use snapshot::{Snapshot, SnapshotError, SnapshotForm};
