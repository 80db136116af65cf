//! What a transition proof proves.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;
use travertine_memory::Address;
use travertine_merkle::layout::{PAGE_BYTES, REGION_BYTES};
use travertine_merkle::{
    AllocationRecord, ChangedRecord, ChangedRegion, Hash, PageChange, StateCounts, TransitionError,
    TransitionHeader, TransitionProof, ZERO_HASH,
};

use super::question::Refusal;
use crate::allocations::AllocationReport;
use crate::claims::RegionReport;
use crate::output::{Hex, HexNumber, Output, counted, grouped};

/// Pages and allocations that are listed for people at most, each; JSON has all.
const MAX_LISTED: usize = 64;

/// What changes from the old state to the new one; nothing else does.
#[derive(Debug, Serialize)]
pub(super) struct TransitionReport {
    new_root: Hex<Hash>,
    old_settlements: u64,
    new_settlements: u64,
    old_next_allocation: u64,
    new_next_allocation: u64,
    old_slots: u64,
    new_slots: u64,
    regions: Vec<RegionChangeReport>,
    pages: Vec<PageReport>,
    allocations: Vec<AllocationChangeReport>,
}

/// A region whose header changes; `null` where it is absent.
#[derive(Debug, Serialize)]
struct RegionChangeReport {
    region: u64,
    old: Option<RegionReport>,
    new: Option<RegionReport>,
}

/// A slot of the list of allocations; `null` where it is free.
#[derive(Debug, Serialize)]
struct AllocationChangeReport {
    slot: u64,
    old: Option<AllocationReport>,
    new: Option<AllocationReport>,
}

#[derive(Debug, Serialize)]
struct PageReport {
    address: HexNumber,
    old_leaf: Hex<Hash>,
    new_leaf: Hex<Hash>,
    /// Whether a zero leaf says that nobody has written the page, not that it is all zero.
    #[serde(skip)]
    is_generative: bool,
}

/// Verifies the proof. Without a new root that is asked for, the proof says which one follows.
pub(super) fn prove_transition(
    proof: &TransitionProof,
    old_root: &Hash,
    new_root: Option<&Hash>,
) -> Result<TransitionReport, Refusal> {
    let new_root = new_root.unwrap_or(&proof.new_root);
    proof.verify(old_root, new_root).map_err(|error| match error {
        TransitionError::OtherOldRoot => Refusal::OtherRoot(proof.old_root),
        TransitionError::OtherNewRoot => Refusal::OtherNewRoot(proof.new_root),
        error => Refusal::Transition(error),
    })?;
    let is_generative = |it: &&ChangedRegion| it.old.is_generative() || it.new.is_generative();
    let generative: Vec<u64> =
        proof.regions.iter().filter(is_generative).map(|region| region.region).collect();
    // Both numbers are within their limits: the proof is verified.
    let page = |change: &PageChange| PageReport {
        address: HexNumber(change.region * REGION_BYTES + change.page * PAGE_BYTES),
        old_leaf: Hex(change.old),
        new_leaf: Hex(change.new),
        is_generative: generative.contains(&change.region),
    };
    let (StateCounts { settlements, next_allocation, slots }, new) = (proof.old, proof.new);
    Ok(TransitionReport {
        new_root: Hex(*new_root),
        old_settlements: settlements,
        new_settlements: new.settlements,
        old_next_allocation: next_allocation,
        new_next_allocation: new.next_allocation,
        old_slots: slots,
        new_slots: new.slots,
        regions: proof.regions.iter().filter(|region| region.old != region.new).map(region).collect(),
        pages: proof.changes.iter().map(page).collect(),
        allocations: proof.records.iter().map(allocation).collect(),
    })
}

fn region(change: &ChangedRegion) -> RegionChangeReport {
    let header = |listed: TransitionHeader| {
        (listed != TransitionHeader::ABSENT).then(|| RegionReport::from(listed.header()))
    };
    RegionChangeReport { region: change.region, old: header(change.old), new: header(change.new) }
}

fn allocation(change: &ChangedRecord) -> AllocationChangeReport {
    let record =
        |record| Some(record).filter(|record| *record != AllocationRecord::FREE).map(AllocationReport::from);
    AllocationChangeReport { slot: change.slot, old: record(change.old), new: record(change.new) }
}

impl TransitionReport {
    pub(super) fn write(&self, out: &mut Output) -> io::Result<()> {
        let (old, new) = (grouped(self.old_settlements), grouped(self.new_settlements));
        writeln!(out, "to      {}", self.new_root)?;
        writeln!(out, "proven  settlements change from {old} to {new},")?;
        let next = (self.old_next_allocation, self.new_next_allocation);
        if next.0 != next.1 {
            let (old, new) = (grouped(next.0), grouped(next.1));
            writeln!(out, "        the next allocation's number from {old} to {new},")?;
        }
        let kinds = [
            (self.regions.len(), "region"),
            (self.pages.len(), "page"),
            (self.allocations.len(), "allocation"),
        ];
        let changed = kinds.iter().filter(|(count, what)| *count > 0 || *what == "page");
        let changed: Vec<_> = changed.map(|(count, what)| counted(*count as u64, what)).collect();
        writeln!(out, "        {}, and nothing else", changed.join(", "))?;
        for RegionChangeReport { region, old, new } in &self.regions {
            writeln!(out, "  region {region:<7}  {}", from_to("absent", old.as_ref(), new.as_ref()))?;
        }
        for page in self.pages.iter().take(MAX_LISTED) {
            let PageReport { address, old_leaf, new_leaf, is_generative } = page;
            let zero = if *is_generative { "never written" } else { "all zero" };
            let place = Address::new(address.0).map_or_else(|_| address.to_string(), |at| at.to_string());
            writeln!(out, "  {place:<14}  {} to {}", short(old_leaf, zero), short(new_leaf, zero))?;
        }
        write_hidden(out, self.pages.len(), "more page")?;
        for AllocationChangeReport { slot, old, new } in self.allocations.iter().take(MAX_LISTED) {
            writeln!(out, "  slot {slot:<9}  {}", from_to("free", old.as_ref(), new.as_ref()))?;
        }
        write_hidden(out, self.allocations.len(), "more allocation")
    }
}

/// Says how many of a list were not shown.
fn write_hidden(out: &mut Output, all: usize, what: &str) -> io::Result<()> {
    match all.saturating_sub(MAX_LISTED) as u64 {
        0 => Ok(()),
        hidden => writeln!(out, "  and {} (--json has all)", counted(hidden, what)),
    }
}

/// What there was, and what there is; `none` says that there was nothing.
fn from_to<T: Display>(none: &str, old: Option<&T>, new: Option<&T>) -> String {
    let [old, new] = [old, new].map(|it| it.map_or_else(|| none.to_owned(), T::to_string));
    format!("{old} to {new}")
}

/// A leaf for people, and what it is if it is zero.
fn short(leaf: &Hex<Hash>, zero: &str) -> String {
    if leaf.0 == ZERO_HASH { zero.to_owned() } else { leaf.short() }
}
