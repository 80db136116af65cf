//! ELF files that are cut or mutated. What still loads is run with a little gas.

use travertine_tests::Random;
use travertine_tests::elf::{self, flags};
use travertine_tests::fixtures::{self, Console};
use travertine_tests::hostile_elf::{CODE, all_fields, set, small};
use travertine_vm::{Call, Engine, LoadError, Program, State, load, symbols};

use crate::mutate::mutant;
use crate::{alone, bounded};

const GAS_LIMIT: u64 = 200_000;
const MUTANTS: usize = 4_000;

/// Values on which reading a header likes to fail, in a file of `length` bytes.
fn extremes(length: u64) -> Vec<u64> {
    let powers = [8, 12, 16, 31, 32, 40, 63].map(|power| 1_u64 << power);
    let around = |value: u64| [value - 1, value, value + 1];
    let mut values = vec![0, 1, 2, 3, 7, 64, u64::MAX, u64::MAX - 1, u64::MAX - 4095, u64::MAX << 12];
    values.extend(powers.into_iter().chain([length, length / 2]).flat_map(around));
    values
}

/// Reads a file's program and symbols, and runs the program if there is one. Says whether there was.
fn examine(file: &[u8]) -> bool {
    // Names that are not UTF-8 grow: every byte may become three.
    let _ = bounded(4 * file.len(), || symbols(file));
    let Ok(image) = bounded(file.len(), || load(file)) else { return false };
    let program = bounded(file.len(), || Program::new(image));
    let mut machine = Engine::default().instantiate(&program);
    let call = Call::new([1; 40], GAS_LIMIT);
    // Decoded code takes twelve times its bytes; touched pages and output are paid with gas.
    let called = bounded(4 * file.len() + (1 << 20), || machine.call(&call, &mut Console::default()));
    let settlement = called.unwrap();
    assert!(settlement.receipt.gas_used <= GAS_LIMIT);
    assert_eq!(settlement.receipt.new_root(), machine.root());
    let snapshot = machine.state().to_snapshot().unwrap();
    assert_eq!(State::from_snapshot(&snapshot).unwrap().root(), machine.root());
    true
}

#[test]
fn every_prefix_of_a_program_is_refused_or_the_same_program() {
    let _alone = alone();
    for name in ["counter", "token"] {
        let file = fixtures::named(name).elf;
        let whole = load(&file).unwrap();
        for length in 0..file.len() {
            match bounded(length, || load(&file[..length])) {
                // What is cut off are sections, which are not loaded.
                Ok(image) => assert_eq!(image, whole, "{name}, {length} bytes"),
                Err(error) => {
                    let is_cut = matches!(
                        error,
                        LoadError::Truncated { .. }
                            | LoadError::ProgramHeaders(_)
                            | LoadError::SegmentOutsideFile { .. }
                            | LoadError::SegmentsOverlapInFile { .. }
                    );
                    assert!(is_cut, "{name}, {length} bytes: {error}");
                }
            }
            let _ = bounded(4 * length, || symbols(&file[..length]));
        }
    }
}

#[test]
fn every_field_of_the_headers_can_have_any_value() {
    let _alone = alone();
    let (mut tried, mut loaded) = (0, 0);
    for file in [small(), fixtures::named("counter").elf, fixtures::named("sha256_flat").elf] {
        for (_, header, field) in all_fields(&file) {
            for value in extremes(file.len() as u64) {
                let mut mutant = file.clone();
                set(&mut mutant, header, field, value);
                tried += 1;
                loaded += usize::from(examine(&mutant));
            }
        }
    }
    // Physical addresses, alignments and everything about sections are not looked at.
    assert!(tried > 4_000 && loaded > tried / 4 && loaded < tried * 3 / 4, "{loaded} of {tried} load");
}

#[test]
fn mutated_programs_are_refused_or_run() {
    let _alone = alone();
    let mut random = Random::new(3);
    let files =
        ["counter", "token", "guestbook", "conditional", "torture"].map(|name| fixtures::named(name).elf);
    let mut loaded = 0;
    for number in 0..MUTANTS {
        let file = &files[number % files.len()];
        let headers = all_fields(file).last().map_or(0, |&(_, start, _)| start + 56);
        loaded += usize::from(examine(&mutant(&mut random, file, headers, 70)));
    }
    assert!(loaded > MUTANTS / 10 && loaded < MUTANTS * 9 / 10, "{loaded} of {MUTANTS} load");
}

#[test]
fn a_small_file_with_huge_segments_takes_little_memory() {
    let _alone = alone();
    let huge = |region: u64| elf::Segment {
        address: region << 32,
        flags: flags::READ + if region.is_multiple_of(2) { flags::WRITE } else { flags::EXECUTE },
        data: vec![1],
        memory_size: 1 << 32,
    };
    let mut segments: Vec<_> = (0x10..0x4f).map(huge).collect();
    segments.push(elf::Segment::new(CODE, flags::READ + flags::EXECUTE, vec![0; 4]));
    let file = elf::write(0x11 << 32, &segments);
    assert!(examine(&file), "63 regions of 4 GiB are loaded");
}
