//! Which leaves prove a list of claims: the one rule that the prover follows and the verifier demands.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use core::ops::Range;

use super::claim::{Claim, ClaimError, Subject, subjects};
use crate::gindex::GeneralizedIndex;
use crate::layout::{self, ALLOCATIONS_LIMIT, CHUNK_BYTES, CapLayout, LayoutError, PAGE_BYTES};
use crate::leaf::RegionHeader;

/// A present region whose content can be proven.
#[derive(Clone, Copy)]
pub(super) struct PresentRegion {
    pub(super) header: RegionHeader,
    pub(super) places: CapLayout,
}

/// Well-formed claims, and what tells where their leaves lie.
pub(super) struct Plan {
    /// What each claim names.
    pub(super) subjects: Vec<Subject>,
    regions: BTreeMap<u8, Option<PresentRegion>>,
    /// Length of the list of allocations, if a claim names a slot of it.
    slots: Option<u64>,
}

impl Plan {
    /// Asks `header` once for each region that is named; it answers `None` for an absent one. Asks for the length of the list
    /// of allocations if a slot is named.
    pub(super) fn new<E: From<ClaimError>>(
        claims: &[Claim],
        header: impl Fn(u8) -> Result<Option<RegionHeader>, E>,
        slots: impl FnOnce() -> Result<u64, E>,
    ) -> Result<Self, E> {
        let subjects = subjects(claims)?;
        let mut regions = BTreeMap::new();
        for subject in &subjects {
            let Some(region) = subject.region() else { continue };
            let present = match regions.entry(region) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(place) => {
                    *place.insert(header(region)?.map(|header| present_region(region, header)).transpose()?)
                }
            };
            if let Some(bytes) = subject.bytes() {
                check_within(bytes, region, present)?;
            }
        }
        let names_slot = subjects.iter().any(|subject| subject.slot().is_some());
        let slots = names_slot.then(slots).transpose()?.map(check_slots).transpose()?;
        Ok(Self { subjects, regions, slots })
    }

    /// The region, if it is present. It must be one that a claim names.
    pub(super) fn region(&self, region: u8) -> Option<PresentRegion> {
        self.regions[&region]
    }

    /// Whether a slot lies within the list of allocations. Behind its length all are free.
    pub(super) fn has_slot(&self, slot: u64) -> bool {
        self.slots.is_some_and(|slots| slot < slots)
    }

    /// The places of the leaves that prove the claims, strictly descending. Stops when there are more than `limit`.
    ///
    /// An absent region is proven by its leaf. Of a present one the list has meta, size (with a Generative one seed and mode)
    /// and every chunk that claimed bytes touch, where a zero node stands for all below it: the leaf of a zero page or of one
    /// of a Generative region that nobody has written, or there the root of a page that zeros were written to. A record is
    /// proven by its chunks, a free slot by its zero leaf; the length of the list of allocations goes with both, and alone
    /// proves that a slot lies behind it. `is_zero` is asked about the places of page leaves and roots, and of slots.
    pub(super) fn leaf_indices(
        &self,
        is_zero: impl Fn(GeneralizedIndex) -> bool,
        limit: usize,
    ) -> Result<Vec<GeneralizedIndex>, ClaimError> {
        let mut indices = Vec::new();
        self.push_allocations(&mut indices, &is_zero, limit)?;
        let mut claimed = self.claimed_chunks();
        for (&region, present) in &self.regions {
            let Some(PresentRegion { header, places }) = present else {
                indices.push(layout::region(region));
                continue;
            };
            indices.push(layout::meta(region));
            if header.is_generative() {
                indices.extend(layout::generative_integers(region));
            } else {
                indices.push(layout::size(region));
            }
            for part in claimed.remove(&region).into_iter().flatten().flat_map(by_page) {
                match zero_node(places, layout::page_number(offset(part.start)), &is_zero)? {
                    None => push_chunks(&mut indices, places, part)?,
                    zero if indices.last() == zero.as_ref() => {}
                    Some(zero) => indices.push(zero),
                }
                check_leaves(&indices, limit)?;
            }
        }
        indices.sort_unstable_by(|a, b| b.cmp(a));
        Ok(indices)
    }

    /// Adds the places of what proves the claims about slots.
    fn push_allocations(
        &self,
        indices: &mut Vec<GeneralizedIndex>,
        is_free: impl Fn(GeneralizedIndex) -> bool,
        limit: usize,
    ) -> Result<(), ClaimError> {
        if self.slots.is_none() {
            return Ok(());
        }
        indices.push(layout::allocations_length());
        let mut slots: Vec<u64> = self.subjects.iter().filter_map(Subject::slot).collect();
        slots.sort_unstable();
        slots.dedup();
        for slot in slots.into_iter().filter(|slot| self.has_slot(*slot)) {
            let place = layout::allocation(slot)?;
            if is_free(place) {
                indices.push(place);
            } else {
                indices.extend(layout::allocation_chunks(slot)?);
            }
            check_leaves(indices, limit)?;
        }
        Ok(())
    }

    /// By region, the claimed bytes rounded out to whole chunks, as ascending ranges that do not overlap.
    fn claimed_chunks(&self) -> BTreeMap<u8, Vec<Range<u64>>> {
        let mut claimed: BTreeMap<u8, Vec<Range<u64>>> = BTreeMap::new();
        for subject in &self.subjects {
            if let Subject::Bytes { region, bytes: Range { start, end } } = subject {
                let whole = start - start % CHUNK_BYTES..end.next_multiple_of(CHUNK_BYTES);
                claimed.entry(*region).or_default().push(whole);
            }
        }
        for ranges in claimed.values_mut() {
            ranges.sort_unstable_by_key(|range| range.start);
            let mut covered = 0;
            for range in &mut *ranges {
                range.start = range.start.max(covered);
                covered = covered.max(range.end);
            }
            ranges.retain(|range| !range.is_empty());
        }
        claimed
    }
}

