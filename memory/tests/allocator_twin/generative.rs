//! What the twin knows of generative regions: what makes their pages, which pages have been written, and their leaves.

use std::collections::BTreeMap;

use travertine_memory::{Mode, Synthesis};
use travertine_merkle::{Hash, ZERO_HASH, hash_pair, page_leaf, uint64_chunk};

use super::{PAGE, REGION, Twin};

/// Leaves of written pages, by region and page.
pub(crate) type Leaves = BTreeMap<(u8, u32), Hash>;

/// Where a page stands: its region, and its number there.
fn place(page: u64) -> (u8, u32) {
    (u8::try_from(page >> 20).unwrap(), u32::try_from(page % (1 << 20)).unwrap())
}

impl Twin {
    pub(crate) fn synthesis(&self, address: u64) -> Option<Synthesis> {
        u8::try_from(address >> 32).ok().and_then(|region| self.made.get(&region)).copied()
    }

    /// The bytes of a page.
    pub(crate) fn page(&self, page: u64) -> [u8; 4096] {
        let synthesis = self.synthesis(page * PAGE);
        let mut bytes = synthesis.map_or([0; 4096], |made| made.page(place(page).1.into()));
        for (at, byte) in self.bytes.range(page * PAGE..(page + 1) * PAGE) {
            bytes[usize::try_from(at % PAGE).unwrap()] = *byte;
        }
        bytes
    }

    /// How many of these pages would have to be made.
    pub(crate) fn unmade(&self, pages: impl Iterator<Item = u64>) -> u32 {
        let is_unmade = |page: &u64| {
            self.synthesis(page * PAGE).is_some_and(|made| made.mode == Mode::Vrns)
                && [&self.read, &self.written.pages, &self.stored].iter().all(|known| !known.contains(page))
        };
        u32::try_from(pages.filter(is_unmade).count()).unwrap()
    }

    /// The leaves of all written pages of generative regions.
    pub(crate) fn leaves(&self) -> Leaves {
        let leaf = |&page: &u64| (place(page), hash_pair(&page_leaf(&self.page(page)), &uint64_chunk(1)));
        self.stored.iter().filter(|page| self.synthesis(*page * PAGE).is_some()).map(leaf).collect()
    }

    /// The leaf of a generative region in the state tree, from the leaves of its written pages up.
    pub(crate) fn region_leaf(&self, region: u8) -> Hash {
        let Synthesis { seed, mode } = self.made[&region];
        let own = |((other, page), leaf): ((u8, u32), Hash)| (other == region).then_some((page, leaf));
        let mut layer: BTreeMap<u32, Hash> = self.leaves().into_iter().filter_map(own).collect();
        let mut zero = ZERO_HASH;
        for _ in 0..20 {
            let node = |place: u32| layer.get(&place).copied().unwrap_or(zero);
            let above = layer.keys().map(|place| place / 2);
            layer = above.map(|place| (place, hash_pair(&node(2 * place), &node(2 * place + 1)))).collect();
            zero = hash_pair(&zero, &zero);
        }
        let pages = layer.get(&0).copied().unwrap_or(zero);
        let cap = hash_pair(
            &hash_pair(&uint64_chunk(REGION), &pages),
            &hash_pair(&uint64_chunk(seed), &uint64_chunk(mode.code())),
        );
        let planes = u64::from(self.regions[&region].1);
        hash_pair(&uint64_chunk(9 | 3 << 8 | planes << 32 | 1 << 49), &cap)
    }
}
