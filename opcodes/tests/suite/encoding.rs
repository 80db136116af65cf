//! The encoder takes exactly the operands that fit, and says of the others which is wrong.

use proptest::prelude::*;
use travertine_opcodes::{
    Compressed, EncodeError, Form, Instruction, Opcode, decode, encode, encode_compressed,
};

/// Immediates as callers give them: of all sizes, and around powers of two.
fn immediates() -> impl Strategy<Value = i32> {
    let near_power = (0..32u32, -2..=2i32).prop_map(|(bit, near)| (1_i32 << bit).wrapping_add(near));
    prop_oneof![
        any::<i32>(),
        -40..40i32,
        near_power.clone(),
        near_power.prop_map(i32::wrapping_neg),
        any::<i32>().prop_map(|imm| imm & !0xfff),
    ]
}

/// A register operand that is absent more often than not, so that forms with few operands are met, too.
fn registers() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0), 0..34u8]
}

fn instructions() -> impl Strategy<Value = Instruction> {
    let opcodes = prop::sample::select(Opcode::ALL);
    let registers = (registers(), registers(), registers());
    (opcodes, registers, prop_oneof![Just(0), immediates()])
        .prop_map(|(opcode, (rd, rs1, rs2), imm)| Instruction { opcode, rd, rs1, rs2, imm })
}

