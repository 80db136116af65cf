//! Why an access to memory was refused: the first faulting byte, what was tried, and a stable reason.

use std::fmt;

use crate::Address;

/// What an access wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Access {
    /// A load.
    Read = 1,
    /// A store.
    Write = 2,
    /// An instruction fetch.
    Execute = 3,
}

impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Execute => "execution",
        })
    }
}

/// Why an access was refused. The numbers are stable: receipts carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FaultReason {
    /// The address has a bit set above bit 39.
    AddressTooWide = 1,
    /// There is no such region.
    NoRegion = 2,
    /// The byte lies behind the region's end.
    OutOfRegion = 3,
    /// The page does not have the permission.
    Permission = 4,
    /// The page is known only by its hash, and no page source has it. This is a fault of the node, not of the program.
    MissingPage = 5,
    /// The page source gave content that does not have the page's hash. This is a fault of the node, too.
    WrongPage = 6,
    /// Whole pages were to be shared, and the address or the end is not that of a page.
    Misaligned = 7,
    /// A gather or scatter has more entries than [`MAX_ENTRIES`](crate::MAX_ENTRIES).
    TooManyEntries = 8,
    /// The second view of the substrate's segment takes loads and stores of up to 8 bytes, and nothing else.
    SecondView = 9,
}

impl FaultReason {
    /// Whether the node, not the program, is to blame: another node may well carry out the same access.
    pub fn is_host_failure(self) -> bool {
        match self {
            Self::MissingPage | Self::WrongPage => true,
            Self::AddressTooWide
            | Self::NoRegion
            | Self::OutOfRegion
            | Self::Permission
            | Self::Misaligned
            | Self::TooManyEntries
            | Self::SecondView => false,
        }
    }
}

impl fmt::Display for FaultReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AddressTooWide => "the address is wider than 40 bits",
            Self::NoRegion => "there is no such region",
            Self::OutOfRegion => "it lies behind the region's end",
            Self::Permission => "the page does not permit it",
            Self::MissingPage => "the page is missing and no source has it",
            Self::WrongPage => "the page source gave content with another hash",
            Self::Misaligned => "whole pages begin and end at multiples of 4,096",
            Self::TooManyEntries => "one instruction has at most 65,536 entries",
            Self::SecondView => "the second view takes loads and stores of up to 8 bytes only",
        })
    }
}

/// An access that was refused; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub struct Fault {
    /// The first faulting byte, as the program named it: all 64 bits.
    pub address: u64,
    /// What was tried.
    pub access: Access,
    /// Why it was refused.
    pub reason: FaultReason,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, access, reason } = self;
        match Address::new(*address) {
            Ok(address) => write!(formatter, "{access} at {address} refused: {reason}"),
            Err(_) => write!(formatter, "{access} at {address:#x} refused: {reason}"),
        }
    }
}

const _: () = assert!(size_of::<Fault>() == 16);
