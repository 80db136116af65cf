//! Random sequences of bulk instructions, of loads and stores between them, and of operands that overlap or fault, on the
//! machine and on a naive twin: memory, traps, results, gas, and roots.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

#[path = "../../../memory/tests/allocator_twin/placing.rs"]
#[allow(dead_code, reason = "only the allocator gives pages other numbers")]
mod placing;
mod steps;
mod twin;

use std::collections::BTreeMap;

use steps::{Action, Scenario};
use travertine_gas::Bill;
use travertine_memory::{DataCap, Page, PageBytes, Region};
use travertine_merkle::{Claim, Proven, verify_memory_proof};
use travertine_tests::{Random, fixtures};
use travertine_vm::{Call, Engine, Machine, NoHost, Outcome, RunLimit, Trap};
use twin::{PAGE, Refused, Twin};

const GAS_LIMIT: u64 = 1 << 40;

/// How often each action ended how, by the name of the action and the reason of the fault, if there was one.
type Coverage = BTreeMap<(Action, Option<u8>), u64>;

/// Executes one step of the scenario: its operands are loaded, then it acts.
fn step(machine: &mut Machine) -> Outcome {
    for _ in 1..steps::INSTRUCTIONS {
        assert_eq!(machine.run(&mut NoHost, RunLimit::steps(1)).unwrap(), Outcome::Stepped);
    }
    machine.run(&mut NoHost, RunLimit::steps(1)).unwrap()
}

fn assert_same_memory(machine: &Machine, twin: &Twin, what: &str) {
    for page in twin.pages() {
        let mut bytes = [0; 4096];
        machine.peek(page * PAGE, &mut bytes).unwrap();
        for (at, byte) in (page * PAGE..).zip(bytes) {
            assert_eq!(byte, twin.byte(at), "{what}: the byte at {at:#x}");
        }
    }
}

/// The leaf of a region that is made anew from the twin's bytes.
fn fresh_leaf(region: &Region, number: u8, twin: &Twin) -> [u8; 32] {
    let pages = twin.pages().into_iter().filter(|page| page >> 20 == u64::from(number));
    let pages = pages.map(|page| {
        let bytes: Vec<u8> = (page * PAGE..(page + 1) * PAGE).map(|at| twin.byte(at)).collect();
        let index = u32::try_from(page & 0xF_FFFF).unwrap();
        (index, Page::new(PageBytes::starting_with(&bytes)).into())
    });
    let cap = DataCap::from_pages(region.cap().size(), pages).unwrap();
    Region::with_page_ranges(region.kind(), region.page_ranges().unwrap(), cap).unwrap().leaf().unwrap()
}

/// Runs a scenario step by step on both and compares; returns the machine's receipt.
fn compare(seed: u64, scenario: &Scenario, coverage: &mut Coverage) -> Vec<u8> {
    let mut machine = Engine::default().instantiate(&scenario.program);
    let leaf = |number: u64| {
        u8::try_from(number).map_or([0; 32], |number| machine.state().memory().region_leaf(number).unwrap())
    };
    let mut twin = Twin::new(scenario, GAS_LIMIT, (0..300).map(leaf).collect());
    machine.begin(&Call::new(scenario.input.clone(), GAS_LIMIT)).unwrap();
    let mut ended = None;
    for (number, (action, operands)) in scenario.steps.iter().enumerate() {
        let what = format!("seed {seed}, step {number}: {action:?} {operands:#x?}");
        let outcome = step(&mut machine);
        let expected = twin.step(*action, *operands);
        let reason = expected.as_ref().err().map(|refused| refused.fault.reason as u8);
        *coverage.entry((*action, reason)).or_default() += 1;
        match expected {
            Ok(result) => {
                assert_eq!(outcome, Outcome::Stepped, "{what}");
                if let Some((register, value)) = result {
                    assert_eq!(machine.cpu().unwrap().register(register), Some(value), "{what}");
                }
            }
            Err(Refused { fault, entry }) => {
                let Outcome::Trapped(Trap { cause, entry: found, .. }) = outcome else {
                    panic!("{what}: it {outcome}, not {fault}");
                };
                assert_eq!((cause.fault(), found), (Some(&fault), entry), "{what}");
                ended = Some(outcome);
            }
        }
        assert_eq!(machine.meter().unwrap().bill(), twin.bill, "{what}");
        if ended.is_some() {
            break;
        }
    }
    assert_same_memory(&machine, &twin, &format!("seed {seed}"));
    if ended.is_none() {
        let outcome = machine.run(&mut NoHost, RunLimit::NONE).unwrap();
        assert_eq!(outcome, Outcome::Halted { exit: 0 });
    }
    let settlement = machine.finish().unwrap();
    if ended.is_none() {
        for (number, region) in machine.state().memory().regions().filter(|region| region.0 < 4) {
            assert_eq!(
                region.leaf().unwrap(),
                fresh_leaf(region, number, &twin),
                "seed {seed}, region {number}"
            );
        }
    }
    settlement.receipt.to_ssz()
}

