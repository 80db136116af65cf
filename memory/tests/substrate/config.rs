//! The declaration: what is refused, by which name; and that the published schema says the same.

use serde_json::{Value, json};
use travertine_memory::substrate::{Substrate, SubstrateConfig, WindowName};

fn given() -> Value {
    serde_json::from_str(&SubstrateConfig::default().to_json()).unwrap()
}

/// The defaults with other values at these places.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut config = given();
    for (pointer, value) in changes {
        *config.pointer_mut(pointer).expect("the field is there") = value.clone();
    }
    config
}

fn check(config: &Value) -> Result<Substrate, String> {
    let parsed = SubstrateConfig::from_json(&config.to_string()).map_err(|error| error.to_string())?;
    parsed.check().map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let documented = json!({ "version": "1.1.0", "axiom_anchor": ["0", "1", "CR", "SPACE"], "state_schema": "(X _ 0 1)",
        "allocation_policy": { "trigger_modulus": 256, "allocation_size_bytes": 31_457_280, "alignment_bytes": 64,
            "rule": "allocate iff (header_hash mod trigger_modulus) == 0", "description": "" },
        "mmio": { "emulated_space_bytes": 1_073_741_824, "base_address": "0x00000000", "regions": {
            "header": ["0x00000000", "0x3FFFFFFF"], "edge_counters": ["0x40000000", "0x4FFFFFFF"],
            "node_accums": ["0x50000000", "0x5FFFFFFF"], "frames_packed": ["0x60000000", "0x6FFFFFFF"],
            "frames_planes": ["0x70000000", "0x7FFFFFFF"], "reserved": ["0x80000000", "0xFFFFFFFF"] } } });
    assert_eq!(given(), documented);
    let substrate = Substrate::default();
    assert_eq!((substrate.size(), substrate.rows(), substrate.size() / 4096), (31_457_280, 491_520, 7680));
    let total: u64 = WindowName::ALL.map(|name| substrate.window(name).bytes()).iter().sum();
    assert_eq!(total, 1 << 32);
    assert_eq!(check(&json!({})), Ok(substrate), "what is left out has its default");
}

