//! A writer of minimal static ELF files: a header, program headers, and the content of the segments.

use travertine_opcodes::{Instruction, encode};

/// Permissions of a segment, as in `p_flags`; they are added.
pub mod flags {
    /// Can be executed.
    pub const EXECUTE: u32 = 1;
    /// Can be written.
    pub const WRITE: u32 = 2;
    /// Can be read.
    pub const READ: u32 = 4;
}

/// Bytes of the ELF header.
pub const HEADER_BYTES: usize = 64;
/// Bytes of a program header.
pub const PROGRAM_HEADER_BYTES: usize = 56;
/// Segments start at multiples of this, in the file and in memory.
const PAGE_BYTES: usize = 4096;

/// A loadable segment.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Address of its first byte.
    pub address: u64,
    /// Sum of [`flags`].
    pub flags: u32,
    /// Its content.
    pub data: Vec<u8>,
    /// Bytes in memory; those behind the content are zero.
    pub memory_size: u64,
}

impl Segment {
    /// A segment without bytes behind its content.
    pub fn new(address: u64, flags: u32, data: Vec<u8>) -> Self {
        let memory_size = data.len() as u64;
        Self { address, flags, data, memory_size }
    }
}

/// A static executable for RISC-V, 64 bits, soft-float ABI.
pub fn write(entry: u64, segments: &[Segment]) -> Vec<u8> {
    let count = u16::try_from(segments.len()).expect("few segments");
    let mut file = b"\x7fELF\x02\x01\x01".to_vec(); // 64 bits, little endian, version 1
    file.resize(16, 0);
    put16(&mut file, &[2, 243]); // static executable, RISC-V
    put32(&mut file, &[1]); // version
    put64(&mut file, &[entry, HEADER_BYTES as u64, 0]); // entry, program headers, no section headers
    put32(&mut file, &[0]); // flags: soft float
    put16(&mut file, &[64, 56, count, 64, 0, 0]); // sizes and numbers of headers
    let headers_end = HEADER_BYTES + PROGRAM_HEADER_BYTES * segments.len();
    let mut offset = headers_end.next_multiple_of(PAGE_BYTES);
    for segment in segments {
        put32(&mut file, &[1, segment.flags]); // PT_LOAD
        let size = segment.data.len() as u64;
        put64(&mut file, &[offset as u64, segment.address, segment.address, size, segment.memory_size]);
        put64(&mut file, &[PAGE_BYTES as u64]);
        offset += segment.data.len().next_multiple_of(PAGE_BYTES);
    }
    for segment in segments {
        file.resize(file.len().next_multiple_of(PAGE_BYTES), 0);
        file.extend_from_slice(&segment.data);
    }
    file
}

/// A program of nothing but these instructions.
///
/// # Panics
/// If one of them has no encoding.
pub fn program(instructions: &[Instruction]) -> Vec<u8> {
    const ENTRY: u64 = 0x1_0000;
    let words = instructions.iter().map(|&one| encode(one).expect("the instruction has an encoding"));
    let code = words.flat_map(u32::to_le_bytes).collect();
    write(ENTRY, &[Segment::new(ENTRY, flags::READ | flags::EXECUTE, code)])
}

fn put16(file: &mut Vec<u8>, values: &[u16]) {
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put32(file: &mut Vec<u8>, values: &[u32]) {
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put64(file: &mut Vec<u8>, values: &[u64]) {
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}
