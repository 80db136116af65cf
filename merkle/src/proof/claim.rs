//! What a memory proof is about: claims in their encoded form, and the places in memory that they name.

use alloc::vec::Vec;
use core::ops::Range;

use thiserror::Error;

use super::{CLAIMS_LIMIT, LimitError};
use crate::layout::{self, ALLOCATIONS_LIMIT, LayoutError, REGION_BYTES};

/// Bytes that all claims of a proof may name together.
pub const CLAIMED_BYTES_LIMIT: u64 = 16 << 20;

const BYTES: u64 = 0;
const REGION: u64 = 1;
const ALLOCATION: u64 = 2;

/// A part of the state whose value is to be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// 0: the bytes `address .. address + length`. 1: the header of the region that begins at `address`, or its
    /// absence; `length` is 0. 2: the allocation record in slot `address`, or its absence; `length` is 0.
    pub kind: u64,
    /// Packed program address, 40 bits, or number of a slot.
    pub address: u64,
    /// Length in bytes.
    pub length: u64,
}

/// Why claims cannot be proven, whatever the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// There is no claim.
    #[error("no claims")]
    None,
    /// More claims than a proof may have.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A claim of a kind that is not defined.
    #[error("claims of kind {kind} are unknown")]
    UnknownKind {
        /// The claim's kind.
        kind: u64,
    },
    /// An allocation claim names a slot and has no length.
    #[error(
        "an allocation claim needs a slot below {ALLOCATIONS_LIMIT} and length 0, not {address:#x} and {length}"
    )]
    AllocationForm {
        /// The claim's address: a slot.
        address: u64,
        /// The claim's length.
        length: u64,
    },
    /// A malformed address, or a cap of an impossible size.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A region claim names a region by its first address and has no length.
    #[error("a region claim needs a region's first address and length 0, not {address:#x} and {length}")]
    RegionForm {
        /// The claim's address.
        address: u64,
        /// The claim's length.
        length: u64,
    },
    /// A byte claim names no byte, or all of them together too many.
    #[error("a byte claim of {length} bytes with {left} bytes left of the limit of {CLAIMED_BYTES_LIMIT}")]
    Length {
        /// The claim's length.
        length: u64,
        /// What the claims before it left.
        left: u64,
    },
    /// A byte claim runs out of its region.
    #[error("the {length} bytes at {address:#x} do not lie in one region")]
    LeavesRegion {
        /// The claim's address.
        address: u64,
        /// The claim's length.
        length: u64,
    },
    /// Bytes are claimed of an absent region.
    #[error("region {region:#04x} is absent: it has no bytes")]
    RegionAbsent {
        /// The region.
        region: u8,
    },
    /// Bytes are claimed behind the end of the region's cap.
    #[error("bytes up to offset {end:#x} of region {region:#04x}, whose size is {size:#x}")]
    BeyondSize {
        /// The region.
        region: u8,
        /// End of the claimed bytes, an offset in the region.
        end: u64,
        /// Size of the region's cap in bytes.
        size: u64,
    },
    /// Nothing is known of the cap of a region of this kind.
    #[error("region {region:#04x} is of kind {kind}, which is not defined")]
    RegionKind {
        /// The region.
        region: u8,
        /// Its kind.
        kind: u8,
    },
    /// Nobody has written the claimed bytes of a Generative region, and it is not known what makes them.
    #[error(
        "bytes of region {region:#04x} that nobody has written are made by mode {mode}, which is not defined"
    )]
    Mode {
        /// The region.
        region: u8,
        /// Its mode.
        mode: u64,
    },
    /// Nobody has written the claimed bytes of a Generative region, and this verifier does not make them.
    #[error(
        "bytes of region {region:#04x} that nobody has written: this verifier lacks the feature `generative`"
    )]
    Unwritten {
        /// The region.
        region: u8,
    },
    /// The claims take more leaves than there may be.
    #[error("the claims need more than {limit} leaves")]
    Leaves {
        /// How many there may be.
        limit: usize,
    },
}

