//! The inductive order of a grid's points: by their place on the Hilbert curve, with a seeded number behind the point.

use super::hilbert::{Grid, GridError};

/// 2^-64.
const UNIT: f64 = 1.0 / 18_446_744_073_709_551_616.0;

/// The place of a point on the curve in the upper half, a seeded mix of it in the lower: strictly increasing along the curve.
///
/// # Errors
/// [`GridError::Point`] if the point is not on the grid.
pub fn inductive_key(grid: Grid, x: u64, y: u64, seed: u64) -> Result<u128, GridError> {
    let place = grid.place(x, y)?;
    let mixed = (place ^ seed).wrapping_mul(0x517C_C1B7_2722_0A95);
    Ok(u128::from(place) << 64 | u128::from(mixed ^ mixed >> 31))
}

/// The binary64 view of [`inductive_key`], as a part of the grid: between 0 and 1, both included. Points of grids with a side
/// above 2^26 may share a number.
///
/// # Errors
/// As [`inductive_key`].
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the two halves, each rounded to binary64 once; dividing by a power of two is exact"
)]
pub fn inductive(grid: Grid, x: u64, y: u64, seed: u64) -> Result<f64, GridError> {
    let key = inductive_key(grid, x, y, seed)?;
    let total = grid.side() as f64 * grid.side() as f64;
    let (place, variety) = ((key >> 64) as u64, key as u64);
    Ok(place as f64 / total + (variety as f64 * UNIT) / total)
}
