//! Proofs of bytes of a state with a region of 64 MiB, all of whose pages differ: made, and verified from their encoded form.

use peers_harness::{Error, Row, Table};
use ssz_rs::{Node, is_valid_merkle_branch};
use travertine_memory::Permissions;
use travertine_merkle::layout::CapLayout;
use travertine_merkle::{
    CapContent, Claim, GeneralizedIndex, Hash, Proven, SingleProof, layout, verify_memory_proof,
};
use travertine_vm::{Engine, Image, Program, Segment, State};

use crate::content::{MEDIUM, page, region, scattered};
use crate::{HASHTREE, MILHOUSE, OURS, SHA2, SSZ_RS, TREE_HASH};

const CODE: u64 = 0x1_f000_0000;
const DATA: u64 = 0x2_0000_0000;
/// Offset in the region of what is proven: near the middle, at the beginning of a page.
const OFFSET: u64 = 0x1ff_f000;

const NO_PROOFS: &str = "has no proofs";
const BRANCHES_ONLY: &str = "can check a branch of one chunk, and no more";

pub(crate) fn measure(table: &mut Table) -> Result<(), Error> {
    let content = region(MEDIUM);
    let state = state(&content)?;
    let at = |offset, length| Claim::bytes(DATA + offset, length);
    branch(table, &state, &content)?;
    proofs(table, &state, &content, ["prove 32 B", "verify 32 B"], &[at(OFFSET, 32)])?;
    proofs(table, &state, &content, ["prove 4 KiB", "verify 4 KiB"], &[at(OFFSET, 4096)])?;
    proofs(table, &state, &content, ["prove 1 MiB", "verify 1 MiB"], &[at(OFFSET, 1 << 20)])?;
    let chunks: Vec<Claim> =
        scattered(1000, MEDIUM * 128).map(|chunk| at(u64::from(chunk) * 32, 32)).collect();
    proofs(
        table,
        &state,
        &content,
        ["prove 1,000 scattered chunks", "verify 1,000 scattered chunks"],
        &chunks,
    )
}

/// A settled state with a page of code and a region of data.
fn state(content: &[u8]) -> Result<State, Error> {
    let segment = |address, data: &[u8], permissions| Segment {
        address,
        memory_size: data.len() as u64,
        data: data.to_vec(),
        permissions,
    };
    let segments = vec![
        segment(CODE, &page(0), Permissions::READ_EXECUTE),
        segment(DATA, content, Permissions::READ_WRITE),
    ];
    let program = Program::new(Image::new(CODE, segments)?);
    Ok(Engine::default().instantiate(&program).state().clone())
}

/// A chunk and its siblings up to the state root.
fn branch(table: &mut Table, state: &State, content: &[u8]) -> Result<(), Error> {
    let address = DATA + OFFSET;
    let offset = usize::try_from(OFFSET)?;
    let chunk: Hash = content[offset..offset + 32].try_into()?;
    let cap = CapLayout::new(layout::cap(2), content.len() as u64)?;
    let index = cap.chunk(u32::try_from(OFFSET)?)?;
    let root = state.root();
    let prove = || SingleProof::prove(state, index).expect("the chunk is there");
    table.row("branch of one chunk, verified", 1, |row| {
        row.expect(chunk);
        let verify = |proof: SingleProof| proof.verify_in_state(&root, address);
        row.measure(OURS, prove, verify, |content| match content {
            Ok(CapContent::Chunk(chunk)) => *chunk,
            Ok(CapContent::ZeroPage) | Err(_) => [0; 32],
        })?;
        for peer in [HASHTREE, SHA2, TREE_HASH, MILHOUSE] {
            row.absent(peer, NO_PROOFS);
        }
        let node = |hash: &Hash| Node::try_from(&hash[..]).expect("a node has 32 bytes");
        let nodes = || {
            let proof = prove();
            (node(&proof.leaf), proof.branch.iter().map(node).collect::<Vec<_>>())
        };
        let (depth, position, root) = (index.depth() as usize, position(index)?, node(&root));
        let verify = |(leaf, branch): (Node, Vec<Node>)| {
            is_valid_merkle_branch(&leaf, branch.iter(), depth, position, &root).then_some(leaf)
        };
        row.measure(SSZ_RS, nodes, verify, |leaf| leaf.map_or([0; 32], |leaf| leaf.as_ref().try_into().expect("32")))?;
        row.note("ours checks the region's kind and size in the branch, too, and that the chunk lies where they say");
        Ok(())
    })
}

fn position(index: GeneralizedIndex) -> Result<usize, Error> {
    Ok(usize::try_from(index.get() - (1 << index.depth()))?)
}

fn proofs(
    table: &mut Table,
    state: &State,
    content: &[u8],
    [prove, verify]: [&'static str; 2],
    claims: &[Claim],
) -> Result<(), Error> {
    let root = state.root();
    let bytes = claims.iter().map(|claim| {
        let start = usize::try_from(claim.address - DATA)?;
        Ok(&content[start..start + usize::try_from(claim.length)?])
    });
    let expected = bytes.collect::<Result<Vec<_>, Error>>()?.concat();
    let make = || state.prove(claims).expect("the bytes are there").encode().expect("the proof is short");
    let check = |proof: &[u8]| verify_memory_proof(proof, &root, claims).expect("the proof is true");
    table.row(prove, 1, |row| {
        row.expect(expected.clone());
        row.measure(OURS, || (), |()| make(), |proof| proven_bytes(&check(proof)))?;
        row.note(format!("{} bytes", make().len()));
        no_peers(row);
        Ok(())
    })?;
    table.row(verify, 1, |row| {
        row.expect(expected);
        let proof = make();
        row.measure(OURS, || &*proof, check, |proven| proven_bytes(proven))?;
        no_peers(row);
        Ok(())
    })
}

fn proven_bytes(proven: &[Proven]) -> Vec<u8> {
    proven.iter().flat_map(|proven| proven.bytes().unwrap_or_default()).copied().collect()
}

fn no_peers<R: PartialEq + std::fmt::Debug>(row: &mut Row<R>) {
    for peer in [HASHTREE, SHA2, TREE_HASH, MILHOUSE] {
        row.absent(peer, NO_PROOFS);
    }
    row.absent(SSZ_RS, BRANCHES_ONLY);
}
