//! The receipt of a call: everything that a node agrees on, as an SSZ container with a root.

use ssz_rs::prelude::*;
use travertine_gas::Bill;
use travertine_memory::DirtyPage;
use travertine_merkle::Hash;

use crate::outcome::Outcome;
use crate::ssz::{self, bytes32, list, vector32};

/// The version of the receipt's layout.
pub const RECEIPT_VERSION: u64 = 2;
/// The longest output of a call, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// The most events of a call.
pub const MAX_EVENTS: usize = 1 << 12;
/// The most bytes that the events of a call carry together.
pub const MAX_EVENT_BYTES: usize = 1 << 20;
/// The most topics of an event.
pub const MAX_TOPICS: usize = 4;
/// The most pages that a machine has: 256 regions of 2^20.
pub const MAX_DIRTY_PAGES: usize = 1 << 28;

/// How a call ended, as fixed-size fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, SimpleSerialize)]
pub struct OutcomeRecord {
    /// 1 halted, 2 returned, 3 reverted, 4 trapped, 5 out of gas.
    pub kind: u64,
    /// The exit code of a halted call, the code of a trap ([`TrapCause::code`](crate::TrapCause::code)), what the unpaid instruction needs in
    /// gas; else 0.
    pub code: u64,
    /// Where the program stood: address of the instruction that ended it, or that could not be paid.
    pub pc: u64,
    /// [`TrapCause::detail`](crate::TrapCause::detail) of a trap; else 0.
    pub detail: u64,
    /// The stable number of the memory fault behind a trap; else 0.
    pub fault: u64,
    /// The entry of a gather or scatter that trapped, counted from 1; else 0.
    pub entry: u64,
}

/// An event: where its parts lie, so that every field has a fixed size.
#[derive(Debug, Clone, Default, PartialEq, Eq, SimpleSerialize)]
pub struct EventRecord {
    /// How many of the topics are used.
    pub topic_count: u64,
    /// The topics; unused ones are zero.
    pub topics: Vector<Vector<u8, 32>, MAX_TOPICS>,
    /// Offset of the event's data in the receipt's `event_data`, in bytes.
    pub data_offset: u64,
    /// Length of the event's data, in bytes.
    pub data_length: u64,
}

/// A page that the call changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, SimpleSerialize)]
pub struct DirtyPageRecord {
    /// The region's number.
    pub region: u64,
    /// The page's index in its region.
    pub page: u64,
    /// The page's leaf before the call.
    pub old: Vector<u8, 32>,
    /// The page's leaf after it.
    pub new: Vector<u8, 32>,
}

/// The receipt of a call. Byte-identical on every machine and engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, SimpleSerialize)]
pub struct Receipt {
    /// [`RECEIPT_VERSION`].
    pub version: u64,
    /// How the call ended.
    pub outcome: OutcomeRecord,
    /// Gas used.
    pub gas_used: u64,
    /// Gas used by class; adds up to `gas_used`.
    pub bill: Bill,
    /// Gas that is paid back for planes that were released: at most a fifth of `gas_used`, 0 if the call failed. What the
    /// call costs in the end is `gas_used - refund`.
    pub refund: u64,
    /// The state root before the call.
    pub old_root: Vector<u8, 32>,
    /// The state root after it; the old one if the call failed.
    pub new_root: Vector<u8, 32>,
    /// What the contract returned, or the reason with which it reverted.
    pub output: List<u8, MAX_OUTPUT_BYTES>,
    /// The events of a successful call, in order.
    pub events: List<EventRecord, MAX_EVENTS>,
    /// The events' data, one behind the other.
    pub event_data: List<u8, MAX_EVENT_BYTES>,
    /// The pages that the call changed, in order of region and page.
    pub dirty_pages: List<DirtyPageRecord, MAX_DIRTY_PAGES>,
}

impl Receipt {
    /// Whether the call succeeded: its writes are in the new root.
    pub fn is_success(&self) -> bool {
        self.outcome.kind == KIND_RETURNED || (self.outcome.kind == KIND_HALTED && self.outcome.code == 0)
    }

