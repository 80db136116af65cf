//! Verifying memory proofs with nothing but a trusted root and the claims one cares about.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use thiserror::Error;

use super::claim::Subject;
use super::plan::{Plan, PresentRegion, by_page, offset};
use super::{Claim, ClaimError, DecodeError, LimitError, MemoryProof, PROOF_VERSION};
use crate::allocation::AllocationRecord;
use crate::gindex::GeneralizedIndex;
use crate::hash::{Hash, ZERO_HASH};
use crate::layout::{self, CHUNK_BYTES};
use crate::leaf::{Generator, RegionHeader, decode_uint64_chunk};
use crate::multiproof::{MultiproofError, ProofNode, multiproof_nodes, verify_multiproof};
use crate::synthesis::synthesize;

/// What a valid proof proves of one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proven {
    /// The value of a byte claim, and the header of the region it lies in.
    Bytes {
        /// The bytes, as many as were claimed.
        data: Vec<u8>,
        /// The region's header.
        region: RegionHeader,
    },
    /// The header of the region of a region claim; `None` if the region is absent.
    Region(Option<RegionHeader>),
    /// The record in the slot of an allocation claim; `None` if the slot is free. Boxed, so that a value takes little space.
    Allocation(Option<Box<AllocationRecord>>),
}

impl Proven {
    /// The bytes of a byte claim.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes { data, .. } => Some(data),
            Self::Region(_) | Self::Allocation(_) => None,
        }
    }
}

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The bytes are not an encoded proof.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A list is longer than the format allows.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The proof is of another version.
    #[error("memory proof version {version}, this verifier knows {PROOF_VERSION}")]
    Version {
        /// The proof's version.
        version: u64,
    },
    /// The proof was made for another root than the trusted one.
    #[error("the proof is for another root than the trusted one")]
    OtherRoot,
    /// The proof was made for other claims than the caller's.
    #[error("the proof is for other claims than those asked for")]
    OtherClaims,
    /// The claims cannot hold, given what the proof says of their regions.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The list has not one leaf for each index.
    #[error("{leaves} leaves for {indices} generalized indices")]
    Leaves {
        /// Leaves in the proof.
        leaves: usize,
        /// Indices in the proof.
        indices: usize,
    },
    /// Neither a region's meta and size (of a Generative one seed and mode, too) are listed nor its absence.
    #[error("the proof says nothing of region {region:#04x}")]
    RegionMissing {
        /// The region.
        region: u8,
    },
    /// The meta or size chunk of a region is malformed, or its seed or mode chunk.
    #[error("an integer of region {region:#04x} has a nonzero byte in its padding")]
    Padding {
        /// The region.
        region: u8,
    },
    /// A region's leaf is listed as if it were absent, but is not zero.
    #[error("region {region:#04x} is listed as absent, but its leaf is not zero")]
    RegionPresent {
        /// The region.
        region: u8,
    },
    /// A slot is claimed, and the length of the list of allocations is not listed.
    #[error("the proof says nothing of the length of the list of allocations")]
    SlotsMissing,
    /// An integer of the list of allocations is malformed.
    #[error(
        "the length of the list of allocations, or an integer of a record, has a nonzero byte in its padding"
    )]
    AllocationPadding,
    /// The list of indices is not the one that follows from the claims and the proven sizes.
    #[error("the generalized indices are not those that the claims need")]
    Indices,
    /// The leaves and helpers do not lead to the root.
    #[error(transparent)]
    Multiproof(#[from] MultiproofError),
}

/// Verifies an encoded memory proof against a root that the caller trusts.
///
/// Returns what it proves, one value for each of `claims` in their order. The proof's own root and claims are not
/// believed: they must equal the caller's. Work and memory are linear in the length of the proof, apart from a sort of
/// its indices; the values take as many bytes as the claims name, [`CLAIMED_BYTES_LIMIT`](super::CLAIMED_BYTES_LIMIT)
/// at most.
///
/// # Errors
/// [`VerifyError`] for every other input than the one canonical encoding of a true proof of exactly these claims.
pub fn verify_memory_proof(
    proof: &[u8],
    trusted_root: &Hash,
    claims: &[Claim],
) -> Result<Vec<Proven>, VerifyError> {
    MemoryProof::decode(proof)?.verify(trusted_root, claims)
}

impl MemoryProof {
    /// Verifies a decoded proof; see [`verify_memory_proof`].
    ///
    /// # Errors
    /// As for [`verify_memory_proof`], except that there is nothing to decode.
    pub fn verify(&self, trusted_root: &Hash, claims: &[Claim]) -> Result<Vec<Proven>, VerifyError> {
        self.check_limits()?;
        self.check_header(trusted_root, claims)?;
        let leaves = ListedLeaves { indices: &self.gindices, leaves: &self.leaves };
        let plan = Plan::new(claims, |region| leaves.header(region), || leaves.slots())?;
        // Whether a page is zero or unwritten or a slot free is the proof's to say: that node is listed, and zero, instead of
        // what would be below it.
        let is_zero = |place| leaves.get(place) == Some(&ZERO_HASH);
        let indices = plan.leaf_indices(is_zero, self.gindices.len())?;
        if !indices.iter().map(|index| index.get()).eq(self.gindices.iter().copied()) {
            return Err(VerifyError::Indices);
        }
        verify_multiproof(&indices, &self.leaves, &self.helpers, trusted_root)?;
        plan.subjects.iter().map(|subject| leaves.value(subject, &plan)).collect()
    }

