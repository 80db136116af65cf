//! Where the twin finds frames: it lists the frames in use, and looks at every plane.

use std::collections::BTreeSet;

use travertine_memory::{AllocationPrices, RegionKind};

use super::{Found, Twin};

/// The runs of an allocation, from the frame of each of its pages: plane, first frame, frames.
pub(crate) fn runs(frames: &[u32]) -> Vec<(u32, u32, u32)> {
    let mut runs: Vec<(u32, u32, u32)> = Vec::new();
    for &frame in frames {
        match runs.last_mut() {
            Some((plane, first, count)) if *plane == frame / 16 && *first + *count == frame % 16 => {
                *count += 1;
            }
            _ => runs.push((frame / 16, frame % 16, 1)),
        }
    }
    runs
}

/// The runs of free frames of a plane: first frame and length.
fn free_runs(used: &BTreeSet<u32>, plane: u32) -> Vec<(u32, u32)> {
    let free: Vec<u32> = (plane * 16..plane * 16 + 16).filter(|frame| !used.contains(frame)).collect();
    runs(&free).into_iter().map(|(_, first, length)| (first, length)).collect()
}

fn extra_planes(frames: &[u32]) -> u64 {
    frames.iter().map(|frame| frame / 16).collect::<BTreeSet<_>>().len() as u64 - 1
}

impl Twin {
    pub(crate) fn used_frames(&self, region: u8) -> BTreeSet<u32> {
        self.live
            .iter()
            .filter(|owned| owned.region() == region)
            .flat_map(|owned| owned.frames.clone())
            .collect()
    }

    pub(crate) fn longest_run(&self, region: u8) -> u64 {
        let used = self.used_frames(region);
        let in_use: BTreeSet<u32> = used.iter().map(|frame| frame / 16).collect();
        match self.regions[&region].1 - u32::try_from(in_use.len()).unwrap() {
            0 => in_use
                .iter()
                .flat_map(|&plane| free_runs(&used, plane))
                .map(|run| u64::from(run.1))
                .max()
                .unwrap_or(0),
            spare => u64::from(spare) * 16,
        }
    }

    pub(super) fn place_frames(
        &self,
        region: u8,
        kind: RegionKind,
        planes: u32,
        count: u32,
        is_run: bool,
        prices: &dyn AllocationPrices,
    ) -> Option<Found> {
        let used = self.used_frames(region);
        let in_use: BTreeSet<u32> = used.iter().map(|frame| frame / 16).collect();
        let spare = planes - u32::try_from(in_use.len()).unwrap();
        let empty = || (0..1 << 16).filter(|plane| !in_use.contains(plane));
        let found = |frames: Vec<u32>, growth, extra| {
            Some(Found { address: 0, frames, growth, extra, shares_page: false })
        };
        for &plane in &in_use {
            if let Some((first, _)) = free_runs(&used, plane).into_iter().find(|run| run.1 >= count) {
                return found((plane * 16 + first..).take(count as usize).collect(), 0, 0);
            }
        }
        if spare > 0 && count <= 16 {
            return found((empty().next()? * 16..).take(count as usize).collect(), 0, 0);
        }
        let needed = count.div_ceil(16);
        let growth = needed.saturating_sub(spare);
        if is_run {
            let first =
                empty().find(|first| (*first..first + needed).all(|plane| !in_use.contains(&plane)))?;
            return (first + needed <= 1 << 16)
                .then(|| found((first * 16..).take(count as usize).collect(), growth, 0))
                .flatten();
        }
        let mut all: Vec<(std::cmp::Reverse<u32>, u32, u32)> = Vec::new();
        for plane in in_use.iter().copied().chain(empty().take(spare as usize)) {
            all.extend(
                free_runs(&used, plane)
                    .into_iter()
                    .map(|(first, length)| (std::cmp::Reverse(length), plane, first)),
            );
        }
        all.sort_unstable();
        let mut gathered: Vec<u32> = all
            .into_iter()
            .flat_map(|(length, plane, first)| (plane * 16 + first..).take(length.0 as usize))
            .take(count as usize)
            .collect();
        gathered.sort_unstable();
        let before = self.planes_of(kind);
        let can_grow = growth > 0 && empty().count() >= needed as usize;
        let price = can_grow.then(|| prices.growth(kind, before, before + u64::from(growth)));
        if gathered.len() == count as usize
            && price.is_none_or(|price| prices.promotion(extra_planes(&gathered)) < price)
        {
            let extra = extra_planes(&gathered);
            return found(gathered, 0, extra);
        }
        price?;
        let frames = empty().take(needed as usize).flat_map(|plane| plane * 16..plane * 16 + 16);
        found(frames.take(count as usize).collect(), growth, 0)
    }
}
