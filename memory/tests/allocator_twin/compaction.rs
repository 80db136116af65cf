//! How the twin compacts: it looks for the plane with the fewest frames in use, again and again.

use std::collections::{BTreeMap, BTreeSet};

use travertine_memory::{AllocationError, CompactionReport, PlaneChange};

use super::frames::runs;
use super::{Owned, PAGE, Twin};

/// What a compaction did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compacted {
    pub(crate) moved: u64,
    pub(crate) scanned: u64,
    /// Runs of frames in records that changed.
    pub(crate) written: u64,
    pub(crate) released: u64,
    pub(crate) planes: PlaneChange,
}

impl Twin {
    pub(crate) fn compact(&mut self, region: u8, limit: u32) -> Result<Compacted, AllocationError> {
        let Some(&(kind, planes)) = self.regions.get(&region) else {
            return Err(AllocationError::ForeignRegion { address: u64::from(region) << 32 });
        };
        let mut used = self.used_frames(region);
        let (mut stuck, mut moved, mut scanned) = (BTreeSet::new(), 0, 0);
        let mut changed = BTreeSet::new();
        loop {
            let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
            for frame in &used {
                *counts.entry(frame / 16).or_default() += 1;
            }
            let sources = counts.iter().filter(|(plane, _)| !stuck.contains(*plane));
            let Some((&source, &count)) =
                sources.min_by_key(|(plane, count)| (**count, std::cmp::Reverse(**plane)))
            else {
                break;
            };
            let free_beside: u32 =
                counts.iter().filter(|(plane, _)| **plane != source).map(|(_, count)| 16 - count).sum();
            let left = limit.saturating_sub(u32::try_from(stuck.len()).unwrap() + moved);
            if left == 0 || free_beside < count {
                break;
            }
            scanned += 1;
            let lies_in = |owned: &Owned| {
                owned.region() == region && owned.frames.iter().any(|frame| frame / 16 == source)
            };
            if !self.live.iter().filter(|owned| lies_in(owned)).all(Owned::is_movable) {
                stuck.insert(source);
                continue;
            }
            for from in (source * 16..source * 16 + 16)
                .filter(|frame| used.contains(frame))
                .take(left as usize)
                .collect::<Vec<_>>()
            {
                let with_room = counts.iter().filter(|(plane, count)| **plane != source && **count < 16);
                let (&target, _) =
                    with_room.max_by_key(|(plane, count)| (**count, std::cmp::Reverse(**plane))).unwrap();
                let to = (target * 16..target * 16 + 16).find(|frame| !used.contains(frame)).unwrap();
                used.remove(&from);
                used.insert(to);
                *counts.get_mut(&target).unwrap() += 1;
                moved += 1;
                for owned in self.live.iter_mut().filter(|owned| owned.region() == region) {
                    for frame in owned.frames.iter_mut().filter(|frame| **frame == from) {
                        *frame = to;
                        changed.insert(owned.id);
                    }
                }
            }
        }
        let words: usize = self
            .live
            .iter()
            .filter(|owned| changed.contains(&owned.id))
            .map(|owned| runs(&owned.frames).len())
            .sum();
        let in_use: BTreeSet<u32> = used.iter().map(|frame| frame / 16).collect();
        let released = planes - u32::try_from(in_use.len()).unwrap();
        let before = self.planes_of(kind);
        self.regions.get_mut(&region).unwrap().1 -= released;
        Ok(Compacted {
            moved: moved.into(),
            scanned,
            written: words as u64,
            released: u64::from(released) << 16,
            planes: PlaneChange { kind, before, after: before - u64::from(released) },
        })
    }

    pub(crate) fn report(&self, region: u8) -> CompactionReport {
        let planes = u64::from(self.regions[&region].1);
        let used = self.used_frames(region).len() as u64;
        let free = planes * 16 - used;
        let in_region = || self.live.iter().filter(|owned| owned.region() == region);
        let fragmentation_bp = (10_000 * (free - self.longest_run(region))).checked_div(free).unwrap_or(0);
        let saving_bytes = (planes - used.div_ceil(16)) << 16;
        CompactionReport {
            total_bytes: planes << 16,
            used_bytes: used * PAGE,
            free_bytes: free * PAGE,
            fragments: in_region().map(|owned| runs(&owned.frames).len() as u64).sum(),
            allocations: in_region().count() as u64,
            movable: in_region().filter(|owned| owned.is_movable()).count() as u64,
            fragmentation_bp,
            saving_bytes,
            is_recommended: fragmentation_bp > 3000 && saving_bytes > 0,
        }
    }
}
