//! A naive twin of a machine's state, built from plain maps, and the content rules of the golden vectors.

use std::collections::BTreeMap;

use serde_json::Value;
use travertine_merkle::layout::{PAGE_BYTES, StateField};
use travertine_merkle::{
    AllocationRecord, GeneralizedIndex, Generator, Hash, RegionHeader, StateTree, ZERO_HASH, ceil_log2,
    hash_pair, merkleize, page_leaf, uint64_chunk, zero_hash,
};

pub(crate) type Page = [u8; 4096];

/// A cap as a map of its pages. Every node is computed anew when it is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cap {
    pub(crate) size: u64,
    pub(crate) pages: BTreeMap<u32, Page>,
    pub(crate) generator: Option<Generator>,
}

impl Cap {
    pub(crate) fn depth(&self) -> u32 {
        ceil_log2(self.size / PAGE_BYTES)
    }

    pub(crate) fn page(&self, page: u32) -> Page {
        self.pages.get(&page).copied().unwrap_or([0; 4096])
    }

    pub(crate) fn page_is_zero(&self, page: u32) -> bool {
        self.page(page) == [0; 4096]
    }

    pub(crate) fn bytes(&self, start: u64, length: u64) -> Vec<u8> {
        let byte = |at: u64| self.page(u32::try_from(at / PAGE_BYTES).unwrap())[(at % PAGE_BYTES) as usize];
        (start..start + length).map(byte).collect()
    }

    pub(crate) fn root(&self) -> Hash {
        self.node(&[]).unwrap()
    }

    /// The node at the end of a path from the cap's root; `false` is left.
    pub(crate) fn node(&self, path: &[bool]) -> Option<Hash> {
        if let Some(generator) = self.generator {
            return self.generative_node(generator, path);
        }
        match path {
            [] => Some(hash_pair(&uint64_chunk(self.size), &self.pages_node(self.depth(), 0))),
            [false] => Some(uint64_chunk(self.size)),
            [false, ..] => None,
            [true, rest @ ..] => self.below_pages_root(rest),
        }
    }

    fn below_pages_root(&self, path: &[bool]) -> Option<Hash> {
        let depth = self.depth() as usize;
        let (to_page, in_page) = path.split_at(depth.min(path.len()));
        let node = position(to_page);
        if in_page.is_empty() {
            let height = u32::try_from(depth - to_page.len()).unwrap();
            return Some(self.pages_node(height, node << height));
        }
        let page = self.page(u32::try_from(node).unwrap());
        if in_page.len() > 7 || page == [0; 4096] {
            return None;
        }
        let chunks = 128 >> in_page.len();
        let first = usize::try_from(position(in_page)).unwrap() * chunks;
        Some(merkleize(&page.as_chunks().0[first..first + chunks], chunks as u64))
    }

    fn pages_node(&self, height: u32, first: u64) -> Hash {
        let past = first + (1 << height);
        if !self.pages.keys().any(|&page| (first..past).contains(&u64::from(page))) {
            return *zero_hash(height);
        }
        if height == 0 {
            return self.leaf(u32::try_from(first).unwrap());
        }
        let half = first + (1 << (height - 1));
        hash_pair(&self.pages_node(height - 1, first), &self.pages_node(height - 1, half))
    }

    /// A page's leaf. Of a generative cap the pages that it has are those that have been written.
    pub(crate) fn leaf(&self, page: u32) -> Hash {
        let content = page_leaf(&self.page(page));
        match self.generator {
            Some(_) if self.pages.contains_key(&page) => hash_pair(&content, &uint64_chunk(1)),
            _ => content,
        }
    }

    /// The node at the end of a path from the root of a generative cap, as far as the pages' leaves.
    fn generative_node(&self, generator: Generator, path: &[bool]) -> Option<Hash> {
        let fields = [
            uint64_chunk(self.size),
            self.pages_node(self.depth(), 0),
            uint64_chunk(generator.seed),
            uint64_chunk(generator.mode),
        ];
        match path {
            [false, true, rest @ ..] if rest.len() <= self.depth() as usize => self.below_pages_root(rest),
            _ if path.len() <= 2 => Some(over(&fields, path)),
            _ => None,
        }
    }

