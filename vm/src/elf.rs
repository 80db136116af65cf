//! Reading a contract from a static RISC-V ELF file. Nothing in the file is believed before it is checked.

use object::LittleEndian;
use object::elf;
use object::read::elf::{FileHeader as _, ProgramHeader as _, Sym as _};
use thiserror::Error;
use travertine_memory::Permissions;

use crate::generative::{self, NoteError};
use crate::image::{Image, ImageError, MAX_SEGMENTS, Segment};

/// The largest ELF file that is read, in bytes.
pub const MAX_ELF_BYTES: usize = 64 << 20;

/// The most symbols that are listed.
pub const MAX_SYMBOLS: usize = 1 << 16;

/// Bytes of an ELF64 file header.
const HEADER_BYTES: usize = 64;

type Header = elf::FileHeader64<LittleEndian>;
type ProgramHeader = elf::ProgramHeader64<LittleEndian>;
const LE: LittleEndian = LittleEndian;

/// Why an ELF file was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadError {
    /// The file is larger than is read.
    #[error("the file has {bytes} bytes, at most {MAX_ELF_BYTES} are read")]
    TooLarge {
        /// Its size, in bytes.
        bytes: usize,
    },
    /// The file ends within the ELF header.
    #[error("the file has {bytes} bytes, an ELF header has {HEADER_BYTES}")]
    Truncated {
        /// Its size, in bytes.
        bytes: usize,
    },
    /// The file does not start with `\x7fELF`.
    #[error("not an ELF file: it starts with {0:02x?}")]
    Magic([u8; 4]),
    /// Not a 64-bit file.
    #[error("ELF class {0}: only 64-bit files (2) run")]
    Class(u8),
    /// Not little endian.
    #[error("ELF data encoding {0}: only little-endian files (1) run")]
    Endianness(u8),
    /// An unknown ELF version.
    #[error("ELF version {0}: only version 1 is known")]
    Version(u8),
    /// Not for RISC-V.
    #[error("ELF machine {0}: only RISC-V (243) runs")]
    Machine(u16),
    /// Not an executable that is linked to fixed addresses.
    #[error("ELF type {0}: only static executables (2) run; link with -static and without -pie")]
    Type(u16),
    /// The file wants a dynamic linker.
    #[error("the file asks for a dynamic linker; link it with -static")]
    Dynamic,
    /// The file is built for another ABI: hardware floating point, or the registers of RV64E.
    #[error("ELF flags {0:#x}: only the soft-float lp64 ABI runs; compile with -mabi=lp64")]
    Abi(u32),
    /// The program headers are not where the ELF header says, or of another size.
    #[error("the program headers cannot be read: {0}")]
    ProgramHeaders(String),
    /// A segment's bytes are not within the file.
    #[error(
        "segment {segment}: {size} bytes at file offset {offset} are not within the file of {file} bytes"
    )]
    SegmentOutsideFile {
        /// Which program header.
        segment: usize,
        /// Its offset in the file, in bytes.
        offset: u64,
        /// Its size in the file, in bytes.
        size: u64,
        /// The file's size, in bytes.
        file: usize,
    },
    /// The segments up to this one have more bytes than the file: they name the same bytes again and again.
    #[error("segment {segment}: the segments up to it have more bytes than the file, which has {file}")]
    SegmentsOverlapInFile {
        /// Which program header.
        segment: usize,
        /// The file's size, in bytes.
        file: usize,
    },
    /// A segment has more bytes in the file than in memory.
    #[error("segment {segment}: {file} bytes in the file, but {memory} in memory")]
    SegmentSize {
        /// Which program header.
        segment: usize,
        /// Its size in the file, in bytes.
        file: u64,
        /// Its size in memory, in bytes.
        memory: u64,
    },
    /// A segment has flags other than read, write and execute.
    #[error("segment {segment}: flags {flags:#x}; only R (4), W (2) and X (1) are known")]
    SegmentFlags {
        /// Which program header.
        segment: usize,
        /// Its flags.
        flags: u32,
    },
    /// A note that declares a generative region is refused.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The segments do not make an image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The symbol table cannot be read.
    #[error("the symbol table cannot be read: {0}")]
    Symbols(String),
}

/// A symbol of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Its address.
    pub address: u64,
    /// Its size, in bytes.
    pub size: u64,
    /// Whether it names a function.
    pub is_function: bool,
}

/// Reads and validates an ELF file.
///
/// # Errors
/// [`LoadError`], one kind for each thing that can be wrong.
pub fn load(file: &[u8]) -> Result<Image, LoadError> {
    let header = header(file)?;
    let headers =
        header.program_headers(LE, file).map_err(|error| LoadError::ProgramHeaders(error.to_string()))?;
    if headers.iter().any(|header| matches!(header.p_type(LE), elf::PT_INTERP | elf::PT_DYNAMIC)) {
        return Err(LoadError::Dynamic);
    }
    // Linkers write empty segments where a section they were told to place has no content.
    let is_loaded = |header: &ProgramHeader| {
        header.p_type(LE) == elf::PT_LOAD && (header.p_memsz(LE) > 0 || header.p_filesz(LE) > 0)
    };
    let loaded = || headers.iter().enumerate().filter(|(_, header)| is_loaded(header));
    if loaded().count() > MAX_SEGMENTS {
        return Err(ImageError::TooManySegments(loaded().count()).into());
    }
    let mut left = file.len() as u64;
    let mut segments = Vec::new();
    for (number, program_header) in loaded() {
        let segment = segment(file, number, program_header)?;
        left = left
            .checked_sub(segment.data.len() as u64)
            .ok_or(LoadError::SegmentsOverlapInFile { segment: number, file: file.len() })?;
        segments.push(segment);
    }
    let image = Image::new(header.e_entry(LE), segments)?;
    Ok(image.with_generative(generative::declared(header, file)?)?)
}

