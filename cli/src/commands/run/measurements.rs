//! What `--statistics` and `--profile` add to the report of a call. Nothing of it is in the receipt.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use travertine_opcodes::GasClass;
use travertine_vm::Statistics;

use crate::output::{Output, grouped};

/// What a call did, in numbers.
#[derive(Debug, Serialize)]
pub(super) struct StatisticsReport {
    instructions: u64,
    gas: u64,
    allocations: u64,
    frees: u64,
    resizes: u64,
    promotions: u64,
    compactions: u64,
    moved_frames: u64,
    live_allocations: u64,
    live_bytes: u64,
    /// Loads, stores and atomic instructions.
    accesses: u64,
    /// Those that found their page in the cache of recent pages.
    cache_hits: u64,
    /// Instructions by gas class; those that did not occur are left out.
    classes: BTreeMap<String, u64>,
}

impl StatisticsReport {
    /// The report of a call that was observed; `None` of another.
    pub(super) fn new(statistics: &Statistics) -> Option<Self> {
        let observation = statistics.observation.as_deref()?;
        let classes = GasClass::ALL.iter().map(|&class| (format!("{class:?}"), observation.of_class(class)));
        Some(Self {
            instructions: observation.instructions(),
            gas: statistics.gas,
            allocations: statistics.allocations,
            frees: statistics.frees,
            resizes: statistics.resizes,
            promotions: statistics.promotions,
            compactions: statistics.compactions,
            moved_frames: statistics.moved_frames,
            live_allocations: statistics.live_allocations,
            live_bytes: statistics.live_bytes,
            accesses: observation.accesses(),
            cache_hits: observation.cache_hits(),
            classes: classes.filter(|&(_, count)| count > 0).collect(),
        })
    }

    /// Writes the report for people.
    pub(super) fn write(&self, out: &mut Output) -> io::Result<()> {
        let numbers = [
            ("instructions", self.instructions),
            ("gas", self.gas),
            ("allocations", self.allocations),
            ("frees", self.frees),
            ("resizes", self.resizes),
            ("promotions", self.promotions),
            ("compactions", self.compactions),
            ("moved frames", self.moved_frames),
            ("live allocations", self.live_allocations),
            ("live bytes", self.live_bytes),
            ("accesses", self.accesses),
            ("cache hits", self.cache_hits),
        ];
        writeln!(out, "statistics")?;
        for (name, number) in numbers {
            writeln!(out, "             {:>15}  {name}", grouped(number))?;
        }
        writeln!(out, "instructions by class")?;
        for (class, &count) in &self.classes {
            writeln!(out, "             {:>15}  {class}", grouped(count))?;
        }
        Ok(())
    }
}

/// How long the phases of a call took on this machine, in nanoseconds.
#[derive(Debug, Default, Serialize)]
#[allow(clippy::struct_field_names, reason = "names end in their unit")]
pub(super) struct Profile {
    /// Reading the program and the state.
    pub(super) load_ns: u64,
    /// Executing.
    pub(super) run_ns: u64,
    /// Settling: changed pages are hashed, and the receipt is made.
    pub(super) settle_ns: u64,
    /// Making the transition proof; 0 if none was asked for.
    pub(super) prove_ns: u64,
}

impl Profile {
    /// Writes the profile for people.
    pub(super) fn write(&self, out: &mut Output) -> io::Result<()> {
        let phases = [
            ("load", self.load_ns),
            ("run", self.run_ns),
            ("settle", self.settle_ns),
            ("prove", self.prove_ns),
        ];
        writeln!(out, "time         in microseconds")?;
        for (phase, nanoseconds) in phases {
            writeln!(out, "             {:>15}  {phase}", grouped(nanoseconds.div_ceil(1000)))?;
        }
        Ok(())
    }
}

/// Does something and adds how long it took.
pub(super) fn timed<T>(nanoseconds: &mut u64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *nanoseconds = nanoseconds.saturating_add(whole_nanoseconds(start.elapsed()));
    result
}

fn whole_nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
