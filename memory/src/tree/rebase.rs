//! Re-sharing: equal subtrees of two trees become one.

use std::sync::Arc;

use super::Node;

impl Node {
    /// This subtree of `levels` levels, with what equals `other` (of `other_levels`, at the same first page) taken from there.
    /// A page that only `other` knows by its content is taken, too; one that only this tree knows is kept.
    ///
    /// Hashes decide, so subtrees that are equal or shared are not walked: the cost is that of the paths to what differs.
    pub(crate) fn rebased(&self, levels: u32, other: &Self, other_levels: u32) -> Self {
        if levels < other_levels {
            return self.rebased(levels, other.descend(other_levels - levels, 0), levels);
        }
        if self.is_same(other) {
            return self.clone();
        }
        let equal = levels == other_levels && self.hash(levels) == other.hash(levels);
        if equal && (!other.has_missing() || matches!(self, Self::Missing(..))) {
            return other.clone();
        }
        let (Self::Branch(branch, ..), false) = (self, matches!(other, Self::Empty)) else {
            return self.clone();
        };
        let (left, right) = if levels == other_levels {
            let (other_left, other_right) = other.halves();
            (
                branch.left.rebased(levels - 1, other_left, levels - 1),
                branch.right.rebased(levels - 1, other_right, levels - 1),
            )
        } else {
            (branch.left.rebased(levels - 1, other, other_levels), branch.right.clone())
        };
        if left.is_same(&branch.left) && right.is_same(&branch.right) {
            return self.clone();
        }
        let joined = Self::join(left, right);
        if let (Self::Branch(new, ..), Some(hash)) = (&joined, branch.hash.get()) {
            // The same content has the same hash.
            new.set_hash(*hash);
        }
        joined
    }

    /// Whether both are one subtree in storage, not only in content.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::Branch(a, ..), Self::Branch(b, ..)) => Arc::ptr_eq(a, b),
            (Self::Page(a, form), Self::Page(b, other)) => form == other && a.is_same_frame(b),
            (Self::Missing(a, form), Self::Missing(b, other)) => form == other && Arc::ptr_eq(a, b),
            (Self::Empty | Self::Branch(..) | Self::Page(..) | Self::Missing(..), _) => false,
        }
    }
}
