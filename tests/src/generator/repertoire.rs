//! The instructions that the generator draws from, by what they do; and their encoding.

use travertine_opcodes::{
    Compressed, Extension, Form, GasClass, Instruction, Layout, Opcode, encode, encode_compressed,
};

/// Forms of instructions, by what they do. They come from the instruction table, so a new one is tested at once.
#[derive(Debug)]
pub struct Repertoire {
    /// Those that only read and write registers; fences, too.
    pub(super) register: Vec<Form>,
    /// Loads and stores.
    pub(super) access: Vec<Form>,
    /// Conditional branches.
    pub(super) branch: Vec<Form>,
    /// Jumps to a fixed target.
    pub(super) jump: Vec<Form>,
    /// Jumps to an address in a register.
    pub(super) jump_register: Vec<Form>,
    /// Atomic memory operations, without `lr` and `sc`.
    pub(super) atomic: Vec<Form>,
}

impl Repertoire {
    /// All that the oracle knows. Newer versions of it have Zicond.
    pub fn new(has_zicond: bool) -> Self {
        let of = |wanted: &dyn Fn(Opcode) -> bool| -> Vec<Form> {
            known_forms(has_zicond).filter(|&form| wanted(operation(form))).collect()
        };
        let class = |class| of(&move |opcode: Opcode| opcode.gas_class() == class);
        let registers =
            [GasClass::Arithmetic, GasClass::BitCount, GasClass::Multiply, GasClass::Divide, GasClass::Fence];
        Self {
            register: registers.into_iter().flat_map(class).collect(),
            access: [GasClass::Load, GasClass::Store].into_iter().flat_map(class).collect(),
            branch: class(GasClass::Branch),
            jump: of(&|opcode| opcode == Opcode::Jal),
            jump_register: of(&|opcode| opcode == Opcode::Jalr),
            atomic: of(&|opcode| opcode.gas_class() == GasClass::Atomic && !is_reservation(opcode)),
        }
    }
}

/// Every form that both the machine and the oracle execute.
pub fn known_forms(has_zicond: bool) -> impl Iterator<Item = Form> {
    let base = Opcode::ALL.iter().map(|&opcode| Form::Base(opcode));
    let compressed = Compressed::ALL.iter().map(|&form| Form::Compressed(form));
    base.chain(compressed).filter(move |&form| match operation(form).row().extension {
        Extension::Xtravertine => false,
        Extension::Zicond => has_zicond,
        _ => true,
    })
}

/// What a form does.
pub(super) fn operation(form: Form) -> Opcode {
    match form {
        Form::Base(opcode) => opcode,
        Form::Compressed(form) => form.row().expansion,
    }
}

/// Where a form's operands stand.
pub(super) fn layout(form: Form) -> &'static Layout {
    match form {
        Form::Base(opcode) => opcode.row().format.layout(),
        Form::Compressed(form) => form.row().format.layout(),
    }
}

/// The bytes of an instruction in this form, or `None` if it has none: some operands are another instruction.
pub(super) fn encoded(form: Form, instruction: Instruction) -> Option<Vec<u8>> {
    match form {
        Form::Base(_) => encode(instruction).ok().map(|bits| bits.to_le_bytes().to_vec()),
        Form::Compressed(form) => {
            encode_compressed(form, instruction).ok().map(|bits| bits.to_le_bytes()[..2].to_vec())
        }
    }
}

/// Bytes of an instruction in this form.
pub(super) fn length(form: Form) -> usize {
    match form {
        Form::Base(_) => 4,
        Form::Compressed(_) => 2,
    }
}

fn is_reservation(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::LrW | Opcode::LrD | Opcode::ScW | Opcode::ScD)
}
