//! For each way in which an ELF file can be wrong, a file that is wrong in just this way.

use std::collections::BTreeSet;

use travertine_memory::Permissions;
use travertine_tests::elf::{self, flags};
use travertine_tests::fixtures;
use travertine_tests::hostile_elf::{CODE, DATA, set_header, set_segment, small};
use travertine_vm::{Image, ImageError, LoadError, MAX_ELF_BYTES, NoteError, Segment, load, symbols};

use crate::alone;

/// What is wrong with a small program, and how that is reported.
type Case = (Vec<u8>, LoadError);

fn header(name: &str, value: u64, error: LoadError) -> Case {
    let mut file = small();
    set_header(&mut file, name, value);
    (file, error)
}

fn data_segment(name: &str, value: u64, error: impl Into<LoadError>) -> Case {
    let mut file = small();
    set_segment(&mut file, 1, name, value);
    (file, error.into())
}

fn file_header_cases() -> Vec<Case> {
    let file = small();
    vec![
        (vec![0; MAX_ELF_BYTES + 1], LoadError::TooLarge { bytes: MAX_ELF_BYTES + 1 }),
        (vec![], LoadError::Truncated { bytes: 0 }),
        (file[..63].to_vec(), LoadError::Truncated { bytes: 63 }),
        header("EI_MAG", 0x464c_457e, LoadError::Magic(*b"~ELF")),
        header("EI_CLASS", 1, LoadError::Class(1)),
        header("EI_DATA", 2, LoadError::Endianness(2)),
        header("EI_VERSION", 0, LoadError::Version(0)),
        header("e_machine", 62, LoadError::Machine(62)),
        header("e_type", 1, LoadError::Type(1)),
        header("e_type", 3, LoadError::Type(3)),
        header("e_flags", 0x2, LoadError::Abi(0x2)),
        header("e_flags", 0x4, LoadError::Abi(0x4)),
        header("e_flags", 0x8, LoadError::Abi(0x8)),
    ]
}

fn segment_cases() -> Vec<Case> {
    let file = small().len();
    let outside = |offset, size| LoadError::SegmentOutsideFile { segment: 1, offset, size, file };
    vec![
        data_segment("p_type", 2, LoadError::Dynamic),
        data_segment("p_type", 3, LoadError::Dynamic),
        data_segment("p_offset", u64::MAX, outside(u64::MAX, 16)),
        data_segment("p_offset", file as u64 - 15, outside(file as u64 - 15, 16)),
        {
            let mut file_and_memory = data_segment("p_filesz", 1 << 40, outside(0x2000, 1 << 40));
            set_segment(&mut file_and_memory.0, 1, "p_memsz", 1 << 40);
            file_and_memory
        },
        {
            let mut twice = small();
            for segment in 0..2 {
                set_segment(&mut twice, segment, "p_offset", 0);
                set_segment(&mut twice, segment, "p_filesz", file as u64);
                set_segment(&mut twice, segment, "p_memsz", file as u64);
            }
            (twice, LoadError::SegmentsOverlapInFile { segment: 1, file })
        },
        data_segment("p_filesz", 17, LoadError::SegmentSize { segment: 1, file: 17, memory: 16 }),
        data_segment("p_memsz", 0, LoadError::SegmentSize { segment: 1, file: 16, memory: 0 }),
        data_segment("p_flags", 0xe, LoadError::SegmentFlags { segment: 1, flags: 0xe }),
        data_segment("p_flags", 1 << 31 | 4, LoadError::SegmentFlags { segment: 1, flags: 1 << 31 | 4 }),
    ]
}

