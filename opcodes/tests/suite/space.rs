//! The encoding space: every word is one instruction, which encodes to itself, or is listed as reserved.

use travertine_opcodes::{
    COMPRESSED_TABLE, Compressed, Decoded, Extent, Form, GasClass, IllegalInstruction, Instruction, Opcode,
    Pattern, RESERVED, TABLE, decode, encode, encode_compressed,
};

use crate::words::{Lcg, compressed_words, structured_words};

/// Checks one word: it has one claimant and encodes to itself, or it has none and is reserved.
fn check(word: u32) -> Result<Decoded, IllegalInstruction> {
    let is_compressed = word & 3 != 3;
    let claimants = if is_compressed {
        COMPRESSED_TABLE.iter().filter(|row| row.matches(word)).count()
    } else {
        TABLE.iter().filter(|row| row.pattern.matches(word)).count()
    };
    let reserved =
        |extent| RESERVED.iter().any(|entry| entry.extent == extent && entry.pattern.matches(word));
    let decoded = decode(word);
    match decoded {
        Ok(decoded) => {
            let instruction = decoded.instruction();
            assert_eq!(claimants, 1, "{word:#x} is claimed by several rows");
            assert!(!reserved(Extent::All), "{word:#x} is reserved, but decodes to {decoded}");
            assert_eq!(decoded.length(), if is_compressed { 2 } else { 4 });
            assert_eq!(decoded.bits(), word, "{decoded}");
            let encoded = match decoded.form() {
                Form::Base(opcode) => {
                    assert_eq!(instruction.opcode, opcode);
                    encode(instruction)
                }
                Form::Compressed(form) => encode_compressed(form, instruction),
            };
            assert_eq!(encoded, Ok(word), "{decoded}");
            let expanded = encode(instruction).expect("an expansion has a 32-bit form");
            assert_eq!(decode(expanded).expect("it decodes").instruction(), instruction, "{decoded}");
        }
        Err(illegal) => {
            assert_eq!(illegal.bits, word);
            assert_eq!(claimants, 0, "{word:#x} is claimed, but illegal");
            assert!(reserved(Extent::All) || reserved(Extent::Rest), "{word:#x} is illegal, but not listed");
        }
    }
    decoded
}

#[test]
fn every_16_bit_word_encodes_to_itself_or_is_reserved() {
    for word in compressed_words() {
        let decoded = check(word);
        assert_eq!(decode(word | 0xffff_0000), decoded, "the upper half of {word:#x} matters");
    }
}

#[test]
fn dense_sample_of_32_bit_words_encodes_to_itself_or_is_reserved() {
    let mut random = Lcg(1);
    let legal = (0..2_000_000).filter(|_| check(random.next_long()).is_ok()).count();
    assert!(legal > 200_000, "only {legal} words of the sample are legal");
    for word in structured_words(200, &mut random) {
        let _ = check(word);
    }
}

#[test]
fn rows_decode_to_themselves_whatever_their_operands() {
    let mut random = Lcg(2);
    for row in &TABLE {
        for _ in 0..1_000 {
            let word = row.pattern.bits | random.next_word() & !row.pattern.mask;
            assert_eq!(decode(word).expect("a row's own word").form(), Form::Base(row.opcode));
        }
    }
}

#[test]
fn no_two_rows_overlap() {
    for (i, a) in TABLE.iter().enumerate() {
        for b in &TABLE[..i] {
            assert!(!a.pattern.overlaps(b.pattern), "{} and {}", a.mnemonic, b.mnemonic);
            assert_ne!(a.mnemonic, b.mnemonic);
        }
    }
}

#[test]
fn reserved_entries_say_how_much_is_reserved() {
    let is_compressed = |pattern: Pattern| pattern.bits & 3 != 3;
    for entry in RESERVED {
        let claimed = if is_compressed(entry.pattern) {
            compressed_words().any(|word| entry.pattern.matches(word) && decode(word).is_ok())
        } else {
            TABLE.iter().any(|row| row.pattern.overlaps(entry.pattern))
        };
        assert_eq!(claimed, entry.extent == Extent::Rest, "{}", entry.prose);
    }
}

#[test]
fn constant_lists_are_in_the_order_of_their_discriminants() {
    assert!(Opcode::ALL.iter().enumerate().all(|(i, &opcode)| opcode as usize == i));
    assert!(Compressed::ALL.iter().enumerate().all(|(i, &form)| form as usize == i));
    assert!(GasClass::ALL.iter().enumerate().all(|(i, &class)| class as usize == i));
}

/// The manual's definition of a HINT, on the expansion, for 16-bit words.
fn is_compressed_hint(form: Compressed, instruction: Instruction) -> bool {
    let Instruction { rd, imm, .. } = instruction;
    match form {
        Compressed::Nop => imm != 0,
        Compressed::Slli => rd == 0 || imm == 0,
        Compressed::Addi | Compressed::Srli | Compressed::Srai => imm == 0,
        Compressed::Li | Compressed::Lui | Compressed::Mv | Compressed::Add => rd == 0,
        _ => false,
    }
}

#[test]
fn hints_have_no_effect_and_are_those_of_the_manual() {
    for decoded in compressed_words().filter_map(|word| decode(word).ok()) {
        let Form::Compressed(form) = decoded.form() else { panic!("{decoded} is not compressed") };
        let instruction = decoded.instruction();
        assert_eq!(decoded.is_hint(), is_compressed_hint(form, instruction), "{decoded}");
        if decoded.is_hint() {
            let keeps_rd = instruction.imm == 0 && instruction.rd == instruction.rs1 && instruction.rs2 == 0;
            assert!(instruction.rd == 0 || keeps_rd, "{decoded} has an effect");
            assert_eq!(instruction.opcode.gas_class(), GasClass::Arithmetic);
        }
    }
    let is_hint = |word: u32| decode(word).expect("legal").is_hint();
    assert!(!is_hint(0x0000_0013), "nop");
    assert!(is_hint(0x0010_0013) && is_hint(0x0000_8013), "addi to x0");
    assert!(is_hint(0x0000_0033) && is_hint(0x4010_503b) && is_hint(0x0000_0037), "add, sraw, lui to x0");
    assert!(is_hint(0x0100_000f), "pause");
    assert!(!is_hint(0x0ff0_000f) && !is_hint(0x0000_100f), "fence, fence.i");
    assert!(!is_hint(0x0000_0003) && !is_hint(0x0200_0033), "lb and mul to x0");
}
