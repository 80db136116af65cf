//! Instructions: every opcode of the classes with a fixed price, and what makes loads, stores and jumps slow.

use travertine_opcodes::{GasClass, Opcode, Operand, Row, TABLE};

use crate::assembler::{A0, A1, A2, A3, A4, A5, Code, FREE, T0, T1, T2, ZERO, code, repeated};
use crate::measure::{DATA, PAGE, Script, Timed, Workload};

/// Instructions in a loop: so many that the loop's own do not count.
const BODY: usize = 512;

pub(crate) fn workloads() -> Vec<Workload> {
    let all = [straight(), accesses(), reservations(), control(), cold()].concat();
    all.into_iter().map(|workload| workload.with(set_operands)).collect()
}

/// Registers that all of them find set: a large number, a small one, one, the first data page, its size.
fn set_operands(script: &mut Script) {
    let own = std::mem::take(&mut script.prologue);
    script.prologue.li(A1, 0x7fff_ffff_7fff_fff1).li(A2, 3).li(A3, 1).li(A4, DATA + 64).li(A5, PAGE);
    // The page has been read and written.
    script.prologue.s(Opcode::Sd, A4, A1, 0).i(Opcode::Ld, A0, A4, 0).append(&own);
}

/// A row about this body, in which the priced instruction is so many times.
fn row(name: impl Into<String>, price: &'static str, body: Code, units: usize) -> Workload {
    Workload::new(name, price, Script::new(body), units as u64)
}

/// The field of the schedule and the group of opcodes that nothing but their registers make slow or fast.
fn price(class: GasClass) -> Option<(&'static str, &'static str)> {
    Some(match class {
        GasClass::Arithmetic => ("arithmetic", "arithmetic"),
        GasClass::BitCount => ("bit_count", "bit_count"),
        GasClass::Multiply => ("multiply", "multiply"),
        GasClass::Divide => ("divide", "divide"),
        GasClass::Load => ("load", "load"),
        GasClass::Store => ("store", "store"),
        GasClass::Atomic => ("atomic", "atomic"),
        GasClass::Fence => ("fence", "fence"),
        _ => return None,
    })
}

/// Every such opcode, each result used by the next one, and each on its own.
fn straight() -> Vec<Workload> {
    let mut all = vec![
        row(
            "nop",
            "nop",
            repeat(|code, _| {
                code.i(Opcode::Addi, 0, 0, 0);
            }),
            BODY,
        ),
        row(
            "mv, dependent",
            "mv",
            repeat(|code, _| {
                code.i(Opcode::Addi, A0, A0, 0);
            }),
            BODY,
        ),
        row(
            "mv",
            "mv",
            repeat(|code, free| {
                code.r(Opcode::Add, free, ZERO, A1);
            }),
            BODY,
        ),
    ];
    let mut opcodes: Vec<&Row> = TABLE.iter().filter(|row| price(row.gas_class).is_some()).collect();
    opcodes.sort_by_key(|opcode| opcode.gas_class);
    for opcode in opcodes {
        let (price, group) = price(opcode.gas_class).expect("it was filtered");
        for (kind, is_dependent) in [("dependent", true), ("independent", false)] {
            let body = repeat(|code, free| instruction(code, opcode, is_dependent, free));
            let name = format!("{price}: {}, {kind}", opcode.mnemonic);
            all.push(Workload { group: Some(group), ..row(name, price, body, BODY) });
        }
    }
    all
}

/// [`BODY`] instructions; the closure gets one free register after the other.
fn repeat(mut write: impl FnMut(&mut Code, u8)) -> Code {
    code(|code| FREE.cycle().take(BODY).for_each(|free| write(code, free)))
}

