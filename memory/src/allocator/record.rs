//! An allocation's record: what was asked for, by whom, and the frames that hold it.

use std::fmt;
use std::ops::{BitOr, Deref};
use std::slice;
use std::sync::Arc;

use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES};
use travertine_merkle::{AllocationRecord, Hash, fragments_root};

use crate::address::Address;
use crate::region::RegionKind;

/// Page frames of a plane.
const PLANE_FRAMES: u8 = (PLANE_BYTES / PAGE_BYTES).to_le_bytes()[0];
const FIRST_SHIFT: u32 = 32;
const FRAMES_SHIFT: u32 = 40;

/// What an allocation was asked to be. Every bit of the byte has a meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AllocationFlags(u8);

impl AllocationFlags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Its frames lie in one run.
    pub const CONTIGUOUS: Self = Self(1);
    /// Caller and callee may exchange its pages.
    pub const SHARED: Self = Self(2);
    /// It keeps its frames when memory is compacted.
    pub const PINNED: Self = Self(4);
    /// The program may execute it.
    pub const EXECUTABLE: Self = Self(8);
    /// Atomic instructions of several parties may meet on its pages.
    pub const ATOMIC: Self = Self(16);
    /// The program may not write it.
    pub const READ_ONLY: Self = Self(32);
    /// Only the host frees it.
    pub const PROTECTED: Self = Self(64);
    /// It is freed when the call ends.
    pub const TEMPORARY: Self = Self(128);

    const NAMES: [(Self, &'static str); 8] = [
        (Self::CONTIGUOUS, "contiguous"),
        (Self::SHARED, "shared"),
        (Self::PINNED, "pinned"),
        (Self::EXECUTABLE, "executable"),
        (Self::ATOMIC, "atomic"),
        (Self::READ_ONLY, "read-only"),
        (Self::PROTECTED, "protected"),
        (Self::TEMPORARY, "temporary"),
    ];

    /// The set with these bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits of the set.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in the set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for AllocationFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The names of the flags in the set with `, ` between them, or `none`.
impl fmt::Display for AllocationFlags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.into_iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| name);
        let names: Vec<_> = names.collect();
        formatter.write_str(&if names.is_empty() { "none".to_owned() } else { names.join(", ") })
    }
}

impl fmt::Debug for AllocationFlags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AllocationFlags({self})")
    }
}

/// A run of page frames of one plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fragment {
    /// The plane of the region's budget.
    pub plane: u16,
    /// The first frame of the run, 0 to 15.
    pub first: u8,
    /// How many frames the run has, 1 to 16.
    pub frames: u8,
}

/// The word names no run of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{word:#x} is no run of frames: plane below 2^16, first frame and frames within the {PLANE_FRAMES} of a plane"
)]
pub struct FragmentError {
    /// The word.
    pub word: u64,
}

impl Fragment {
    /// The run in the form of the state tree: `plane | first << 32 | frames << 40`.
    pub fn word(self) -> u64 {
        u64::from(self.plane) | u64::from(self.first) << FIRST_SHIFT | u64::from(self.frames) << FRAMES_SHIFT
    }

    /// The run that [`Fragment::word`] encodes.
    ///
    /// # Errors
    /// [`FragmentError`] if the run is empty or leaves its plane, or if another bit is set.
    pub fn from_word(word: u64) -> Result<Self, FragmentError> {
        let [plane_low, plane_high, 0, 0, first, frames, 0, 0] = word.to_le_bytes() else {
            return Err(FragmentError { word });
        };
        if frames == 0 || frames > PLANE_FRAMES || first > PLANE_FRAMES - frames {
            return Err(FragmentError { word });
        }
        Ok(Self { plane: u16::from_le_bytes([plane_low, plane_high]), first, frames })
    }
}

/// The runs of frames that hold an allocation, in the order of its pages. A single one takes no storage of its own.
#[derive(Clone)]
pub struct Fragments(Runs);

#[derive(Clone)]
enum Runs {
    One(Fragment),
    Many(Arc<[Fragment]>),
}

