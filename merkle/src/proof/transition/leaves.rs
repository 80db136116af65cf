//! Which leaves, in the old state and in the new one, a transition proof has: the rule that the prover follows and the
//! verifier computes anew.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{
    ChangedRegion, Leaf, PageChange, StateCounts, TransitionError, TransitionHeader, TransitionProof,
};
use crate::allocation::AllocationRecord;
use crate::hash::{Hash, ZERO_HASH};
use crate::layout::{self, ALLOCATIONS_LIMIT, CapLayout, LayoutError, StateField};
use crate::leaf::{cap_root, generative_cap_root, region_leaf};
use crate::merkleize::{merkleize_sparse, uint64_chunk};

impl TransitionProof {
    /// The leaves of the multiproof, strictly descending: what the states count, the changed slots, and of each region meta,
    /// size, of a Generative one seed and mode, and changed pages; or its leaf if its pages lie in other places.
    pub(super) fn leaves(&self) -> Result<Vec<Leaf>, TransitionError> {
        let mut leaves =
            Vec::with_capacity(3 + self.records.len() + 2 * self.regions.len() + self.changes.len());
        self.push_counts(&mut leaves)?;
        self.push_records(&mut leaves)?;
        self.push_regions(&mut leaves)?;
        leaves.sort_unstable_by_key(|&(index, _)| Reverse(index));
        Ok(leaves)
    }

    fn push_counts(&self, leaves: &mut Vec<Leaf>) -> Result<(), TransitionError> {
        let states = [self.old, self.new];
        if let Some(StateCounts { slots, .. }) = states.into_iter().find(|it| it.slots > ALLOCATIONS_LIMIT) {
            return Err(LayoutError::Slots { length: slots }.into());
        }
        let chunks = |count: fn(StateCounts) -> u64| states.map(|state| uint64_chunk(count(state)));
        leaves.push((layout::field(StateField::Settlements), chunks(|state| state.settlements)));
        leaves.push((layout::field(StateField::NextAllocation), chunks(|state| state.next_allocation)));
        leaves.push((layout::allocations_length(), chunks(|state| state.slots)));
        Ok(())
    }

    fn push_records(&self, leaves: &mut Vec<Leaf>) -> Result<(), TransitionError> {
        if let Some(pair) = self.records.windows(2).find(|pair| pair[0].slot >= pair[1].slot) {
            return Err(TransitionError::RecordOrder { slot: pair[1].slot });
        }
        for change in &self.records {
            let slot = change.slot;
            if change.old == change.new {
                return Err(TransitionError::RecordUnchanged { slot });
            }
            for (record, StateCounts { slots, .. }) in [(change.old, self.old), (change.new, self.new)] {
                if record != AllocationRecord::FREE && slot >= slots {
                    return Err(TransitionError::RecordBehindEnd { slot, slots });
                }
            }
            leaves.push((layout::allocation(slot)?, [change.old.leaf(), change.new.leaf()]));
        }
        Ok(())
    }

    fn push_regions(&self, leaves: &mut Vec<Leaf>) -> Result<(), TransitionError> {
        let place = |change: &PageChange| (change.region, change.page);
        if let Some(pair) = self.changes.windows(2).find(|pair| place(&pair[0]) >= place(&pair[1])) {
            return Err(TransitionError::Order { region: pair[1].region, page: pair[1].page });
        }
        if self.regions.windows(2).any(|pair| pair[0].region >= pair[1].region) {
            return Err(TransitionError::Regions);
        }
        let mut rest = &self.changes[..];
        for region in &self.regions {
            let changes = rest.iter().take_while(|change| change.region == region.region).count();
            let (changes, others) = rest.split_at(changes);
            rest = others;
            push_region(leaves, region, changes)?;
        }
        // A change of a region that is not listed is met by none.
        if rest.is_empty() { Ok(()) } else { Err(TransitionError::Regions) }
    }
}

