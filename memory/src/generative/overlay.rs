//! The written cells of a context: an ordered map from address to bits, with an optional limit.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

use thiserror::Error;

/// A cell more than the quota allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{cells} written cells are more than the quota of {limit}")]
pub struct QuotaError {
    /// How many there would be.
    pub cells: u64,
    /// How many there may be.
    pub limit: u64,
}

/// Written cells, by address. An ordered map: a hash of chosen addresses could be made slow by whoever chooses them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlay {
    cells: BTreeMap<u64, u32>,
    limit: u64,
}

impl Overlay {
    /// An empty one for up to `limit` cells; 0 is no limit.
    pub fn new(limit: u64) -> Self {
        Self { cells: BTreeMap::new(), limit }
    }

    /// How many cells there may be; 0 is no limit.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Changes the limit. Cells above it stay; new addresses are refused.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Writes a cell, and tells whether its address is new.
    ///
    /// # Errors
    /// [`QuotaError`] if the address is new and the limit is reached; nothing is changed then. A written cell can always be
    /// written anew.
    pub fn insert(&mut self, address: u64, cell: u32) -> Result<bool, QuotaError> {
        let count = self.len();
        match self.cells.entry(address) {
            Entry::Occupied(mut entry) => {
                entry.insert(cell);
                Ok(false)
            }
            Entry::Vacant(entry) => {
                check(count + 1, self.limit)?;
                entry.insert(cell);
                Ok(true)
            }
        }
    }

    /// Whether [`Overlay::insert`] would write at an address.
    ///
    /// # Errors
    /// As [`Overlay::insert`].
    pub fn check_insert(&self, address: u64) -> Result<(), QuotaError> {
        if self.cells.contains_key(&address) { Ok(()) } else { check(self.len() + 1, self.limit) }
    }

    /// How many addresses of `added` are new.
    ///
    /// # Errors
    /// [`QuotaError`] if there would be more cells than the limit.
    pub(super) fn check_extend(&self, added: &BTreeMap<u64, u32>) -> Result<u64, QuotaError> {
        let is_new = |address: &&u64| !self.cells.contains_key(address);
        let new = if self.is_empty() { added.len() } else { added.keys().filter(is_new).count() } as u64;
        if new > 0 {
            check(self.len() + new, self.limit)?;
        }
        Ok(new)
    }

    /// Writes many cells, whatever the limit.
    pub(super) fn extend(&mut self, mut added: BTreeMap<u64, u32>) {
        // Merging walks over all cells that there are.
        if added.len() < self.cells.len() / 16 {
            self.cells.extend(added);
        } else {
            self.cells.append(&mut added);
        }
    }

    /// The bits of a written cell.
    pub fn lookup(&self, address: u64) -> Option<u32> {
        self.cells.get(&address).copied()
    }

    /// How many cells are written.
    pub fn len(&self) -> u64 {
        self.cells.len() as u64
    }

    /// Whether no cell is written.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The written cells, by ascending address.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, u32)> {
        self.cells.iter().map(|(address, cell)| (*address, *cell))
    }

    /// The written cells of a range, by ascending address.
    pub fn range(&self, addresses: RangeInclusive<u64>) -> impl Iterator<Item = (u64, u32)> {
        self.cells.range(addresses).map(|(address, cell)| (*address, *cell))
    }

    /// Forgets all cells; the limit stays.
    pub fn clear(&mut self) {
        self.cells.clear();
    }
}

/// Whether so many cells are within a limit, of which 0 is none.
pub(super) fn check(cells: u64, limit: u64) -> Result<(), QuotaError> {
    if limit > 0 && cells > limit { Err(QuotaError { cells, limit }) } else { Ok(()) }
}
