//! Golden vectors of what is computed from numbers alone.

use serde_json::json;
use travertine_memory::generative::filter::{json_address, read_sector, schema_salt, sector_cells};
use travertine_memory::generative::hashing::*;
use travertine_memory::generative::trinity::{CRT_MODULI, Grid, U192, crt, inductive, solve};
use travertine_memory::generative::*;

use crate::{bits, bytes, number, rows, text, vectors, wide};

#[test]
fn hashes() {
    let vectors = vectors("hashing");
    for row in rows(&vectors["fnv1a_u64"], 46) {
        assert_eq!(fnv1a_u64(number(&row[0])), number(&row[1]));
    }
    let mut differ = 0;
    for case in rows(&vectors["fnv1a_string"], 76) {
        let hash = fnv1a_string(text(&case["s"]), number(&case["salt"]));
        assert_eq!(hash, number(&case["out"]), "{case}");
        differ += u32::from(hash != number(&case["utf8_bytes_variant_do_not_use"]));
    }
    assert!(differ > 20, "the negative control has characters of more than one byte");
    for case in rows(&vectors["djb2"], 21) {
        assert_eq!(djb2(text(&case["s"])), number(&case["out"]), "{case}");
    }
    for row in rows(&vectors["feistel"], 276) {
        let (value, seed, hash) = (number(&row[0]), number(&row[1]), number(&row[2]));
        assert_eq!((feistel(value, seed), feistel_inverse(hash, seed)), (hash, value));
    }
    for case in rows(&vectors["crc32"], 11) {
        assert_eq!(crc32(&bytes(&case["hex"])), bits(&case["out"]));
    }
    for row in rows(&vectors["xi"], 152) {
        let (sector, seed, address) = (number(&row[0]), number(&row[1]), number(&row[2]));
        assert_eq!((xi(sector, seed), xi_inverse(address, seed)), (address, sector));
    }
    for row in rows(&vectors["fmix64_repo_extra"], 46) {
        assert_eq!(fmix64(number(&row[0])), number(&row[1]));
    }
    for row in rows(&vectors["vl_mask_repo_extra"], 20) {
        let (address, seed, mask) = (number(&row[0]), number(&row[1]), number(&row[2]));
        assert_eq!((vl_mask(address, seed), vl_mask_inverse(mask, seed)), (mask, address));
    }
}

#[test]
fn numbers_become_cells() {
    for row in rows(&vectors("overlay")["to_cell"], 53) {
        assert_eq!(to_cell(f64::from_bits(number(&row[0]))), bits(&row[1]), "{row}");
    }
    assert_eq!(to_f64(0xFF80_0001).to_bits(), 0x7FF8_0000_0000_0000);
}

#[test]
fn synthesized_numbers() {
    for row in rows(&vectors("vrns")["synth"], 230) {
        let (address, seed) = (number(&row[0]), number(&row[1]));
        assert_eq!(synthesized_f64(address, seed).to_bits(), number(&row[4]));
        assert_eq!(to_cell(synthesized_f64(address, seed)), bits(&row[5]));
    }
}

#[test]
fn the_order_of_indices() {
    let vectors = vectors("monotonic");
    for row in rows(&vectors["f64_view"], 248) {
        let (index, seed) = (number(&row[0]), number(&row[1]));
        assert_eq!(monotonic(index, seed).to_bits(), number(&row[3]), "{row}");
        assert_eq!(order_key(index, seed), wide(&row[4]), "{row}");
    }
    for row in rows(&vectors["equal_neighbours_seed_12345"], 8) {
        let shared = [&row[0], &row[1]].map(|index| monotonic(number(index), 12_345).to_bits());
        assert_eq!(shared, [number(&row[2]); 2]);
        assert!(order_key(number(&row[0]), 12_345) < order_key(number(&row[1]), 12_345));
    }
    // Without variety behind it, the number is the base: a seed whose permuted index is 0 or nearly.
    for row in rows(&vectors["base_ties_guide_vs_repo"], 10) {
        let index = number(&row[0]);
        let base = f64::from_bits(number(&row[1]));
        let value = monotonic(index, 0);
        assert!(value >= base && value - base <= base * f64::EPSILON, "{row}");
    }
    for row in rows(&vectors["feistel_inverse"], 20) {
        assert_eq!(feistel_inverse(number(&row[1]), number(&row[0])), number(&row[2]));
    }
}

#[test]
fn searches() {
    let vectors = vectors("monotonic");
    for row in rows(&vectors["search"], 152) {
        let (target, seed) = (f64::from_bits(number(&row[1])), number(&row[2]));
        let found = search(target, seed).unwrap();
        assert_eq!((found.index, u64::from(found.rounds)), (number(&row[3]), number(&row[5])), "{row}");
        assert_eq!(monotonic(found.index, seed).to_bits(), number(&row[4]), "{row}");
        let exact = to_fraction(target).map(|fraction| lower_bound(fraction, seed).unwrap());
        assert_eq!(exact.map_or(json!(null), |index| json!(format!("{index:#018x}"))), row[6], "{row}");
    }
    for row in rows(&vectors["search_canonical"], 112) {
        let index = lower_bound(wide(&row[0]), number(&row[1]));
        assert_eq!(index.map_or(json!(null), |index| json!(format!("{index:#018x}"))), row[2], "{row}");
    }
    assert_eq!(search(f64::NAN, 0), Err(NanError));
}