    /// The SSZ encoding.
    pub fn to_ssz(&self) -> Vec<u8> {
        ssz_rs::serialize(self).expect("a receipt within its limits has an encoding")
    }

    /// The SSZ hash tree root.
    pub fn root(&self) -> Hash {
        ssz::root(&mut self.clone())
    }

    /// The state root before the call.
    pub fn old_root(&self) -> Hash {
        bytes32(&self.old_root)
    }

    /// The state root after the call.
    pub fn new_root(&self) -> Hash {
        bytes32(&self.new_root)
    }

    /// The topics and the data of every event, in order.
    pub fn events(&self) -> impl Iterator<Item = (Vec<Hash>, &[u8])> {
        self.events.iter().map(|event| {
            let used = usize::try_from(event.topic_count).unwrap_or(MAX_TOPICS);
            let topics = event.topics.iter().take(used).map(bytes32).collect();
            let start = usize::try_from(event.data_offset).unwrap_or(usize::MAX);
            let length = usize::try_from(event.data_length).unwrap_or(usize::MAX);
            let data = self.event_data.get(start..).and_then(|rest| rest.get(..length)).unwrap_or(&[]);
            (topics, data)
        })
    }
}

const KIND_HALTED: u64 = 1;
const KIND_RETURNED: u64 = 2;

impl OutcomeRecord {
    /// The record of a call that ended with `outcome` at `pc`.
    ///
    /// # Panics
    /// For an outcome with which a call cannot be finished.
    pub(crate) fn new(outcome: &Outcome, pc: u64) -> Self {
        let (kind, code) = match outcome {
            Outcome::Halted { exit } => (KIND_HALTED, *exit),
            Outcome::Returned => (KIND_RETURNED, 0),
            Outcome::Reverted => (3, 0),
            Outcome::Trapped(trap) => (4, trap.cause.code()),
            Outcome::OutOfGas { needed } => (5, *needed),
            Outcome::HostCall(_) | Outcome::Stepped => {
                unreachable!("a call is not finished while it can go on")
            }
        };
        let trap = if let Outcome::Trapped(trap) = outcome { Some(trap) } else { None };
        let detail = trap.map_or(0, |trap| trap.cause.detail());
        let fault = trap.and_then(|trap| trap.cause.fault()).map_or(0, |fault| u64::from(fault.reason as u8));
        let entry = trap.and_then(|trap| trap.entry).map_or(0, |entry| u64::from(entry) + 1);
        Self { kind, code, pc, detail, fault, entry }
    }
}

/// The events of a running call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EventLog {
    records: Vec<EventRecord>,
    data: Vec<u8>,
}

impl EventLog {
    /// Whether an event with `length` bytes of data still fits.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.records.len() < MAX_EVENTS && length <= MAX_EVENT_BYTES - self.data.len()
    }

    /// Appends an event that has room, with at most [`MAX_TOPICS`] topics.
    pub(crate) fn push(&mut self, topics: &[Hash], data: &[u8]) {
        let mut record = EventRecord {
            topic_count: topics.len() as u64,
            data_offset: self.data.len() as u64,
            data_length: data.len() as u64,
            ..EventRecord::default()
        };
        for (slot, topic) in topics.iter().enumerate() {
            record.topics[slot] = vector32(topic);
        }
        self.records.push(record);
        self.data.extend_from_slice(data);
    }

    pub(crate) fn into_lists(self) -> (List<EventRecord, MAX_EVENTS>, List<u8, MAX_EVENT_BYTES>) {
        (list(self.records), list(self.data))
    }
}

pub(crate) fn dirty_page_record(dirty: &DirtyPage) -> DirtyPageRecord {
    DirtyPageRecord {
        region: u64::from(dirty.region),
        page: u64::from(dirty.page),
        old: vector32(&dirty.old),
        new: vector32(&dirty.new),
    }
}
