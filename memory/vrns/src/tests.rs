//! Every form against the golden vectors, and against each other where rounding is hardest.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::vec::Vec;
use std::{eprintln, format, fs, println};

use proptest::prelude::*;
use serde_json::Value;

use crate::exact::{MODULI, QUOTIENTS};
use crate::weyl::MODULI_PRODUCT;
use crate::{FRACTION_BITS, Form, PAGE_CELLS, exact_cell, fraction};

/// The numerator of α over [`MODULI_PRODUCT`], and its inverse modulo that (golden vectors).
const NUMERATOR: u128 = 811_498_720_722_186_968;
const INVERSE: u128 = 25_021_546_134_427_659_545;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/vectors/generative/vrns.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn hex(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).unwrap();
    u64::from_str_radix(digits, 16).unwrap()
}

fn rows(table: &Value, count: usize) -> impl Iterator<Item = &Vec<Value>> {
    let rows = table.as_array().or_else(|| table["rows"].as_array()).unwrap();
    assert_eq!(rows.len(), count);
    rows.iter().map(|row| row.as_array().unwrap())
}

/// The binary64 number that a fraction is: exact, since it has 53 significant bits.
#[allow(clippy::cast_precision_loss)]
fn float(fraction: u64) -> f64 {
    fraction as f64 / (1_u64 << FRACTION_BITS) as f64
}

fn forms() -> impl Iterator<Item = Form> {
    let available = |form: &Form| {
        form.is_available() || {
            println!("skipped: this processor has not what {form} needs");
            false
        }
    };
    Form::ALL.into_iter().filter(available)
}

#[track_caller]
fn assert_cell(address: u64, seed: u64, expected: u32) {
    assert_eq!(exact_cell(address, seed), expected, "{address:#x}, seed {seed:#x}");
    for form in forms() {
        let mut filled = [0];
        form.fill(seed, address, &mut filled);
        assert_eq!([form.cell(address, seed); 1], [expected], "{form}: {address:#x}, seed {seed:#x}");
        assert_eq!(filled, [expected], "{form}: {address:#x}, seed {seed:#x}");
    }
}

/// In every form, the cells from `start` on are those of the definition.
#[track_caller]
fn assert_cells(seed: u64, start: u64, count: usize) {
    let expected: Vec<u32> =
        (0..count as u64).map(|index| exact_cell(start.wrapping_add(index), seed)).collect();
    for form in forms() {
        let mut cells = std::vec![0; count];
        form.fill(seed, start, &mut cells);
        assert!(cells == expected, "{form}: {count} cells from {start:#x}, seed {seed:#x}");
    }
}

#[test]
fn moduli_and_quotients_are_those_of_the_vectors() {
    let vectors = vectors();
    assert_eq!(vectors["moduli"], serde_json::json!(MODULI));
    assert_eq!(vectors["product"], format!("{MODULI_PRODUCT}"));
    let mut integers = Vec::new();
    let mut floats = Vec::new();
    for (modulus, quotients) in MODULI.iter().zip(&QUOTIENTS) {
        for (residue, quotient) in (0_u32..).zip(quotients).take(usize::try_from(*modulus).unwrap()) {
            integers.extend(quotient.to_le_bytes());
            floats.extend(float(*quotient).to_le_bytes());
            #[allow(clippy::cast_precision_loss)]
            let division = f64::from(residue) / *modulus as f64;
            assert_eq!(float(*quotient).to_bits(), division.to_bits(), "{residue} / {modulus}");
        }
    }
    for (table, bytes) in [("quotient_table_u61_le", integers), ("quotient_table_f64_le", floats)] {
        assert_eq!(bytes.len(), 8 * 2152);
        assert_eq!(u64::from(crc32fast::hash(&bytes)), hex(&vectors[table]["crc32"]), "{table}");
    }
    for row in rows(&vectors["quotient_samples"], 40) {
        let modulus = MODULI.iter().position(|modulus| row[1] == *modulus).unwrap();
        let quotient = QUOTIENTS[modulus][usize::try_from(row[0].as_u64().unwrap()).unwrap()];
        assert_eq!((float(quotient).to_bits(), quotient), (hex(&row[2]), hex(&row[3])));
    }
}

#[test]
fn cells_are_those_of_the_vectors() {
    let vectors = vectors();
    for row in rows(&vectors["synth"], 230) {
        let (address, seed) = (hex(&row[0]), hex(&row[1]));
        assert_eq!(serde_json::json!(MODULI.map(|modulus| (address ^ seed) % modulus)), row[2]);
        assert_eq!(float(fraction(address, seed)).to_bits(), hex(&row[4]));
        assert_cell(address, seed, u32::try_from(hex(&row[5])).unwrap());
    }
    for (table, count) in [("edges_near_integer_sum", 47), ("f32_is_one", 16)] {
        for row in rows(&vectors[table], count) {
            assert_eq!(float(fraction(hex(&row[1]), 0)).to_bits(), hex(&row[3]));
            assert_cell(hex(&row[1]), 0, u32::try_from(hex(&row[4])).unwrap());
        }
    }
    for row in rows(&vectors["order_matters"], 12) {
        let sum = float(fraction(hex(&row[0]), 0)).to_bits();
        assert_eq!(sum, hex(&row[1]));
        assert!(row[2..].iter().any(|wrong| hex(wrong) != sum));
    }
}

