//! The audit of a ledger: the headers are evaluated again, and the first record that does not fit is named.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;
use travertine_merkle::Hash;

use super::ledger::{Ledger, LedgerRecord};
use super::map::Substrate;

/// A header of the chain, in the chain's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedHeader {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The block's timestamp, if the auditor knows it: that of the record is checked against it.
    pub timestamp: Option<u64>,
}

/// What is wrong with a ledger at the first record that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditError {
    /// The record of this header should stand here and is nowhere behind.
    Missing {
        /// The header, counted from 0.
        header: usize,
        /// Its record; of an unknown timestamp, with 0.
        expected: LedgerRecord,
    },
    /// No header makes this record, or it stands here again.
    Added {
        /// What stands here.
        found: LedgerRecord,
    },
    /// The record of this header stands here with another content.
    Changed {
        /// The header, counted from 0.
        header: usize,
        /// Its record; of an unknown timestamp, with that of the ledger.
        expected: LedgerRecord,
        /// What stands here.
        found: LedgerRecord,
    },
    /// The record of a later header stands here, and that of this one comes behind it.
    OutOfOrder {
        /// The header whose record belongs here, counted from 0.
        header: usize,
        /// The header whose record stands here.
        found_header: usize,
        /// What stands here.
        found: LedgerRecord,
    },
}

/// The first record of a ledger that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("record {index}: {error}")]
pub struct AuditFinding {
    /// The record's number, counted from 0.
    pub index: usize,
    /// What is wrong.
    pub error: AuditError,
}

impl fmt::Display for AuditError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { header, .. } => write!(formatter, "the record of header {header} is missing"),
            Self::Added { .. } => write!(formatter, "no header makes this record here: it was added"),
            Self::Changed { header, expected, found } => {
                let changed = changed_fields(expected, found).collect::<Vec<_>>().join(" and ");
                write!(formatter, "the record of header {header} was changed: {changed}")
            }
            Self::OutOfOrder { header, found_header, .. } => {
                write!(
                    formatter,
                    "out of order: it is that of header {found_header}, and that of header {header} comes later"
                )
            }
        }
    }
}

/// What differs, in words.
fn changed_fields(expected: &LedgerRecord, found: &LedgerRecord) -> impl Iterator<Item = String> {
    let event = (expected.event_hash != found.event_hash).then(|| "event_hash is another one".to_owned());
    let number = |name, expected: u64, found: u64| {
        (expected != found).then(|| format!("{name} is {found}, not {expected}"))
    };
    [
        number("timestamp", expected.timestamp, found.timestamp),
        event,
        number("bytes_allocated", expected.bytes_allocated, found.bytes_allocated),
    ]
    .into_iter()
    .flatten()
}

/// A record that there should be.
struct Expected {
    header: usize,
    record: LedgerRecord,
    has_timestamp: bool,
}

impl Expected {
    fn fits(&self, found: &LedgerRecord) -> bool {
        let timestamp = if self.has_timestamp { self.record.timestamp } else { found.timestamp };
        LedgerRecord { timestamp, ..self.record } == *found
    }
}

/// Checks a ledger against all headers of its chain, in their order; tells how many records fit, which are all.
///
/// # Errors
/// [`AuditFinding`]: the first record that does not fit.
pub fn audit(
    substrate: &Substrate,
    headers: &[AuditedHeader],
    ledger: &Ledger,
) -> Result<usize, AuditFinding> {
    let expect = |(header, audited): (usize, &AuditedHeader)| {
        let record = substrate.record(&audited.bytes, audited.timestamp.unwrap_or(0))?;
        Some(Expected { header, record, has_timestamp: audited.timestamp.is_some() })
    };
    let expected: Vec<Expected> = headers.iter().enumerate().filter_map(expect).collect();
    let found = ledger.records();
    let fitting = expected.iter().zip(found).take_while(|(expected, found)| expected.fits(found)).count();
    let error = match (expected.get(fitting), found.get(fitting)) {
        (None, None) => return Ok(fitting),
        (Some(Expected { header, record, .. }), None) => {
            AuditError::Missing { header: *header, expected: *record }
        }
        (None, Some(found)) => AuditError::Added { found: *found },
        (Some(_), Some(_)) => classify(&expected[fitting..], &found[fitting..]),
    };
    Err(AuditFinding { index: fitting, error })
}

/// What is wrong where the first of the expected records and the first of those that are there do not fit.
fn classify(expected: &[Expected], found: &[LedgerRecord]) -> AuditError {
    let (Expected { header, record, has_timestamp }, here) = (&expected[0], found[0]);
    if record.event_hash == here.event_hash {
        let timestamp = if *has_timestamp { record.timestamp } else { here.timestamp };
        return AuditError::Changed {
            header: *header,
            expected: LedgerRecord { timestamp, ..*record },
            found: here,
        };
    }
    let later: BTreeMap<Hash, usize> =
        expected.iter().rev().map(|expected| (expected.record.event_hash, expected.header)).collect();
    let is_behind = found.iter().any(|found| found.event_hash == record.event_hash);
    match (later.get(&here.event_hash), is_behind) {
        (Some(&found_header), true) => AuditError::OutOfOrder { header: *header, found_header, found: here },
        (Some(_), false) => AuditError::Missing { header: *header, expected: *record },
        // As many records on both sides: one was put in the other's place.
        (None, false) if expected.len() == found.len() => {
            AuditError::Changed { header: *header, expected: *record, found: here }
        }
        (None, false) if expected.len() > found.len() => {
            AuditError::Missing { header: *header, expected: *record }
        }
        (None, _) => AuditError::Added { found: here },
    }
}
