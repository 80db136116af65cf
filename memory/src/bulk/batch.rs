//! Gather and scatter: a list of entries in memory, each a range of bytes, and one range that they are joined to or cut from.

use super::{BulkFault, BulkPlan, ByteRange, Quantities, Work};
use crate::access::Pages;
use crate::fault::{Access, Fault, FaultReason};
use crate::memory::Memory;
use crate::plan::Touches;

/// Bytes of an entry: the address and the length of a range, each a little-endian `u64`.
pub const ENTRY_BYTES: u64 = 16;
/// The most entries of one gather or scatter: their list is kept while it is carried out.
pub const MAX_ENTRIES: u64 = 1 << 16;

/// A gather or scatter that is permitted.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) list: ByteRange,
    pub(super) entries: Vec<ByteRange>,
    /// As long as all entries together.
    pub(super) joined: ByteRange,
    pub(super) direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The entries are read.
    Gather,
    /// The entries are written.
    Scatter,
}

impl Direction {
    /// What is done to the entries, and to the range that they are joined to or cut from.
    fn accesses(self) -> (Access, Access) {
        match self {
            Self::Gather => (Access::Read, Access::Write),
            Self::Scatter => (Access::Write, Access::Read),
        }
    }
}

impl Batch {
    pub(super) fn reads(&self) -> &[ByteRange] {
        match self.direction {
            Direction::Gather => &self.entries,
            Direction::Scatter => std::slice::from_ref(&self.joined),
        }
    }

    pub(super) fn writes(&self) -> &[ByteRange] {
        match self.direction {
            Direction::Gather => std::slice::from_ref(&self.joined),
            Direction::Scatter => &self.entries,
        }
    }
}

impl Memory {
    /// Plans to read `count` entries at `list` and to join their bytes, in order, at `to`.
    ///
    /// The work is in proportion to `count` and to the permission ranges and touched pages in all ranges: whoever pays by
    /// count charges for that before.
    ///
    /// # Errors
    /// If there are more than [`MAX_ENTRIES`]; else names the first byte of the list that cannot be read, or else the first
    /// entry with a byte that cannot be read, or else the first byte at `to` that cannot be written; and the entry.
    pub fn plan_gather(&self, to: u64, list: u64, count: u64) -> Result<BulkPlan, BulkFault> {
        self.plan_batch(Direction::Gather, to, list, count)
    }

    /// Plans to spread the bytes at `from` over the `count` entries at `list`, in order. Where entries overlap, the later
    /// one counts.
    ///
    /// # Errors
    /// As for [`plan_gather`](Self::plan_gather), with entries that cannot be written and bytes at `from` that cannot be read.
    pub fn plan_scatter(&self, from: u64, list: u64, count: u64) -> Result<BulkPlan, BulkFault> {
        self.plan_batch(Direction::Scatter, from, list, count)
    }

    fn plan_batch(
        &self,
        direction: Direction,
        address: u64,
        list: u64,
        count: u64,
    ) -> Result<BulkPlan, BulkFault> {
        let (entry_access, joined_access) = direction.accesses();
        let (list, list_pages) = self.permitted_list(list, count)?;
        let entries = self.read_entries(list)?;
        let mut entry_pages = Vec::with_capacity(entries.len());
        let mut length = 0_u64;
        for (number, entry) in (0..).zip(&entries) {
            let pages = self.permitted(entry.address, entry.length, entry_access);
            entry_pages.extend(pages.map_err(|fault| BulkFault { fault, entry: Some(number) })?);
            length = length.saturating_add(entry.length);
        }
        let joined = ByteRange { address, length };
        let joined_pages = self
            .permitted(address, length, joined_access)
            .map_err(|fault| BulkFault { fault, entry: entry_at(&entries, fault.address - address) })?;

        let named_pages = entry_pages.iter().map(|pages| u64::from(pages.last - pages.first) + 1).sum();
        let (list_pages, joined_pages) = (list_pages.into_iter(), joined_pages.into_iter());
        let touches = match direction {
            Direction::Gather => {
                self.joint_touches(list_pages.chain(entry_pages), Access::Read)
                    + self.joint_touches(joined_pages, Access::Write)
            }
            Direction::Scatter => {
                self.joint_touches(list_pages.chain(joined_pages), Access::Read)
                    + self.joint_touches(entry_pages, Access::Write)
            }
        };
        let changes = joined.changes(&entries);
        let quantities =
            Quantities { bytes: length, entries: count, entry_pages: named_pages, touches, ..changes };
        Ok(self.bulk_plan(Work::Batch(Batch { list, entries, joined, direction }), quantities))
    }

    /// Checks the list itself.
    fn permitted_list(&self, list: u64, count: u64) -> Result<(ByteRange, Option<Pages>), BulkFault> {
        let refused = |fault: Fault| {
            let entry = (fault.address.wrapping_sub(list) / ENTRY_BYTES).try_into().ok();
            BulkFault { fault, entry }
        };
        if count > MAX_ENTRIES {
            let address = list.wrapping_add(MAX_ENTRIES * ENTRY_BYTES);
            let reason = FaultReason::TooManyEntries;
            return Err(refused(Fault { address, access: Access::Read, reason }));
        }
        let length = count * ENTRY_BYTES;
        let pages = self.permitted(list, length, Access::Read).map_err(refused)?;
        Ok((ByteRange { address: list, length }, pages))
    }

    /// Reads the entries of a list that is permitted.
    fn read_entries(&self, list: ByteRange) -> Result<Vec<ByteRange>, Fault> {
        let mut bytes = vec![0; usize::try_from(list.length).expect("the list has at most 1 MiB")];
        if !bytes.is_empty() {
            self.peek(list.address, &mut bytes)?;
        }
        let words: &[[u8; 8]] = bytes.as_chunks().0;
        let entry = |words: &[[u8; 8]; 2]| {
            let [address, length] = words.map(u64::from_le_bytes);
            ByteRange { address, length }
        };
        Ok(words.as_chunks().0.iter().map(entry).collect())
    }

    /// Which pages of all these ranges the call would touch first, each counted once.
    fn joint_touches(&self, ranges: impl IntoIterator<Item = Pages>, access: Access) -> Touches {
        let mut ranges: Vec<_> = ranges.into_iter().map(|pages| pages.numbers().into_inner()).collect();
        ranges.sort_unstable();
        let mut ranges = ranges.into_iter().peekable();
        let mut touches = Touches::default();
        while let Some((first, mut last)) = ranges.next() {
            while let Some((_, end)) = ranges.next_if(|&(next, _)| next <= last) {
                last = last.max(end);
            }
            touches = touches + self.touches(first..=last, access);
        }
        touches
    }
}

/// The entry with the byte at this offset from the first one of all.
fn entry_at(entries: &[ByteRange], offset: u64) -> Option<u32> {
    let mut end = 0_u64;
    let holds = |entry: &ByteRange| {
        end = end.saturating_add(entry.length);
        offset < end
    };
    entries.iter().position(holds)?.try_into().ok()
}
