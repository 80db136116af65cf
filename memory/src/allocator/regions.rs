//! Which region serves a request.

use std::cmp::Reverse;

use super::error::AllocationError;
use super::request::AllocationRequest;
use super::{Allocator, Space};
use crate::region::RegionKind;

/// How many of the regions used last are remembered in their order.
pub(crate) const RECENT_REGIONS: usize = 16;
/// The numbers of the regions that are opened when the others are full.
const FURTHER_REGIONS: std::ops::RangeInclusive<u8> = 0x10..=0x7F;

/// The region of a kind that is opened first.
fn default_region(kind: RegionKind) -> Option<u8> {
    match kind {
        RegionKind::Heap => Some(0x03),
        RegionKind::Transient => Some(0x05),
        RegionKind::Shared => Some(0x06),
        _ => None,
    }
}

/// Whether a region of this kind can be opened at a number.
pub(crate) fn may_open(region: u8, kind: RegionKind) -> bool {
    default_region(kind) == Some(region) || FURTHER_REGIONS.contains(&region)
}

impl Allocator {
    /// Goes through the regions that may serve a request until `serve` finds a place in one: the region that is asked for; or
    /// else the kind's default region, the others of the kind in the order of their last use, those with the most free frames
    /// (the lowest number of several), and the lowest number that is not used. `is_foreign` says which numbers belong to others.
    pub(crate) fn choose<T>(
        &mut self,
        request: &AllocationRequest,
        is_foreign: impl Fn(u8) -> bool,
        mut serve: impl FnMut(&mut Self, Candidate) -> Option<T>,
    ) -> Result<T, AllocationError> {
        let kind = request.kind;
        let exhausted = AllocationError::Exhausted { size: request.size };
        if let Some(region) = request.region {
            let candidate = match self.space(region) {
                Some(space) if space.kind == kind => Candidate { region, is_new: false },
                None if may_open(region, kind) && !is_foreign(region) => Candidate { region, is_new: true },
                _ => return Err(AllocationError::WrongRegion { region, kind }),
            };
            return serve(self, candidate).ok_or(exhausted);
        }
        let default = default_region(kind).filter(|region| self.manages(*region) || !is_foreign(*region));
        if let Some(region) = default {
            let is_new = !self.manages(region);
            if let Some(served) = serve(self, Candidate { region, is_new }) {
                return Ok(served);
            }
        }
        for region in self.others(kind, default) {
            if let Some(served) = serve(self, Candidate { region, is_new: false }) {
                return Ok(served);
            }
        }
        let unused = |region: &u8| !self.manages(*region) && !is_foreign(*region);
        let region = FURTHER_REGIONS.into_iter().find(unused).ok_or(exhausted)?;
        serve(self, Candidate { region, is_new: true }).ok_or(exhausted)
    }

    /// The open regions of a kind but the default one, in the order in which they are asked.
    fn others(&self, kind: RegionKind, default: Option<u8>) -> Vec<u8> {
        let is_other = |region: u8, space: &Space| space.kind == kind && Some(region) != default;
        let mut others: Vec<_> = self
            .spaces
            .iter()
            .filter(|(region, space)| is_other(**region, space))
            .map(|(&region, _)| region)
            .collect();
        let recency =
            |region: u8| self.recent.iter().position(|recent| *recent == region).unwrap_or(RECENT_REGIONS);
        let free = |region: u8| self.space(region).map_or(0, |space| space.frames.free());
        others.sort_by_key(|&region| (recency(region), Reverse(free(region)), region));
        // Those that were used recently have different places, so the free frames only order the rest.
        others
    }

    /// Makes a region the one that was used last.
    pub(crate) fn used_region(&mut self, region: u8) {
        if self.recent.first() == Some(&region) {
            return;
        }
        self.recent.retain(|recent| *recent != region);
        self.recent.insert(0, region);
        self.recent.truncate(RECENT_REGIONS);
    }
}

/// A region that may serve a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) region: u8,
    /// Whether it would be opened for the request.
    pub(crate) is_new: bool,
}
