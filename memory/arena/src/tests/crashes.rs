//! Crashes at every write. A process dies before the n-th change of a word, for every n that an operation has; another
//! settles what it has left, and then nothing may be lost, kept or broken.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ME, allocate, assert_healed, zeros};
use crate::descriptor::State;
use crate::layout::Geometry;
use crate::memory::{Atomic, Memory};
use crate::sector::{Allocated, RunKind, Sector};

thread_local! {
    /// Changes of words that are left until the crash.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// What unwinds from a crash; it prints nothing.
struct Crash;

/// Dies if it is time.
fn count_change() {
    LEFT.with(|left| match left.get() {
        Some(0) => resume_unwind(Box::new(Crash)),
        Some(count) => left.set(Some(count - 1)),
        None => {}
    });
}

struct Mortal(AtomicU64);

impl Atomic for Mortal {
    fn load(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn store(&self, value: u64) {
        count_change();
        self.0.store(value, Ordering::SeqCst);
    }

    fn exchange(&self, current: u64, new: u64) -> bool {
        if self.load() != current {
            return false;
        }
        count_change();
        self.0.store(new, Ordering::SeqCst);
        true
    }
}

struct MortalMemory {
    truth: Vec<Mortal>,
    hints: Vec<AtomicU64>,
}

impl Memory for MortalMemory {
    type Word = Mortal;

    fn word(&self, at: usize) -> &Mortal {
        &self.truth[at]
    }

    fn hints(&self) -> &[AtomicU64] {
        &self.hints
    }
}

/// The process that dies.
const MORTAL: u8 = 2;

const PAGES: u32 = 40;

/// Runs of 6 pages that belong alternately to nobody and to who survives, then what `prepare` makes.
fn prepared() -> (Sector<MortalMemory>, Vec<Allocated>) {
    let geometry = Geometry { pages: PAGES };
    let truth = zeros(geometry.truth_words()).into_iter().map(Mortal).collect();
    let sector = Sector::new(MortalMemory { truth, hints: zeros(geometry.hint_words()) }, geometry);
    sector.format();
    let runs: Vec<Allocated> = (0..4).map(|_| sector.allocate_run(3, ME).unwrap()).collect();
    assert!(sector.give_back(&runs[1], ME) && sector.give_back(&runs[3], ME));
    (sector, vec![runs[0], runs[2]])
}

/// Something that a process does: with what is prepared for it by itself, before it can die.
type Prepare = fn(&Sector<MortalMemory>) -> Vec<Allocated>;
type Act = fn(&Sector<MortalMemory>, &[Allocated]);

/// Kills `act` before each of its changes in turn. The number of changes.
#[track_caller]
fn kill_everywhere(prepare: Prepare, act: Act) -> u32 {
    for changes in 0.. {
        let (sector, kept) = prepared();
        let before: Vec<Allocated> = prepare(&sector);
        LEFT.set(Some(changes));
        let result = catch_unwind(AssertUnwindSafe(|| act(&sector, &before)));
        LEFT.set(None);
        let is_complete = match result {
            Ok(()) => true,
            Err(payload) if payload.is::<Crash>() => false,
            Err(payload) => resume_unwind(payload),
        };
        let covered: u32 = sector.runs().map(|run| run.pages).sum();
        assert!(
            covered == PAGES && sector.runs().all(|run| run.kind != RunKind::Unknown),
            "a walk tiles the sector"
        );
        sector.settle(MORTAL, ME);
        assert!(sector.audit().is_clean(), "{changes} changes: {:?}", sector.audit());
        for run in &kept {
            assert_eq!(sector.find(run.handle()).unwrap().word, run.word, "what others own stays");
            assert!(sector.give_back(run, ME));
        }
        assert_healed(&sector);
        if is_complete {
            return changes;
        }
    }
    unreachable!("an operation has an end")
}

#[test]
fn a_process_can_die_at_every_write() {
    let nothing: Prepare = |_| Vec::new();
    let a_run: Prepare = |sector| vec![sector.allocate_run(4, MORTAL).unwrap()];
    let a_block: Prepare = |sector| vec![allocate(sector, 500, MORTAL).unwrap()];
    let an_empty_slab: Prepare = |sector| {
        let block = allocate(sector, 4096, MORTAL).unwrap();
        assert!(sector.give_back(&block, MORTAL));
        Vec::new()
    };
    let cases: [(Prepare, Act, u32); 7] = [
        // A cut, whose rest is given back.
        (nothing, |sector, _| assert!(sector.allocate_run(2, MORTAL).is_some()), 5),
        // A slab of 16 blocks is made, and one is taken.
        (nothing, |sector, _| assert!(allocate(sector, 4096, MORTAL).is_some()), 50),
        (nothing, |sector, _| assert!(allocate(sector, 64, MORTAL).is_some()), 2000),
        // Given back between two free runs.
        (a_run, |sector, before| assert!(sector.give_back(&before[0], MORTAL)), 5),
        (a_block, |sector, before| assert!(sector.give_back(&before[0], MORTAL)), 1),
        // Given back in two steps.
        (
            a_run,
            |sector, before| {
                assert!(sector.leave(&before[0], State::Acked));
                sector.coalesce(before[0].handle(), MORTAL).unwrap();
            },
            6,
        ),
        (an_empty_slab, |sector, _| sector.reclaim(MORTAL), 40),
    ];
    for (number, (prepare, act, least)) in cases.into_iter().enumerate() {
        let changes = kill_everywhere(prepare, act);
        assert!(changes >= least, "case {number} has {changes} changes");
    }
}

/// Handed over, a block is nobody's, and the death of the process that had it does not touch it.
#[test]
fn what_was_handed_over_survives() {
    let (sector, kept) = prepared();
    let [run, block] = [20_000, 100].map(|bytes| allocate(&sector, bytes, MORTAL).unwrap());
    for held in [run, block] {
        assert!(sector.leave(&held, State::Allocated));
    }
    let lost = allocate(&sector, 100, MORTAL).unwrap();
    assert_eq!(sector.settle(MORTAL, ME).blocks, 1);
    assert!(sector.find(lost.handle()).is_err());
    for held in [run, block] {
        let adopted = sector.adopt(held.handle(), ME).unwrap();
        assert!(sector.give_back(&adopted, ME));
    }
    assert!(kept.iter().all(|run| sector.give_back(run, ME)));
    assert_healed(&sector);
}
