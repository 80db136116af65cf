//! First touches, the settling of what was written, and host calls.

use travertine_opcodes::Opcode;

use crate::assembler::{A0, A1, A2, A3, A4, A5, A7, Code, T0, code};
use crate::measure::{DATA, PAGE, Script, Workload};

/// Accesses in a loop, and loops: 4,096 pages.
const BODY: usize = 64;
const LOOPS: u64 = 64;
/// Calls of `write` in a loop.
const WRITES: u64 = 64;
pub(crate) const MIB: u64 = 1 << 20;

pub(crate) fn workloads() -> Vec<Workload> {
    [touches(), host_calls()].concat()
}

/// Bytes that are not zero and differ from page to page.
pub(crate) fn content(pages: u64) -> Vec<u8> {
    (1..=pages * PAGE / 8).flat_map(u64::to_le_bytes).collect()
}

/// `access` to T0, then T0 goes on by A5 bytes.
fn walk(step: u64, access: impl Fn(&mut Code)) -> (Code, Code) {
    let prologue = code(|code| {
        code.li(T0, DATA).li(A5, step).li(A1, 0x1234_5678);
    });
    let body = code(|code| {
        for _ in 0..BODY {
            access(code);
            code.r(Opcode::Add, T0, T0, A5);
        }
    });
    (prologue, body)
}

fn touches() -> Vec<Workload> {
    let pages = BODY as u64 * LOOPS;
    let load = |code: &mut Code| {
        code.i(Opcode::Lbu, A0, T0, 0);
    };
    let store = |code: &mut Code| {
        code.s(Opcode::Sd, T0, A1, 0);
    };
    let fill = |code: &mut Code| {
        (0..8).for_each(|chunk| {
            code.s(Opcode::Sd, T0, A1, 256 * chunk);
        });
    };
    let touch = |name: &str, price, step, data: Vec<u8>, (prologue, body): (Code, Code)| {
        let loops = LOOPS.min((1 << 32) / step / BODY as u64) / 2;
        let script = Script { prologue, loops, data: data.into(), ..Script::new(body) };
        Workload::new(name, price, script, BODY as u64).settled()
    };
    let (read, write) = ("page_first_read", "page_first_write");
    let sparse = 2 * MIB;
    vec![
        touch("first read: pages in a row", read, PAGE, content(pages), walk(PAGE, load)),
        touch("first read: empty pages, 2 MiB apart", read, sparse, vec![], walk(sparse, load)),
        touch("first write: pages in a row", write, PAGE, content(pages), walk(PAGE, store)),
        touch("first write: 8 words of pages in a row", write, PAGE, content(pages), walk(PAGE, fill)),
        touch("first write: empty pages in a row", write, PAGE, vec![], walk(PAGE, store)),
        touch("first write: empty pages, 2 MiB apart", write, sparse, vec![], walk(sparse, store)),
    ]
}

/// Calls of `write` with so many bytes; what host calls cost without a host.
fn write(bytes: u64) -> Script {
    let calls = code(|code| {
        (0..WRITES).for_each(|_| {
            code.i(Opcode::Addi, A0, 0, 1).ecall();
        });
    });
    let prologue = code(|code| {
        code.li(A7, 64).li(A1, DATA).li(A2, bytes);
    });
    Script { prologue, loops: if bytes > PAGE { 4 } else { 200 }, ..Script::new(calls) }
}

/// Half of the 4,096 events that a call may have, with their part of the receipt.
fn events(topics: u64, bytes: u64) -> Script {
    let body = code(|code| {
        (0..BODY).for_each(|_| {
            code.r(Opcode::Add, A0, 0, A4).ecall();
        });
    });
    let prologue = code(|code| {
        code.li(A7, 0x1002).li(A4, DATA).li(A1, topics).li(A2, DATA).li(A3, bytes);
    });
    Script { prologue, loops: LOOPS / 2, ..Script::new(body) }
}

fn host_calls() -> Vec<Workload> {
    let bytes = |name: &str, less: u64, more: u64| {
        let (from, to) = (write(less), write(more));
        let to = Script { loops: from.loops.min(to.loops), ..to };
        let from = Script { loops: to.loops, ..from };
        let units = (more - less) * WRITES * to.loops;
        Workload::difference(name, "host_byte_64ths", from, to, units)
    };
    let all = BODY as u64 * LOOPS / 2;
    let event = |name: &str, price, topics, bytes, units| {
        Workload::difference(name, price, events(0, 0), events(topics, bytes), units * all).settled()
    };
    vec![
        Workload::new("host call: write nothing", "host_call", write(0), WRITES),
        Workload::new("host call: write 64 bytes", "host_call", write(64), WRITES),
        bytes("host call: write bytes of a page", 64, PAGE - 64),
        bytes("host call: write bytes of 1 MiB", PAGE, MIB),
        Workload::new("host call: log nothing", "log", events(0, 0), BODY as u64).settled(),
        event("host call: log topics", "log_topic", 4, 0, 4),
        event("host call: log bytes", "log_byte_64ths", 0, 256, 256),
    ]
}
