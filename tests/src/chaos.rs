//! Programs without sense: random instructions whose jumps go anywhere, into other instructions, too; whose accesses mostly
//! hit memory, and often the edges of pages. They may loop forever, trap or call the host. Made of bytes, so that a
//! fuzzer can shape them.

use travertine_opcodes::{Compressed, Instruction, Opcode, encode, encode_compressed};

use crate::elf::{self, Segment, flags};

const CODE: u64 = 0x1_0000;
const DATA: u64 = 0x4_0000;
/// Five pages.
const DATA_BYTES: usize = 0x5000;
/// The same again, where pages have the places of those.
const FAR_DATA: u64 = DATA + 0x20_0000;
/// Registers that hold addresses in the data; few instructions write them.
const POINTERS: [u8; 4] = [8, 9, 18, 19];
/// Registers that hold where allocations start; only `allocation` writes them.
const ALLOCATIONS: [u8; 2] = [20, 21];
/// Registers that the others compute with.
const VALUES: [u8; 8] = [0, 5, 6, 7, 10, 11, 14, 15];
/// The most instructions of a program.
const MAX_INSTRUCTIONS: usize = 600;

/// Choices, taken from bytes. When they are used up, all choices are 0.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % bound
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn is_one_in(&mut self, count: u8) -> bool {
        self.byte().is_multiple_of(count)
    }
}

/// The ELF file of the program that these bytes choose.
pub fn program(bytes: &[u8]) -> Vec<u8> {
    let mut choices = Choices(bytes);
    let mut code = Vec::new();
    prologue(&mut code, &mut choices);
    for _ in 0..choices.below(4) {
        allocation(&mut code, &mut choices);
    }
    for _ in 0..MAX_INSTRUCTIONS {
        if choices.0.is_empty() {
            break;
        }
        instruction(&mut code, &mut choices);
    }
    let start = choices.pick(&[0, 4096 - 62, 4096 - 30]);
    let mut segment = vec![0; start];
    segment.extend(code);
    let data: Vec<u8> = (0..DATA_BYTES).map(|place| ((place * 37) >> 3).to_le_bytes()[0]).collect();
    elf::write(
        CODE + start as u64,
        &[
            Segment::new(CODE, flags::READ | flags::EXECUTE, segment),
            Segment::new(DATA, flags::READ | flags::WRITE, data.clone()),
            Segment::new(FAR_DATA, flags::READ | flags::WRITE, data),
        ],
    )
}

/// Sets the pointers, and a few values among which are addresses of code.
fn prologue(code: &mut Vec<u8>, choices: &mut Choices<'_>) {
    for pointer in POINTERS {
        let page = choices.pick(&[0, 1, 2, 3, 0, 1, 2, 3, 0x200, 0x201]);
        base(code, Opcode::Lui, pointer, 0, 0, 0x4_1000 + 0x1000 * page);
        let near = choices.pick(&[-8, -7, -4, -1, 0, 3, 64, -256]);
        base(code, Opcode::Addi, pointer, pointer, 0, near);
    }
    for value in VALUES {
        base(code, Opcode::Auipc, value, 0, 0, 0);
        let imm = i32::from(choices.byte());
        let opcode = choices.pick(&[Opcode::Addi, Opcode::Xori, Opcode::Slli]);
        base(code, opcode, value, value, 0, if opcode == Opcode::Slli { imm & 63 } else { imm });
    }
}

fn instruction(code: &mut Vec<u8>, choices: &mut Choices<'_>) {
    if choices.is_one_in(100) {
        code.extend([choices.byte(), choices.byte()]);
        return;
    }
    if choices.is_one_in(24) {
        // 0x400 and 0x420 become numbers of the embedder's range, of which the lowest bits say what moves.
        let (number, shift, low) = choices.pick(&[
            (64, 0, 0),
            (93, 0, 0),
            (0, 0, 0),
            (0x400, 5, 0),
            (0x400, 5, 3),
            (0x420, 5, 1),
            (0x420, 5, 2),
        ]);
        base(code, Opcode::Addi, 17, 0, 0, number);
        base(code, Opcode::Slli, 17, 17, 0, shift);
        base(code, Opcode::Addi, 17, 17, 0, low);
        base(code, Opcode::Addi, 10, POINTERS[0], 0, 0);
        base(code, Opcode::Addi, 11, POINTERS[1], 0, 8);
        base(code, Opcode::Ecall, 0, 0, 0, 0);
        return;
    }
    if choices.is_one_in(16) {
        allocation(code, choices);
        return;
    }
    let is_compressed = choices.is_one_in(3);
    let form = choices.pick(Compressed::ALL);
    let opcode = match (is_compressed, choices.is_one_in(2)) {
        (true, _) => form.row().expansion,
        (false, true) => choices.pick(Opcode::ALL),
        (false, false) => choices.pick(&COMMON),
    };
    let instruction = operands(opcode, choices);
    if is_compressed && let Ok(bits) = encode_compressed(form, instruction) {
        code.extend_from_slice(&bits.to_le_bytes()[..2]);
    } else if let Ok(bits) = encode(instruction) {
        code.extend(bits.to_le_bytes());
    }
}

