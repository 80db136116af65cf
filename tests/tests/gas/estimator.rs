//! What `Schedule::cost` says beforehand is what the machine charges: for every opcode, and for every operation that one
//! of them can be, under every named schedule.

use travertine_gas::{Bill, Operation, PlaneKind, Schedule};
use travertine_memory::{Mode, Permissions, Synthesis};
use travertine_opcodes::{GasClass, Instruction, Opcode, Operand, encode};
use travertine_vm::{
    Call, Engine, GenerativeRegion, Image, Machine, NoHost, Outcome, Program, RunLimit, Segment, TrapCause,
    numbers,
};

const CODE: u64 = 0x1_f000_0000;
const DATA: u64 = 0x2_0000_0000;
const OTHER: u64 = 0x3_0000_0000;
/// A generative region.
const MADE: u64 = 0x80_0000_0000;
/// The page of the input that the registers are loaded from.
const INPUT: u64 = 0x7_0001_0000;
const PLANE: u64 = 0x1_0000;
/// The region that the first allocation opens, as the image has the heap itself.
const FIRST_OPENED: u64 = 0x10;
/// Kind of the heap, without flags: a request of `m3.alloc`.
const HEAP: u64 = 4;
const GENERATIVE: u64 = 9;
const A0: u8 = 10;
const A1: u8 = 11;
const A2: u8 = 12;
const A3: u8 = 13;
const A4: u8 = 14;
const A5: u8 = 15;
const A6: u8 = 16;
const A7: u8 = 17;

/// Three entries of a gather or scatter, at the start of the data: 24 bytes in this plane, 5,000 in another one, across two
/// pages, and 8 in another region.
const ENTRIES: [[u64; 2]; 3] = [[DATA + 0x4000, 24], [DATA + 3 * PLANE + 0x1ff0, 5000], [OTHER, 8]];

/// An instruction, the registers that it finds, and what it should cost.
struct Case {
    /// What is carried out between loading the registers and the instruction.
    before: Vec<Instruction>,
    instruction: Instruction,
    registers: Vec<(u8, u64)>,
    /// Whether it is refused, which costs its base price.
    is_refused: bool,
    /// What it is, or else what it has done before it was refused.
    costs: Vec<Operation>,
}

/// Makes a case of what a0, a1 and a2 hold.
type CaseOf<'a> = dyn Fn(u64, u64, u64, Vec<Operation>) -> Case + 'a;

fn touch(first_reads: u64, first_writes: u64) -> Operation {
    made(first_reads, first_writes, 0)
}

fn made(first_reads: u64, first_writes: u64, synthesized: u64) -> Operation {
    Operation::Touch { first_reads, first_writes, synthesized, copies: 0, first_placed: 0 }
}

fn placed(first_placed: u64) -> Operation {
    Operation::Touch { first_reads: 0, first_writes: 0, synthesized: 0, copies: 0, first_placed }
}

fn copies(copies: u64) -> Operation {
    Operation::Touch { first_reads: 0, first_writes: 0, synthesized: 0, copies, first_placed: 0 }
}

/// The instruction with registers a0, a1 and a2 wherever it has operands.
fn with_operands(opcode: Opcode) -> Instruction {
    let row = opcode.row();
    let has = |operand| row.operands.contains(&operand);
    let reads_rd = matches!(row.gas_class, GasClass::ReadRoot);
    Instruction {
        opcode,
        rd: if has(Operand::Rd) || reads_rd { A0 } else { 0 },
        rs1: if has(Operand::Rs1) || has(Operand::Memory) || has(Operand::Address) { A1 } else { 0 },
        rs2: if has(Operand::Rs2) { A2 } else { 0 },
        imm: if has(Operand::Target) { 8 } else { 0 },
    }
}

/// An `sc` without a reservation touches nothing.
fn touched_by_atomic(opcode: Opcode) -> Operation {
    match opcode {
        Opcode::LrW | Opcode::LrD => touch(1, 0),
        Opcode::ScW | Opcode::ScD => touch(0, 0),
        _ => touch(0, 1),
    }
}

