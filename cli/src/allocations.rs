//! Records of allocations, as commands show them.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;
use travertine_memory::{Address, AllocationFlags, RegionKind};
use travertine_merkle::{AllocationRecord, Hash, ZERO_HASH};
use travertine_vm::State;

use crate::claims::located;
use crate::output::{Hex, HexNumber, Output, counted, grouped};

/// What the state says of an allocation.
#[derive(Debug, Serialize)]
pub(crate) struct AllocationReport {
    id: u64,
    address: HexNumber,
    size: u64,
    kind: String,
    flags: String,
    /// Root of the image of the program that allocated; zero: the host.
    owner: Hex<Hash>,
    fragment_count: u64,
    fragments: Hex<Hash>,
}

impl From<AllocationRecord> for AllocationReport {
    fn from(record: AllocationRecord) -> Self {
        let kind = u8::try_from(record.kind).ok().and_then(RegionKind::from_code);
        let flags = u8::try_from(record.flags).map(AllocationFlags::from_bits);
        Self {
            id: record.id,
            address: HexNumber(record.address),
            size: record.size,
            kind: kind.map_or_else(|| format!("kind {}", record.kind), |kind| kind.to_string()),
            flags: flags.map_or_else(|_| format!("bits {:#x}", record.flags), |flags| flags.to_string()),
            owner: Hex(record.owner),
            fragment_count: record.fragment_count,
            fragments: Hex(record.fragments),
        }
    }
}

/// On one line: number, bytes and address.
impl fmt::Display for AllocationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, address, size, .. } = self;
        let place = Address::new(address.0).map_or_else(|_| address.to_string(), |at| at.to_string());
        write!(f, "{id} ({} at {place})", counted(*size, "byte"))
    }
}

impl AllocationReport {
    /// Writes what a proof says of the slot that holds it.
    pub(crate) fn write_proven(&self, out: &mut Output, slot: u64) -> io::Result<()> {
        let Self { id, address, size, kind, flags, owner, fragment_count, .. } = self;
        let bytes = counted(*size, "byte");
        writeln!(out, "proven  slot {slot} holds allocation {id}: {bytes} at {}", located(address.0))?;
        writeln!(out, "        {kind}, flags: {flags}, in {} of frames", counted(*fragment_count, "run"))?;
        match owner {
            Hex(ZERO_HASH) => writeln!(out, "        of the host"),
            owner => writeln!(out, "        of the program with image root {owner}"),
        }
    }
}

/// The allocations of a machine.
#[derive(Debug, Serialize)]
pub(crate) struct AllocationsReport {
    next: u64,
    count: u64,
    /// If they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<Vec<SlotReport>>,
}

#[derive(Debug, Serialize)]
struct SlotReport {
    slot: u32,
    #[serde(flatten)]
    allocation: AllocationReport,
}

impl AllocationsReport {
    /// Of a settled state; with all records if `listed`.
    pub(crate) fn new(state: &State, listed: bool) -> Self {
        let records = state.memory().allocations();
        let list =
            records.iter().map(|(slot, record)| SlotReport { slot, allocation: record.record().into() });
        Self {
            next: state.memory().next_allocation(),
            count: records.len().into(),
            list: listed.then(|| list.collect()),
        }
    }

    pub(crate) fn write(&self, out: &mut Output) -> io::Result<()> {
        writeln!(out, "allocations  {}, the next one is number {}", grouped(self.count), grouped(self.next))?;
        let list = self.list.as_deref().filter(|list| !list.is_empty());
        let Some(list) = list else { return Ok(()) };
        writeln!(
            out,
            "  {:>8}  {:>10}  {:<14}  {:>13}  {:<9}  {:>5}  flags",
            "slot", "id", "address", "bytes", "kind", "runs"
        )?;
        for SlotReport { slot, allocation } in list {
            let AllocationReport { id, address, size, kind, flags, fragment_count, .. } = allocation;
            let (id, size) = (grouped(*id), grouped(*size));
            writeln!(
                out,
                "  {slot:>8}  {id:>10}  {address:<14}  {size:>13}  {kind:<9}  {fragment_count:>5}  {flags}"
            )?;
        }
        Ok(())
    }
}
