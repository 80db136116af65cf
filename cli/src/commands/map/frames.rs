//! What every frame of a memory is used for.

use std::collections::BTreeMap;

use travertine_memory::{Allocation, Memory, Permissions, Region, RegionKind};
use travertine_merkle::ZERO_HASH;
use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES};

use crate::output::counted;

/// Frames, or pages, of a plane.
pub(super) const PLANE_PAGES: u32 = 16;
const _: () = assert!(PLANE_PAGES as u64 * PAGE_BYTES == PLANE_BYTES);

const COLUMNS: usize = PLANE_PAGES as usize;

/// What a frame is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// A page of an allocation, or of the program.
    Used,
    /// A page of small blocks.
    Blocks,
    /// A page of an allocation whose frames are gathered from several planes.
    Promoted,
    /// A page that is shared between caller and callee.
    Shared,
    /// A page that keeps its frame.
    Pinned,
}

impl Use {
    pub(super) const ALL: [Self; 5] = [Self::Used, Self::Blocks, Self::Promoted, Self::Shared, Self::Pinned];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Blocks => "small blocks",
            Self::Promoted => "promoted",
            Self::Shared => "shared",
            Self::Pinned => "pinned",
        }
    }
}

/// A frame.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) used: Use,
    /// Whether its page differs from that of the older state.
    pub(super) dirty: bool,
    /// What it is, in words.
    pub(super) title: String,
}

/// The frames of a plane that are in use.
pub(super) type Plane = [Option<Cell>; COLUMNS];

/// What only regions have that the allocator has opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Planes that are paid for.
    pub(super) planes: u64,
    pub(super) free_frames: u64,
    pub(super) fragmentation_basis_points: u64,
}

/// A region.
pub(super) struct RegionMap {
    pub(super) region: u8,
    pub(super) kind: RegionKind,
    pub(super) permissions: Permissions,
    pub(super) budget: Option<Budget>,
    pub(super) allocations: u64,
    /// By number: the planes in which something lies.
    pub(super) planes: BTreeMap<u32, Plane>,
}

impl RegionMap {
    /// The frames that are in use.
    pub(super) fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.planes.values().flatten().flatten()
    }

    fn put(&mut self, plane: u32, frame: u32, cell: Cell) {
        let plane = self.planes.entry(plane).or_insert_with(|| [const { None }; COLUMNS]);
        plane[frame as usize % COLUMNS] = Some(cell);
    }
}

/// All regions of a settled memory. Pages are dirty that differ from those of `since`.
pub(super) fn region_maps(memory: &Memory, since: Option<&Memory>) -> Vec<RegionMap> {
    let mut maps: BTreeMap<u8, RegionMap> =
        memory.regions().map(|(number, region)| (number, empty_map(memory, number, region))).collect();
    for (_, allocation) in memory.allocations().iter() {
        if let Some(map) = maps.get_mut(&allocation.address.region()) {
            put_allocation(map, allocation, |page| {
                is_dirty(memory, since, allocation.address.region(), page)
            });
        }
    }
    for map in maps.values_mut().filter(|map| map.budget.is_none()) {
        put_pages(map, memory, since);
    }
    maps.into_values().collect()
}

fn empty_map(memory: &Memory, number: u8, region: &Region) -> RegionMap {
    let report = memory.compaction_report(number.into()).ok();
    RegionMap {
        region: number,
        kind: region.kind(),
        permissions: region.permissions(),
        budget: report.map(|report| Budget {
            planes: report.total_bytes / PLANE_BYTES,
            free_frames: report.free_bytes / PAGE_BYTES,
            fragmentation_basis_points: report.fragmentation_bp,
        }),
        allocations: report.map_or(0, |report| report.allocations),
        planes: BTreeMap::new(),
    }
}

fn is_dirty(memory: &Memory, since: Option<&Memory>, region: u8, page: u32) -> bool {
    let leaf = |memory: &Memory| {
        let slab = memory.region(region)?.cap().backing();
        slab.node(slab.depth(), page.into())
    };
    let leaf = |memory| leaf(memory).unwrap_or(ZERO_HASH);
    since.is_some_and(|since| leaf(since) != leaf(memory))
}

