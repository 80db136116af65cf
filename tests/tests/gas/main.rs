//! Gas of every fixture run: it is the sum of its instructions' costs, the same however the run is sliced, and its limit
//! is exact.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod allocations;
#[path = "../../../memory/tests/allocator_twin/mod.rs"]
#[allow(dead_code, reason = "the allocator's own test uses all of it")]
mod allocator_twin;
mod estimator;
mod naive;

use naive::{Before, Naive};
use travertine_gas::Bill;
use travertine_tests::fixtures::{self, Console, ExpectedCall};
use travertine_tests::{Random, wanderer};
use travertine_vm::{Call, Engine, Machine, NoHost, Outcome, RunLimit, Settlement};

/// Everything that can be seen of a call from outside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    settlement: Settlement,
    receipt: Vec<u8>,
    text: Vec<u8>,
    root: [u8; 32],
}

impl Seen {
    fn finish(machine: &mut Machine, console: Console) -> Self {
        let settlement = machine.finish().unwrap();
        Self { receipt: settlement.receipt.to_ssz(), settlement, text: console.text, root: machine.root() }
    }

    fn gas(&self) -> u64 {
        self.settlement.receipt.gas_used
    }
}

/// Visits every call of every fixture with the machine before it and what is seen when it is run at once.
fn for_each_call(mut visit: impl FnMut(&str, &Machine, &ExpectedCall, &Seen)) {
    for fixture in fixtures::all() {
        let mut machine = fixture.machine();
        for (number, call) in fixture.calls.iter().enumerate() {
            let before = machine.clone();
            let mut console = Console::default();
            machine.begin(&call.call).unwrap();
            machine.run(&mut console, RunLimit::NONE).unwrap();
            let seen = Seen::finish(&mut machine, console);
            visit(&format!("{}, call {number}", fixture.name), &before, call, &seen);
        }
    }
}

/// A call run one instruction at a time.
struct Trace {
    /// The costs of its instructions, added up.
    bill: Bill,
    /// Address and cost of the last instruction that was paid.
    last_paid: (u64, u64),
    /// Near and far recalls.
    recalls: [u64; 2],
}

/// Runs a call one instruction at a time and checks the cost of each.
fn trace(what: &str, mut machine: Machine, call: &Call) -> (Trace, Seen) {
    let mut console = Console::default();
    let mut naive = Naive::of(&machine);
    let mut trace = Trace { bill: Bill::default(), last_paid: (0, 0), recalls: [0, 0] };
    machine.begin(call).unwrap();
    loop {
        let before = Before::of(&machine);
        let pc = before.cpu.pc();
        let used = machine.meter().unwrap().used();
        let outcome = machine.run(&mut console, RunLimit::steps(1)).unwrap();
        let cost = naive.cost(&before, &outcome);
        let total = cost.total().unwrap();
        let charged = machine.meter().unwrap().used() - used;
        assert_eq!(charged, total, "{what}: {:?} at {pc:#x}", before.instruction);
        trace.bill = trace.bill.and(cost);
        if total > 0 {
            trace.last_paid = (pc, total);
        }
        if outcome != Outcome::Stepped {
            trace.recalls = naive.places.recalls;
            return (trace, Seen::finish(&mut machine, console));
        }
    }
}

/// Runs a call in slices of `gas`, and says in how many.
fn slices(mut machine: Machine, call: &Call, gas: u64) -> (u64, Seen) {
    let mut console = Console::default();
    machine.begin(call).unwrap();
    for slice in 1.. {
        let limit = RunLimit::gas_used(slice * gas);
        if machine.run(&mut console, limit).unwrap() != Outcome::Stepped {
            return (slice, Seen::finish(&mut machine, console));
        }
        assert!(machine.meter().unwrap().used() <= limit.gas_used, "a slice never uses more than it has");
    }
    unreachable!("every call ends")
}

#[test]
fn the_gas_used_is_the_sum_of_the_instructions_costs() {
    for_each_call(|what, machine, call, at_once| {
        let (trace, seen) = trace(what, machine.clone(), &call.call);
        assert_eq!(seen, *at_once, "{what}");
        let receipt = &at_once.settlement.receipt;
        assert_eq!(trace.bill, receipt.bill, "{what}");
        assert_eq!(trace.bill.total(), Some(receipt.gas_used), "{what}: the bill adds up");
    });
}

#[test]
fn programs_that_wander_among_pages_pay_for_recalls() {
    for seed in 0..6 {
        let elf = wanderer::program(&mut Random::new(seed));
        let engine = Engine::default();
        let machine = engine.instantiate(&engine.load(&elf).unwrap());
        let (trace, seen) = trace("a wanderer", machine, &Call::new([], u64::MAX));
        let receipt = &seen.settlement.receipt;
        assert!(receipt.is_success(), "seed {seed}: {:?}", receipt.outcome);
        assert_eq!(trace.bill, receipt.bill, "seed {seed}");
        let [near, far] = trace.recalls;
        assert!(near > 20 && far > 20, "seed {seed}: {near} near, {far} far");
    }
}

#[test]
fn runs_in_slices_of_gas_give_the_same_receipt() {
    for_each_call(|what, machine, call, at_once| {
        for gas in [1, 7, 1_000] {
            let (count, seen) = slices(machine.clone(), &call.call, gas);
            assert_eq!(seen, *at_once, "{what}, slices of {gas}");
            assert!(count >= at_once.gas().div_ceil(gas), "{what}, slices of {gas}: it was sliced");
        }
    });
}

#[test]
fn the_limit_is_exact() {
    for_each_call(|what, machine, call, at_once| {
        let need = at_once.gas();
        let limited = |gas_limit| Call { gas_limit, ..call.call.clone() };

        let mut exact = machine.clone();
        let mut console = Console::default();
        exact.begin(&limited(need)).unwrap();
        exact.run(&mut console, RunLimit::NONE).unwrap();
        assert_eq!(Seen::finish(&mut exact, console), *at_once, "{what}: the need as limit");

        let (trace, _) = trace(what, machine.clone(), &call.call);
        let (pc, cost) = trace.last_paid;
        let mut less = machine.clone();
        let mut console = Console::default();
        less.begin(&limited(need - 1)).unwrap();
        let stopped = less.run(&mut console, RunLimit::NONE).unwrap();
        assert_eq!(stopped, Outcome::OutOfGas { needed: cost }, "{what}: one less than the need");
        assert_eq!(less.cpu().unwrap().pc(), pc, "{what}: before the instruction that cannot be paid");
        assert_eq!(less.meter().unwrap().used(), need - cost, "{what}: and nothing of it is charged");

        let failed = less.clone().finish().unwrap();
        assert_eq!(failed.receipt.new_root(), machine.root(), "{what}: the root is unchanged");
        assert!(!failed.receipt.is_success() && failed.receipt.dirty_pages.is_empty(), "{what}");

        less.add_gas(1).unwrap();
        less.run(&mut console, RunLimit::NONE).unwrap();
        assert_eq!(Seen::finish(&mut less, console), *at_once, "{what}: with 1 gas more it goes on");
    });
}

#[test]
fn a_call_without_gas_stops_before_its_first_instruction() {
    let mut machine = fixtures::named("counter").machine();
    let root = machine.root();
    let settlement = machine.call(&Call::new([], 0), &mut NoHost).unwrap();
    assert!(matches!(settlement.outcome, Outcome::OutOfGas { .. }));
    assert_eq!((settlement.receipt.gas_used, machine.root()), (0, root));
}
