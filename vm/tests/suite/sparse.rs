//! Programs whose segments span far more than they hold.

use travertine_memory::Permissions;
use travertine_vm::{Call, Engine, Image, NoHost, Outcome, Program, TrapCause};

use crate::assembler::{CODE, exit, segment};

#[test]
fn a_segment_costs_what_it_holds() {
    // Code that fills the rest of its region, and a whole region of variables.
    let code = exit(0);
    let rest = 0x2_0000_0000 - CODE;
    let segments = vec![
        segment(CODE, rest, code, Permissions::READ_EXECUTE),
        segment(0x2_0000_0000, 1 << 32, vec![1], Permissions::READ_WRITE),
    ];
    let program = Program::new(Image::new(CODE, segments.clone()).unwrap());
    let mut machine = Engine::default().instantiate(&program);
    let settlement = machine.call(&Call::new([], 10_000), &mut NoHost).unwrap();
    assert_eq!(settlement.outcome, Outcome::Halted { exit: 0 });
    assert!(machine.state().to_snapshot().unwrap().len() <= 3 * 4096);

    // Behind its content the code is zero, and zero is no instruction.
    let at_the_end = Program::new(Image::new(CODE + rest - 2, segments).unwrap());
    let settlement = Engine::default().instantiate(&at_the_end).call(&Call::new([], 1), &mut NoHost).unwrap();
    let Outcome::Trapped(trap) = settlement.outcome else { panic!("{}", settlement.outcome) };
    assert_eq!((trap.pc, trap.cause), (CODE + rest - 2, TrapCause::IllegalInstruction { bits: 0 }));
}