fn image_cases() -> Vec<Case> {
    let entry = |entry, error: ImageError| header("e_entry", entry, error.into());
    let many: Vec<_> =
        (0..65).map(|number| elf::Segment::new(CODE + number * 4096, flags::READ, vec![1])).collect();
    let (none, write, all) =
        (Permissions::NONE, Permissions::WRITE, Permissions::READ_WRITE | Permissions::EXECUTE);
    let denied = |permissions| ImageError::Permissions { address: DATA, permissions };
    let mut cases = vec![
        header("e_phnum", 0, ImageError::NoSegments.into()),
        (elf::write(CODE, &many), ImageError::TooManySegments(65).into()),
        data_segment("p_vaddr", DATA + 2, ImageError::Unaligned(DATA + 2)),
        data_segment("p_memsz", 1 << 32, ImageError::OutOfRegion { address: DATA, size: 1 << 32 }),
        data_segment("p_memsz", u64::MAX, ImageError::OutOfRegion { address: DATA, size: u64::MAX }),
        data_segment("p_vaddr", 1 << 40, ImageError::OutOfRegion { address: 1 << 40, size: 16 }),
        data_segment(
            "p_vaddr",
            u64::MAX - 4095,
            ImageError::OutOfRegion { address: u64::MAX - 4095, size: 16 },
        ),
        data_segment("p_vaddr", 0, ImageError::NullPlane(0)),
        data_segment("p_vaddr", 0xf000, ImageError::NullPlane(0xf000)),
        data_segment("p_flags", 0, denied(none)),
        data_segment("p_flags", 2, denied(write)),
        data_segment("p_flags", 7, denied(all)),
        data_segment("p_vaddr", CODE, ImageError::Overlap(CODE, CODE)),
        data_segment("p_memsz", 1 << 20, ImageError::Overlap(DATA, 0x3_0000)),
        entry(CODE + 1, ImageError::EntryMisaligned(CODE + 1)),
        entry(CODE + 12, ImageError::EntryOutsideCode(CODE + 12)),
        entry(DATA, ImageError::EntryOutsideCode(DATA)),
        entry(0, ImageError::EntryOutsideCode(0)),
    ];
    // The code lies behind the data, and the data grows into it.
    let overlap =
        cases.iter_mut().find(|(_, error)| *error == ImageError::Overlap(DATA, 0x3_0000).into()).unwrap();
    set_segment(&mut overlap.0, 0, "p_vaddr", 0x3_0000);
    for region in [4, 5, 6, 7, 0x80, 0xf0, 0xff] {
        let address = region << 32;
        cases.push(data_segment("p_vaddr", address, ImageError::ReservedRegion { address, region }));
    }
    cases
}

/// Bytes of the note in `landmap`: three lengths, the name and five words.
const NOTE_BYTES: usize = 64;

/// The fixture `landmap`, with 32 bits of its note set; and, in the error, its number or size.
fn note_cases() -> Vec<Case> {
    let landmap = fixtures::named("landmap").elf;
    let note = landmap.windows(12).position(|name| name == b"Travertine\0\0").unwrap() - 12;
    let file = landmap.len();
    let patched = |patches: &[(usize, u32)]| {
        let mut patched = landmap.clone();
        for &(at, value) in patches {
            patched[note + at..][..4].copy_from_slice(&value.to_le_bytes());
        }
        patched
    };
    let (region, size, mode, flags) = (24, 32, 48, 56);
    let field = |field, value| NoteError::Field { region: 0x80, field, value };
    let too_many = |name: &str| {
        let mut file = landmap.clone();
        set_segment(&mut file, 0, name, u64::MAX);
        file
    };
    let twice = {
        // Two segments name the note: the region is declared twice.
        let mut twice = landmap.clone();
        for (name, value) in [("p_type", 4), ("p_offset", note as u64), ("p_filesz", NOTE_BYTES as u64)] {
            set_segment(&mut twice, 4, name, value);
        }
        twice
    };
    vec![
        (patched(&[(8, 2)]), NoteError::Type(2).into()),
        (patched(&[(4, 32)]), NoteError::Length { bytes: 32 }.into()),
        (patched(&[(4, 39)]), NoteError::Length { bytes: 39 }.into()),
        (patched(&[(mode, 2)]), field("mode", 2).into()),
        (patched(&[(flags, 2)]), field("flags", 2).into()),
        (
            patched(&[(region, 0x180)]),
            NoteError::Field { region: 0x180, field: "number", value: 0x180 }.into(),
        ),
        (too_many("p_filesz"), NoteError::Overlap { file }.into()),
        (patched(&[(region, 0x7f)]), ImageError::GenerativeNumber(0x7f).into()),
        (patched(&[(region, 0xc0)]), ImageError::GenerativeNumber(0xc0).into()),
        (patched(&[(size, 1)]), ImageError::GenerativeSize { region: 0x80, size: 0x1_0000_0001 }.into()),
        (patched(&[(size + 4, 0)]), ImageError::GenerativeSize { region: 0x80, size: 0 }.into()),
        (twice, ImageError::GenerativeTwice(0x80).into()),
    ]
}

#[test]
fn notes_that_are_cut_are_refused_and_those_of_others_are_passed_over() {
    let _alone = alone();
    let landmap = fixtures::named("landmap").elf;
    let note = landmap.windows(12).position(|name| name == b"Travertine\0\0").unwrap() - 12;
    let declared = |file: &[u8]| load(file).map(|image| image.generative().len());
    assert_eq!(declared(&landmap), Ok(1));
    let mut other = landmap.clone();
    other[note + 12] = b't';
    assert_eq!(declared(&other), Ok(0));
    for bytes in [11, 23, 63] {
        let mut cut = landmap.clone();
        set_segment(&mut cut, 0, "p_filesz", bytes);
        assert_eq!(kind(&declared(&cut).unwrap_err()), "Unreadable", "{bytes} bytes");
    }
}