/// One instruction. A dependent division is by one, so that its quotient stays large.
fn instruction(code: &mut Code, row: &Row, is_dependent: bool, free: u8) {
    let has = |operand| row.operands.contains(&operand);
    let divides = row.gas_class == GasClass::Divide;
    let accesses = has(Operand::Memory) || has(Operand::Address);
    let rd = if is_dependent { A0 } else { free };
    let rs1 = match (accesses, is_dependent) {
        (true, _) => A4,
        (false, true) => A0,
        (false, false) => A1,
    };
    let rs2 = if divides && is_dependent { A3 } else { A2 };
    let imm = match row.opcode {
        Opcode::Lui | Opcode::Auipc => PAGE_IMMEDIATE,
        _ if has(Operand::Immediate) || has(Operand::Shamt) => 1,
        _ => 0,
    };
    let is_unary = !has(Operand::Rs1) && !accesses;
    code.push(
        row.opcode,
        if has(Operand::Rd) { rd } else { 0 },
        if is_unary { 0 } else { rs1 },
        if has(Operand::Rs2) { rs2 } else { 0 },
        imm,
    );
}

const PAGE_IMMEDIATE: i32 = 4096;

/// Loads and stores that make the machine look for pages.
fn accesses() -> Vec<Workload> {
    let mut all = Vec::new();
    for (price, opcode) in [("load", Opcode::Ld), ("store", Opcode::Sd)] {
        let access = |code: &mut Code, base| match opcode {
            Opcode::Ld => {
                code.i(opcode, A0, base, 0);
            }
            _ => {
                code.s(opcode, base, A1, 0);
            }
        };
        // The free registers point to pages that all lead to the place of the first.
        let bases = code(|code| {
            for (number, free) in FREE.enumerate() {
                code.li(free, DATA + number as u64 * (256 + 1) * PAGE);
            }
        });
        let name = format!("{price}: eight pages with one place");
        let body = repeat(|code, free| access(code, free));
        all.push(row(name, price, body, BODY).with(|script| script.prologue = bases.clone()));

        let edge = code(|code| {
            code.li(T0, DATA + PAGE - 4);
        });
        let body = repeat(|code, _| access(code, T0));
        let name = format!("{price}: across two pages");
        all.push(row(name, price, body, BODY).with(|script| script.prologue = edge.clone()));

        for (name, bits) in [("among 1,024 pages", 22), ("among 16,384 pages", 26)] {
            all.push(at_random(format!("{price}: at random {name}"), price, bits, access));
        }
    }
    all.extend([
        chain("4 pages", 14),
        chain("256 pages", 20),
        chain("512 pages", 21),
        chain("16,384 pages", 26),
    ]);
    all
}

/// Loads each of which gives the address of the next, around and around through all cache lines of these pages.
fn chain(name: &str, bits: u32) -> Workload {
    const LINE: usize = 64;
    let lines = 1_u64 << (bits - LINE.ilog2());
    // A linear congruential generator visits them all; behind its begin, which is overwritten, each has the address of the next.
    let next = |line: u64| (line * 1_664_525 + 1_013_904_223) % lines;
    let data = (0..lines).flat_map(|line| {
        let mut bytes = [0; LINE];
        bytes[8..16].copy_from_slice(&(DATA + LINE as u64 * next(line)).to_le_bytes());
        bytes
    });
    let body = code(|code| (0..64).for_each(|_| _ = code.i(Opcode::Ld, T0, T0, 8)));
    let prologue = code(|code| _ = code.li(T0, DATA));
    // The shorter script has been everywhere.
    let script =
        Script { prologue, loops: (lines / 64).max(1000), data: data.collect(), ..Script::new(body) };
    Workload::new(format!("load: a chain through {name}"), "load", script, 64)
}

/// Accesses to pages that have been stored to, each with bytes of its own, chosen by the upper bits of T1, a linear congruential generator. The same without
/// the accesses is deducted.
fn at_random(name: String, price: &'static str, bits: u32, access: impl Fn(&mut Code, u8)) -> Workload {
    let touch = repeated(
        1 << (bits - 12),
        &code(|code| {
            code.s(Opcode::Sd, A2, A1, 0).r(Opcode::Add, A2, A2, A5);
        }),
    );
    let prologue = code(|code| {
        code.li(A2, DATA).append(&touch);
        code.li(T2, 0x5851_f42d_4c95_7f2d).li(T1, 1).li(A2, DATA).li(A3, (1 << bits) - 8);
    });
    let body = |accesses: bool| {
        code(|code| {
            for _ in 0..64 {
                code.r(Opcode::Mul, T1, T1, T2).i(Opcode::Addi, T1, T1, 1);
                code.i(Opcode::Srli, T0, T1, 30).r(Opcode::And, T0, T0, A3).r(Opcode::Add, T0, T0, A2);
                if accesses {
                    access(code, T0);
                }
            }
        })
    };
    // So many that to have touched the pages takes a small part of the time.
    let loops = 10_000;
    let script = |accesses| Script { prologue: prologue.clone(), loops, ..Script::new(body(accesses)) };
    Workload::difference(name, price, script(false), script(true), 64 * loops)
}

