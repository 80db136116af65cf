//! The places of a region's nodes, and what they are called.

use travertine_merkle::layout::{self, CHUNK_BYTES, CapLayout, LayoutError, PAGE_BYTES, StateField};
use travertine_merkle::{Claim, GeneralizedIndex, Proven, RegionHeader};

use super::position;
use crate::claims::{RegionReport, describe};
use crate::output::grouped;

/// A claim's region.
pub(super) struct RegionPlaces {
    region: u8,
    /// `None` if the region is absent.
    present: Option<(RegionHeader, CapLayout)>,
}

impl RegionPlaces {
    /// Of the region that holds `address`; without a header it is absent.
    pub(super) fn new(address: u64, header: Option<RegionHeader>) -> Result<Self, LayoutError> {
        let (region, _) = layout::split_address(address)?;
        let Some(header) = header else { return Ok(Self { region, present: None }) };
        let cap = CapLayout::new(layout::cap(region), header.size)?;
        Ok(Self { region, present: Some((header, cap)) })
    }

    /// Where the paths of a claim begin: at the first claimed chunk of each page, at the leaf of a zero page, at the size of
    /// a region, at the leaf of an absent one.
    pub(super) fn starts(
        &self,
        claim: &Claim,
        value: &Proven,
        is_leaf: impl Fn(GeneralizedIndex) -> bool,
    ) -> Result<Vec<(GeneralizedIndex, String)>, LayoutError> {
        let region = self.region;
        let (Some((_, cap)), Proven::Bytes { .. }) = (&self.present, value) else {
            let start = if self.present.is_some() { layout::size(region) } else { layout::region(region) };
            return Ok(vec![(start, describe(claim))]);
        };
        let start = claim.address % layout::REGION_BYTES;
        let end = start + claim.length;
        let mut starts = Vec::new();
        for page in start / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
            let first = start.max(page * PAGE_BYTES);
            let last = end.min((page + 1) * PAGE_BYTES) - 1;
            let offset = u32::try_from(first).expect("proven bytes lie in their region");
            let leaf = cap.page(layout::page_number(offset))?;
            if is_leaf(leaf) {
                starts.push((leaf, format!("page {} of region {region}, which is all zero", grouped(page))));
                continue;
            }
            let chunks = [first, last].map(|byte| byte % PAGE_BYTES / CHUNK_BYTES);
            let which = match chunks {
                [chunk, last] if chunk == last => format!("chunk {chunk}"),
                [chunk, last] => format!("chunk {chunk} of the chunks {chunk} to {last}"),
            };
            starts
                .push((cap.chunk(offset)?, format!("{which} of page {} of region {region}", grouped(page))));
        }
        Ok(starts)
    }

    /// What a node below the regions' field is, from its place.
    pub(super) fn name(&self, index: GeneralizedIndex) -> String {
        let regions = layout::field(StateField::Regions);
        let leaf = layout::region(self.region);
        let levels = leaf.depth() - regions.depth();
        match index.depth() - regions.depth() {
            level if level < levels => return format!("regions, level {level} of {levels}"),
            level if level == levels => return format!("region {}", position(regions, index)),
            _ => {}
        }
        if index == layout::cap(self.region) {
            return "cap".to_owned();
        }
        let Some((header, cap)) = &self.present else { return "below the region".to_owned() };
        if index == layout::meta(self.region) {
            return format!("meta: {}", RegionReport::from(*header).kind_and_permissions());
        }
        if index == layout::size(self.region) {
            return format!("size: {}", grouped(header.size));
        }
        let pages = cap.pages_root();
        let (level, page_level) = (index.depth() - pages.depth(), cap.depth());
        match level.checked_sub(page_level) {
            Some(0) => format!("page {}", grouped(position(pages, index))),
            None if level == 0 => "pages".to_owned(),
            None => format!("pages, level {level} of {page_level}"),
            Some(below) => {
                let levels = layout::PAGE_CHUNKS.ilog2();
                let chunk = index.get() % layout::PAGE_CHUNKS;
                if below == levels {
                    format!("chunk {chunk}")
                } else {
                    format!("page, level {below} of {levels}")
                }
            }
        }
    }
}
