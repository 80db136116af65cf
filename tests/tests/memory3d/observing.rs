//! Statistics, log records and proofs change no result.

use std::cell::RefCell;

use log::{LevelFilter, Log, Metadata, Record};
use travertine_opcodes::{GasClass, Opcode};
use travertine_tests::fixtures::{self, Console};
use travertine_vm::{NoHost, Settlement};

use crate::script::{Operand::Answer, Operand::Number, Step, alloc, machine, run};
use crate::{HEAP, PAGE};

/// Two planes, the ends of which a promoted allocation takes, which then shrinks; a compaction, and another without effect.
fn busy() -> [Step; 9] {
    [
        alloc(10 * PAGE, 4),
        alloc(10 * PAGE, 4),
        alloc(11 * PAGE, 4),
        (Opcode::M3Resize, Answer(2), Number(4 * PAGE)),
        (Opcode::M3Free, Answer(0), Number(0)),
        (Opcode::M3Free, Answer(0), Number(0)),
        (Opcode::M3Compact, Number(HEAP.into()), Number(0)),
        (Opcode::M3Compact, Number(HEAP.into()), Number(0)),
        alloc(100, 4 | 128 << 8),
    ]
}

#[test]
fn statistics_count_what_a_call_does() {
    let steps = busy();
    let (mut machine, call) = machine(&steps);
    machine.observe(true);
    let settled = machine.call(&call, &mut NoHost).unwrap();
    let counted = &settled.statistics;
    assert_eq!(counted.gas, settled.receipt.gas_used);
    assert_eq!((counted.allocations, counted.resizes), (4, 1));
    assert_eq!(counted.frees, 1, "the second free of one address is refused");
    assert_eq!(counted.promotions, 1, "eleven pages on the ends of two planes");
    assert_eq!((counted.compactions, counted.moved_frames), (1, 4), "the second finds nothing to do");
    assert_eq!((counted.live_allocations, counted.live_bytes), (2, 14 * PAGE), "what is temporary is gone");

    let observed = counted.observation.as_deref().unwrap();
    let count = steps.len() as u64;
    assert_eq!(observed.instructions(), 2 + 4 * count + 4);
    assert_eq!((observed.executed(Opcode::Ld), observed.executed(Opcode::Sd)), (2 * count, count));
    assert_eq!((observed.of_class(GasClass::Allocate), observed.accesses()), (4, 3 * count));
    let classes: u64 = GasClass::ALL.iter().map(|&class| observed.of_class(class)).sum();
    assert_eq!(classes, observed.instructions());
}

#[test]
fn cache_hits_are_the_accesses_to_pages_that_were_touched_lately() {
    let query: Step = (Opcode::M3Query, Number(4 << 32), Number(0));
    let (mut machine, call) = machine(&[query; 5]);
    machine.observe(true);
    let settled = machine.call(&call, &mut NoHost).unwrap();
    let observed = settled.statistics.observation.unwrap();
    // Only the first load of the input and the first store to the stack look further.
    assert_eq!((observed.accesses(), observed.cache_hits()), (15, 13));
}

#[test]
fn observing_changes_no_receipt_and_no_root() {
    for fixture in fixtures::all() {
        let (mut plain, mut observed) = (fixture.machine(), fixture.machine());
        observed.observe(true);
        for (number, expected) in fixture.calls.iter().enumerate() {
            let call = &expected.call;
            let ours = plain.call(call, &mut Console::default()).unwrap();
            let theirs = observed.call(call, &mut Console::default()).unwrap();
            let what = format!("{}, call {number}", fixture.name);
            assert_eq!(ours.receipt, theirs.receipt, "{what}");
            assert_eq!((ours.outcome, plain.root()), (theirs.outcome, observed.root()), "{what}");
            assert!(ours.statistics.observation.is_none() && theirs.statistics.observation.is_some());
        }
    }
}

thread_local! {
    /// What this thread has logged.
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Keep;

impl Log for Keep {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LOGGED.with_borrow_mut(|logged| logged.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

#[test]
fn log_levels_change_what_is_said_and_no_result() {
    log::set_logger(&Keep).unwrap();
    let run_at = |level| {
        log::set_max_level(level);
        let (_, settled) = run(&busy());
        (settled, LOGGED.take())
    };
    let (quiet, nothing) = run_at(LevelFilter::Info);
    let (loud, said) = run_at(LevelFilter::Debug);
    assert_eq!(quiet, loud);
    assert_eq!(nothing, Vec::<String>::new());
    for start in ["planes of kind Heap: 0, now 1", "compacted: ", "settled: returned, "] {
        assert!(said.iter().any(|line| line.starts_with(start)), "no `{start}` in {said:#?}");
    }
}

#[test]
fn a_proof_of_the_transition_changes_no_receipt_and_no_root() {
    for name in ["counter", "ledger", "orders"] {
        let fixture = fixtures::named(name);
        let (mut plain, mut proving) = (fixture.machine(), fixture.machine());
        let mut proofs = 0;
        for expected in &fixture.calls {
            let ours: Settlement = plain.call(&expected.call, &mut Console::default()).unwrap();
            let before = proving.state().clone();
            let theirs = proving.call(&expected.call, &mut Console::default()).unwrap();
            if theirs.outcome.is_success() {
                let proof = before.prove_transition(proving.state(), &theirs.receipt).unwrap();
                assert_eq!(proof.verify(&before.root(), &proving.root()), Ok(()));
                proofs += 1;
            }
            assert_eq!((ours, plain.root()), (theirs, proving.root()));
        }
        assert!(proofs > 0, "{name}");
    }
}
