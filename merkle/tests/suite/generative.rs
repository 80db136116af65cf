//! Generative regions against a tree whose nodes are all there: what nobody has written is proven without data, and no forgery
//! passes one thing for another.

use travertine_merkle::layout::{self, CapLayout, GENERATIVE_KIND, PAGE_BYTES, REGION_BYTES, StateField};
use travertine_merkle::{
    Claim, ClaimError, GeneralizedIndex, Generator, Hash, MemoryProof, Proven, RegionHeader, StateTree,
    VerifyError, WRITTEN_MARK, ZERO_HASH, hash_pair, uint64_chunk, verify_memory_proof,
};
use travertine_vrns::{Mode, Synthesis};

use crate::twin::{Page, lcg_page};

const REGION: u8 = 0x85;
const BASE: u64 = REGION as u64 * REGION_BYTES;
const PAGES: u64 = 6;
const WRITTEN: u64 = 1;
const ZEROED: u64 = 4;

/// A tree with all its nodes.
enum Tree {
    Leaf(Hash),
    Branch(Hash, Box<[Tree; 2]>),
}

impl Tree {
    fn join(left: Self, right: Self) -> Self {
        Self::Branch(hash_pair(&left.hash(), &right.hash()), Box::new([left, right]))
    }

    fn hash(&self) -> Hash {
        match self {
            Self::Leaf(hash) | Self::Branch(hash, _) => *hash,
        }
    }

    /// The tree over these, padded with zero leaves.
    fn over(leaves: Vec<Self>) -> Self {
        let mut layer = leaves;
        while !layer.len().is_power_of_two() {
            layer.push(Self::Leaf(ZERO_HASH));
        }
        while layer.len() > 1 {
            let mut rest = layer.into_iter();
            layer = std::iter::from_fn(|| Some(Self::join(rest.next()?, rest.next()?))).collect();
        }
        layer.remove(0)
    }

    fn chunks(chunks: impl IntoIterator<Item = Hash>) -> Self {
        Self::over(chunks.into_iter().map(Self::Leaf).collect())
    }

    fn node(&self, index: GeneralizedIndex) -> Option<Hash> {
        let mut node = self;
        for level in (0..index.depth()).rev() {
            let Self::Branch(_, halves) = node else { return None };
            node = &halves[usize::from(index.get() >> level & 1 == 1)];
        }
        Some(node.hash())
    }
}

/// A state of one generative region: of its pages one is written, one is written with zeros.
struct State {
    tree: Tree,
    generator: Generator,
    page: Page,
}

impl State {
    fn new(generator: Generator) -> Self {
        Self::with(generator, GENERATIVE_KIND)
    }

    fn with(generator: Generator, kind: u8) -> Self {
        let page = lcg_page(77);
        let pages = (0..PAGES).map(|number| match number {
            WRITTEN => Tree::join(Tree::chunks(page.as_chunks().0.iter().copied()), Tree::Leaf(WRITTEN_MARK)),
            ZEROED => Tree::chunks([ZERO_HASH, WRITTEN_MARK]),
            _ => Tree::Leaf(ZERO_HASH),
        });
        let integer = |value| Tree::Leaf(uint64_chunk(value));
        let cap = Tree::over(vec![
            integer(PAGES * PAGE_BYTES),
            Tree::over(pages.collect()),
            integer(generator.seed),
            integer(generator.mode),
        ]);
        let region = Tree::join(integer(u64::from(kind) | 3 << 8), cap);
        let mut regions: Vec<Tree> = (0..256).map(|_| Tree::Leaf(ZERO_HASH)).collect();
        regions[usize::from(REGION)] = region;
        let mut fields: Vec<Tree> = (0..8).map(integer).collect();
        fields[StateField::Regions as usize] = Tree::over(regions);
        Self { tree: Tree::over(fields), generator, page }
    }

    fn root(&self) -> Hash {
        self.tree.hash()
    }

    /// The bytes of a claim.
    fn bytes(&self, claim: &Claim) -> Vec<u8> {
        let mode = Mode::from_code(self.generator.mode).unwrap();
        let mut all = Vec::new();
        for number in 0..PAGES {
            all.extend(match number {
                WRITTEN => self.page,
                ZEROED => [0; 4096],
                _ => Synthesis { seed: self.generator.seed, mode }.page(number),
            });
        }
        let start = usize::try_from(claim.address - BASE).unwrap();
        all[start..][..usize::try_from(claim.length).unwrap()].to_vec()
    }
}

impl StateTree for State {
    fn node(&self, index: GeneralizedIndex) -> Option<Hash> {
        self.tree.node(index)
    }

    fn region(&self, region: u8) -> Option<RegionHeader> {
        (region == REGION).then(|| RegionHeader {
            meta: u64::from(GENERATIVE_KIND) | 3 << 8,
            size: PAGES * PAGE_BYTES,
            generator: Some(self.generator),
        })
    }
}

const GENERATOR: Generator = Generator { seed: 0xfeed_beef_1234, mode: 1 };

fn claims() -> Vec<Claim> {
    let page = |number| BASE + number * PAGE_BYTES;
    vec![
        Claim::bytes(page(0) + 7, 2),
        Claim::bytes(page(WRITTEN) + 40, 8),
        Claim::bytes(page(ZEROED) + 100, 70),
        Claim::bytes(page(5) + 4090, 6),
        Claim::bytes(page(0) + 4000, 5 * PAGE_BYTES),
        Claim::region(REGION),
        Claim::region(3),
    ]
}