/// What the opcode does beyond itself in the cases below.
fn cases(opcode: Opcode) -> Vec<Case> {
    let instruction = with_operands(opcode);
    let itself = Operation::of(instruction);
    let case = |a0, a1, a2, costs: Vec<Operation>| Case {
        before: Vec::new(),
        instruction,
        registers: vec![(A0, a0), (A2, a2), (A1, a1)],
        is_refused: false,
        costs,
    };
    let refused_at = |a1, a2| Case { is_refused: true, ..case(0, a1, a2, Vec::new()) };
    let refused = refused_at(0, 3 * 4096);
    // At the last byte of a page.
    let further_page = u64::from(opcode.access_bytes() > 1);
    let crossing = Operation::Crossing { accesses: further_page };
    match opcode.gas_class() {
        GasClass::Load => vec![
            case(0, DATA, 0, vec![itself, touch(1, 0)]),
            case(0, DATA + 0xfff, 0, vec![itself, touch(1 + further_page, 0), crossing]),
            case(0, MADE, 0, vec![itself, made(1, 0, 1)]),
            recalled(instruction, 1),
            recalled(instruction, 512),
            refused,
        ],
        GasClass::Store => vec![
            case(0, DATA, 7, vec![itself, touch(0, 1)]),
            case(0, DATA + 0xfff, 7, vec![itself, touch(0, 1 + further_page), crossing]),
            case(0, MADE, 7, vec![itself, made(0, 1, 1)]),
            recalled(instruction, 1),
            recalled(instruction, 512),
            refused,
        ],
        GasClass::Atomic => vec![case(0, DATA, 7, vec![itself, touched_by_atomic(opcode)])],
        GasClass::System if opcode == Opcode::Ecall => host_calls(instruction),
        GasClass::Copy => copies_of(&case, refused),
        GasClass::Fill => fills(&case, refused),
        GasClass::Gather => {
            let gather =
                Operation::Gather { bytes: 5032, entries: 3, region_changes: 1, plane_changes: 1, pages: 5 };
            // The list and its entries' five pages, and two of the destination.
            vec![case(DATA + 0x8000, DATA, 3, vec![gather, touch(6, 2)])]
        }
        GasClass::Scatter => {
            let scatter =
                Operation::Scatter { bytes: 5032, entries: 3, region_changes: 1, plane_changes: 1, pages: 5 };
            vec![case(DATA + 0x8000, DATA, 3, vec![scatter, touch(3, 5)])]
        }
        GasClass::Share => shares(&case, refused),
        GasClass::ReadRoot => vec![case(DATA, 2, 0, vec![itself, touch(0, 1)])],
        GasClass::Allocate => allocations(&case),
        GasClass::Free => {
            let freed = |resident_pages| case(0, 5000, 0, vec![Operation::Free { pages: 2, resident_pages }]);
            vec![allocated(freed(0)), stored(allocated(freed(1))), refused_at(DATA, 0)]
        }
        GasClass::Resize => {
            let resize = |added_bytes, moved_pages, resident_pages, remaps| Operation::Resize {
                added_bytes,
                copied_bytes: 0,
                moved_pages,
                resident_pages,
                remaps,
                kind: PlaneKind::Heap,
                planes_before: 1,
                planes_after: 1,
                extra_planes: 0,
            };
            vec![
                // The rest of its last page is zeroed.
                allocated(case(0, 5000, 20_000, vec![resize(15_000, 0, 0, 0), touch(0, 1)])),
                stored(allocated(case(0, 12_288, 4096, vec![resize(0, 2, 1, 0)]))),
                obstructed(stored(allocated(case(0, 8192, 12_288, vec![resize(4096, 2, 1, 1)])))),
                refused_at(DATA, 1),
            ]
        }
        GasClass::Compact => vec![two_half_planes(instruction), refused_at(DATA, 9)],
        GasClass::Size | GasClass::Query | GasClass::Resolve => {
            vec![allocated(case(0, 5000, 9, vec![itself])), refused_at(DATA, 9)]
        }
        _ => vec![case(DATA, DATA, 3, vec![itself])],
    }
}

