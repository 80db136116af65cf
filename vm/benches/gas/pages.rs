//! First touches, the settling of what was written, and host calls.

use travertine_opcodes::Opcode;

use crate::assembler::{A0, A1, A2, A3, A4, A5, A7, Code, T0, code};
use crate::measure::{DATA, PAGE, Timed, Workload};

/// Accesses in a loop, and loops: 4,096 pages.
const BODY: usize = 64;
const LOOPS: u64 = 64;
const MIB: u64 = 1 << 20;

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
    let touch = |name: &str, price, step, data, (prologue, body): (Code, Code)| Workload {
        prologue,
        data,
        loops: LOOPS.min((1 << 32) / step / BODY as u64),
        timed: Timed::Call,
        ..Workload::new(name, price, body, BODY as u64)
    };
    let sparse = 2 * MIB;
    vec![
        touch("first read: pages in a row", "page_first_read", PAGE, content(pages), walk(PAGE, load)),
        touch("first read: empty pages, 2 MiB apart", "page_first_read", sparse, vec![], walk(sparse, load)),
        touch("first write: pages in a row", "page_first_write", PAGE, content(pages), walk(PAGE, store)),
        touch(
            "first write: 8 words of pages in a row",
            "page_first_write",
            PAGE,
            content(pages),
            walk(PAGE, fill),
        ),
        touch("first write: empty pages in a row", "page_first_write", PAGE, vec![], walk(PAGE, store)),
        touch(
            "first write: empty pages, 2 MiB apart",
            "page_first_write",
            sparse,
            vec![],
            walk(sparse, store),
        ),
    ]
}

/// `write`s of this many bytes; what host calls cost without a host.
fn write(name: &str, price: &'static str, bytes: u64, units: u64) -> Workload {
    let calls: u64 = if bytes > PAGE { 1 } else { 64 };
    let body = code(|code| {
        (0..calls).for_each(|_| {
            code.i(Opcode::Addi, A0, 0, 1).ecall();
        });
    });
    Workload {
        prologue: code(|code| {
            code.li(A7, 64).li(A1, DATA).li(A2, bytes);
        }),
        loops: if bytes > PAGE { 30 } else { 500 },
        ..Workload::new(name, price, body, units * calls)
    }
}

/// All 4,096 events that a call may have, with their part of the receipt.
fn events(name: &str, price: &'static str, topics: u64, bytes: u64, units: u64) -> Workload {
    let body = code(|code| {
        (0..BODY).for_each(|_| {
            code.r(Opcode::Add, A0, 0, A4).ecall();
        });
    });
    Workload {
        prologue: code(|code| {
            code.li(A7, 0x1002).li(A4, DATA).li(A1, topics).li(A2, DATA).li(A3, bytes);
        }),
        loops: LOOPS,
        timed: Timed::Call,
        ..Workload::new(name, price, body, units * BODY as u64)
    }
}

fn host_calls() -> Vec<Workload> {
    vec![
        write("host call: write nothing", "host_call", 0, 1),
        write("host call: write 64 bytes", "host_byte_64ths", 64, 64),
        write("host call: write 4 KiB", "host_byte_64ths", PAGE, PAGE),
        write("host call: write 1 MiB", "host_byte_64ths", MIB, MIB),
        events("host call: log nothing", "log", 0, 0, 1),
        events("host call: log 4 topics", "log_topic", 4, 0, 4),
        events("host call: log 256 bytes", "log_byte_64ths", 0, 256, 256),
    ]
}
