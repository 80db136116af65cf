//! Bulk operations of the twin: all bytes are read one by one, then written one by one.

use std::collections::BTreeSet;

use proptest::prelude::*;
use travertine_memory::{
    Access, BulkFault, BulkPlan, ByteRange, ENTRY_BYTES, Fault, FaultReason, Memory, Quantities, Touches,
};

use super::placing::{Move, Split};
use super::{PAGE, Twin, address, byte, length};

const PLANE: u64 = 1 << 16;

#[derive(Debug, Clone)]
pub(crate) enum Bulk {
    Copy { to: u64, from: u64, length: u64 },
    Fill { to: u64, length: u64, value: u8 },
    Share { to: u64, from: u64, length: u64 },
    Gather { to: u64, list: u64, entries: Vec<(u64, u64)> },
    Scatter { from: u64, list: u64, entries: Vec<(u64, u64)> },
}

/// A second address: often so near to the first that ranges overlap.
fn pair() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![
        2 => (address(), address()),
        2 => (address(), -40..40_i64).prop_map(|(one, by)| (one, one.wrapping_add_signed(by))),
        2 => (address(), -3..4_i64).prop_map(|(one, pages)| (one, one.wrapping_add_signed(pages * 4096))),
    ]
}

/// Entries of a list, which are near to `base` as often as not.
fn entries(base: u64) -> impl Strategy<Value = Vec<(u64, u64)>> {
    let near = prop_oneof![-40..40_i64, -5000..5000_i64, Just(4096), Just(-4096)];
    let near = near.prop_map(move |by| base.wrapping_add_signed(by));
    prop::collection::vec((prop_oneof![near, address()], length()), 0..5)
}

pub(crate) fn bulk() -> impl Strategy<Value = Bulk> {
    let batch = || pair().prop_flat_map(|(base, list)| (Just(base), Just(list), entries(base)));
    let aligned = |address: u64| address / PAGE * PAGE;
    let pages = prop_oneof![8 => (0..4_u64).prop_map(|pages| pages * PAGE), 1 => length()];
    prop_oneof![
        6 => (pair(), length()).prop_map(|((to, from), length)| Bulk::Copy { to, from, length }),
        2 => (address(), length(), byte()).prop_map(|(to, length, value)| Bulk::Fill { to, length, value }),
        4 => (pair(), pages.clone()).prop_map(move |((to, from), length)| {
            Bulk::Share { to: aligned(to), from: aligned(from), length }
        }),
        1 => (pair(), pages).prop_map(|((to, from), length)| Bulk::Share { to, from, length }),
        4 => batch().prop_map(|(to, list, entries)| Bulk::Gather { to, list, entries }),
        4 => batch().prop_map(|(from, list, entries)| Bulk::Scatter { from, list, entries }),
    ]
}

type Range = (u64, u64);

/// What an operation reads and writes, besides its list of entries.
struct Moves {
    list: Option<Range>,
    reads: Vec<Range>,
    writes: Vec<Range>,
    value: Option<u8>,
}

impl Bulk {
    /// How the pages of the target are written, if there is one target.
    fn split(&self) -> Option<Split> {
        match *self {
            Self::Copy { to, from, length } => Some(Split::of(Move::Copy(from), to, length)),
            Self::Share { to, from, length } => Some(Split::of(Move::Share(from), to, length)),
            Self::Fill { to, length, .. } => Some(Split::of(Move::Fill, to, length)),
            Self::Gather { .. } | Self::Scatter { .. } => None,
        }
    }

