//! The allocator's instructions, with what they leave for the settlement.

use travertine_memory::Property;
use travertine_opcodes::{Opcode, Operand};

use crate::assembler::{A0, A1, A2, A3, A4, Code, FREE, T0, T1, T2, ZERO, code, repeated};
use crate::measure::{DATA, PAGE, Script, Workload};
use crate::pages::MIB;

/// The first byte of the heap.
const HEAP: u64 = 3 << 32;
/// The first of the regions that can be opened beside it, and how many there are.
const FURTHER: u64 = 0x10;
const FURTHER_REGIONS: u64 = 0x70;
/// What `m3.alloc` takes in `rs2`: a kind, and flags.
const ON_HEAP: u64 = 4;
/// The same for generative memory; its seed and mode stand at the begin of the data, which is zero.
const GENERATIVE: u64 = 9 | DATA << 24;
const PINNED: u64 = 4 << 8;
const CONTIGUOUS: u64 = 1 << 8;
const TEMPORARY: u64 = 128 << 8;
/// Operations in a loop, and loops.
const BODY: u64 = 64;
const LOOPS: u64 = 32;
const PLANE_PAGES: u64 = 16;

pub(crate) fn workloads() -> Vec<Workload> {
    [allocations(), releases(), pairs(), refusals(), planes(), inquiries(), resizes(), compactions()].concat()
}

/// `rd` = address of as many bytes as `rs1` says, as `rs2` says.
fn alloc(code: &mut Code, rd: u8, rs1: u8, rs2: u8) {
    code.r(Opcode::M3Alloc, rd, rs1, rs2);
}

fn free(code: &mut Code, rs1: u8) {
    code.r(Opcode::M3Free, A0, rs1, ZERO);
}

/// So many allocations of so many bytes, one after the other.
fn allocated(count: u64, bytes: u64, word: u64) -> Code {
    code(|all| {
        all.li(A3, bytes).li(A4, word).append(&repeated(count, &code(|code| alloc(code, A0, A3, A4))));
    })
}

/// `act` on T0, which begins with `start` and goes on by `step`.
fn walk(count: u64, start: u64, step: u64, act: impl Fn(&mut Code)) -> Code {
    code(|all| {
        let body = code(|code| {
            act(code);
            code.r(Opcode::Add, T0, T0, T1);
        });
        all.li(T0, start).li(T1, step).append(&repeated(count, &body));
    })
}

/// Lets the budget of the heap have the planes for so many bytes, so that growth is not a part of what is measured.
fn budget(bytes: u64) -> Code {
    code(|code| {
        code.li(A1, bytes).li(A2, ON_HEAP);
        alloc(code, A0, A1, A2);
        free(code, A0);
    })
}

fn joined(parts: &[Code]) -> Code {
    code(|code| parts.iter().for_each(|part| _ = code.append(part)))
}

/// Half of the loops, or all.
fn twice(name: &str, price: &'static str, script: Script) -> Workload {
    Workload::new(name, price, Script { loops: LOOPS, ..script }, BODY)
}

fn allocations() -> Vec<Workload> {
    let row = |name: &str, bytes, word| {
        let body = code(|code| (0..BODY).for_each(|_| alloc(code, A0, A1, A2)));
        let prologue = code(|code| _ = code.li(A1, bytes).li(A2, word));
        let script = Script { setup: budget(2 * LOOPS * BODY * bytes), prologue, ..Script::new(body) };
        twice(name, "allocate_record", script).settled()
    };
    let pages = |pages: u64| {
        let setup = budget(80 * MIB);
        Script { setup, ..Script::once(allocated(BODY, pages * PAGE, ON_HEAP)) }
    };
    let one_more_page = Workload::difference(
        "allocate: each page, settled",
        "allocate_page",
        pages(1),
        pages(257),
        256 * BODY,
    );
    vec![
        row("allocate: blocks of 16 bytes, settled", 16, ON_HEAP),
        row("allocate: blocks of 256 bytes, settled", 256, ON_HEAP),
        row("allocate: blocks of 2,048 bytes, settled", 2048, ON_HEAP),
        row("allocate: pages of their own, settled", PAGE, ON_HEAP),
        row("allocate: pinned pages, settled", PAGE, ON_HEAP | PINNED),
        row("allocate: contiguous pages, settled", 8 * PAGE, ON_HEAP | CONTIGUOUS),
        row("allocate: temporary blocks, to the end of the call", 256, ON_HEAP | TEMPORARY),
        row("allocate: Transient blocks, to the end of the call", 256, 7),
        one_more_page.settled(),
    ]
}

