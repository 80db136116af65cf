//! Regions: all pages new, one page dirty, many pages dirty, one chunk changed.

use std::collections::BTreeMap;

use milhouse::Vector;
use peers_harness::{Error, Row, Table};
use travertine_memory::{DataCap, Page, PageBytes, PageSlot};
use tree_hash::{Hash256, TreeHash};
use typenum::{U16384, U1048576, U2097152, Unsigned};

use super::hashes::{root, vector};
use crate::content::{self, Hash, LARGEST, MEDIUM, PAGE_BYTES, page, region, scattered};
use crate::kernels::{self, ArrayTree, Hashtree, Kernel, Sha2, page_root};
use crate::milhouse_page::{Page as MilhousePage, Region};
use crate::{HASHTREE, MILHOUSE, OURS, SHA2, SSZ_RS, TREE_HASH};

const KEEPS_NO_NODES: &str = "keeps no nodes: hashes everything again, as from scratch";

pub(crate) fn measure(table: &mut Table) -> Result<(), Error> {
    from_scratch(table)?;
    table.row("one dirty page of 16,384", 1, |row| dirty_pages::<U16384>(row, &[9999]))?;
    table.row("one dirty page of 1,048,576", 1, |row| {
        row.note("a full region of 4 GiB; all pages but the dirty one are one frame, each with its own nodes above");
        dirty_pages::<U1048576>(row, &[999_999])
    })?;
    let places = |pages| {
        let mut places: Vec<u32> = scattered(1000, pages).collect();
        places.sort_unstable();
        places
    };
    table
        .row("1,000 scattered dirty pages of 16,384", 1, |row| dirty_pages::<U16384>(row, &places(MEDIUM)))?;
    table.row("1,000 scattered dirty pages of 1,048,576", 1, |row| {
        dirty_pages::<U1048576>(row, &places(LARGEST))
    })?;
    table.row("one changed chunk of 16,384 pages", 1, changed_chunk)
}

/// A page in this project's form, not hashed yet.
pub(super) fn new_page(bytes: &content::PageBytes) -> PageSlot {
    Page::new(PageBytes::starting_with(bytes)).into()
}

/// A cap of new pages that begins with these.
pub(super) fn cap(size: u64, pages: impl IntoIterator<Item = (u32, PageSlot)>) -> DataCap {
    DataCap::from_pages(size, pages).expect("the pages fit")
}

fn bytes_of(pages: u32) -> u64 {
    u64::from(pages) * PAGE_BYTES as u64
}

/// Folds what was written into the cap, and brings its root up to date.
fn settle(mut cap: DataCap) -> DataCap {
    cap.flush();
    cap.root().expect("the cap is clean");
    cap
}

/// What the root of a peer's vector of pages is to be compared with: our cap's root is over its size, too.
fn pages_root(cap: &DataCap) -> Hash {
    cap.backing().pages_root()
}

fn from_scratch(table: &mut Table) -> Result<(), Error> {
    table.row("64 MiB from scratch", 1, |row| {
        let flat = region(MEDIUM);
        let pages = flat.as_chunks::<PAGE_BYTES>().0;
        let slots = || (0..).zip(pages.iter().map(new_page)).collect::<Vec<_>>();
        row.measure(OURS, slots, |slots| settle(cap(bytes_of(MEDIUM), slots)), pages_root)?;
        kernel_from_scratch::<Hashtree>(row, HASHTREE, pages)?;
        kernel_from_scratch::<Sha2>(row, SHA2, pages)?;
        row.measure(TREE_HASH, || &flat, |flat| tree_hash::merkle_root(flat, 0).0, |root| *root)?;
        let milhouse_pages = || pages.iter().map(MilhousePage::new).collect();
        let milhouse = |pages| {
            let region: Region<U16384> = Vector::new(pages).expect("there are as many");
            region.tree_hash_root();
            region
        };
        row.measure(MILHOUSE, milhouse_pages, milhouse, |region| region.tree_hash_root().0)?;
        let vectors = pages.iter().map(|page| vector::<PAGE_BYTES>(page)).collect::<Result<Vec<_>, _>>()?;
        let mut ssz_rs: ssz_rs::Vector<_, { MEDIUM as usize }> =
            vectors.try_into().map_err(|_| "a vector of another length")?;
        row.measure(SSZ_RS, || (), |()| root(&mut ssz_rs), |root| *root)
    })
}

fn kernel_from_scratch<K: Kernel>(
    row: &mut Row<Hash>,
    column: &'static str,
    pages: &[content::PageBytes],
) -> Result<(), Error> {
    let run = |()| kernels::root::<K>(&pages.iter().map(page_root::<K>).collect::<Vec<_>>());
    row.measure(column, || (), run, |root| *root)
}

