//! Programs of random actions whose operands come with the input, so that each call works on other addresses.

use travertine_memory::Permissions;
use travertine_opcodes::{Instruction, Opcode, encode};
use travertine_tests::Random;
use travertine_vm::{GenerativeRegion, Image, Program, Segment};

use crate::twin::{INPUT, PAGE, REGIONS};

/// Actions of a program.
pub(crate) const STEPS: usize = 14;

const CODE: u64 = 0x1_f000_0000;
const T0: u8 = 5;
const T1: u8 = 6;
const T2: u8 = 7;
const OPERANDS: u8 = 11;
/// Where the list of a gather or scatter lies in the input, two entries for each step.
const LISTS: u64 = 24 * STEPS as u64;
/// Bytes of a list.
pub(crate) const LIST_BYTES: u64 = 32;

/// What a step does with its three operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Load,
    Store,
    Add,
    Copy,
    Fill,
    Gather,
    Scatter,
    Share,
}

impl Action {
    pub(crate) const ALL: [Self; 8] = [
        Self::Load,
        Self::Store,
        Self::Add,
        Self::Copy,
        Self::Fill,
        Self::Gather,
        Self::Scatter,
        Self::Share,
    ];

    fn instruction(self) -> Instruction {
        let r = |opcode, rd, rs1, rs2| Instruction { opcode, rd, rs1, rs2, imm: 0 };
        match self {
            Self::Load => r(Opcode::Ld, T1, T0, 0),
            Self::Store => r(Opcode::Sd, 0, T0, T1),
            Self::Add => r(Opcode::AmoaddD, T2, T0, T1),
            Self::Copy => r(Opcode::M3Copy, T0, T1, T2),
            Self::Fill => r(Opcode::M3Fill, T0, T1, T2),
            Self::Gather => r(Opcode::M3Gather, T0, T1, T2),
            Self::Scatter => r(Opcode::M3Scatter, T0, T1, T2),
            Self::Share => r(Opcode::M3Share, T0, T1, T2),
        }
    }
}

/// The program of these actions, with the twin's regions.
pub(crate) fn program(actions: &[Action]) -> Program {
    let load = |rd, imm| Instruction { opcode: Opcode::Ld, rd, rs1: OPERANDS, rs2: 0, imm };
    let next = Instruction { opcode: Opcode::Addi, rd: OPERANDS, rs1: OPERANDS, rs2: 0, imm: 24 };
    let halt = Instruction { opcode: Opcode::M3Halt, rd: 0, rs1: 0, rs2: 0, imm: 0 };
    let step = |action: &Action| [load(T0, 0), load(T1, 8), load(T2, 16), next, action.instruction()];
    let code: Vec<u8> = actions
        .iter()
        .flat_map(step)
        .chain([halt])
        .flat_map(|one| encode(one).unwrap().to_le_bytes())
        .collect();
    let mut segments = vec![Segment {
        address: CODE,
        memory_size: PAGE,
        data: code,
        permissions: Permissions::READ_EXECUTE,
    }];
    let mut generative = Vec::new();
    for region in REGIONS {
        let memory_size = region.pages * PAGE;
        match region.synthesis {
            None => segments.push(Segment {
                address: region.base(),
                memory_size,
                data: region.first_content(),
                permissions: Permissions::READ_WRITE,
            }),
            Some(synthesis) => generative.push(GenerativeRegion {
                number: region.number,
                size: memory_size,
                synthesis,
                is_writable: region.is_writable,
            }),
        }
    }
    Program::new(Image::new(CODE, segments).unwrap().with_generative(generative).unwrap())
}

/// Operands for each action, and the input that holds them and the lists.
pub(crate) fn operands(actions: &[Action; STEPS], random: &mut Random) -> ([[u64; 3]; STEPS], Vec<u8>) {
    let mut lists = Vec::new();
    // Half of the calls shall succeed.
    let faults = random.chance(50);
    let operands = std::array::from_fn(|step| {
        let list = INPUT + LISTS + lists.len() as u64;
        lists.extend(
            [0; 2]
                .iter()
                .flat_map(|_| [place(random, false), length(random) / 2].map(u64::to_le_bytes).concat()),
        );
        let writable = !(faults && random.chance(15));
        let (to, from) = (place(random, writable), place(random, false));
        match actions[step] {
            Action::Load => [from, 0, 0],
            Action::Store | Action::Add => [to, random.bits(), 0],
            Action::Fill => [to, random.pick(&[0, 0, 0xee]), length(random)],
            Action::Copy => [to, from, length(random)],
            Action::Gather => [to, list, 2],
            // From somewhere to the list's entries, which may be anywhere.
            Action::Scatter => [from, list, if faults { 2 } else { 0 }],
            Action::Share => [to & !0xFFF, from & !0xFFF, random.below(3) * PAGE],
        }
    });
    let words = operands.iter().flatten().flat_map(|word| word.to_le_bytes());
    (operands, words.chain(lists).collect())
}

/// An address near the edges of pages, or anywhere, far enough from its region's end for most lengths.
fn place(random: &mut Random, writable: bool) -> u64 {
    let candidates: Vec<_> = REGIONS.iter().filter(|region| region.is_writable || !writable).collect();
    let region = candidates[usize::try_from(random.below(candidates.len() as u64)).unwrap()];
    let page = random.below(region.pages - 2) * PAGE;
    let offset = if random.chance(40) { random.below(PAGE) } else { random.pick(&[0, 1, 4093, 4095]) };
    region.base() + page + offset
}

fn length(random: &mut Random) -> u64 {
    match random.below(10) {
        0..4 => random.below(40),
        4..8 => 4096 + random.below(40) - 20,
        8 => PAGE,
        _ => 0,
    }
}