/// Frees what an earlier call has allocated: so many, `bytes` each, one behind the other.
fn releases() -> Vec<Workload> {
    let count = 2 * LOOPS * BODY;
    let freed = code(|code| {
        (0..BODY).for_each(|_| {
            free(code, T0);
            code.r(Opcode::Add, T0, T0, T1);
        });
    });
    let row = |name: &str, bytes: u64, is_written: bool| {
        let written = walk(if is_written { count } else { 0 }, HEAP, bytes, |code| {
            code.s(Opcode::Sd, T0, T1, 0);
        });
        let setup = joined(&[allocated(count + 1, bytes, ON_HEAP), written]);
        let prologue = code(|code| _ = code.li(T0, HEAP).li(T1, bytes));
        twice(name, "free_record", Script { setup, prologue, ..Script::new(freed.clone()) }).settled()
    };
    let pages = |pages: u64, is_written: bool| {
        let written = walk(if is_written { pages * BODY } else { 0 }, HEAP, PAGE, |code| {
            code.s(Opcode::Sd, T0, T1, 0);
        });
        let setup = joined(&[allocated(BODY, pages * PAGE, ON_HEAP), written]);
        Script { setup, ..Script::once(walk(BODY, HEAP, pages * PAGE, |code| free(code, T0))) }
    };
    let page = |name: &str, price, is_written| {
        let (less, more) = (pages(1, is_written), pages(65, is_written));
        Workload::difference(name, price, less, more, 64 * BODY).settled()
    };
    vec![
        row("free: blocks of 16 bytes, settled", 16, true),
        row("free: blocks of 256 bytes, settled", 256, true),
        row("free: blocks of 2,048 bytes, settled", 2048, true),
        row("free: empty pages of their own, settled", PAGE, false),
        row("free: written pages of their own, settled", PAGE, true),
        page("free: each empty page, settled", "free_page", false),
        page("free: each written page, settled", "resident_page", true),
    ]
}

/// An allocation that is freed at once, beside others.
fn pairs() -> Vec<Workload> {
    let row = |name: String, bytes, word, beside: u64| {
        let body = code(|code| {
            (0..BODY / 2).for_each(|_| {
                alloc(code, A0, A1, A2);
                free(code, A0);
            });
        });
        let prologue = code(|code| {
            code.li(A1, bytes).li(A2, word).append(&allocated(beside, bytes, word));
        });
        let setup = budget(16 * MIB);
        let price = if word == GENERATIVE { "generative_region" } else { "allocate_record" };
        Workload::new(name, price, Script { setup, prologue, loops: 100, ..Script::new(body) }, BODY / 2)
    };
    let kinds = [("Heap", ON_HEAP), ("Shared", 6), ("Transient", 7), ("State", 3)];
    let blocks = kinds
        .map(|(kind, word)| row(format!("allocate and free: 64 bytes beside others, {kind}"), 64, word, 3));
    // Pages that earlier calls have written, and this one has emptied.
    let emptied = |pages: u64| {
        let written = walk(pages, HEAP, PAGE, |code| _ = code.s(Opcode::Sd, T0, T1, 0));
        let setup = joined(&[allocated(1, pages * PAGE, ON_HEAP), written]);
        let prologue = code(|code| {
            code.li(A1, pages * PAGE).li(A2, ON_HEAP).li(A0, HEAP);
            free(code, A0);
        });
        let body = code(|code| {
            (0..BODY / 2).for_each(|_| {
                alloc(code, A0, A1, A2);
                free(code, A0);
            });
        });
        Script { setup, prologue, loops: 4, ..Script::new(body) }
    };
    let name = "allocate and free: each page that was stored before";
    let stored = Workload::difference(name, "resident_page", emptied(16), emptied(272), 256 * 2 * BODY);
    let others = [
        ("2,048 bytes beside others", 2048, ON_HEAP, 3),
        ("64 bytes, beside 10,000", 64, ON_HEAP, 10_000),
        ("64 bytes in a page of their own", 64, ON_HEAP, 0),
        ("a page", PAGE, ON_HEAP, 3),
        ("1 MiB", MIB, ON_HEAP, 3),
        ("a page of generative memory, its region opened and closed", PAGE, GENERATIVE, 0),
    ];
    let others = others
        .map(|(name, bytes, word, beside)| row(format!("allocate and free: {name}"), bytes, word, beside));
    [&blocks[..], &others, &[stored]].concat()
}

