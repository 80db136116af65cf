//! What a memory proof is about: claims in their encoded form, and the places in memory that they name.

use alloc::vec::Vec;
use core::ops::Range;

use thiserror::Error;

use super::{CLAIMS_LIMIT, LimitError};
use crate::layout::{self, GENERATIVE_KIND, LayoutError, REGION_BYTES};

/// Bytes that all claims of a proof may name together.
pub const CLAIMED_BYTES_LIMIT: u64 = 16 << 20;

const BYTES: u64 = 0;
const REGION: u64 = 1;
const ALLOCATION: u64 = 2;

/// A part of the state whose value is to be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// 0: the bytes `address .. address + length`. 1: the header of the region that begins at `address`, or its
    /// absence; `length` is 0. 2: an allocation record, not supported yet.
    pub kind: u64,
    /// Packed program address, 40 bits.
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
    /// Allocation records are not part of the state yet.
    #[error("claims about allocation records (kind 2) are not supported yet")]
    AllocationRecord,
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
    /// The region's cap may have another shape than size and pages.
    #[error(
        "region {region:#04x} is of kind {kind}: kinds from {GENERATIVE_KIND} (Generative) are not supported yet"
    )]
    RegionKind {
        /// The region.
        region: u8,
        /// Its kind.
        kind: u8,
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

    /// What the claim names, if it is well formed. Of the bytes that all claims may name, `left` are left.
    fn subject(&self, left: u64) -> Result<Subject, ClaimError> {
        let (address, length) = (self.address, self.length);
        let (region, offset) = match self.kind {
            BYTES | REGION => layout::split_address(address)?,
            ALLOCATION => return Err(ClaimError::AllocationRecord),
            kind => return Err(ClaimError::UnknownKind { kind }),
        };
        let start = u64::from(offset);
        if self.kind == REGION {
            let well_formed = start == 0 && length == 0;
            return if well_formed {
                Ok(Subject { region, bytes: None })
            } else {
                Err(ClaimError::RegionForm { address, length })
            };
        }
        if length == 0 || length > left {
            return Err(ClaimError::Length { length, left });
        }
        if start + length > REGION_BYTES {
            return Err(ClaimError::LeavesRegion { address, length });
        }
        Ok(Subject { region, bytes: Some(start..start + length) })
    }
}

/// What a well-formed claim names.
pub(super) struct Subject {
    pub(super) region: u8,
    /// Byte offsets in the region, never empty; `None` for a claim about the region as such.
    pub(super) bytes: Option<Range<u64>>,
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
        left -= subject.bytes.as_ref().map_or(0, |bytes| bytes.end - bytes.start);
        subjects.push(subject);
    }
    Ok(subjects)
}
