//! Instructions: every opcode of the classes with a fixed price, and what makes loads, stores and jumps slow.

use travertine_opcodes::{GasClass, Opcode, Operand, Row, TABLE};

use crate::assembler::{A0, A1, A2, A3, A4, A5, Code, FREE, T0, T1, T2, ZERO, code};
use crate::measure::{DATA, PAGE, Workload};

/// Instructions in a loop: so many that the loop's own do not count.
const BODY: usize = 512;

pub(crate) fn workloads() -> Vec<Workload> {
    [straight(), accesses(), control()].concat().into_iter().map(with_operands).collect()
}

/// Registers that all of them find set: a large number, a small one, one, the first data page, its size.
fn with_operands(mut workload: Workload) -> Workload {
    let own = std::mem::take(&mut workload.prologue);
    workload.prologue.li(A1, 0x7fff_ffff_7fff_fff1).li(A2, 3).li(A3, 1).li(A4, DATA + 64).li(A5, PAGE);
    // The page has been read and written.
    workload.prologue.s(Opcode::Sd, A4, A1, 0).i(Opcode::Ld, A0, A4, 0).append(&own);
    workload
}

/// The field of the schedule and the group of opcodes that nothing but their registers make slow or fast.
fn price(class: GasClass) -> Option<(&'static str, &'static str)> {
    Some(match class {
        GasClass::Arithmetic => ("arithmetic", "arithmetic"),
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
        Workload::new(
            "nop",
            "nop",
            repeat(|code, _| {
                code.i(Opcode::Addi, 0, 0, 0);
            }),
            BODY as u64,
        ),
        Workload::new(
            "mv, dependent",
            "mv",
            repeat(|code, _| {
                code.i(Opcode::Addi, A0, A0, 0);
            }),
            BODY as u64,
        ),
        Workload::new(
            "mv",
            "mv",
            repeat(|code, free| {
                code.r(Opcode::Add, free, ZERO, A1);
            }),
            BODY as u64,
        ),
    ];
    let mut rows: Vec<&Row> = TABLE.iter().filter(|row| price(row.gas_class).is_some()).collect();
    rows.sort_by_key(|row| row.gas_class);
    for row in rows {
        let (price, group) = price(row.gas_class).expect("it was filtered");
        for (kind, is_dependent) in [("dependent", true), ("independent", false)] {
            let body = repeat(|code, free| instruction(code, row, is_dependent, free));
            let name = format!("{price}: {}, {kind}", row.mnemonic);
            all.push(Workload { group: Some(group), ..Workload::new(name, price, body, BODY as u64) });
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
        // The free registers point to pages 16 MiB apart.
        let bases = code(|code| {
            for (number, free) in FREE.enumerate() {
                code.li(free, DATA + ((number as u64) << 24));
            }
        });
        let body = repeat(|code, free| access(code, free));
        let name = format!("{price}: eight pages in turn");
        all.push(Workload { prologue: bases, ..Workload::new(name, price, body, BODY as u64) });

        let edge = code(|code| {
            code.li(A0, DATA + PAGE - 4).r(Opcode::Add, T0, A0, ZERO);
        });
        let body = repeat(|code, _| access(code, T0));
        let name = format!("{price}: across two pages");
        all.push(Workload { prologue: edge, ..Workload::new(name, price, body, BODY as u64) });

        // T1 is a linear congruential generator; its upper bits choose among 1,024 pages 4 KiB apart.
        for (name, bits, loops) in [("among 1,024 pages", 22, 1000), ("among 16,384 pages", 26, 2000)] {
            let prologue = code(|code| {
                code.li(T2, 0x5851_f42d_4c95_7f2d).li(T1, 1).li(A2, DATA).li(A3, (1 << bits) - 8);
            });
            let body = code(|code| {
                for _ in 0..64 {
                    code.r(Opcode::Mul, T1, T1, T2).i(Opcode::Addi, T1, T1, 1);
                    code.i(Opcode::Srli, T0, T1, 30).r(Opcode::And, T0, T0, A3).r(Opcode::Add, T0, T0, A2);
                    access(code, T0);
                }
            });
            let name = format!("{price}: at random {name}");
            all.push(Workload { prologue, loops, ..Workload::new(name, price, body, 64) });
        }
    }
    all
}

/// Branches and jumps.
fn control() -> Vec<Workload> {
    let branch = |name: &str, opcode| {
        let body = repeat(|code, _| {
            code.s(opcode, A1, A1, 4);
        });
        Workload::new(format!("branch: {name}"), "branch", body, BODY as u64)
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
    let (near, far): (Vec<i32>, Vec<i32>) = (vec![4096; BODY / 2], vec![4 - 4096; BODY / 2]);
    let jumps = |offsets: Vec<i32>| {
        code(|code| {
            for offset in offsets {
                code.push(Opcode::Jal, ZERO, 0, 0, offset);
            }
        })
    };
    vec![
        branch("taken", Opcode::Beq),
        branch("not taken", Opcode::Bne),
        Workload { prologue: seed, ..Workload::new("branch: at random", "branch", random, 64) },
        Workload::new("jump: to the next instruction", "jump", jumps(vec![4; BODY]), BODY as u64),
        Workload {
            far: jumps(far),
            ..Workload::new("jump: to another page", "jump", jumps(near), BODY as u64)
        },
        Workload::new("jump_register: auipc and jalr", "jump_register", jalr, BODY as u64 / 2),
    ]
}
