//! What the allocator's core runs on: words that are exchanged atomically. The same core runs on a mapped segment, on
//! the heap, and on the atomics of the model checkers.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A word that several threads and processes read and write.
///
/// Loads acquire, stores release and exchanges do both, so whoever sees a word sees all that came before it was written.
pub(crate) trait Atomic {
    fn load(&self) -> u64;
    fn store(&self, value: u64);
    /// Writes `new` if the word is `current`; whether it did.
    fn exchange(&self, current: u64, new: u64) -> bool;
}

impl Atomic for AtomicU64 {
    #[inline]
    fn load(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    #[inline]
    fn store(&self, value: u64) {
        self.store(value, Ordering::Release);
    }

    #[inline]
    fn exchange(&self, current: u64, new: u64) -> bool {
        self.compare_exchange(current, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// The words of a sector.
pub(crate) trait Memory {
    type Word: Atomic;

    /// One of the words that are the truth: of pages, of tails, of blocks. The place is within the geometry.
    fn word(&self, at: usize) -> &Self::Word;

    /// Bitmaps in which a wrong bit costs time, never correctness. So they are the same everywhere, and no model checker
    /// has to follow them.
    fn hints(&self) -> &[AtomicU64];

    /// A sequentially consistent fence.
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    /// Lets others go on.
    fn pause(&self) {
        std::thread::yield_now();
    }
}

impl<M: Memory> Memory for &M {
    type Word = M::Word;

    fn word(&self, at: usize) -> &M::Word {
        (**self).word(at)
    }

    fn hints(&self) -> &[AtomicU64] {
        (**self).hints()
    }

    fn fence(&self) {
        (**self).fence();
    }

    fn pause(&self) {
        (**self).pause();
    }
}
