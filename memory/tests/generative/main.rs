//! Generative memory: golden vectors, naive twins, the Python reference, hostile files and loss of power.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod contexts;
mod crashes;
mod numbers;
mod persistence;
mod properties;
mod reference;
mod tenants;
mod twins;

use serde_json::Value;

/// A file of golden vectors (`fixtures/vectors/generative`).
fn vectors(file: &str) -> Value {
    let path = format!("{}/../fixtures/vectors/generative/{file}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The rows of a table, or the elements of a list: all of them, for a case that is lost tests nothing.
#[track_caller]
fn rows(table: &Value, count: usize) -> impl Iterator<Item = &Value> {
    let rows = table.as_array().or_else(|| table["rows"].as_array()).unwrap();
    assert_eq!(rows.len(), count);
    rows.iter()
}

/// A number as `0x` and hexadecimal digits, or as it is.
#[track_caller]
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| u64::try_from(wide(value)).unwrap())
}

#[track_caller]
fn wide(value: &Value) -> u128 {
    u128::from_str_radix(text(value).strip_prefix("0x").unwrap(), 16).unwrap()
}

#[track_caller]
fn bits(value: &Value) -> u32 {
    u32::try_from(number(value)).unwrap()
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[track_caller]
fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

/// Pairs of an address and a cell.
#[track_caller]
fn cells(value: &Value) -> Vec<(u64, u32)> {
    value.as_array().unwrap().iter().map(|cell| (number(&cell[0]), bits(&cell[1]))).collect()
}
