//! A context: a seed, and the cells that were written over what it synthesizes.

use std::collections::BTreeMap;

use super::cell::{synthesized_f64, to_cell, to_f64};
use super::overlay::{Overlay, QuotaError};
use super::persistence::Snapshot;
use super::zmask::ZMask;

/// 2^64 cells, of which those that were written take space.
///
/// Written cells are always of marked pages: the mask follows every way in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    seed: u64,
    overlay: Overlay,
    mask: ZMask,
}

impl Context {
    /// One in which nothing is written.
    pub fn new(seed: u64) -> Self {
        Self::with_limit(seed, 0)
    }

    /// One in which up to `limit` cells can be written; 0 is no limit.
    pub fn with_limit(seed: u64, limit: u64) -> Self {
        Self { seed, overlay: Overlay::new(limit), mask: ZMask::default() }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The written cells.
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// The pages that may hold written cells.
    pub fn mask(&self) -> &ZMask {
        &self.mask
    }

    /// Changes how many cells can be written, as [`Overlay::set_limit`].
    pub fn set_limit(&mut self, limit: u64) {
        self.overlay.set_limit(limit);
    }

    /// The bits of the cell that was written at an address.
    pub fn written(&self, address: u64) -> Option<u32> {
        if self.mask.is_dirty(address) { self.overlay.lookup(address) } else { None }
    }

    /// The bits of the cell at an address: written or else synthesized.
    pub fn fetch(&self, address: u64) -> u32 {
        self.written(address).unwrap_or_else(|| travertine_vrns::cell(address, self.seed))
    }

    /// The number at an address: that of the written cell, or else the synthesized one before it is rounded to a cell.
    pub fn fetch_f64(&self, address: u64) -> f64 {
        self.written(address).map_or_else(|| synthesized_f64(address, self.seed), to_f64)
    }

    /// Makes `cells` those from address `start` on; after the last address comes the first.
    pub fn fill(&self, start: u64, cells: &mut [u32]) {
        travertine_vrns::fill(self.seed, start, cells);
        let count = cells.len() as u64;
        if self.overlay.is_empty() || self.mask.is_range_clean(start, count) {
            return;
        }
        let mut put = |address: u64, cell| {
            let index = usize::try_from(address.wrapping_sub(start)).expect("the range is that of the slice");
            cells[index] = cell;
        };
        let Some(more) = count.checked_sub(1) else { return };
        let last = start.wrapping_add(more);
        if start <= last {
            self.overlay.range(start..=last).for_each(|(address, cell)| put(address, cell));
        } else {
            self.overlay.range(start..=u64::MAX).for_each(|(address, cell)| put(address, cell));
            self.overlay.range(0..=last).for_each(|(address, cell)| put(address, cell));
        }
    }

    /// Writes a cell, and tells whether none was written there before.
    ///
    /// # Errors
    /// [`QuotaError`] as [`Overlay::insert`]; nothing is changed then.
    pub fn write(&mut self, address: u64, cell: u32) -> Result<bool, QuotaError> {
        let is_new = self.overlay.insert(address, cell)?;
        if is_new {
            self.mask.mark(address);
        }
        Ok(is_new)
    }

    /// Writes the cell nearest to a number.
    ///
    /// # Errors
    /// As [`Context::write`].
    pub fn write_f64(&mut self, address: u64, value: f64) -> Result<bool, QuotaError> {
        self.write(address, to_cell(value))
    }

    /// Writes many cells, of which the last of an address wins: a log's records in their order. Gives how many addresses are new.
    ///
    /// # Errors
    /// [`QuotaError`] if there would be more cells than the limit; nothing is changed then.
    pub fn replay(&mut self, cells: impl IntoIterator<Item = (u64, u32)>) -> Result<u64, QuotaError> {
        // Sorted and built at once: much faster than one by one.
        let added = BTreeMap::from_iter(cells);
        let new = self.overlay.check_extend(&added)?;
        self.mask.mark_all(added.keys().copied());
        self.overlay.extend(added);
        Ok(new)
    }

    /// Replaces seed and written cells by a snapshot's. The limit stays.
    ///
    /// # Errors
    /// [`QuotaError`] if the snapshot has more cells than the limit; nothing is changed then.
    pub fn load(&mut self, snapshot: &Snapshot) -> Result<(), QuotaError> {
        let mut loaded = Self::with_limit(snapshot.seed(), self.overlay.limit());
        loaded.replay(snapshot.cells().iter().copied())?;
        *self = loaded;
        Ok(())
    }

    /// Forgets all written cells; the limit stays.
    pub fn clear(&mut self) {
        self.overlay.clear();
        self.mask.clear();
    }
}