impl Fragments {
    /// The root over the runs, as [`AllocationRecord::fragments`] has it.
    fn root(&self) -> Hash {
        match &self.0 {
            Runs::One(fragment) => fragments_root(&[fragment.word()]),
            Runs::Many(fragments) => {
                fragments_root(&fragments.iter().map(|fragment| fragment.word()).collect::<Vec<_>>())
            }
        }
    }
}

impl Deref for Fragments {
    type Target = [Fragment];

    #[inline]
    fn deref(&self) -> &[Fragment] {
        match &self.0 {
            Runs::One(fragment) => slice::from_ref(fragment),
            Runs::Many(fragments) => fragments,
        }
    }
}

impl From<Fragment> for Fragments {
    #[inline]
    fn from(fragment: Fragment) -> Self {
        Self(Runs::One(fragment))
    }
}

impl From<&[Fragment]> for Fragments {
    fn from(fragments: &[Fragment]) -> Self {
        match fragments {
            [fragment] => (*fragment).into(),
            fragments => Self(Runs::Many(fragments.into())),
        }
    }
}

impl PartialEq for Fragments {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Fragments {}

impl fmt::Debug for Fragments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(formatter)
    }
}

/// An allocation, as the machine keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// Its number, from 1 on. A machine gives none twice.
    pub id: u64,
    /// Its first byte.
    pub address: Address,
    /// The bytes that were asked for.
    pub size: u64,
    /// The region kind that was asked for.
    pub kind: RegionKind,
    /// What it was asked to be.
    pub flags: AllocationFlags,
    /// Root of the image of the program that allocated; zero if it was the host.
    pub owner: Hash,
    /// The frames that hold it, in the order of its pages.
    pub fragments: Fragments,
}

impl Allocation {
    /// The record in the form of the state tree.
    pub fn record(&self) -> AllocationRecord {
        AllocationRecord {
            id: self.id,
            address: self.address.packed(),
            size: self.size,
            kind: self.kind.code().into(),
            flags: self.flags.bits().into(),
            owner: self.owner,
            fragment_count: self.fragments.len() as u64,
            fragments: self.fragments.root(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_small() {
        assert_eq!((size_of::<Fragment>(), size_of::<Fragments>()), (4, 16));
        assert_eq!((size_of::<Allocation>(), size_of::<Option<Allocation>>()), (80, 80));
    }

    #[test]
    fn words_are_runs_within_a_plane_or_refused() {
        let mut runs = 0;
        for first in 0..=u8::MAX {
            for frames in 0..=u8::MAX {
                let fragment = Fragment { plane: 0xabcd, first, frames };
                let read = Fragment::from_word(fragment.word());
                let within = frames >= 1 && u16::from(first) + u16::from(frames) <= 16;
                assert_eq!(
                    read,
                    if within { Ok(fragment) } else { Err(FragmentError { word: fragment.word() }) }
                );
                runs += u32::from(within);
            }
        }
        assert_eq!(runs, 16 * 17 / 2);
        let word = Fragment { plane: 7, first: 3, frames: 5 }.word();
        for bit in (16..32).chain(48..64) {
            assert!(Fragment::from_word(word | 1 << bit).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn one_fragment_is_the_same_however_it_is_given() {
        let fragment = Fragment { plane: 1, first: 2, frames: 3 };
        let (one, list) = (Fragments::from(fragment), Fragments::from(&[fragment][..]));
        assert!(one == list && matches!(list.0, Runs::One(_)));
        assert_eq!((one.len(), one.root()), (1, travertine_merkle::uint64_chunk(fragment.word())));
        assert_eq!(Fragments::from(&[fragment; 5][..])[..], [fragment; 5]);
        assert!(Fragments::from(&[][..]).is_empty());
    }

    #[test]
    fn every_flag_has_a_name() {
        let all = AllocationFlags::from_bits(u8::MAX);
        let names = "contiguous, shared, pinned, executable, atomic, read-only, protected, temporary";
        assert_eq!(all.to_string(), names);
        assert_eq!(AllocationFlags::NONE.to_string(), "none");
        let one_bit_each = AllocationFlags::NAMES.map(|(flag, _)| flag.bits());
        assert_eq!(one_bit_each, [1, 2, 4, 8, 16, 32, 64, 128]);
    }
}
