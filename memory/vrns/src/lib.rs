//! The synthesis of generative memory (vRNS): a pure function from a seed and an address to a 32-bit cell.
//!
//! A light client that checks a cell nobody has ever written needs this crate and no data. With `x` the exclusive or of address
//! and seed, and eight primes `M_i` ([`MODULI`]), a cell is the binary32 nearest to the fraction of the sum of the
//! quotients `(x mod M_i) / M_i`, each rounded to binary64 and added from left to right, rounded after each addition.
//! `docs/generative.md` has the rule in full.
//!
//! **It is no randomness.** Up to rounding, the content is the linear sequence `x·α mod 1` with `α = Σ 1/M_i`:
//! neighbours differ by a constant, and a few cells tell the seed.
//!
//! ```
//! let page = travertine_vrns::page(12_345, 0);
//! assert_eq!(page[4 * 42..][..4], travertine_vrns::cell(42, 12_345).to_le_bytes());
//! ```
//!
//! # Forms
//! [`exact_cell`] computes with integers alone and is the definition that programs must agree with. With the feature `fast`
//! (on by default) [`cell`], [`fill`] and [`page`] use the fastest [`Form`] that this processor has and that passes a
//! self-test; all give the same bits. With default features off the crate is `no_std`, has no dependencies, no floating
//! point and no `unsafe`.
#![no_std]
#![cfg_attr(not(feature = "fast"), forbid(unsafe_code))]

#[cfg(feature = "fast")]
extern crate std;

mod exact;
#[cfg(feature = "fast")]
mod form;
mod synthesis;
#[cfg(feature = "fast")]
mod table;
#[cfg(all(test, feature = "fast"))]
mod tests;
#[cfg(feature = "fast")]
mod vector;
#[cfg(feature = "fast")]
mod weyl;

pub use exact::{FRACTION_BITS, MODULI, exact_cell, fraction};
#[cfg(feature = "fast")]
pub use form::Form;
pub use synthesis::{Mode, Synthesis};

/// Cells of a page.
pub const PAGE_CELLS: usize = 1024;
/// Bytes of a page: each cell has four, the lowest first.
pub const PAGE_BYTES: usize = 4 * PAGE_CELLS;

/// The bits of the cell at `address`, a binary32 between 0 and 1, both included.
pub fn cell(address: u64, seed: u64) -> u32 {
    #[cfg(feature = "fast")]
    return Form::current().cell(address, seed);
    #[cfg(not(feature = "fast"))]
    exact_cell(address, seed)
}

/// Makes `cells` those from address `start` on; after the last address comes the first.
pub fn fill(seed: u64, start: u64, cells: &mut [u32]) {
    #[cfg(feature = "fast")]
    Form::current().fill(seed, start, cells);
    #[cfg(not(feature = "fast"))]
    exact::fill(seed, start, cells);
}

/// The bytes of a page that nobody has written: the cells from address `page · 1024` on. Page 2^54 is page 0 again.
pub fn page(seed: u64, page: u64) -> [u8; PAGE_BYTES] {
    #[cfg(feature = "fast")]
    return Form::current().page(seed, page);
    #[cfg(not(feature = "fast"))]
    page_with(page, |start, cells| exact::fill(seed, start, cells))
}

/// The page whose cells `fill` makes, given their first address.
fn page_with(page: u64, fill: impl FnOnce(u64, &mut [u32])) -> [u8; PAGE_BYTES] {
    let mut cells = [0; PAGE_CELLS];
    fill(page.wrapping_mul(PAGE_CELLS as u64), &mut cells);
    let mut bytes = [0; PAGE_BYTES];
    for (bytes, cell) in bytes.as_chunks_mut().0.iter_mut().zip(cells) {
        *bytes = cell.to_le_bytes();
    }
    bytes
}
