//! How a valid proof leads from what it is about to the state root, node by node, for a person to follow.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;
use travertine_merkle::layout::{self, CHUNK_BYTES, CapLayout, LayoutError, PAGE_BYTES, StateField};
use travertine_merkle::{
    Claim, GeneralizedIndex, Hash, NodeOrigin, ProofNode, Proven, RegionHeader, zero_hash,
};

use crate::claims::{RegionReport, describe};
use crate::output::{Hex, Output, counted, grouped};

/// Paths of a claim that are written for people; JSON has all.
const MAX_PATHS: usize = 4;
/// Levels of the highest subtree of zeros that is named as such: that over all pages of a region.
const ZERO_LEVELS: u32 = layout::REGION_PAGES.ilog2();

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

/// A claim's region, as far as names are concerned.
struct Places {
    region: u8,
    /// `None` if the region is absent.
    present: Option<(RegionHeader, CapLayout)>,
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
        let places = Places::new(claim, value)?;
        for (start, from) in places.starts(claim, value, &nodes)? {
            let mut path = PathReport { claim: position, from, nodes: Vec::new(), joins: false };
            let mut next = nodes.get(&start);
            while let Some(&node) = next {
                path.joins = !shown.insert(node.index);
                let sibling = node.index.sibling().and_then(|index| nodes.get(&index));
                let sibling = sibling.filter(|_| !path.joins).map(|&node| places.node(node));
                path.nodes.push(NodeReport { node: places.node(node), sibling });
                next = node.index.parent().filter(|_| !path.joins).and_then(|index| nodes.get(&index));
            }
            paths.push(path);
        }
    }
    Ok(paths)
}

impl Places {
    fn new(claim: &Claim, value: &Proven) -> Result<Self, LayoutError> {
        let (region, _) = layout::split_address(claim.address)?;
        let header = match value {
            Proven::Bytes { region, .. } => Some(*region),
            Proven::Region(header) => *header,
        };
        let Some(header) = header else { return Ok(Self { region, present: None }) };
        let cap = CapLayout::new(layout::cap(region), header.size)?;
        Ok(Self { region, present: Some((header, cap)) })
    }

    /// Where the paths of a claim begin: at the first claimed chunk of each page, at the leaf of a zero page, at the size of
    /// a region, at the leaf of an absent one.
    fn starts(
        &self,
        claim: &Claim,
        value: &Proven,
        nodes: &BTreeMap<GeneralizedIndex, ProofNode>,
    ) -> Result<Vec<(GeneralizedIndex, String)>, LayoutError> {
        let region = self.region;
        let (Some((_, cap)), Proven::Bytes { .. }) = (&self.present, value) else {
            let start = if self.present.is_some() { layout::size(region) } else { layout::region(region) };
            return Ok(vec![(start, describe(claim))]);
        };
        let start = claim.address % layout::REGION_BYTES;
        let end = start + claim.length;
        let mut starts = Vec::new();
        for page in start / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
            let first = start.max(page * PAGE_BYTES);
            let last = end.min((page + 1) * PAGE_BYTES) - 1;
            let offset = u32::try_from(first).expect("proven bytes lie in their region");
            let leaf = cap.page(layout::page_number(offset))?;
            if nodes.get(&leaf).is_some_and(|node| node.origin == NodeOrigin::Leaf) {
                starts.push((leaf, format!("page {} of region {region}, which is all zero", grouped(page))));
                continue;
            }
            let chunks = [first, last].map(|byte| byte % PAGE_BYTES / CHUNK_BYTES);
            let which = match chunks {
                [chunk, last] if chunk == last => format!("chunk {chunk}"),
                [chunk, last] => format!("chunk {chunk} of the chunks {chunk} to {last}"),
            };
            starts
                .push((cap.chunk(offset)?, format!("{which} of page {} of region {region}", grouped(page))));
        }
        Ok(starts)
    }

    fn node(&self, ProofNode { index, hash, origin }: ProofNode) -> Node {
        let origin = match origin {
            NodeOrigin::Leaf => "leaf",
            NodeOrigin::Helper => "helper",
            NodeOrigin::Computed => "computed",
        };
        Node { name: self.name(index), gindex: index.get(), hash: Hex(hash), origin }
    }

    /// What a node is, from its place.
    fn name(&self, index: GeneralizedIndex) -> String {
        let regions = layout::field(StateField::Regions);
        let leaf = layout::region(self.region);
        let position =
            |above: GeneralizedIndex| index.get() - (above.get() << (index.depth() - above.depth()));
        if index == GeneralizedIndex::ROOT {
            return "state root".to_owned();
        }
        if index == regions {
            return "regions".to_owned();
        }
        if !regions.is_ancestor_of(index) {
            return format!("state fields, level {}", index.depth());
        }
        let levels = leaf.depth() - regions.depth();
        match index.depth() - regions.depth() {
            level if level < levels => return format!("regions, level {level} of {levels}"),
            level if level == levels => return format!("region {}", position(regions)),
            _ => {}
        }
        if index == layout::cap(self.region) {
            return "cap".to_owned();
        }
        let Some((header, cap)) = &self.present else { return "below the region".to_owned() };
        if index == layout::meta(self.region) {
            return format!("meta: {}", RegionReport::from(*header).kind_and_permissions());
        }
        if index == layout::size(self.region) {
            return format!("size: {}", grouped(header.size));
        }
        let pages = cap.pages_root();
        let (level, page_level) = (index.depth() - pages.depth(), cap.depth());
        match level.checked_sub(page_level) {
            Some(0) => format!("page {}", grouped(position(pages))),
            None if level == 0 => "pages".to_owned(),
            None => format!("pages, level {level} of {page_level}"),
            Some(below) => {
                let levels = layout::PAGE_CHUNKS.ilog2();
                let chunk = index.get() % layout::PAGE_CHUNKS;
                if below == levels {
                    format!("chunk {chunk}")
                } else {
                    format!("page, level {below} of {levels}")
                }
            }
        }
    }
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
