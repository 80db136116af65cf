//! What the pages of a generative region hold that nobody has written.

use crate::{PAGE_BYTES, cell, page};

/// How pages are made that nobody has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// They are zero, whatever the seed.
    Zeros = 0,
    /// They are the cells of this crate.
    Vrns = 1,
}

impl Mode {
    /// All modes, in the order of their codes.
    pub const ALL: [Self; 2] = [Self::Zeros, Self::Vrns];

    /// The mode's code, as it stands in the state tree.
    pub const fn code(self) -> u64 {
        self as u64
    }

    /// The mode with this code, if there is one.
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.code() == code)
    }
}

/// What makes the pages of a generative region that nobody has written: a pure function of the byte's offset in the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synthesis {
    /// The seed.
    pub seed: u64,
    /// The rule.
    pub mode: Mode,
}

impl Synthesis {
    /// The bytes of a page, which is counted from the region's beginning.
    pub fn page(self, number: u64) -> [u8; PAGE_BYTES] {
        match self.mode {
            Mode::Zeros => [0; PAGE_BYTES],
            Mode::Vrns => page(self.seed, number),
        }
    }

    /// Fills `bytes` with those from `offset` on: byte `o` is byte `o mod 4` of cell `o / 4`, the lowest first. The cost is that
    /// of the cells.
    pub fn read(self, offset: u64, bytes: &mut [u8]) {
        match self.mode {
            Mode::Zeros => bytes.fill(0),
            Mode::Vrns => {
                let cells = (offset / 4..).flat_map(|address| cell(address, self.seed).to_le_bytes());
                bytes
                    .iter_mut()
                    .zip(cells.skip(usize::from(offset.to_le_bytes()[0] % 4)))
                    .for_each(|(byte, made)| *byte = made);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_pages() {
        for mode in Mode::ALL {
            let synthesis = Synthesis { seed: 0x0123_4567_89ab_cdef, mode };
            assert_eq!(Mode::from_code(mode.code()), Some(mode));
            let mut all = [0; 3 * PAGE_BYTES];
            for (number, bytes) in (5..).zip(all.chunks_mut(PAGE_BYTES)) {
                bytes.copy_from_slice(&synthesis.page(number));
            }
            for start in (0..9).chain(PAGE_BYTES - 9..PAGE_BYTES + 9) {
                for length in [0, 1, 2, 3, 4, 5, 8, 13, PAGE_BYTES] {
                    let mut bytes = [0xaa; PAGE_BYTES];
                    synthesis.read((5 * PAGE_BYTES + start) as u64, &mut bytes[..length]);
                    assert_eq!(bytes[..length], all[start..][..length], "{length} bytes from {start}");
                }
            }
        }
        assert_eq!(Mode::from_code(2), None);
    }
}
