//! Pieces of generated programs that branch and jump: forward, in bounded loops, and to subroutines and back.

use travertine_opcodes::{Compressed, Form, Instruction, Opcode, RegisterField};

use super::Generator;
use super::repertoire::{encoded, layout, length};

/// A jump whose target is not known yet.
struct Open {
    position: usize,
    form: Form,
    instruction: Instruction,
}

impl Generator<'_> {
    /// A piece that may stand in a loop.
    pub(super) fn item_of_loop(&mut self) {
        match self.random.below(100) {
            0..=9 => self.branch(),
            10..=13 => self.jump(),
            14..=18 => self.jump_register(),
            _ => self.straight(),
        }
    }

    /// A conditional branch over a few pieces.
    fn branch(&mut self) {
        let form = self.form(&self.repertoire.branch);
        let mut instruction = self.operands(form);
        if matches!(form, Form::Base(_)) && self.random.chance(25) {
            instruction.rs2 = instruction.rs1;
        }
        let open = self.open(form, instruction);
        let before = self.known;
        for _ in 0..self.random.between(0, 5) {
            self.straight();
        }
        // Where the ways meet, known is what both know.
        for (known, before) in self.known.iter_mut().zip(before) {
            *known = known.filter(|_| *known == before);
        }
        self.close(&open);
    }

    /// A jump over bytes that are never executed.
    fn jump(&mut self) {
        let form = self.form(&self.repertoire.jump);
        let instruction = self.operands(form);
        let open = self.open(form, instruction);
        let junk = self.junk();
        self.code.bytes.extend(junk);
        self.close(&open);
    }

    /// A jump to an address in a register, over bytes that are never executed. Often the register is also the
    /// destination, and often the address is odd: the lowest bit is ignored.
    fn jump_register(&mut self) {
        let form = self.form(&self.repertoire.jump_register);
        let mut instruction = self.operands(form);
        instruction.rs1 = self.variable(layout(form).rs1);
        if matches!(form, Form::Base(_)) && self.random.chance(40) {
            instruction.rd = instruction.rs1;
        }
        let junk = self.junk();
        let jump = self.code.here() + LOAD_ADDRESS_BYTES;
        let target = jump + (length(form) + junk.len()) as u64;
        // An odd offset makes an odd sum, too.
        let odd = self.random.below(2);
        let address = (target + odd).wrapping_add_signed(-i64::from(instruction.imm & !1));
        self.load_address(instruction.rs1, address);
        assert_eq!(self.code.here(), jump);
        instruction.imm &= if odd == 0 { -1 } else { !1 };
        assert!(self.write(form, instruction), "{instruction:?} has no encoding");
        self.code.bytes.extend(junk);
    }

    /// A loop of two to four rounds.
    pub(super) fn repeat(&mut self) {
        let field = self.random.pick(&[RegisterField::At(0), RegisterField::Short(0)]);
        let counter = self.keepable(field);
        let rounds = self.random.pick(&[2, 3, 4]);
        self.base(Opcode::Addi, counter, 0, 0, rounds);
        let kept = self.kept;
        self.kept |= 1 << counter;
        self.known = [None; 32];
        let start = self.code.here();
        for _ in 0..self.random.between(1, 4) {
            self.item_of_loop();
        }
        self.kept = kept;
        self.base(Opcode::Addi, counter, counter, 0, -1);
        let distance = start.wrapping_sub(self.code.here()).cast_signed();
        let imm = i32::try_from(distance).expect("loops are short");
        let instruction = Instruction { opcode: Opcode::Bne, rd: 0, rs1: counter, rs2: 0, imm };
        if !self.write(Form::Compressed(Compressed::Bnez), instruction) {
            self.base(Opcode::Bne, 0, counter, 0, imm);
        }
    }

    /// A subroutine that is jumped over, called from behind, and returns.
    pub(super) fn call(&mut self) {
        let over = Instruction { opcode: Opcode::Jal, rd: 0, rs1: 0, rs2: 0, imm: 0 };
        let open = self.open(Form::Compressed(Compressed::J), over);
        let link = self.keepable(RegisterField::At(0));
        let kept = self.kept;
        self.kept |= 1 << link;
        self.known[usize::from(link)] = None;
        let start = self.code.here();
        for _ in 0..self.random.between(0, 5) {
            self.straight();
        }
        self.kept = kept;
        let back = Instruction { opcode: Opcode::Jalr, rd: 0, rs1: link, rs2: 0, imm: 0 };
        let form = self.random.pick(&[Form::Base(Opcode::Jalr), Form::Compressed(Compressed::Jr)]);
        assert!(self.write(form, back), "{back:?} has no encoding");
        self.close(&open);
        let distance = start.wrapping_sub(self.code.here()).cast_signed();
        self.base(Opcode::Jal, link, 0, 0, i32::try_from(distance).expect("subroutines are short"));
    }

    /// A register to keep over several pieces: not ra or sp, without which some compressed forms cannot be written.
    fn keepable(&mut self, field: RegisterField) -> u8 {
        loop {
            let register = self.variable(field);
            if register > 2 {
                return register;
            }
        }
    }

    /// Leaves room for a jump to a place behind it.
    fn open(&mut self, form: Form, instruction: Instruction) -> Open {
        let position = self.code.bytes.len();
        self.code.bytes.resize(position + length(form), 0);
        self.known[usize::from(instruction.rd)] = None;
        Open { position, form, instruction }
    }

    /// Lets the jump lead here.
    fn close(&mut self, open: &Open) {
        let distance = self.code.bytes.len() - open.position;
        let imm = i32::try_from(distance).expect("pieces are short");
        let instruction = Instruction { imm, ..open.instruction };
        let bytes = encoded(open.form, instruction).expect("pieces are short");
        self.code.bytes[open.position..][..bytes.len()].copy_from_slice(&bytes);
    }

    /// Up to 14 random bytes.
    fn junk(&mut self) -> Vec<u8> {
        (0..2 * self.random.below(8)).map(|_| self.random.bits().to_le_bytes()[0]).collect()
    }
}

/// Bytes of the code that sets a register to an address.
const LOAD_ADDRESS_BYTES: u64 = 8;
