//! Pages that are cut into blocks of one size, for requests of up to 2,048 bytes.

use travertine_merkle::layout::{PAGE_BYTES, REGION_PAGES};

use super::record::Fragment;
use super::request::MAX_BLOCK_BYTES;
use crate::persistent::{BitSet, Held, RadixVec, Rest};

/// Bits of a page's index in its region.
pub(crate) const PAGE_BITS: u32 = REGION_PAGES.ilog2();

/// Sizes of blocks, in bytes, ascending. All are multiples of 16; above 128 each is the largest of which so many fit a page.
pub const BLOCK_BYTES: [u32; 23] = [
    16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 288, 336, 400, 448, 512, 576, 672, 816, 1024, 1360,
    2048,
];
const ALIGNMENT: u64 = 16;
const MAX_BLOCK: usize = BLOCK_BYTES[BLOCK_BYTES.len() - 1] as usize;
const _: () = assert!(MAX_BLOCK as u64 == MAX_BLOCK_BYTES);
/// Multiples of the alignment up to the largest block.
const STEPS: usize = MAX_BLOCK / BLOCK_BYTES[0] as usize;
const _: () = assert!(BLOCK_BYTES[0] as u64 == ALIGNMENT);
/// Blocks of the smallest size in a page.
const MOST_BLOCKS: usize = 256;
const _: () = assert!(MOST_BLOCKS as u64 * ALIGNMENT == PAGE_BYTES);

/// The class of a request by its bytes, in steps of the alignment.
const CLASSES: [u8; STEPS + 1] = {
    let mut classes = [0; STEPS + 1];
    let (mut step, mut class) = (1, 0_u8);
    while step < classes.len() {
        if step * MAX_BLOCK / STEPS > BLOCK_BYTES[class as usize] as usize {
            class += 1;
        }
        classes[step] = class;
        step += 1;
    }
    classes
};

/// The class of blocks that serves so many bytes, 1 to 2,048.
#[inline]
pub(crate) fn class_of(size: u64) -> u32 {
    debug_assert!(0 < size && size <= MAX_BLOCK_BYTES);
    CLASSES[usize::try_from(size.div_ceil(ALIGNMENT)).map_or(0, |step| step.min(CLASSES.len() - 1))].into()
}

/// Bytes of a block of a class.
#[inline]
pub(crate) fn block_bytes(class: u32) -> u32 {
    BLOCK_BYTES[class as usize]
}

/// What a byte's offset in a page is multiplied by to find its block, by class: the inverse of the block's size, rounded up. The
/// products are below 2^32, and too large by less than would reach the next block.
const INVERSES: [u32; BLOCK_BYTES.len()] = {
    let mut inverses = [0; BLOCK_BYTES.len()];
    let mut class = 0;
    while class < inverses.len() {
        inverses[class] = (1_u32 << INVERSE_BITS).div_ceil(BLOCK_BYTES[class]);
        class += 1;
    }
    inverses
};
const INVERSE_BITS: u32 = 24;

/// The block of a page that a byte of the page lies in: a division without its cost.
#[inline]
fn block_at(offset: u32, class: u32) -> u32 {
    (offset * INVERSES[class as usize]) >> INVERSE_BITS
}

/// Words that say which blocks of a page are free: at most 256 blocks.
const WORDS: usize = MOST_BLOCKS / u64::BITS as usize;

/// A page of blocks.
#[derive(Debug, Clone)]
pub(crate) struct Slab {
    pub(crate) class: u32,
    /// The frame that holds the page.
    pub(crate) frame: Fragment,
    /// The free blocks, one bit each.
    free: [u64; WORDS],
    /// Blocks that are used.
    used: u32,
    /// The slot of the record of each block that is used.
    records: Box<[u32]>,
}