    pub(crate) fn from_json(cap: &Value) -> Self {
        let page = |entry: &Value| (u32::try_from(entry[0].as_u64().unwrap()).unwrap(), content(&entry[1]));
        let size = cap["size"].as_u64().or_else(|| cap["size"].as_str()?.parse().ok()).unwrap();
        Self { size, pages: cap["pages"].as_array().unwrap().iter().map(page).collect(), ..Self::default() }
    }

    /// The node at a generalized index of this cap's own tree.
    pub(crate) fn node_at(&self, index: GeneralizedIndex) -> Option<Hash> {
        self.node(&path(index))
    }
}

fn position(path: &[bool]) -> u64 {
    path.iter().fold(0, |position, &right| position << 1 | u64::from(right))
}

/// The way from the root to a node; `false` is left.
pub(crate) fn path(index: GeneralizedIndex) -> Vec<bool> {
    (0..index.depth()).rev().map(|bit| index.get() >> bit & 1 == 1).collect()
}

/// The list of allocations as a map of its records by slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allocations(pub(crate) BTreeMap<u64, AllocationRecord>);

impl Allocations {
    pub(crate) fn length(&self) -> u64 {
        self.0.keys().next_back().map_or(0, |last| last + 1)
    }

    /// The node at the end of a path from the list's root; `false` is left.
    fn node(&self, path: &[bool]) -> Option<Hash> {
        match path {
            [] => Some(hash_pair(&self.data_node(24, 0), &uint64_chunk(self.length()))),
            [true] => Some(uint64_chunk(self.length())),
            [true, ..] => None,
            [false, below @ ..] => {
                let (to_slot, in_record) = below.split_at(below.len().min(24));
                if in_record.is_empty() {
                    let height = u32::try_from(24 - to_slot.len()).unwrap();
                    return Some(self.data_node(height, position(to_slot) << height));
                }
                let record = self.0.get(&position(to_slot))?;
                (in_record.len() <= 3).then(|| over(&record.chunks(), in_record))
            }
        }
    }

    fn data_node(&self, height: u32, first: u64) -> Hash {
        if self.0.range(first..first + (1 << height)).next().is_none() {
            return *zero_hash(height);
        }
        if height == 0 {
            return over(&self.0[&first].chunks(), &[]);
        }
        let half = first + (1 << (height - 1));
        hash_pair(&self.data_node(height - 1, first), &self.data_node(height - 1, half))
    }
}

/// A record of arbitrary values.
pub(crate) fn record(seed: u64) -> AllocationRecord {
    let words: Vec<u64> = lcg(seed, 80).as_chunks().0.iter().copied().map(u64::from_le_bytes).collect();
    AllocationRecord {
        id: words[0],
        address: words[1],
        size: words[2],
        kind: words[3],
        flags: words[4],
        owner: lcg(words[5], 32).try_into().unwrap(),
        fragment_count: words[6],
        fragments: lcg(words[7], 32).try_into().unwrap(),
    }
}

/// A settled state: regions, allocations, counts, and arbitrary chunks for the other fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// `None`, here and below: an arbitrary chunk, too.
    pub(crate) next_allocation: Option<u64>,
    pub(crate) settlements: Option<u64>,
    pub(crate) regions: BTreeMap<u8, (u64, Cap)>,
    pub(crate) allocations: Option<Allocations>,
}

impl State {
    pub(crate) fn root(&self) -> Hash {
        self.node(GeneralizedIndex::ROOT).unwrap()
    }

    fn region_leaf(&self, region: u8) -> Hash {
        self.regions
            .get(&region)
            .map_or(ZERO_HASH, |(meta, cap)| hash_pair(&uint64_chunk(*meta), &cap.root()))
    }