/// Runs a scenario from `begin` to `finish`, with a limit for every run, and gas that comes late.
fn run_cut(scenario: &Scenario, gas_limit: u64, mut slice: impl FnMut() -> u64) -> Vec<u8> {
    let mut machine = Engine::default().instantiate(&scenario.program);
    let root = machine.root();
    machine.begin(&Call::new(scenario.input.clone(), gas_limit)).unwrap();
    let mut limit = 0_u64;
    loop {
        limit = limit.saturating_add(slice());
        match machine.run(&mut NoHost, RunLimit::gas_used(limit)).unwrap() {
            Outcome::Stepped => {}
            Outcome::OutOfGas { needed } => {
                assert!(needed > machine.meter().unwrap().remaining());
                let failed = machine.clone().finish().unwrap().receipt;
                assert_eq!((failed.new_root(), failed.dirty_pages.len()), (root, 0));
                machine.add_gas(needed - machine.meter().unwrap().remaining()).unwrap();
            }
            _ => return machine.finish().unwrap().receipt.to_ssz(),
        }
    }
}

#[test]
fn bulk_instructions_do_what_a_naive_twin_does() {
    let count = std::env::var("TRAVERTINE_BULK_SEEDS").map_or(400, |count| count.parse().unwrap());
    let mut coverage = Coverage::new();
    for seed in 0..count {
        let mut random = Random::new(seed);
        let scenario = Scenario::random(&mut random);
        let receipt = compare(seed, &scenario, &mut coverage);
        let largest = random.pick(&[500, 20_000, 1_000_000]);
        let cut = run_cut(&scenario, random.below(200_000), || 1 + random.below(largest));
        assert_eq!(cut, receipt, "seed {seed}: cut into slices");
    }
    for action in Action::ALL {
        assert!(coverage.contains_key(&(action, None)), "{action:?} was carried out");
        let faults: Vec<u8> =
            (1..=8).filter(|&reason| coverage.contains_key(&(action, Some(reason)))).collect();
        assert!(
            action.faults().iter().all(|reason| faults.contains(reason)),
            "{action:?} faulted: {faults:?}"
        );
    }
}

#[test]
fn pages_that_were_shared_out_of_the_input_are_proven_in_the_state() {
    const TO: u64 = 3 * PAGE;
    let mut machine = fixtures::named("bulk").machine();
    let pages: Vec<u8> = (0..2 * PAGE).map(|at| (at % 249).to_le_bytes()[0]).collect();
    let mut input = [&[6][..], &TO.to_le_bytes(), &(2 * PAGE).to_le_bytes()].concat();
    input.resize(4096, 0);
    input.extend(&pages);
    let receipt = machine.call(&Call::new(input, GAS_LIMIT), &mut NoHost).unwrap().receipt;
    assert!(receipt.is_success());
    let dirty: Vec<_> = receipt.dirty_pages.iter().map(|page| (page.region, page.page)).collect();
    assert_eq!(dirty, [(2, 3), (2, 4)]);

    let claim = Claim::bytes(twin::DATA + TO, 2 * PAGE);
    let proof = machine.state().prove(&[claim]).unwrap().encode().unwrap();
    let proven = verify_memory_proof(&proof, &receipt.new_root(), &[claim]).unwrap();
    assert!(matches!(&proven[..], [Proven::Bytes { data, .. }] if *data == pages));
    assert!(verify_memory_proof(&proof, &receipt.old_root(), &[claim]).is_err());
}

#[test]
fn a_refused_list_costs_its_entries_and_an_unpaid_one_is_not_looked_at() {
    let list = twin::INPUT + 24;
    let entries = [(twin::DATA, 8), (0, 1)].map(|(address, length): (u64, u64)| [address, length]);
    let bytes: Vec<u8> = entries.as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect();
    let scenario = Scenario::of(&[(Action::Gather, [twin::DATA, list, 2])], &bytes);
    let mut machine = Engine::default().instantiate(&scenario.program);
    machine.begin(&Call::new(scenario.input.clone(), GAS_LIMIT)).unwrap();
    let Outcome::Trapped(trap) = step(&mut machine) else { panic!("entry 1 is nowhere") };
    assert_eq!((trap.cause.detail(), trap.entry), (0, Some(1)));
    let schedule = travertine_gas::Schedule::default();
    let Bill { memory, .. } = machine.meter().unwrap().bill();
    assert_eq!(
        memory,
        2 * schedule.gather_entry + schedule.page_first_read,
        "the operands' page, and two entries"
    );
    let used = machine.finish().unwrap().receipt;
    assert_eq!(used.outcome.entry, 2, "counted from 1");

    machine.begin(&Call::new(scenario.input, used.gas_used - 1)).unwrap();
    let needed = schedule.gather + 2 * schedule.gather_entry;
    assert_eq!(step(&mut machine), Outcome::OutOfGas { needed });
}
