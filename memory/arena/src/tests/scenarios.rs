//! Small pieces of concurrent work, written once for every scheduler. Each ends with the check that all has healed.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{ME, Mutant, allocate, assert_healed, zeros};
use crate::class::{PAGE_BLOCKS, class_of};
use crate::descriptor::Descriptor;
use crate::layout::Geometry;
use crate::memory::{Atomic, Memory};
use crate::sector::{Allocated, Sector};

/// What a scheduler brings: words whose every access it can interrupt, and threads.
pub(super) trait Scheduler: Sized + Send + Sync + 'static {
    type Word: Atomic + Send + Sync + 'static;

    fn word() -> Self::Word;
    fn fence();
    fn pause();
    /// Runs both at once, to their ends.
    fn both(one: impl FnOnce() + Send + 'static, other: impl FnOnce() + Send + 'static);
}

/// The words of a sector that has slabs only in its first pages.
pub(super) struct ModelMemory<S: Scheduler> {
    truth: Vec<S::Word>,
    hints: Vec<AtomicU64>,
}

impl<S: Scheduler> Memory for ModelMemory<S> {
    type Word = S::Word;

    fn word(&self, at: usize) -> &S::Word {
        &self.truth[at]
    }

    fn hints(&self) -> &[AtomicU64] {
        &self.hints
    }

    fn fence(&self) {
        S::fence();
    }

    fn pause(&self) {
        S::pause();
    }
}

type Shared<S> = Arc<Sector<ModelMemory<S>>>;

/// A formatted sector with words for this many blocks.
pub(super) fn sector<S: Scheduler>(
    pages: u32,
    blocks: u32,
    mutant: Option<Mutant>,
) -> Sector<ModelMemory<S>> {
    let geometry = Geometry { pages };
    let truth = (0..geometry.block(blocks)).map(|_| S::word()).collect();
    let mut sector = Sector::new(ModelMemory { truth, hints: zeros(geometry.hint_words()) }, geometry);
    sector.format();
    sector.mutant = mutant;
    sector
}

fn runs<S: Scheduler>(pages: u32, mutant: Option<Mutant>) -> Shared<S> {
    Arc::new(sector(pages, 0, mutant))
}

fn pages<S: Scheduler>(sector: &Sector<ModelMemory<S>>, count: u32) -> Allocated {
    sector.allocate_run(count, ME).expect("a run is free")
}

/// Two neighbours are given back at once.
pub(super) fn neighbours<S: Scheduler>(mutant: Option<Mutant>) {
    let sector = runs::<S>(2, mutant);
    let (left, right) = (pages(&sector, 1), pages(&sector, 1));
    give_back_both(&sector, left, right);
    assert_healed(&sector);
}

/// Both neighbours of a free run are given back at once: two ripples meet.
pub(super) fn ripples<S: Scheduler>(mutant: Option<Mutant>) {
    let sector = runs::<S>(3, mutant);
    let [left, middle, right] = std::array::from_fn(|_| pages(&sector, 1));
    assert!(sector.give_back(&middle, ME));
    give_back_both(&sector, left, right);
    assert_healed(&sector);
}

fn give_back_both<S: Scheduler>(sector: &Shared<S>, one: Allocated, other: Allocated) {
    let (first, second) = (sector.clone(), sector.clone());
    S::both(move || assert!(first.give_back(&one, ME)), move || assert!(second.give_back(&other, ME)));
}

/// A run is allocated out of the neighbour of one that is given back.
pub(super) fn allocation_and_ripple<S: Scheduler>(mutant: Option<Mutant>) {
    let sector = runs::<S>(3, mutant);
    let left = pages(&sector, 1);
    let (first, second) = (sector.clone(), sector.clone());
    S::both(
        move || assert!(first.give_back(&left, ME)),
        move || {
            if let Some(run) = second.allocate_run(1, ME) {
                assert!(second.give_back(&run, ME), "somebody else took an allocated run");
            }
        },
    );
    assert_healed(&sector);
}

/// A run is given back whose left neighbour, by the tail, is cut meanwhile and no longer reaches it.
pub(super) fn stale_tail<S: Scheduler>(mutant: Option<Mutant>) {
    let sector = runs::<S>(4, mutant);
    let left = pages(&sector, 2);
    let right = pages(&sector, 2);
    assert!(sector.give_back(&left, ME));
    let (first, second) = (sector.clone(), sector.clone());
    let kept = Arc::new(std::sync::Mutex::new(None));
    let keep = kept.clone();
    S::both(
        move || assert!(first.give_back(&right, ME)),
        move || {
            let (Some(one), other) = (second.allocate_run(1, ME), second.allocate_run(1, ME)) else { return };
            assert!(second.give_back(&one, ME));
            *keep.lock().unwrap() = other;
        },
    );
    assert!(sector.audit().is_clean(), "{:?}", sector.audit());
    if let Some(run) = kept.lock().unwrap().take() {
        assert!(sector.give_back(&run, ME), "somebody else took an allocated run");
    }
    assert_healed(&sector);
}

/// Two threads take the last block.
pub(super) fn one_block<S: Scheduler>(mutant: Option<Mutant>) {
    let class = class_of(4096).unwrap();
    let sector: Shared<S> = Arc::new(sector(16, 16, mutant));
    assert!(sector.grow(class, ME));
    let all: Vec<Allocated> = (0..16).map(|_| allocate(&sector, 4096, ME).unwrap()).collect();
    assert!(sector.give_back(&all[3], ME));
    let takers: [_; 2] = std::array::from_fn(|_| sector.clone());
    let taken = Arc::new(std::sync::Mutex::new(Vec::new()));
    let [one, other] = takers.map(|sector| {
        let taken = taken.clone();
        move || {
            // Not while the lock is held: the schedulers know nothing of it.
            let block = sector.claim_block(3, class, ME);
            taken.lock().unwrap().extend(block);
        }
    });
    S::both(one, other);
    assert_eq!(taken.lock().unwrap().len(), 1, "a block has one owner");
}

/// A slab is given back while a block of it is allocated and given back.
pub(super) fn retired_slab<S: Scheduler>(mutant: Option<Mutant>) {
    let class = class_of(4096).unwrap();
    let sector: Shared<S> = Arc::new(sector(16, 16 * PAGE_BLOCKS, mutant));
    assert!(sector.grow(class, ME));
    let (first, second) = (sector.clone(), sector.clone());
    S::both(
        move || first.reclaim(ME),
        move || {
            let block = second.claim_block(5, class, ME);
            if let Some(block) = block {
                let handle = block.handle();
                let found = second.find(handle).expect("a live handle leads to its block");
                assert_eq!(found.word, Descriptor(second.memory().word(block.at).load()));
                assert!(second.give_back(&block, ME), "the slab went away below its block");
                assert!(second.find(handle).is_err());
            }
        },
    );
    assert_healed(&sector);
}

/// A handle is given back twice at once: one of the calls must fail.
pub(super) fn double_free<S: Scheduler>(mutant: Option<Mutant>) {
    let sector = runs::<S>(2, mutant);
    let run = pages(&sector, 1);
    assert!(sector.leave(&run, crate::descriptor::State::Allocated));
    let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let [one, other] = std::array::from_fn(|_| {
        let (sector, count) = (sector.clone(), count.clone());
        move || {
            if let Ok(taken) = sector.adopt(run.handle(), ME) {
                assert!(sector.give_back(&taken, ME));
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    S::both(one, other);
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_healed(&sector);
}
