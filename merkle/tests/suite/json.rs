//! The JSON form of proofs: nothing is lost, and nothing but the one form is read.

use proptest::prelude::*;
use serde_json::{Value, json};
use travertine_merkle::{Claim, JsonError, MemoryProof, TransitionProof};

use crate::memory_proofs::sample_state;
use crate::oracle::{any_proof, any_transition};

proptest! {
    #[test]
    fn nothing_is_lost_in_json(proof in any_proof(), transition in any_transition()) {
        prop_assert_eq!(&MemoryProof::from_json(&proof.to_json().unwrap()).unwrap(), &proof);
        prop_assert_eq!(&TransitionProof::from_json(&transition.to_json().unwrap()).unwrap(), &transition);
        prop_assert!(TransitionProof::from_json(&proof.to_json().unwrap()).is_err());
        prop_assert!(MemoryProof::from_json(&transition.to_json().unwrap()).is_err());
    }
}

fn example() -> (MemoryProof, Value) {
    let claims = [Claim::bytes(0x2_0000_0040, 8), Claim::region(9)];
    let proof = MemoryProof::prove(&sample_state(), &claims).unwrap();
    let json = serde_json::from_str(&proof.to_json().unwrap()).unwrap();
    (proof, json)
}

fn refused(json: &Value) -> String {
    MemoryProof::from_json(&json.to_string()).unwrap_err().to_string()
}

#[test]
fn the_form_is_that_of_the_specification() {
    let (proof, json) = example();
    assert_eq!(json["version"], "1");
    assert_eq!(json["root"], format!("0x{}", hex::encode(proof.root)));
    assert_eq!(json["claims"][0], json!({ "kind": "0", "address": "8589934656", "length": "8" }));
    assert_eq!(json["gindices"][0], proof.gindices[0].to_string());
    assert_eq!(MemoryProof::from_json(&json.to_string()).unwrap(), proof);
}

#[test]
fn other_fields_than_those_of_the_container_are_refused() {
    let (proof, json) = example();
    for field in ["version", "root", "claims", "gindices", "leaves", "helpers"] {
        let mut missing = json.clone();
        missing.as_object_mut().unwrap().remove(field);
        assert!(refused(&missing).contains(field));
        let text = proof.to_json().unwrap();
        let twice = text.replacen('{', &format!("{{\"{field}\": {},", json[field]), 1);
        assert!(MemoryProof::from_json(&twice).unwrap_err().to_string().contains("duplicate field"));
    }
    let mut unknown = json.clone();
    unknown["note"] = "".into();
    assert!(refused(&unknown).contains("unknown field `note`"));
    let mut unknown = json.clone();
    unknown["claims"][0]["note"] = "".into();
    assert!(refused(&unknown).contains("unknown field `note`"));
    let mut array = json.clone();
    array["claims"][0] = json!(["0", "8589934656", "8"]);
    assert!(refused(&array).contains("expected an object"));
    let fields =
        ["version", "root", "claims", "gindices", "leaves", "helpers"].map(|field| json[field].clone());
    assert!(refused(&json!(fields)).contains("expected an object"));
    let trailing = proof.to_json().unwrap() + "{}";
    assert!(MemoryProof::from_json(&trailing).is_err());
}

#[test]
fn values_have_one_form() {
    let (_, json) = example();
    let set = |pointer: &str, value: Value| {
        let mut changed = json.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        refused(&changed)
    };
    for wrong in ["", "01", "+1", "-1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "1_0"] {
        assert!(set("/gindices/0", wrong.into()).contains("decimal"), "{wrong}");
    }
    assert!(set("/gindices/0", 1.into()).contains("decimal"));
    let root = json["root"].as_str().unwrap();
    let upper = format!("0x{}", root[2..].to_uppercase());
    for wrong in [
        &root[2..],
        &root[..65],
        &format!("{root}0"),
        &format!("{root}00"),
        &upper,
        "0x",
        &root.replace("0x", "0X"),
    ] {
        assert!(set("/root", (*wrong).into()).contains("64 lower-case"), "{wrong}");
        assert!(set("/helpers/3", (*wrong).into()).contains("64 lower-case"), "{wrong}");
    }
    assert!(set("/root", Value::Null).contains("64 lower-case"));
    assert!(set("/claims", "".into()).contains("sequence"));
    let mut other = json.clone();
    other["version"] = "2".into();
    let error = MemoryProof::from_json(&other.to_string()).unwrap_err();
    assert!(matches!(error, JsonError::Version { version: 2, expected: 1 }));
    assert!(MemoryProof::from_json("").is_err());
}
