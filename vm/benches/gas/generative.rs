//! First touches of generative memory that nobody has written.

use travertine_opcodes::Opcode;

use crate::assembler::{A0, A1, A5, T0, code};
use crate::measure::{MADE, PAGE, Script, Workload};

/// Accesses in a loop, and loops: 4,096 pages.
const BODY: usize = 64;
const LOOPS: u64 = 64;

/// These nodes synthesize with the fastest form that the processor has; the price is that of the slowest one.
pub(crate) fn workloads() -> Vec<Workload> {
    let touch = |name: &str, price, opcode| {
        let prologue = code(|code| {
            code.li(T0, MADE).li(A5, PAGE).li(A1, 0x1234_5678);
        });
        let body = code(|code| {
            for _ in 0..BODY {
                match opcode {
                    Opcode::Sd => code.s(opcode, T0, A1, 0),
                    _ => code.i(opcode, A0, T0, 0),
                };
                code.r(Opcode::Add, T0, T0, A5);
            }
        });
        let script = Script { prologue, loops: LOOPS / 2, ..Script::new(body) };
        let bound = "the price is for the slowest form of the synthesis that nodes may use";
        Workload::new(name, price, script, BODY as u64).settled().bounded(bound)
    };
    vec![
        touch("first read: synthesized pages in a row", "page_synthesis", Opcode::Lbu),
        touch("first write: synthesized pages in a row", "page_synthesis", Opcode::Sd),
    ]
}
