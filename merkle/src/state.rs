//! What a prover must know of a settled state.

use crate::gindex::GeneralizedIndex;
use crate::hash::Hash;
use crate::leaf::RegionHeader;

/// A settled state as a prover sees it.
pub trait StateTree {
    /// The node at `index` of the state tree, or `None` where there is no such node.
    ///
    /// Below the leaf of a zero page, of a page of a Generative region that nobody has written, or of an absent region there
    /// are none; padding behind a cap's last page has the roots of zero subtrees.
    fn node(&self, index: GeneralizedIndex) -> Option<Hash>;
    /// The header of a region, or `None` where it is absent.
    fn region(&self, region: u8) -> Option<RegionHeader>;
}
