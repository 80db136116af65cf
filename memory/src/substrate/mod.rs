//! The substrate: region 0xF0, a device region whose windows are declared and whose segment of frames is there for some blocks.
//!
//! - `config` is the declaration, as JSON; `map` what is left of it when it has been checked.
//! - `rule` decides by a block's header whether the segment is there.
//! - `status` is the page that says which block it is, by which map; `device` makes the region and finds it again.
//! - `view` shows the segment's bytes de-interleaved; `counters` keeps the matrix of transfers and the records of regions.
//! - `ledger` is the list of the blocks that had the segment, `audit` checks one against the headers.

mod audit;
mod config;
mod counters;
mod device;
mod ledger;
mod map;
mod rule;
mod status;
mod view;

pub use audit::{AuditError, AuditFinding, AuditedHeader, audit};
pub use config::{AllocationPolicy, ConfigError, Mmio, SubstrateConfig, WindowBounds, Windows};
pub(crate) use counters::Edges;
pub use counters::{NodeField, Transfers};
pub(crate) use device::Device;
pub use device::{BlockError, MAX_HEADER_BYTES};
pub use ledger::{LEDGER_LIMIT, LEDGER_RECORD_BYTES, Ledger, LedgerError, LedgerFrontier, LedgerRecord};
pub use map::{Substrate, Window, WindowName};
pub use rule::Evaluation;
pub use status::{BlockStatus, StatusError};

/// The number of the device region.
pub const SUBSTRATE_REGION: u8 = 0xF0;
