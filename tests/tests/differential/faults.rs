//! Random programs that do something forbidden at their end: the machine traps, qemu dies by the signal that belongs
//! to it, and what they wrote before is the same.

use travertine_tests::generator::{Ending, Fault, Repertoire};
use travertine_tests::qemu::{self, Qemu};
use travertine_vm::Outcome;

use crate::compare::{check_program, check_seeds, folder};

/// How many programs are generated for each kind of fault.
const PROGRAMS_OF_A_KIND: u64 = 16;

#[test]
fn forbidden_acts_trap_where_qemu_raises_a_signal() {
    let Some(qemu) = Qemu::find(folder()) else { return };
    let repertoire = Repertoire::new(qemu.has_zicond());
    let kinds = Fault::ALL.len() as u64;
    let coverage = check_seeds("forbidden_acts", kinds * PROGRAMS_OF_A_KIND, |seed| {
        let fault = Fault::ALL[usize::try_from(seed % kinds).unwrap()];
        let (trap_name, signal) = fault.expected();
        check_program(&qemu, &repertoire, seed, Ending::Fault(fault), |ours, oracle| match ours {
            Outcome::Trapped(trap) => {
                trap.cause.name() == trap_name && oracle == qemu::Ending::Signal(signal)
            }
            _ => false,
        })
    });
    let Some(coverage) = coverage else { return };
    for breakpoint in ["ebreak", "c.ebreak"] {
        assert_eq!(coverage.count(breakpoint), PROGRAMS_OF_A_KIND, "{breakpoint}");
    }
}