    /// All nodes that the multiproof gives or that follow from it, in descending order of their indices. They show how the
    /// proof works, not what it proves: that takes [`MemoryProof::verify`].
    ///
    /// # Errors
    /// [`VerifyError::Indices`] if an index is zero, [`VerifyError::Multiproof`] if leaves and helpers are no multiproof
    /// under the trusted root.
    pub fn nodes(&self, trusted_root: &Hash) -> Result<Vec<ProofNode>, VerifyError> {
        let indices = self.gindices.iter().map(|&index| GeneralizedIndex::new(index));
        let indices: Vec<_> = indices.collect::<Result<_, _>>().map_err(|_| VerifyError::Indices)?;
        Ok(multiproof_nodes(&indices, &self.leaves, &self.helpers, trusted_root)?)
    }

    /// Checks everything that stands before the lists of nodes.
    fn check_header(&self, trusted_root: &Hash, claims: &[Claim]) -> Result<(), VerifyError> {
        if self.version != PROOF_VERSION {
            return Err(VerifyError::Version { version: self.version });
        }
        if self.root != *trusted_root {
            return Err(VerifyError::OtherRoot);
        }
        if self.claims != claims {
            return Err(VerifyError::OtherClaims);
        }
        if self.leaves.len() != self.gindices.len() {
            return Err(VerifyError::Leaves { leaves: self.leaves.len(), indices: self.gindices.len() });
        }
        Ok(())
    }
}

/// The proven leaves by their places. Until the multiproof is verified they are only what the proof says.
struct ListedLeaves<'a> {
    /// Strictly descending; otherwise lookups may miss, and the comparison with the plan fails.
    indices: &'a [u64],
    leaves: &'a [Hash],
}

impl ListedLeaves<'_> {
    fn position(&self, index: GeneralizedIndex) -> Option<usize> {
        self.indices.binary_search_by(|listed| index.get().cmp(listed)).ok()
    }

    fn get(&self, index: GeneralizedIndex) -> Option<&Hash> {
        self.leaves.get(self.position(index)?)
    }

    /// What the leaves say of a region: its header, or `None` for its absence.
    fn header(&self, region: u8) -> Result<Option<RegionHeader>, VerifyError> {
        let integer = |place| match self.get(place).map(decode_uint64_chunk) {
            Some(integer) => integer.map_err(|_| VerifyError::Padding { region }),
            None => Err(VerifyError::RegionMissing { region }),
        };
        if self.get(layout::meta(region)).is_some() {
            let header = RegionHeader { meta: integer(layout::meta(region))?, size: 0, generator: None };
            if !header.is_generative() {
                return Ok(Some(RegionHeader { size: integer(layout::size(region))?, ..header }));
            }
            let [size, seed, mode] = layout::generative_integers(region).map(integer);
            return Ok(Some(RegionHeader {
                size: size?,
                generator: Some(Generator { seed: seed?, mode: mode? }),
                ..header
            }));
        }
        match self.get(layout::region(region)) {
            Some(&ZERO_HASH) => Ok(None),
            Some(_) => Err(VerifyError::RegionPresent { region }),
            None => Err(VerifyError::RegionMissing { region }),
        }
    }

    /// What the leaves say of the length of the list of allocations.
    fn slots(&self) -> Result<u64, VerifyError> {
        let length = self.get(layout::allocations_length()).ok_or(VerifyError::SlotsMissing)?;
        decode_uint64_chunk(length).map_err(|_| VerifyError::AllocationPadding)
    }

    /// The value of a claim, once the list has been found equal to the plan's.
    fn value(&self, subject: &Subject, plan: &Plan) -> Result<Proven, VerifyError> {
        match subject {
            Subject::Bytes { region, bytes } => {
                let present = plan.region(*region).ok_or(ClaimError::RegionAbsent { region: *region })?;
                Ok(Proven::Bytes { data: self.bytes(*region, &present, bytes)?, region: present.header })
            }
            Subject::Region(region) => Ok(Proven::Region(plan.region(*region).map(|region| region.header))),
            Subject::Allocation(slot) => {
                let record = if plan.has_slot(*slot) { self.record(*slot)? } else { None };
                Ok(Proven::Allocation(record.map(Box::new)))
            }
        }
    }

    /// The record in a slot within the list's length; `None` if its zero leaf is listed instead.
    fn record(&self, slot: u64) -> Result<Option<AllocationRecord>, VerifyError> {
        let mut chunks = [ZERO_HASH; 8];
        for (chunk, place) in
            chunks.iter_mut().zip(layout::allocation_chunks(slot).map_err(ClaimError::from)?)
        {
            let Some(leaf) = self.get(place) else { return Ok(None) };
            *chunk = *leaf;
        }
        AllocationRecord::from_chunks(&chunks).map(Some).map_err(|_| VerifyError::AllocationPadding)
    }

    fn bytes(
        &self,
        region: u8,
        &PresentRegion { header, places }: &PresentRegion,
        bytes: &Range<u64>,
    ) -> Result<Vec<u8>, ClaimError> {
        let mut data = Vec::new();
        for part in by_page(bytes.clone()) {
            let length = usize::try_from(part.end - part.start).expect("at most a page");
            let start = offset(part.start);
            let page = layout::page_number(start);
            let is_listed = |place| self.position(place).is_some();
            if is_listed(places.page(page)?) || is_listed(places.content(page)?) {
                let done = data.len();
                data.resize(done + length, 0);
                if let (Some(generator), true) = (header.generator, is_listed(places.page(page)?)) {
                    synthesize(region, generator, part.start, &mut data[done..])?;
                }
                continue;
            }
            let first =
                self.position(places.chunk(start)?).expect("the list has every chunk that the plan has");
            let skipped = usize::try_from(part.start % CHUNK_BYTES).expect("less than a chunk");
            // The list descends: the chunks that follow in memory stand before this one.
            let chunks = self.leaves[..=first].iter().rev();
            data.extend(chunks.flatten().skip(skipped).take(length));
        }
        Ok(data)
    }
}
