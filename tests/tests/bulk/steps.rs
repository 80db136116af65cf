//! Scenarios: a program of bulk instructions whose operands come with the input, and memory for it to work on.

use travertine_memory::Permissions;
use travertine_opcodes::{Instruction, Opcode, encode};
use travertine_tests::Random;
use travertine_vm::{Image, Program, Segment};

use crate::twin::{CODE, CONSTANTS, DATA, HEAP, INPUT, PAGE};

/// What a step does with its three operands, which are in `t0`, `t1` and `t2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Load,
    Store,
    Reserve,
    StoreIfReserved,
    Copy,
    Fill,
    Gather,
    Scatter,
    Share,
    Root,
    Gas,
    Refund,
}

const T0: u8 = 5;
const T1: u8 = 6;
const T2: u8 = 7;
const OPERANDS: u8 = 11;

/// Instructions of a step; the last one acts.
pub(crate) const INSTRUCTIONS: usize = 5;

impl Action {
    pub(crate) const ALL: [Self; 12] = [
        Self::Load,
        Self::Store,
        Self::Reserve,
        Self::StoreIfReserved,
        Self::Copy,
        Self::Fill,
        Self::Gather,
        Self::Scatter,
        Self::Share,
        Self::Root,
        Self::Gas,
        Self::Refund,
    ];

    /// Reasons for which the tests must have seen it refused.
    pub(crate) fn faults(self) -> &'static [u8] {
        match self {
            Self::Gas | Self::Refund | Self::Reserve | Self::StoreIfReserved => &[],
            Self::Load | Self::Store | Self::Root => &[4],
            Self::Copy | Self::Fill => &[1, 2, 3, 4],
            Self::Gather | Self::Scatter => &[1, 2, 3, 4, 8],
            Self::Share => &[1, 2, 3, 4, 7],
        }
    }

    fn instruction(self) -> Instruction {
        let r = |opcode, rd, rs1, rs2| Instruction { opcode, rd, rs1, rs2, imm: 0 };
        match self {
            Self::Load => r(Opcode::Ld, T1, T0, 0),
            Self::Store => r(Opcode::Sd, 0, T0, T1),
            Self::Reserve => r(Opcode::LrD, T1, T0, 0),
            Self::StoreIfReserved => r(Opcode::ScD, T2, T0, T1),
            Self::Copy => r(Opcode::M3Copy, T0, T1, T2),
            Self::Fill => r(Opcode::M3Fill, T0, T1, T2),
            Self::Gather => r(Opcode::M3Gather, T0, T1, T2),
            Self::Scatter => r(Opcode::M3Scatter, T0, T1, T2),
            Self::Share => r(Opcode::M3Share, T0, T1, T2),
            Self::Root => r(Opcode::M3Root, T0, T1, 0),
            Self::Gas => r(Opcode::M3Gas, T0, 0, 0),
            Self::Refund => r(Opcode::M3Refund, T0, 0, 0),
        }
    }
}

/// A program, its input, and what it does.
pub(crate) struct Scenario {
    pub(crate) program: Program,
    pub(crate) input: Vec<u8>,
    pub(crate) steps: Vec<(Action, [u64; 3])>,
}

impl Scenario {
    /// These steps; the input holds their operands and then `more`.
    pub(crate) fn of(steps: &[(Action, [u64; 3])], more: &[u8]) -> Self {
        let load = |rd, imm| Instruction { opcode: Opcode::Ld, rd, rs1: OPERANDS, rs2: 0, imm };
        let next = Instruction { opcode: Opcode::Addi, rd: OPERANDS, rs1: OPERANDS, rs2: 0, imm: 24 };
        let halt = Instruction { opcode: Opcode::M3Halt, rd: 0, rs1: 0, rs2: 0, imm: 0 };
        let step = |&(action, _): &(Action, [u64; 3])| {
            [load(T0, 0), load(T1, 8), load(T2, 16), next, action.instruction()]
        };
        let code = steps.iter().flat_map(step).chain([halt]);
        let code: Vec<u8> = code.flat_map(|one| encode(one).unwrap().to_le_bytes()).collect();
        let operands = steps.iter().flat_map(|(_, operands)| operands).flat_map(|word| word.to_le_bytes());
        let input = operands.chain(more.iter().copied()).collect();
        Self { program: Program::new(image(code)), input, steps: steps.to_vec() }
    }