/// Checks that an error is true of the operands.
fn assert_is_true(error: EncodeError, instruction: Instruction) {
    match error {
        EncodeError::Register { operand, value, least, greatest, .. } => {
            let given = match operand {
                "rd" => instruction.rd,
                "rs1" => instruction.rs1,
                _ => instruction.rs2,
            };
            assert_eq!(value, given);
            assert!(!(least..=greatest).contains(&value));
        }
        EncodeError::TwoAddress { rd, rs1, .. } => {
            assert!(rd == instruction.rd && rs1 == instruction.rs1 && rd != rs1);
        }
        EncodeError::Immediate { value, least, greatest, step, .. } => {
            assert_eq!(value, instruction.imm);
            assert!(!(least..=greatest).contains(&value) || value % step != 0);
        }
        EncodeError::Expansion { expansion, opcode, .. } => {
            assert!(opcode == instruction.opcode && opcode != expansion);
        }
        EncodeError::Excluded { bits, mnemonic } => {
            assert!(decode(bits).map_or(true, |other| other.form().mnemonic() != mnemonic));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    #[test]
    fn instructions_survive_encoding_or_are_refused_for_cause(instruction in instructions()) {
        match encode(instruction) {
            Ok(word) => {
                let decoded = decode(word).expect("encoded words decode");
                prop_assert_eq!(decoded.instruction(), instruction);
                prop_assert_eq!(decoded.form(), Form::Base(instruction.opcode));
            }
            Err(error) => assert_is_true(error, instruction),
        }
    }

    #[test]
    fn compressed_instructions_survive_encoding_or_are_refused_for_cause(
        form in prop::sample::select(Compressed::ALL),
        instruction in instructions(),
        fitting in any::<bool>(),
    ) {
        // Half of the time the operation and the tie of rd to rs1 are right.
        let opcode = if fitting { form.row().expansion } else { instruction.opcode };
        let rd = if fitting { instruction.rs1 } else { instruction.rd };
        let instruction = Instruction { opcode, rd, ..instruction };
        match encode_compressed(form, instruction) {
            Ok(word) => {
                let decoded = decode(word).expect("encoded words decode");
                prop_assert_eq!(decoded.instruction(), instruction);
                prop_assert_eq!(decoded.form(), Form::Compressed(form));
            }
            Err(error) => assert_is_true(error, instruction),
        }
    }
}

/// Whether `imm` is taken, all other operands being right.
fn takes(form: Form, imm: i32) -> bool {
    let (opcode, layout) = match form {
        Form::Base(opcode) => (opcode, opcode.row().format.layout()),
        Form::Compressed(form) => (form.row().expansion, form.row().format.layout()),
    };
    // The greatest register of each field: for fields in one place it is the same.
    let instruction = Instruction {
        opcode,
        rd: layout.rd.limits().1,
        rs1: layout.rs1.limits().1,
        rs2: layout.rs2.limits().1,
        imm,
    };
    match form {
        Form::Base(_) => encode(instruction).is_ok(),
        Form::Compressed(form) => encode_compressed(form, instruction).is_ok(),
    }
}

/// Limits of immediates, from the manual: least, greatest, step.
#[rustfmt::skip]
const LIMITS: &[(Form, i32, i32, i32)] = &[
    (Form::Base(Opcode::Addi), -2048, 2047, 1),
    (Form::Base(Opcode::Lw), -2048, 2047, 1),
    (Form::Base(Opcode::Jalr), -2048, 2047, 1),
    (Form::Base(Opcode::Sd), -2048, 2047, 1),
    (Form::Base(Opcode::Slli), 0, 63, 1),
    (Form::Base(Opcode::SlliUw), 0, 63, 1),
    (Form::Base(Opcode::Bseti), 0, 63, 1),
    (Form::Base(Opcode::Sraiw), 0, 31, 1),
    (Form::Base(Opcode::Roriw), 0, 31, 1),
    (Form::Base(Opcode::Beq), -4096, 4094, 2),
    (Form::Base(Opcode::Jal), -1_048_576, 1_048_574, 2),
    (Form::Base(Opcode::Lui), i32::MIN, 0x7fff_f000, 4096),
    (Form::Base(Opcode::Fence), 0, 4095, 1),
    (Form::Base(Opcode::AmoaddW), 0, 3, 1),
    (Form::Base(Opcode::Add), 0, 0, 1),
    (Form::Base(Opcode::Clz), 0, 0, 1),
    (Form::Base(Opcode::M3Alloc), 0, 0, 1),
    (Form::Compressed(Compressed::Addi4spn), 4, 1020, 4),
    (Form::Compressed(Compressed::Lw), 0, 124, 4),
    (Form::Compressed(Compressed::Sw), 0, 124, 4),
    (Form::Compressed(Compressed::Ld), 0, 248, 8),
    (Form::Compressed(Compressed::Sd), 0, 248, 8),
    (Form::Compressed(Compressed::Addi), -32, 31, 1),
    (Form::Compressed(Compressed::Addiw), -32, 31, 1),
    (Form::Compressed(Compressed::Li), -32, 31, 1),
    (Form::Compressed(Compressed::Andi), -32, 31, 1),
    (Form::Compressed(Compressed::Addi16sp), -512, 496, 16),
    (Form::Compressed(Compressed::Lui), -131_072, 126_976, 4096),
    (Form::Compressed(Compressed::Srli), 0, 63, 1),
    (Form::Compressed(Compressed::Slli), 0, 63, 1),
    (Form::Compressed(Compressed::J), -2048, 2046, 2),
    (Form::Compressed(Compressed::Beqz), -256, 254, 2),
    (Form::Compressed(Compressed::Lwsp), 0, 252, 4),
    (Form::Compressed(Compressed::Swsp), 0, 252, 4),
    (Form::Compressed(Compressed::Ldsp), 0, 504, 8),
    (Form::Compressed(Compressed::Sdsp), 0, 504, 8),
];

#[test]
fn immediates_have_the_limits_of_the_manual() {
    for &(form, least, greatest, step) in LIMITS {
        let name = form.mnemonic();
        assert!(takes(form, least), "{name} refuses {least}");
        assert!(takes(form, greatest), "{name} refuses {greatest}");
        for beyond in [least.checked_sub(step), greatest.checked_add(step)].into_iter().flatten() {
            assert!(!takes(form, beyond), "{name} takes {beyond}");
        }
        assert!(step == 1 || !takes(form, least + step / 2), "{name} takes a fraction of {step}");
        assert!(greatest == 0 || takes(form, greatest - step) || greatest - step == 0, "{name} has a gap");
    }
}

#[test]
fn errors_name_the_operand_and_its_limits() {
    let add = Instruction { opcode: Opcode::Add, rd: 10, rs1: 10, rs2: 11, imm: 0 };
    let text = |result: Result<u32, EncodeError>| result.expect_err("out of range").to_string();
    assert_eq!(text(encode(Instruction { rs2: 32, ..add })), "add: rs2 is x32, but must be x0 to x31");
    assert_eq!(
        text(encode(Instruction { opcode: Opcode::Beq, rd: 0, imm: 3, ..add })),
        "beq: the immediate is 3, but must be a multiple of 2 from -4096 to 4094"
    );
    assert_eq!(
        text(encode_compressed(Compressed::Add, Instruction { rs1: 12, ..add })),
        "c.add: rd is x10 and rs1 is x12, but they must be the same"
    );
    assert_eq!(text(encode_compressed(Compressed::Sub, add)), "c.sub is short for sub, not add");
    assert_eq!(
        text(encode_compressed(Compressed::Add, Instruction { rs2: 0, ..add })),
        "c.add does not include 0x9502"
    );
    assert_eq!(decode(0).expect_err("all zero").to_string(), "illegal instruction 0x0000");
    assert_eq!(decode(0x1073).expect_err("csrrw").to_string(), "illegal instruction 0x00001073");
}