/// An access to a page that was stored to, after so many rounds of stores to two others that lead to its place.
fn recalled(instruction: Instruction, rounds: usize) -> Case {
    let store_to = |rs1| Instruction { opcode: Opcode::Sd, rd: 0, rs1, rs2: A2, imm: 0 };
    let round = [store_to(A0), store_to(A2)];
    let before = std::iter::once(store_to(A1)).chain(std::iter::repeat_n(round, rounds).flatten());
    let far = u64::from(2 * rounds >= 1_024);
    Case {
        before: before.collect(),
        instruction,
        registers: vec![(A0, OTHER + 16 * 4096), (A2, MADE + 32 * 4096), (A1, DATA)],
        is_refused: false,
        costs: vec![Operation::of(instruction), Operation::Recall { near: 1 - far, far }],
    }
}

/// Across pages and from page to page, in one plane, to another one, to another region; and refused.
fn copies_of(case: &CaseOf, refused: Case) -> Vec<Case> {
    let copy = |region_changes, plane_changes| Operation::Copy {
        bytes: 5000,
        region_changes,
        plane_changes,
        pages: 0,
    };
    let whole = Operation::Copy { bytes: 5000 - 4096, region_changes: 0, plane_changes: 0, pages: 1 };
    vec![
        case(DATA + 0x8000, DATA, 5000, vec![whole, touch(2, 1), placed(1)]),
        case(DATA + 0x1000, DATA, 5000, vec![copy(0, 0), touch(2, 2)]),
        case(DATA + PLANE + 1, DATA, 5000, vec![copy(0, 1), touch(2, 2)]),
        case(OTHER + 1, DATA, 5000, vec![copy(1, 0), touch(2, 2)]),
        case(OTHER, MADE + 1, 5000, vec![copy(1, 0), made(2, 2, 2)]),
        case(MADE + 1, DATA, 5000, vec![copy(1, 0), made(2, 2, 2)]),
        refused,
    ]
}

fn fills(case: &CaseOf, refused: Case) -> Vec<Case> {
    let fill = |bytes, pages| Operation::Fill { bytes, pages };
    vec![
        case(DATA + 1, 0xee, 4096, vec![fill(4096, 0), touch(0, 2)]),
        // The rest of a page, two pages, and the beginning of one.
        case(DATA + 1, 0xee, 3 * 4096, vec![fill(4096, 2), touch(0, 2), placed(2)]),
        refused,
    ]
}

fn shares(case: &CaseOf, refused: Case) -> Vec<Case> {
    let share = Operation::Share { pages: 2, region_changes: 1, plane_changes: 0 };
    let input = Operation::Share { pages: 1, region_changes: 1, plane_changes: 0 };
    let itself = Operation::Share { pages: 1, region_changes: 0, plane_changes: 0 };
    let act = |opcode, rs1, rs2| Instruction { opcode, rd: A0, rs1, rs2, imm: 0 };
    let share_again = act(Opcode::M3Share, A1, A2);
    let store_to = |rs1| Instruction { opcode: Opcode::Sd, rd: 0, rs1, rs2: A0, imm: 0 };
    let (store, store_to_target) = (store_to(A1), store_to(A0));
    let after = |before: &[Instruction], case: Case| Case { before: before.to_vec(), ..case };
    let stored = |before: &[Instruction], more| {
        let costs = vec![Operation::Store { bytes: 8 }, more];
        Case { instruction: store, ..after(before, case(DATA + 8192, DATA, 4096, costs)) }
    };
    vec![
        case(OTHER, DATA, 8192, vec![share, touch(2, 0), placed(2)]),
        // What the machine has written is paid for as if it were stored.
        case(OTHER, INPUT, 4096, vec![input, touch(0, 1)]),
        // To a page that was placed before; from one that was stored to; and to one that was.
        after(&[share_again], case(DATA + 8192, DATA, 4096, vec![itself])),
        after(&[store], case(DATA + 8192, DATA, 4096, vec![itself, touch(0, 1)])),
        after(&[store_to_target], case(DATA + 8192, DATA, 4096, vec![itself, touch(1, 0)])),
        // A store to a page that was shared before and since it was stored to.
        stored(&[share_again], touch(0, 1)),
        stored(&[store, share_again], copies(1)),
        refused,
    ]
}

