//! Where the frames of pages are: a radix tree over page numbers. Finding a page takes the same few steps whatever numbers a program
//! chooses.

use std::ops::RangeInclusive;

/// Bits of a page number that each level decides by, and children of a node: on the lowest level, the pages of four planes.
const DIGIT_BITS: u32 = 6;
const CHILDREN: u32 = 1 << DIGIT_BITS;
/// Page numbers have 28 bits.
const MOST: u32 = (1 << 28) - 1;
/// Levels of nodes.
const LEVELS: u32 = MOST.ilog2() / DIGIT_BITS + 1;

/// Numbers of nodes; on the lowest level, those of frames, plus one. 0 is nothing: no node leads to the root.
type Node = [u32; CHILDREN as usize];
const NOTHING: Node = [0; CHILDREN as usize];

/// A map from page numbers, below 2^28, to frames, below 2^32 - 1.
#[derive(Debug, Clone)]
pub(crate) struct PageIndex {
    /// The first one is the root.
    nodes: Vec<Node>,
    /// Nodes that are not in use; they hold nothing.
    unused: Vec<u32>,
}

impl Default for PageIndex {
    fn default() -> Self {
        // Room for a few regions.
        let mut nodes = Vec::with_capacity(32);
        nodes.push(NOTHING);
        Self { nodes, unused: Vec::new() }
    }
}

/// Which child of a node of this level a page belongs to; the lowest level is 0.
fn digit(page_number: u32, level: u32) -> usize {
    (page_number >> (level * DIGIT_BITS) & (CHILDREN - 1)) as usize
}

impl PageIndex {
    /// The frame of a page.
    #[inline]
    pub(crate) fn get(&self, page_number: u32) -> Option<u32> {
        if page_number > MOST {
            return None;
        }
        let mut node = 0;
        for level in (1..LEVELS).rev() {
            node = self.nodes[node as usize][digit(page_number, level)];
            if node == 0 {
                return None;
            }
        }
        self.nodes[node as usize][digit(page_number, 0)].checked_sub(1)
    }

    /// Lets a page have this frame from now on.
    pub(crate) fn insert(&mut self, page_number: u32, frame: u32) {
        assert!(page_number <= MOST, "addresses have 40 bits");
        let mut node = 0;
        for level in (1..LEVELS).rev() {
            let place = digit(page_number, level);
            let mut next = self.nodes[node as usize][place];
            if next == 0 {
                next = self.new_node();
                self.nodes[node as usize][place] = next;
            }
            node = next;
        }
        self.nodes[node as usize][digit(page_number, 0)] = frame + 1;
    }

    fn new_node(&mut self) -> u32 {
        self.unused.pop().unwrap_or_else(|| {
            self.nodes.push(NOTHING);
            u32::try_from(self.nodes.len() - 1).expect("there are at most 2^28 planes and groups of planes")
        })
    }

    /// Takes a page out, and gives its frame. Nodes that hold nothing then are not walked later.
    pub(crate) fn remove(&mut self, page_number: u32) -> Option<u32> {
        let frame = self.get(page_number)?;
        self.clear(0, page_number, LEVELS - 1);
        Some(frame)
    }

    /// Takes a page that is there out of a node; tells whether that holds nothing now.
    fn clear(&mut self, node: u32, page_number: u32, level: u32) -> bool {
        let place = digit(page_number, level);
        let next = self.nodes[node as usize][place];
        if level == 0 || self.clear(next, page_number, level - 1) {
            self.nodes[node as usize][place] = 0;
            if level > 0 {
                self.unused.push(next);
            }
        }
        self.nodes[node as usize] == NOTHING
    }

    /// Pages and frames of a range, ascending by page.
    pub(crate) fn range(&self, page_numbers: RangeInclusive<u32>) -> impl Iterator<Item = (u32, u32)> {
        let (mut next, last) = (*page_numbers.start(), (*page_numbers.end()).min(MOST));
        let mut leaf = &NOTHING;
        let mut end_of_leaf = next;
        std::iter::from_fn(move || {
            while next <= last {
                if next == end_of_leaf {
                    (next, leaf) = self.seek(next).filter(|&(page, _)| page <= last)?;
                    end_of_leaf = (next | (CHILDREN - 1)) + 1;
                }
                while next < end_of_leaf.min(last + 1) {
                    let page = next;
                    next += 1;
                    if let Some(frame) = leaf[digit(page, 0)].checked_sub(1) {
                        return Some((page, frame));
                    }
                }
            }
            None
        })
    }

    /// The first page from this one on whose lowest node is there, and that node.
    fn seek(&self, page_number: u32) -> Option<(u32, &Node)> {
        self.seek_in(0, page_number, LEVELS - 1)
    }

    fn seek_in(&self, node: u32, page_number: u32, level: u32) -> Option<(u32, &Node)> {
        let here = &self.nodes[node as usize];
        if level == 0 {
            return Some((page_number, here));
        }
        // The first pages of the children, and the children, from that of the page on.
        let size = 1 << (level * DIGIT_BITS);
        let starts = (page_number & !(size * CHILDREN - 1)..).step_by(size as usize);
        let children = starts.zip(here).skip(digit(page_number, level)).filter(|&(_, &child)| child > 0);
        let mut children = children.map(|(start, &child)| (start.max(page_number), child));
        children.find_map(|(from, child)| self.seek_in(child, from, level - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Few numbers, near and far from each other, at the edges of nodes.
    fn page() -> impl Strategy<Value = u32> {
        let part = || prop::sample::select(vec![0_u32, 1, 7, 15, 16, 17, 255, 256, 4095, (1 << 20) - 1]);
        (part(), 0_u32..3, prop::sample::select(vec![0_u32, 3, 255]))
            .prop_map(|(low, middle, region)| low ^ (middle << 9) | (region << 20))
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_map(steps in prop::collection::vec((page(), page(), 0_u32..3), 1..60)) {
            let (mut index, mut map) = (PageIndex::default(), BTreeMap::new());
            for (frame, (page, other, act)) in (0_u32..).zip(steps) {
                if act == 0 {
                    prop_assert_eq!(index.remove(page), map.remove(&page));
                } else {
                    index.insert(page, frame);
                    map.insert(page, frame);
                }
                prop_assert_eq!(index.get(other), map.get(&other).copied());
                let range = page.min(other)..=page.max(other);
                let found: Vec<_> = index.range(range.clone()).collect();
                prop_assert_eq!(found, map.range(range).map(|(&page, &frame)| (page, frame)).collect::<Vec<_>>());
            }
            prop_assert_eq!(index.get(MOST + 1), None);
            for &page in map.keys() {
                index.remove(page);
            }
            prop_assert_eq!(index.nodes.len() - 1, index.unused.len(), "all nodes can be used again");
        }
    }
}
