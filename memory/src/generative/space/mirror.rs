//! Mirror edges: a context shows its source's cells, bit by bit.

use super::{ContextId, Space, SpaceError};

impl Space {
    /// Makes a context show its source's cells wherever it has no written one; its own seed is not used then. Replaces the
    /// mirror edge that it had.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`], [`SpaceError::Cycle`], [`SpaceError::Depth`]; nothing is changed then.
    pub fn attach_mirror(&mut self, id: ContextId, source: ContextId) -> Result<(), SpaceError> {
        self.check_edge(id, source)?;
        self.count_edge(source);
        let before = self.node_mut(id)?.mirror.replace(source);
        self.drop_edge(before);
        Ok(())
    }

    /// Removes a context's mirror edge, if it has one.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`].
    pub fn detach_mirror(&mut self, id: ContextId) -> Result<(), SpaceError> {
        let before = self.node_mut(id)?.mirror.take();
        self.drop_edge(before);
        Ok(())
    }
}
