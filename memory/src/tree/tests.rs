//! What updates, resizing and rebasing share, and what they hash.

use travertine_merkle::{hash_pair, layout, zero_hash};

use super::*;
use crate::page::PageBytes;
use crate::slab::{PageChange, PageSlab};

/// Branches of a subtree, and those among them that have not been hashed.
fn count(node: &Node) -> (usize, usize) {
    let Node::Branch(branch, ..) = node else { return (0, 0) };
    let ((left, left_pending), (right, right_pending)) = (count(&branch.left), count(&branch.right));
    let pending = usize::from(branch.hash.get().is_none());
    (left + right + 1, left_pending + right_pending + pending)
}

/// Branches of `new` that are not those of `old`.
fn fresh(old: &Node, new: &Node) -> usize {
    let Node::Branch(branch, ..) = new else { return 0 };
    if matches!(old, Node::Branch(before, ..) if Arc::ptr_eq(before, branch)) {
        return 0;
    }
    let (left, right) = old.halves();
    1 + fresh(left, &branch.left) + fresh(right, &branch.right)
}

fn slot(value: u8) -> PageSlot {
    PageSlot::Loaded(Page::new(PageBytes::starting_with(&[value])))
}

fn with_pages(
    slab: &PageSlab,
    writes: impl IntoIterator<Item = (u32, PageSlot)>,
) -> (PageSlab, Vec<PageChange>) {
    let mut changes = Vec::new();
    (slab.with_pages(writes, |change| changes.push(change)), changes)
}

fn full_region(pages: &[u32]) -> PageSlab {
    let writes: Vec<_> = pages.iter().map(|&page| (page, slot(1))).collect();
    with_pages(&PageSlab::empty(layout::REGION_BYTES).unwrap(), writes).0
}

#[test]
fn nodes_are_small() {
    assert_eq!(size_of::<Node>(), 16);
    assert_eq!(size_of::<Branch>(), 72);
}

#[test]
fn a_full_region_with_one_page_is_one_path() {
    let empty = full_region(&[]);
    assert_eq!(empty.pages_root(), *zero_hash(20));
    assert_eq!(count(empty.tree()), (0, 0));
    for page in [0, 1, 0x8_0000, 0xF_FFFF] {
        let slab = full_region(&[page]);
        assert_eq!(count(slab.tree()), (20, 20));
        let mut expected = slab.slot(page).leaf();
        for level in 0..20 {
            let zero = zero_hash(level);
            expected =
                if page >> level & 1 == 0 { hash_pair(&expected, zero) } else { hash_pair(zero, &expected) };
        }
        assert_eq!(slab.pages_root(), expected);
        assert_eq!(count(slab.tree()), (20, 0));
    }
}

#[test]
fn an_update_copies_and_hashes_one_path_of_many() {
    let pages: Vec<u32> = (0..1000).map(|i| i * 1000).collect();
    let before = full_region(&pages);
    before.pages_root();
    let (after, changes) = with_pages(&before, [(500_000, slot(2))]);
    assert_eq!(changes.len(), 1);
    assert_eq!(fresh(before.tree(), after.tree()), 20);
    assert_eq!(count(after.tree()).1, 20, "only the path is hashed again");
    assert_ne!(after.pages_root(), before.pages_root());

    let (two, _) = with_pages(&before, [(0, slot(2)), (999_000, slot(2))]);
    assert_eq!(fresh(before.tree(), two.tree()), 39, "two paths that share the root");
}

#[test]
fn what_is_written_but_not_changed_costs_no_node() {
    let slab = full_region(&[3, 70, 5000]);
    slab.pages_root();
    let writes =
        [(3, slot(1)), (4, slot(0)), (70, PageSlot::Missing(slot(1).leaf())), (9999, PageSlot::Empty)];
    let (same, changes) = with_pages(&slab, writes);
    assert_eq!(changes, []);
    assert_eq!(fresh(slab.tree(), same.tree()), 0);
}

#[test]
fn zeroed_pages_leave_nothing_behind() {
    let slab = full_region(&[3, 70, 5000]);
    let zeros = [(3, slot(0)), (70, PageSlot::Missing(*zero_hash(0))), (5000, PageSlot::Empty)];
    let (empty, changes) = with_pages(&slab, zeros);
    assert_eq!(changes.iter().map(|change| change.page).collect::<Vec<_>>(), [3, 70, 5000]);
    assert!(matches!(empty.tree(), Node::Empty));
}