#[test]
fn bytes_are_proven_wherever_they_are() {
    for mode in [0, 1] {
        let state = State::new(Generator { mode, ..GENERATOR });
        let all = claims();
        for claims in all.iter().map(std::slice::from_ref).chain([&all[..]]) {
            let proof = MemoryProof::prove(&state, claims).unwrap().encode().unwrap();
            let proven = verify_memory_proof(&proof, &state.root(), claims).unwrap();
            for (claim, value) in claims.iter().zip(proven) {
                match value {
                    Proven::Bytes { data, region } => {
                        assert_eq!(data, state.bytes(claim), "{claim:?}");
                        assert_eq!(Some(region), state.region(REGION));
                    }
                    Proven::Region(header) => {
                        assert_eq!(header, state.region(u8::try_from(claim.address >> 32).unwrap()));
                    }
                    Proven::Allocation(_) => unreachable!("none is claimed"),
                }
            }
        }
    }
}

/// Of a page that nobody has written the proof has one leaf, and that is zero.
#[test]
fn bytes_that_nobody_has_written_take_no_data() {
    let state = State::new(GENERATOR);
    let proof = MemoryProof::prove(&state, &[Claim::bytes(BASE, PAGE_BYTES)]).unwrap();
    let page = CapLayout::generative(layout::cap(REGION), PAGES * PAGE_BYTES).unwrap().page(0).unwrap();
    let [size, seed, mode] = layout::generative_integers(REGION).map(GeneralizedIndex::get);
    assert_eq!(proof.gindices, [page.get(), mode, seed, size, layout::meta(REGION).get()]);
    let integers = [GENERATOR.mode, GENERATOR.seed, PAGES * PAGE_BYTES].map(uint64_chunk);
    assert_eq!(proof.leaves[..4], [[ZERO_HASH].as_slice(), &integers].concat());
}

#[test]
fn every_flipped_bit_is_refused() {
    let state = State::new(GENERATOR);
    let claims = &claims()[..4];
    let mut proof = MemoryProof::prove(&state, claims).unwrap().encode().unwrap();
    for bit in 0..8 * proof.len() {
        proof[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_memory_proof(&proof, &state.root(), claims).is_err(), "bit {bit}");
        proof[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Proofs of other states, said to be of this one: another seed or mode, a page that is written for one that is not, the
/// reverse, and one that was written with zeros.
#[test]
fn nothing_passes_for_something_else() {
    let state = State::new(GENERATOR);
    let root = state.root();
    let claim = [Claim::bytes(BASE, 8)];
    for generator in [Generator { seed: GENERATOR.seed ^ 1, ..GENERATOR }, Generator { mode: 0, ..GENERATOR }]
    {
        let other = State::new(generator);
        let proof = MemoryProof { root, ..MemoryProof::prove(&other, &claim).unwrap() };
        assert!(matches!(proof.verify(&root, &claim), Err(VerifyError::Multiproof(_))));
    }
    let places = CapLayout::generative(layout::cap(REGION), PAGES * PAGE_BYTES).unwrap();
    // Of each page the leaf, the content and a chunk, taken for zero, whatever they are.
    for number in [0, WRITTEN, ZEROED, 5] {
        let claims = [Claim::bytes(BASE + number * PAGE_BYTES + 64, 8)];
        let page = u32::try_from(number).unwrap();
        let chunk = places.chunk(page * 4096 + 64).unwrap();
        let candidates = [places.page(page).unwrap(), places.content(page).unwrap(), chunk];
        let honest = MemoryProof::prove(&state, &claims).unwrap();
        for candidate in candidates {
            let mut indices: Vec<GeneralizedIndex> =
                honest.gindices[1..].iter().map(|&index| GeneralizedIndex::new(index).unwrap()).collect();
            indices.insert(0, candidate);
            let node = |index: GeneralizedIndex| state.node(index).unwrap_or(ZERO_HASH);
            for leaf in [ZERO_HASH, node(candidate), WRITTEN_MARK] {
                let forged = MemoryProof {
                    gindices: indices.iter().map(|index| index.get()).collect(),
                    leaves: [&[leaf], &honest.leaves[1..]].concat(),
                    helpers: travertine_merkle::helper_indices(&indices)
                        .unwrap()
                        .into_iter()
                        .map(node)
                        .collect(),
                    ..honest.clone()
                };
                match forged.verify(&root, &claims) {
                    Ok(proven) => {
                        assert_eq!(forged, honest, "page {number}");
                        assert_eq!(proven[0].bytes().unwrap(), state.bytes(&claims[0]));
                    }
                    Err(_) => assert_ne!(forged, honest, "page {number}"),
                }
            }
        }
    }
}

#[test]
fn modes_and_kinds_that_are_not_defined_are_refused() {
    let unknown = State::new(Generator { mode: 2, ..GENERATOR });
    let refused = |claims: &[Claim]| {
        MemoryProof::prove(&unknown, claims).unwrap().verify(&unknown.root(), claims).unwrap_err()
    };
    let error = ClaimError::Mode { region: REGION, mode: 2 };
    assert_eq!(refused(&[Claim::bytes(BASE, 1)]), VerifyError::Claim(error));
    let known = [Claim::bytes(BASE + PAGE_BYTES, 1), Claim::region(REGION)];
    let proof = MemoryProof::prove(&unknown, &known).unwrap();
    let proven = proof.verify(&unknown.root(), &known).unwrap();
    assert_eq!(proven[0].bytes(), Some(&unknown.page[..1]), "what is written does not need the mode");

    // A plain region passes for no generative one: the state says otherwise of its shape.
    let plain = State::with(GENERATOR, 3);
    let claim = [Claim::bytes(BASE, 1)];
    let proof = MemoryProof::prove(&plain, &claim).unwrap();
    assert!(proof.verify(&plain.root(), &claim).is_err());
}