/// The name of an error's kind; a new kind does not compile before it is listed here.
fn kind(error: &LoadError) -> &'static str {
    match error {
        LoadError::TooLarge { .. } => "TooLarge",
        LoadError::Truncated { .. } => "Truncated",
        LoadError::Magic(_) => "Magic",
        LoadError::Class(_) => "Class",
        LoadError::Endianness(_) => "Endianness",
        LoadError::Version(_) => "Version",
        LoadError::Machine(_) => "Machine",
        LoadError::Type(_) => "Type",
        LoadError::Dynamic => "Dynamic",
        LoadError::Abi(_) => "Abi",
        LoadError::ProgramHeaders(_) => "ProgramHeaders",
        LoadError::SegmentOutsideFile { .. } => "SegmentOutsideFile",
        LoadError::SegmentsOverlapInFile { .. } => "SegmentsOverlapInFile",
        LoadError::SegmentSize { .. } => "SegmentSize",
        LoadError::SegmentFlags { .. } => "SegmentFlags",
        LoadError::Symbols(_) => "Symbols",
        LoadError::Note(error) => match error {
            NoteError::Unreadable(_) => "Unreadable",
            NoteError::Overlap { .. } => "NotesOverlap",
            NoteError::Type(_) => "NoteType",
            NoteError::Length { .. } => "NoteLength",
            NoteError::Field { .. } => "NoteField",
        },
        LoadError::Image(error) => match error {
            ImageError::NoSegments => "NoSegments",
            ImageError::TooManySegments(_) => "TooManySegments",
            ImageError::Unaligned(_) => "Unaligned",
            ImageError::OutOfRegion { .. } => "OutOfRegion",
            ImageError::Size { .. } => "Size",
            ImageError::NullPlane(_) => "NullPlane",
            ImageError::ReservedRegion { .. } => "ReservedRegion",
            ImageError::Permissions { .. } => "Permissions",
            ImageError::Overlap(..) => "Overlap",
            ImageError::EntryOutsideCode(_) => "EntryOutsideCode",
            ImageError::EntryMisaligned(_) => "EntryMisaligned",
            ImageError::GenerativeNumber(_) => "GenerativeNumber",
            ImageError::GenerativeSize { .. } => "GenerativeSize",
            ImageError::GenerativeTwice(_) => "GenerativeTwice",
        },
    }
}

#[test]
fn each_rule_that_is_broken_has_its_own_error() {
    let _alone = alone();
    assert!(load(&small()).is_ok(), "the program that is damaged is whole");
    let mut kinds = BTreeSet::new();
    for (file, error) in [file_header_cases(), segment_cases(), image_cases(), note_cases()].concat() {
        assert_eq!(load(&file).unwrap_err(), error);
        kinds.insert(kind(&error));
    }
    // All but those of the next two tests.
    assert_eq!(kinds.len(), 31, "{kinds:?}");
}

#[test]
fn program_headers_and_symbols_that_lie_elsewhere_are_refused() {
    let _alone = alone();
    for (name, value) in
        [("e_phoff", u64::MAX), ("e_phoff", 1 << 20), ("e_phentsize", 32), ("e_phnum", 0xfff0)]
    {
        let mut file = small();
        set_header(&mut file, name, value);
        let error = load(&file).unwrap_err();
        assert_eq!(kind(&error), "ProgramHeaders", "{name} = {value:#x}: {error}");
    }
    let counter = fixtures::named("counter").elf;
    assert!(symbols(&counter).unwrap().len() > 3);
    assert_eq!(symbols(&small()), Ok(vec![]), "a file without sections has no symbols");
    for (name, value) in
        [("e_shoff", u64::MAX), ("e_shoff", 1 << 20), ("e_shentsize", 32), ("e_shnum", 0xfff0)]
    {
        let mut file = counter.clone();
        set_header(&mut file, name, value);
        let error = symbols(&file).unwrap_err();
        assert_eq!(kind(&error), "Symbols", "{name} = {value:#x}: {error}");
        assert!(load(&file).is_ok(), "sections are not loaded");
    }
}

#[test]
fn a_segment_without_memory_is_refused_by_the_image_too() {
    let _alone = alone();
    let segment =
        |memory_size, data| Segment { address: CODE, memory_size, data, permissions: Permissions::EXECUTE };
    for (memory_size, data) in [(0, vec![]), (2, vec![0; 3])] {
        let error = ImageError::Size { address: CODE, data: data.len(), size: memory_size };
        assert_eq!(Image::new(CODE, vec![segment(memory_size, data)]), Err(error));
    }
}
