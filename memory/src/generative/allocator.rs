//! Arrays of cells by handle: each starts with what its size makes, and is written apart from all others.

use std::collections::BTreeMap;

use thiserror::Error;

use super::space::{ContextId, Space, SpaceError, SpaceLimits};

/// What the seed of an allocation differs in from its size.
const SEED: u64 = 0xFEED_FACE;

/// Why an access or a release is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AllocatorError {
    /// There is no such allocation, or no more.
    #[error("there is no allocation {0}")]
    Handle(u64),
    /// The allocation is not that large.
    #[error("cell {index} is not in allocation {handle} of {cells} cells")]
    Bounds {
        /// The allocation.
        handle: u64,
        /// The cell.
        index: u64,
        /// How many cells there are.
        cells: u64,
    },
    /// There are as many allocations, or written cells, as there may be.
    #[error(transparent)]
    Limit(SpaceError),
}

/// Allocations, named 1, 2, 3 and so on; a name is never used again.
#[derive(Debug, Clone, Default)]
pub struct Allocator {
    space: Space,
    /// How many cells each has.
    sizes: BTreeMap<ContextId, u64>,
}

/// The seed of allocations of a size.
pub const fn seed_of_size(bytes: u64) -> u64 {
    bytes ^ SEED
}

impl Allocator {
    /// One without allocations, for so many of them and so many written cells.
    pub fn new(limits: SpaceLimits) -> Self {
        Self { space: Space::with_limits(limits), sizes: BTreeMap::new() }
    }

    /// A new allocation; bytes that fill no cell do not count. Allocations of one size start with equal cells.
    ///
    /// # Errors
    /// [`AllocatorError::Limit`] if there are as many as there may be.
    pub fn allocate(&mut self, bytes: u64) -> Result<u64, AllocatorError> {
        let id = self.space.create(seed_of_size(bytes), 0).map_err(AllocatorError::Limit)?;
        self.sizes.insert(id, bytes / 4);
        Ok(id.number())
    }

    /// The bits of a cell.
    ///
    /// # Errors
    /// [`AllocatorError::Handle`], [`AllocatorError::Bounds`].
    pub fn get(&self, handle: u64, index: u64) -> Result<u32, AllocatorError> {
        let id = self.check(handle, index)?;
        self.space.fetch(id, index).map_err(AllocatorError::Limit)
    }

    /// Writes a cell.
    ///
    /// # Errors
    /// As [`Allocator::get`]; [`AllocatorError::Limit`] if as many cells are written as there may be.
    pub fn set(&mut self, handle: u64, index: u64, cell: u32) -> Result<(), AllocatorError> {
        let id = self.check(handle, index)?;
        self.space.write(id, index, cell).map_err(AllocatorError::Limit)
    }

    /// Ends an allocation.
    ///
    /// # Errors
    /// [`AllocatorError::Handle`].
    pub fn free(&mut self, handle: u64) -> Result<(), AllocatorError> {
        let id = ContextId::from(handle);
        self.sizes.remove(&id).ok_or(AllocatorError::Handle(handle))?;
        self.space.remove(id).map_err(AllocatorError::Limit)
    }

    fn check(&self, handle: u64, index: u64) -> Result<ContextId, AllocatorError> {
        let id = ContextId::from(handle);
        let cells = *self.sizes.get(&id).ok_or(AllocatorError::Handle(handle))?;
        if index < cells { Ok(id) } else { Err(AllocatorError::Bounds { handle, index, cells }) }
    }
}
