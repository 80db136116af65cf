//! Hostile input: ELF files, proofs and snapshots that are cut, mutated or made to break a rule. Each is refused with a
//! typed error or is valid; nothing panics, hangs, or takes more memory than its size allows.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod elf_errors;
mod elf_mutants;
mod mutate;
mod proofs;
mod snapshot_errors;
mod snapshot_parts;
mod snapshots;

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Held by every test of this binary: memory is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that reading hostile input may take for each of its bytes.
const PER_BYTE: usize = 8;
/// Bytes that reading hostile input may take in any case.
const BASE: usize = 1 << 20;

/// Does `work` on an input of `length` bytes and checks that it took no more memory than the input's size allows.
fn bounded<T>(length: usize, work: impl FnOnce() -> T) -> T {
    bounded_by(PER_BYTE, length, work)
}

/// The same, with another number of bytes for each byte of the input.
fn bounded_by<T>(per_byte: usize, length: usize, work: impl FnOnce() -> T) -> T {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    let allowed = BASE + per_byte * length;
    assert!(taken <= allowed, "{taken} bytes taken for an input of {length}, {allowed} are allowed");
    result
}

#[test]
fn the_allocator_counts() {
    let _alone = alone();
    // Twice the base: threads of the test harness free a little meanwhile.
    let too_much = 2 * BASE + PER_BYTE;
    let taken = std::panic::catch_unwind(|| bounded(1, || std::hint::black_box(vec![1_u8; too_much]).len()));
    assert!(taken.is_err(), "more memory than allowed goes unnoticed");
    assert_eq!(bounded(1, || std::hint::black_box(vec![1_u8; BASE / 2]).len()), BASE / 2);
}
