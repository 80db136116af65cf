//! Deterministic samples of instruction words.

use travertine_opcodes::TABLE;

/// A linear congruential generator (Knuth's MMIX constants), of which the upper half is used.
pub(crate) struct Lcg(pub(crate) u64);

impl Lcg {
    pub(crate) fn next_word(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// A word that is not compressed.
    pub(crate) fn next_long(&mut self) -> u32 {
        self.next_word() | 3
    }
}

/// Every 16-bit word that is not the beginning of a longer instruction.
pub(crate) fn compressed_words() -> impl Iterator<Item = u32> {
    (0..=0xffff).filter(|word| word & 3 != 3)
}

/// For every row `operands` words with random operand bits, and as many for each fixed bit, with that bit flipped.
pub(crate) fn structured_words(operands: usize, random: &mut Lcg) -> Vec<u32> {
    let mut words = Vec::new();
    for row in &TABLE {
        let flips = (2..32).map(|bit| 1 << bit).filter(|bit| row.pattern.mask & bit != 0);
        for flip in std::iter::once(0).chain(flips) {
            for _ in 0..operands {
                words.push((row.pattern.bits | random.next_word() & !row.pattern.mask) ^ flip);
            }
        }
    }
    words
}
