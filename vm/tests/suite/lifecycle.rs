//! Beginning, running, resuming and ending calls.

use travertine_opcodes::Opcode;
use travertine_vm::{Call, MAX_INPUT_BYTES, MachineError, NoHost, Outcome, RunLimit};

use crate::assembler::*;

/// Adds one to the variable, then exits with 0.
fn counter() -> Vec<Vec<u8>> {
    vec![
        data_address(T0),
        i(Opcode::Ld, T1, T0, 0),
        i(Opcode::Addi, T1, T1, 1),
        s(Opcode::Sd, T0, T1, 0),
        exit(0),
    ]
}

#[test]
fn misuse_is_an_error_and_changes_nothing() {
    let mut machine = machine(&counter());
    let root = machine.root();
    assert_eq!(machine.run(&mut NoHost, RunLimit::NONE), Err(MachineError::NoCall));
    assert_eq!(machine.finish(), Err(MachineError::NoCall));
    assert_eq!(machine.add_gas(1), Err(MachineError::NoCall));
    let long = Call::new(vec![0; usize::try_from(MAX_INPUT_BYTES).unwrap() + 1], 1);
    assert_eq!(machine.begin(&long), Err(MachineError::InputTooLong(long.input.len())));

    let call = Call::new([], 100_000);
    machine.begin(&call).unwrap();
    assert_eq!(machine.begin(&call), Err(MachineError::CallInProgress));
    assert_eq!(machine.call(&call, &mut NoHost), Err(MachineError::CallInProgress));
    assert_eq!(machine.finish(), Err(MachineError::NotEnded));
    machine.run(&mut NoHost, RunLimit::steps(4)).unwrap();
    assert_eq!(machine.finish(), Err(MachineError::NotEnded));
    let ended = machine.run(&mut NoHost, RunLimit::NONE).unwrap();
    assert_eq!(machine.run(&mut NoHost, RunLimit::NONE), Err(MachineError::Ended(ended)));
    assert_eq!(machine.root(), root, "nothing settles before the call is finished");
    assert!(machine.finish().unwrap().outcome.is_success());
    assert_ne!(machine.root(), root);
}

#[test]
fn an_abandoned_or_failed_call_leaves_the_root_to_the_bit() {
    let mut machine = machine(&counter());
    let root = machine.root();
    machine.begin(&Call::new([], 100_000)).unwrap();
    machine.run(&mut NoHost, RunLimit::NONE).unwrap();
    machine.abandon();
    assert_eq!(machine.root(), root);

    let settlement = machine.call(&Call::new([], 5), &mut NoHost).unwrap();
    assert!(matches!(settlement.outcome, Outcome::OutOfGas { .. }));
    assert_eq!((settlement.receipt.new_root(), machine.root()), (root, root));
    assert_eq!(machine.state().settlements(), 0);
}

#[test]
fn a_call_out_of_gas_goes_on_with_more() {
    let call = Call::new([], 100_000);
    let at_once = machine(&counter()).call(&call, &mut NoHost).unwrap();

    let mut machine = machine(&counter());
    machine.begin(&Call { gas_limit: 0, ..call }).unwrap();
    let mut stops = 0;
    while let Outcome::OutOfGas { needed } = machine.run(&mut NoHost, RunLimit::NONE).unwrap() {
        let missing = needed - machine.meter().unwrap().remaining();
        machine.add_gas(missing).unwrap();
        stops += 1;
    }
    assert_eq!(stops, 8, "one for each instruction");
    // The context names another gas limit, but this contract does not look: everything else is equal.
    assert_eq!(machine.finish().unwrap(), at_once);
}

#[test]
fn settling_without_changes_moves_only_the_count_of_settlements() {
    let mut machine = machine(&[exit(0)]);
    let (first, second) = {
        let call = Call::new([], 1_000);
        let first = machine.call(&call, &mut NoHost).unwrap().receipt;
        (first, machine.call(&call, &mut NoHost).unwrap().receipt)
    };
    assert!(first.dirty_pages.is_empty() && second.dirty_pages.is_empty());
    assert_eq!(second.old_root(), first.new_root());
    assert_eq!(machine.state().settlements(), 2);
}

#[test]
fn the_stack_and_the_call_context_do_not_survive() {
    // Stores to the stack and reads it back in the next call.
    let program = [i(Opcode::Ld, T1, 2, -8), s(Opcode::Sd, 2, A0, -8), i(Opcode::Addi, A0, T1, 0), ecall(93)];
    let mut machine = machine(&program);
    for _ in 0..2 {
        let settlement = machine.call(&Call::new([1, 2, 3], 100_000), &mut NoHost).unwrap();
        assert_eq!(settlement.outcome, Outcome::Halted { exit: 0 });
        assert!(settlement.receipt.dirty_pages.is_empty());
    }
}
