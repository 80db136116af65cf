//! Every fixture answers what `fixtures/expected.json` says, which was computed without running it.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use travertine_tests::fixtures::{self, Console, Fixture};
use travertine_vm::{Outcome, Trap};

fn replay(fixture: &Fixture) {
    let mut machine = fixture.machine();
    for (number, expected) in fixture.calls.iter().enumerate() {
        let what = format!("{}, call {number}", fixture.name);
        let (old_root, old_settlements) = (machine.root(), machine.state().settlements());
        let mut console = Console::default();
        let settlement = machine.call(&expected.call, &mut console).unwrap();
        let receipt = &settlement.receipt;

        let ending = &expected.ending;
        assert!(ending.agrees(&settlement), "{what}: it {}, not {ending:?}", settlement.outcome);
        assert_eq!(String::from_utf8(console.text).unwrap(), expected.debug, "{what}: debug output");
        let events: Vec<_> = receipt.events().map(|(topics, data)| (topics, data.to_vec())).collect();
        assert_eq!(events, expected.events, "{what}: events");

        assert_eq!(receipt.is_success(), ending.is_success(), "{what}: success");
        assert_eq!((receipt.old_root(), receipt.new_root()), (old_root, machine.root()), "{what}: roots");
        if ending.is_success() {
            assert_eq!(machine.state().settlements(), old_settlements + 1, "{what}: settlements");
            assert_ne!(machine.root(), old_root, "{what}: the root counts settlements");
        } else {
            assert_eq!(machine.state().settlements(), old_settlements, "{what}: settlements");
            assert_eq!(machine.root(), old_root, "{what}: a failed call leaves the root to the bit");
            assert!(receipt.dirty_pages.is_empty(), "{what}: a failed call has no dirty pages");
        }
    }
}

#[test]
fn every_fixture_answers_what_is_expected() {
    for fixture in fixtures::all() {
        replay(&fixture);
    }
}

#[test]
fn recursion_without_end_faults_right_below_the_stack() {
    const STACK: u64 = 4 << 32;
    let fixture = fixtures::named("faults");
    let recursion = fixture.calls.iter().find(|call| call.call.input == [29]).unwrap();
    let settlement = fixture.machine().call(&recursion.call, &mut Console::default()).unwrap();
    let Outcome::Trapped(Trap { cause, .. }) = settlement.outcome else { panic!("{}", settlement.outcome) };
    // A frame of the recursion has little more than 1,024 bytes.
    assert!((STACK - 1_200..STACK).contains(&cause.detail()), "{:#x}", cause.detail());
}
