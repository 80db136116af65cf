//! Machines that go from one process to the next.

use travertine_gas::Schedule;
use travertine_opcodes::Opcode;
use travertine_vm::{Call, Engine, MachineError, NoHost, State};

use crate::assembler::*;

#[test]
fn a_restored_machine_goes_on_where_the_first_one_stopped() {
    let code = [
        data_address(T0),
        i(Opcode::Ld, A0, T0, 0),
        i(Opcode::Addi, T1, A0, 1),
        s(Opcode::Sd, T0, T1, 0),
        exit(0),
    ];
    let engine = Engine::default();
    let program = program(&code);
    let call = Call::new([], 100_000);
    let mut machine = engine.instantiate(&program);
    machine.call(&call, &mut NoHost).unwrap();

    let snapshot = machine.state().to_snapshot().unwrap();
    let state = State::from_snapshot(&snapshot).unwrap();
    assert_eq!(state.root(), machine.root());
    assert_eq!(state.to_snapshot().unwrap(), snapshot);
    let mut restored = engine.restore(&program, state.clone()).unwrap();
    assert_eq!(restored.call(&call, &mut NoHost).unwrap(), machine.call(&call, &mut NoHost).unwrap());

    let other = crate::assembler::program(&[exit(0)]);
    assert!(matches!(engine.restore(&other, state.clone()), Err(MachineError::OtherProgram { .. })));
    let dearer = Engine::new(Schedule { load: 3, ..Schedule::default() }).unwrap();
    assert!(matches!(dearer.restore(&program, state), Err(MachineError::OtherSchedule { .. })));
}
