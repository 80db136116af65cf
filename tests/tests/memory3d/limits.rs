//! Limits of gas, memory and instructions: exactly so many are allowed.

use travertine_memory::AllocationError;
use travertine_vm::{Call, NoHost, Outcome, RunLimit};

use crate::PAGE;
use crate::script::{Step, alloc, answers, machine};

fn four_pages() -> [Step; 1] {
    [alloc(4 * PAGE, 4)]
}

#[test]
fn exactly_the_gas_limit_can_be_used() {
    let (mut enough, call) = machine(&four_pages());
    let used = enough.clone().call(&call, &mut NoHost).unwrap().receipt.gas_used;
    let with_gas = |gas_limit| Call { gas_limit, ..call.clone() };
    let mut short = enough.clone();
    let settled = enough.call(&with_gas(used), &mut NoHost).unwrap();
    assert_eq!((settled.outcome, settled.receipt.gas_used), (Outcome::Returned, used));
    let root = short.root();
    let settled = short.call(&with_gas(used - 1), &mut NoHost).unwrap();
    assert!(matches!(settled.outcome, Outcome::OutOfGas { .. }));
    assert_eq!((short.root(), settled.receipt.new_root()), (root, root));
}

#[test]
fn exactly_the_memory_limit_can_be_allocated() {
    let answer = |frames| {
        let (mut machine, call) = machine(&four_pages());
        machine.set_frame_limit(frames);
        let first = answers(&machine.call(&call, &mut NoHost).unwrap())[0];
        let second = answers(&machine.call(&call, &mut NoHost).unwrap())[0];
        (first, second.cast_signed(), machine.state().memory().frames_in_use())
    };
    let refused = |frames, limit| AllocationError::FrameLimit { frames, limit }.code();
    assert_eq!(answer(8), (3 << 32, (3 << 32) + 4 * 4096, 8));
    assert_eq!(answer(7), (3 << 32, refused(8, 7), 4), "what earlier calls allocated counts, too");
    assert_eq!(answer(3).0.cast_signed(), refused(4, 3));
}

#[test]
fn exactly_the_instruction_limit_can_be_carried_out() {
    let steps = [alloc(1, 4); 3];
    let (mut machine, call) = machine(&steps);
    machine.begin(&call).unwrap();
    // Two to begin, four for each step, four to return.
    let count = 2 + 4 * 3 + 4;
    let mut short = machine.clone();
    assert_eq!(machine.run(&mut NoHost, RunLimit::steps(count)), Ok(Outcome::Returned));
    assert_eq!(short.run(&mut NoHost, RunLimit::steps(count - 1)), Ok(Outcome::Stepped));
    assert_eq!(short.run(&mut NoHost, RunLimit::steps(0)), Ok(Outcome::Stepped));
    assert_eq!(short.run(&mut NoHost, RunLimit::steps(1)), Ok(Outcome::Returned));
    assert_eq!(short.finish(), machine.finish(), "where a call was stopped shows in nothing");
}
