//! The fields of an ELF file's headers, each of which can be set to any value (System V ABI, ELF-64 object file format).

use crate::elf::{HEADER_BYTES, PROGRAM_HEADER_BYTES, Segment, flags, write};

/// A field of a header: its name in the specification, its offset in the header and its width, both in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    offset: usize,
    width: usize,
}

/// Fields of the file header.
pub const HEADER: [Field; 17] = fields([
    ("EI_MAG", 0, 4),
    ("EI_CLASS", 4, 1),
    ("EI_DATA", 5, 1),
    ("EI_VERSION", 6, 1),
    ("e_type", 16, 2),
    ("e_machine", 18, 2),
    ("e_version", 20, 4),
    ("e_entry", 24, 8),
    ("e_phoff", 32, 8),
    ("e_shoff", 40, 8),
    ("e_flags", 48, 4),
    ("e_ehsize", 52, 2),
    ("e_phentsize", 54, 2),
    ("e_phnum", 56, 2),
    ("e_shentsize", 58, 2),
    ("e_shnum", 60, 2),
    ("e_shstrndx", 62, 2),
]);

/// Fields of a program header.
pub const PROGRAM_HEADER: [Field; 8] = fields([
    ("p_type", 0, 4),
    ("p_flags", 4, 4),
    ("p_offset", 8, 8),
    ("p_vaddr", 16, 8),
    ("p_paddr", 24, 8),
    ("p_filesz", 32, 8),
    ("p_memsz", 40, 8),
    ("p_align", 48, 8),
]);

const fn fields<const N: usize>(table: [(&'static str, usize, usize); N]) -> [Field; N] {
    let mut fields = [Field { name: "", offset: 0, width: 0 }; N];
    let mut i = 0;
    while i < N {
        fields[i] = Field { name: table[i].0, offset: table[i].1, width: table[i].2 };
        i += 1;
    }
    fields
}

/// Address of the code of [`small`].
pub const CODE: u64 = 0x1_0000;
/// Address of the data of [`small`].
pub const DATA: u64 = 0x2_0000;

/// A program that exits with 0, with a segment of code and one of data. The segments' pages are the file's second and third.
pub fn small() -> Vec<u8> {
    // li a7, 93; li a0, 0; ecall
    let code = [0x05d0_0893_u32, 0x0000_0513, 0x0000_0073].map(u32::to_le_bytes).concat();
    let segments = [
        Segment::new(CODE, flags::READ + flags::EXECUTE, code),
        Segment::new(DATA, flags::READ + flags::WRITE, vec![1; 16]),
    ];
    write(CODE, &segments)
}

/// Sets a field of the file header to the low bytes of `value`.
///
/// # Panics
/// If there is no such field, or the file is shorter.
pub fn set_header(file: &mut [u8], name: &str, value: u64) {
    set(file, 0, named(&HEADER, name), value);
}

/// Sets a field of a program header to the low bytes of `value`. The program headers follow the file header.
///
/// # Panics
/// As for [`set_header`].
pub fn set_segment(file: &mut [u8], segment: usize, name: &str, value: u64) {
    set(file, HEADER_BYTES + segment * PROGRAM_HEADER_BYTES, named(&PROGRAM_HEADER, name), value);
}

fn named(fields: &[Field], name: &str) -> Field {
    *fields.iter().find(|field| field.name == name).expect("there is such a field")
}

/// Where the fields of a file's headers lie, with what they are called; the program headers follow the file header.
pub fn all_fields(file: &[u8]) -> Vec<(String, usize, Field)> {
    let segments = usize::from(u16::from_le_bytes([file[56], file[57]]));
    let mut all: Vec<_> = HEADER.iter().map(|field| (field.name.to_owned(), 0, *field)).collect();
    for segment in 0..segments {
        let start = HEADER_BYTES + segment * PROGRAM_HEADER_BYTES;
        let named = |field: &Field| (format!("{} of segment {segment}", field.name), start, *field);
        all.extend(PROGRAM_HEADER.iter().map(named));
    }
    all
}

/// Sets a field of the header that starts at `header` to the low bytes of `value`.
pub fn set(file: &mut [u8], header: usize, field: Field, value: u64) {
    let start = header + field.offset;
    file[start..start + field.width].copy_from_slice(&value.to_le_bytes()[..field.width]);
}
