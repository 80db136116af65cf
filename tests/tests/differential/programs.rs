//! Random programs that exit.

use std::time::Instant;

use travertine_opcodes::{Compressed, Form, Instruction, Opcode};
use travertine_tests::generator::{Ending, Repertoire, known_forms};
use travertine_tests::qemu::{self, Qemu};
use travertine_tests::{elf, machine};
use travertine_vm::{Engine, Outcome};

use crate::compare::{check_program, check_seeds, folder};

/// How many programs are generated.
const PROGRAMS: u64 = 2_500;
/// How often each instruction and each compressed form must have been executed.
const LEAST_EXECUTIONS: u64 = 400;

#[test]
fn random_programs_do_the_same_as_under_qemu() {
    let Some(qemu) = Qemu::find(folder()) else { return };
    let start = Instant::now();
    let repertoire = Repertoire::new(qemu.has_zicond());
    let coverage = check_seeds("random_programs", PROGRAMS, |seed| {
        check_program(&qemu, &repertoire, seed, Ending::Exit, |ours, oracle| match (ours, oracle) {
            (Outcome::Halted { exit }, qemu::Ending::Exit(code)) => u64::try_from(code) == Ok(exit),
            _ => false,
        })
    });
    let Some(coverage) = coverage else { return };
    println!("{PROGRAMS} programs, {} instructions, {:?}", coverage.total(), start.elapsed());
    // Breakpoints are for the programs that trap.
    let is_breakpoint =
        |form| matches!(form, Form::Base(Opcode::Ebreak) | Form::Compressed(Compressed::Ebreak));
    let forms = known_forms(qemu.has_zicond()).filter(|&form| !is_breakpoint(form));
    let mut counts: Vec<(u64, &str)> =
        forms.map(|form| (coverage.count(form.mnemonic()), form.mnemonic())).collect();
    counts.sort_unstable();
    println!("executed, from the rarest on: {counts:?}");
    let rare: Vec<_> = counts.iter().filter(|count| count.0 < LEAST_EXECUTIONS).collect();
    assert!(rare.is_empty(), "executed less than {LEAST_EXECUTIONS} times: {rare:?}");
}

/// What the random programs leave out, as qemu 7.2 gives 57 here.
#[test]
fn ctzw_of_a_word_of_zeros_is_32() {
    let program = elf::program(&[
        Instruction { opcode: Opcode::Bseti, rd: 5, rs1: 0, rs2: 0, imm: 57 },
        Instruction { opcode: Opcode::Ctzw, rd: 10, rs1: 5, rs2: 0, imm: 0 },
        Instruction { opcode: Opcode::Addi, rd: 17, rs1: 0, rs2: 0, imm: 93 },
        Instruction { opcode: Opcode::Ecall, rd: 0, rs1: 0, rs2: 0, imm: 0 },
    ]);
    let loaded = Engine::default().load(&program).unwrap();
    assert_eq!(machine::run(&loaded).outcome, Outcome::Halted { exit: 32 });
}
