//! Allocators for one thread, each behind a mutex of the standard library.
#![allow(unsafe_code, reason = "see each SAFETY")]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use talc::DefaultBinning;
use talc::source::Manual;

use super::SEGMENT_BYTES;
use super::piece::{Plain, Segment};

/// An allocator and its segment.
struct Locked<T> {
    allocator: Mutex<T>,
    segment: Segment,
}

impl<T> Locked<T> {
    fn new(make: impl FnOnce(NonNull<u8>) -> T) -> Result<Self, &'static str> {
        let segment = Segment::new()?;
        Ok(Self { allocator: Mutex::new(make(segment.0)), segment })
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, T> {
        self.allocator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Tlsf = rlsf::Tlsf<'static, u32, u32, 24, 32>;

pub(crate) struct Rlsf(Locked<Tlsf>);

// SAFETY: as `Plain` asks, by the contracts of the library.
unsafe impl Plain for Rlsf {
    const NAME: &'static str = crate::RLSF;
    const HAS_SEGMENT: bool = true;
    type Token = ();

    fn new(_: Layout) -> Result<Self, &'static str> {
        Locked::new(|memory| {
            let mut tlsf = Tlsf::new();
            // SAFETY: the segment lives as long as the allocator, and nobody else uses it.
            unsafe {
                tlsf.insert_free_block_ptr(NonNull::slice_from_raw_parts(memory, SEGMENT_BYTES));
            }
            tlsf
        })
        .map(Self)
    }

    #[inline]
    fn allocate(&self, layout: Layout) -> Option<(NonNull<u8>, ())> {
        self.0.lock().allocate(layout).map(|memory| (memory, ()))
    }

    #[inline]
    unsafe fn free(&self, memory: NonNull<u8>, layout: Layout, (): ()) {
        // SAFETY: promised by the caller.
        unsafe { self.0.lock().deallocate(memory, layout.align()) };
    }
}

/// `talc`'s allocator, which points to its segment.
struct Pointing(talc::base::Talc<Manual, DefaultBinning>);

// SAFETY: what it points to is its own; it is used under a mutex.
unsafe impl Send for Pointing {}

pub(crate) struct Talc(Locked<Pointing>);

// SAFETY: as `Plain` asks, by the contracts of the library.
unsafe impl Plain for Talc {
    const NAME: &'static str = crate::TALC;
    const HAS_SEGMENT: bool = true;
    type Token = ();

    fn new(_: Layout) -> Result<Self, &'static str> {
        Locked::new(|memory| {
            let mut talc = talc::base::Talc::new(Manual);
            // SAFETY: the segment lives as long as the allocator, and nobody else uses it.
            unsafe { talc.claim(memory.as_ptr(), SEGMENT_BYTES) };
            Pointing(talc)
        })
        .map(Self)
    }

    #[inline]
    fn allocate(&self, layout: Layout) -> Option<(NonNull<u8>, ())> {
        // SAFETY: the layout has a size.
        unsafe { self.0.lock().0.allocate(layout) }.map(|memory| (memory, ()))
    }

    #[inline]
    unsafe fn free(&self, memory: NonNull<u8>, layout: Layout, (): ()) {
        // SAFETY: promised by the caller.
        unsafe { self.0.lock().0.deallocate(memory.as_ptr(), layout) };
    }
}

/// It counts in a unit that its user chooses, and aligns nothing: the unit is the alignment.
pub(crate) struct OffsetAllocator {
    locked: Locked<offset_allocator::Allocator>,
    unit: usize,
}

const UNITS: &str = "counts in units of 32 bits";

// SAFETY: ranges that it hands out do not overlap, and lie within the size that it was given.
unsafe impl Plain for OffsetAllocator {
    const NAME: &'static str = crate::OFFSET_ALLOCATOR;
    const HAS_SEGMENT: bool = true;
    type Token = offset_allocator::Allocation;

    fn new(largest: Layout) -> Result<Self, &'static str> {
        let unit = largest.align();
        let units = u32::try_from(SEGMENT_BYTES / unit).map_err(|_| UNITS)?;
        // As many blocks as the segment can have; each node is taken from a list that is made here.
        let locked = Locked::new(|_| offset_allocator::Allocator::with_max_allocs(units, units / 2))?;
        Ok(Self { locked, unit })
    }

    #[inline]
    fn allocate(&self, layout: Layout) -> Option<(NonNull<u8>, Self::Token)> {
        let units = u32::try_from(layout.size().div_ceil(self.unit)).ok()?;
        let allocation = self.locked.lock().allocate(units)?;
        // SAFETY: the range lies within the segment.
        let memory = unsafe { self.locked.segment.0.add(allocation.offset as usize * self.unit) };
        Some((memory, allocation))
    }

    #[inline]
    unsafe fn free(&self, _: NonNull<u8>, _: Layout, allocation: Self::Token) {
        self.locked.lock().free(allocation);
    }
}
