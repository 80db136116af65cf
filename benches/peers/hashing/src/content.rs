//! The bytes that are hashed: pages without a zero byte, each told by a number.

pub(crate) type Hash = [u8; 32];
pub(crate) type PageBytes = [u8; PAGE_BYTES];

pub(crate) const PAGE_BYTES: usize = 4096;
/// Pages of 64 MiB, of 1 GiB and of 4 GiB.
pub(crate) const MEDIUM: u32 = 1 << 14;
pub(crate) const LARGE: u32 = 1 << 18;
pub(crate) const LARGEST: u32 = 1 << 20;

pub(crate) fn page(seed: u32) -> PageBytes {
    let mut page = [0; PAGE_BYTES];
    for (word, index) in page.as_chunks_mut().0.iter_mut().zip(0_u64..) {
        let mixed = (u64::from(seed) << 32 | index).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        *word = (mixed | 0x0101_0101_0101_0101).to_le_bytes();
    }
    page
}

/// Consecutive pages, numbered from 0.
pub(crate) fn region(pages: u32) -> Vec<u8> {
    (0..pages).flat_map(page).collect()
}

/// Different places below a power of two, without an order.
pub(crate) fn scattered(count: u32, below: u32) -> impl Iterator<Item = u32> {
    // An odd multiplier is a permutation.
    (1..=count).map(move |place| place.wrapping_mul(0x9E37_79B1) % below)
}
