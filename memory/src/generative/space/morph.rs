//! Morph edges: a context shows its source's numbers changed.

use super::{ContextId, Space, SpaceError};
use crate::generative::morph::Morph;

impl Space {
    /// Makes a context show its source's numbers through a morph, wherever it has no written cell. Replaces the morph edge that
    /// it had, and hides its mirror edge.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`], [`SpaceError::Cycle`], [`SpaceError::Depth`]; nothing is changed then.
    pub fn attach_morph(&mut self, id: ContextId, source: ContextId, morph: Morph) -> Result<(), SpaceError> {
        self.check_edge(id, source)?;
        self.count_edge(source);
        let before = self.node_mut(id)?.morph.replace((source, morph));
        self.drop_edge(before.map(|(source, _)| source));
        Ok(())
    }

    /// Removes a context's morph edge, if it has one.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`].
    pub fn detach_morph(&mut self, id: ContextId) -> Result<(), SpaceError> {
        let before = self.node_mut(id)?.morph.take();
        self.drop_edge(before.map(|(source, _)| source));
        Ok(())
    }
}
