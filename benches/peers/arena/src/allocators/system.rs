//! Allocators for one process, which take memory from the system: what is not shared can be this quick.
#![allow(unsafe_code, reason = "see each SAFETY")]

use std::alloc::Layout;
use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use super::piece::Plain;

/// What `malloc` aligns to by itself.
const ALIGNMENT: usize = 16;

macro_rules! in_process {
    ($type:ident, $name:expr, $malloc:path, $aligned:expr, $free:path) => {
        pub(crate) struct $type;

        // SAFETY: as `Plain` asks, by the contract of C's functions.
        unsafe impl Plain for $type {
            const NAME: &'static str = $name;
            const HAS_SEGMENT: bool = false;
            type Token = ();

            fn new(_: Layout) -> Result<Self, &'static str> {
                Ok(Self)
            }

            #[inline]
            fn allocate(&self, layout: Layout) -> Option<(NonNull<u8>, ())> {
                // SAFETY: the size is not zero, and where an alignment is asked for, a multiple of it.
                let memory: *mut c_void = unsafe {
                    if layout.align() <= ALIGNMENT {
                        $malloc(layout.size())
                    } else {
                        $aligned(layout.align(), layout.size())
                    }
                };
                Some((NonNull::new(memory)?.cast(), ()))
            }

            #[inline]
            unsafe fn free(&self, memory: NonNull<u8>, _: Layout, (): ()) {
                // SAFETY: promised by the caller.
                unsafe { $free(memory.as_ptr().cast()) };
            }
        }
    };
}

in_process!(Glibc, crate::GLIBC, libc::malloc, libc::aligned_alloc, libc::free);
in_process!(
    Jemalloc,
    crate::JEMALLOC,
    tikv_jemalloc_sys::malloc,
    tikv_jemalloc_sys::aligned_alloc,
    tikv_jemalloc_sys::free
);
in_process!(
    Mimalloc,
    crate::MIMALLOC,
    libmimalloc_sys::mi_malloc,
    |alignment, size| libmimalloc_sys::mi_malloc_aligned(size, alignment),
    libmimalloc_sys::mi_free
);

pub(crate) fn glibc_version() -> String {
    // SAFETY: a constant string.
    unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) }.to_string_lossy().into_owned()
}
