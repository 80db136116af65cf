//! Cells as arguments and in reports.

use std::fmt;
use std::io::{self, Write};
use std::num::ParseFloatError;

use serde::{Serialize, Serializer};
use thiserror::Error;
use travertine_memory::generative::to_cell;

use crate::arguments::parse_number;
use crate::output::{HexNumber, Output};

/// The bits of a cell: `0x` and eight digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellBits(pub(super) u32);

impl CellBits {
    /// The number.
    fn value(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl fmt::Display for CellBits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#010x}", self.0)
    }
}

impl Serialize for CellBits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A cell in a report. Numbers that are infinite or NaN are `null` in JSON.
#[derive(Debug, Serialize)]
pub(super) struct CellReport {
    address: HexNumber,
    cell: CellBits,
    value: f32,
    number: f64,
    written: bool,
}

impl CellReport {
    /// A cell, the number behind it, and whether it was written.
    pub(super) fn new(address: u64, cell: u32, number: f64, written: bool) -> Self {
        let cell = CellBits(cell);
        Self { address: HexNumber(address), cell, value: cell.value(), number, written }
    }

    /// The cell as a line.
    pub(super) fn write(&self, out: &mut Output) -> io::Result<()> {
        let origin = if self.written { "written" } else { "synthesized" };
        writeln!(out, "{:<#18x}  {}  {:<12}  {origin}", self.address.0, self.cell, self.value)
    }
}

/// A cell to be written: its address and bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) address: u64,
    pub(super) cell: u32,
}

/// Why text is no cell to be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum AssignmentError {
    #[error("a cell is ADDRESS=VALUE, for example 42=3.14 or 0x2a=0x4048f5c3")]
    Form,
    #[error("`{0}` is no address: addresses are numbers up to 2^64 - 1")]
    Address(String),
    #[error("`{text}` is no number: {error}")]
    Value { text: String, error: ParseFloatError },
    #[error("`{0}` has not the eight hexadecimal digits of a cell's bits")]
    Bits(String),
}

/// `ADDRESS=VALUE`, where the value is a number or a cell's bits.
pub(super) fn parse_assignment(text: &str) -> Result<Assignment, AssignmentError> {
    let (address, value) = text.split_once('=').ok_or(AssignmentError::Form)?;
    let address = parse_number(address).map_err(|_| AssignmentError::Address(address.to_owned()))?;
    let cell = match value.strip_prefix("0x") {
        // A sign is no digit, though the parser of numbers would take one.
        Some(digits) if digits.len() == 8 && !digits.starts_with('+') => {
            u32::from_str_radix(digits, 16).map_err(|_| AssignmentError::Bits(value.to_owned()))?
        }
        Some(_) => return Err(AssignmentError::Bits(value.to_owned())),
        None => {
            let number =
                value.parse().map_err(|error| AssignmentError::Value { text: value.to_owned(), error });
            to_cell(number?)
        }
    };
    Ok(Assignment { address, cell })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_numbers_or_bits() {
        let cell = |text: &str| parse_assignment(text).map(|it| (it.address, it.cell));
        assert_eq!(cell("42=3.14"), Ok((42, 0x4048_F5C3)));
        assert_eq!(cell("0x2a=0x7fa00001"), Ok((42, 0x7FA0_0001)));
        assert_eq!((cell("1=-0"), cell("1=nan")), (Ok((1, 0x8000_0000)), Ok((1, 0x7FC0_0000))));
        assert_eq!((cell("1=1e99"), cell("1=-inf")), (Ok((1, 0x7F80_0000)), Ok((1, 0xFF80_0000))));
        assert_eq!(
            (cell("42"), cell("=")),
            (Err(AssignmentError::Form), Err(AssignmentError::Address(String::new())))
        );
        assert_eq!(
            cell("18446744073709551616=1"),
            Err(AssignmentError::Address("18446744073709551616".into()))
        );
        for bits in ["0x", "0x1", "0x123456789", "0x1234567g", "0x+2345678"] {
            assert_eq!(cell(&format!("1={bits}")), Err(AssignmentError::Bits(bits.into())), "{bits}");
        }
        assert!(matches!(cell("1=x"), Err(AssignmentError::Value { .. })));
    }
}