#[test]
fn walks_skip_what_is_absent_and_outside() {
    let slab = full_region(&[3, 70, 5000, 0xF_FFFF]);
    let pages = |range| slab.pages_in(range).map(|(page, _)| page).collect::<Vec<_>>();
    assert_eq!(pages(0..u32::MAX), [3, 70, 5000, 0xF_FFFF]);
    assert_eq!(pages(4..5000), [70]);
    assert_eq!(pages(70..5001), [70, 5000]);
    assert!(pages(71..71).is_empty());
    let (slab, _) = with_pages(&slab, [(0, PageSlot::Missing([8; 32])), (70, PageSlot::Missing([7; 32]))]);
    let missing = |range| slab.missing_in(range).map(|(page, _)| page).collect::<Vec<_>>();
    assert_eq!(missing(0..u32::MAX), [0, 70]);
    assert!(missing(1..70).is_empty());
    let (slab, _) = with_pages(&slab, [(0, slot(0)), (70, slot(1))]);
    assert!(!slab.tree().has_missing());
}

#[test]
fn hashes_do_not_depend_on_the_number_of_threads() {
    // More than one thread's worth of pages and, a level higher, of branches.
    let many: Vec<u32> = (0..20_000).map(|i| i * 50).collect();
    let slab = full_region(&many);
    let mut layer: Vec<Hash> = (0..1 << 20)
        .map(|page| if page % 50 == 0 && page < 1_000_000 { slot(1).leaf() } else { *zero_hash(0) })
        .collect();
    for _ in 0..20 {
        layer = layer.chunks(2).map(|pair| hash_pair(&pair[0], &pair[1])).collect();
    }
    assert_eq!(slab.pages_root(), layer[0]);
}

#[test]
fn resizing_copies_one_path() {
    let pages: Vec<u32> = (0..1000).map(|i| i * 1000).collect();
    let slab = full_region(&pages);
    slab.pages_root();
    let shorter = slab.resized(700_001 * 4096).unwrap();
    assert!(fresh(slab.tree(), shorter.tree()) <= 20);
    assert_eq!(shorter.pages().count(), 701);
    let grown = shorter.resized(layout::REGION_BYTES).unwrap();
    assert_eq!(fresh(shorter.tree(), grown.tree()), 0, "of the same depth");
    let half = slab.resized(layout::REGION_BYTES / 2).unwrap();
    assert!(fresh(slab.tree().halves().0, half.tree()) == 0, "the left half as it is");
    let one = slab.resized(4096).unwrap();
    assert_eq!((one.depth(), one.pages_root()), (0, slot(1).leaf()));
    let grown = one.resized(layout::REGION_BYTES).unwrap();
    assert_eq!((count(grown.tree()), grown.pages_root()), ((20, 20), full_region(&[0]).pages_root()));
    assert!(matches!(full_region(&[9]).resized(9 * 4096).unwrap().tree(), Node::Empty));
}

#[test]
fn rebasing_shares_all_that_is_equal() {
    let pages: Vec<u32> = (0..1000).map(|i| i * 1000).collect();
    let (base, loaded) = (full_region(&pages), full_region(&pages));
    assert_eq!(fresh(base.tree(), loaded.rebased(&base).tree()), 0, "equal slabs become one");
    let (changed, _) = with_pages(&loaded, [(500_000, slot(2)), (500_001, slot(3))]);
    let rebased = changed.rebased(&base);
    assert_eq!(fresh(base.tree(), rebased.tree()), 20, "the path to what differs");
    assert_eq!(count(rebased.tree()).1, 0, "with its hashes");
    assert_eq!(rebased.pages_root(), changed.pages_root());
    assert_eq!(fresh(rebased.tree(), rebased.rebased(&base).tree()), 0, "once is enough");

    // Of another size: the pages that both have.
    let longer = base.resized(layout::REGION_BYTES / 4).unwrap();
    for (slab, other) in [(&loaded, &longer), (&longer, &loaded)] {
        let rebased = slab.rebased(other);
        assert_eq!((rebased.size(), rebased.root()), (slab.size(), slab.root()));
        let common = |slab: &PageSlab| slab.tree().descend(slab.depth() - 18, 0).clone();
        assert_eq!(fresh(&common(other), &common(&rebased)), 0);
    }
}
