//! How a valid proof leads from what it is about to the state root, node by node, for a person to follow.

mod region;
mod slot;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;
use travertine_merkle::layout::{self, LayoutError, StateField};
use travertine_merkle::{Claim, GeneralizedIndex, Hash, NodeOrigin, ProofNode, Proven, zero_hash};

use crate::claims::describe;
use crate::output::{Hex, Output, counted};
use region::RegionPlaces;
use slot::SlotPlaces;

/// Paths of a claim that are written for people; JSON has all.
const MAX_PATHS: usize = 4;
/// Levels of the highest subtree of zeros that is named as such: that over all allocation records.
const ZERO_LEVELS: u32 = layout::ALLOCATIONS_LIMIT.ilog2();
const _: () = assert!(layout::REGION_PAGES < layout::ALLOCATIONS_LIMIT);

/// The way from one leaf up to the root, or to a node that an earlier path has shown already.
#[derive(Debug, Serialize)]
pub(crate) struct PathReport {
    /// The position among the proven claims of the one that the leaf belongs to.
    claim: usize,
    /// What the leaf is, and what else the claim has in the same page.
    from: String,
    nodes: Vec<NodeReport>,
    /// Whether the last node is on an earlier path, which goes on from there.
    joins: bool,
}

/// A node of a path, and its sibling, with which it makes the next one.
#[derive(Debug, Serialize)]
struct NodeReport {
    #[serde(flatten)]
    node: Node,
    sibling: Option<Node>,
}

#[derive(Debug, Serialize)]
struct Node {
    name: String,
    gindex: u64,
    hash: Hex<Hash>,
    origin: &'static str,
}

/// What a claim is about, as far as places and their names are concerned.
enum Subject {
    Region(RegionPlaces),
    Slot(SlotPlaces),
}

/// The paths of all claims, given all nodes of the proof.
///
/// # Errors
/// None for the nodes and values of a valid proof.
pub(crate) fn paths(nodes: &[ProofNode], proven: &[(Claim, Proven)]) -> Result<Vec<PathReport>, LayoutError> {
    let nodes: BTreeMap<_, _> = nodes.iter().map(|node| (node.index, *node)).collect();
    let mut paths = Vec::new();
    let mut shown = BTreeSet::new();
    for (position, (claim, value)) in proven.iter().enumerate() {
        let subject = Subject::new(claim, value)?;
        let is_leaf =
            |index| nodes.get(&index).is_some_and(|node: &ProofNode| node.origin == NodeOrigin::Leaf);
        for (start, from) in subject.starts(claim, value, is_leaf)? {
            let mut path = PathReport { claim: position, from, nodes: Vec::new(), joins: false };
            let mut next = nodes.get(&start);
            while let Some(&node) = next {
                path.joins = !shown.insert(node.index);
                let sibling = node.index.sibling().and_then(|index| nodes.get(&index));
                let sibling = sibling.filter(|_| !path.joins).map(|&node| subject.node(node));
                path.nodes.push(NodeReport { node: subject.node(node), sibling });
                next = node.index.parent().filter(|_| !path.joins).and_then(|index| nodes.get(&index));
            }
            paths.push(path);
        }
    }
    Ok(paths)
}

impl Subject {
    fn new(claim: &Claim, value: &Proven) -> Result<Self, LayoutError> {
        let (region, header) = match value {
            Proven::Allocation(record) => {
                return Ok(Self::Slot(SlotPlaces::new(claim.address, record.as_deref())?));
            }
            Proven::Bytes { region, .. } => (claim.address, Some(*region)),
            Proven::Region(header) => (claim.address, *header),
        };
        Ok(Self::Region(RegionPlaces::new(region, header)?))
    }

    /// Where the paths of the claim begin, and what is there.
    fn starts(
        &self,
        claim: &Claim,
        value: &Proven,
        is_leaf: impl Fn(GeneralizedIndex) -> bool,
    ) -> Result<Vec<(GeneralizedIndex, String)>, LayoutError> {
        match self {
            Self::Region(places) => places.starts(claim, value, is_leaf),
            Self::Slot(places) => Ok(vec![(places.start(is_leaf), describe(claim))]),
        }
    }

    fn node(&self, ProofNode { index, hash, origin }: ProofNode) -> Node {
        let origin = match origin {
            NodeOrigin::Leaf => "leaf",
            NodeOrigin::Helper => "helper",
            NodeOrigin::Computed => "computed",
        };
        Node { name: self.name(index, &hash), gindex: index.get(), hash: Hex(hash), origin }
    }

    /// What a node is, from its place and, where that tells more, its content.
    fn name(&self, index: GeneralizedIndex, hash: &Hash) -> String {
        let fields = layout::field(StateField::Version).depth();
        let (field, name) = match self {
            Self::Region(_) => (layout::field(StateField::Regions), "regions"),
            Self::Slot(_) => (layout::field(StateField::Allocations), "allocations"),
        };
        if index == GeneralizedIndex::ROOT {
            "state root".to_owned()
        } else if index == field {
            name.to_owned()
        } else if index.depth() <= fields || !field.is_ancestor_of(index) {
            format!("state fields, level {}", index.depth().min(fields))
        } else {
            match self {
                Self::Region(places) => places.name(index),
                Self::Slot(places) => places.name(index, hash),
            }
        }
    }
}

/// The position of a node, from the left, among those of its level below `above`.
fn position(above: GeneralizedIndex, index: GeneralizedIndex) -> u64 {
    index.get() - (above.get() << (index.depth() - above.depth()))
}

/// Writes the paths as tables, from the leaf to the root.
pub(crate) fn write_paths(out: &mut Output, paths: &[PathReport]) -> io::Result<()> {
    writeln!(
        out,
        "paths   a node is the SHA-256 of two: the one in the line above it, and the one beside that;"
    )?;
    writeln!(out, "        of the two, the one with the even number comes first")?;
    let mut of_claim = (0, 0);
    for path in paths {
        of_claim = if of_claim.0 == path.claim { (path.claim, of_claim.1 + 1) } else { (path.claim, 1) };
        if of_claim.1 <= MAX_PATHS {
            path.write(out)?;
        }
        let more = paths.iter().filter(|other| other.claim == path.claim).count().saturating_sub(MAX_PATHS);
        if of_claim.1 == MAX_PATHS && more > 0 {
            writeln!(out, "and {} of this claim (--json has all)", counted(more as u64, "more page"))?;
        }
    }
    Ok(())
}

impl PathReport {
    fn write(&self, out: &mut Output) -> io::Result<()> {
        writeln!(out, "from    {}", self.from)?;
        for NodeReport { node, sibling } in &self.nodes {
            let mut line = format!("  {:<22} {}", node.name, node.columns());
            if let Some(sibling) = sibling {
                let name = if sibling.name == node.name { "" } else { &sibling.name };
                let zeros = if sibling.is_zeros() { "zeros" } else { "" };
                let note = [name, zeros].into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>();
                line.extend(["  |  ", &sibling.columns(), "  ", &note.join(", ")]);
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        if self.joins { writeln!(out, "  from there as above") } else { Ok(()) }
    }
}

impl Node {
    fn columns(&self) -> String {
        format!("{:>13}  {}  {:<8}", self.gindex, self.hash.short(), self.origin)
    }

    /// Whether it is the root of a subtree of zeros.
    fn is_zeros(&self) -> bool {
        (0..=ZERO_LEVELS).any(|depth| *zero_hash(depth) == self.hash.0)
    }
}
