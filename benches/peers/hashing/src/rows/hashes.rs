//! Single hashes, batches of them, and one page.

use std::hint::black_box;

use peers_harness::{Error, Table};
use ssz_rs::{Merkleized, Vector};
use travertine_merkle::{hash_pair, hash_pairs, page_leaf};

use crate::content::{Hash, page};
use crate::kernels::{Hashtree, Kernel, Sha2, page_root};
use crate::{HASHTREE, MILHOUSE, OURS, SHA2, SSZ_RS, TREE_HASH};

const CHAIN: u32 = 64;
const BATCH: u32 = 1024;
const HASHED_BY_TREE_HASH: &str = "hashes with what tree_hash hashes with";

pub(crate) fn measure(table: &mut Table) -> Result<(), Error> {
    let nodes: Vec<Hash> = (0..BATCH / 64).flat_map(|seed| page(seed).as_chunks().0.to_vec()).collect();
    chain(table, nodes[0], nodes[1])?;
    batch(table, &nodes)?;
    page_roots(table)
}

/// Each hash goes into the next one, as on a path to a root.
fn chain(table: &mut Table, first: Hash, sibling: Hash) -> Result<(), Error> {
    let chain = |hash: fn(&Hash, &Hash) -> Hash| {
        move |first: Hash| (0..CHAIN).fold(first, |node, _| hash(&node, black_box(&sibling)))
    };
    table.row("64-byte hash, one after the other", CHAIN, |row| {
        row.measure(OURS, || first, chain(hash_pair), |hash| *hash)?;
        row.measure(HASHTREE, || first, chain(kernel_pair::<Hashtree>), |hash| *hash)?;
        row.measure(SHA2, || first, chain(kernel_pair::<Sha2>), |hash| *hash)?;
        row.measure(TREE_HASH, || first, chain(tree_hash_pair), |hash| *hash)?;
        row.absent(MILHOUSE, HASHED_BY_TREE_HASH);
        row.absent(
            SSZ_RS,
            "does not offer its hash of two nodes; the rows below have it through Vector<u8, N>",
        );
        Ok(())
    })
}

fn kernel_pair<K: Kernel>(left: &Hash, right: &Hash) -> Hash {
    let mut parent = [[0; 32]];
    K::hash(&[*left, *right], &mut parent);
    parent[0]
}

fn tree_hash_pair(left: &Hash, right: &Hash) -> Hash {
    tree_hash::merkle_root([*left, *right].as_flattened(), 0).0
}

fn batch(table: &mut Table, nodes: &[Hash]) -> Result<(), Error> {
    let parents = || vec![[0; 32]; nodes.len() / 2];
    let blocks = nodes.as_flattened().as_chunks::<64>().0;
    let mut vectors = blocks.iter().map(|block| vector::<64>(block)).collect::<Result<Vec<_>, _>>()?;
    table.row("64-byte hash, each of 1,024", BATCH, |row| {
        let kernel = |hash: fn(&[Hash], &mut [Hash])| {
            move |mut parents: Vec<Hash>| {
                hash(nodes, &mut parents);
                parents
            }
        };
        row.measure(OURS, parents, kernel(hash_pairs), Vec::clone)?;
        row.measure(HASHTREE, parents, kernel(Hashtree::hash), Vec::clone)?;
        row.measure(SHA2, parents, kernel(Sha2::hash), Vec::clone)?;
        let tree_hash = |()| blocks.iter().map(|block| tree_hash::merkle_root(block, 0).0).collect();
        row.measure(TREE_HASH, || (), tree_hash, Vec::clone)?;
        row.absent(MILHOUSE, HASHED_BY_TREE_HASH);
        let ssz_rs = |()| vectors.iter_mut().map(root).collect();
        row.measure(SSZ_RS, || (), ssz_rs, Vec::clone)
    })
}

fn page_roots(table: &mut Table) -> Result<(), Error> {
    let page = page(1);
    let mut vector = vector::<4096>(&page)?;
    table.row("4 KiB page root", 1, |row| {
        row.measure(OURS, || &page, page_leaf, |root| *root)?;
        row.measure(HASHTREE, || &page, page_root::<Hashtree>, |root| *root)?;
        row.measure(SHA2, || &page, page_root::<Sha2>, |root| *root)?;
        row.measure(TREE_HASH, || &page, |page| tree_hash::merkle_root(page, 0).0, |root| *root)?;
        row.absent(MILHOUSE, HASHED_BY_TREE_HASH);
        row.measure(SSZ_RS, || (), |()| root(&mut vector), |root| *root)
    })
}

/// Bytes as `ssz_rs` takes them.
pub(super) fn vector<const N: usize>(bytes: &[u8]) -> Result<Vector<u8, N>, Error> {
    Vector::try_from(bytes.to_vec()).map_err(|(_, error)| error.to_string().into())
}

/// The root by `ssz_rs`, which has no cache.
pub(super) fn root(value: &mut impl Merkleized) -> Hash {
    let node = value.hash_tree_root().expect("vectors of bytes have roots");
    node.as_ref().try_into().expect("a node has 32 bytes")
}
