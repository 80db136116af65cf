//! Random programs that end for certain: instruction sequences over all registers and a scratch memory of three
//! planes. They write that memory and the registers to file descriptor 1 and exit, or do something forbidden.
//!
//! While it writes code, the generator knows which registers hold which address whichever way the program came to this
//! place, and sets a register before it uses it as a base where it does not know. So every access hits the scratch
//! memory, whatever else the program does.

mod control;
mod fault;
mod repertoire;
mod straight;

use std::fmt::Write;
use std::ops::Range;

use travertine_opcodes::{Form, ImmediateField, Instruction, Opcode, RegisterField, decode};

pub use fault::Fault;
pub use repertoire::{Repertoire, known_forms};

use crate::elf::{self, Segment, flags};
use crate::random::Random;
use repertoire::{encoded, layout};

/// Bytes of the scratch memory: three planes.
pub const SCRATCH_BYTES: u64 = 3 << 16;
/// Where the registers stand in the scratch memory when the program has written it.
pub const REGISTERS_OFFSET: u64 = TABLE_OFFSET + 8 * TABLE_WORDS;
/// Where the table of random values stands in the scratch memory, from which registers are loaded.
const TABLE_OFFSET: u64 = 0x8000;
const TABLE_WORDS: u64 = 128;
/// Where accesses are aimed at: both ends, a border of pages, borders of planes; as offsets in the scratch memory.
const BORDERS: [u64; 5] = [0, 0x3000, 0x1_0000, 0x2_0000, SCRATCH_BYTES];
/// The memory is filled this far around each of them.
const FILLED_BYTES: u64 = 0x900;

/// From the start of the code's region to the code, and to the scratch memory.
const CODE_OFFSET: u64 = 0x1_0000;
const SCRATCH_OFFSET: u64 = 0x4_0000;
const REGION_BYTES: u64 = 1 << 32;
const PAGE_BYTES: usize = 4096;

/// How a program ends, after it has written its memory and registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By `exit`.
    Exit,
    /// By something that it may not do.
    Fault(Fault),
}

/// A generated program.
#[derive(Debug)]
pub struct Program {
    /// Its ELF file.
    pub elf: Vec<u8>,
    /// Address of the scratch memory.
    pub scratch: u64,
    code: Code,
    body: Range<usize>,
}

impl Program {
    /// The assembly text of its random part.
    pub fn listing(&self) -> String {
        let mut text = String::new();
        let mut position = self.body.start;
        while position < self.body.end {
            let pc = self.code.address + position as u64;
            let mut word = [0; 4];
            let rest = &self.code.bytes[position..];
            word[..rest.len().min(4)].copy_from_slice(&rest[..rest.len().min(4)]);
            let word = u32::from_le_bytes(word);
            let (line, length) = match decode(word) {
                Ok(decoded) => (decoded.disassemble(Some(pc)).to_string(), decoded.length()),
                Err(_) => (format!(".2byte {:#06x}", word & 0xffff), 2),
            };
            writeln!(text, "  {pc:#x}: {line}").expect("a string takes all text");
            position += usize::from(length);
        }
        text
    }
}

/// Code that is being written.
#[derive(Debug)]
struct Code {
    /// Address of the first byte.
    address: u64,
    bytes: Vec<u8>,
}

impl Code {
    /// Address of the next instruction.
    fn here(&self) -> u64 {
        self.address + self.bytes.len() as u64
    }
}

/// The state while a program is written.
#[derive(Debug)]
pub struct Generator<'a> {
    repertoire: &'a Repertoire,
    random: Random,
    code: Code,
    /// Address of the scratch memory.
    scratch: u64,
    /// The register that points to the table of random values, always.
    table: u8,
    /// One bit for each register that must keep its value for now.
    kept: u32,
    /// The addresses that registers hold for certain.
    known: [Option<u64>; 32],
}

/// Bytes of the code segment behind which `size` bytes of code lie, and the first half of another instruction.
fn padded_size(size: usize) -> usize {
    (size + 2).next_multiple_of(PAGE_BYTES)
}