/// Requests that are refused, at once and after all regions were asked.
fn refusals() -> Vec<Workload> {
    let row = |name: &str, price, opcode: Opcode, (rs1, rs2)| {
        let second = if opcode.row().operands.contains(&Operand::Rs2) { A2 } else { ZERO };
        let body = code(|code| (0..BODY).for_each(|_| _ = code.r(opcode, A0, A1, second)));
        let prologue = code(|code| _ = code.li(A1, rs1).li(A2, rs2));
        let setup = allocated(3, 64, ON_HEAP);
        Workload::new(name, price, Script { setup, prologue, loops: 100, ..Script::new(body) }, BODY)
    };
    // A page of each region is used, so none has 4 GiB.
    let refused = |regions: u64| {
        let body = code(|code| (0..BODY).for_each(|_| alloc(code, A0, A1, A2)));
        let prologue = code(|code| {
            code.li(A1, 1 << 32).li(A2, ON_HEAP).append(&allocated(1, PAGE, ON_HEAP));
        });
        // The numbers that are not opened on the heap are taken by regions of another kind.
        let others = opened(FURTHER_REGIONS - regions, 6, FURTHER + regions);
        let setup = joined(&[opened(regions, ON_HEAP, FURTHER), others]);
        Script { setup, prologue, loops: 20, ..Script::new(body) }
    };
    let searched = Workload::difference(
        "allocate: each region that has no room",
        "allocate_region",
        refused(1),
        refused(FURTHER_REGIONS),
        20 * BODY * (FURTHER_REGIONS - 1),
    );
    vec![
        row("allocate: refused, no bytes", "allocate", Opcode::M3Alloc, (0, ON_HEAP)),
        row("allocate: refused, no room", "allocate", Opcode::M3Alloc, (1 << 32, ON_HEAP | 3 << 16)),
        row("free: refused, the middle of a block", "free", Opcode::M3Free, (HEAP + 8, 0)),
        row("free: refused, nothing is there", "free", Opcode::M3Free, (HEAP + PAGE, 0)),
        row("resize: refused, another's address", "resize", Opcode::M3Resize, (HEAP - 8, 64)),
        row("resize: refused, no room", "resize", Opcode::M3Resize, (HEAP, 1 << 32)),
        row("compact: refused, another's region", "compact", Opcode::M3Compact, (DATA >> 32, 0)),
        row("query: refused, no region", "query", Opcode::M3Query, (0x55 << 32, 0)),
        row("query: refused, no property", "query", Opcode::M3Query, (HEAP, 99)),
        row("size: nothing is there", "size", Opcode::M3Size, (HEAP + PAGE, 0)),
        row("resolve: refused, nothing has the handle", "resolve", Opcode::M3Resolve, (99 << 24, 0)),
        searched,
    ]
}

/// Opens so many regions of a kind, from this number on, with a page in each.
fn opened(count: u64, kind: u64, first: u64) -> Code {
    code(|all| {
        let body = code(|code| {
            alloc(code, A0, A1, T0);
            code.r(Opcode::Add, T0, T0, T1);
        });
        all.li(A1, PAGE).li(T0, kind | first << 16).li(T1, 1 << 16).append(&repeated(count, &body));
    })
}

