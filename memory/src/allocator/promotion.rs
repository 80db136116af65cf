//! Promotion: a request whose frames are gathered from several runs, because no plane has one that is long enough.

use super::frames::extra_planes;
use super::record::Fragments;

/// How a request would be promoted. Nothing has happened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionPlan {
    /// The region.
    pub region: u8,
    /// The runs of frames, ascending by plane and frame.
    pub fragments: Fragments,
    /// What promotion costs, in gas, beyond the allocation itself.
    pub cost: u64,
    /// `Memory3D`'s score: 100, less 10 for each plane, and 20 if the planes are neighbours, and 5 for each run above 1 KiB. A run
    /// has at least one frame, so each counts.
    pub score: i64,
}

impl PromotionPlan {
    pub(crate) fn new(region: u8, fragments: Fragments, cost: u64) -> Self {
        let planes = i64::from(extra_planes(&fragments)) + 1;
        let are_neighbours = fragments.windows(2).all(|pair| pair[1].plane - pair[0].plane <= 1);
        let runs = i64::try_from(fragments.len()).expect("a region has at most 2^20 frames");
        let score = 100 - 10 * planes + if are_neighbours { 20 } else { 0 } + 5 * runs;
        Self { region, fragments, cost, score }
    }
}
