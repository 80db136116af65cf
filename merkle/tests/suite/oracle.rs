//! `ssz_rs` as an independent oracle for the encoding of proofs and for roots.

use proptest::collection::vec;
use proptest::prelude::*;
use ssz_rs::prelude::*;
use travertine_merkle as merkle;
use travertine_merkle::{
    AllocationRecord, ChangedRecord, ChangedRegion, Claim, MemoryProof, PageChange, StateCounts,
    TransitionHeader, TransitionProof, merkleize, mix_in_length,
};

use crate::twin::record;

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleClaim {
    kind: u64,
    address: u64,
    length: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleProof {
    version: u64,
    root: Vector<u8, 32>,
    claims: List<OracleClaim, 65_536>,
    gindices: List<u64, 1_048_576>,
    leaves: List<Vector<u8, 32>, 1_048_576>,
    helpers: List<Vector<u8, 32>, 1_048_576>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleHeader {
    meta: u64,
    size: u64,
    seed: u64,
    mode: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleRegion {
    region: u64,
    old: OracleHeader,
    new: OracleHeader,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleCounts {
    settlements: u64,
    next_allocation: u64,
    slots: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleRecord {
    id: u64,
    address: u64,
    size: u64,
    kind: u64,
    flags: u64,
    owner: Vector<u8, 32>,
    fragment_count: u64,
    fragments: Vector<u8, 32>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleChangedRecord {
    slot: u64,
    old: OracleRecord,
    new: OracleRecord,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleChange {
    region: u64,
    page: u64,
    old: Vector<u8, 32>,
    new: Vector<u8, 32>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, SimpleSerialize)]
struct OracleTransition {
    version: u64,
    old_root: Vector<u8, 32>,
    new_root: Vector<u8, 32>,
    old: OracleCounts,
    new: OracleCounts,
    regions: List<OracleRegion, 256>,
    changes: List<OracleChange, 1_048_576>,
    records: List<OracleChangedRecord, 131_072>,
    helpers: List<Vector<u8, 32>, 1_048_576>,
}

fn oracle_transition(proof: &TransitionProof) -> OracleTransition {
    let header = |it: TransitionHeader| {
        let TransitionHeader { meta, size, seed, mode } = it;
        OracleHeader { meta, size, seed, mode }
    };
    let region =
        |it: &ChangedRegion| OracleRegion { region: it.region, old: header(it.old), new: header(it.new) };
    let counts = |it: StateCounts| OracleCounts {
        settlements: it.settlements,
        next_allocation: it.next_allocation,
        slots: it.slots,
    };
    let record = |it: AllocationRecord| OracleRecord {
        id: it.id,
        address: it.address,
        size: it.size,
        kind: it.kind,
        flags: it.flags,
        owner: bytes32(it.owner),
        fragment_count: it.fragment_count,
        fragments: bytes32(it.fragments),
    };
    let changed_record =
        |it: &ChangedRecord| OracleChangedRecord { slot: it.slot, old: record(it.old), new: record(it.new) };
    let change = |it: &PageChange| OracleChange {
        region: it.region,
        page: it.page,
        old: bytes32(it.old),
        new: bytes32(it.new),
    };
    OracleTransition {
        version: proof.version,
        old_root: bytes32(proof.old_root),
        new_root: bytes32(proof.new_root),
        old: counts(proof.old),
        new: counts(proof.new),
        regions: proof.regions.iter().map(region).collect::<Vec<_>>().try_into().unwrap(),
        changes: proof.changes.iter().map(change).collect::<Vec<_>>().try_into().unwrap(),
        records: proof.records.iter().map(changed_record).collect::<Vec<_>>().try_into().unwrap(),
        helpers: nodes(&proof.helpers),
    }
}

pub(crate) fn any_transition() -> impl Strategy<Value = TransitionProof> {
    let hash = any::<[u8; 32]>;
    let header =
        || any::<[u64; 4]>().prop_map(|[meta, size, seed, mode]| TransitionHeader { meta, size, seed, mode });
    let region =
        (any::<u64>(), header(), header()).prop_map(|(region, old, new)| ChangedRegion { region, old, new });
    let counts = || {
        any::<(u64, u64, u64)>().prop_map(|(settlements, next_allocation, slots)| StateCounts {
            settlements,
            next_allocation,
            slots,
        })
    };
    let any_record = || prop_oneof![Just(AllocationRecord::FREE), any::<u64>().prop_map(record)];
    let changed_record = (any::<u64>(), any_record(), any_record())
        .prop_map(|(slot, old, new)| ChangedRecord { slot, old, new });
    let change = (any::<(u64, u64)>(), hash(), hash()).prop_map(|((region, page), old, new)| PageChange {
        region,
        page,
        old,
        new,
    });
    let lists = (vec(region, 0..4), vec(change, 0..5), vec(changed_record, 0..4), vec(hash(), 0..9));
    (counts(), counts(), hash(), hash(), lists).prop_map(
        |(old, new, old_root, new_root, (regions, changes, records, helpers))| TransitionProof {
            version: merkle::TRANSITION_VERSION,
            old_root,
            new_root,
            old,
            new,
            regions,
            changes,
            records,
            helpers,
        },
    )
}

fn bytes32(hash: merkle::Hash) -> Vector<u8, 32> {
    hash.to_vec().try_into().unwrap()
}

fn nodes(hashes: &[merkle::Hash]) -> List<Vector<u8, 32>, 1_048_576> {
    hashes.iter().copied().map(bytes32).collect::<Vec<_>>().try_into().unwrap()
}

fn oracle(proof: &MemoryProof) -> OracleProof {
    let claim =
        |claim: &Claim| OracleClaim { kind: claim.kind, address: claim.address, length: claim.length };
    OracleProof {
        version: proof.version,
        root: bytes32(proof.root),
        claims: proof.claims.iter().map(claim).collect::<Vec<_>>().try_into().unwrap(),
        gindices: proof.gindices.clone().try_into().unwrap(),
        leaves: nodes(&proof.leaves),
        helpers: nodes(&proof.helpers),
    }
}

pub(crate) fn any_proof() -> impl Strategy<Value = MemoryProof> {
    let claim = any::<(u64, u64, u64)>().prop_map(|(kind, address, length)| Claim { kind, address, length });
    let lists = (
        vec(claim, 0..5),
        vec(any::<u64>(), 0..5),
        vec(any::<[u8; 32]>(), 0..5),
        vec(any::<[u8; 32]>(), 0..9),
    );
    (any::<[u8; 32]>(), lists).prop_map(|(root, (claims, gindices, leaves, helpers))| MemoryProof {
        version: 1,
        root,
        claims,
        gindices,
        leaves,
        helpers,
    })
}

/// Packs a list of `uint64` into chunks.
fn pack(values: &[u64]) -> Vec<merkle::Hash> {
    let chunk = |values: &[u64]| {
        let mut chunk = [0; 32];
        for (bytes, value) in chunk.chunks_exact_mut(8).zip(values) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        chunk
    };
    values.chunks(4).map(chunk).collect()
}

fn list_root<const LIMIT: usize>(values: &[u64]) -> merkle::Hash {
    let mut list: List<u64, LIMIT> = values.to_vec().try_into().unwrap();
    list.hash_tree_root().unwrap().as_ref().try_into().unwrap()
}

fn vector_root<const LENGTH: usize>(chunks: &[merkle::Hash]) -> merkle::Hash {
    let chunks = chunks.iter().map(|chunk| bytes32(*chunk)).collect::<Vec<_>>();
    let mut vector: Vector<Vector<u8, 32>, LENGTH> = chunks.try_into().unwrap();
    vector.hash_tree_root().unwrap().as_ref().try_into().unwrap()
}

proptest! {
    #[test]
    fn proofs_are_encoded_as_ssz_containers(proof in any_proof()) {
        let encoded = proof.encode().unwrap();
        prop_assert_eq!(&encoded, &serialize(&oracle(&proof)).unwrap());
        prop_assert_eq!(MemoryProof::decode(&encoded).unwrap(), proof.clone());
        prop_assert_eq!(deserialize::<OracleProof>(&encoded).unwrap(), oracle(&proof));
    }

    #[test]
    fn transition_proofs_are_encoded_as_ssz_containers(proof in any_transition()) {
        let encoded = proof.encode().unwrap();
        prop_assert_eq!(&encoded, &serialize(&oracle_transition(&proof)).unwrap());
        prop_assert_eq!(TransitionProof::decode(&encoded).unwrap(), proof.clone());
        prop_assert_eq!(deserialize::<OracleTransition>(&encoded).unwrap(), oracle_transition(&proof));
    }

    /// Decoding is a bijection: what is accepted at all is what encoding gives back.
    #[test]
    fn accepted_bytes_encode_to_themselves(proof in any_proof(), transition in any_transition(), at in any::<prop::sample::Index>(), value: u8, tail in vec(any::<u8>(), 0..40)) {
        for mut encoded in [proof.encode().unwrap(), transition.encode().unwrap()] {
            encoded.extend(&tail);
            let at = at.index(encoded.len());
            encoded[at] = value;
            if let Ok(decoded) = MemoryProof::decode(&encoded) {
                prop_assert_eq!(decoded.encode().unwrap(), encoded);
            } else if let Ok(decoded) = TransitionProof::decode(&encoded) {
                prop_assert_eq!(decoded.encode().unwrap(), encoded);
            }
        }
    }

    #[test]
    fn lists_have_the_same_roots(values in vec(any::<u64>(), 0..70)) {
        let expected = |limit: u64| mix_in_length(&merkleize(&pack(&values), limit.div_ceil(4)), values.len() as u64);
        prop_assert_eq!(list_root::<70>(&values), expected(70));
        prop_assert_eq!(list_root::<128>(&values), expected(128));
        prop_assert_eq!(list_root::<1_048_576>(&values), expected(1_048_576));
    }

    #[test]
    fn vectors_have_the_same_roots(chunks in vec(any::<[u8; 32]>(), 33)) {
        prop_assert_eq!(vector_root::<1>(&chunks[..1]), merkleize(&chunks[..1], 1));
        prop_assert_eq!(vector_root::<2>(&chunks[..2]), merkleize(&chunks[..2], 2));
        prop_assert_eq!(vector_root::<5>(&chunks[..5]), merkleize(&chunks[..5], 5));
        prop_assert_eq!(vector_root::<32>(&chunks[..32]), merkleize(&chunks[..32], 32));
        prop_assert_eq!(vector_root::<33>(&chunks), merkleize(&chunks, 33));
    }
}
