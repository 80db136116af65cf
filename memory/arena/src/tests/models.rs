//! The scenarios under loom, which tries every order of accesses that the memory model allows with a few preemptions, and
//! under shuttle, whose random schedules keep to one thread for long, so that rare long preemptions are met, too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Mutant;
use super::scenarios::{self, Scheduler};
use crate::memory::Atomic;

/// Implements [`Atomic`] by the operations that all libraries name alike.
macro_rules! atomic {
    ($type:ty) => {
        impl Atomic for $type {
            fn load(&self) -> u64 {
                <$type>::load(self, Ordering::Acquire)
            }

            fn store(&self, value: u64) {
                <$type>::store(self, value, Ordering::Release);
            }

            fn exchange(&self, current: u64, new: u64) -> bool {
                self.compare_exchange(current, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            }
        }
    };
}

atomic!(loom::sync::atomic::AtomicU64);
atomic!(shuttle::sync::atomic::AtomicU64);

struct Loom;

impl Scheduler for Loom {
    type Word = loom::sync::atomic::AtomicU64;

    fn word() -> Self::Word {
        loom::sync::atomic::AtomicU64::new(0)
    }

    fn fence() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }

    fn pause() {
        loom::thread::yield_now();
    }

    fn both(one: impl FnOnce() + Send + 'static, other: impl FnOnce() + Send + 'static) {
        let thread = loom::thread::spawn(one);
        other();
        thread.join().unwrap();
    }
}

struct Shuttle;

impl Scheduler for Shuttle {
    type Word = shuttle::sync::atomic::AtomicU64;

    fn word() -> Self::Word {
        shuttle::sync::atomic::AtomicU64::new(0)
    }

    fn fence() {
        shuttle::sync::atomic::fence(Ordering::SeqCst);
    }

    fn pause() {
        shuttle::thread::yield_now();
    }

    fn both(one: impl FnOnce() + Send + 'static, other: impl FnOnce() + Send + 'static) {
        let threads = [shuttle::thread::spawn(one), shuttle::thread::spawn(other)];
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

type Scenario = fn(Option<Mutant>);

/// Preemptions that loom tries, unless `LOOM_MAX_PREEMPTIONS` says more.
const PREEMPTIONS: usize = 3;
/// Schedules of a scenario that shuttle tries.
const SCHEDULES: usize = 10_000;
/// Points at which a schedule may change the thread that goes first.
const DEPTH: usize = 4;

fn loom(scenario: Scenario, mutant: Option<Mutant>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(model.preemption_bound.unwrap_or(PREEMPTIONS));
    model.max_branches = 100_000;
    model.check(move || scenario(mutant));
}

fn shuttle(scenario: Scenario, mutant: Option<Mutant>) {
    let scheduler = shuttle::scheduler::PctScheduler::new_from_seed(7, DEPTH, SCHEDULES);
    let mut config = shuttle::Config::new();
    config.failure_persistence = shuttle::FailurePersistence::None;
    shuttle::Runner::new(scheduler, config).run(move || scenario(mutant));
}

fn run(check: fn(Scenario, Option<Mutant>), scenarios: &[Scenario]) {
    for &scenario in scenarios {
        check(scenario, None);
    }
}

#[test]
fn every_order_of_accesses_is_right() {
    run(
        loom,
        &[
            scenarios::neighbours::<Loom>,
            scenarios::ripples::<Loom>,
            scenarios::allocation_and_ripple::<Loom>,
            scenarios::stale_tail::<Loom>,
            scenarios::one_block::<Loom>,
            scenarios::double_free::<Loom>,
        ],
    );
}

#[test]
fn long_preemptions_are_right() {
    run(
        shuttle,
        &[
            scenarios::neighbours::<Shuttle>,
            scenarios::ripples::<Shuttle>,
            scenarios::allocation_and_ripple::<Shuttle>,
            scenarios::stale_tail::<Shuttle>,
            scenarios::one_block::<Shuttle>,
            scenarios::retired_slab::<Shuttle>,
            scenarios::double_free::<Shuttle>,
        ],
    );
}

/// Whether the check fails for the scenario with the mistake.
fn is_caught(check: fn(Scenario, Option<Mutant>), scenario: Scenario, mutant: Mutant) -> bool {
    let run = AssertUnwindSafe(|| check(scenario, Some(mutant)));
    catch_unwind(run).is_err()
}

#[test]
fn both_checkers_find_every_mistake() {
    let cases: [(Mutant, Scenario, Scenario); 4] = [
        (Mutant::NoRightCheck, scenarios::neighbours::<Loom>, scenarios::neighbours::<Shuttle>),
        (Mutant::NoLeftCheck, scenarios::neighbours::<Loom>, scenarios::neighbours::<Shuttle>),
        (
            Mutant::StoreInsteadOfExchange,
            scenarios::allocation_and_ripple::<Loom>,
            scenarios::allocation_and_ripple::<Shuttle>,
        ),
        (Mutant::NoLengthCheck, scenarios::stale_tail::<Loom>, scenarios::stale_tail::<Shuttle>),
    ];
    let missed: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    for (mutant, by_loom, by_shuttle) in cases {
        if !is_caught(loom, by_loom, mutant) {
            missed.lock().unwrap().push(format!("loom missed {mutant:?}"));
        }
        if !is_caught(shuttle, by_shuttle, mutant) {
            missed.lock().unwrap().push(format!("shuttle missed {mutant:?}"));
        }
    }
    assert_eq!(*missed.lock().unwrap(), Vec::<String>::new());
}
