//! The memory of a segment, mapped or on the heap, as one slice of words. All that is shared is reached through it.
#![allow(unsafe_code, reason = "memory that other processes write is reached by pointer; see each SAFETY")]

use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use crate::layout::{Geometry, TRUTH_START};
use crate::memory::Memory;

/// The words of a segment, for as long as this lives.
///
/// Every access of this crate to them is that of an `AtomicU64`, of the same size and alignment each time, to the payload
/// as well. So whatever another process writes at the same time, this one reads some value and no rule is broken.
#[derive(Debug)]
pub(crate) struct Segment {
    words: NonNull<AtomicU64>,
    count: usize,
    hints: Range<usize>,
    /// Where the data begins.
    data: usize,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Heap,
    #[cfg(target_os = "linux")]
    Mapped,
}

// SAFETY: what the pointer leads to is words that are only accessed atomically, and is released once, on drop.
unsafe impl Send for Segment {}
// SAFETY: as above; `words` hands out shared references to atomics, which may be used from all threads.
unsafe impl Sync for Segment {}

impl Segment {
    /// A segment of zeros that no other process sees.
    pub(crate) fn on_heap(geometry: Geometry) -> Self {
        let words: Box<[AtomicU64]> = (0..geometry.words()).map(|_| AtomicU64::new(0)).collect();
        let words = NonNull::from(Box::leak(words)).cast();
        Self::new(words, geometry, Source::Heap)
    }

    /// The segment that a file holds.
    ///
    /// # Errors
    /// What the system says, if it cannot be mapped.
    #[cfg(target_os = "linux")]
    pub(crate) fn map(file: &std::fs::File, geometry: Geometry) -> Result<Self, nix::Error> {
        use nix::sys::mman::{MapFlags, ProtFlags, mmap};

        let count = geometry.words();
        let bytes = std::num::NonZero::new(count * size_of::<AtomicU64>()).ok_or(nix::Error::EINVAL)?;
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the system chooses the addresses, so nothing that is in use is mapped over. The mapping is page aligned, has
        // `count` words, and stays until drop. The callers have checked that the file has this size; where it is sealed, it
        // keeps it, and where it is not, a peer that cuts it short has this process ended by SIGBUS (docs/arena.md).
        let words = unsafe { mmap(None, bytes, rights, MapFlags::MAP_SHARED, file, 0)? };
        Ok(Self::new(words.cast(), geometry, Source::Mapped))
    }

    fn new(words: NonNull<AtomicU64>, geometry: Geometry, source: Source) -> Self {
        let hints = geometry.hint_start()..geometry.hint_start() + geometry.hint_words();
        Self { words, count: geometry.words(), hints, data: geometry.data_start(), source }
    }

    /// All words.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the pointer leads to `count` initialised words (zeros of the system, or of `on_heap`) that stay until drop,
        // and no reference to them but to `AtomicU64` is made outside the contract of `bytes` and `bytes_mut`.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.count) }
    }

    /// The words of the data from a unit on; they lie within the geometry. (A failure would be an empty slice and not a panic:
    /// where nothing unwinds, a caller's guard need not be in memory.)
    #[inline]
    pub(crate) fn data(&self, unit: u32, units: u32) -> &[AtomicU64] {
        const UNIT_WORDS: usize = crate::layout::UNIT_BYTES as usize / size_of::<AtomicU64>();
        let start = self.data.wrapping_add(unit as usize * UNIT_WORDS);
        let words = self.words().get(start..start.wrapping_add(units as usize * UNIT_WORDS));
        debug_assert!(words.is_some(), "unit {unit} and {units} are not in the segment");
        words.unwrap_or_default()
    }
}

/// These words as bytes.
///
/// # Safety
/// Nobody, no thread and no process, writes the words as long as the slice lives.
pub(crate) unsafe fn bytes(words: &[AtomicU64]) -> &[u8] {
    // SAFETY: the words are valid for reads, bytes have no alignment and no invalid values, and by the caller's promise they
    // do not change.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// These words as bytes that can be written.
///
/// # Safety
/// Nobody else, no thread and no process, reads or writes the words as long as the slice lives.
#[allow(
    clippy::mut_from_ref,
    reason = "the words are atomics; that nobody else uses them is the caller's promise"
)]
pub(crate) unsafe fn bytes_mut(words: &[AtomicU64]) -> &mut [u8] {
    // SAFETY: the memory of atomics may be written through a shared reference, the words are valid for writes, and by the
    // caller's promise nobody else uses them.
    unsafe { std::slice::from_raw_parts_mut(words.as_ptr().cast_mut().cast(), size_of_val(words)) }
}

impl Memory for Segment {
    type Word = AtomicU64;

    #[inline]
    fn word(&self, at: usize) -> &AtomicU64 {
        &self.words()[TRUTH_START + at]
    }

    fn hints(&self) -> &[AtomicU64] {
        &self.words()[self.hints.clone()]
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        match self.source {
            // SAFETY: the words were leaked from a box of `count` of them, and this is the only place that takes them back.
            Source::Heap => unsafe {
                drop(Box::from_raw(NonNull::slice_from_raw_parts(self.words, self.count).as_ptr()));
            },
            #[cfg(target_os = "linux")]
            // SAFETY: this range was mapped by `map`, no reference into it outlives `self`, and it is unmapped once. It can
            // only fail for a range that is none.
            Source::Mapped => unsafe {
                let _ = nix::sys::mman::munmap(self.words.cast(), self.count * size_of::<AtomicU64>());
            },
        }
    }
}