/// On the heap, which has no planes yet; and of generative memory, with parameters in one page, across two, of no defined mode,
/// and nowhere.
fn allocations(case: &CaseOf) -> Vec<Case> {
    let itself = Operation::of_class(GasClass::Allocate);

    let allocate = Operation::Allocate {
        bytes: 5000,
        kind: PlaneKind::Heap,
        planes_before: 0,
        planes_after: 1,
        extra_planes: 0,
        further_regions: 0,
    };
    let made = Operation::Allocate {
        bytes: 8192,
        kind: PlaneKind::Generative,
        planes_before: 0,
        planes_after: 1,
        extra_planes: 0,
        further_regions: 0,
    };
    let read = Operation::Load { bytes: 16 };
    let two_pages = Operation::Crossing { accesses: 1 };
    let word = |address: u64| GENERATIVE | address << 24;
    vec![
        case(0, 8192, word(DATA + 0x5000), vec![made, read, touch(1, 0)]),
        case(0, 8192, word(DATA + 0xff8), vec![made, read, touch(2, 0), two_pages]),
        case(0, 8192, word(DATA), vec![itself, read, touch(1, 0)]),
        case(0, 8191, word(DATA + 0x5000), vec![itself, read, touch(1, 0)]),
        case(0, 8192, word(0), vec![itself]),
        case(0, 5000, HEAP, vec![allocate]),
        case(0, 0, HEAP, vec![itself]),
        case(0, 1, 99, vec![itself]),
    ]
}

/// The case, after as many bytes of the heap as a1 says were allocated: a1 is their address.
fn allocated(case: Case) -> Case {
    let allocate = Instruction { opcode: Opcode::M3Alloc, rd: A1, rs1: A1, rs2: A3, imm: 0 };
    let registers = [&[(A3, HEAP)], &case.registers[..]].concat();
    Case { before: vec![allocate], registers, ..case }
}

/// The case, after a byte was stored to the second page of what lies at a1.
fn stored(mut case: Case) -> Case {
    case.before.extend([
        Instruction { opcode: Opcode::Lui, rd: A5, rs1: 0, rs2: 0, imm: 4096 },
        Instruction { opcode: Opcode::Add, rd: A5, rs1: A5, rs2: A1, imm: 0 },
        Instruction { opcode: Opcode::Sb, rd: 0, rs1: A5, rs2: A5, imm: 0 },
    ]);
    case
}

/// The case, after a page was allocated behind all others.
fn obstructed(mut case: Case) -> Case {
    case.before.push(Instruction { opcode: Opcode::M3Alloc, rd: A6, rs1: A6, rs2: A3, imm: 0 });
    case.registers.push((A6, 4096));
    case
}

/// A compaction of a heap with two frames in use in one plane and five in another.
fn two_half_planes(instruction: Instruction) -> Case {
    let act = |opcode, rd, rs1, rs2| Instruction { opcode, rd, rs1, rs2, imm: 0 };
    Case {
        before: vec![
            act(Opcode::M3Alloc, A0, A0, A3),
            act(Opcode::M3Alloc, A5, A5, A3),
            act(Opcode::M3Resize, A0, A0, A6),
        ],
        instruction,
        registers: vec![
            (A0, 12 * 4096),
            (A3, HEAP),
            (A5, 5 * 4096),
            (A6, 2 * 4096),
            (A2, u64::MAX),
            (A1, FIRST_OPENED),
        ],
        is_refused: false,
        costs: vec![Operation::Compact { moved_frames: 2, scanned_planes: 1, written_runs: 1 }],
    }
}

