//! `travertine arena stress`: threads that allocate, stamp and give back at random, and the check that all heals.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Serialize;
use travertine_arena::{Arena, ArenaError, Block, PAGE_BYTES};

use super::failed;
use super::inspect::Report;
use crate::error::InputError;
use crate::output::{Output, Verdict, counted, grouped};

/// How long the formatting of a segment by another process is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Blocks that a thread has at most.
const LIVE: usize = 200;
/// Operations between two looks at the clock.
const BETWEEN_LOOKS: u64 = 1 << 10;

/// Put a segment under load, then check that everything is given back in one piece.
///
/// Threads allocate blocks of 32 to 543 bytes, and some of up to 200,000; write a stamp into each, and check it before they
/// give it back. The exit code is 1 if a stamp was overwritten or the segment did not heal.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine arena stress
  travertine arena stress --threads 8 --pages 4096 --seconds 10 --json
  travertine arena stress --name demo --seconds 30")]
pub(crate) struct Arguments {
    /// Use a segment with this name, so that others can look at it; it is made if it is not there, and removed at the end.
    #[arg(long)]
    name: Option<String>,
    /// Pages of 4096 bytes of a segment that is made.
    #[arg(long, default_value_t = 16_384, value_name = "N")]
    pages: u64,
    /// Threads.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=256))]
    threads: u64,
    /// How long it takes.
    #[arg(long, default_value_t = 2, value_name = "N")]
    seconds: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What the threads did, together.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Work {
    operations: u64,
    refused: u64,
    /// Stamps that somebody else had written over.
    overwritten: u64,
}

#[derive(Serialize)]
struct StressReport {
    threads: u64,
    milliseconds: u64,
    #[serde(flatten)]
    work: Work,
    operations_per_second: u64,
    /// Whether the whole segment could be allocated in one piece at the end; `null` if other processes use it, too.
    healed: Option<bool>,
    /// The segment while the threads had their blocks.
    loaded: Report,
}

impl StressReport {
    fn write(&self, out: &mut Output, failure: Option<&str>) -> io::Result<()> {
        match failure {
            None => writeln!(out, "ok: every block kept its stamp")?,
            Some(failure) => writeln!(out, "failed: {failure}")?,
        }
        let Work { operations, refused, .. } = self.work;
        writeln!(
            out,
            "operations  {} by {}, {} a second; {} refused",
            grouped(operations),
            counted(self.threads, "thread"),
            grouped(self.operations_per_second),
            grouped(refused)
        )?;
        let healed = match self.healed {
            Some(true) => "one block spans the whole segment again",
            Some(false) => "no block spans the whole segment",
            None => "not checked, other processes use the segment",
        };
        writeln!(out, "healed      {healed}")?;
        writeln!(out, "under load:")?;
        self.loaded.write(out)
    }

    fn failure(&self) -> Option<&'static str> {
        if self.work.overwritten > 0 {
            return Some("a block was overwritten");
        }
        (self.healed == Some(false)).then_some("the segment did not heal")
    }
}

/// Numbers that differ between threads and runs alike: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % limit
    }
}

/// Works until the deadline. The blocks that are left are returned, so that the segment can be looked at under load.
fn work(arena: &Arena, number: u64, deadline: Instant) -> (Work, Vec<Block<'_>>) {
    let (mut heap, mut random) = (arena.heap(), Random(number + 1));
    let mut live: Vec<(Block, u64)> = Vec::with_capacity(LIVE);
    let mut work = Work::default();
    while !work.operations.is_multiple_of(BETWEEN_LOOKS) || Instant::now() < deadline {
        work.operations += 1;
        if live.len() < LIVE && (live.is_empty() || random.below(10) < 7) {
            let bytes = if random.below(500) == 0 { random.below(200_000) } else { 32 + random.below(512) };
            let Ok(block) = heap.allocate(bytes) else {
                work.refused += 1;
                live.truncate(LIVE / 2);
                continue;
            };
            let stamp = number << 48 | work.operations;
            ends(&block).for_each(|word| word.store(stamp, Ordering::Relaxed));
            live.push((block, stamp));
        } else {
            let at = usize::try_from(random.below(live.len() as u64)).unwrap_or(0);
            let (block, stamp) = live.swap_remove(at);
            work.overwritten += u64::from(ends(&block).any(|word| word.load(Ordering::Relaxed) != stamp));
            heap.free(block);
        }
    }
    (work, live.into_iter().map(|(block, _)| block).collect())
}

/// The first and the last word of a block.
fn ends<'a>(block: &'a Block) -> impl Iterator<Item = &'a std::sync::atomic::AtomicU64> {
    let words = block.words();
    words.first().into_iter().chain(words.last())
}

fn stress(arena: &Arena, arguments: &Arguments) -> Result<StressReport, ArenaError> {
    let start = Instant::now();
    let deadline = start + Duration::from_secs(arguments.seconds);
    let results: Vec<_> = std::thread::scope(|scope| {
        let spawn = |number| scope.spawn(move || work(arena, number, deadline));
        let threads: Vec<_> = (0..arguments.threads).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("the work does not panic")).collect()
    });
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let loaded = Report::new(arena)?;
    let mut total = Work::default();
    for (work, blocks) in results {
        total.operations += work.operations;
        total.refused += work.refused;
        total.overwritten += work.overwritten;
        drop(blocks);
    }
    let is_alone = arena.processes()?.len() == 1;
    let whole = u64::from(arena.pages()) * u64::from(PAGE_BYTES);
    Ok(StressReport {
        threads: arguments.threads,
        milliseconds,
        operations_per_second: total.operations.saturating_mul(1000) / milliseconds.max(1),
        work: total,
        healed: is_alone.then(|| arena.allocate(whole).is_ok() && arena.audit().is_clean()),
        loaded,
    })
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let failed = failed(arguments.name.as_deref().unwrap_or("a segment without a name"));
    let arena = match &arguments.name {
        Some(name) => Arena::open_or_create(name, arguments.pages, PATIENCE),
        None => Arena::create(arguments.pages),
    };
    let arena = arena.map_err(&failed)?;
    let result = stress(&arena, arguments).map_err(&failed);
    if let Some(name) = &arguments.name {
        Arena::unlink(name).map_err(&failed)?;
    }
    let report = result?;
    let failure = report.failure();
    Output::new().print(arguments.json, &report, |out| report.write(out, failure))?;
    Ok(Verdict::of(failure.is_none()))
}
