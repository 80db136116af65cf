//! Laws that hold for all numbers.

use proptest::prelude::*;
use travertine_memory::generative::hashing::*;
use travertine_memory::generative::trinity::{CRT_MODULI, Grid, crt, inductive_key};
use travertine_memory::generative::*;

/// Numbers of all lengths.
fn any_length() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(number, shift)| number >> shift)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn permutations_have_inverses(value: u64, seed: u64) {
        prop_assert_eq!(feistel_inverse(feistel(value, seed), seed), value);
        prop_assert_eq!(xi_inverse(xi(value, seed), seed), value);
        prop_assert_eq!(vl_mask_inverse(vl_mask(value, seed), seed), value);
        prop_assert_eq!(bridge::phi52_inverse(bridge::phi52(value, seed), seed), value);
    }

    #[test]
    fn the_order_increases_and_the_view_never_decreases(index in any_length(), seed: u64) {
        let next = index.saturating_add(1);
        prop_assert!(index == next || order_key(index, seed) < order_key(next, seed));
        let (value, after) = (monotonic(index, seed), monotonic(next, seed));
        prop_assert!((0.0..=1.0).contains(&value) && value <= after);
    }

    #[test]
    fn the_lower_bound_is_the_least(index in any_length(), below: u64, seed: u64) {
        let key = order_key(index, seed);
        for target in [key, key.saturating_sub(1), u128::from(index) << 64 | u128::from(below)] {
            let found = lower_bound(target, seed);
            if let Some(found) = found {
                prop_assert!(order_key(found, seed) >= target);
            }
            let before = found.map_or(Some(u64::MAX), |found| found.checked_sub(1));
            prop_assert!(before.is_none_or(|before| order_key(before, seed) < target));
        }
    }

    /// A fraction is the least that is not less.
    #[test]
    fn fractions_are_rounded_up(bits: u64) {
        let number = f64::from_bits(bits & (u64::MAX >> 1));
        if let Some(fraction) = to_fraction(number) {
            // Multiplying by a power of two is exact as long as nothing is subnormal.
            let scaled = number * 2_f64.powi(128);
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let expected = scaled.ceil().max(1.0) as u128;
            prop_assert_eq!(fraction, expected, "{}", number);
        } else {
            prop_assert!(number == 0.0 || number >= 1.0 || number.is_nan());
        }
    }

    /// The index that is found has the target's number, or neighbours with numbers on both sides of it.
    #[test]
    fn searches_end_next_to_their_target(index in any_length(), bits: u64, seed: u64) {
        for target in [monotonic(index, seed), f64::from_bits(bits % 0x3FF0_0000_0000_0000)] {
            let found = search(target, seed).unwrap();
            prop_assert!(found.rounds <= 4, "{} rounds", found.rounds);
            if target == 0.0 || target >= 1.0 {
                continue;
            }
            let around = [found.index.saturating_sub(1), found.index, found.index.saturating_add(1)];
            let values = around.map(|index| monotonic(index, seed));
            prop_assert!(values.contains(&target) || ((found.index == 0 || values[0] <= target) && target <= values[2]), "{found:?}");
        }
    }

    #[test]
    fn curves_visit_each_point_and_go_by_single_steps(order in 0_u32..=32, place: u64, seed: u64) {
        let grid = Grid::new(1 << order).unwrap();
        let place = place & grid.last();
        let (x, y) = grid.point(place).unwrap();
        prop_assert_eq!(grid.place(x, y), Ok(place));
        if place < grid.last() {
            let (next_x, next_y) = grid.point(place + 1).unwrap();
            prop_assert_eq!(x.abs_diff(next_x) + y.abs_diff(next_y), 1);
            prop_assert!(inductive_key(grid, x, y, seed).unwrap() < inductive_key(grid, next_x, next_y, seed).unwrap());
        }
    }

    #[test]
    fn numbers_have_their_residues(residues: [u64; 3]) {
        let value = crt(residues);
        for (residue, modulus) in residues.iter().zip(CRT_MODULI) {
            prop_assert_eq!(value.remainder(modulus), residue % modulus);
        }
    }

    /// Pages that meet are found by the distance at which the vectors have them, and nowhere near.
    #[test]
    fn scattered_pages_of_a_block_do_not_meet(page: u64, distance in 1_u64..1 << 49, seed: u64) {
        let (page, seed) = (page >> 12, seed);
        let other = (page ^ distance) & (u64::MAX >> 12);
        prop_assert!(page == other || bridge::phi(page << 12, seed) != bridge::phi(other << 12, seed));
    }

    #[test]
    fn cells_are_the_numbers_rounded(address: u64, seed: u64) {
        prop_assert_eq!(to_cell(synthesized_f64(address, seed)), vrns::cell(address, seed));
        prop_assert_eq!(Context::new(seed).fetch(address), vrns::cell(address, seed));
    }

    #[test]
    fn cells_survive_the_view(cell: u32) {
        let back = to_cell(to_f64(cell));
        prop_assert_eq!(back, if f32::from_bits(cell).is_nan() { NAN_CELL } else { cell });
    }
}
