//! The choice among the forms of synthesis: by what the processor has, and by a self-test.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::vector::{Avx2, Avx512};
use crate::{PAGE_BYTES, exact, page_with, table, weyl};

/// A way to compute cells. All give the same bits; they differ in speed and in what they need.
///
/// The process uses the last of [`Form::ALL`] that is available here and passes [`Form::passes_self_test`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Integers alone: the definition, which runs everywhere.
    Integer,
    /// Binary64 quotients from a table, added from left to right.
    Table,
    /// The exact linear sequence where rounding cannot make a difference, else [`Form::Integer`].
    Weyl,
    /// [`Form::Weyl`] with AVX2.
    Avx2,
    /// [`Form::Weyl`] with AVX-512 (F, DQ and VL).
    Avx512,
}

/// Pages and their CRC-32: seed, page, sum. The first four are of the golden vectors. In the fifth a cell rounds up to 1.0: its exact
/// sum is less below an integer than any other's. In the last one the sum of such a cell is rounded to the integer.
const SELF_TEST: [(u64, u64, u32); 6] = [
    (0, 0, 0xFE86_335C),
    (1, 0x3F_FFFF_FFFF_FFFF, 0xA773_738B),
    (0x3039, 0x10_0000, 0xD9C3_A134),
    (u64::MAX, 0x3FF, 0xD4CA_2851),
    (0x3039, 0x7_B525_3566_3BA1, 0x9FB3_54C8),
    (0x3039, 0xF_6A4A_6ACC_7757, 0xEB00_5858),
];

impl Form {
    /// Every form, available here or not, from the slowest to the fastest.
    pub const ALL: [Self; 5] = [Self::Integer, Self::Table, Self::Weyl, Self::Avx2, Self::Avx512];

    /// The form that the process uses.
    pub fn current() -> Self {
        /// One more than the form's index; 0 before the first use.
        static CURRENT: AtomicU8 = AtomicU8::new(0);
        let chosen = usize::from(CURRENT.load(Ordering::Relaxed));
        if let Some(form) = chosen.checked_sub(1).and_then(|index| Self::ALL.get(index)) {
            return *form;
        }
        let form = Self::fastest();
        CURRENT.store(form as u8 + 1, Ordering::Relaxed);
        form
    }

    #[cold]
    fn fastest() -> Self {
        Self::ALL.into_iter().rfind(|form| form.passes_self_test()).unwrap_or(Self::Integer)
    }

    /// Whether this build on this processor can use it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Integer | Self::Table | Self::Weyl => true,
            Self::Avx2 => Avx2::detect().is_some(),
            Self::Avx512 => Avx512::detect().is_some(),
        }
    }

    /// Whether it is available, and makes pages whose sums are known as they must be.
    pub fn passes_self_test(self) -> bool {
        let is_right = |&(seed, page, sum): &(u64, u64, u32)| crc32fast::hash(&self.page(seed, page)) == sum;
        self.is_available() && SELF_TEST.iter().all(is_right)
    }

    /// The bits of the cell at `address`. The vector forms are [`Form::Weyl`] here.
    pub fn cell(self, address: u64, seed: u64) -> u32 {
        match self {
            Self::Integer => exact::exact_cell(address, seed),
            Self::Table => table::cell(address, seed),
            Self::Weyl | Self::Avx2 | Self::Avx512 => weyl::cell(address, seed),
        }
    }

    /// Makes `cells` those from address `start` on; after the last address comes the first. Where the form is not available,
    /// [`Form::Weyl`] does it.
    pub fn fill(self, seed: u64, start: u64, cells: &mut [u32]) {
        match self {
            Self::Integer => exact::fill(seed, start, cells),
            Self::Table => table::fill(seed, start, cells),
            Self::Weyl => weyl::fill(seed, start, cells),
            Self::Avx2 => match Avx2::detect() {
                Some(vector) => vector.fill(seed, start, cells),
                None => weyl::fill(seed, start, cells),
            },
            Self::Avx512 => match Avx512::detect() {
                Some(vector) => vector.fill(seed, start, cells),
                None => weyl::fill(seed, start, cells),
            },
        }
    }

    /// The bytes of a page that nobody has written, as [`crate::page`].
    pub fn page(self, seed: u64, page: u64) -> [u8; PAGE_BYTES] {
        page_with(page, |start, cells| self.fill(seed, start, cells))
    }
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Integer => "integer",
            Self::Table => "table",
            Self::Weyl => "weyl",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}
