//! Random damage to bytes.

use travertine_tests::Random;

/// Damages a copy of `bytes` in one to four places. Of all places, so many of 100 lie within the first `headers` bytes.
pub(crate) fn mutant(random: &mut Random, bytes: &[u8], headers: usize, percent: u64) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    for _ in 0..random.between(1, 4) {
        let within = if random.chance(percent) { headers.min(mutant.len()) } else { mutant.len() };
        if within > 0 {
            damage(random, &mut mutant, within);
        }
    }
    mutant
}

/// Flips a bit, overwrites one to eight bytes, or copies a piece to another place, within the first `within` bytes.
fn damage(random: &mut Random, bytes: &mut [u8], within: usize) {
    let place = |random: &mut Random, length: usize| index(random, within - length + 1);
    match random.below(4) {
        0 => {
            let at = place(random, 1);
            bytes[at] ^= 1 << random.below(8);
        }
        1 => {
            let at = place(random, 1);
            bytes[at] = random.pick(&[0, 1, 0x7f, 0x80, 0xff]);
        }
        2 => {
            let length = random.pick(&[2, 4, 8]).min(within);
            let at = place(random, length);
            bytes[at..at + length].copy_from_slice(&random.corner().to_le_bytes()[..length]);
        }
        _ => {
            let length = random.pick(&[4, 8, 32, 56]).min(within);
            let (from, to) = (place(random, length), place(random, length));
            bytes.copy_within(from..from + length, to);
        }
    }
}

/// A random number below `bound`.
pub(crate) fn index(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap()
}
