//! What a transition proof proves.

use std::io::{self, Write};

use serde::Serialize;
use travertine_memory::Address;
use travertine_merkle::layout::{GENERATIVE_KIND, PAGE_BYTES, REGION_BYTES};
use travertine_merkle::{ChangedRegion, Hash, PageChange, TransitionError, TransitionProof, ZERO_HASH};

use super::question::Refusal;
use crate::output::{Hex, HexNumber, Output, counted, grouped};

/// Pages that are listed for people at most; JSON has all.
const MAX_LISTED: usize = 64;

/// What changes from the old state to the new one; nothing else does.
#[derive(Debug, Serialize)]
pub(super) struct TransitionReport {
    new_root: Hex<Hash>,
    old_settlements: u64,
    new_settlements: u64,
    pages: Vec<PageReport>,
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
    let is_generative = |region: &&ChangedRegion| region.meta.to_le_bytes()[0] == GENERATIVE_KIND;
    let generative: Vec<u64> =
        proof.regions.iter().filter(is_generative).map(|region| region.region).collect();
    // Both numbers are within their limits: the proof is verified.
    let page = |change: &PageChange| PageReport {
        address: HexNumber(change.region * REGION_BYTES + change.page * PAGE_BYTES),
        old_leaf: Hex(change.old),
        new_leaf: Hex(change.new),
        is_generative: generative.contains(&change.region),
    };
    Ok(TransitionReport {
        new_root: Hex(*new_root),
        old_settlements: proof.old_settlements,
        new_settlements: proof.new_settlements,
        pages: proof.changes.iter().map(page).collect(),
    })
}

impl TransitionReport {
    pub(super) fn write(&self, out: &mut Output) -> io::Result<()> {
        let (old, new) = (grouped(self.old_settlements), grouped(self.new_settlements));
        writeln!(out, "to      {}", self.new_root)?;
        writeln!(out, "proven  settlements change from {old} to {new},")?;
        writeln!(out, "        {}, and nothing else", counted(self.pages.len() as u64, "page"))?;
        for page in self.pages.iter().take(MAX_LISTED) {
            let PageReport { address, old_leaf, new_leaf, is_generative } = page;
            let zero = if *is_generative { "never written" } else { "all zero" };
            let place = Address::new(address.0).map_or_else(|_| address.to_string(), |at| at.to_string());
            writeln!(out, "  {place:<14}  {} to {}", short(old_leaf, zero), short(new_leaf, zero))?;
        }
        match self.pages.len().saturating_sub(MAX_LISTED) as u64 {
            0 => Ok(()),
            hidden => writeln!(out, "  and {} (--json has all)", counted(hidden, "more page")),
        }
    }
}

/// A leaf for people, and what it is if it is zero.
fn short(leaf: &Hex<Hash>, zero: &str) -> String {
    if leaf.0 == ZERO_HASH { zero.to_owned() } else { leaf.short() }
}
