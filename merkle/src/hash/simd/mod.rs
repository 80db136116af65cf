//! Vectorised SHA-256 kernels for x86-64: the only place of this crate with `unsafe`.
//!
//! What is unsafe is of two kinds. An instruction must exist on the processor: a value of [`ShaNi`] or [`Avx512`] is the
//! proof, for only `detect` makes one. A load or store must stay inside its array: each is a function of one line
//! that takes the array by reference. All else is safe code.
#![allow(
    unsafe_code,
    reason = "instructions that the compiler does not know to exist, and vector loads and stores"
)]

mod avx512;
mod constants;
mod sha_ni;

use core::array;

use super::{Hash, Pair, sha256};

/// Streams of the SHA extensions that hide the latency of the round instruction.
const SHA_NI_STREAMS: usize = 4;

/// The SHA extensions, which this processor has.
#[derive(Clone, Copy)]
pub(super) struct ShaNi(());

impl ShaNi {
    /// The kernel, if the processor has the SHA extensions and SSE 4.1.
    pub(super) fn detect() -> Option<Self> {
        let is_present = std::is_x86_feature_detected!("sha") && std::is_x86_feature_detected!("sse4.1");
        is_present.then_some(Self(()))
    }

    /// Makes `parents` the hashes of `pairs`, of which there are as many.
    #[allow(clippy::unused_self, reason = "it is the proof that the instructions exist")]
    pub(super) fn hash_pairs(self, pairs: &[Pair], parents: &mut [Hash]) {
        let (blocks, rest) = pairs.as_chunks::<SHA_NI_STREAMS>();
        let (block_parents, rest_parents) = parents.as_chunks_mut();
        for (pairs, parents) in blocks.iter().zip(block_parents) {
            // SAFETY: `self` exists only where `detect` found the SHA extensions and SSE 4.1.
            unsafe { sha_ni::hash_block(pairs, parents) }
        }
        for (pair, parent) in rest.iter().zip(rest_parents) {
            // SAFETY: as above.
            unsafe { sha_ni::hash_block(array::from_ref(pair), array::from_mut(parent)) }
        }
    }
}

/// AVX-512 F and BW, which this processor has.
#[derive(Clone, Copy)]
pub(super) struct Avx512 {
    /// Hashes what does not fill the lanes, where the processor has it.
    narrow: Option<ShaNi>,
}

impl Avx512 {
    /// The kernel, if the processor has AVX-512 F and BW and the operating system saves its registers.
    pub(super) fn detect() -> Option<Self> {
        let is_present =
            std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512bw");
        is_present.then(|| Self { narrow: ShaNi::detect() })
    }

    /// The same kernel as on a processor without the SHA extensions.
    #[cfg(test)]
    pub(super) fn without_sha_ni(mut self) -> Self {
        self.narrow = None;
        self
    }

    /// Makes `parents` the hashes of `pairs`, of which there are as many.
    pub(super) fn hash_pairs(self, pairs: &[Pair], parents: &mut [Hash]) {
        let (blocks, rest) = pairs.as_chunks::<{ avx512::LANES }>();
        let (block_parents, rest_parents) = parents.as_chunks_mut();
        let (twins, last) = blocks.as_chunks::<2>();
        let (twin_parents, last_parents) = block_parents.as_chunks_mut();
        for (pairs, parents) in twins.iter().zip(twin_parents) {
            // SAFETY: `self` exists only where `detect` found AVX-512 F and BW.
            unsafe { avx512::hash_block(pairs, parents) }
        }
        for (pairs, parents) in last.iter().zip(last_parents) {
            // SAFETY: as above.
            unsafe { avx512::hash_block(array::from_ref(pairs), array::from_mut(parents)) }
        }
        match self.narrow {
            Some(kernel) => kernel.hash_pairs(rest, rest_parents),
            None => sha256::hash_pairs(rest, rest_parents),
        }
    }
}
