//! Which leaves prove a list of claims: the one rule that the prover follows and the verifier demands.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use super::claim::{Claim, ClaimError, Subject, subjects};
use crate::gindex::GeneralizedIndex;
use crate::layout::{self, CHUNK_BYTES, CapLayout, PAGE_BYTES};
use crate::leaf::RegionHeader;

/// A present region whose content can be proven.
#[derive(Clone, Copy)]
pub(super) struct PlainRegion {
    pub(super) header: RegionHeader,
    pub(super) places: CapLayout,
}

/// Well-formed claims, and the regions they name.
pub(super) struct Plan {
    /// What each claim names.
    pub(super) subjects: Vec<Subject>,
    regions: BTreeMap<u8, Option<PlainRegion>>,
}

impl Plan {
    /// Asks `header` once for each region that is named; it answers `None` for an absent one.
    pub(super) fn new<E: From<ClaimError>>(
        claims: &[Claim],
        header: impl Fn(u8) -> Result<Option<RegionHeader>, E>,
    ) -> Result<Self, E> {
        let subjects = subjects(claims)?;
        let mut regions = BTreeMap::new();
        for Subject { region, bytes } in &subjects {
            if !regions.contains_key(region) {
                let header = header(*region)?;
                regions.insert(*region, header.map(|header| plain_region(*region, header)).transpose()?);
            }
            if let Some(bytes) = bytes {
                check_within(bytes, *region, regions[region])?;
            }
        }
        Ok(Self { subjects, regions })
    }

    /// The region, if it is present. It must be one that a claim names.
    pub(super) fn region(&self, region: u8) -> Option<PlainRegion> {
        self.regions[&region]
    }

    /// The places of the leaves that prove the claims, strictly descending.
    ///
    /// An absent region is proven by its leaf. Of a present one the list has meta, size, and every chunk that claimed
    /// bytes touch, where the leaf of a zero page stands for all its chunks. Stops when there are more than `limit`.
    pub(super) fn leaf_indices(
        &self,
        page_is_zero: impl Fn(u8, u32, GeneralizedIndex) -> bool,
        limit: usize,
    ) -> Result<Vec<GeneralizedIndex>, ClaimError> {
        let mut claimed = self.claimed_chunks();
        let mut indices = Vec::new();
        for (&region, present) in &self.regions {
            let Some(PlainRegion { places, .. }) = present else {
                indices.push(layout::region(region));
                continue;
            };
            indices.extend([layout::meta(region), layout::size(region)]);
            for part in claimed.remove(&region).into_iter().flatten().flat_map(by_page) {
                let number = layout::page_number(offset(part.start));
                let page = places.page(number)?;
                if !page_is_zero(region, number, page) {
                    push_chunks(&mut indices, places, part)?;
                } else if indices.last() != Some(&page) {
                    indices.push(page);
                }
                if indices.len() > limit {
                    return Err(ClaimError::Leaves { limit });
                }
            }
        }
        indices.sort_unstable_by(|a, b| b.cmp(a));
        Ok(indices)
    }

    /// By region, the claimed bytes rounded out to whole chunks, as ascending ranges that do not overlap.
    fn claimed_chunks(&self) -> BTreeMap<u8, Vec<Range<u64>>> {
        let mut claimed: BTreeMap<u8, Vec<Range<u64>>> = BTreeMap::new();
        for Subject { region, bytes } in &self.subjects {
            let whole = bytes
                .iter()
                .map(|Range { start, end }| start - start % CHUNK_BYTES..end.next_multiple_of(CHUNK_BYTES));
            claimed.entry(*region).or_default().extend(whole);
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

fn plain_region(region: u8, header: RegionHeader) -> Result<PlainRegion, ClaimError> {
    if !header.has_plain_cap() {
        return Err(ClaimError::RegionKind { region, kind: header.kind() });
    }
    Ok(PlainRegion { header, places: CapLayout::new(layout::cap(region), header.size)? })
}

fn check_within(bytes: &Range<u64>, region: u8, present: Option<PlainRegion>) -> Result<(), ClaimError> {
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
