//! A ring of handles in a block of an arena: one process puts messages in, another takes them out, and either may be
//! killed at any point and started again. Every message has its effect exactly once, and no block is leaked.
//!
//! A counter that is advanced by one store commits each step. What was begun and not committed is found again in the ring
//! itself, by the process that takes the dead one's place.

#![allow(clippy::cast_possible_truncation, reason = "small numbers, on 64-bit systems")]

use std::error::Error;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};

use travertine_arena::{Arena, Block, Handle, View};

/// Messages that have been taken out.
const HEAD: usize = 0;
/// Messages that have been put in, on a cache line of its own.
const TAIL: usize = 8;
/// The sum of what the messages said, before and after the one that is being taken out.
const SUMS: usize = 16;
/// Handles.
const SLOTS: usize = 24;
const CAPACITY: u64 = 256;

/// Bytes of a ring.
pub(crate) const RING_BYTES: u64 = (SLOTS as u64 + CAPACITY) * 8;

/// A ring in a block that all processes see.
pub(crate) struct Ring<'a> {
    arena: &'a Arena,
    words: &'a [AtomicU64],
}

/// What message `number` is: its length in words, 1 to 512 and mostly short, and what fills it.
fn message(number: u64) -> (u64, u64) {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let longest = [8, 16, 64, 512][(mixed % 4) as usize];
    (1 + mixed / 4 % longest, mixed)
}

/// The sum of what all messages say that come before `count`.
pub(crate) fn expected_sum(count: u64) -> u64 {
    (0..count).fold(0, |sum, number| sum.wrapping_add(message(number).1))
}

impl<'a> Ring<'a> {
    /// The ring in the block that a handle names.
    pub(crate) fn new(view: View<'a>, arena: &'a Arena) -> Self {
        Self { arena, words: view.words() }
    }

    /// Makes an empty ring.
    pub(crate) fn create(arena: &Arena) -> Result<Handle, Box<dyn Error>> {
        let mut block = arena.allocate(RING_BYTES)?;
        block.write(0, &vec![0; RING_BYTES as usize])?;
        Ok(block.share())
    }

    /// Messages that have been taken out.
    pub(crate) fn taken(&self) -> u64 {
        self.words[HEAD].load(Ordering::Acquire)
    }

    /// The sum of what they said.
    pub(crate) fn sum(&self) -> u64 {
        self.sum_at(self.taken()).load(Ordering::Acquire)
    }

    fn sum_at(&self, number: u64) -> &AtomicU64 {
        &self.words[SUMS + (number % 2) as usize]
    }

    fn slot(&self, number: u64) -> &AtomicU64 {
        &self.words[SLOTS + (number % CAPACITY) as usize]
    }

    fn handle(&self, number: u64) -> Handle {
        Handle::from_bits(self.slot(number).load(Ordering::Acquire))
    }

    /// Puts messages in until there have been `count`.
    pub(crate) fn produce(&self, count: u64) -> Result<(), Box<dyn Error>> {
        let mut heap = self.arena.heap();
        let mut tail = self.words[TAIL].load(Ordering::Acquire);
        // The one before may have died when its message was handed over, but not yet put in. If it was not even handed
        // over, it is settled by now, and the handle is stale.
        let _ = self.arena.free(self.handle(tail));
        while tail < count {
            // Two slots stay empty: the one behind may still be looked at by a consumer that is started again.
            while tail - self.taken() >= CAPACITY - 1 {
                std::thread::yield_now();
            }
            let (words, fill) = message(tail);
            let block = heap.allocate(words * 8)?;
            write(&block, words, fill);
            self.slot(tail).store(block.handle().to_bits(), Ordering::Release);
            block.share();
            tail += 1;
            self.words[TAIL].store(tail, Ordering::Release);
        }
        Ok(())
    }

    /// Takes messages out until there have been `count`.
    pub(crate) fn consume(&self, count: u64) -> Result<(), Box<dyn Error>> {
        let mut heap = self.arena.heap();
        let mut taken = self.taken();
        // The one before may have died when its message had taken effect, but was not yet given back.
        if let Some(last) = taken.checked_sub(1) {
            let _ = self.arena.free(self.handle(last));
        }
        while taken < count {
            while taken >= self.words[TAIL].load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            let handle = self.handle(taken);
            check(self.arena.view(handle)?, taken)?;
            // The effect is written beside the old one, and takes place with the store that counts the message.
            let sum = self.sum_at(taken).load(Ordering::Acquire).wrapping_add(message(taken).1);
            taken += 1;
            self.sum_at(taken).store(sum, Ordering::Release);
            self.words[HEAD].store(taken, Ordering::Release);
            heap.free(self.arena.adopt(handle)?);
        }
        Ok(())
    }
}

fn write(block: &Block, words: u64, fill: u64) {
    for word in &block.words()[..words as usize] {
        word.store(fill, Ordering::Relaxed);
    }
}

fn check(view: View, number: u64) -> Result<(), Box<dyn Error>> {
    let (words, fill) = message(number);
    let message = view.words().get(..words as usize).ok_or("the message is too short")?;
    if message.iter().any(|word| word.load(Ordering::Relaxed) != fill) {
        return Err(format!("message {number} has come wrong").into());
    }
    Ok(())
}

/// What a child process does: it receives the arena over its standard input, which is a socket.
pub(crate) fn child(role: &str, ring: Handle, count: u64) -> Result<(), Box<dyn Error>> {
    let stream = UnixStream::from(std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned()?);
    let arena = Arena::receive(&stream)?;
    let ring = Ring::new(arena.view(ring)?, &arena);
    match role {
        "produce" => ring.produce(count),
        _ => ring.consume(count),
    }
}
