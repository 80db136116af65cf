//! Merkle roots, proofs and snapshots of this project, side by side with libraries of the field.
//!
//! `cargo run --release -p hashing` prints the table; `--help` tells the options, `../README.md` what each row does.

mod content;
mod kernels;
mod milhouse_page;
mod rows;

use peers_harness::{Column, Error, Options, Table};

pub(crate) const OURS: &str = "travertine";
pub(crate) const HASHTREE: &str = "hashtree-rs";
pub(crate) const SHA2: &str = "sha2, raw";
pub(crate) const TREE_HASH: &str = "tree_hash";
pub(crate) const MILHOUSE: &str = "milhouse";
pub(crate) const SSZ_RS: &str = "ssz_rs";

fn main() -> Result<(), Error> {
    let columns = [
        Column::package(OURS, "travertine-merkle"),
        Column::package(HASHTREE, "hashtree-rs"),
        Column::package(SHA2, "sha2"),
        Column::package(TREE_HASH, "tree_hash"),
        Column::package(MILHOUSE, "milhouse"),
        Column::package(SSZ_RS, "ssz_rs"),
    ];
    let mut table = Table::new(env!("CARGO_PKG_NAME"), &columns, Options::from_arguments())?;
    // milhouse hashes on rayon's threads: here on this one alone.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()?;
    table.setting(format!(
        "{OURS}: SHA-256 backend {}; one core, so one thread works at a time",
        travertine_merkle::Backend::current()
    ));
    table.setting(format!(
        "{HASHTREE} and {SHA2}: trees are arrays of hashes, written for this table, that change in place and keep no content"
    ));
    table.setting(format!(
        "{MILHOUSE}: pages are leaves, hashed once, by {TREE_HASH}; updates in a BTreeMap; rayon with one thread"
    ));
    rows::hashes::measure(&mut table)?;
    rows::regions::measure(&mut table)?;
    rows::proofs::measure(&mut table)?;
    rows::snapshots::measure(&mut table)?;
    table.print()
}
