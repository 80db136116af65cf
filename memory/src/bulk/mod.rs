//! Bulk operations: copy, fill, gather, scatter and share. Each is planned whole, then committed whole.
//!
//! A [`BulkPlan`] has found everything permitted and says what gas is charged for. What a plan reads is read as it was
//! before anything is written, however its ranges overlap.

mod batch;
mod commit;
mod plan;

pub use batch::{ENTRY_BYTES, MAX_ENTRIES};

use crate::address::Address;
use crate::fault::Fault;
use crate::plan::Touches;
use crate::substrate::Edges;

/// Bytes that follow each other in one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub address: u64,
    /// How many there are.
    pub length: u64,
}

/// What a bulk operation costs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantities {
    /// Bytes that are written one by one.
    pub bytes: u64,
    /// Pages that are written as a whole: from then on they are the same page as another, until one of both is stored to.
    pub pages: u64,
    /// Entries of a gather or scatter.
    pub entries: u64,
    /// Pages that each entry has bytes in, for all entries together.
    pub entry_pages: u64,
    /// Pages that the call touches first. A page counts once for being read and once for being written, whatever number of
    /// ranges name it; the entries of a gather or scatter are read, too.
    pub touches: Touches,
    /// Sources, or entries, that begin in another region than the range that they are copied to, joined to or cut from.
    pub region_changes: u64,
    /// Those that begin in its region, but in another plane than it.
    pub plane_changes: u64,
}

/// A bulk operation was refused; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", .entry.map(|entry| format!("entry {entry}: ")).unwrap_or_default())]
pub struct BulkFault {
    /// The first byte that was refused.
    pub fault: Fault,
    /// The entry of a gather or scatter that is to blame, counted from 0: it cannot be read, or its bytes cannot be read or
    /// written in their place or in the other one.
    pub entry: Option<u32>,
}

impl From<Fault> for BulkFault {
    fn from(fault: Fault) -> Self {
        Self { fault, entry: None }
    }
}

/// A bulk operation that is permitted and has not happened yet.
///
/// [`Memory::load_missing`](crate::Memory::load_missing), then [`Memory::commit`](crate::Memory::commit).
#[derive(Debug)]
#[must_use = "nothing is written before the plan is committed"]
pub struct BulkPlan {
    work: Work,
    quantities: Quantities,
    /// The memory's epoch when the plan was made.
    epoch: u64,
}

#[derive(Debug)]
enum Work {
    /// The pages of `placed`, a part of `to`, share those of the source; they pay for that as if they were stored to, or not.
    Copy {
        to: ByteRange,
        from: u64,
        placed: ByteRange,
        pays: bool,
    },
    /// The pages of `placed`, a part of `to`, share one.
    Fill {
        to: ByteRange,
        value: u8,
        placed: ByteRange,
    },
    Batch(batch::Batch),
}

impl BulkPlan {
    /// What the operation costs by.
    pub fn quantities(&self) -> &Quantities {
        &self.quantities
    }

    /// The ranges that will be written, in their order; some may be empty.
    pub fn writes(&self) -> &[ByteRange] {
        match &self.work {
            Work::Copy { to, .. } | Work::Fill { to, .. } => std::slice::from_ref(to),
            Work::Batch(batch) => batch.writes(),
        }
    }

    /// What will be moved between regions, and within one; ranges without bytes move nothing.
    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        let mut add = |from: u64, to: u64, bytes: u64| {
            let region = |address| Address::new(address).expect("what is planned lies in regions").region();
            if bytes > 0 {
                edges.entry((region(from), region(to))).or_default().add(bytes);
            }
        };
        match &self.work {
            Work::Copy { to, from, .. } => add(*from, to.address, to.length),
            Work::Fill { .. } => {}
            Work::Batch(batch) => {
                for entry in &batch.entries {
                    match batch.direction {
                        batch::Direction::Gather => add(entry.address, batch.joined.address, entry.length),
                        batch::Direction::Scatter => add(batch.joined.address, entry.address, entry.length),
                    }
                }
            }
        }
        edges
    }

    /// The ranges that will be read, in their order; some may be empty.
    fn reads(&self) -> impl Iterator<Item = ByteRange> {
        let (one, many): (_, &[ByteRange]) = match &self.work {
            Work::Copy { to, from, .. } => (Some(ByteRange { address: *from, length: to.length }), &[]),
            Work::Fill { .. } => (None, &[]),
            Work::Batch(batch) => (Some(batch.list), batch.reads()),
        };
        one.into_iter().chain(many.iter().copied())
    }
}