#[test]
fn pages_are_those_of_the_vectors() {
    let vectors = vectors();
    let pages = vectors["pages_4096_bytes"].as_array().unwrap();
    assert_eq!(pages.len(), 24);
    for page in pages {
        let (seed, number) = (hex(&page["seed"]), hex(&page["page"]));
        for form in forms() {
            let bytes = form.page(seed, number);
            assert_eq!(u64::from(crc32fast::hash(&bytes)), hex(&page["crc32"]), "{form}: {page}");
        }
        assert_eq!(crate::page(seed, number), Form::Integer.page(seed, number));
    }
}

#[test]
fn forms_that_are_available_pass_the_self_test_and_the_fastest_is_used() {
    for form in Form::ALL {
        assert_eq!(form.passes_self_test(), form.is_available(), "{form}");
    }
    assert_eq!(Some(Form::current()), forms().last());
    eprintln!("the form in use is {}", Form::current());
}

/// `factor · other`, modulo the product of the moduli; both are below it.
fn multiply(factor: u128, other: u128) -> u128 {
    let (mut product, mut power) = (0, factor);
    for bit in 0..65 {
        if other >> bit & 1 == 1 {
            product = (product + power) % MODULI_PRODUCT;
        }
        power = power * 2 % MODULI_PRODUCT;
    }
    product
}

/// The `x` whose exact sum has the fraction `numerator` / product of the moduli; `None` if it has more than 64 bits.
fn address_of(numerator: u128) -> Option<u64> {
    u64::try_from(multiply(numerator, INVERSE)).ok()
}

/// The exact numerators next to a number, on both sides.
fn near(middle: u128, distance: u128) -> impl Iterator<Item = u128> {
    (0..=2 * distance).map(move |k| (middle + MODULI_PRODUCT + k - distance) % MODULI_PRODUCT)
}

/// Sums next to integers: there the fraction jumps from 1 to 0, and rounding decides on which side it is.
#[test]
fn forms_agree_where_the_sum_is_next_to_an_integer() {
    assert_eq!(multiply(NUMERATOR, INVERSE), 1);
    let addresses: Vec<u64> = near(0, 20_000).filter_map(address_of).collect();
    assert!(addresses.len() > 20_000, "{}", addresses.len());
    for (index, address) in addresses.iter().enumerate() {
        assert_cell(*address, 0, exact_cell(*address, 0));
        if index % 40 == 0 {
            let seed = address.rotate_left(32);
            assert_cells(seed, (address ^ seed) & !(PAGE_CELLS as u64 - 1), PAGE_CELLS);
        }
    }
}

/// Sums next to the middle between two cells: there rounding to a cell goes up or down.
#[test]
fn forms_agree_where_the_sum_is_next_to_the_middle_of_two_cells() {
    let mut checked = 0;
    for exponent in 0..40_u32 {
        for step in 0..64_u128 {
            // The middle of two neighbours of 24 bits in [2^-(exponent+1), 2^-exponent).
            let significand = (1 << 23) | ((step * 0x0001_FD9F + u128::from(exponent)) & 0x7F_FFFF);
            let middle = ((2 * significand + 1) * MODULI_PRODUCT) >> (25 + exponent);
            for address in near(middle, 2).filter_map(address_of) {
                assert_cell(address, 0, exact_cell(address, 0));
                checked += 1;
            }
        }
    }
    assert!(checked > 5_000, "{checked}");
}

/// The guard is needed, and no wider than it must be by much: some cells are left to the integer-only form, few of all.
#[test]
fn hardly_any_cell_is_unsure() {
    let unsure = |address: &u64| crate::weyl::is_unsure(*address);
    let scattered = (0..1_000_000_u64).map(|index| index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let count = scattered.filter(unsure).count();
    assert!(count <= 10, "{count} of a million");
    assert!(near(0, 1000).filter_map(address_of).all(|address| unsure(&address)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn forms_agree_on_any_run_of_cells(seed: u64, start: u64, count in 0_usize..1500) {
        assert_cells(seed, start, count);
    }

    #[test]
    fn runs_go_from_the_last_address_to_the_first(seed: u64, before in 0_u64..100) {
        assert_cells(seed, before.wrapping_neg(), 200);
    }
}

/// Random cells in bulk. `TRAVERTINE_GENERATIVE_SAMPLES` is how many; CI takes the short form.
#[test]
fn forms_agree_on_many_random_pages() {
    let samples = std::env::var("TRAVERTINE_GENERATIVE_SAMPLES").ok();
    let samples: u64 = samples.map_or(1 << 20, |count| count.parse().expect("a number"));
    for index in 0..samples / PAGE_CELLS as u64 {
        let random = index.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0x1234_5678_9ABC_DEF1);
        let seed = (random ^ random >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        assert_cells(seed, random << 10, PAGE_CELLS);
    }
}
