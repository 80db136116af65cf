//! Words and texts made by an assembler, and the expansion of every compressed form as written by hand.

use std::collections::BTreeSet;

use travertine_opcodes::{COMPRESSED_TABLE, Decoded, Extension, Opcode, TABLE, decode, encode};

fn decode_hex(word: &str) -> Decoded {
    decode(u32::from_str_radix(word, 16).expect("hexadecimal")).expect("legal")
}

/// Lines of the golden file: word and text, then those of the expansion.
fn lines() -> impl Iterator<Item = (&'static str, &'static str, Option<(&'static str, &'static str)>)> {
    include_str!("golden.txt").lines().filter(|line| !line.starts_with('#')).map(|line| {
        let split = |part: &'static str| part.split_once(' ').expect("word and text");
        match line.split_once(" = ") {
            Some((short, long)) => (split(short).0, split(short).1, Some(split(long))),
            None => (split(line).0, split(line).1, None),
        }
    })
}

#[test]
fn assembled_words_disassemble_to_their_source() {
    let mut seen = BTreeSet::new();
    for (word, text, expansion) in lines() {
        let decoded = decode_hex(word);
        assert_eq!(decoded.to_string(), text, "{word}");
        seen.insert(decoded.form().mnemonic());
        if let Some((long_word, long_text)) = expansion {
            let long = decode_hex(long_word);
            assert_eq!(long.to_string(), long_text, "{long_word}");
            assert_eq!(decoded.instruction(), long.instruction(), "{text} is not {long_text}");
        }
    }
    let standard = TABLE.iter().filter(|row| row.extension != Extension::Xtravertine).map(|row| row.mnemonic);
    let all: BTreeSet<_> = standard.chain(COMPRESSED_TABLE.iter().map(|row| row.mnemonic)).collect();
    assert_eq!(seen, all, "every instruction has a golden word");
}

/// funct3, funct7 and text of the 3D memory instructions, as in the design: no other assembler knows them.
#[rustfmt::skip]
const MEMORY_3D: &[(u32, u32, &str)] = &[
    (0, 0, "m3.alloc a0, a1, a2"), (0, 1, "m3.free a0, a1"), (0, 2, "m3.size a0, a1"),
    (0, 3, "m3.query a0, a1, a2"), (0, 4, "m3.resolve a0, a1"), (0, 5, "m3.resize a0, a1, a2"),
    (1, 0, "m3.copy a0, a1, a2"), (1, 1, "m3.fill a0, a1, a2"), (1, 2, "m3.gather a0, a1, a2"),
    (1, 3, "m3.scatter a0, a1, a2"), (1, 4, "m3.share a0, a1, a2"), (2, 0, "m3.compact a0, a1"),
    (2, 1, "m3.defrag a0, a1, a2"), (3, 0, "m3.gas a0"), (3, 1, "m3.refund a0"), (4, 0, "m3.root a0, a1"),
    (7, 127, "m3.halt a1"),
];

#[test]
fn memory_3d_instructions_have_their_fixed_encodings() {
    for &(funct3, funct7, text) in MEMORY_3D {
        let place = |name: &str, value: u32, low: u32| if text.contains(name) { value << low } else { 0 };
        let operands = place("a0", 10, 7) | place("a1", 11, 15) | place("a2", 12, 20);
        let word = funct7 << 25 | funct3 << 12 | 0x0b | operands;
        assert_eq!(decode(word).expect("legal").to_string(), text);
        for (name, low) in [("a0", 7), ("a1", 15), ("a2", 20)] {
            let unused = !text.contains(name);
            assert_eq!(decode(word | 1 << low).is_err(), unused, "{text} with bit {low}");
        }
    }
    assert_eq!(TABLE.iter().filter(|row| row.extension == Extension::Xtravertine).count(), MEMORY_3D.len());
}

#[test]
fn targets_are_addresses_where_the_pc_is_known() {
    let branch = decode(0xfe00_0ee3).expect("beq zero, zero, .-4");
    assert_eq!(branch.disassemble(None).to_string(), "beq zero, zero, .-4");
    assert_eq!(branch.disassemble(None).with_aliases().to_string(), "beq zero, zero, .-4");
    assert_eq!(branch.disassemble(Some(0x10_0000_0000)).to_string(), "beq zero, zero, 0xffffffffc");
    assert_eq!(branch.disassemble(Some(0)).to_string(), "beq zero, zero, 0xfffffffffffffffc");
}

#[test]
fn fences_ignore_their_reserved_fields_and_keep_them() {
    for (word, text) in [
        (0x0330_000f, "fence rw, rw"),
        (0x8330_000f, "fence.tso"),
        (0x7330_000f, "fence rw, rw"),
        (0x0000_000f, "fence 0, 0"),
        (0x0ff5_058f, "fence iorw, iorw"),
        (0xfff5_958f, "fence.i"),
    ] {
        let decoded = decode(word).expect("legal");
        assert_eq!((decoded.to_string().as_str(), decoded.bits()), (text, word));
        assert_eq!(encode(decoded.instruction()), Ok(word));
    }
    assert_eq!(decode(0x8330_000f).expect("legal").instruction().opcode, Opcode::Fence);
}
