//! Filters: addresses for paths in documents, and for sectors of block devices.

use super::context::Context;
use super::hashing::{fnv1a_string, xi};

/// Bytes of a sector where none, or no positive number, is given.
pub const DEFAULT_SECTOR_BYTES: i64 = 4096;

/// The salt that a schema's name gives to the paths in its documents.
pub fn schema_salt(schema: &str) -> u64 {
    schema.chars().fold(0xDEAD_C0DE, |salt: u64, unit| salt.wrapping_mul(31).wrapping_add(unit.into()))
}

/// The address for a path in documents of a schema. The path is text and not parsed: `a.b` and `a["b"]` differ. Different paths can
/// have one address, and such paths are easily made: it proves nothing.
pub fn json_address(schema: &str, path: &str) -> u64 {
    fnv1a_string(path, schema_salt(schema))
}

/// Cells of a sector of so many bytes; without a positive number those of [`DEFAULT_SECTOR_BYTES`]. Bytes that fill no cell do not
/// count.
pub fn sector_cells(sector_bytes: i64) -> u64 {
    let bytes = if sector_bytes <= 0 { DEFAULT_SECTOR_BYTES } else { sector_bytes };
    bytes.unsigned_abs() / 4
}

/// Makes `cells` those of a sector, from its first one on. Sectors may overlap.
pub fn read_sector(context: &Context, sector: u64, cells: &mut [u32]) {
    context.fill(xi(sector, context.seed()), cells);
}
