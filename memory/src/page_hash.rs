//! Leaves of pages: many at a time, and only what has changed of a page that replaces another.

use travertine_merkle::{Hash, ZERO_HASH, hash_pairs};

use crate::page::{PAGE_BYTES, Page};
use crate::parallel::for_each_part;

/// The nodes four levels below a page's leaf, each over 8 chunks. They cost an eighth of a page to keep, and let one changed
/// chunk cost 22 hashes instead of 127; all nodes inside of a page would cost as much as the page, and let it cost 7.
pub(crate) type GroupRoots = [Hash; GROUPS];
const GROUPS: usize = 16;
const GROUP_CHUNKS: usize = 8;
const _: () = assert!(GROUPS * GROUP_CHUNKS * size_of::<Hash>() == PAGE_BYTES);

/// Pages that are worth a thread of their own.
const PAGES_PER_THREAD: usize = 32;
/// Pages that are hashed side by side: enough for the widest kernel in all layers, and few enough for a near cache.
const BATCH: usize = 16;

/// Computes the leaves of pages that have none yet. None of them is all zero. With each page comes the one that it replaces.
pub(crate) fn hash_pages<'a>(pages: impl Iterator<Item = (&'a Page, Option<&'a Page>)>) {
    let pages: Vec<_> = pages.filter(|(page, _)| !page.is_hashed()).collect();
    for_each_part(&pages, PAGES_PER_THREAD, |part| part.chunks(BATCH).for_each(hash_batch));
}

fn hash_batch(batch: &[(&Page, Option<&Page>)]) {
    // A frame may stand in many places: an earlier batch may have hashed it.
    let batch: Vec<_> = batch.iter().filter(|(page, _)| !page.is_hashed()).collect();
    let mut roots: Vec<GroupRoots> = Vec::with_capacity(batch.len());
    let mut changed = Vec::new();
    let mut chunks: Vec<Hash> = Vec::new();
    for (index, (page, old)) in batch.iter().enumerate() {
        let known = old.and_then(|old| Some((groups(old), old.group_roots()?)));
        roots.push(known.map_or([ZERO_HASH; GROUPS], |(_, roots)| *roots));
        for (group, new) in groups(page).iter().enumerate() {
            if known.is_none_or(|(old, _)| old[group] != *new) {
                changed.push((index, group));
                chunks.extend(new);
            }
        }
    }
    for ((index, group), root) in changed.into_iter().zip(climb(chunks, 3)) {
        roots[index][group] = root;
    }
    let leaves = climb(roots.concat(), 4);
    for (((page, old), roots), leaf) in batch.iter().zip(roots).zip(leaves) {
        if old.is_some() {
            page.set_group_roots(&roots);
        }
        page.set_leaf(leaf);
    }
}

fn groups(page: &Page) -> &[[Hash; GROUP_CHUNKS]] {
    page.bytes().as_chunks().0.as_chunks().0
}

/// The layer `levels` above these nodes.
fn climb(mut layer: Vec<Hash>, levels: u32) -> Vec<Hash> {
    for _ in 0..levels {
        let mut above = vec![ZERO_HASH; layer.len() / 2];
        hash_pairs(&layer, &mut above);
        layer = above;
    }
    layer
}

#[cfg(test)]
mod tests {
    use travertine_merkle::page_leaf;

    use super::*;
    use crate::page::PageBytes;

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
            for change in 0..step % 4 {
                bytes[(step * 977 + change * 1500) % PAGE_BYTES] ^= 1;
            }
            let new = Page::new(bytes);
            hash_pages([(&new, Some(&old))].into_iter());
            assert_eq!(new.leaf(), page_leaf(new.bytes()), "step {step}");
            assert!(new.group_roots().is_some());
            old = new;
        }
    }
}
