//! Size classes: of blocks, which share slabs, and of free runs, by which the index finds them.

use crate::layout::{PAGE_BYTES, SLAB_BLOCKS, SLAB_PAGES, UNIT_BYTES};

/// Units in the smallest block.
const MIN_UNITS: u32 = 2;
/// Up to this many units there is a class for each count of units.
const LINEAR_UNITS: u32 = 8;
/// Above, there are `1 << STEP_BITS` classes for each doubling.
const STEP_BITS: u32 = 3;
const STEPS: u32 = 1 << STEP_BITS;
const LINEAR_CLASSES: u32 = LINEAR_UNITS - MIN_UNITS + 1;

/// Units in a page.
pub(crate) const PAGE_UNITS: u32 = PAGE_BYTES / UNIT_BYTES;
/// Units in the largest block that shares a slab: 8 pages.
const MAX_SMALL_UNITS: u32 = 8 * PAGE_UNITS;
/// Bytes in that block.
pub(crate) const MAX_SMALL_BYTES: u64 = (MAX_SMALL_UNITS * UNIT_BYTES) as u64;
/// The number of classes of blocks.
pub(crate) const CLASSES: usize =
    (LINEAR_CLASSES + STEPS * (MAX_SMALL_UNITS.ilog2() - LINEAR_UNITS.ilog2())) as usize;
/// Blocks that a page can have at the most, and so the words that stand ready for each page.
pub(crate) const PAGE_BLOCKS: u32 = PAGE_UNITS / MIN_UNITS;

/// What a slab of a class looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Units in a block.
    pub(crate) units: u32,
    /// Blocks in the slab.
    pub(crate) blocks: u32,
    /// Pages of the slab.
    pub(crate) pages: u32,
}

/// The slabs of each class.
pub(crate) const SHAPES: [Shape; CLASSES] = {
    let mut shapes = [Shape { units: 0, blocks: 0, pages: 0 }; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        shapes[class] = shape(class_units(class));
        class += 1;
    }
    shapes
};

#[allow(clippy::cast_possible_truncation, reason = "there are fewer than 256 classes")]
const fn class_units(class: usize) -> u32 {
    let class = class as u32;
    if class < LINEAR_CLASSES {
        return class + MIN_UNITS;
    }
    let above = class - LINEAR_CLASSES;
    (STEPS + 1 + above % STEPS) << (above / STEPS)
}

const fn shape(units: u32) -> Shape {
    let wanted = SLAB_PAGES * PAGE_UNITS / units;
    let wanted = if wanted < SLAB_BLOCKS { SLAB_BLOCKS } else { wanted };
    let pages = (wanted * units).div_ceil(PAGE_UNITS);
    Shape { units, blocks: pages * PAGE_UNITS / units, pages }
}

/// The class of the smallest blocks that have `bytes`, or `None` above [`MAX_SMALL_BYTES`].
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "small sizes and classes")]
pub(crate) fn class_of(bytes: u64) -> Option<u8> {
    if bytes > MAX_SMALL_BYTES {
        return None;
    }
    let units = (bytes as u32).div_ceil(UNIT_BYTES).max(MIN_UNITS);
    if units <= LINEAR_UNITS {
        return Some((units - MIN_UNITS) as u8);
    }
    let doubling = (units - 1).ilog2() - LINEAR_UNITS.ilog2();
    let step = ((units - 1) >> doubling) - STEPS;
    Some((LINEAR_CLASSES + STEPS * doubling + step) as u8)
}

/// The slabs of a class that a word of the segment names, if there is such a class.
pub(crate) fn shape_of(class: u8) -> Option<&'static Shape> {
    SHAPES.get(usize::from(class))
}

/// The class of a run: all runs of a class are at least as long as its shortest.
pub(crate) fn length_class(pages: u32) -> u32 {
    if pages < STEPS {
        return pages;
    }
    let doubling = pages.ilog2() - STEP_BITS;
    STEPS + STEPS * doubling + (pages >> doubling) - STEPS
}

/// The first class all of whose runs have at least `pages`.
pub(crate) fn length_class_above(pages: u32) -> u32 {
    // Only the shortest run of a class has a smaller one in the class below.
    length_class(pages - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_are_those_of_the_design() {
        let sizes: Vec<u32> = SHAPES.iter().map(|shape| shape.units * UNIT_BYTES).collect();
        assert_eq!(sizes[..9], [32, 48, 64, 80, 96, 112, 128, 144, 160]);
        assert_eq!((sizes[15], sizes[CLASSES - 1], CLASSES), (288, 32 << 10, 71));
        assert!(sizes.is_sorted() && SHAPES.iter().all(|shape| shape.blocks <= shape.pages * PAGE_BLOCKS));
        let waste =
            |shape: &Shape| f64::from(shape.blocks * shape.units) / f64::from(shape.pages * PAGE_UNITS);
        assert!(SHAPES.iter().all(|shape| waste(shape) > 0.9));
    }

    #[test]
    fn a_size_gets_the_smallest_class_that_holds_it() {
        let mut class = 0;
        for bytes in 0..=MAX_SMALL_BYTES {
            if bytes > u64::from(SHAPES[class].units * UNIT_BYTES) {
                class += 1;
            }
            assert_eq!(class_of(bytes).map(usize::from), Some(class), "{bytes} bytes");
        }
        assert_eq!((class, class_of(MAX_SMALL_BYTES + 1), class_of(u64::MAX)), (CLASSES - 1, None, None));
    }

    /// The third defect of the source: without rounding up, a search returns less than was asked for.
    #[test]
    fn a_search_that_is_rounded_up_never_finds_a_shorter_run() {
        for wanted in 1..5000 {
            let first = length_class_above(wanted);
            let shortest = (1..10_000).find(|&pages| length_class(pages) >= first).unwrap();
            assert!(shortest >= wanted && shortest - wanted <= wanted / 8, "{wanted} pages: {shortest}");
            assert!(length_class(wanted) <= length_class(wanted + 1));
        }
    }
}