/// Pages at ascending places of a region of `N` pages get other contents. All others are the same page.
fn dirty_pages<N: Unsigned>(row: &mut Row<Hash>, places: &[u32]) -> Result<(), Error> {
    let contents: Vec<_> = (0..).zip(places).map(|(seed, &place)| (place, page(seed + 1))).collect();
    let old = page(0);
    let frame = new_page(&old);
    let full = cap(bytes_of(N::U32), (0..N::U32).map(|index| (index, frame.clone())));
    let written = || {
        let mut cap = full.clone();
        for (place, content) in &contents {
            cap.write(*place, new_page(content)).expect("the page is in the cap");
        }
        cap
    };
    full.root()?;
    row.measure(OURS, written, settle, pages_root)?;
    dirty_leaves::<Hashtree>(row, HASHTREE, N::USIZE, &old, &contents)?;
    dirty_leaves::<Sha2>(row, SHA2, N::USIZE, &old, &contents)?;
    row.absent(TREE_HASH, KEEPS_NO_NODES);
    let full: Region<N> =
        Vector::new(vec![MilhousePage::new(&old); N::USIZE]).map_err(|error| format!("{error:?}"))?;
    full.tree_hash_root();
    let written = || {
        let mut region = full.clone();
        for (place, content) in &contents {
            *region.get_mut(*place as usize).expect("the page is there") = MilhousePage::new(content);
        }
        region
    };
    row.measure(MILHOUSE, written, apply, |region| region.tree_hash_root().0)?;
    row.absent(SSZ_RS, KEEPS_NO_NODES);
    Ok(())
}

/// Applies updates to a vector of `milhouse`, and brings its root up to date.
fn apply<T: milhouse::Value + Send + Sync, N: Unsigned>(
    mut vector: Vector<T, N, BTreeMap<usize, T>>,
) -> Vector<T, N, BTreeMap<usize, T>> {
    vector.apply_updates().expect("the updates are in the vector");
    vector.tree_hash_root();
    vector
}

fn dirty_leaves<K: Kernel>(
    row: &mut Row<Hash>,
    column: &'static str,
    pages: usize,
    old: &content::PageBytes,
    contents: &[(u32, content::PageBytes)],
) -> Result<(), Error> {
    let mut tree = ArrayTree::<K>::filled(page_root::<K>(old), pages);
    let update =
        |()| tree.update(contents.iter().map(|(place, content)| (*place as usize, page_root::<K>(content))));
    row.measure(column, || (), update, |root| *root)
}

/// One chunk of a page that has been written before gets another content.
fn changed_chunk(row: &mut Row<Hash>) -> Result<(), Error> {
    const PLACE: u32 = 9999;
    const CHUNK: usize = 77;
    const CHUNKS: usize = PAGE_BYTES / 32;
    let place = PLACE as usize * CHUNKS + CHUNK;
    let old = page(0);
    let mut new = old;
    new[CHUNK * 32..][..32].fill(7);
    let (old_chunks, chunk) = (old.as_chunks::<32>().0, [7; 32]);

    // A page that replaced another keeps nodes of its inside.
    let (frame, other) = (new_page(&old), new_page(&page(1)));
    let pages = (0..MEDIUM).map(|index| (index, if index == PLACE { other.clone() } else { frame.clone() }));
    let mut full = cap(bytes_of(MEDIUM), pages);
    full.write(PLACE, new_page(&old))?;
    let full = settle(full);
    let written = || {
        let mut cap = full.clone();
        cap.write(PLACE, new_page(&new)).expect("the page is in the cap");
        cap
    };
    row.measure(OURS, written, settle, pages_root)?;

    let leaves: Vec<Hash> = old_chunks.iter().copied().cycle().take(MEDIUM as usize * CHUNKS).collect();
    kernel_chunk::<Hashtree>(row, HASHTREE, &leaves, place)?;
    kernel_chunk::<Sha2>(row, SHA2, &leaves, place)?;
    row.absent(TREE_HASH, KEEPS_NO_NODES);
    let leaves: Vec<Hash256> = leaves.into_iter().map(Hash256::from).collect();
    let full: Vector<Hash256, U2097152, BTreeMap<usize, Hash256>> =
        Vector::new(leaves).map_err(|error| format!("{error:?}"))?;
    full.tree_hash_root();
    let written = || {
        let mut vector = full.clone();
        *vector.get_mut(place).expect("the chunk is there") = Hash256::from(chunk);
        vector
    };
    row.measure(MILHOUSE, written, apply, |vector| vector.tree_hash_root().0)?;
    row.absent(SSZ_RS, KEEPS_NO_NODES);
    row.note(
        "the peers have chunks for leaves here, and so write 32 bytes; ours is given a new page of 4 KiB",
    );
    Ok(())
}

fn kernel_chunk<K: Kernel>(
    row: &mut Row<Hash>,
    column: &'static str,
    leaves: &[Hash],
    place: usize,
) -> Result<(), Error> {
    let mut tree = ArrayTree::<K>::filled([0; 32], leaves.len());
    tree.update(leaves.iter().copied().enumerate());
    row.measure(column, || (), |()| tree.update([(place, [7; 32])].into_iter()), |root| *root)
}
