//! Random numbers that are the same on every run: `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom
//! Number Generators, 2014).

/// A generator of random numbers. Equal seeds give equal numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; small bounds only, so the bias of the remainder does not matter.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// A number from `least` to `greatest`.
    pub fn between(&mut self, least: i64, greatest: i64) -> i64 {
        let values = greatest.abs_diff(least) + 1;
        least.wrapping_add_unsigned(self.below(values))
    }

    /// True in so many of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `items`.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let index = self.below(items.len() as u64);
        items[usize::try_from(index).expect("an index of a slice")]
    }

    /// A number on which arithmetic likes to fail: near 0, near a power of two, of 32 bits, or any.
    pub fn corner(&mut self) -> u64 {
        let power = 1_u64 << self.below(64);
        match self.below(8) {
            0 => self.pick(&[0, 1, u64::MAX, 1 << 63, u64::MAX >> 1]),
            1 => self.pick(&[1 << 31, (1 << 31) - 1, u64::MAX << 31, (1 << 32) - 1, 1 << 32, u64::MAX << 32]),
            2 => self.between(-64, 64).cast_unsigned(),
            3 => power.wrapping_neg(),
            4 => power.wrapping_add_signed(self.between(-1, 1)),
            5 => self.bits() >> 32,
            _ => self.bits(),
        }
    }
}
