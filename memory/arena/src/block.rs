//! Guards of blocks: one that owns, and one that only looks.
#![allow(unsafe_code, reason = "the two functions that lend plain slices pass their callers' promise on")]

use std::sync::atomic::AtomicU64;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::access;
use crate::arena::Arena;
use crate::descriptor::State;
use crate::error::{HandleError, RangeError};
use crate::sector::{Allocated, BlockInfo, Handle};
use crate::segment;

/// A block that this process owns. Dropping it gives it back.
///
/// Its bytes are in memory that other processes have mapped, too. By the protocol only the owner touches them, but nothing
/// keeps a hostile or broken peer from writing there at any time. So safe code gets no `&[u8]`, whose bytes the compiler
/// may believe to be constant: it copies in and out ([`read`](Self::read), [`write`](Self::write), [`load`](Self::load),
/// [`store`](Self::store)) or uses the memory as what it is, atomics ([`words`](Self::words)). What was copied no longer
/// changes; check it after the copy, not before. Where every process that has the segment is trusted,
/// [`as_slice`](Self::as_slice) and [`as_mut_slice`](Self::as_mut_slice) lend the bytes in place.
#[derive(Debug)]
pub struct Block<'a> {
    arena: &'a Arena,
    owned: Allocated,
    /// Bytes that were asked for.
    length: u64,
}

impl<'a> Block<'a> {
    #[inline]
    pub(crate) fn new(arena: &'a Arena, owned: Allocated, length: u64) -> Self {
        Self { arena, owned, length }
    }

    /// Bytes that were asked for or, for a block that came by its handle, all that it has.
    #[inline]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether no bytes were asked for. Such a block has memory all the same.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The handle, to look the block up. It does not hand the block over.
    #[inline]
    pub fn handle(&self) -> Handle {
        self.owned.handle()
    }

    /// The memory of the block, which may be more than [`len`](Self::len), as words. A new block has whatever was written
    /// there before.
    #[inline]
    pub fn words(&self) -> &[AtomicU64] {
        self.arena.data(&self.owned)
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`RangeError`] if they are not within [`len`](Self::len).
    pub fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), RangeError> {
        access::read(self.words(), self.length, offset, out)
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// [`RangeError`] if they are not within [`len`](Self::len).
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), RangeError> {
        access::write(self.words(), self.length, offset, bytes)
    }

    /// Copies a value out. Any bytes are one, so a hostile peer can choose it, but not make it invalid.
    ///
    /// # Errors
    /// [`RangeError`] if it is not within [`len`](Self::len).
    pub fn load<T: FromBytes + IntoBytes>(&self, offset: u64) -> Result<T, RangeError> {
        load(|out| self.read(offset, out))
    }

    /// Copies a value in.
    ///
    /// # Errors
    /// [`RangeError`] if it is not within [`len`](Self::len).
    pub fn store<T: IntoBytes + Immutable>(&mut self, offset: u64, value: &T) -> Result<(), RangeError> {
        self.write(offset, value.as_bytes())
    }

    /// The bytes in place.
    ///
    /// # Safety
    /// No thread and no process writes to the block as long as the slice lives. That holds if all processes that have the
    /// segment follow the protocol, and this one writes neither through [`words`](Self::words) nor through a [`View`].
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: promised by the caller.
        let bytes = unsafe { segment::bytes(self.words()) };
        &bytes[..usize::try_from(self.length).unwrap_or(usize::MAX)]
    }

    /// The bytes in place, to be written.
    ///
    /// # Safety
    /// No other thread and no other process uses the block's memory as long as the slice lives. That holds if all processes
    /// that have the segment follow the protocol, and this one uses neither [`words`](Self::words) nor a [`View`].
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: promised by the caller.
        let bytes = unsafe { segment::bytes_mut(self.words()) };
        &mut bytes[..usize::try_from(self.length).unwrap_or(usize::MAX)]
    }

    /// Hands the block over: it belongs to nobody, survives this process, and whoever uses the handle first with
    /// [`Arena::adopt`] or [`Arena::free`] gets it. A handle that nobody receives leaks the block until somebody does.
    pub fn share(self) -> Handle {
        self.leave(State::Allocated)
    }

    /// The first of two steps of giving back: nobody can use the block any more. [`Arena::coalesce`] is the second.
    pub fn ack(self) -> Handle {
        self.leave(State::Acked)
    }

    fn leave(self, state: State) -> Handle {
        let (arena, owned) = self.into_parts();
        // A peer that has changed the word has taken the block; then the handle will tell.
        arena.sector().leave(&owned, state);
        owned.handle()
    }

    /// Takes the guard off.
    #[inline]
    pub(crate) fn into_parts(self) -> (&'a Arena, Allocated) {
        let parts = (self.arena, self.owned);
        std::mem::forget(self);
        parts
    }
}

fn load<T: FromBytes + IntoBytes>(
    read: impl FnOnce(&mut [u8]) -> Result<(), RangeError>,
) -> Result<T, RangeError> {
    let mut value = T::new_zeroed();
    read(value.as_mut_bytes())?;
    Ok(value)
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        // Only a hostile peer can have changed the word: then the block is no longer ours to give back.
        self.arena.give_back(&self.owned);
    }
}

/// A look at a block through its handle, without owning it. What is there may change at any time.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    arena: &'a Arena,
    found: Allocated,
}

impl<'a> View<'a> {
    pub(crate) fn new(arena: &'a Arena, found: Allocated) -> Self {
        Self { arena, found }
    }

    /// The block's size, state and owner when the handle was looked up.
    pub fn info(&self) -> BlockInfo {
        self.found.info()
    }

    /// The memory of the block as words. They can be written: two processes that share a block for good do so.
    #[inline]
    pub fn words(&self) -> &'a [AtomicU64] {
        self.arena.data(&self.found)
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`RangeError`] if they are not within the block.
    pub fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), RangeError> {
        access::read(self.words(), self.info().bytes, offset, out)
    }

    /// Copies a value out.
    ///
    /// # Errors
    /// [`RangeError`] if it is not within the block.
    pub fn load<T: FromBytes + IntoBytes>(&self, offset: u64) -> Result<T, RangeError> {
        load(|out| self.read(offset, out))
    }

    /// Looks the handle up again: what was read before belongs to the block if it is still there.
    ///
    /// # Errors
    /// [`HandleError`] if it was given back.
    pub fn check(&self) -> Result<(), HandleError> {
        // What was read must have been read before the word is.
        std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
        self.arena.sector().find(self.found.handle()).map(drop)
    }
}
