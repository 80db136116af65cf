//! Generative regions that an image declares, and their form as ELF notes.

use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use thiserror::Error;
use travertine_memory::{
    DataCap, GENERATIVE_REGIONS, Mode, Permissions, Region, RegionError, RegionKind, Synthesis,
};
use travertine_merkle::layout::{PAGE_BYTES, REGION_BYTES};

use crate::image::ImageError;

/// The first number of a generative region.
pub const FIRST_GENERATIVE_REGION: u8 = *GENERATIVE_REGIONS.start();
/// The last number of a generative region.
pub const LAST_GENERATIVE_REGION: u8 = *GENERATIVE_REGIONS.end();

/// The name of the notes that are read.
const NOTE_NAME: &[u8] = b"Travertine";
/// The type of a note that declares a generative region.
const NOTE_TYPE: u32 = 1;
/// Region, size, seed, mode and flags, eight bytes each.
const NOTE_WORDS: usize = 5;
/// Flag of a region that the program may write.
const WRITABLE: u64 = 1;

/// A region whose pages are made from a seed where nobody has written.
///
/// **Its content is a linear sequence and no randomness**: a few cells tell the seed and all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerativeRegion {
    /// The region's number, [`FIRST_GENERATIVE_REGION`] to [`LAST_GENERATIVE_REGION`].
    pub number: u8,
    /// Its size in bytes, a multiple of 4,096 from 4,096 to 4 GiB.
    pub size: u64,
    /// What makes its pages.
    pub synthesis: Synthesis,
    /// Whether the program may write to it.
    pub is_writable: bool,
}

impl GenerativeRegion {
    /// Checks what does not depend on other regions.
    pub(crate) fn check(&self) -> Result<(), ImageError> {
        let &Self { number, size, .. } = self;
        if !GENERATIVE_REGIONS.contains(&number) {
            return Err(ImageError::GenerativeNumber(number.into()));
        }
        if size == 0 || size > REGION_BYTES || !size.is_multiple_of(PAGE_BYTES) {
            return Err(ImageError::GenerativeSize { region: number, size });
        }
        Ok(())
    }

    /// The region before anything is written to it.
    pub(crate) fn region(&self) -> Result<Region, RegionError> {
        let permissions = if self.is_writable { Permissions::READ_WRITE } else { Permissions::READ };
        Region::new(RegionKind::Generative, permissions, DataCap::generative(self.size, self.synthesis)?)
    }
}

/// Why a note named `Travertine` is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoteError {
    /// A note segment cannot be read.
    #[error("a note segment cannot be read: {0}")]
    Unreadable(String),
    /// The note segments have more bytes than the file: they name the same bytes again and again.
    #[error("the note segments have more bytes than the file, which has {file}")]
    Overlap {
        /// The file's size, in bytes.
        file: usize,
    },
    /// Its type is not known.
    #[error("a note named Travertine of type {0}; only {NOTE_TYPE} (a generative region) is known")]
    Type(u32),
    /// Its content has another length.
    #[error("a note of {bytes} bytes declares a generative region; it takes {}", 8 * NOTE_WORDS)]
    Length {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// It declares a region that cannot be.
    #[error("a note declares generative region {region:#x} with {field} {value:#x}, which is not defined")]
    Field {
        /// The region's number.
        region: u64,
        /// Which of its fields is to blame.
        field: &'static str,
        /// The field's value.
        value: u64,
    },
}

/// The generative regions that the notes of an ELF file declare. Notes of other names are passed over.
pub(crate) fn declared(
    header: &FileHeader64<LittleEndian>,
    file: &[u8],
) -> Result<Vec<GenerativeRegion>, NoteError> {
    let unreadable = |error: object::read::Error| NoteError::Unreadable(error.to_string());
    let mut left = file.len() as u64;
    let mut regions = Vec::new();
    for segment in header.program_headers(LittleEndian, file).map_err(unreadable)? {
        if segment.p_type(LittleEndian) != elf::PT_NOTE {
            continue;
        }
        let bytes = segment.p_filesz(LittleEndian);
        left = left.checked_sub(bytes).ok_or(NoteError::Overlap { file: file.len() })?;
        let Some(mut notes) = segment.notes(LittleEndian, file).map_err(unreadable)? else { continue };
        while let Some(note) = notes.next().map_err(unreadable)? {
            if note.name() == NOTE_NAME {
                let kind = note.n_type(LittleEndian);
                regions.push(read_note(kind.0, note.desc())?);
            }
        }
    }
    Ok(regions)
}

/// What a note of this type declares.
fn read_note(kind: u32, content: &[u8]) -> Result<GenerativeRegion, NoteError> {
    if kind != NOTE_TYPE {
        return Err(NoteError::Type(kind));
    }
    let words: Vec<u64> = content.as_chunks().0.iter().copied().map(u64::from_le_bytes).collect();
    let &[region, size, seed, mode, flags] = words.as_slice() else {
        return Err(NoteError::Length { bytes: content.len() });
    };
    if content.len() != 8 * NOTE_WORDS {
        return Err(NoteError::Length { bytes: content.len() });
    }
    let refused = |field, value| NoteError::Field { region, field, value };
    if flags & !WRITABLE != 0 {
        return Err(refused("flags", flags));
    }
    Ok(GenerativeRegion {
        number: u8::try_from(region).map_err(|_| refused("number", region))?,
        size,
        synthesis: Synthesis { seed, mode: Mode::from_code(mode).ok_or(refused("mode", mode))? },
        is_writable: flags & WRITABLE != 0,
    })
}