/// Reservations, and stores to the page of one.
fn reservations() -> Vec<Workload> {
    let pairs = |opcode| {
        code(|code| {
            for _ in 0..BODY / 2 {
                code.i(Opcode::LrD, A0, A4, 0);
                match opcode {
                    Opcode::Sd => code.s(opcode, A4, A1, 0),
                    _ => code.r(opcode, A0, A4, A1),
                };
            }
        })
    };
    vec![
        row("atomic: lr.d and sc.d in turn", "atomic", pairs(Opcode::ScD), BODY / 2),
        row("atomic: lr.d and sd in turn", "atomic", pairs(Opcode::Sd), BODY / 2),
    ]
}

/// Branches and jumps.
fn control() -> Vec<Workload> {
    let branch = |name: &str, opcode| {
        let body = repeat(|code, _| {
            code.s(opcode, A1, A1, 4);
        });
        row(format!("branch: {name}"), "branch", body, BODY)
    };
    let random = code(|code| {
        for _ in 0..64 {
            code.r(Opcode::Mul, T1, T1, T2).i(Opcode::Addi, T1, T1, 1);
            code.i(Opcode::Srli, T0, T1, 63).s(Opcode::Bne, T0, ZERO, 8).i(Opcode::Addi, A0, A0, 1);
        }
    });
    let seed = code(|code| {
        code.li(T2, 0x5851_f42d_4c95_7f2d).li(T1, 1);
    });
    let jalr = code(|code| {
        for _ in 0..BODY / 2 {
            code.i(Opcode::Auipc, T0, 0, 0).i(Opcode::Jalr, ZERO, T0, 8);
        }
    });
    let jumps = |offset: i32| {
        code(|code| {
            for _ in 0..BODY / 2 {
                code.push(Opcode::Jal, ZERO, 0, 0, offset);
            }
        })
    };
    let onwards = repeat(|code, _| {
        code.push(Opcode::Jal, ZERO, 0, 0, 4);
    });
    vec![
        branch("taken", Opcode::Beq),
        branch("not taken", Opcode::Bne),
        row("branch: at random", "branch", random, 64).with(|script| script.prologue = seed.clone()),
        row("jump: to the next instruction", "jump", onwards, BODY),
        // There, and back to the instruction behind.
        row("jump: to another page", "jump", jumps(4096), BODY).with(|script| script.far = jumps(4 - 4096)),
        row("jump_register: auipc and jalr", "jump_register", jalr, BODY / 2),
    ]
}

/// Code that a node sees for the first time, each instruction of which is run once.
fn cold() -> Vec<Workload> {
    let once = |name: &str, price, write: fn(&mut Code)| {
        let script = |instructions: usize| Script {
            loops: 1,
            ..Script::new(code(|code| (0..instructions).for_each(|_| write(code))))
        };
        let (less, more) = (1 << 14, 1 << 15);
        let cold = Workload::difference(name, price, script(less), script(more), (more - less) as u64);
        let bound = "once for each program in a process: code is kept, 64 MiB of operations for each program";
        Workload { timed: Timed::Cold, ..cold }.bounded(bound)
    };
    vec![
        once("code that is entered first: addi", "arithmetic", |code| {
            code.i(Opcode::Addi, A0, A0, 1);
        }),
        once("code that is entered first: jal to the next", "jump", |code| {
            code.push(Opcode::Jal, ZERO, 0, 0, 4);
        }),
        once("code that is entered first: branches", "branch", |code| {
            code.s(Opcode::Bne, A1, A1, 8);
        }),
    ]
}