/// The program of this seed.
pub fn generate(seed: u64, repertoire: &Repertoire, ending: Ending) -> Program {
    let mut random = Random::new(seed);
    let region = random.below(4) * REGION_BYTES;
    let start = random.below(PAGE_BYTES as u64) & !1; // so that instructions lie across the pages' border
    let code = Code { address: region + CODE_OFFSET, bytes: vec![0; usize::try_from(start).expect("small")] };
    // Not a register of a compressed or a calling convention's form, so that each of these can always be used.
    let table = random.pick(&[3, 4, 5, 6, 7, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
    let scratch = region + SCRATCH_OFFSET;
    let kept = 1 << table;
    let generator = Generator { repertoire, random, code, scratch, table, kept, known: [None; 32] };
    generator.program(ending)
}

impl Generator<'_> {
    fn program(mut self, ending: Ending) -> Program {
        let entry = self.code.here();
        self.load_registers();
        let start = self.code.bytes.len();
        for _ in 0..self.random.between(30, 90) {
            self.item();
        }
        let body = start..self.code.bytes.len();
        self.write_memory();
        match ending {
            Ending::Exit => self.exit(),
            Ending::Fault(fault) => self.fault(fault),
        }
        self.pad_code();
        let memory = self.memory();
        let segments = [
            Segment::new(self.code.address, flags::READ | flags::EXECUTE, self.code.bytes.clone()),
            Segment::new(self.scratch, flags::READ | flags::WRITE, memory),
        ];
        Program { elf: elf::write(entry, &segments), scratch: self.scratch, code: self.code, body }
    }

    /// One piece of the program: an instruction, or a few that belong together.
    fn item(&mut self) {
        match self.random.below(100) {
            0..=3 => self.repeat(),
            4..=6 => self.call(),
            _ => self.item_of_loop(),
        }
    }

    /// Sets all registers from the table.
    fn load_registers(&mut self) {
        let table = self.table;
        self.load_address(table, self.scratch + TABLE_OFFSET);
        for rd in (1..32).filter(|&register| register != table) {
            self.base(Opcode::Ld, rd, table, 0, 8 * i32::from(rd));
        }
    }

    /// Stores all registers behind the table, and writes the scratch memory.
    fn write_memory(&mut self) {
        let offset = i32::try_from(REGISTERS_OFFSET - TABLE_OFFSET).expect("within reach of one base");
        for register in 0..32 {
            self.base(Opcode::Sd, 0, self.table, register, offset + 8 * i32::from(register));
        }
        self.base(Opcode::Addi, 10, 0, 0, 1);
        self.load_address(11, self.scratch);
        self.base(Opcode::Lui, 12, 0, 0, i32::try_from(SCRATCH_BYTES).expect("few planes"));
        self.system_call(64);
    }

    /// Exits: half of the programs with code 0, the others with low bits of a register.
    fn exit(&mut self) {
        let register = self.random.between(0, 31);
        let offset = i32::try_from(REGISTERS_OFFSET - TABLE_OFFSET).expect("within reach of one base");
        self.base(Opcode::Ld, 10, self.table, 0, offset + 8 * i32::try_from(register).expect("small"));
        let mask = self.random.pick(&[0, 0x7f]);
        self.base(Opcode::Andi, 10, 10, 0, mask);
        self.system_call(93);
    }

    fn system_call(&mut self, number: i32) {
        self.base(Opcode::Addi, 17, 0, 0, number);
        self.base(Opcode::Ecall, 0, 0, 0, 0);
    }

    /// Fills the last page; its last two bytes are the first half of an `addi`.
    fn pad_code(&mut self) {
        let size = padded_size(self.code.bytes.len());
        self.code.bytes.resize(size - 2, 0);
        self.code.bytes.extend([0x13, 0]);
    }

    /// The scratch memory before the program runs: the table, and random bytes around the borders.
    fn memory(&mut self) -> Vec<u8> {
        let size = usize::try_from(SCRATCH_BYTES).expect("few planes");
        let mut memory = vec![0; size];
        let around = BORDERS.map(|border| border.saturating_sub(FILLED_BYTES)..border + FILLED_BYTES);
        let table = TABLE_OFFSET..TABLE_OFFSET + 8 * TABLE_WORDS;
        for range in around.into_iter().chain([table]) {
            let end = range.end.min(SCRATCH_BYTES);
            let range = usize::try_from(range.start).expect("small")..usize::try_from(end).expect("small");
            for word in memory[range].chunks_exact_mut(8) {
                word.copy_from_slice(&self.random.corner().to_le_bytes());
            }
        }
        memory
    }

    /// Writes a 32-bit instruction. Operands that it does not have are 0.
    fn base(&mut self, opcode: Opcode, rd: u8, rs1: u8, rs2: u8, imm: i32) {
        let instruction = Instruction { opcode, rd, rs1, rs2, imm };
        assert!(self.write(Form::Base(opcode), instruction), "{instruction:?} has no encoding");
    }

    /// Writes an instruction, unless it has no encoding in this form.
    fn write(&mut self, form: Form, instruction: Instruction) -> bool {
        let Some(bytes) = encoded(form, instruction) else { return false };
        self.code.bytes.extend(bytes);
        self.known[usize::from(instruction.rd)] = None;
        true
    }

    /// One of `forms` whose destination may be written.
    fn form(&mut self, forms: &[Form]) -> Form {
        loop {
            let form = self.random.pick(forms);
            match layout(form).rd {
                RegisterField::Fixed(rd) if self.kept & (1 << rd) != 0 => {}
                _ => return form,
            }
        }
    }

    /// Writes an instruction of random operands, some of which are `set`.
    fn write_random(&mut self, form: Form, set: impl Fn(&mut Instruction)) {
        loop {
            let mut instruction = self.operands(form);
            set(&mut instruction);
            if self.write(form, instruction) {
                return;
            }
        }
    }

    /// Random operands. Some have no encoding in a compressed form.
    fn operands(&mut self, form: Form) -> Instruction {
        let layout = layout(form);
        let rd = self.destination(layout.rd);
        let is_two_address = layout.rd == layout.rs1;
        let rs1 = if is_two_address { rd } else { self.register(layout.rs1) };
        let rs2 = self.register(layout.rs2);
        let imm = self.immediate(layout.immediate);
        Instruction { opcode: repertoire::operation(form), rd, rs1, rs2, imm }
    }

    /// Any register that the field can name.
    fn register(&mut self, field: RegisterField) -> u8 {
        let (least, greatest) = field.limits();
        let register = self.random.between(i64::from(least), i64::from(greatest));
        u8::try_from(register).expect("between the limits of a register")
    }

    /// A register that may be written; x0 among them.
    fn destination(&mut self, field: RegisterField) -> u8 {
        loop {
            let register = self.register(field);
            if self.kept & (1 << register) == 0 {
                return register;
            }
        }
    }

    /// A register that may be written and keeps what is written.
    fn variable(&mut self, field: RegisterField) -> u8 {
        loop {
            let register = self.destination(field);
            if register != 0 {
                return register;
            }
        }
    }

    /// A value of the field, often an extreme one.
    fn immediate(&mut self, field: ImmediateField) -> i32 {
        let (least, greatest, step) = field.limits();
        match self.random.below(10) {
            0 => least,
            1 => greatest,
            2 => 0,
            3 => step.min(greatest),
            4 => (-step).max(least),
            _ => {
                let steps = self.random.between(i64::from(least / step), i64::from(greatest / step));
                i32::try_from(steps * i64::from(step)).expect("between the limits of an immediate")
            }
        }
    }

    /// Sets a register to an address within 2 GiB of here, by 8 bytes of code.
    fn load_address(&mut self, register: u8, address: u64) {
        let distance = i32::try_from(address.wrapping_sub(self.code.here()).cast_signed());
        let distance = distance.expect("programs are small");
        let upper = (distance + 0x800) & !0xfff;
        self.base(Opcode::Auipc, register, 0, 0, upper);
        self.base(Opcode::Addi, register, register, 0, distance - upper);
        self.known[usize::from(register)] = Some(address);
    }
}
