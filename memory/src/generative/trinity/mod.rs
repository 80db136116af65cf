//! The trinity: places on a Hilbert curve, numbers from three residues, and what is computed from both.

mod crt;
mod hilbert;
mod inductive;
mod solve;

pub use crt::{CRT_MODULI, U192, crt};
pub use hilbert::{Grid, GridError};
pub use inductive::{inductive, inductive_key};
pub use solve::{Solution, solve};