    fn moves(&self) -> Moves {
        let joined = |address: u64, entries: &[Range]| {
            (address, entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.1)))
        };
        match self {
            &Self::Copy { to, from, length } | &Self::Share { to, from, length } => {
                Moves { list: None, reads: vec![(from, length)], writes: vec![(to, length)], value: None }
            }
            &Self::Fill { to, length, value } => {
                Moves { list: None, reads: vec![], writes: vec![(to, length)], value: Some(value) }
            }
            Self::Gather { to, list, entries } => Moves {
                list: Some((*list, ENTRY_BYTES * entries.len() as u64)),
                reads: entries.clone(),
                writes: vec![joined(*to, entries)],
                value: None,
            },
            Self::Scatter { from, list, entries } => Moves {
                list: Some((*list, ENTRY_BYTES * entries.len() as u64)),
                reads: vec![joined(*from, entries)],
                writes: entries.clone(),
                value: None,
            },
        }
    }

    fn plan(&self, memory: &Memory) -> Result<BulkPlan, BulkFault> {
        match self {
            &Self::Copy { to, from, length } => memory.plan_copy(to, from, length),
            &Self::Fill { to, length, value } => memory.plan_fill(to, length, value),
            &Self::Share { to, from, length } => memory.plan_share(to, from, length),
            Self::Gather { to, list, entries } => memory.plan_gather(*to, *list, entries.len() as u64),
            Self::Scatter { from, list, entries } => memory.plan_scatter(*from, *list, entries.len() as u64),
        }
    }

    fn entries(&self) -> &[Range] {
        match self {
            Self::Gather { entries, .. } | Self::Scatter { entries, .. } => entries,
            Self::Copy { .. } | Self::Fill { .. } | Self::Share { .. } => &[],
        }
    }

    /// The list as it stands in memory.
    fn list(&self) -> Vec<u8> {
        self.entries()
            .iter()
            .flat_map(|&(address, length)| [address, length])
            .flat_map(u64::to_le_bytes)
            .collect()
    }

    /// The first byte that is refused, in the order of the checks, and the entry that it belongs to.
    fn fault(&self, twin: &Twin) -> Result<(), BulkFault> {
        if let &Self::Share { to, from, length } = self {
            let ends = [(from, Access::Read), (to, Access::Write), (from.wrapping_add(length), Access::Read)];
            for (address, access) in ends {
                if address % PAGE != 0 {
                    return Err(Fault { address, access, reason: FaultReason::Misaligned }.into());
                }
            }
        }
        let moves = self.moves();
        let check = |(address, length): Range, access| twin.check(address, length, access, false);
        if let Some(list) = moves.list {
            check(list, Access::Read).map_err(|fault| BulkFault {
                fault,
                entry: u32::try_from((fault.address - list.0) / ENTRY_BYTES).ok(),
            })?;
        }
        let mut sides = [(moves.reads, Access::Read), (moves.writes, Access::Write)];
        if matches!(self, Self::Scatter { .. }) {
            sides.reverse();
        }
        for (side, access) in sides {
            for (number, range) in (0..).zip(side.iter().copied()) {
                let owner = |fault: Fault| match self.entries() {
                    [] => None,
                    entries if side == entries => Some(number),
                    entries => {
                        let owners = (0_u32..)
                            .zip(entries)
                            .flat_map(|(number, entry)| (0..entry.1).map(move |_| number));
                        owners.clone().nth(usize::try_from(fault.address - range.0).unwrap())
                    }
                };
                check(range, access).map_err(|fault| BulkFault { fault, entry: owner(fault) })?;
            }
        }
        Ok(())
    }

    fn quantities(&self, twin: &Twin) -> Quantities {
        let moves = self.moves();
        let pages = |ranges: &[Range]| -> BTreeSet<u64> {
            ranges.iter().flat_map(|&(address, length)| Twin::pages(address, length)).collect()
        };
        let read: Vec<Range> = moves.reads.iter().copied().chain(moves.list).collect();
        let (reads, writes) = (&moves.reads, &moves.writes);
        let (ranges, other) = match self {
            Self::Fill { .. } => (&[][..], 0),
            Self::Scatter { from, .. } => (&writes[..], *from),
            Self::Copy { .. } | Self::Share { .. } | Self::Gather { .. } => (&reads[..], writes[0].0),
        };
        let changes = |unit: fn(u64) -> u64| {
            ranges.iter().filter(|range| range.1 > 0 && unit(range.0) != unit(other)).count() as u64
        };
        let region_changes = changes(|address| address >> 32);
        let plane_changes = changes(|address| address / PLANE) - region_changes;
        let first_reads = u32::try_from(pages(&read).difference(&twin.read).count()).unwrap();
        let split = self.split();
        let written = split.as_ref().map(|split| split.touches(&twin.written));
        let entry_pages = |&(address, length): &Range| Twin::pages(address, length).len() as u64;
        Quantities {
            bytes: split.as_ref().map_or(writes.iter().map(|range| range.1).sum(), |split| split.bytes),
            pages: split.map_or(0, |split| split.placed.len() as u64),
            entries: self.entries().len() as u64,
            entry_pages: self.entries().iter().map(entry_pages).sum(),
            touches: Touches { first_reads, ..Touches::default() }
                + written.unwrap_or_else(|| twin.stores(&pages(writes))),
            region_changes,
            plane_changes,
        }
    }
}

impl Twin {
    fn carry_out(&mut self, bulk: &Bulk) {
        let moves = bulk.moves();
        if let Some((list, length)) = moves.list {
            self.load(list, length);
        }
        let mut bytes: Vec<u8> =
            moves.reads.iter().flat_map(|&(address, length)| self.load(address, length)).collect();
        if let Some(value) = moves.value {
            bytes = vec![value; usize::try_from(moves.writes[0].1).unwrap()];
        }
        let split = bulk.split();
        for (address, length) in moves.writes {
            let rest = bytes.split_off(usize::try_from(length).unwrap());
            if let Some(split) = &split {
                self.read.extend(Self::pages(address, length));
                self.poke(address, &bytes);
                split.write(&mut self.written);
            } else {
                self.store(address, &bytes);
            }
            bytes = rest;
        }
    }
}

/// Carries out an operation on both and compares everything that can be seen.
pub(crate) fn run(memory: &mut Memory, twin: &mut Twin, bulk: &Bulk, commit: bool) {
    if let Some((list, _)) = bulk.moves().list {
        let written = memory.poke(list, &bulk.list());
        if written.is_ok() {
            twin.poke(list, &bulk.list());
        } else if !bulk.entries().is_empty() {
            assert!(bulk.plan(memory).is_err());
            return;
        }
    }
    let plan = bulk.plan(memory);
    assert_eq!(plan.as_ref().err(), bulk.fault(twin).as_ref().err());
    let Ok(plan) = plan else { return };
    assert_eq!(*plan.quantities(), bulk.quantities(twin));
    let writes: Vec<_> =
        bulk.moves().writes.iter().map(|&(address, length)| ByteRange { address, length }).collect();
    assert_eq!(plan.writes(), writes);
    memory.load_missing(&plan).unwrap();
    if commit {
        memory.commit(plan);
        twin.carry_out(bulk);
    }
}