/// Adds the leaves of a region. Where both states have a cap of one size and form, pages lie in the same places of both trees.
/// Else the region's own leaf is computed from all pages whose leaves are not zero.
fn push_region(
    leaves: &mut Vec<Leaf>,
    region: &ChangedRegion,
    changes: &[PageChange],
) -> Result<(), TransitionError> {
    let ChangedRegion { old, new, .. } = *region;
    let number =
        u8::try_from(region.region).map_err(|_| TransitionError::Region { region: region.region })?;
    let (old_cap, new_cap) = (present_cap(number, old)?, present_cap(number, new)?);
    if old == new && changes.is_empty() {
        return Err(TransitionError::RegionUnchanged { region: number });
    }
    if let (Some(cap), true) = (old_cap, region.keeps_places()) {
        let mut integer = |place, value: fn(TransitionHeader) -> u64| {
            leaves.push((place, [old, new].map(|header| uint64_chunk(value(header)))));
        };
        integer(layout::meta(number), |header| header.meta);
        if old.is_generative() {
            let [size, seed, mode] = layout::generative_integers(number);
            integer(size, |header| header.size);
            integer(seed, |header| header.seed);
            integer(mode, |header| header.mode);
        } else {
            integer(layout::size(number), |header| header.size);
        }
        for change in changes {
            if change.old == change.new {
                return Err(unchanged(change));
            }
            let page = u32::try_from(change.page).ok().and_then(|page| cap.page(page).ok());
            leaves.push((page.ok_or_else(|| no_page(change, cap.pages()))?, [change.old, change.new]));
        }
        return Ok(());
    }
    if let Some(change) = changes.iter().find(|change| change.old == ZERO_HASH && change.new == ZERO_HASH) {
        return Err(unchanged(change));
    }
    let old_leaf = whole_leaf(old, old_cap, changes, |change| change.old)?;
    let new_leaf = whole_leaf(new, new_cap, changes, |change| change.new)?;
    leaves.push((layout::region(number), [old_leaf, new_leaf]));
    Ok(())
}

/// The places of the region's pages, if it is present.
fn present_cap(region: u8, listed: TransitionHeader) -> Result<Option<CapLayout>, TransitionError> {
    if listed == TransitionHeader::ABSENT {
        return Ok(None);
    }
    let header = listed.header();
    if !header.has_known_cap() {
        return Err(TransitionError::RegionKind { region, kind: header.kind() });
    }
    if listed != header.into() {
        return Err(TransitionError::Generator { region });
    }
    Ok(Some(header.cap_layout(region)?))
}

/// The leaf of a region, of which `changes` has all pages whose leaves are not zero.
fn whole_leaf(
    header: TransitionHeader,
    cap: Option<CapLayout>,
    changes: &[PageChange],
    leaf: impl Fn(&PageChange) -> Hash,
) -> Result<Hash, TransitionError> {
    let count = cap.map_or(0, |cap| cap.pages());
    let mut pages = Vec::with_capacity(changes.len());
    for change in changes.iter().filter(|change| leaf(change) != ZERO_HASH) {
        let page = u32::try_from(change.page).ok().filter(|page| *page < count);
        pages.push((page.ok_or_else(|| no_page(change, count))?, leaf(change)));
    }
    let Some(cap) = cap else { return Ok(ZERO_HASH) };
    let pages = merkleize_sparse(pages, cap.depth());
    let root = match header.header().generator {
        None => cap_root(header.size, &pages),
        Some(generator) => generative_cap_root(header.size, &pages, generator),
    };
    Ok(region_leaf(header.meta, &root))
}

fn unchanged(&PageChange { region, page, .. }: &PageChange) -> TransitionError {
    TransitionError::Unchanged { region, page }
}

fn no_page(&PageChange { region, page, .. }: &PageChange, pages: u32) -> TransitionError {
    TransitionError::Page { region, page, pages }
}
