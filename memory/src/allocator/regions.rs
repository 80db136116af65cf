//! Which region serves a request.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use super::Allocator;
use super::error::AllocationError;
use super::request::{AllocationRequest, fills_region};
use crate::region::RegionKind;

/// How many of the regions used last are remembered in their order.
pub(crate) const RECENT_REGIONS: usize = 16;
/// The numbers of the regions that are opened when the others are full.
const FURTHER_REGIONS: RangeInclusive<u8> = 0x10..=0x7F;
/// The numbers of generative regions: those that images declare, and those that are opened for allocations.
pub const GENERATIVE_REGIONS: RangeInclusive<u8> = 0x80..=0xBF;

/// The region of a kind that is opened first.
pub(crate) fn default_region(kind: RegionKind) -> Option<u8> {
    match kind {
        RegionKind::Heap => Some(0x03),
        RegionKind::Transient => Some(0x05),
        RegionKind::Shared => Some(0x06),
        _ => None,
    }
}

/// The numbers at which regions of a kind are opened beyond the first.
fn further_regions(kind: RegionKind) -> RangeInclusive<u8> {
    if fills_region(kind) { GENERATIVE_REGIONS } else { FURTHER_REGIONS }
}

/// Whether a region of this kind can be opened at a number.
pub(crate) fn may_open(region: u8, kind: RegionKind) -> bool {
    default_region(kind) == Some(region) || further_regions(kind).contains(&region)
}

impl Allocator {
    /// Goes through the regions that may serve a request until `serve` finds a place in one: the region that is asked for; or
    /// else the kind's default region, the others of the kind in the order of their last use, those with the most free frames
    /// (the lowest number of several), and the lowest number that is not used. Where an allocation has a region of its own it is
    /// that one alone. `is_foreign` says which numbers belong to others.
    pub(crate) fn choose<T>(
        &mut self,
        request: &AllocationRequest,
        is_foreign: impl Fn(u8) -> bool,
        mut serve: impl FnMut(&mut Self, Candidate) -> Option<T>,
    ) -> Result<Chosen<T>, AllocationError> {
        let kind = request.kind;
        let first = if let Some(region) = request.region {
            let is_new = match self.space(region) {
                Some(space) if space.kind == kind && !fills_region(kind) => false,
                None if may_open(region, kind) && !is_foreign(region) => true,
                _ => return Err(AllocationError::WrongRegion { region, kind }),
            };
            Some(Candidate { region, is_new })
        } else {
            let default =
                default_region(kind).map(|region| Candidate { region, is_new: !self.manages(region) });
            default.filter(|default| !default.is_new || !is_foreign(default.region))
        };
        if let Some(candidate) = first
            && let Some(served) = serve(self, candidate)
        {
            return Ok(Chosen { candidate, served, regions: 1 });
        }
        self.choose_further(request, first, is_foreign, serve)
    }

    /// Goes on behind the first region, which has no place or is foreign.
    fn choose_further<T>(
        &mut self,
        request: &AllocationRequest,
        first: Option<Candidate>,
        is_foreign: impl Fn(u8) -> bool,
        mut serve: impl FnMut(&mut Self, Candidate) -> Option<T>,
    ) -> Result<Chosen<T>, AllocationError> {
        let (kind, size) = (request.kind, request.size);
        let mut regions = u32::from(first.is_some());
        if request.region.is_some() {
            return Err(AllocationError::Exhausted { size, regions });
        }
        let default = first.map(|first| first.region);
        let mut ask = |allocator: &mut Self, region, is_new| {
            regions += 1;
            let candidate = Candidate { region, is_new };
            let served = serve(allocator, candidate).ok_or(AllocationError::Exhausted { size, regions });
            served.map(|served| Chosen { candidate, served, regions })
        };
        let mut refused = AllocationError::Exhausted { size, regions: 1 };
        for place in 0..self.recent.len() {
            let region = self.recent[place];
            if Some(region) != default && self.space(region).is_some_and(|space| space.kind == kind) {
                match ask(self, region, false) {
                    Err(error) => refused = error,
                    served => return served,
                }
            }
        }
        for region in self.not_recent(kind, default) {
            match ask(self, region, false) {
                Err(error) => refused = error,
                served => return served,
            }
        }
        let unused = |region: &u8| !self.manages(*region) && !is_foreign(*region);
        let region = further_regions(kind).find(unused).ok_or(refused)?;
        ask(self, region, true)
    }

    /// The open regions of a kind, without the default one, that were not used recently, in the order in which they are asked.
    fn not_recent(&self, kind: RegionKind, default: Option<u8>) -> Vec<u8> {
        let mut regions: Vec<_> = self
            .spaces
            .iter()
            .filter(|(region, space)| space.kind == kind && Some(*region) != default && !fills_region(kind))
            .filter(|(region, _)| !self.recent.contains(region))
            .map(|(region, space)| (Reverse(space.frames.free()), region))
            .collect();
        regions.sort_unstable();
        regions.into_iter().map(|(_, region)| region).collect()
    }

    /// Makes a region the one that was used last. One that serves no other request has no place in the order.
    #[inline]
    pub(crate) fn used_region(&mut self, region: u8) {
        let is_latest = self.recent.first() == Some(&region);
        if is_latest || self.space(region).is_some_and(|space| fills_region(space.kind)) {
            return;
        }
        self.recent.retain(|recent| *recent != region);
        self.recent.insert(0, region);
        self.recent.truncate(RECENT_REGIONS);
    }
}

/// A region that serves a request, and what it serves.
pub(crate) struct Chosen<T> {
    pub(crate) candidate: Candidate,
    pub(crate) served: T,
    /// The regions that were asked, this one included.
    pub(crate) regions: u32,
}

/// A region that may serve a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) region: u8,
    /// Whether it would be opened for the request.
    pub(crate) is_new: bool,
}
