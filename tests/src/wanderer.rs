//! Programs whose loads, stores and atomics wander among more pages than have places: some pages are near each other, some share a
//! place, a few are come back to all the time.

use travertine_opcodes::{Instruction, Opcode, encode};

use crate::Random;
use crate::elf::{self, Segment, flags};

const CODE: u64 = 0x1_0000;
/// Two ranges of pages; those of the second have the places of the first's, each that of another one.
const DATA: [u64; 2] = [0x1000_0000, 0x1020_0000];
const PAGES: u64 = 400;
const PAGE_BYTES: u64 = 4096;
const ACCESSES: usize = 5_000;
const ADDRESS: u8 = 5;
const VALUE: u8 = 6;

/// The ELF file of the program that the random choices make.
///
/// # Panics
/// If an instruction has no encoding: an error of this module.
pub fn program(random: &mut Random) -> Vec<u8> {
    let mut code = Vec::new();
    let mut push = |opcode, rd, rs1, rs2, imm| {
        let word = encode(Instruction { opcode, rd, rs1, rs2, imm }).expect("the operands fit");
        code.extend(word.to_le_bytes());
    };
    let hot: Vec<u64> = (0..8).map(|_| page(random)).collect();
    for _ in 0..ACCESSES {
        let page = if random.chance(40) { random.pick(&hot) } else { page(random) };
        // Some accesses end in the next page.
        let offset = if random.chance(10) { PAGE_BYTES - 3 } else { 8 * random.below(500) };
        let address = i32::try_from(page + offset).expect("an address of 31 bits");
        let low = (address << 20) >> 20;
        push(Opcode::Lui, ADDRESS, 0, 0, address - low);
        push(Opcode::Addi, ADDRESS, ADDRESS, 0, low);
        let opcode = random.pick(&ALL);
        if matches!(opcode, Opcode::Sb | Opcode::Sh | Opcode::Sw | Opcode::Sd) {
            push(opcode, 0, ADDRESS, VALUE, 0);
        } else {
            let operand = if random.chance(50) { VALUE } else { 0 };
            let has_operand =
                !matches!(opcode, Opcode::LrD | Opcode::LrW) && opcode.row().operands.len() == 3;
            push(opcode, VALUE, ADDRESS, if has_operand { operand } else { 0 }, 0);
        }
    }
    push(Opcode::Addi, 17, 0, 0, 93);
    push(Opcode::Addi, 10, 0, 0, 0);
    push(Opcode::Ecall, 0, 0, 0, 0);
    let data = DATA.map(|start| Segment {
        memory_size: (PAGES + 1) * PAGE_BYTES,
        ..Segment::new(start, flags::READ | flags::WRITE, vec![7; 16])
    });
    let [near, far] = data;
    elf::write(CODE, &[Segment::new(CODE, flags::READ | flags::EXECUTE, code), near, far])
}

fn page(random: &mut Random) -> u64 {
    random.pick(&DATA) + PAGE_BYTES * random.below(PAGES)
}

const ALL: [Opcode; 16] = [
    Opcode::Lb,
    Opcode::Lbu,
    Opcode::Lh,
    Opcode::Lhu,
    Opcode::Lw,
    Opcode::Lwu,
    Opcode::Ld,
    Opcode::Ld,
    Opcode::Sb,
    Opcode::Sh,
    Opcode::Sw,
    Opcode::Sd,
    Opcode::LrD,
    Opcode::ScD,
    Opcode::AmoaddW,
    Opcode::AmoswapD,
];