/// Promotion, growth, and regions that are opened.
fn planes() -> Vec<Workload> {
    let resource = "the price of a plane is for what it takes from a node for as long as it is there";
    // Every plane has one free frame, and there are so many planes of the kind that none is grown instead. What fills them is
    // contiguous, or it would be promoted itself.
    let many = allocated(1, 1 << 30, ON_HEAP | FURTHER << 16);
    let filled = |planes| allocated(planes, (PLANE_PAGES - 1) * PAGE, ON_HEAP | CONTIGUOUS);
    let promoted = |planes: u64| {
        let body = code(|code| {
            alloc(code, A0, A1, A2);
            free(code, A0);
        });
        let prologue = code(|code| {
            code.append(&filled(128));
            code.li(A1, planes * PAGE).li(A2, ON_HEAP);
        });
        Script { setup: many.clone(), prologue, loops: 200, ..Script::new(body) }
    };
    let stays = |planes: u64| {
        let setup = joined(&[many.clone(), filled(1024)]);
        Script { setup, ..Script::once(allocated(8, planes * PAGE, ON_HEAP)) }
    };
    let row =
        |name: &str, less, more, units| Workload::difference(name, "promotion_plane", less, more, units);
    let mut all = vec![
        row("allocate and free: each plane of a promotion", promoted(24), promoted(120), 200 * 96),
        row("allocate: each plane of a promotion, settled", stays(8), stays(120), 8 * 112).settled(),
    ];
    for (price, kind, word) in [
        ("heap_plane", "Heap", ON_HEAP),
        ("shared_plane", "Shared", 6),
        ("transient_plane", "Transient", 7),
        ("state_plane", "State", 3),
    ] {
        let name = format!("allocate: each plane by which {kind} grows, settled");
        let script = |planes| Script::once(allocated(planes, PLANE_PAGES * PAGE, word));
        let row = Workload::difference(name, price, script(LOOPS), script(9 * LOOPS), 8 * LOOPS);
        all.push(row.settled().bounded(resource));
    }
    let open = |regions| Script::once(opened(regions, ON_HEAP, FURTHER));
    let opening = Workload::difference(
        "allocate: each region that is opened, settled",
        "allocate_record",
        open(12),
        open(112),
        100,
    );
    all.push(opening.settled().bounded("a machine has 112 regions to open"));
    all
}

fn inquiries() -> Vec<Workload> {
    let row = |name: String, price, opcode: Opcode, rs1, rs2, setup: &Code| {
        let second = if opcode.row().operands.contains(&Operand::Rs2) { A2 } else { ZERO };
        let body = code(|code| (0..BODY).for_each(|_| _ = code.r(opcode, A0, A1, second)));
        let prologue = code(|code| _ = code.li(A1, rs1).li(A2, rs2));
        let script = Script { setup: setup.clone(), prologue, loops: 100, ..Script::new(body) };
        Workload::new(name, price, script, BODY)
    };
    let blocks = allocated(1000, 256, ON_HEAP);
    let at = HEAP + 100 * 256;
    let query = |property: &Property| {
        let name = format!("query: {}", property.name());
        row(name, "query", Opcode::M3Query, at + 17, property.number().into(), &blocks)
    };
    let mut all: Vec<_> = Property::ALL.iter().map(query).collect();
    all.push(row("size".to_owned(), "size", Opcode::M3Size, at + 17, 0, &blocks));
    // Allocation 1 is in slot 0.
    all.push(row("resolve".to_owned(), "resolve", Opcode::M3Resolve, 1 << 24, 0, &blocks));
    // T1 is a linear congruential generator; its upper bits choose among 65,536 blocks.
    let random = |is_asked: bool| {
        let body = code(|code| {
            for _ in 0..BODY {
                code.r(Opcode::Mul, T1, T1, T2).i(Opcode::Addi, T1, T1, 1);
                code.i(Opcode::Srli, T0, T1, 40).r(Opcode::And, T0, T0, A3).r(Opcode::Add, T0, T0, A4);
                if is_asked {
                    code.r(Opcode::M3Query, A0, T0, A2);
                }
            }
        });
        let prologue = code(|code| {
            code.li(T2, 0x5851_f42d_4c95_7f2d).li(T1, 1).li(A2, 9).li(A3, (1 << 22) - 1).li(A4, HEAP);
        });
        Script { setup: allocated(1 << 16, 64, ON_HEAP), prologue, loops: 200, ..Script::new(body) }
    };
    let name = "query: size, at random among 65,536 blocks";
    all.push(Workload::difference(name, "query", random(false), random(true), 200 * BODY));
    all
}