#[test]
fn bridges() {
    let vectors = vectors("bridge");
    assert_eq!(number(&vectors["default_seed_repo"]), bridge::DEFAULT_SEED);
    assert_eq!(vectors["page_size_addresses"], bridge::PAGE_ADDRESSES);
    let phi_rows = vectors["phi"]["rows"].as_array().unwrap().len();
    for row in rows(&vectors["phi"], phi_rows) {
        assert_eq!(bridge::phi(number(&row[0]), number(&row[1])), number(&row[2]), "{row}");
    }
    for row in rows(&vectors["phi_collisions"], 9) {
        let seed = number(&row[0]);
        for page in [&row[1], &row[2]] {
            assert_eq!(bridge::phi(number(page) << 12, seed), number(&row[3]), "{row}");
        }
    }
    let phi52_rows = vectors["phi52_proposed"]["rows"].as_array().unwrap().len();
    assert!(phi_rows > 50 && phi52_rows > 50);
    for row in rows(&vectors["phi52_proposed"], phi52_rows) {
        let (linear, seed, address) = (number(&row[0]), number(&row[1]), number(&row[2]));
        assert_eq!((bridge::phi52(linear, seed), bridge::phi52_inverse(address, seed)), (address, linear));
    }
    let mut context = Context::new(3);
    bridge::write(&mut context, 0x1001, 0, 7).unwrap();
    assert_eq!((context.fetch(0xBF58_476D_4348_C001), bridge::fetch(&context, 0x1001, 0)), (7, 7));
}

#[test]
fn filters() {
    let vectors = vectors("filter");
    for row in rows(&vectors["schema_salt"], 5) {
        assert_eq!(schema_salt(text(&row[0])), number(&row[1]));
    }
    for row in rows(&vectors["resolve_path"], 15) {
        assert_eq!(json_address(text(&row[0]), text(&row[1])), number(&row[2]), "{row}");
    }
    for block in rows(&vectors["block"], 16) {
        let mut cells = [0; 1024];
        read_sector(&Context::new(number(&block["seed"])), number(&block["sector"]), &mut cells);
        let content = cells.map(u32::to_le_bytes);
        assert_eq!(crc32(content.as_flattened()), bits(&block["crc32_4096"]), "{block}");
        for (cell, expected) in cells.iter().zip(rows(&block["first4_cells"], 4)) {
            assert_eq!(*cell, bits(expected));
        }
    }
    let wrap = &vectors["block_wrap"];
    let mut cells = [0; 6];
    read_sector(&Context::new(number(&wrap["seed"])), number(&wrap["sector"]), &mut cells);
    assert_eq!(cells.to_vec(), rows(&wrap["cells"], 6).map(bits).collect::<Vec<_>>());
    for row in rows(&vectors["sector_cells"], 7) {
        assert_eq!(json!(sector_cells(row[0].as_i64().unwrap())), row[1]);
    }
}

/// 192 bits in hexadecimal, the highest first.
fn u192(digits: &str) -> U192 {
    let digits = digits.strip_prefix("0x").unwrap();
    assert_eq!(digits.len(), 48);
    let limb = |at: usize| u64::from_str_radix(&digits[at..at + 16], 16).unwrap();
    U192([limb(32), limb(16), limb(0)])
}

#[test]
fn the_trinity() {
    let vectors = vectors("trinity");
    for side in [1_u64, 2, 4, 8, 16] {
        let grid = Grid::new(side).unwrap();
        for (y, row) in
            rows(&vectors["hilbert_grids"][side.to_string()], side.try_into().unwrap()).enumerate()
        {
            for (x, place) in rows(row, side.try_into().unwrap()).enumerate() {
                let (x, y, place) = (x as u64, y as u64, number(place));
                assert_eq!((grid.place(x, y), grid.point(place)), (Ok(place), Ok((x, y))));
            }
        }
        assert!(
            grid.place(side, 0).is_err() && grid.place(0, side).is_err() && grid.point(side * side).is_err()
        );
    }
    for row in rows(&vectors["hilbert_big"], 10) {
        let grid = Grid::new(number(&row[0])).unwrap();
        let (x, y, place) = (number(&row[1]), number(&row[2]), number(&row[3]));
        assert_eq!((grid.place(x, y), grid.point(place)), (Ok(place), Ok((x, y))), "{row}");
    }
    assert!([0, 3, 12, (1 << 32) + 1, 1 << 33, u64::MAX].into_iter().all(|side| Grid::new(side).is_err()));

    assert_eq!(vectors["moduli"], json!(CRT_MODULI.map(|modulus| format!("{modulus:#018x}"))));
    let unreduced = vectors["crt_unreduced_residues"].as_array().unwrap();
    for row in rows(&vectors["crt"], 20).chain(unreduced) {
        let value = crt([number(&row[0]), number(&row[1]), number(&row[2])]);
        assert_eq!(value, u192(text(&row[3])), "{row}");
    }
    for row in rows(&vectors["crt_roundtrip"], 14) {
        let (value, residues) = (u192(text(&row[0])), [1, 2, 3].map(|column| number(&row[column])));
        assert_eq!((CRT_MODULI.map(|modulus| value.remainder(modulus)), crt(residues)), (residues, value));
    }
    for row in rows(&vectors["inductive"], 48) {
        let (grid, x, y) = (Grid::new(number(&row[1])).unwrap(), number(&row[2]), number(&row[3]));
        assert_eq!(grid.place(x, y), Ok(number(&row[4])));
        assert_eq!(inductive(grid, x, y, number(&row[0])).unwrap().to_bits(), number(&row[6]), "{row}");
    }
    for row in rows(&vectors["solve"], 20) {
        let point = (number(&row[3]), number(&row[4]));
        let solution = solve(number(&row[0]), text(&row[1]), text(&row[2]), point, number(&row[5]));
        assert_eq!(solution.residues, [6, 7, 8].map(|column| number(&row[column])), "{row}");
        assert_eq!(solution.value, u192(text(&row[9])), "{row}");
    }
}
