//! Ends of generated programs that trap, and what the oracle makes of them.

use travertine_opcodes::{Compressed, Form, GasClass, Opcode, Pattern, RESERVED, RegisterField, decode};

use super::repertoire::{layout, operation};
use super::{Generator, SCRATCH_BYTES, padded_size};
use crate::qemu::signals;

/// Something that a program may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A load where there is no memory.
    Load,
    /// A load that begins in the last bytes of a segment and ends behind it.
    LoadAcrossEnd,
    /// A store where there is no memory.
    Store,
    /// A store that begins in the last bytes of a segment and ends behind it.
    StoreAcrossEnd,
    /// A store or atomic operation on code.
    StoreToCode,
    /// A jump to where there is no memory.
    Fetch,
    /// A jump to memory that cannot be executed.
    FetchData,
    /// A jump to the first half of an instruction whose second half lies behind the segment.
    FetchAcrossEnd,
    /// A word that is no instruction.
    Illegal,
    /// `ebreak`.
    Breakpoint,
    /// `c.ebreak`.
    CompressedBreakpoint,
}

impl Fault {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Load,
        Self::LoadAcrossEnd,
        Self::Store,
        Self::StoreAcrossEnd,
        Self::StoreToCode,
        Self::Fetch,
        Self::FetchData,
        Self::FetchAcrossEnd,
        Self::Illegal,
        Self::Breakpoint,
        Self::CompressedBreakpoint,
    ];

    /// The name of the machine's trap, and the signal that ends the program under the oracle.
    pub fn expected(self) -> (&'static str, i32) {
        match self {
            Self::Load | Self::LoadAcrossEnd => ("LoadFault", signals::SEGMENTATION),
            Self::Store | Self::StoreAcrossEnd | Self::StoreToCode => ("StoreFault", signals::SEGMENTATION),
            Self::Fetch | Self::FetchData | Self::FetchAcrossEnd => ("FetchFault", signals::SEGMENTATION),
            Self::Illegal => ("IllegalInstruction", signals::ILLEGAL),
            Self::Breakpoint | Self::CompressedBreakpoint => ("Breakpoint", signals::TRAP),
        }
    }
}

