//! Places of pages: what decides, on every node alike, whether a load or store owes a recall.
//!
//! Each call has [`PLACES`] places, empty at first, and each page number leads to one. A load or store puts the page of its bytes (the
//! pages, in order, if there are two) in its place. One that finds another page there, or none, owes a recall, unless it is
//! the first of its kind to the page: then the price of a first touch is due instead. The recall is a far one if [`FAR`] pages or more
//! have been put in places where they were not since this one was; or since the call began or the page came to its address, if it was in none since.
//! Bulk operations, host calls, the allocator and the second view of a segment neither look at places nor change them.

use crate::address::PAGE_OFFSET_BITS;
use crate::plan::Recalls;

const PLACE_BITS: u32 = 8;
/// How many places there are: for 1 MiB of pages in a row, if they begin at a multiple of that. So much the second-level cache of a server's core
/// holds; what lies beyond takes a load many times as long.
pub(crate) const PLACES: usize = 1 << PLACE_BITS;
/// After how many others a page is far: so many pages are more than a core's part of the third-level cache.
pub(crate) const FAR: u64 = 4 * PLACES as u64;
/// The number of no page.
const NOTHING: u32 = u32::MAX;

/// The place of an address' page, times `1 << scale`, for a scale of at most 12: the exclusive or of the three low bytes of the page's number, so that
/// neither the first pages of regions meet nor pages that lie a power of two apart.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the mask leaves less than the number of places, scaled")]
pub(crate) const fn place_offset(address: u64, scale: u32) -> usize {
    ((address >> (PAGE_OFFSET_BITS - scale))
        ^ (address >> (PAGE_OFFSET_BITS + PLACE_BITS - scale))
        ^ (address >> (PAGE_OFFSET_BITS + 2 * PLACE_BITS - scale))) as usize
        & ((PLACES - 1) << scale)
}

/// The pages that are in their places.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pages: Box<[u32; PLACES]>,
    /// How often a page was put in a place where it was not.
    changes: u64,
}

impl Default for Places {
    fn default() -> Self {
        Self { pages: Box::new([NOTHING; PLACES]), changes: 0 }
    }
}

fn place(page_number: u32) -> usize {
    place_offset(u64::from(page_number) << PAGE_OFFSET_BITS, 0)
}

impl Places {
    /// Whether a page is in its place.
    #[inline]
    pub(crate) fn has(&self, page_number: u32) -> bool {
        self.pages[place(page_number)] == page_number
    }

    /// Puts a page in its place, where it is not. Gives how many pages have been put in places until then, this one included.
    #[inline]
    pub(crate) fn put(&mut self, page_number: u32) -> u64 {
        self.pages[place(page_number)] = page_number;
        self.changes += 1;
        self.changes
    }

    /// The recall that a page owes which was put in its place as the `put`th one, or 0, and is not there.
    #[inline]
    pub(crate) fn recall(&self, put: u64) -> Recalls {
        let is_far = self.changes - put >= FAR;
        Recalls { near: u32::from(!is_far), far: u32::from(is_far) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_exclusive_or_of_three_bytes() {
        for page_number in (0..1_u32 << 28).step_by(9_973) {
            let [one, two, three, _] = page_number.to_le_bytes();
            assert_eq!(place(page_number), usize::from(one ^ two ^ three));
            let address = (u64::from(page_number) << PAGE_OFFSET_BITS) + 4_095;
            assert_eq!(place_offset(address, 5), place(page_number) << 5);
        }
    }

    #[test]
    fn a_recall_is_far_after_many_changes() {
        let mut places = Places::default();
        let put = places.put(0);
        let far = |places: &Places| places.recall(put).far == 1;
        for page_number in 1..=1_024 {
            assert!(!far(&places), "after {} others", page_number - 1);
            places.put(page_number);
        }
        assert!(far(&places));
        assert_eq!(places.recall(0), Recalls { near: 0, far: 1 });
    }
}
