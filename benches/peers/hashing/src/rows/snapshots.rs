//! Writing a region into memory, and loading it from there up to its root.

use std::sync::Arc;

use milhouse::Vector;
use peers_harness::{Error, Row, Table};
use ssz::{Decode, Encode};
use ssz_rs::{Deserialize, Serialize};
use travertine_memory::DataCap;
use travertine_vm::{LoadedCap, open_cap_snapshot, snapshot_cap};
use tree_hash::TreeHash;
use typenum::{U16384, U262144, Unsigned};

use super::hashes::{root, vector};
use super::regions::{cap, new_page};
use crate::content::{Hash, LARGE, MEDIUM, PAGE_BYTES, PageBytes, page, scattered};
use crate::milhouse_page::{Page, Region};
use crate::{HASHTREE, MILHOUSE, OURS, SHA2, SSZ_RS, TREE_HASH};

const OTHER_ROOT: &str = "a page of zeros has another root, and so has the region";

type SszRegion = ssz_rs::Vector<ssz_rs::Vector<u8, PAGE_BYTES>, { MEDIUM as usize }>;

pub(crate) fn measure(table: &mut Table) -> Result<(), Error> {
    let dense: Vec<_> = (0..MEDIUM).map(|index| (index, page(index))).collect();
    table.row("snapshot of 64 MiB of distinct pages", 1, |row| {
        write::<U16384>(row, &dense)?;
        let region = ssz_region(&dense)?;
        let write = |mut bytes: Vec<u8>| {
            region.serialize(&mut bytes).expect("vectors can be encoded");
            bytes
        };
        let size = ssz_bytes(&region).len();
        row.measure(SSZ_RS, memory_for(size), write, |bytes| root(&mut ssz_load(bytes)))
    })?;
    table.row("load of 64 MiB of distinct pages", 1, |row| {
        load::<U16384>(row, &dense)?;
        let bytes = ssz_bytes(&ssz_region(&dense)?);
        let load = |()| {
            let mut region = ssz_load(&bytes);
            root(&mut region)
        };
        row.measure(SSZ_RS, || (), load, |root| *root)?;
        row.note("ours checks everything but the pages, whose leaves are in the snapshot, and each page when it is touched");
        Ok(())
    })?;

    let mut places: Vec<_> = scattered(17, LARGE).collect();
    places.sort_unstable();
    let sparse: Vec<_> = places.into_iter().map(|index| (index, page(index))).collect();
    table.row("snapshot of 1 GiB with 17 pages not zero", 1, |row| {
        row.absent(SSZ_RS, OTHER_ROOT);
        write::<U262144>(row, &sparse)
    })?;
    table.row("load of 1 GiB with 17 pages not zero", 1, |row| {
        row.absent(SSZ_RS, OTHER_ROOT);
        load::<U262144>(row, &sparse)
    })
}

/// Gives empty vectors with room for so many bytes, which the system has already given to the process.
fn memory_for(bytes: usize) -> impl FnMut() -> Vec<u8> {
    move || {
        let mut memory = vec![1; bytes];
        memory.clear();
        memory
    }
}

fn our_cap<N: Unsigned>(pages: &[(u32, PageBytes)]) -> Result<DataCap, Error> {
    let slots = pages.iter().map(|(index, page)| (*index, new_page(page)));
    let cap = cap(N::U64 * PAGE_BYTES as u64, slots);
    cap.root()?;
    Ok(cap)
}

fn our_bytes(cap: &DataCap) -> Vec<u8> {
    snapshot_cap(cap, None).expect("all pages are there").to_bytes()
}

fn our_load(bytes: Arc<[u8]>) -> LoadedCap {
    open_cap_snapshot(bytes).expect("the snapshot is sound")
}

fn milhouse_region<N: Unsigned>(pages: &[(u32, PageBytes)]) -> Result<Region<N>, Error> {
    let mut all = vec![Page::new(&[0; PAGE_BYTES]); N::USIZE];
    for (index, page) in pages {
        all[*index as usize] = Page::new(page);
    }
    let region = Vector::new(all).map_err(|error| format!("{error:?}"))?;
    region.tree_hash_root();
    Ok(region)
}

fn milhouse_load<N: Unsigned>(bytes: &[u8]) -> Region<N> {
    let region = Region::from_ssz_bytes(bytes).expect("it was encoded so");
    region.tree_hash_root();
    region
}

fn write<N: Unsigned>(row: &mut Row<Hash>, pages: &[(u32, PageBytes)]) -> Result<(), Error> {
    let cap = our_cap::<N>(pages)?;
    let loaded = |bytes: &Vec<u8>| our_load(bytes.as_slice().into()).cap.backing().pages_root();
    let write = |mut bytes: Vec<u8>| {
        let snapshot = snapshot_cap(&cap, None).expect("all pages are there");
        snapshot.write_to(&mut bytes).expect("there is memory");
        bytes
    };
    row.measure(OURS, memory_for(our_bytes(&cap).len()), write, loaded)?;
    no_encoding(row);
    let region = milhouse_region::<N>(pages)?;
    let loaded = |bytes: &Vec<u8>| milhouse_load::<N>(bytes).tree_hash_root().0;
    let write = |mut bytes: Vec<u8>| {
        region.ssz_append(&mut bytes);
        bytes
    };
    row.measure(MILHOUSE, memory_for(region.ssz_bytes_len()), write, loaded)
}

fn load<N: Unsigned>(row: &mut Row<Hash>, pages: &[(u32, PageBytes)]) -> Result<(), Error> {
    let bytes: Arc<[u8]> = our_bytes(&our_cap::<N>(pages)?).into();
    row.measure(OURS, || bytes.clone(), our_load, |loaded| loaded.cap.backing().pages_root())?;
    no_encoding(row);
    let bytes = milhouse_region::<N>(pages)?.as_ssz_bytes();
    row.measure(MILHOUSE, || &*bytes, milhouse_load::<N>, |region| region.tree_hash_root().0)
}

fn no_encoding(row: &mut Row<Hash>) {
    for peer in [HASHTREE, SHA2, TREE_HASH] {
        row.absent(peer, "has no encoding");
    }
}

fn ssz_region(pages: &[(u32, PageBytes)]) -> Result<SszRegion, Error> {
    let pages = pages.iter().map(|(_, page)| vector(page)).collect::<Result<Vec<_>, _>>()?;
    pages.try_into().map_err(|_| "a vector of another length".into())
}

fn ssz_bytes(region: &SszRegion) -> Vec<u8> {
    ssz_rs::serialize(region).expect("vectors can be encoded")
}

fn ssz_load(bytes: &[u8]) -> SszRegion {
    SszRegion::deserialize(bytes).expect("it was encoded so")
}
