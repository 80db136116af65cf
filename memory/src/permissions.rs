//! What a program may do with a page: read, write, execute, and the marks for shared and atomic memory.

use std::fmt;
use std::ops::BitOr;

use crate::Access;

/// A set of permissions, one bit each. The bits are part of a region's metadata and so of the state root.
///
/// A set that names both writing and execution is possible, as the ceiling of a region whose pages differ; no *page* may
/// have both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Permissions(u8);

/// Bits that mean no permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("permission bits {bits:#x} are not among {:#x}", Permissions::ALL.bits())]
pub struct PermissionsError {
    /// The bits that were given.
    pub bits: u8,
}

impl Permissions {
    /// Nothing is allowed.
    pub const NONE: Self = Self(0);
    /// The program may load from the page.
    pub const READ: Self = Self(1);
    /// The program may store to the page.
    pub const WRITE: Self = Self(2);
    /// The program may execute the page.
    pub const EXECUTE: Self = Self(4);
    /// Caller and callee may exchange the page.
    pub const SHARED: Self = Self(8);
    /// Atomic instructions of several parties may meet on the page.
    pub const ATOMIC: Self = Self(16);
    /// Loads and stores.
    pub const READ_WRITE: Self = Self(Self::READ.0 | Self::WRITE.0);
    /// Loads and execution.
    pub const READ_EXECUTE: Self = Self(Self::READ.0 | Self::EXECUTE.0);
    /// Loads and stores on pages that caller and callee exchange.
    pub const READ_WRITE_SHARED: Self = Self(Self::READ_WRITE.0 | Self::SHARED.0);
    /// Every bit that has a meaning.
    const ALL: Self = Self(Self::READ_WRITE.0 | Self::EXECUTE.0 | Self::SHARED.0 | Self::ATOMIC.0);

    /// The set with these bits: R = 1, W = 2, X = 4, shared = 8, atomic = 16.
    ///
    /// # Errors
    /// If another bit is set.
    pub const fn from_bits(bits: u8) -> Result<Self, PermissionsError> {
        if bits & !Self::ALL.0 == 0 { Ok(Self(bits)) } else { Err(PermissionsError { bits }) }
    }

    /// The bits of the set.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set allows this access.
    pub const fn allows(self, access: Access) -> bool {
        self.contains(match access {
            Access::Read => Self::READ,
            Access::Write => Self::WRITE,
            Access::Execute => Self::EXECUTE,
        })
    }

    /// Whether a page with this set could be written and executed: refused for every page.
    pub const fn is_write_execute(self) -> bool {
        self.contains(Self(Self::WRITE.0 | Self::EXECUTE.0))
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// `RWXSA`, with `-` for what is not in the set.
impl fmt::Display for Permissions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [
            (Self::READ, 'R'),
            (Self::WRITE, 'W'),
            (Self::EXECUTE, 'X'),
            (Self::SHARED, 'S'),
            (Self::ATOMIC, 'A'),
        ];
        letters.iter().try_for_each(|&(permission, letter)| {
            write!(formatter, "{}", if self.contains(permission) { letter } else { '-' })
        })
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Permissions({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_set_of_the_five_permissions_or_refused() {
        for bits in 0..=u8::MAX {
            match Permissions::from_bits(bits) {
                Ok(set) => {
                    assert!(bits < 32);
                    assert_eq!(set.bits(), bits);
                    assert_eq!(set.is_write_execute(), bits & 6 == 6);
                    assert_eq!(set.allows(Access::Read), bits & 1 != 0);
                    assert_eq!(set.allows(Access::Write), bits & 2 != 0);
                    assert_eq!(set.allows(Access::Execute), bits & 4 != 0);
                }
                Err(error) => {
                    assert!(bits >= 32);
                    assert_eq!(error, PermissionsError { bits });
                }
            }
        }
        assert_eq!(Permissions::READ_EXECUTE.to_string(), "R-X--");
    }
}