impl Slab {
    fn new(class: u32, frame: Fragment) -> Self {
        let blocks = MOST_BLOCKS * BLOCK_BYTES[0] as usize / block_bytes(class) as usize;
        let word = |first: usize| match blocks.saturating_sub(first * u64::BITS as usize) {
            0 => 0,
            left if left >= u64::BITS as usize => u64::MAX,
            left => (1 << left) - 1,
        };
        let free = std::array::from_fn(word);
        Self { class, frame, free, used: 0, records: vec![0; blocks].into() }
    }

    #[allow(clippy::cast_possible_truncation, reason = "there are at most 256 blocks")]
    #[inline]
    fn lowest_free(&self) -> Option<u32> {
        let word = self.free.iter().position(|word| *word != 0)?;
        Some(word as u32 * u64::BITS + self.free[word].trailing_zeros())
    }

    #[inline]
    fn is_free(&self, block: u32) -> bool {
        self.free[block as usize / u64::BITS as usize] >> (block % u64::BITS) & 1 != 0
    }

    /// Uses a free block for the record in `slot`.
    #[inline]
    fn take(&mut self, block: u32, slot: u32) {
        self.free[block as usize / u64::BITS as usize] &= !(1 << (block % u64::BITS));
        self.used += 1;
        self.records[block as usize] = slot;
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.used as usize == self.records.len()
    }

    /// The slots of the records of all used blocks.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.records).filter(|&(block, _)| !self.is_free(block)).map(|(_, &slot)| slot)
    }

    /// The slot of the record of the block that this byte of the page lies in.
    #[inline]
    pub(crate) fn slot_at(&self, offset: u32) -> Option<u32> {
        let block = block_at(offset, self.class);
        let slot = self.records.get(block as usize)?;
        (!self.is_free(block)).then_some(*slot)
    }
}

/// A block that a request could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) page: u32,
    pub(crate) number: u32,
    pub(crate) class: u32,
}

impl Block {
    /// The block that begins at this byte of a region.
    #[inline]
    pub(crate) fn at(offset: u32, class: u32) -> Self {
        let (page, within) = split(offset);
        Self { page, number: block_at(within, class), class }
    }

    /// Whether a page has as many blocks.
    pub(crate) fn is_in_page(self) -> bool {
        (self.number + 1) * block_bytes(self.class) <= 1 << PAGE_BYTES.ilog2()
    }

    /// Its first byte, counted from the region's.
    #[inline]
    pub(crate) fn offset(self) -> u32 {
        (self.page << PAGE_BYTES.ilog2()) + self.number * block_bytes(self.class)
    }
}

/// The page of a byte of a region, and the byte's offset in the page.
#[inline]
pub(crate) fn split(offset: u32) -> (u32, u32) {
    (offset >> PAGE_BYTES.ilog2(), offset % (1 << PAGE_BYTES.ilog2()))
}

/// The pages of blocks of a region.
#[derive(Debug, Clone)]
pub(crate) struct Slabs {
    pages: RadixVec<Option<Held<Slab>>>,
    /// By class: the pages that have a free block.
    open: Vec<BitSet>,
    /// The page that was closed last, all its blocks free: it stays in `pages` as the storage of the next one that is opened.
    closed: Option<u32>,
}

impl Default for Slabs {
    fn default() -> Self {
        let open = vec![BitSet::empty(PAGE_BITS); BLOCK_BYTES.len()];
        Self { pages: RadixVec::new(PAGE_BITS), open, closed: None }
    }
}

impl Slabs {
    /// The page of blocks at a page of the region, if it is one.
    #[inline]
    pub(crate) fn get(&self, page: u32) -> Option<&Slab> {
        self.pages.get(page).as_deref().filter(|slab| slab.used > 0)
    }

    /// The lowest free block of the lowest page of a class that has one, and the frame of the page.
    #[inline]
    pub(crate) fn lowest_free(&self, class: u32) -> Option<(Block, Fragment)> {
        let page = self.open[class as usize].first()?;
        let slab = self.get(page)?;
        Some((Block { page, number: slab.lowest_free()?, class }, slab.frame))
    }