fn present_region(region: u8, header: RegionHeader) -> Result<PresentRegion, ClaimError> {
    if !header.has_known_cap() {
        return Err(ClaimError::RegionKind { region, kind: header.kind() });
    }
    Ok(PresentRegion { header, places: header.cap_layout(region)? })
}

/// The node that is zero instead of a page's chunks, if there is one: its leaf, or the root of its content below that.
fn zero_node(
    places: &CapLayout,
    page: u32,
    is_zero: impl Fn(GeneralizedIndex) -> bool,
) -> Result<Option<GeneralizedIndex>, LayoutError> {
    let (leaf, content) = (places.page(page)?, places.content(page)?);
    if is_zero(leaf) {
        return Ok(Some(leaf));
    }
    Ok((content != leaf && is_zero(content)).then_some(content))
}

fn check_slots(length: u64) -> Result<u64, ClaimError> {
    if length > ALLOCATIONS_LIMIT { Err(LayoutError::Slots { length }.into()) } else { Ok(length) }
}

fn check_leaves(indices: &[GeneralizedIndex], limit: usize) -> Result<(), ClaimError> {
    if indices.len() > limit { Err(ClaimError::Leaves { limit }) } else { Ok(()) }
}

fn check_within(bytes: &Range<u64>, region: u8, present: Option<PresentRegion>) -> Result<(), ClaimError> {
    let size = present.ok_or(ClaimError::RegionAbsent { region })?.header.size;
    if bytes.end > size {
        return Err(ClaimError::BeyondSize { region, end: bytes.end, size });
    }
    Ok(())
}

/// Adds the places of the chunks of `part`, which lies in one page.
fn push_chunks(
    indices: &mut Vec<GeneralizedIndex>,
    places: &CapLayout,
    part: Range<u64>,
) -> Result<(), ClaimError> {
    let mut start = part.start;
    while start < part.end {
        indices.push(places.chunk(offset(start))?);
        start += CHUNK_BYTES;
    }
    Ok(())
}

/// The parts of a range of offsets that lie in one page each.
pub(super) fn by_page(bytes: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    (bytes.start / PAGE_BYTES..bytes.end.div_ceil(PAGE_BYTES)).map(move |page| {
        let page = page * PAGE_BYTES..(page + 1) * PAGE_BYTES;
        page.start.max(bytes.start)..page.end.min(bytes.end)
    })
}

/// The offset of a byte in its region, in the width of an address.
pub(super) fn offset(byte: u64) -> u32 {
    u32::try_from(byte).expect("claimed bytes lie in a region of 2^32 bytes")
}