impl Claim {
    /// The `length` bytes from `address` on.
    pub const fn bytes(address: u64, length: u64) -> Self {
        Self { kind: BYTES, address, length }
    }

    /// The header of a region, or its absence.
    pub fn region(region: u8) -> Self {
        Self { kind: REGION, address: u64::from(region) * REGION_BYTES, length: 0 }
    }

    /// The allocation record in a slot, or its absence.
    pub fn allocation(slot: u32) -> Self {
        Self { kind: ALLOCATION, address: u64::from(slot), length: 0 }
    }

    /// What the claim names, if it is well formed. Of the bytes that all claims may name, `left` are left.
    fn subject(&self, left: u64) -> Result<Subject, ClaimError> {
        match self.kind {
            BYTES => self.bytes_subject(left),
            REGION => self.region_subject(),
            ALLOCATION => self.allocation_subject(),
            kind => Err(ClaimError::UnknownKind { kind }),
        }
    }

    fn bytes_subject(&self, left: u64) -> Result<Subject, ClaimError> {
        let (address, length) = (self.address, self.length);
        let (region, offset) = layout::split_address(address)?;
        if length == 0 || length > left {
            return Err(ClaimError::Length { length, left });
        }
        let start = u64::from(offset);
        if start + length > REGION_BYTES {
            return Err(ClaimError::LeavesRegion { address, length });
        }
        Ok(Subject::Bytes { region, bytes: start..start + length })
    }

    fn region_subject(&self) -> Result<Subject, ClaimError> {
        let (address, length) = (self.address, self.length);
        match (layout::split_address(address)?, length) {
            ((region, 0), 0) => Ok(Subject::Region(region)),
            _ => Err(ClaimError::RegionForm { address, length }),
        }
    }

    fn allocation_subject(&self) -> Result<Subject, ClaimError> {
        let (address, length) = (self.address, self.length);
        if address >= ALLOCATIONS_LIMIT || length != 0 {
            return Err(ClaimError::AllocationForm { address, length });
        }
        Ok(Subject::Allocation(address))
    }
}

/// What a well-formed claim names.
pub(super) enum Subject {
    /// Byte offsets in a region, never none.
    Bytes { region: u8, bytes: Range<u64> },
    /// A region as such.
    Region(u8),
    /// The record in a slot, which is below the limit.
    Allocation(u64),
}

impl Subject {
    /// The region whose header the claim is about, or whose header tells where its bytes lie.
    pub(super) fn region(&self) -> Option<u8> {
        match self {
            Self::Bytes { region, .. } | Self::Region(region) => Some(*region),
            Self::Allocation(_) => None,
        }
    }

    /// The bytes that it names, if it names any.
    pub(super) fn bytes(&self) -> Option<&Range<u64>> {
        match self {
            Self::Bytes { bytes, .. } => Some(bytes),
            Self::Region(_) | Self::Allocation(_) => None,
        }
    }

    /// The slot of the record that it names, if it names one.
    pub(super) fn slot(&self) -> Option<u64> {
        match self {
            Self::Allocation(slot) => Some(*slot),
            Self::Bytes { .. } | Self::Region(_) => None,
        }
    }
}

/// What the claims name, in their order.
pub(super) fn subjects(claims: &[Claim]) -> Result<Vec<Subject>, ClaimError> {
    if claims.is_empty() {
        return Err(ClaimError::None);
    }
    LimitError::check("claims", claims.len(), CLAIMS_LIMIT)?;
    let mut left = CLAIMED_BYTES_LIMIT;
    let mut subjects = Vec::with_capacity(claims.len());
    for claim in claims {
        let subject = claim.subject(left)?;
        left -= subject.bytes().map_or(0, |bytes| bytes.end - bytes.start);
        subjects.push(subject);
    }
    Ok(subjects)
}
