//! The substrate: declaration, rule, ledger, windows and counters.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod config;
mod counters;
mod ledger;
mod windows;

use travertine_memory::substrate::Substrate;

const PAGE: u64 = 4096;

/// A small map with windows that touch each other: a segment of so many pages with this alignment, allocated if the hash is a
/// multiple of the modulus.
fn small(modulus: u64, pages: u64, alignment: u64) -> Substrate {
    let mut next = 0;
    let mut window = |pages: u64| {
        let first = next;
        next += pages * PAGE;
        [first, next - 1]
    };
    let bounds = [window(2), window(256), window(4), window(pages), window(pages), window(7)];
    Substrate::new(modulus, pages * PAGE, alignment, bounds).expect("the map is in order")
}

/// A header that allocates, or does not.
fn header(substrate: &Substrate, allocates: bool, seed: u64) -> Vec<u8> {
    let header = |nonce: u64| [seed.to_le_bytes(), nonce.to_le_bytes()].concat();
    let found = (0..1 << 20).map(header).find(|header| substrate.evaluate(header).allocates() == allocates);
    found.expect("some header will do")
}