    /// Up to 25 steps, few of which fault.
    pub(crate) fn random(random: &mut Random) -> Self {
        let count = 1 + random.below(25);
        let mut lists = Vec::new();
        let mut steps = Vec::new();
        for _ in 0..count {
            let action = random.pick(&Action::ALL);
            let lists_at = INPUT + 24 * count;
            steps.push((action, operands(random, action, lists_at, &mut lists)));
        }
        Self::of(&steps, &lists)
    }
}

/// Code; constants; two segments of one region behind each other, of which the program may write the first, which reaches over
/// the end of a plane; data.
fn image(code: Vec<u8>) -> Image {
    let segment = |address: u64, pages: u64, permissions| {
        let bytes = (0..pages * PAGE).map(|at| (at / 7 + at % 251 + address / PAGE).to_le_bytes()[0]);
        Segment { address, memory_size: pages * PAGE + 2 * PAGE, data: bytes.collect(), permissions }
    };
    let code =
        Segment { address: CODE, memory_size: PAGE, data: code, permissions: Permissions::READ_EXECUTE };
    let segments = vec![
        code,
        segment(CONSTANTS, 1, Permissions::READ),
        segment(DATA, 4, Permissions::READ_WRITE),
        segment(HEAP, 4, Permissions::READ_WRITE),
        segment(HEAP + 6 * PAGE, 1, Permissions::READ),
    ];
    Image::new(CODE, segments).unwrap()
}

/// The operands of an action. Those in memory are appended to `lists`, which lie at `lists_at`.
fn operands(random: &mut Random, action: Action, lists_at: u64, lists: &mut Vec<u8>) -> [u64; 3] {
    let (one, other) = pair(random);
    let length = length(random);
    match action {
        Action::Load | Action::Store | Action::Reserve | Action::StoreIfReserved => [one, random.bits(), 0],
        Action::Fill => [one, random.corner(), length],
        Action::Share if random.chance(90) => [one & !0xFFF, other & !0xFFF, random.below(4) * PAGE],
        Action::Copy | Action::Share => [one, other, length],
        Action::Root => [one, random.pick(&[0, 1, 2, 3, 4, 6, 7, 255, 256, 258, u64::MAX]), 0],
        Action::Gas | Action::Refund => [0, 0, 0],
        Action::Gather | Action::Scatter if random.chance(3) => {
            [one, other, random.pick(&[65_537, u64::MAX])]
        }
        // What lies there is an entry only by chance.
        Action::Gather | Action::Scatter if random.chance(5) => [one, other, random.below(3)],
        Action::Gather | Action::Scatter => {
            let count = random.below(6);
            let list = lists_at + lists.len() as u64;
            for _ in 0..count {
                let address = if random.chance(50) { near(random, one) } else { pair(random).0 };
                lists.extend([address, self::length(random)].map(u64::to_le_bytes).concat());
            }
            [one, list, count]
        }
    }
}

/// Two addresses, often so near to each other that ranges overlap.
fn pair(random: &mut Random) -> (u64, u64) {
    let one = place(random);
    let other = if random.chance(50) { near(random, one) } else { place(random) };
    (one, other)
}

fn near(random: &mut Random, address: u64) -> u64 {
    let by = random.pick(&[40, 5_000]);
    let pages = random.between(-2, 2) * 4096;
    let by = if random.chance(50) { random.between(-by, by) } else { pages };
    address.wrapping_add_signed(by)
}

/// An address where the program may read and mostly write, near the edges of pages and segments; seldom one that is not.
fn place(random: &mut Random) -> u64 {
    let pages = random.below(6) * PAGE;
    let offset = if random.chance(50) { random.below(PAGE) } else { random.between(-8, 8).cast_unsigned() };
    match random.below(100) {
        0 => random.corner() | 1 << 40,
        1..4 => (random.below(10) << 32) + random.below(1 << 17),
        4 => random.pick(&[1 << 40, u64::MAX, INPUT, INPUT + (16 << 20), 5 << 32]).wrapping_add(offset),
        5..8 => CONSTANTS.wrapping_add(offset),
        8..11 => (HEAP + 6 * PAGE).wrapping_add(offset),
        11..55 => (DATA + pages).wrapping_add(offset),
        _ => (HEAP + pages).wrapping_add(offset),
    }
}

fn length(random: &mut Random) -> u64 {
    match random.below(40) {
        0 => random.corner(),
        1..20 => random.below(40),
        20..30 => 4096_u64.wrapping_add_signed(random.between(-40, 40)),
        30..35 => random.below(12_000),
        _ => 0,
    }
}
