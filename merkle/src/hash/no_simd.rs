//! What stands for the vectorised kernels where there are none.

use super::{Hash, Pair};

/// A kernel that is never there.
macro_rules! absent_kernel {
    ($name:ident) => {
        #[derive(Clone, Copy)]
        pub(super) enum $name {}

        impl $name {
            pub(super) fn detect() -> Option<Self> {
                None
            }

            pub(super) fn hash_pairs(self, _: &[Pair], _: &mut [Hash]) {
                match self {}
            }
        }
    };
}

absent_kernel!(ShaNi);
absent_kernel!(Avx512);