impl Generator<'_> {
    /// Does it.
    pub(super) fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Load => self.access_nowhere(GasClass::Load),
            Fault::LoadAcrossEnd => self.access_across_end(GasClass::Load),
            Fault::Store => self.access_nowhere(GasClass::Store),
            Fault::StoreAcrossEnd => self.access_across_end(GasClass::Store),
            Fault::StoreToCode => self.store_to_code(),
            Fault::Fetch => {
                let (form, register) = self.jump_form();
                self.point_nowhere(register);
                self.jump_through(form, register);
            }
            Fault::FetchData => {
                let (form, register) = self.jump_form();
                let offset = self.random.below(SCRATCH_BYTES) & !1;
                self.load_address(register, self.scratch + offset);
                self.jump_through(form, register);
            }
            Fault::FetchAcrossEnd => self.fetch_across_end(),
            Fault::Illegal => self.illegal(),
            Fault::Breakpoint => self.base(Opcode::Ebreak, 0, 0, 0, 0),
            Fault::CompressedBreakpoint => {
                self.write_random(Form::Compressed(Compressed::Ebreak), |_| {});
            }
        }
    }

    fn access_nowhere(&mut self, class: GasClass) {
        let form = self.access_form(class, 1);
        let base = self.variable(layout(form).rs1);
        self.point_nowhere(base);
        self.access_at(form, base);
    }

    fn access_across_end(&mut self, class: GasClass) {
        let form = self.access_form(class, 2);
        let base = self.variable(layout(form).rs1);
        let inside = 1 + self.random.below(operation(form).access_bytes() - 1);
        self.load_address(base, self.scratch + SCRATCH_BYTES - inside);
        self.access_at(form, base);
    }

    fn store_to_code(&mut self) {
        let form = if self.random.chance(50) {
            self.access_form(GasClass::Store, 1)
        } else {
            self.random.pick(&self.repertoire.atomic)
        };
        let base = self.variable(layout(form).rs1);
        self.load_address(base, self.code.address);
        self.access_at(form, base);
    }

    fn fetch_across_end(&mut self) {
        let register = self.variable(RegisterField::At(0));
        let size = self.code.bytes.len() + CODE_OF_FAR_JUMP;
        let end = self.code.address + padded_size(size) as u64;
        self.load_address(register, end - 2);
        self.jump_through(Form::Base(Opcode::Jalr), register);
        assert_eq!(self.code.bytes.len(), size);
    }

    /// A reserved word that the oracle does not execute either.
    fn illegal(&mut self) {
        let patterns: Vec<Pattern> = RESERVED.iter().map(|row| row.pattern).collect();
        let word = loop {
            let pattern = self.random.pick(&patterns);
            let random = u32::try_from(self.random.bits() >> 32).expect("32 bits are left");
            let word = pattern.bits | (random & !pattern.mask);
            if decode(word).is_err() && !is_known_to_qemu(word) {
                break word;
            }
        };
        self.code.bytes.extend(word.to_le_bytes());
    }

    /// A load or store of at least so many bytes.
    fn access_form(&mut self, class: GasClass, least: u64) -> Form {
        let is_wanted = |form: &Form| {
            let opcode = operation(*form);
            opcode.gas_class() == class && opcode.access_bytes() >= least
        };
        let forms: Vec<Form> = self.repertoire.access.iter().copied().filter(is_wanted).collect();
        self.random.pick(&forms)
    }

    /// Accesses the address in `base`.
    fn access_at(&mut self, form: Form, base: u8) {
        let is_atomic = operation(form).gas_class() == GasClass::Atomic;
        self.write_random(form, |instruction| {
            instruction.rs1 = base;
            instruction.imm = if is_atomic { instruction.imm } else { 0 };
        });
    }

    /// A jump through a register, and a register for it.
    fn jump_form(&mut self) -> (Form, u8) {
        let form = self.random.pick(&self.repertoire.jump_register);
        (form, self.variable(layout(form).rs1))
    }

    /// Jumps to the address in `register`.
    fn jump_through(&mut self, form: Form, register: u8) {
        self.write_random(form, |instruction| (instruction.rs1, instruction.imm) = (register, 0));
    }

    /// Sets a register to an address where there is no memory: low, behind the scratch memory, far too high, or the
    /// last ones. All are even, so that jumps go there exactly.
    fn point_nowhere(&mut self, register: u8) {
        let distance = self.random.between(8, 1000) & !1;
        let short = i32::try_from(distance).expect("small");
        match self.random.below(4) {
            0 => self.base(Opcode::Addi, register, 0, 0, short),
            1 => self.load_address(register, self.scratch + SCRATCH_BYTES + distance.unsigned_abs() - 8),
            2 => {
                self.base(Opcode::Addi, register, 0, 0, short);
                self.base(Opcode::Bseti, register, register, 0, 63);
            }
            _ => self.base(Opcode::Addi, register, 0, 0, -short),
        }
    }
}

/// Bytes of the code that sets a register to an address and jumps there.
const CODE_OF_FAR_JUMP: usize = 12;

/// Whether qemu executes a word that is illegal here: floating point, CSRs and privileged instructions, cache blocks,
/// and carry-less multiplication.
fn is_known_to_qemu(word: u32) -> bool {
    let funct3_of_compressed = (word >> 13) & 7;
    match word & 3 {
        3 => matches!(word & 0x7f, 0x07 | 0x27 | 0x43 | 0x47 | 0x4b | 0x4f | 0x53 | 0x73 | 0x0f | 0x33),
        1 => false,
        _ => matches!(funct3_of_compressed, 1 | 5),
    }
}