fn host_calls(instruction: Instruction) -> Vec<Case> {
    let case = |number, a0, a1, a2, a3, costs: &[Operation]| Case {
        before: Vec::new(),
        instruction,
        registers: vec![(A7, number), (A0, a0), (A2, a2), (A3, a3), (A1, a1)],
        is_refused: false,
        costs: [&[Operation::System], costs].concat(),
    };
    let plain = |bytes| Operation::HostCall { bytes, gas: 0 };
    vec![
        case(numbers::WRITE, 1, DATA, 100, 0, &[plain(100), touch(1, 0)]),
        case(numbers::WRITE, 9, DATA, 100, 0, &[plain(0)]),
        case(numbers::EXIT, 0, 0, 0, 0, &[plain(0)]),
        case(numbers::RETURN, DATA + 1, 8192, 0, 0, &[plain(8192), touch(3, 0)]),
        case(numbers::REVERT, DATA, 77, 0, 0, &[plain(77), touch(1, 0)]),
        case(numbers::LOG, DATA, 2, OTHER, 300, &[Operation::Log { bytes: 300, topics: 2 }, touch(2, 0)]),
        case(0x7777, 0, 0, 0, 0, &[]),
    ]
}

/// A machine whose call is about to carry out the case's instruction.
fn machine_before(case: &Case, schedule: Schedule) -> Machine {
    let load = |(slot, &(register, _)): (usize, &(u8, u64))| {
        let imm = 8 * i32::try_from(slot).unwrap();
        Instruction { opcode: Opcode::Ld, rd: register, rs1: A4, rs2: 0, imm }
    };
    let copy = Instruction { opcode: Opcode::Addi, rd: A4, rs1: A1, rs2: 0, imm: 0 };
    let loads = case.registers.iter().enumerate().map(load);
    let prologue: Vec<_> = std::iter::once(copy).chain(loads).chain(case.before.iter().copied()).collect();
    let words = prologue.iter().chain([&case.instruction]).map(|&instruction| encode(instruction).unwrap());
    let code: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    let entries = ENTRIES.concat().into_iter().flat_map(u64::to_le_bytes).collect();
    let segment =
        |address, memory_size, data, permissions| Segment { address, memory_size, data, permissions };
    let image = Image::new(
        CODE,
        vec![
            segment(CODE, 2 * 4096, code, Permissions::READ_EXECUTE),
            segment(DATA, 16 * PLANE, entries, Permissions::READ_WRITE),
            segment(OTHER, 16 * PLANE, vec![1], Permissions::READ_WRITE),
        ],
    );
    let synthesis = Synthesis { seed: 1, mode: Mode::Vrns };
    let generative = GenerativeRegion { number: 0x80, size: 16 * PLANE, synthesis, is_writable: true };
    let image = image.unwrap().with_generative(vec![generative]).unwrap();
    let mut machine = Engine::new(schedule).unwrap().instantiate(&Program::new(image));
    let input: Vec<u8> = case.registers.iter().flat_map(|register| register.1.to_le_bytes()).collect();
    machine.begin(&Call::new(input, u64::MAX)).unwrap();
    let stopped = machine.run(&mut NoHost, RunLimit::steps(prologue.len() as u64)).unwrap();
    assert_eq!(stopped, Outcome::Stepped);
    machine
}

#[test]
fn the_estimator_says_what_the_machine_charges() {
    for named in Schedule::NAMED {
        let schedule = (named.schedule)();
        for &opcode in Opcode::ALL {
            for (number, case) in cases(opcode).iter().enumerate() {
                let what = format!("{}: {}, case {number}", named.name, opcode.mnemonic());
                let mut machine = machine_before(case, schedule.clone());
                let before = machine.meter().unwrap().bill();
                let outcome = machine.run(&mut NoHost, RunLimit::steps(1)).unwrap();
                let is_illegal = matches!(&outcome, Outcome::Trapped(trap) if matches!(trap.cause, TrapCause::IllegalInstruction { .. }));
                assert!(!is_illegal, "{what}: {outcome}");
                let after = machine.meter().unwrap().bill();
                let refused = if case.is_refused { schedule.base(case.instruction) } else { 0 };
                let refused = Bill { instructions: refused, ..Bill::default() };
                let costs = case.costs.iter().map(|operation| schedule.cost(operation));
                let estimated = costs.fold(before.and(refused), Bill::and);
                assert_eq!(after, estimated, "{what}: {:?}", case.costs);
            }
        }
    }
}
