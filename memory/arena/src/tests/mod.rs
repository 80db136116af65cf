//! Tests of the core: its protocol under two model checkers and against crashes at every write, random work against a
//! sequential model, threads, hostile words, and the defects of the allocator that this one replaces.

#![allow(clippy::cast_possible_truncation, clippy::similar_names, reason = "small numbers")]

mod crashes;
mod defects;
mod models;
mod random;
mod scenarios;
mod threads;

use std::sync::atomic::AtomicU64;

use crate::layout::Geometry;
use crate::memory::Memory;
use crate::sector::{Allocated, Sector};

/// Deliberate mistakes in the protocol. Each must be found by the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    NoRightCheck,
    NoLeftCheck,
    StoreInsteadOfExchange,
    NoLengthCheck,
}

/// The owner in tests with one process.
const ME: u8 = 1;

/// Bytes of a page.
const PAGE: u64 = 4096;

/// Plain words.
#[derive(Debug)]
struct Words {
    truth: Vec<AtomicU64>,
    hints: Vec<AtomicU64>,
}

fn zeros(count: usize) -> Vec<AtomicU64> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

impl Memory for Words {
    type Word = AtomicU64;

    fn word(&self, at: usize) -> &AtomicU64 {
        &self.truth[at]
    }

    fn hints(&self) -> &[AtomicU64] {
        &self.hints
    }
}

/// A formatted sector.
fn sector(pages: u32) -> Sector<Words> {
    let geometry = Geometry { pages };
    let memory = Words { truth: zeros(geometry.truth_words()), hints: zeros(geometry.hint_words()) };
    let sector = Sector::new(memory, geometry);
    sector.format();
    sector
}

/// Allocates so many bytes.
fn allocate<M: Memory>(sector: &Sector<M>, bytes: u64, owner: u8) -> Option<Allocated> {
    let pages = u32::try_from(bytes.div_ceil(PAGE).max(1)).unwrap();
    sector.allocate(bytes, pages, owner)
}

/// Asserts that nothing is wrong and nothing is allocated, and that the whole sector can be had in one piece.
#[track_caller]
fn assert_healed<M: Memory>(sector: &Sector<M>) {
    // First without the help of a reclaim, which merges what was missed.
    assert!(sector.audit().is_clean(), "{:?}", sector.audit());
    sector.reclaim(ME);
    assert!(sector.audit().is_clean(), "{:?}", sector.audit());
    let pages = sector.geometry().pages;
    assert_eq!(sector.largest_free(), u64::from(pages) * PAGE, "{:?}", sector.runs().collect::<Vec<_>>());
    let whole = allocate(sector, u64::from(pages) * PAGE, ME).expect("one block spans the sector");
    assert!(sector.give_back(&whole, ME));
}