fn resizes() -> Vec<Workload> {
    // One allocation that goes from one size to the other and back.
    let turns = |name: &str, less: u64, more: u64, beside: bool| {
        let body = code(|code| {
            (0..BODY / 2).for_each(|_| {
                code.r(Opcode::M3Resize, A0, A0, A2).r(Opcode::M3Resize, A0, A0, A1);
            });
        });
        let prologue = code(|code| {
            code.li(A1, less).li(A2, more).li(A4, ON_HEAP);
            alloc(code, A0, A1, A4);
            if beside {
                alloc(code, A3, A1, A4);
                alloc(code, A3, A2, A4);
            }
        });
        let setup = budget(16 * MIB);
        Workload::new(
            name,
            "resize_record",
            Script { setup, prologue, loops: 100, ..Script::new(body) },
            BODY,
        )
    };
    // T2 is the size of the allocation at T0, which grows by a page and does not find it where it is.
    let moving = |pages: u64, is_written: bool| {
        let body = code(|code| {
            alloc(code, A0, T2, A2);
            code.r(Opcode::Add, T2, T2, A1).r(Opcode::M3Resize, T0, T0, T2);
        });
        let prologue = code(|code| {
            code.li(T2, pages * PAGE).li(A1, PAGE).li(A2, ON_HEAP).li(T0, HEAP);
        });
        let written = walk(if is_written { pages } else { 0 }, HEAP, PAGE, |code| {
            code.s(Opcode::Sd, T0, T1, 0);
        });
        let setup = joined(&[budget(96 * MIB), allocated(1, pages * PAGE, ON_HEAP), written]);
        Script { setup, prologue, loops: LOOPS, ..Script::new(body) }
    };
    let moves = |name: &str, price, is_written| {
        let (less, more) = (moving(2, is_written), moving(258, is_written));
        Workload::difference(name, price, less, more, 256 * LOOPS).settled()
    };
    // Of many allocations each goes from one size to another.
    let once = |name: &str, from: u64, to: u64, step: u64| {
        let body = code(|code| {
            (0..BODY).for_each(|_| {
                code.r(Opcode::M3Resize, A0, T0, A2).r(Opcode::Add, T0, T0, T1);
            });
        });
        let count = 2 * LOOPS * BODY;
        let written = walk(count, HEAP, step, |code| _ = code.s(Opcode::Sd, T0, T1, 0));
        let setup = joined(&[budget(64 * MIB), allocated(count, from, ON_HEAP), written]);
        let prologue = code(|code| _ = code.li(T0, HEAP).li(T1, step).li(A2, to));
        twice(name, "resize_record", Script { setup, prologue, ..Script::new(body) }).settled()
    };
    vec![
        once("resize: blocks that stay where they are, settled", 120, 128, 128),
        once("resize: blocks that get pages of their own, settled", 2048, 2049, 2048),
        once("resize: blocks that are copied, settled", 1024, 2048, 1024),
        once("resize: a page more for pages, settled", PAGE, 2 * PAGE, PAGE),
        turns("resize: a block that stays where it is", 100, 112, true),
        turns("resize: a block that is copied", 1024, 2048, true),
        turns("resize: a block that gets a page of its own", 2048, 2049, true),
        turns("resize: a page more and less", PAGE, 2 * PAGE, false),
        moves("resize: each empty page that moves, settled", "resize_page", false),
        moves("resize: each written page that moves, settled", "resident_page", true),
    ]
}