/// The named functions and objects of an ELF file, in order of address; empty if it is stripped.
///
/// # Errors
/// [`LoadError`] if the file is not a contract's ELF file or its symbol table is damaged.
pub fn symbols(file: &[u8]) -> Result<Vec<Symbol>, LoadError> {
    let broken = |error: object::read::Error| LoadError::Symbols(error.to_string());
    let header = header(file)?;
    let sections = header.sections(LE, file).map_err(broken)?;
    let table = sections.symbols(LE, file, elf::SHT_SYMTAB).map_err(broken)?;
    if table.len() > MAX_SYMBOLS {
        return Err(LoadError::Symbols(format!("{} symbols, at most {MAX_SYMBOLS} are listed", table.len())));
    }
    let mut symbols = Vec::new();
    for symbol in table.iter() {
        let kind = symbol.st_type();
        let named = matches!(kind, elf::STT_FUNC | elf::STT_OBJECT | elf::STT_NOTYPE);
        let name = table.symbol_name(LE, symbol).map_err(broken)?;
        // Names that start with `$` are the assembler's marks of code and data.
        let shown = !name.is_empty() && name[0] != b'$' && symbol.st_shndx(LE) != elf::SHN_UNDEF;
        if named && shown && !symbol.st_shndx(LE).is_reserved() {
            symbols.push(Symbol {
                name: String::from_utf8_lossy(name).into_owned(),
                address: symbol.st_value(LE),
                size: symbol.st_size(LE),
                is_function: kind == elf::STT_FUNC,
            });
        }
    }
    symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    Ok(symbols)
}

/// Checks everything that the file header says.
fn header(file: &[u8]) -> Result<&Header, LoadError> {
    if file.len() > MAX_ELF_BYTES {
        return Err(LoadError::TooLarge { bytes: file.len() });
    }
    let Some(ident) = file.get(..HEADER_BYTES) else {
        return Err(LoadError::Truncated { bytes: file.len() });
    };
    match *ident {
        [a, b, c, d, ..] if [a, b, c, d] != elf::ELFMAG => return Err(LoadError::Magic([a, b, c, d])),
        [_, _, _, _, class, ..] if class != elf::ELFCLASS64.0 => return Err(LoadError::Class(class)),
        [_, _, _, _, _, data, ..] if data != elf::ELFDATA2LSB.0 => return Err(LoadError::Endianness(data)),
        [_, _, _, _, _, _, version, ..] if version != elf::EV_CURRENT.0 => {
            return Err(LoadError::Version(version));
        }
        _ => {}
    }
    let header = Header::parse(file).map_err(|error| LoadError::ProgramHeaders(error.to_string()))?;
    let flags = header.e_flags(LE).0;
    if header.e_machine(LE) != elf::EM_RISCV {
        return Err(LoadError::Machine(header.e_machine(LE).0));
    }
    if header.e_type(LE) != elf::ET_EXEC {
        return Err(LoadError::Type(header.e_type(LE).0));
    }
    if flags & (elf::EF_RISCV_FLOAT_ABI | elf::EF_RISCV_RVE.0) != 0 {
        return Err(LoadError::Abi(flags));
    }
    Ok(header)
}

/// Checks a loadable segment's sizes and flags, and copies its bytes.
fn segment(file: &[u8], number: usize, header: &ProgramHeader) -> Result<Segment, LoadError> {
    let (offset, size) = header.file_range(LE);
    let memory = header.p_memsz(LE);
    if size > memory {
        return Err(LoadError::SegmentSize { segment: number, file: size, memory });
    }
    let outside = || LoadError::SegmentOutsideFile { segment: number, offset, size, file: file.len() };
    let end = offset.checked_add(size).ok_or_else(outside)?;
    let start = usize::try_from(offset).map_err(|_| outside())?;
    let end = usize::try_from(end).map_err(|_| outside())?;
    let data = file.get(start..end).ok_or_else(outside)?;
    let flags = header.p_flags(LE).0;
    let permissions = permissions(flags).ok_or(LoadError::SegmentFlags { segment: number, flags })?;
    Ok(Segment { address: header.p_vaddr(LE), memory_size: memory, data: data.to_vec(), permissions })
}

/// The permissions that ELF segment flags ask for, or `None` for unknown flags.
fn permissions(flags: u32) -> Option<Permissions> {
    let bits = [
        (elf::PF_R.0, Permissions::READ),
        (elf::PF_W.0, Permissions::WRITE),
        (elf::PF_X.0, Permissions::EXECUTE),
    ];
    let known: u32 = bits.iter().map(|&(flag, _)| flag).sum();
    if flags & !known != 0 {
        return None;
    }
    let wanted = bits.iter().filter(|&&(flag, _)| flags & flag != 0);
    Some(wanted.fold(Permissions::NONE, |all, &(_, permission)| all | permission))
}
