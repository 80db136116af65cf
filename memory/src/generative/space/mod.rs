//! A space: contexts that may read through to each other, by morph and mirror edges.

mod edges;
mod mirror;
mod morph;
mod read;

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use super::context::Context;
use super::morph::Morph;
use super::overlay::{QuotaError, check};
use super::persistence::Snapshot;

/// Edges that a read may follow.
pub const DEPTH_LIMIT: u32 = 15;

/// Names a context of a space: 1, 2, 3 and so on, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContextId(u64);

impl ContextId {
    /// The number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl From<u64> for ContextId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for ContextId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Why a space refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SpaceError {
    /// There is no such context, or no more.
    #[error("there is no context {0}")]
    Unknown(ContextId),
    /// The space is full.
    #[error("{contexts} contexts are more than the limit of {limit}")]
    Contexts {
        /// How many there would be.
        contexts: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A context's quota, or the space's limit of cells, is reached.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The edge would close a cycle.
    #[error("an edge from context {context} to {source_context} would close a cycle")]
    Cycle {
        /// Where the edge would start.
        context: ContextId,
        /// Where it would lead.
        source_context: ContextId,
    },
    /// A read would follow too many edges.
    #[error("a read of context {0} follows more than {DEPTH_LIMIT} edges")]
    Depth(ContextId),
    /// Others read through the context.
    #[error("context {context} is the source of {dependents} edges")]
    IsSource {
        /// The context.
        context: ContextId,
        /// How many edges lead to it.
        dependents: u64,
    },
}

/// How much a space may hold; 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpaceLimits {
    /// Contexts at a time.
    pub contexts: u64,
    /// Written cells of all contexts together.
    pub cells: u64,
}

#[derive(Debug, Clone)]
struct Node {
    context: Context,
    morph: Option<(ContextId, Morph)>,
    mirror: Option<ContextId>,
    /// Edges that lead here.
    dependents: u64,
}

impl Node {
    /// The sources, whether hidden by another edge or not.
    fn sources(&self) -> impl Iterator<Item = ContextId> {
        self.morph.map(|(source, _)| source).into_iter().chain(self.mirror)
    }
}

/// Contexts and the edges between them. Sources are live: what is written to one shows through at once.
///
/// ```
/// use travertine_memory::generative::{Morph, MorphMode, Space, to_cell};
///
/// let mut space = Space::default();
/// let (land, map) = (space.create(7, 0)?, space.create(0, 0)?);
/// space.attach_morph(map, land, Morph::new(MorphMode::Linear, 100.0, -50.0)?)?;
/// space.write(land, 42, to_cell(0.75))?;
/// assert_eq!(space.fetch_f64(map, 42)?, 25.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Space {
    nodes: BTreeMap<ContextId, Node>,
    last_id: u64,
    /// Written cells of all contexts.
    cells: u64,
    limits: SpaceLimits,
}

impl Space {
    /// An empty one with limits.
    pub fn with_limits(limits: SpaceLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A new context for up to `limit` written cells; 0 is no limit.
    ///
    /// # Errors
    /// [`SpaceError::Contexts`] if the space is full.
    pub fn create(&mut self, seed: u64, limit: u64) -> Result<ContextId, SpaceError> {
        let contexts = self.nodes.len() as u64 + 1;
        if self.limits.contexts > 0 && contexts > self.limits.contexts {
            return Err(SpaceError::Contexts { contexts, limit: self.limits.contexts });
        }
        self.last_id += 1;
        let id = ContextId(self.last_id);
        let context = Context::with_limit(seed, limit);
        self.nodes.insert(id, Node { context, morph: None, mirror: None, dependents: 0 });
        Ok(id)
    }

    /// Removes a context with its written cells and its edges.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`]; [`SpaceError::IsSource`] if others read through it.
    pub fn remove(&mut self, id: ContextId) -> Result<(), SpaceError> {
        let node = self.node(id)?;
        if node.dependents > 0 {
            return Err(SpaceError::IsSource { context: id, dependents: node.dependents });
        }
        self.detach_morph(id)?;
        self.detach_mirror(id)?;
        self.cells -= self.node(id)?.context.overlay().len();
        self.nodes.remove(&id);
        Ok(())
    }

    /// A context without its edges.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`].
    pub fn context(&self, id: ContextId) -> Result<&Context, SpaceError> {
        Ok(&self.node(id)?.context)
    }

    /// How many cells are written in all contexts.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Writes a cell of this context, never of a source.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`]; [`SpaceError::Quota`], and nothing is changed then.
    pub fn write(&mut self, id: ContextId, address: u64, cell: u32) -> Result<(), SpaceError> {
        let (cells, limit) = (self.cells, self.limits.cells);
        let context = &mut self.node_mut(id)?.context;
        if context.written(address).is_none() {
            check(cells + 1, limit)?;
        }
        let is_new = context.write(address, cell)?;
        self.cells += u64::from(is_new);
        Ok(())
    }

    /// Replaces a context's seed and written cells by a snapshot's; its quota and edges stay.
    ///
    /// # Errors
    /// As [`Space::write`].
    pub fn load(&mut self, id: ContextId, snapshot: &Snapshot) -> Result<(), SpaceError> {
        let others = self.cells - self.context(id)?.overlay().len();
        let cells = others + snapshot.cells().len() as u64;
        check(cells, self.limits.cells)?;
        self.node_mut(id)?.context.load(snapshot)?;
        self.cells = cells;
        Ok(())
    }

    fn node(&self, id: ContextId) -> Result<&Node, SpaceError> {
        self.nodes.get(&id).ok_or(SpaceError::Unknown(id))
    }

    fn node_mut(&mut self, id: ContextId) -> Result<&mut Node, SpaceError> {
        self.nodes.get_mut(&id).ok_or(SpaceError::Unknown(id))
    }
}
