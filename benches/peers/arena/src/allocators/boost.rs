//! Boost.Interprocess, through `boost.cpp`.
#![allow(unsafe_code, reason = "see each SAFETY")]

use std::alloc::Layout;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;

use super::SEGMENT_BYTES;
use super::piece::Plain;

unsafe extern "C" {
    fn boost_version() -> *const c_char;
    fn boost_arena_new(bytes: usize) -> *mut c_void;
    fn boost_arena_drop(arena: *mut c_void);
    fn boost_arena_allocate(arena: *mut c_void, bytes: usize, alignment: usize) -> *mut c_void;
    fn boost_arena_free(arena: *mut c_void, memory: *mut c_void);
}

pub(crate) struct Boost(NonNull<c_void>);

// SAFETY: its allocator has a mutex.
unsafe impl Sync for Boost {}

impl Boost {
    /// The version that was built in.
    pub(crate) fn version() -> String {
        // SAFETY: a constant string.
        unsafe { CStr::from_ptr(boost_version()) }.to_string_lossy().replace('_', ".")
    }
}

// SAFETY: as `Plain` asks, by the contracts of the library.
unsafe impl Plain for Boost {
    const NAME: &'static str = crate::BOOST;
    const HAS_SEGMENT: bool = true;
    type Token = ();

    fn new(_: Layout) -> Result<Self, &'static str> {
        // SAFETY: it has no conditions.
        let arena = unsafe { boost_arena_new(SEGMENT_BYTES) };
        NonNull::new(arena).map(Self).ok_or("the system gives no shared memory")
    }

    #[inline]
    fn allocate(&self, layout: Layout) -> Option<(NonNull<u8>, ())> {
        // SAFETY: the arena lives.
        let memory = unsafe { boost_arena_allocate(self.0.as_ptr(), layout.size(), layout.align()) };
        Some((NonNull::new(memory)?.cast(), ()))
    }

    #[inline]
    unsafe fn free(&self, memory: NonNull<u8>, _: Layout, (): ()) {
        // SAFETY: promised by the caller.
        unsafe { boost_arena_free(self.0.as_ptr(), memory.as_ptr().cast()) };
    }
}

impl Drop for Boost {
    fn drop(&mut self) {
        // SAFETY: it was made by `boost_arena_new`, and nobody uses it any more.
        unsafe { boost_arena_drop(self.0.as_ptr()) };
    }
}