/// A defragmentation with this limit, so many times.
fn compacted(setup: Code, limit: u64, loops: u64) -> Script {
    let body = code(|code| _ = code.r(Opcode::M3Defrag, A0, A1, A2));
    let prologue = code(|code| _ = code.li(A1, HEAP >> 32).li(A2, limit));
    Script { setup, prologue, loops, ..Script::new(body) }
}

/// Planes of which this is allocated, one after the other, with registers s2 for what is freed in the end.
fn half_planes(count: u64, stays: &Code) -> Code {
    let size = FREE.start;
    let word = size + 1;
    let one = code(|code| {
        alloc(code, T0, size, word);
        // The addresses of what is freed are kept in the data region.
        code.s(Opcode::Sd, T1, T0, 0).i(Opcode::Addi, T1, T1, 8).append(stays);
    });
    let freed = code(|code| {
        code.i(Opcode::Ld, T0, T1, 0);
        free(code, T0);
        code.i(Opcode::Addi, T1, T1, 8);
    });
    code(|all| {
        all.li(size, 8 * PAGE).li(word, ON_HEAP).li(T1, DATA).append(&repeated(count, &one));
        all.li(T1, DATA).append(&repeated(count, &freed));
    })
}

fn compactions() -> Vec<Workload> {
    let nothing = {
        let setup = allocated(3, 64, ON_HEAP);
        Workload::new("compact: nothing to move", "compact_search", compacted(setup, 4096, 100), 1)
    };
    // Full planes with twelve frames that could move and four that could not, and three planes with room for one more.
    let stuck = code(|all| {
        let body = code(|code| {
            alloc(code, A0, A1, A2);
            alloc(code, A0, A3, A4);
        });
        all.li(A1, 12 * PAGE).li(A2, ON_HEAP).li(A3, 4 * PAGE).li(A4, ON_HEAP | PINNED);
        all.append(&repeated(1024, &body)).append(&allocated(3, 9 * PAGE, ON_HEAP | PINNED | CONTIGUOUS));
    });
    let scanned = Workload::difference(
        "compact: each plane that cannot be emptied",
        "compact_plane",
        compacted(stuck.clone(), 32, 20),
        compacted(stuck, 544, 20),
        512 * 20,
    );
    let moved = |name: &str, setup: Code| {
        let (less, more) = (compacted(setup.clone(), 64, 4), compacted(setup, 512, 4));
        Workload::difference(name, "compact_frame", less, more, 448 * 4).settled()
    };
    let words = code(|code| {
        (0..8).for_each(|_| alloc(code, A0, A1, A2));
    });
    let eight = code(|code| _ = code.li(A1, 8 * PAGE).li(A2, ON_HEAP));
    let one = code(|code| _ = code.li(A1, PAGE).li(A2, ON_HEAP));
    let together = joined(&[eight, half_planes(512, &code(|code| alloc(code, A0, A1, A2)))]);
    let apart = joined(&[one, half_planes(512, &words)]);
    // Eight pages of blocks in each plane.
    let blocks = |bytes: u64| {
        let count = 8 * PAGE / bytes;
        let all = code(|code| (0..count.min(128)).for_each(|_| alloc(code, A0, A1, A2)));
        let operands = code(|code| _ = code.li(A1, bytes).li(A2, ON_HEAP));
        joined(&[operands, half_planes(16, &all)])
    };
    let records = Workload::difference(
        "compact: each record that is written anew, settled",
        "compact_run",
        compacted(blocks(2048), 64, 1),
        compacted(blocks(256), 64, 1),
        64 * 14,
    );
    vec![
        nothing,
        scanned,
        moved("compact: each frame of 8 pages, settled", together),
        moved("compact: each frame of single pages, settled", apart),
        records.settled(),
    ]
}
