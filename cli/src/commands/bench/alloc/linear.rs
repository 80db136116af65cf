//! The allocators to compare with: one address space that grows by planes, first fit, with or without compaction.

use std::collections::BTreeMap;

use travertine_gas::{Operation, PlaneKind};
use travertine_merkle::layout::PAGE_BYTES;

use super::allocator::{Allocator, Block, PLANE, Till, Usage};

/// What blocks are aligned to, in bytes.
const ALIGNMENT: u64 = 16;

/// A live block.
#[derive(Clone, Copy)]
struct Live {
    block: Block,
    /// Bytes, a multiple of [`ALIGNMENT`].
    size: u64,
    pinned: bool,
}

/// First fit over a linear space that grows at its end, plane by plane.
///
/// It pays what the machine's allocator pays for the same thing; moving bytes is priced by the frame, as the machine's
/// compaction is.
#[derive(Default)]
pub(super) struct Linear {
    /// Whether it moves blocks together where that is cheaper than growing.
    compacts: bool,
    planes: u32,
    /// Live blocks by address.
    live: BTreeMap<u64, Live>,
    /// The address of every block that there ever was.
    addresses: Vec<u64>,
}

/// A place for a block, and the planes that are lacking for it.
#[derive(Clone, Copy)]
struct Place {
    address: u64,
    lacking: u32,
}

/// Blocks moved together.
struct Compaction {
    moved_bytes: u64,
    /// The blocks by their new addresses.
    live: BTreeMap<u64, Live>,
}

impl Linear {
    pub(super) fn new(compacts: bool) -> Self {
        Self { compacts, ..Self::default() }
    }

    fn end(&self) -> u64 {
        u64::from(self.planes) * PLANE
    }

    /// Addresses and lengths of the gaps between `live` blocks, ascending. The last one ends the space and may be empty.
    fn gaps(&self, live: &BTreeMap<u64, Live>) -> impl Iterator<Item = (u64, u64)> {
        let blocks = live.iter().map(|(&address, block)| (address, address + block.size));
        let mut end = 0;
        blocks.chain([(self.end(), 0)]).map(move |(next, after)| {
            let gap = (end, next - end);
            end = after;
            gap
        })
    }

    /// The first gap among `live` that is long enough, or the last one.
    fn place(&self, live: &BTreeMap<u64, Live>, size: u64) -> Place {
        let mut last = (0, 0);
        for (address, length) in self.gaps(live) {
            if length >= size {
                return Place { address, lacking: 0 };
            }
            last = (address, length);
        }
        let lacking = (size - last.1).div_ceil(PLANE);
        Place { address: last.0, lacking: u32::try_from(lacking).expect("a block is at most 4 GiB") }
    }

    /// All blocks but the pinned ones moved down as far as they go, in their order.
    fn compaction(&self) -> Compaction {
        let mut compaction = Compaction { moved_bytes: 0, live: BTreeMap::new() };
        let mut pinned = self.live.iter().filter(|(_, live)| live.pinned).peekable();
        let mut end = 0;
        for (&address, &live) in self.live.iter().filter(|(_, live)| !live.pinned) {
            while let Some(&(&at, &fixed)) = pinned.peek().filter(|(at, _)| **at < end + live.size) {
                compaction.live.insert(at, fixed);
                end = end.max(at + fixed.size);
                pinned.next();
            }
            if end != address {
                compaction.moved_bytes += live.size;
            }
            compaction.live.insert(end, live);
            end += live.size;
        }
        compaction.live.extend(pinned.map(|(&at, &fixed)| (at, fixed)));
        compaction
    }

    /// A place for `size` bytes; blocks are moved before if that helps and costs less than growing.
    fn find(&mut self, size: u64, till: &mut Till<'_>) -> Place {
        let place = self.place(&self.live, size);
        if place.lacking == 0 || !self.compacts {
            return place;
        }
        let compaction = self.compaction();
        let compacted = self.place(&compaction.live, size);
        let compact = Operation::Compact {
            moved_frames: compaction.moved_bytes.div_ceil(PAGE_BYTES),
            scanned_planes: u64::from(self.planes),
            // It has no records.
            written_runs: 0,
        };
        let growth = |lacking: u32| {
            let after = u64::from(self.planes + lacking);
            till.schedule.growth(PlaneKind::Heap, u64::from(self.planes), after)
        };
        if till.cost(&compact).saturating_add(growth(compacted.lacking)) >= growth(place.lacking) {
            return place;
        }
        till.pay(&compact);
        for (&address, live) in &compaction.live {
            self.addresses[live.block.0] = address;
        }
        self.live = compaction.live;
        compacted
    }

    /// Puts a block at a place that was found; the space grows as far as it must. Says how many planes there were before and are now.
    fn put(&mut self, block: Block, size: u64, pinned: bool, place: Place) -> (u64, u64) {
        let before = u64::from(self.planes);
        self.planes += place.lacking;
        self.live.insert(place.address, Live { block, size, pinned });
        self.addresses[block.0] = place.address;
        (before, u64::from(self.planes))
    }

    fn remove(&mut self, block: Block) -> Live {
        self.live.remove(&self.addresses[block.0]).expect("workloads use live blocks only")
    }
}

impl Allocator for Linear {
    fn allocate(&mut self, bytes: u64, pinned: bool, till: &mut Till<'_>) -> Block {
        let size = bytes.next_multiple_of(ALIGNMENT);
        let place = self.find(size, till);
        let block = Block(self.addresses.len());
        self.addresses.push(place.address);
        let (planes_before, planes_after) = self.put(block, size, pinned, place);
        let kind = PlaneKind::Heap;
        till.pay(&Operation::Allocate {
            bytes,
            kind,
            planes_before,
            planes_after,
            extra_planes: 0,
            further_regions: 0,
        });
        block
    }

    fn free(&mut self, block: Block, till: &mut Till<'_>) {
        let pages = self.remove(block).size / PAGE_BYTES;
        till.pay(&Operation::Free { pages, resident_pages: 0 });
    }

    /// In place where the gap behind the block is long enough, else a copy.
    fn resize(&mut self, block: Block, bytes: u64, till: &mut Till<'_>) -> Block {
        let size = bytes.next_multiple_of(ALIGNMENT);
        let address = self.addresses[block.0];
        let Live { size: old, pinned, .. } = self.live[&address];
        let behind = self.live.range(address + 1..).next().map_or(self.end(), |(&next, _)| next);
        let in_place = size <= behind - address;
        let place = if in_place {
            Place { address, lacking: 0 }
        } else {
            let place = self.find(size, till);
            self.remove(block);
            place
        };
        let (planes_before, planes_after) = self.put(block, size, pinned, place);
        till.pay(&Operation::Resize {
            added_bytes: size.saturating_sub(old),
            copied_bytes: if in_place { 0 } else { old.min(size) },
            moved_pages: 0,
            resident_pages: 0,
            remaps: 0,
            kind: PlaneKind::Heap,
            planes_before,
            planes_after,
            extra_planes: 0,
        });
        block
    }

    fn position(&self, block: Block) -> u64 {
        self.addresses[block.0]
    }

    fn usage(&self) -> Usage {
        let gaps = || self.gaps(&self.live).map(|(_, length)| length);
        let (free, longest): (u64, _) = (gaps().sum(), gaps().max().unwrap_or_default());
        let fragmentation = (10_000 * (free - longest)).checked_div(free).unwrap_or(0);
        Usage { planes: self.planes, fragmentation }
    }
}