    /// Makes a page one of blocks, and uses one of them for the record in `slot`.
    #[inline]
    pub(crate) fn open(&mut self, Block { page, number, class }: Block, frame: Fragment, slot: u32) {
        if self.closed != Some(page) {
            self.move_closed(page);
        }
        self.closed = None;
        let slab = self.pages.get_mut(page);
        let opened = match slab {
            Some(slab) if slab.class == class => slab,
            _ => slab.insert(Held::new(Slab::new(class, frame))),
        };
        let opened = opened.to_mut();
        opened.frame = frame;
        opened.take(number, slot);
        self.open[class as usize].insert(page);
    }

    /// Moves the storage of the page that was closed last to another page.
    #[cold]
    fn move_closed(&mut self, page: u32) {
        if let Some(closed) = self.closed {
            *self.pages.get_mut(page) = self.pages.get_mut(closed).take();
        }
    }

    /// Uses a free block for the record in `slot`.
    #[inline]
    pub(crate) fn take(&mut self, Block { page, number, class }: Block, slot: u32) {
        let slab = self.slab_mut(page);
        slab.take(number, slot);
        if slab.is_full() {
            self.open[class as usize].remove(page);
        }
    }

    /// Whether the block is the last one of its page that is used.
    #[inline]
    pub(crate) fn is_last(&self, block: Block) -> bool {
        self.get(block.page).is_some_and(|slab| slab.used == 1)
    }

    /// Gives a block back. If it was the last one, the page is none of blocks any more, and its frame is returned.
    #[inline]
    pub(crate) fn give_back(&mut self, Block { page, number, class }: Block) -> Option<Fragment> {
        let slab = self.slab_mut(page);
        let was_full = slab.is_full();
        slab.free[number as usize / u64::BITS as usize] |= 1 << (number % u64::BITS);
        slab.used -= 1;
        if slab.used == 0 {
            let frame = slab.frame;
            if let Some(closed) = self.closed.replace(page) {
                *self.pages.get_mut(closed) = None;
            }
            self.open[class as usize].remove(page);
            return Some(frame);
        }
        if was_full {
            self.open[class as usize].insert(page);
        }
        None
    }

    /// Exchanges the frame of a page of blocks.
    pub(crate) fn set_frame(&mut self, page: u32, frame: Fragment) {
        self.slab_mut(page).frame = frame;
    }

    #[inline]
    fn slab_mut(&mut self, page: u32) -> &mut Slab {
        self.pages.get_mut(page).as_mut().expect("a block's page is one of blocks").to_mut()
    }
}

impl Rest for Slabs {
    fn rest(&mut self) {
        self.pages.rest();
        self.open.rest();
    }
}

impl Rest for Slab {
    fn rest(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_page_lies_in_its_block() {
        for (class, bytes) in (0..).zip(BLOCK_BYTES) {
            assert!((0..4096).all(|offset| block_at(offset, class) == offset / bytes), "blocks of {bytes}");
        }
    }

    #[test]
    fn classes_ascend_and_waste_less_than_a_third() {
        assert!(BLOCK_BYTES.is_sorted());
        for (index, &bytes) in BLOCK_BYTES.iter().enumerate() {
            assert_eq!(bytes % 16, 0);
            let next = BLOCK_BYTES.get(index + 1);
            assert!(
                next.is_none_or(|next| 4096 / next < 4096 / bytes),
                "{bytes} is dominated by the next class"
            );
        }
        for size in 1..=MAX_BLOCK_BYTES {
            let class = class_of(size);
            let bytes = u64::from(block_bytes(class));
            let below = class.checked_sub(1).map_or(0, |below| u64::from(block_bytes(below)));
            assert!(below < size && size <= bytes, "{size} bytes in a block of {bytes}");
            assert!(size <= 16 || (bytes - size) * 3 < bytes + 48, "{size} bytes in a block of {bytes}");
        }
    }
}
