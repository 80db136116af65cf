//! Which pages of a copy, fill or share are placed instead of written, and what a store to a page costs by: page by page, for the
//! twins of the memory and of the machine.

use std::collections::{BTreeMap, BTreeSet};

use travertine_memory::Touches;

const PAGE: u64 = 4096;

/// The pages that a call has written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    pub(crate) pages: BTreeSet<u64>,
    /// Those that are the same as another page, and whether the call has paid for a store to them or to that one.
    same: BTreeMap<u64, bool>,
}

impl Written {
    /// What a store to the page costs by.
    pub(crate) fn to_store(&self, page: u64) -> Touches {
        let (first_writes, copies) = match (self.pages.contains(&page), self.same.get(&page)) {
            (false, _) | (_, Some(false)) => (1, 0),
            (true, Some(true)) => (0, 1),
            (true, None) => (0, 0),
        };
        Touches { first_writes, copies, ..Touches::default() }
    }

    /// The same, and stores to it.
    pub(crate) fn store(&mut self, page: u64) -> Touches {
        let touches = self.to_store(page);
        self.pages.insert(page);
        self.same.remove(&page);
        touches
    }

    fn is_paid(&self, page: u64) -> bool {
        self.to_store(page).first_writes == 0
    }

    fn place(&mut self, source: Option<u64>, target: u64, pays: bool) {
        let mut is_paid = pays || self.is_paid(target);
        if let Some(source) = source.filter(|source| self.pages.contains(source)) {
            is_paid |= self.is_paid(source);
            self.same.insert(source, self.is_paid(source));
        }
        self.pages.insert(target);
        self.same.insert(target, is_paid);
    }

    /// Forgets pages.
    pub(crate) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.pages.retain(|&page| keep(page));
        self.same.retain(|&page, _| keep(page));
    }

    /// Gives pages other numbers.
    pub(crate) fn renumber(&mut self, number: impl Fn(u64) -> u64) {
        self.pages = self.pages.iter().map(|&page| number(page)).collect();
        self.same = self.same.iter().map(|(&page, &is_paid)| (number(page), is_paid)).collect();
    }
}

/// What is done to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// From an address.
    Copy(u64),
    /// From an address.
    Share(u64),
    Fill,
}

/// The pages of a target.
#[derive(Debug, Default)]
pub(crate) struct Split {
    /// Bytes that are written one by one.
    pub(crate) bytes: u64,
    /// The pages that they lie in.
    pub(crate) stored: Vec<u64>,
    /// Pages that are placed: where each comes from, if it does not come from a fill, and where it goes. In the order in which
    /// that happens.
    pub(crate) placed: Vec<(Option<u64>, u64)>,
    /// Whether they pay as for a store.
    pub(crate) pays: bool,
}

impl Split {
    pub(crate) fn of(what: Move, to: u64, length: u64) -> Self {
        let mut split = Self::default();
        if length == 0 {
            return split;
        }
        let overlaps = |from: u64| from < to + length && to < from + length;
        // The call's context and input, and the substrate.
        let is_machines = |from: u64| matches!(from >> 32, 7 | 0xF0);
        for page in to / PAGE..=(to + length - 1) / PAGE {
            let is_whole = to <= page * PAGE && (page + 1) * PAGE <= to + length;
            let is_placed = match what {
                Move::Share(_) => true,
                Move::Copy(from) => {
                    is_whole && from % PAGE == to % PAGE && !overlaps(from) && !is_machines(from)
                }
                Move::Fill => is_whole,
            };
            let source = match what {
                Move::Share(from) | Move::Copy(from) => Some(from / PAGE + (page - to / PAGE)),
                Move::Fill => None,
            };
            if is_placed {
                split.placed.push((source, page));
            } else {
                split.stored.push(page);
            }
        }
        split.bytes = length - PAGE * split.placed.len() as u64;
        if let Move::Share(from) = what {
            split.pays = is_machines(from);
            if from < to && overlaps(from) {
                split.placed.reverse();
            }
        }
        split
    }

    /// What the pages cost by.
    pub(crate) fn touches(&self, written: &Written) -> Touches {
        let stored = self.stored.iter().map(|&page| written.to_store(page));
        let placed = self.placed.iter().map(|&(source, page)| {
            let is_stored =
                source.is_some_and(|source| written.pages.contains(&source) && written.is_paid(source));
            if self.pays || is_stored {
                Touches { copies: 0, ..written.to_store(page) }
            } else {
                Touches { first_placed: u32::from(!written.pages.contains(&page)), ..Touches::default() }
            }
        });
        stored.chain(placed).fold(Touches::default(), |sum, page| sum + page)
    }

    /// Writes them.
    pub(crate) fn write(&self, written: &mut Written) {
        for &page in &self.stored {
            written.store(page);
        }
        for &(source, page) in &self.placed {
            written.place(source, page, self.pays);
        }
    }
}
