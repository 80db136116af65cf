//! The places of a region's nodes, and what they are called.

use travertine_merkle::layout::{self, CHUNK_BYTES, CapLayout, LayoutError, PAGE_BYTES, StateField};
use travertine_merkle::{Claim, GeneralizedIndex, Generator, Proven, RegionHeader};

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
        let cap = header.cap_layout(region)?;
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
        let (Some((header, cap)), Proven::Bytes { .. }) = (&self.present, value) else {
            let start = self.integers().first().map_or(layout::region(region), |(size, _)| *size);
            return Ok(vec![(start, describe(claim))]);
        };
        let start = claim.address % layout::REGION_BYTES;
        let end = start + claim.length;
        let mut starts = Vec::new();
        for page in start / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
            let first = start.max(page * PAGE_BYTES);
            let last = end.min((page + 1) * PAGE_BYTES) - 1;
            let offset = u32::try_from(first).expect("proven bytes lie in their region");
            let number = layout::page_number(offset);
            let zero = [cap.content(number)?, cap.page(number)?].into_iter().find(|place| is_leaf(*place));
            if let Some(place) = zero {
                let unwritten = header.is_generative() && place == cap.page(number)?;
                let what = if unwritten { "which nobody has written" } else { "which is all zero" };
                starts.push((place, format!("page {} of region {region}, {what}", grouped(page))));
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
        if let Some((_, name)) = self.integers().into_iter().find(|(place, _)| *place == index) {
            return name;
        }
        let pages = cap.pages_root();
        if index != pages && !pages.is_ancestor_of(index) {
            return "cap fields, level 1".to_owned();
        }
        let (level, page_level) = (index.depth() - pages.depth(), cap.depth());
        match level.checked_sub(page_level) {
            Some(0) => format!("page {}", grouped(position(pages, index))),
            None if level == 0 => "pages".to_owned(),
            None => format!("pages, level {level} of {page_level}"),
            Some(below) => below_page(index, below, header.is_generative()),
        }
    }

    /// The places of the integers in the cap, the size first, and what they are; none if the region is absent.
    fn integers(&self) -> Vec<(GeneralizedIndex, String)> {
        let Some((header, _)) = &self.present else { return Vec::new() };
        let size = format!("size: {}", grouped(header.size));
        let Some(Generator { seed, mode }) = header.generator else {
            return vec![(layout::size(self.region), size)];
        };
        let names = [size, format!("seed: {seed:#x}"), format!("mode: {mode}")];
        layout::generative_integers(self.region).into_iter().zip(names).collect()
    }
}

/// What a node `below` levels under a page's leaf is.
fn below_page(index: GeneralizedIndex, below: u32, is_generative: bool) -> String {
    let levels = layout::PAGE_CHUNKS.ilog2();
    match below - u32::from(is_generative) {
        0 if index.is_right() => "mark of a written page".to_owned(),
        0 => "content of the page".to_owned(),
        level if level == levels => format!("chunk {}", index.get() % layout::PAGE_CHUNKS),
        level => format!("page, level {level} of {levels}"),
    }
}
