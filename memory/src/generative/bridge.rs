//! Scattered addresses: a linear address is mapped page by page to an address of cells.
//!
//! Pages here have 4,096 *addresses*, each of one cell: four times a page of the machine. [`phi`] is not injective over all 2^52 pages
//! (3.3 % share their place with another), but it is in every aligned block of up to 2^49 pages. [`phi52`] is, everywhere.

use super::context::Context;
use super::hashing::{MIX_1, MIX_2, inverse};
use super::overlay::QuotaError;

/// The seed where none is given.
pub const DEFAULT_SEED: u64 = 0x1337_BEEF;
/// Addresses of a page of the bridge.
pub const PAGE_ADDRESSES: u64 = 4096;

const OFFSET: u64 = PAGE_ADDRESSES - 1;
const PAGE_MASK: u64 = (1 << 52) - 1;

/// Φ: the address of cells for a linear address.
pub const fn phi(linear: u64, seed: u64) -> u64 {
    let base = ((linear / PAGE_ADDRESSES) ^ seed).wrapping_mul(MIX_1);
    (base ^ base >> 33) & !OFFSET | linear & OFFSET
}

/// Like [`phi`], but for each seed a permutation of the 64-bit words.
pub const fn phi52(linear: u64, seed: u64) -> u64 {
    let page = ((linear / PAGE_ADDRESSES) ^ (seed & PAGE_MASK)).wrapping_mul(MIX_1) & PAGE_MASK;
    let page = (page ^ page >> 26).wrapping_mul(MIX_2) & PAGE_MASK;
    (page ^ page >> 26) << 12 | linear & OFFSET
}

/// The linear address that [`phi52`] maps to `address`.
pub const fn phi52_inverse(address: u64, seed: u64) -> u64 {
    let page = address / PAGE_ADDRESSES;
    let page = (page ^ page >> 26).wrapping_mul(inverse(MIX_2)) & PAGE_MASK;
    let page = (page ^ page >> 26).wrapping_mul(inverse(MIX_1)) & PAGE_MASK;
    (page ^ (seed & PAGE_MASK)) << 12 | address & OFFSET
}

/// Ψ: the cell at a linear address.
pub fn fetch(context: &Context, linear: u64, seed: u64) -> u32 {
    context.fetch(phi(linear, seed))
}

/// Writes the cell at a linear address, and tells whether none was written there before.
///
/// # Errors
/// [`QuotaError`] as [`Context::write`].
pub fn write(context: &mut Context, linear: u64, seed: u64, cell: u32) -> Result<bool, QuotaError> {
    context.write(phi(linear, seed), cell)
}
