//! Reads: a context's own written cell, else through its morph edge, else through its mirror edge, else what its seed makes.

use super::{ContextId, DEPTH_LIMIT, Space, SpaceError};
use crate::generative::cell::{synthesized_f64, to_cell, to_f64};
use crate::generative::morph::Morph;

/// Where a read ends, and the morphs on the way there.
struct Resolved {
    origin: Origin,
    /// From the one that is applied last to the one that is applied first; morphs that change nothing are left out.
    morphs: [Option<Morph>; DEPTH_LIMIT as usize],
}

/// What a read ends at.
enum Origin {
    Written(u32),
    Synthesized { seed: u64 },
}

impl Space {
    /// The bits of the cell at an address of a context.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`]; [`SpaceError::Depth`] if more than [`DEPTH_LIMIT`] edges would have to be followed: edges that
    /// were attached later, further down, can have made a chain longer.
    pub fn fetch(&self, id: ContextId, address: u64) -> Result<u32, SpaceError> {
        let resolved = self.resolve(id, address)?;
        if resolved.morphs[0].is_some() {
            return Ok(to_cell(resolved.number(address)));
        }
        Ok(match resolved.origin {
            Origin::Written(cell) => cell,
            Origin::Synthesized { seed } => travertine_vrns::cell(address, seed),
        })
    }

    /// The number at an address of a context, not rounded to a cell: all of a chain of morphs is computed in binary64.
    ///
    /// # Errors
    /// As [`Space::fetch`].
    pub fn fetch_f64(&self, id: ContextId, address: u64) -> Result<f64, SpaceError> {
        Ok(self.resolve(id, address)?.number(address))
    }

    /// Makes `cells` those of a context from address `start` on; after the last address comes the first.
    ///
    /// # Errors
    /// As [`Space::fetch`]; the cells' content is not defined then.
    pub fn fill(&self, id: ContextId, start: u64, cells: &mut [u32]) -> Result<(), SpaceError> {
        let node = self.node(id)?;
        if node.sources().next().is_none() {
            node.context.fill(start, cells);
            return Ok(());
        }
        let mut address = start;
        for cell in cells {
            *cell = self.fetch(id, address)?;
            address = address.wrapping_add(1);
        }
        Ok(())
    }

    fn resolve(&self, id: ContextId, address: u64) -> Result<Resolved, SpaceError> {
        let mut morphs = [None; DEPTH_LIMIT as usize];
        let mut places = morphs.iter_mut();
        let mut node = self.node(id)?;
        for _ in 0..=DEPTH_LIMIT {
            if let Some(cell) = node.context.written(address) {
                return Ok(Resolved { origin: Origin::Written(cell), morphs });
            }
            let source = match (node.morph, node.mirror) {
                (Some((source, morph)), _) => {
                    // There is a place for each edge, and the last turn of the loop needs none.
                    if let Some(place) = (!morph.is_identity()).then(|| places.next()).flatten() {
                        *place = Some(morph);
                    }
                    source
                }
                (None, Some(source)) => source,
                (None, None) => {
                    let seed = node.context.seed();
                    return Ok(Resolved { origin: Origin::Synthesized { seed }, morphs });
                }
            };
            node = self.node(source)?;
        }
        Err(SpaceError::Depth(id))
    }
}

impl Resolved {
    fn number(&self, address: u64) -> f64 {
        let number = match self.origin {
            Origin::Written(cell) => to_f64(cell),
            Origin::Synthesized { seed } => synthesized_f64(address, seed),
        };
        self.morphs.iter().flatten().rev().fold(number, |number, morph| morph.apply(number))
    }
}