#[test]
fn every_refusal_names_the_field_and_its_value() {
    let window =
        |name: &str, first: &str, last: &str| (format!("/mmio/regions/{name}"), json!([first, last]));
    let policy = |field: &str, value: Value| (format!("/allocation_policy/{field}"), value);
    for ((pointer, value), names) in [
        (("/version".to_owned(), json!("1.0.0")), ["`version`", "1.0.0"]),
        (policy("rule", json!("never")), ["allocation_policy.rule", "never"]),
        (policy("trigger_modulus", json!(0)), ["trigger_modulus", "0"]),
        (policy("trigger_modulus", json!(-1)), ["-1", "u64"]),
        (policy("alignment_bytes", json!(0)), ["alignment_bytes", "0"]),
        (policy("alignment_bytes", json!(48)), ["alignment_bytes", "48"]),
        (policy("alignment_bytes", json!(1_u64 << 33)), ["alignment_bytes", "8589934592"]),
        (policy("alignment_bytes", json!(1_u64 << 30)), ["frames_packed", "1073741824"]),
        (policy("allocation_size_bytes", json!(0)), ["allocation_size_bytes", "0"]),
        (policy("allocation_size_bytes", json!(100)), ["allocation_size_bytes", "100"]),
        (policy("allocation_size_bytes", json!(u64::MAX)), ["allocation_size_bytes", "18446744073709551615"]),
        (policy("allocation_size_bytes", json!(0x1000_1000)), ["frames_packed", "268439552"]),
        (("/mmio/base_address".to_owned(), json!("0x1000")), ["mmio.base_address", "0x1000"]),
        (("/mmio/base_address".to_owned(), json!("4096")), ["mmio.base_address", "4096"]),
        (("/mmio/emulated_space_bytes".to_owned(), json!(4096)), ["mmio.emulated_space_bytes", "4096"]),
        (window("header", "0x0", "0x3FFFFFF"), ["mmio.emulated_space_bytes", "1073741824"]),
        (window("header", "0x0", "0xFFF"), ["mmio.regions.header", "4096"]),
        (window("header", "0x10000000", "0xFFFFFFF"), ["mmio.regions.header", "0x10000000"]),
        (window("edge_counters", "0x40000000", "0x400FEFFF"), ["mmio.regions.edge_counters", "1044480"]),
        (window("edge_counters", "0x3FFFF000", "0x4FFFFFFF"), ["mmio.regions.edge_counters", "overlap"]),
        (window("edge_counters", "0x40000800", "0x4FFFFFFF"), ["mmio.regions.edge_counters", "0x40000800"]),
        (window("node_accums", "0x10000000", "0x10003FFF"), ["mmio.regions.node_accums", "0x10000000"]),
        (window("node_accums", "0x+1", "0x5FFFFFFF"), ["mmio.regions.node_accums[0]", "0x+1"]),
        (window("node_accums", "0x50000000", "0x"), ["mmio.regions.node_accums[1]", "\"0x\""]),
        (window("reserved", "0x80000000", "0x100000000"), ["mmio.regions.reserved", "0x100000000"]),
        (
            window("reserved", "0x80000000", "0x10000000000000000"),
            ["mmio.regions.reserved[1]", "0x10000000000000000"],
        ),
    ] {
        let refused = check(&with(&[(&pointer, value)])).unwrap_err();
        assert!(names.iter().all(|name| refused.contains(name)), "{pointer}: {refused}");
    }
    let swapped = with(&[
        ("/mmio/regions/edge_counters", json!(["0x50000000", "0x5FFFFFFF"])),
        ("/mmio/regions/node_accums", json!(["0x40000000", "0x4FFFFFFF"])),
    ]);
    assert!(check(&swapped).unwrap_err().contains("`mmio.regions.node_accums` begins at 0x40000000, before"));
}

#[test]
fn unknown_and_repeated_fields_are_refused_wherever_they_are() {
    for parent in ["", "/allocation_policy", "/mmio", "/mmio/regions"] {
        let mut config = given();
        config.pointer_mut(parent).unwrap()["surplus"] = json!(1);
        assert!(check(&config).unwrap_err().contains("surplus"), "{parent}");
    }
    let twice = SubstrateConfig::from_json(r#"{ "version": "1.1.0", "version": "1.1.0" }"#);
    assert!(twice.unwrap_err().to_string().contains("version"));
}

#[test]
fn the_root_is_that_of_what_results_depend_on() {
    let root = Substrate::default().root();
    let label = with(&[("/allocation_policy/description", json!("other")), ("/state_schema", json!(""))]);
    assert_eq!(check(&label).unwrap().root(), root);
    for change in [
        ("/allocation_policy/trigger_modulus", json!(255)),
        ("/allocation_policy/allocation_size_bytes", json!(4096)),
        ("/allocation_policy/alignment_bytes", json!(128)),
        ("/mmio/regions/reserved", json!(["0x80000000", "0xFFFFEFFF"])),
        ("/mmio/regions/edge_counters", json!(["0x40001000", "0x4FFFFFFF"])),
    ] {
        assert_ne!(check(&with(std::slice::from_ref(&change))).unwrap().root(), root, "{}", change.0);
    }
}

/// The published schema, by an interpreter of as much of JSON Schema as it uses.
fn fits(schema: &Value, value: &Value) -> bool {
    let schema = schema.as_object().expect("a schema is an object");
    schema.iter().all(|(keyword, argument)| match keyword.as_str() {
        "$schema" | "$id" | "title" | "description" | "default" => true,
        "type" => match argument.as_str().expect("a type has a name") {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64() || value.is_i64(),
            other => panic!("the test does not know the type {other}"),
        },
        "properties" => {
            let properties = argument.as_object().expect("properties have names");
            value.as_object().is_none_or(|fields| {
                fields
                    .iter()
                    .all(|(name, field)| properties.get(name).is_none_or(|schema| fits(schema, field)))
            })
        }
        "additionalProperties" => {
            assert_eq!(argument, &json!(false));
            let known = schema["properties"].as_object().expect("properties have names");
            value.as_object().is_none_or(|fields| fields.keys().all(|name| known.contains_key(name)))
        }
        "const" => value == argument,
        "enum" => argument.as_array().expect("a list").contains(value),
        "minimum" => value.as_u64().is_some_and(|value| value >= argument.as_u64().expect("a number")),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(argument, item))),
        "minItems" => {
            value.as_array().is_none_or(|items| items.len() as u64 >= argument.as_u64().expect("a number"))
        }
        "maxItems" => {
            value.as_array().is_none_or(|items| items.len() as u64 <= argument.as_u64().expect("a number"))
        }
        "pattern" => {
            assert_eq!(argument, "^0x[0-9A-Fa-f]{1,16}$");
            value.as_str().is_none_or(|text| {
                let digits = text.strip_prefix("0x").unwrap_or("");
                (1..=16).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
            })
        }
        other => panic!("the test does not know the keyword {other}"),
    })
}

