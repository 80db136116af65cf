//! The golden vectors of the page-vector cap tree: page leaves, cap roots, single proofs, multiproofs, forgeries.

use crate::twin::{Cap, content, hash, hashes, vectors};
use serde_json::Value;
use travertine_merkle::layout::CapLayout;
use travertine_merkle::{
    BranchError, CapContent, GeneralizedIndex, Hash, SingleProof, cap_root, helper_indices, merkleize,
    page_leaf, verify_multiproof, zero_hash,
};

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn index(value: &Value) -> GeneralizedIndex {
    GeneralizedIndex::new(number(value)).unwrap()
}

fn list<'a>(file: &'a Value, name: &str) -> &'a [Value] {
    let list = file[name].as_array().unwrap();
    assert!(!list.is_empty());
    list
}

fn single(proof: &Value) -> SingleProof {
    SingleProof {
        index: index(&proof["gindex"]),
        leaf: hash(&proof["leaf"]),
        branch: hashes(&proof["branch"]),
    }
}

#[test]
fn a_page_leaves_and_zero_hashes() {
    let file = vectors("a_page_roots.json");
    for case in list(&file, "cases") {
        let page = content(&case["content"]);
        assert_eq!(page_leaf(&page), hash(&case["page_leaf"]), "{}", case["name"]);
        assert_eq!(merkleize(page.as_chunks().0, 128), hash(&case["bytevector_root"]), "{}", case["name"]);
    }
    for (depth, zero) in (0..).zip(list(&file, "zero_hashes")) {
        assert_eq!(*zero_hash(depth), hash(zero));
    }
}

#[test]
fn b_roots_of_sparse_caps() {
    for case in list(&vectors("b_cap_roots.json"), "sparse") {
        let cap = Cap::from_json(case);
        let leaf = |page| page_leaf(&cap.page(page));
        let pages = u32::try_from(number(&case["page_count"])).unwrap();
        let layout = CapLayout::new(GeneralizedIndex::ROOT, cap.size).unwrap();
        assert_eq!((layout.pages(), u64::from(layout.depth())), (pages, number(&case["depth"])));
        let stored = cap.pages.keys().next_back().map_or(0, |last| last + 1);
        let pages_root = merkleize(&(0..stored).map(leaf).collect::<Vec<_>>(), u64::from(pages));
        assert_eq!(pages_root, hash(&case["pages_root"]), "{}", case["name"]);
        assert_eq!(cap_root(cap.size, &pages_root), hash(&case["cap_root"]), "{}", case["name"]);
    }
}

#[test]
fn d_single_proofs_prove_the_content_at_their_offset() {
    let file = vectors("d_single_proofs.json");
    for proof in list(&file, "proofs") {
        let cap = Cap::from_json(&file["caps"][proof["cap"].as_str().unwrap()]);
        let offset = u32::try_from(number(&proof["byte_offset"])).unwrap();
        let (triple, root) = (single(proof), hash(&proof["root"]));
        assert_eq!(triple.verify(&root), Ok(()));
        assert_eq!(cap.root(), root);
        assert_eq!(cap.node_at(triple.index), Some(triple.leaf));
        let expected = match proof["kind"].as_str().unwrap() {
            "inclusion" => CapContent::Chunk(hash(&proof["chunk"])),
            "absence" => CapContent::ZeroPage,
            kind => panic!("kind {kind}"),
        };
        assert_eq!(triple.verify_in_cap(&root, offset), Ok(expected));
        for other in [offset ^ 32, offset ^ 4096] {
            if expected == CapContent::ZeroPage && other / 4096 == offset / 4096 {
                continue;
            }
            assert!(triple.verify_in_cap(&root, other).is_err(), "offset {other} is not what it proves");
        }
    }
}

/// Trap 3: padding behind the last page is Merkle-valid, and must be refused.
#[test]
fn d_other_nodes_are_in_the_tree_but_prove_no_content() {
    let mut traps = 0;
    for node in list(&vectors("d_single_proofs.json"), "other_nodes") {
        let (triple, root) = (single(node), hash(&node["root"]));
        assert_eq!(triple.verify(&root), Ok(()), "{}", node["what"]);
        for page in 0..4 {
            let content = triple.verify_in_cap(&root, page * 4096);
            assert!(content.is_err(), "{} at page {page}: {content:?}", node["what"]);
        }
        if node["must_be_refused_by_cap_verifier"] == true {
            traps += 1;
            assert!(matches!(triple.verify_in_cap(&root, 3 * 4096), Err(BranchError::Layout(_))));
        }
    }
    assert_eq!(traps, 1);
}

fn indices(proof: &Value, name: &str) -> Option<Vec<GeneralizedIndex>> {
    proof[name].as_array().unwrap().iter().map(|index| GeneralizedIndex::new(number(index)).ok()).collect()
}

#[test]
fn e_multiproofs_verify_and_have_these_helpers() {
    let file = vectors("e_multiproofs.json");
    for proof in list(&file, "proofs") {
        let (proven, name) = (indices(proof, "gindices").unwrap(), &proof["name"]);
        let (leaves, helpers) = (hashes(&proof["leaves"]), hashes(&proof["proof"]));
        let helper_places = helper_indices(&proven).unwrap();
        assert_eq!(helper_places, indices(proof, "helper_indices").unwrap(), "{name}");
        let root = hash(&proof["root"]);
        assert_eq!(verify_multiproof(&proven, &leaves, &helpers, &root), Ok(()), "{name}");
        let cap = Cap::from_json(&file["caps"][proof["cap"].as_str().unwrap()]);
        let nodes = |places: &[GeneralizedIndex]| -> Vec<Hash> {
            places.iter().map(|&place| cap.node_at(place).unwrap()).collect()
        };
        assert_eq!((nodes(&proven), nodes(&helper_places)), (leaves, helpers), "{name}");
    }
}

/// Traps 2, 3 and 5: other sizes, paths below absent pages, surplus siblings.
#[test]
fn f_forged_single_proofs_fail() {
    let mut zero_indices = 0;
    for proof in list(&vectors("f_negative.json"), "single") {
        let name = &proof["name"];
        if number(&proof["gindex"]) == 0 {
            assert!(GeneralizedIndex::new(0).is_err());
            zero_indices += 1;
            continue;
        }
        let (triple, root) = (single(proof), hash(&proof["root"]));
        assert!(triple.verify(&root).is_err(), "{name}");
        for page in [0, 1, 3, 123_456] {
            assert!(triple.verify_in_cap(&root, page * 4096).is_err(), "{name}");
        }
    }
    assert_eq!(zero_indices, 2);
}

/// Trap 4: also those that the specification's function accepts when it is transcribed literally.
#[test]
fn f_forged_multiproofs_fail() {
    let mut accepted_by_others = 0;
    for proof in list(&vectors("f_negative.json"), "multi") {
        let Some(proven) = indices(proof, "gindices") else { continue };
        let (leaves, helpers) = (hashes(&proof["leaves"]), hashes(&proof["proof"]));
        let verdict = verify_multiproof(&proven, &leaves, &helpers, &hash(&proof["root"]));
        assert!(verdict.is_err(), "{}", proof["name"]);
        accepted_by_others += u32::from(proof["accepted_by_literal_spec_function"] == true);
    }
    assert_eq!(accepted_by_others, 7);
}
