//! Leaves of pages: many at a time, and of a page that is written again and again only what has changed.

use std::collections::BTreeSet;

use travertine_merkle::{Hash, ZERO_HASH, hash_pairs, page_leaves};

use crate::page::{PAGE_BYTES, Page};
use crate::parallel::for_each_part;

/// The nodes four levels below a page's leaf, each over 8 chunks. They cost an eighth of a page to keep, and let one changed
/// chunk cost 7 + 15 hashes instead of 127.
pub(crate) type GroupRoots = [Hash; GROUPS];
const GROUPS: usize = 16;
const GROUP_CHUNKS: usize = 8;
const _: () = assert!(GROUPS * GROUP_CHUNKS * size_of::<Hash>() == PAGE_BYTES);

/// With more changed groups than this a wide kernel is faster over the whole page.
const FEW_GROUPS: usize = 5;
/// Pages that are worth a thread of their own. Starting one takes as long as hashing about 20 pages: two threads break even at
/// 64 pages together and take three quarters of the time at 128 (`cargo bench -p travertine-memory --bench slab -- threads`).
const PAGES_PER_THREAD: usize = 64;
/// Pages that are hashed side by side: enough for the widest kernel, and few enough for a near cache.
const BATCH: usize = 32;

/// Computes the leaves of pages that have none yet. With each page comes the one that it replaces: a page that replaces one
/// may be replaced soon, so the roots of its groups are kept for the next one.
pub(crate) fn hash_pages<'a>(pages: impl Iterator<Item = (&'a Page, Option<&'a Page>)>) {
    let (mut fresh, mut replacing, mut met) = (Vec::new(), Vec::new(), BTreeSet::new());
    // A page that stands in many places is hashed once: nobody has paid for more.
    for (page, old) in
        pages.filter(|(page, _)| !page.is_hashed() && page.place().is_none_or(|place| met.insert(place)))
    {
        match old {
            None => fresh.push(page),
            Some(old) => replacing.push((page, old)),
        }
    }
    for_each_part(&fresh, PAGES_PER_THREAD, |part| part.chunks(BATCH).for_each(hash_fresh));
    for_each_part(&replacing, PAGES_PER_THREAD, |part| {
        for (page, old) in part {
            hash_replacing(page, old);
        }
    });
}

fn hash_fresh(batch: &[&Page]) {
    let bytes: Vec<&[u8; PAGE_BYTES]> = batch.iter().map(|page| &**page.bytes()).collect();
    let mut leaves = [ZERO_HASH; BATCH];
    page_leaves(&bytes, &mut leaves[..batch.len()]);
    batch.iter().zip(leaves).for_each(|(page, leaf)| page.set_leaf(leaf));
}

fn hash_replacing(page: &Page, old: &Page) {
    let groups = old
        .group_roots()
        .and_then(|roots| changed_groups(page, old, roots))
        .unwrap_or_else(|| layer(&layer::<32>(&layer::<64>(page.bytes().as_chunks().0))));
    let [leaf] = layer(&layer::<2>(&layer::<4>(&layer::<8>(&groups))));
    page.set_group_roots(&groups);
    page.set_leaf(leaf);
}

/// The roots of the page's groups, from those of the page that it replaces, if few have changed.
fn changed_groups(page: &Page, old: &Page, roots: &GroupRoots) -> Option<GroupRoots> {
    let (new, old) = (groups(page), groups(old));
    let mut changed = [0; FEW_GROUPS];
    let mut count = 0;
    for group in (0..GROUPS).filter(|&group| new[group] != old[group]) {
        *changed.get_mut(count)? = group;
        count += 1;
    }
    let mut roots = *roots;
    for &group in &changed[..count] {
        [roots[group]] = layer(&layer::<2>(&layer::<4>(&new[group])));
    }
    Some(roots)
}

fn groups(page: &Page) -> &[[Hash; GROUP_CHUNKS]] {
    page.bytes().as_chunks().0.as_chunks().0
}

/// The layer of `N` nodes above twice as many.
fn layer<const N: usize>(below: &[Hash]) -> [Hash; N] {
    let mut layer = [ZERO_HASH; N];
    hash_pairs(below, &mut layer);
    layer
}

#[cfg(test)]
mod tests {
    use travertine_merkle::page_leaf;

    use super::*;
    use crate::page::PageBytes;

    #[test]
    fn what_is_kept_with_a_page_is_small() {
        // With the reference counts, 80 bytes for each page of 4,096; and 512 for one that is written again.
        assert_eq!(Page::RECORD_BYTES, 64);
        assert_eq!(size_of::<GroupRoots>(), 512);
    }

    fn page(seed: u8) -> Box<PageBytes> {
        let mut page = PageBytes::zeroed();
        page.iter_mut().zip(0_u32..).for_each(|(byte, i)| *byte = i.wrapping_mul(31).to_le_bytes()[0] ^ seed);
        page
    }

    #[test]
    fn many_pages_have_the_leaves_of_each() {
        let pages: Vec<Page> = (0..150).map(|seed| Page::new(page(seed))).collect();
        // Some twice, some hashed before.
        pages[3].leaf();
        hash_pages(pages.iter().chain(&pages[..40]).map(|page| (page, None)));
        for page in &pages {
            assert_eq!(page.leaf(), page_leaf(page.bytes()));
            assert!(page.group_roots().is_none(), "only pages that are written again keep their inner nodes");
        }
    }

    #[test]
    fn a_changed_page_has_the_leaf_of_its_bytes() {
        let mut old = Page::new(page(1));
        for step in 0..200_usize {
            let mut bytes = Box::new(old.bytes().clone());
            for change in 0..step % 9 {
                bytes[(step * 977 + change * 500) % PAGE_BYTES] ^= 1;
            }
            let new = Page::new(bytes);
            hash_pages([(&new, Some(&old))].into_iter());
            assert_eq!(new.leaf(), page_leaf(new.bytes()), "step {step}");
            assert!(new.group_roots().is_some());
            old = new;
        }
    }
}
