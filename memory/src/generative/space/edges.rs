//! What holds for both kinds of edges: no cycle, no chain that is too long, and sources know how many read through them.

use std::collections::BTreeSet;

use super::{ContextId, DEPTH_LIMIT, Space, SpaceError};

impl Space {
    /// Whether an edge may lead from a context to a source. Hidden edges count, for detaching another reveals them.
    pub(super) fn check_edge(&self, context: ContextId, source: ContextId) -> Result<(), SpaceError> {
        self.node(context)?;
        self.node(source)?;
        let mut level = BTreeSet::from([source]);
        for _ in 0..DEPTH_LIMIT {
            if level.contains(&context) {
                return Err(SpaceError::Cycle { context, source_context: source });
            }
            level = level.iter().filter_map(|id| self.nodes.get(id)).flat_map(super::Node::sources).collect();
            if level.is_empty() {
                return Ok(());
            }
        }
        Err(SpaceError::Depth(context))
    }

    /// One edge more leads to a context.
    pub(super) fn count_edge(&mut self, source: ContextId) {
        if let Some(node) = self.nodes.get_mut(&source) {
            node.dependents += 1;
        }
    }

    /// One edge less leads to a context, if there was one.
    pub(super) fn drop_edge(&mut self, source: Option<ContextId>) {
        if let Some(node) = source.and_then(|source| self.nodes.get_mut(&source)) {
            node.dependents -= 1;
        }
    }
}