/// One operation of the allocator or on whole ranges, such that most succeed.
fn allocation(code: &mut Vec<u8>, choices: &mut Choices<'_>) {
    const SIZE: u8 = 28;
    const WORD: u8 = 29;
    const RESULT: u8 = 10;
    let start = choices.pick(&ALLOCATIONS);
    let [to, from] = [choices.pick(&POINTERS), choices.pick(&POINTERS)];
    let size = choices.pick(&[1, 64, 256, 2047, 0x1000, 0x3000, 0x1_1000]);
    constant(code, SIZE, size);
    match choices.below(13) {
        0..5 => {
            let kind = choices.pick(&[3, 4, 4, 6, 7]);
            // Some of contiguous, shared, pinned, atomic, protected, temporary; executable is read-only.
            let flags = choices.pick(&[0, 0, 1, 2, 4, 16, 64, 128, 133, 32, 40]);
            constant(code, WORD, kind | flags << 8);
            base(code, Opcode::M3Alloc, start, SIZE, WORD, 0);
            base(code, Opcode::Addi, to, start, 0, choices.pick(&[32, 64, 0]));
        }
        // Generative memory, whose parameters are put where a pointer leads: any seed, mode 1.
        5 => {
            constant(code, SIZE, choices.pick(&[0x1000, 0x3000]));
            base(code, Opcode::Addi, RESULT, 0, 0, 1);
            base(code, Opcode::Sd, 0, from, RESULT, 8);
            base(code, Opcode::Slli, WORD, from, 0, 24);
            base(code, Opcode::Addi, WORD, WORD, 0, 9);
            base(code, Opcode::M3Alloc, start, SIZE, WORD, 0);
            base(code, Opcode::Addi, to, start, 0, 64);
        }
        6 => base(code, Opcode::M3Free, RESULT, start, 0, 0),
        7 => {
            base(code, Opcode::M3Resize, start, start, SIZE, 0);
            base(code, Opcode::Addi, to, start, 0, 32);
        }
        8 => {
            constant(code, WORD, i32::from(choices.byte()) % 16);
            base(code, Opcode::M3Query, RESULT, start, WORD, 0);
        }
        9 => {
            base(code, Opcode::Srli, WORD, start, 0, 32);
            base(code, Opcode::M3Compact, RESULT, WORD, 0, 0);
        }
        10 => base(code, Opcode::M3Fill, to, WORD, SIZE, 0),
        11 => {
            let [to, from] = [choices.pick(&ALLOCATIONS), choices.pick(&ALLOCATIONS)];
            constant(code, SIZE, 0x1000);
            base(code, Opcode::M3Share, to, from, SIZE, 0);
        }
        _ => base(code, Opcode::M3Copy, to, from, SIZE, 0),
    }
}

/// Sets a register to a number.
fn constant(code: &mut Vec<u8>, register: u8, value: i32) {
    let low = (value << 20) >> 20;
    base(code, Opcode::Lui, register, 0, 0, value - low);
    base(code, Opcode::Addi, register, register, 0, low);
}

/// What contracts are made of.
const COMMON: [Opcode; 22] = [
    Opcode::Addi,
    Opcode::Add,
    Opcode::Sub,
    Opcode::Xor,
    Opcode::And,
    Opcode::Slli,
    Opcode::Srli,
    Opcode::Lui,
    Opcode::Auipc,
    Opcode::Mul,
    Opcode::Sh1add,
    Opcode::Beq,
    Opcode::Bne,
    Opcode::Bltu,
    Opcode::Jal,
    Opcode::Jalr,
    Opcode::Ld,
    Opcode::Lw,
    Opcode::Lbu,
    Opcode::Sd,
    Opcode::Sw,
    Opcode::Sb,
];

fn operands(opcode: Opcode, choices: &mut Choices<'_>) -> Instruction {
    use travertine_opcodes::GasClass;
    let rd = if choices.is_one_in(60) { choices.pick(&POINTERS) } else { choices.pick(&VALUES) };
    let value = choices.pick(&VALUES);
    let rs2 = choices.pick(&VALUES);
    let small = i32::from(choices.byte().cast_signed());
    let row = opcode.row();
    let (rs1, imm) = match row.gas_class {
        GasClass::Load | GasClass::Store => (choices.pick(&POINTERS), small / 4),
        GasClass::Atomic => (choices.pick(&POINTERS), 0),
        GasClass::Branch | GasClass::Jump if opcode != Opcode::Jalr => (value, small / 3 * 2),
        _ => (value, small),
    };
    let layout = row.format.layout();
    let (least, greatest, step) = layout.immediate.limits();
    let imm = (imm.clamp(least, greatest) / step.max(1)) * step;
    let has = |field: travertine_opcodes::RegisterField, number: u8| {
        let (low, high) = field.limits();
        number.clamp(low, high)
    };
    Instruction { opcode, rd: has(layout.rd, rd), rs1: has(layout.rs1, rs1), rs2: has(layout.rs2, rs2), imm }
}

fn base(code: &mut Vec<u8>, opcode: Opcode, rd: u8, rs1: u8, rs2: u8, imm: i32) {
    let instruction = Instruction { opcode, rd, rs1, rs2, imm };
    code.extend(encode(instruction).expect("the operands fit").to_le_bytes());
}
