//! The Weyl form, compiled for the vector instructions of x86-64: the only place of this crate with `unsafe`.
//!
//! What is unsafe is one thing: the instructions must exist on the processor. A value of [`Avx2`] or [`Avx512`] is the proof,
//! for only `detect` makes one.
#![allow(unsafe_code, reason = "instructions that the compiler does not know to exist")]
#![cfg_attr(not(target_arch = "x86_64"), allow(unused_unsafe, reason = "there `detect` finds none"))]

/// A set of instructions that this processor has.
macro_rules! vector_form {
    ($name:ident, $features:literal, $($feature:tt),+) => {
        #[doc = concat!("The instructions ", $features, ", which this processor has.")]
        #[derive(Clone, Copy)]
        pub(crate) struct $name(());

        impl $name {
            /// The form, if the processor has the instructions and the operating system saves their registers.
            pub(crate) fn detect() -> Option<Self> {
                #[cfg(target_arch = "x86_64")]
                return ($(std::is_x86_feature_detected!($feature))&&+).then_some(Self(()));
                #[cfg(not(target_arch = "x86_64"))]
                None
            }

            /// Makes `cells` those from address `start` on.
            #[allow(clippy::unused_self, reason = "it is the proof that the instructions exist")]
            pub(crate) fn fill(self, seed: u64, start: u64, cells: &mut [u32]) {
                #[cfg_attr(target_arch = "x86_64", target_feature(enable = $features))]
                fn fill(seed: u64, start: u64, cells: &mut [u32]) {
                    crate::weyl::fill(seed, start, cells);
                }
                // SAFETY: `self` exists only where `detect` found the instructions.
                unsafe { fill(seed, start, cells) }
            }
        }
    };
}

vector_form!(Avx2, "avx2", "avx2");
vector_form!(Avx512, "avx512f,avx512dq,avx512vl", "avx512f", "avx512dq", "avx512vl");
