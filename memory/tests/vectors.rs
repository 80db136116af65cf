//! The golden vectors of page roots, cap roots and flushes (`fixtures/vectors/ssz`, files a to c).
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use serde_json::Value;
use travertine_memory::{DataCap, Page, PageBytes, PageSlot};
use travertine_merkle::{ZERO_HASH, zero_hash};

fn vectors(file: &str) -> Value {
    let path = format!("{}/../fixtures/vectors/ssz/{file}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases<'a>(file: &'a Value, list: &str, count: usize) -> impl Iterator<Item = &'a Value> {
    let cases = file[list].as_array().unwrap();
    assert_eq!(cases.len(), count, "no case of {list} is lost");
    cases.iter()
}

fn hash(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn page_index(value: &Value) -> u32 {
    number(value).try_into().unwrap()
}

fn lcg(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let step = std::iter::from_fn(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(state.to_le_bytes())
    });
    step.flatten().take(length).collect()
}

/// The content rules of the vectors' README.
fn fill(content: &Value) -> Vec<u8> {
    let length = content.get("len").map_or(4096, |length| number(length).try_into().unwrap());
    match content["fill"].as_str().unwrap() {
        "zero" => vec![0; length],
        "byte" => vec![number(&content["value"]).try_into().unwrap(); length],
        "hex" => hex::decode(content["hex"].as_str().unwrap()).unwrap(),
        "lcg" => lcg(number(&content["seed"]), length),
        "set" => {
            let mut bytes = vec![0; length];
            for pair in content["bytes"].as_array().unwrap() {
                bytes[usize::try_from(number(&pair[0])).unwrap()] = number(&pair[1]).try_into().unwrap();
            }
            bytes
        }
        other => panic!("unknown content {other}"),
    }
}

fn page(content: &Value) -> Page {
    Page::new(PageBytes::starting_with(&fill(content)))
}

fn pages(list: &Value) -> Vec<(u32, PageSlot)> {
    let entries = list.as_array().unwrap().iter();
    // The variant, not the conversion: the cap itself must see that a page is zero.
    entries.map(|entry| (page_index(&entry[0]), PageSlot::Loaded(page(&entry[1])))).collect()
}

fn present(cap: &DataCap) -> Vec<u64> {
    cap.backing().pages().map(|(page, _)| page.into()).collect()
}

fn page_list(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[test]
fn page_leaves() {
    let file = vectors("a_page_roots");
    for case in cases(&file, "cases", 30) {
        let page = page(&case["content"]);
        assert_eq!(page.leaf(), hash(&case["page_leaf"]), "{}", case["name"]);
        assert_eq!(page.bytes().is_zero(), case["all_zero"].as_bool().unwrap(), "{}", case["name"]);
        if !page.bytes().is_zero() {
            assert_eq!(page.leaf(), hash(&case["bytevector_root"]), "{}", case["name"]);
        }
    }
    assert_eq!(Page::zero().leaf(), hash(&file["absent_page_contributes"]));
    assert_eq!(*zero_hash(7), hash(&file["bytevector_4096_zero_root"]));
}

#[test]
fn caps_of_sparse_pages() {
    for case in cases(&vectors("b_cap_roots"), "sparse", 66) {
        let cap = DataCap::from_pages(number(&case["size"]), pages(&case["pages"])).unwrap();
        assert_eq!(u64::from(cap.page_count()), number(&case["page_count"]));
        assert_eq!(u64::from(cap.backing().depth()), number(&case["depth"]));
        assert_eq!(cap.backing().pages_root(), hash(&case["pages_root"]), "{}", case["name"]);
        assert_eq!(cap.root(), Ok(hash(&case["cap_root"])), "{}", case["name"]);
    }
}

#[test]
fn caps_of_dense_pages() {
    for case in cases(&vectors("b_cap_roots"), "dense", 4) {
        let seed_base = number(&case["per_page"]["seed_base"]);
        let count = page_index(&case["page_count"]);
        let slot =
            |page: u32| Page::new(PageBytes::starting_with(&lcg(seed_base + u64::from(page), 4096))).into();
        let size = number(&case["size"]);
        let cap = DataCap::from_pages(size, (0..count).rev().map(|page| (page, slot(page)))).unwrap();
        assert_eq!(cap.backing().pages_root(), hash(&case["pages_root"]), "{}", case["name"]);
        assert_eq!(cap.root(), Ok(hash(&case["cap_root"])), "{}", case["name"]);
    }
}

#[test]
fn caps_of_contiguous_bytes() {
    for case in cases(&vectors("b_cap_roots"), "contiguous", 10) {
        let content = fill(&case["content"]);
        let cap = DataCap::from_bytes_sized(&content, number(&case["target_size"])).unwrap();
        assert_eq!(cap.size(), number(&case["size"]), "{}", case["name"]);
        assert_eq!(present(&cap), page_list(&case["present_pages"]), "{}", case["name"]);
        assert_eq!(cap.backing().pages_root(), hash(&case["pages_root"]), "{}", case["name"]);
        assert_eq!(cap.root(), Ok(hash(&case["cap_root"])), "{}", case["name"]);
    }
}

#[test]
fn flushes() {
    for case in cases(&vectors("c_overlay_flush"), "cases", 14) {
        let mut cap = DataCap::from_pages(number(&case["size"]), pages(&case["initial"])).unwrap();
        let before = cap.clone();
        assert_eq!(cap.root(), Ok(hash(&case["root_before"])), "{}", case["name"]);
        for (page, slot) in pages(&case["writes"]) {
            cap.write(page, slot).unwrap();
            assert!(cap.root().is_err(), "a dirty cap has no root");
        }
        let changes = cap.flush();
        assert_eq!(present(&cap), page_list(&case["present_after"]), "{}", case["name"]);
        assert_eq!(cap.backing().pages_root(), hash(&case["pages_root_after"]), "{}", case["name"]);
        assert_eq!(cap.root(), Ok(hash(&case["root_after"])), "{}", case["name"]);
        assert_eq!(before.root(), Ok(hash(&case["root_before"])), "a clone does not change");
        for change in changes {
            assert_eq!(change.old, before.slot(change.page).leaf());
            assert_eq!(change.new, cap.slot(change.page).leaf());
            assert_ne!(change.old, change.new);
            assert_eq!(change.new == ZERO_HASH, matches!(cap.slot(change.page), PageSlot::Empty));
        }
    }
}
