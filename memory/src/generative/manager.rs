//! Tenants: contexts that are named by their seeds.

use std::collections::BTreeMap;

use super::space::{ContextId, Space, SpaceError, SpaceLimits};

/// Contexts by seed, each with its own quota, within the limits of their [`Space`].
#[derive(Debug, Clone, Default)]
pub struct Manager {
    space: Space,
    tenants: BTreeMap<u64, ContextId>,
}

impl Manager {
    /// One without tenants.
    pub fn new(limits: SpaceLimits) -> Self {
        Self { space: Space::with_limits(limits), tenants: BTreeMap::new() }
    }

    /// The tenant of a seed, created with a quota of written cells (0 is none) if there is none yet. One that there is keeps
    /// its quota.
    ///
    /// # Errors
    /// [`SpaceError::Contexts`] if there are as many tenants as there may be.
    pub fn get(&mut self, seed: u64, quota: u64) -> Result<ContextId, SpaceError> {
        if let Some(id) = self.find(seed) {
            return Ok(id);
        }
        let id = self.space.create(seed, quota)?;
        self.tenants.insert(seed, id);
        Ok(id)
    }

    /// The tenant of a seed, if there is one.
    pub fn find(&self, seed: u64) -> Option<ContextId> {
        self.tenants.get(&seed).copied().filter(|id| self.space.context(*id).is_ok())
    }

    /// The tenant of a path, which must be written exactly as [`path`] does.
    pub fn find_by_path(&self, text: &str) -> Option<ContextId> {
        let digits = text.strip_prefix("/seed_0x")?.strip_suffix(".raw")?;
        let seed = u64::from_str_radix(digits, 16).ok().filter(|seed| path(*seed) == text)?;
        self.find(seed)
    }

    /// The tenants' seeds in the order in which they were created.
    pub fn seeds(&self) -> Vec<u64> {
        // Names of contexts ascend.
        let by_id: BTreeMap<_, _> =
            self.tenants.keys().filter_map(|seed| Some((self.find(*seed)?, *seed))).collect();
        by_id.into_values().collect()
    }

    /// Removes the tenant of a seed, and tells whether there was one.
    ///
    /// # Errors
    /// [`SpaceError::IsSource`] if others read through it.
    pub fn remove(&mut self, seed: u64) -> Result<bool, SpaceError> {
        let Some(id) = self.find(seed) else { return Ok(false) };
        self.space.remove(id)?;
        self.tenants.remove(&seed);
        Ok(true)
    }

    /// The tenants' contexts.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The tenants' contexts, to write them and to join them by edges. What is created here is no tenant.
    pub fn space_mut(&mut self) -> &mut Space {
        &mut self.space
    }
}

/// The path of a tenant: `/seed_0x`, the seed in upper-case hexadecimal digits without zeros before them, `.raw`.
pub fn path(seed: u64) -> String {
    format!("/seed_0x{seed:X}.raw")
}
