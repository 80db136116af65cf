//! This project's arena, side by side with allocators of its field.
//!
//! `cargo run --release -p arena` prints the table; `--help` tells the options, `../README.md` what each row does.

mod allocators;
mod endurance;
mod work;

use core_affinity::CoreId;
use peers_harness::{Column, Error, Options, Row, Table};

use allocators::{Allocator, Glibc, Iceoryx2, Jemalloc, Mimalloc, OffsetAllocator, Ours, Rlsf, Talc};
use endurance::{endure, look};
use work::{BATCH, Faults, Sizes, churn, churn_together, crossed};

pub(crate) const OURS: &str = "travertine";
pub(crate) const ICEORYX2: &str = "iceoryx2's pool";
pub(crate) const BOOST: &str = "boost.interprocess";
pub(crate) const RLSF: &str = "rlsf";
pub(crate) const TALC: &str = "talc";
pub(crate) const OFFSET_ALLOCATOR: &str = "offset-allocator";
pub(crate) const GLIBC: &str = "glibc";
pub(crate) const JEMALLOC: &str = "jemalloc";
pub(crate) const MIMALLOC: &str = "mimalloc";

fn main() -> Result<(), Error> {
    let columns = [
        Column::package(OURS, "travertine-arena"),
        Column::package(ICEORYX2, "iceoryx2-bb-memory"),
        Column::unversioned(BOOST),
        Column::package(RLSF, "rlsf"),
        Column::package(TALC, "talc"),
        Column::package(OFFSET_ALLOCATOR, "offset-allocator"),
        Column::unversioned(GLIBC),
        Column::package(JEMALLOC, "tikv-jemalloc-sys"),
        Column::package(MIMALLOC, "libmimalloc-sys"),
    ];
    // The table pins this thread to one of them.
    let cores = core_affinity::get_core_ids().ok_or("the system does not tell its cores")?;
    let mut table = Table::new(env!("CARGO_PKG_NAME"), &columns, Options::from_arguments())?;
    settings(&mut table, cores.len());

    for (name, threads) in [("one thread", 1), ("2 threads", 2), ("4 threads", 4), ("8 threads", 8)] {
        let work = Churn { cores: &cores, threads, sizes: Sizes::Small };
        table.row(name, threads * CHURNED, |row| on_each(&work, row))?;
    }
    let frames = Churn { cores: &cores, threads: 1, sizes: Sizes::Frames };
    table.row("page frames, one thread", CHURNED, |row| on_each(&frames, row))?;
    table.row("freed by another thread", BATCHES * BATCH, |row| on_each(&Crossed { cores: &cores }, row))?;
    table.row("endurance", ENDURED, |row| on_each(&Endurance, row))?;
    table.print()
}

fn settings(table: &mut Table, cores: usize) {
    table.setting(format!(
        "times of one operation: a block allocated and stamped, or checked and given back; the machine has {cores} cores \
         for these threads, which take them in turn"
    ));
    table.setting(format!(
        "{OURS}, {ICEORYX2} and {BOOST} are for memory that processes share; {RLSF}, {TALC} and {OFFSET_ALLOCATOR} are \
         behind a mutex; {GLIBC}, {JEMALLOC} and {MIMALLOC} serve one process"
    ));
    #[cfg(boost)]
    let boost = allocators::Boost::version();
    #[cfg(not(boost))]
    let boost = NOT_INSTALLED;
    table.setting(format!("{BOOST} {boost}; {GLIBC} {}", allocators::glibc_version()));
}

#[cfg(not(boost))]
const NOT_INSTALLED: &str = "not installed when this was built";

/// The work of a row.
trait Work {
    fn on<A: Allocator>(&self, row: &mut Row<Faults>) -> Result<(), Error>;
}

fn on_each(work: &impl Work, row: &mut Row<Faults>) -> Result<(), Error> {
    row.expect(Faults::default());
    work.on::<Ours>(row)?;
    work.on::<Iceoryx2>(row)?;
    #[cfg(boost)]
    work.on::<allocators::Boost>(row)?;
    #[cfg(not(boost))]
    row.absent(BOOST, NOT_INSTALLED);
    work.on::<Rlsf>(row)?;
    work.on::<Talc>(row)?;
    work.on::<OffsetAllocator>(row)?;
    work.on::<Glibc>(row)?;
    work.on::<Jemalloc>(row)?;
    work.on::<Mimalloc>(row)
}

/// Operations of each thread.
const CHURNED: u32 = 50_000;
/// Batches that are sent to another thread.
const BATCHES: u32 = 500;
/// Replacements under load, some hundred for each block.
const ENDURED: u32 = 400_000;

struct Churn<'a> {
    cores: &'a [CoreId],
    threads: u32,
    sizes: Sizes,
}

impl Work for Churn<'_> {
    fn on<A: Allocator>(&self, row: &mut Row<Faults>) -> Result<(), Error> {
        let Self { cores, threads, sizes } = *self;
        measure(row, sizes, |allocator: &A| match threads {
            1 => churn(allocator.heap(), sizes, CHURNED, 0),
            _ => churn_together(allocator, cores, threads, sizes, CHURNED),
        })
    }
}

struct Crossed<'a> {
    cores: &'a [CoreId],
}

impl Work for Crossed<'_> {
    fn on<A: Allocator>(&self, row: &mut Row<Faults>) -> Result<(), Error> {
        measure(row, Sizes::Small, |allocator: &A| crossed(allocator, self.cores, BATCHES))
    }
}

struct Endurance;

impl Work for Endurance {
    fn on<A: Allocator>(&self, row: &mut Row<Faults>) -> Result<(), Error> {
        measure(row, Sizes::Wide, |allocator: &A| endure(allocator, ENDURED))?;
        if A::HAS_SEGMENT
            && let Ok(allocator) = A::new(Sizes::Wide.largest())
        {
            row.note(format!("{}: {}", A::NAME, look(&allocator, ENDURED)));
        }
        Ok(())
    }
}

/// Measures work on an allocator for the sizes, if it can do it. Faults of our own end the program; those of a peer are
/// told in place of its figure.
fn measure<A: Allocator>(
    row: &mut Row<Faults>,
    sizes: Sizes,
    work: impl Fn(&A) -> Faults,
) -> Result<(), Error> {
    let reason = match A::new(sizes.largest()) {
        Ok(allocator) => match row.measure(A::NAME, || (), |()| work(&allocator), |faults| *faults) {
            Err(error) if A::NAME != OURS => error.to_string(),
            result => return result,
        },
        Err(reason) => reason.to_owned(),
    };
    row.absent(A::NAME, reason);
    Ok(())
}
