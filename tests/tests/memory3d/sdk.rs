//! The constants and instructions of both SDKs are the machine's.

use std::collections::BTreeMap;

use travertine_memory::{ALLOCATABLE_KINDS, AllocationError, AllocationFlags, MAX_ENTRIES, Property};
use travertine_opcodes::{Instruction, Opcode, Operand, encode};
use travertine_tests::fixtures::folder;

/// Names and values of a group of constants.
type Constants = BTreeMap<String, i64>;

fn header() -> String {
    std::fs::read_to_string(folder().join("sdk/travertine.h")).unwrap()
}

fn crate_source() -> String {
    std::fs::read_to_string(folder().join("sdk/rust/src/m3.rs")).unwrap()
}

/// As constants are written: `RegionSize`, `region size` and `region-size` are `REGION_SIZE`.
fn constant(name: &str) -> String {
    let mut constant = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(if letter.is_alphabetic() { letter.to_ascii_uppercase() } else { '_' });
    }
    constant
}

/// The constants of the header whose names begin like this.
fn in_header(prefix: &str) -> Constants {
    let header = header();
    let constants = header.lines().filter_map(|line| {
        let (name, rest) = line.trim().strip_prefix(prefix)?.split_once(" = ")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().unwrap()))
    });
    constants.collect()
}

/// The constants of a module of the crate.
fn in_crate(module: &str) -> Constants {
    let source = crate_source();
    let (_, rest) = source.split_once(&format!("pub mod {module} {{")).unwrap();
    let (content, _) = rest.split_once("\n}").unwrap();
    let constants = content.lines().filter_map(|line| {
        let (name, value) = line.trim().strip_prefix("pub const ")?.split_once(": u64 = ")?;
        Some((name.to_owned(), value.strip_suffix(';')?.parse().unwrap()))
    });
    constants.collect()
}

#[test]
fn the_constants_of_both_sdks_are_the_machines() {
    let numbered = |names: Vec<String>, value: fn(i64) -> i64| -> Constants {
        names.into_iter().zip(0..).map(|(name, place)| (name, value(place))).collect()
    };
    let errors = AllocationError::NAMES.iter().map(|name| constant(name)).collect();
    assert_eq!(in_header("TRAVERTINE_ERROR_"), numbered(errors, |place| -1 - place));

    let properties: Vec<_> = Property::ALL.iter().map(|property| constant(property.name())).collect();
    assert!(Property::ALL.iter().zip(0..).all(|(property, place)| property.number() == place));
    let properties = numbered(properties, |place| place);
    assert_eq!((in_header("TRAVERTINE_PROPERTY_"), in_crate("property")), (properties.clone(), properties));

    let flag = |bit: i64| constant(&AllocationFlags::from_bits(1 << bit).to_string());
    let flags = numbered((0..8).map(flag).collect(), |bit| 1 << bit);
    assert_eq!((in_header("TRAVERTINE_FLAG_"), in_crate("flag")), (flags.clone(), flags));

    let kinds = ALLOCATABLE_KINDS.iter().map(|kind| (constant(&kind.to_string()), kind.code().into()));
    let kinds: Constants = kinds.collect();
    assert_eq!((in_header("TRAVERTINE_KIND_"), in_crate("kind")), (kinds.clone(), kinds));

    let entries = MAX_ENTRIES.to_string();
    assert!(header().contains(&format!("#define TRAVERTINE_ENTRIES_MAX {entries}\n")));
    let entries = "pub const ENTRIES_MAX: usize = 65_536;";
    assert!(crate_source().contains(entries) && entries.replace('_', "").contains(&MAX_ENTRIES.to_string()));
}

/// funct3 and funct7 of every instruction of the extension, by mnemonic.
fn encodings() -> BTreeMap<String, [u32; 2]> {
    let of = |&opcode: &Opcode| {
        let has = |operand| u8::from(opcode.row().operands.contains(&operand));
        let instruction = Instruction {
            opcode,
            rd: has(Operand::Rd),
            rs1: has(Operand::Rs1),
            rs2: has(Operand::Rs2),
            imm: 0,
        };
        let name = opcode.mnemonic().strip_prefix("m3.")?;
        let bits = encode(instruction).unwrap();
        Some((name.to_owned(), [bits >> 12 & 7, bits >> 25]))
    };
    Opcode::ALL.iter().filter_map(of).collect()
}

/// The first numbers behind a mark.
fn numbers(text: &str, mark: &str) -> Option<Vec<u32>> {
    let (_, rest) = text.split_once(mark)?;
    let words = rest.split(|letter: char| !letter.is_ascii_digit());
    Some(words.filter(|word| !word.is_empty()).take(2).map(|word| word.parse().unwrap()).collect())
}

/// What a comment calls `m3.name` has the encoding of `m3.name`: in C by one of two macros or plain assembly, in Rust by one of
/// three macros, one of which is for funct3 1 only, or plain assembly.
#[test]
fn the_functions_of_both_sdks_encode_what_they_say() {
    const ASSEMBLY: &str = ".insn r 0x0b, ";
    let encodings = encodings();
    let check = |source: &str, mark: &str, find: &dyn Fn(&str) -> Option<Vec<u32>>| {
        let functions: Vec<_> = source.split(mark).skip(1).collect();
        for function in &functions {
            let name: String = function.chars().take_while(char::is_ascii_lowercase).collect();
            assert_eq!(find(function), Some(encodings[&name].to_vec()), "m3.{name}");
        }
        functions.len()
    };
    let header = header();
    let in_c = |function: &str| {
        let ways = ["TRAVERTINE_INSN_RESULT(", "TRAVERTINE_INSN_EFFECT(", ASSEMBLY];
        ways.into_iter().find_map(|way| numbers(function, way))
    };
    let source = crate_source();
    let in_rust = |function: &str| {
        let effect = || Some(vec![1, *numbers(function, "effect!(")?.first()?]);
        let ways = ["result!(", "result_of_one!(", ASSEMBLY];
        ways.into_iter().find_map(|way| numbers(function, way)).or_else(effect)
    };
    assert_eq!(check(&header, "\n// m3.", &in_c), encodings.len());
    assert_eq!(check(&source, "\n/// `m3.", &in_rust), encodings.len());
}