/// The frames of an allocation, in the order of its pages.
fn put_allocation(map: &mut RegionMap, allocation: &Allocation, is_dirty: impl Fn(u32) -> bool) {
    let Allocation { id, address, size, kind, flags, fragments, .. } = allocation;
    let planes = 1 + fragments.windows(2).filter(|pair| pair[0].plane != pair[1].plane).count() as u64;
    let used = use_of(allocation, planes);
    let title = if used == Use::Blocks {
        "a page of small blocks".to_owned()
    } else {
        let (runs, planes) = (counted(fragments.len() as u64, "run"), counted(planes, "plane"));
        let bytes = counted(*size, "byte");
        format!("allocation {id}: {bytes} at {address}, {kind}, flags: {flags}, {runs} in {planes}")
    };
    let frames = fragments.iter().flat_map(|run| {
        (0..run.frames).map(move |frame| (u32::from(run.plane), u32::from(run.first + frame)))
    });
    for ((plane, frame), page) in frames.zip(address.page()..) {
        let title = format!("plane {plane}, frame {frame}: {title}");
        map.put(plane, frame, Cell { used, dirty: is_dirty(page), title });
    }
}

fn use_of(allocation: &Allocation, planes: u64) -> Use {
    if allocation.permissions().contains(Permissions::SHARED) {
        Use::Shared
    } else if !allocation.is_movable() {
        Use::Pinned
    } else if planes > 1 {
        Use::Promoted
    } else if allocation.is_block() {
        Use::Blocks
    } else {
        Use::Used
    }
}

/// The pages of a program's region that are stored.
fn put_pages(map: &mut RegionMap, memory: &Memory, since: Option<&Memory>) {
    let Some(region) = memory.region(map.region) else { return };
    for (page, _) in region.cap().pages_in(0..region.cap().page_count()) {
        let (plane, frame) = (page / PLANE_PAGES, page % PLANE_PAGES);
        let permissions = region.page_permissions(page);
        let title = format!("plane {plane}, page {frame}: {} {permissions}", map.kind);
        let dirty = is_dirty(memory, since, map.region, page);
        map.put(plane, frame, Cell { used: Use::Used, dirty, title });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use travertine_memory::{AllocationFlags, AllocationPrices, AllocationRequest};

    struct Free;

    impl AllocationPrices for Free {
        fn growth(&self, _: RegionKind, _: u64, _: u64) -> u64 {
            0
        }

        fn promotion(&self, _: u64) -> u64 {
            0
        }
    }

    #[test]
    fn frames_of_allocations_are_told_apart() {
        let mut memory = Memory::new();
        for (size, flags) in [
            (100, AllocationFlags::NONE),
            (200, AllocationFlags::NONE),
            (3 * PAGE_BYTES, AllocationFlags::PINNED),
            (PAGE_BYTES, AllocationFlags::SHARED),
            (40 * PAGE_BYTES, AllocationFlags::NONE),
        ] {
            let request = AllocationRequest { flags, ..AllocationRequest::new(size, RegionKind::Heap) };
            let plan = memory.plan_allocation(&request, &Free).expect("there is room");
            memory.allocate(plan);
        }
        let maps = region_maps(&memory, None);
        let [heap] = &maps[..] else { panic!("one region is open") };
        let count = |used| heap.cells().filter(|cell| cell.used == used).count();
        assert_eq!([Use::Pinned, Use::Shared, Use::Promoted].map(count), [3, 1, 40]);
        assert!((1..=2).contains(&count(Use::Blocks)), "small blocks share pages");
        let budget = heap.budget.expect("the allocator has opened the region");
        assert_eq!(heap.cells().count() as u64 + budget.free_frames, budget.planes * u64::from(PLANE_PAGES));
        assert_eq!(heap.allocations, 5);
    }
}