    fn fields(&self) -> Vec<Hash> {
        let mut fields: Vec<Hash> = (0..8).map(|field| [field + 0x40; 32]).collect();
        for (field, count) in
            [(StateField::NextAllocation, self.next_allocation), (StateField::Settlements, self.settlements)]
        {
            if let Some(count) = count {
                fields[field as usize] = uint64_chunk(count);
            }
        }
        fields[StateField::Regions as usize] = merkleize(&self.region_leaves(), 256);
        if let Some(root) = self.allocations.as_ref().and_then(|allocations| allocations.node(&[])) {
            fields[StateField::Allocations as usize] = root;
        }
        fields
    }

    fn region_leaves(&self) -> Vec<Hash> {
        (0..=255).map(|region| self.region_leaf(region)).collect()
    }
}

/// The node over `leaves` (a power of two of them) at the end of a path.
fn over(leaves: &[Hash], path: &[bool]) -> Hash {
    let width = leaves.len() >> path.len();
    let first = usize::try_from(position(path)).unwrap() * width;
    merkleize(&leaves[first..first + width], width as u64)
}

impl StateTree for State {
    fn node(&self, index: GeneralizedIndex) -> Option<Hash> {
        let path = path(index);
        let (to_field, below) = path.split_at(path.len().min(3));
        if below.is_empty() {
            return Some(over(&self.fields(), to_field));
        }
        if position(to_field) == StateField::Allocations as u64 {
            return self.allocations.as_ref()?.node(below);
        }
        if position(to_field) != StateField::Regions as u64 {
            return None;
        }
        let (to_region, below) = below.split_at(below.len().min(8));
        if below.is_empty() {
            return Some(over(&self.region_leaves(), to_region));
        }
        let (meta, cap) = self.regions.get(&u8::try_from(position(to_region)).unwrap())?;
        match below {
            [false] => Some(uint64_chunk(*meta)),
            [true, below @ ..] => cap.node(below),
            [] | [false, ..] => None,
        }
    }

    fn region(&self, region: u8) -> Option<RegionHeader> {
        self.regions.get(&region).map(|(meta, cap)| RegionHeader {
            meta: *meta,
            size: cap.size,
            generator: cap.generator,
        })
    }
}

/// A golden vector file.
pub(crate) fn vectors(name: &str) -> Value {
    let path = format!("{}/../fixtures/vectors/ssz/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn hash(value: &Value) -> Hash {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

pub(crate) fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

/// A page by the content rules of the vectors' README.
pub(crate) fn content(rule: &Value) -> Page {
    let length = rule["len"].as_u64().map_or(4096, |length| usize::try_from(length).unwrap());
    let bytes = match rule["fill"].as_str().unwrap() {
        "zero" => vec![],
        "byte" => vec![u8::try_from(rule["value"].as_u64().unwrap()).unwrap(); length],
        "hex" => hex::decode(rule["hex"].as_str().unwrap()).unwrap(),
        "lcg" => lcg(rule["seed"].as_u64().unwrap(), length),
        "set" => {
            let mut bytes = vec![0; 4096];
            for entry in rule["bytes"].as_array().unwrap() {
                let at = usize::try_from(entry[0].as_u64().unwrap()).unwrap();
                bytes[at] = u8::try_from(entry[1].as_u64().unwrap()).unwrap();
            }
            bytes
        }
        other => panic!("content rule {other}"),
    };
    let mut page = [0; 4096];
    page[..bytes.len()].copy_from_slice(&bytes);
    page
}

/// Pseudo-random bytes of the vectors' generator.
pub(crate) fn lcg(seed: u64, length: usize) -> Vec<u8> {
    let step =
        |x: &u64| Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(step(&seed), step).flat_map(u64::to_le_bytes).take(length).collect()
}

/// A page full of the generator's bytes.
pub(crate) fn lcg_page(seed: u64) -> Page {
    lcg(seed, 4096).try_into().unwrap()
}

/// A region's meta chunk as an integer.
pub(crate) fn meta(kind: u8, permissions: u8, flags: u64) -> u64 {
    u64::from(kind) | u64::from(permissions) << 8 | flags << 16
}