/// All values in a document, by their pointer.
fn places(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| places(field, format!("{pointer}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| places(item, format!("{pointer}/{index}"), found));
        }
        _ => {}
    }
    found.push(pointer);
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/substrate.schema.json")).expect("the schema is JSON")
}

#[test]
fn the_schema_and_the_parser_agree() {
    let schema = schema();
    let mut pointers = Vec::new();
    places(&given(), String::new(), &mut pointers);
    let mut tried = [0; 2];
    for pointer in &pointers {
        let alignments = (0..=32).map(|bit| json!(1_u64 << bit));
        let values = ["", "1.1.0", "0x", "0x0", "0xFFFFFFFF", "0x12345", "12", "0x00000000000000000"]
            .map(|text| json!(text));
        let others = [
            json!(0),
            json!(1),
            json!(3),
            json!(-1),
            json!(1.5),
            json!(null),
            json!([]),
            json!({}),
            json!(true),
        ];
        let pairs = [json!(["0x0", "0xFFF"]), json!(["0x0"]), json!(["0x0", "0x1", "0x2"]), json!([1, 2])];
        for value in alignments.chain(values).chain(others).chain(pairs) {
            let config = with(&[(pointer, value.clone())]);
            let parsed = SubstrateConfig::from_json(&config.to_string());
            let is_fitting = fits(&schema, &config);
            // The schema says the form and the fixed texts; what holds between fields is left to the parser.
            if parsed.as_ref().is_ok_and(|parsed| parsed.check().is_ok()) {
                assert!(is_fitting, "{pointer} = {value} is accepted against the schema");
            } else if parsed.is_err() {
                assert!(!is_fitting, "{pointer} = {value} fits the schema and cannot be read");
            }
            tried[usize::from(is_fitting)] += 1;
        }
    }
    assert!(tried.iter().all(|&count| count > 100), "{tried:?}");
}

/// Every field has its default in the schema, and every field of the schema is one of the declaration.
#[test]
fn the_schema_names_every_field_and_its_default() {
    fn walk(schema: &Value, value: &Value, path: &str) {
        match (value, schema.get("properties")) {
            (Value::Object(fields), Some(Value::Object(properties))) => {
                assert!(fields.keys().eq(properties.keys()), "{path}");
                fields
                    .iter()
                    .for_each(|(name, field)| walk(&properties[name], field, &format!("{path}/{name}")));
            }
            _ => assert_eq!(schema.get("default"), Some(value), "{path}"),
        }
    }
    walk(&schema(), &given(), "");
}
