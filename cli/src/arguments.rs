//! Arguments that several commands take: bytes, accounts, numbers, ranges, gas schedules.

use std::ffi::OsString;
use std::num::ParseIntError;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;
use travertine_gas::Schedule;
use travertine_memory::{Address, AddressError};
use travertine_merkle::layout::ALLOCATIONS_LIMIT;
use travertine_merkle::{Claim, Hash};

use crate::error::InputError;
use crate::files;

/// The longest gas schedule file that is read, in bytes.
const MAX_SCHEDULE_BYTES: u64 = 1 << 16;

/// Why text is not bytes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum HexError {
    #[error("`{character}` at position {position} is not a hexadecimal digit")]
    Digit { character: char, position: usize },
    #[error("{0} hexadecimal digits: bytes have two each")]
    Odd(usize),
    #[error("{digits} hexadecimal digits, not {expected}; leading zeros must be written")]
    Length { digits: usize, expected: usize },
}

/// Bytes from hexadecimal digits, with or without `0x`.
fn parse_hex(text: &str) -> Result<Vec<u8>, HexError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let prefix = text.len() - digits.len();
    if let Some((position, character)) =
        digits.chars().enumerate().find(|(_, character)| !character.is_ascii_hexdigit())
    {
        return Err(HexError::Digit { character, position: prefix + position + 1 });
    }
    hex::decode(digits).map_err(|_| HexError::Odd(digits.len()))
}

/// A root or an account: 64 hexadecimal digits, with or without `0x`. Short ones are refused, since a value that lost
/// digits on its way must not become another, valid one.
pub(crate) fn parse_hash(text: &str) -> Result<Hash, HexError> {
    let digits = text.strip_prefix("0x").unwrap_or(text).chars().count();
    let expected = 2 * size_of::<Hash>();
    let bytes = match parse_hex(text) {
        Err(HexError::Odd(digits)) => return Err(HexError::Length { digits, expected }),
        parsed => parsed?,
    };
    bytes.try_into().map_err(|_| HexError::Length { digits, expected })
}

/// A number: decimal or `0x` and hexadecimal; `_` may group the digits.
pub(crate) fn parse_number(text: &str) -> Result<u64, ParseIntError> {
    let plain = text.replace('_', "");
    match plain.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => plain.parse(),
    }
}

/// A region's number, written like any other number.
pub(crate) fn parse_region(text: &str) -> Result<u8, String> {
    let number = parse_number(text).map_err(|error| error.to_string())?;
    u8::try_from(number).map_err(|_| format!("{number} is above 255, the last region"))
}

/// A slot of the list of allocations.
pub(crate) fn parse_slot(text: &str) -> Result<u32, String> {
    let number = parse_number(text).map_err(|error| error.to_string())?;
    let slot = u32::try_from(number).ok().filter(|_| number < ALLOCATIONS_LIMIT);
    slot.ok_or_else(|| format!("{number} is no slot: the list of allocations has {ALLOCATIONS_LIMIT}"))
}

/// Why text is not a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RangeError {
    #[error("a range is ADDRESS+LENGTH or ADDRESS:LENGTH, for example 2:1:0x40+8")]
    Form,
    #[error("`{text}` is no address: {error}")]
    Address { text: String, error: AddressError },
    #[error("`{text}` is no length: {error}")]
    Length { text: String, error: ParseIntError },
}

/// `ADDRESS+LENGTH` or `ADDRESS:LENGTH`. Addresses may have colons, too: the last one is before the length.
pub(crate) fn parse_range(text: &str) -> Result<Claim, RangeError> {
    let parts = text.rsplit_once('+').or_else(|| text.rsplit_once(':'));
    let (address, length) = parts.ok_or(RangeError::Form)?;
    let address: Address =
        address.parse().map_err(|error| RangeError::Address { text: address.to_owned(), error })?;
    let length =
        parse_number(length).map_err(|error| RangeError::Length { text: length.to_owned(), error })?;
    Ok(Claim::bytes(address.packed(), length))
}

/// What a proof is about, besides an address of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct ClaimArguments {
    /// Bytes: 2:1:0x40+8 or 2:1:0x40:8, with any form of an address; may be given many times.
    #[arg(long = "range", value_name = "ADDRESS+LENGTH", value_parser = parse_range)]
    pub(crate) ranges: Vec<Claim>,
    /// Kind, permissions and size of a region, or its absence; may be given many times.
    #[arg(long = "region", value_name = "NUMBER", value_parser = parse_region)]
    pub(crate) regions: Vec<u8>,
    /// The allocation record in a slot, or that the slot is free; may be given many times.
    #[arg(long = "allocation", value_name = "SLOT", value_parser = parse_slot)]
    pub(crate) allocations: Vec<u32>,
}

impl ClaimArguments {
    /// The claims: the ranges in their order, then the regions in theirs, then the allocations.
    pub(crate) fn claims(&self) -> impl Iterator<Item = Claim> {
        let regions = self.regions.iter().copied().map(Claim::region);
        let allocations = self.allocations.iter().copied().map(Claim::allocation);
        self.ranges.iter().copied().chain(regions).chain(allocations)
    }

    /// Whether something else than ranges is named, and no range.
    pub(crate) fn is_without_ranges(&self) -> bool {
        self.ranges.is_empty() && self.claims().next().is_some()
    }
}

/// Where a command gets bytes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// They were given in hexadecimal.
    Bytes(Vec<u8>),
    /// A file holds them.
    File(PathBuf),
    /// Standard input, to its end.
    Stdin,
}

/// `HEX`, `@FILE` or `-`.
impl FromStr for Source {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        match (text, text.strip_prefix('@')) {
            ("-", _) => Ok(Self::Stdin),
            (_, Some(path)) => Ok(Self::File(path.into())),
            (digits, None) => parse_hex(digits).map(Self::Bytes),
        }
    }
}

/// A parser of arguments that are a file's name, or `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSource(pub(crate) Source);

impl From<OsString> for FileSource {
    fn from(path: OsString) -> Self {
        Self(if path == "-" { Source::Stdin } else { Source::File(path.into()) })
    }
}

impl Source {
    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Bytes(_) => "the argument".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or there are more than `limit` bytes.
    pub(crate) fn read(&self, limit: u64) -> Result<Vec<u8>, InputError> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::File(path) => files::read_up_to(path, limit)?,
            Self::Stdin => files::read_stdin_up_to(limit)?,
        };
        if bytes.len() as u64 > limit {
            return Err(InputError::TooLarge { name: self.name(), limit });
        }
        Ok(bytes)
    }
}

/// Refuses two arguments that are both to be read from standard input.
pub(crate) fn check_stdin(
    first: (&'static str, &Source),
    second: (&'static str, &Source),
) -> Result<(), InputError> {
    if *first.1 == Source::Stdin && *second.1 == Source::Stdin {
        return Err(InputError::StdinTwice { first: first.0, second: second.0 });
    }
    Ok(())
}

/// A gas schedule by its name, or the file that holds one.
#[derive(Debug, Clone)]
pub(crate) struct ScheduleSource(OsString);

impl From<OsString> for ScheduleSource {
    fn from(text: OsString) -> Self {
        Self(text)
    }
}

impl ScheduleSource {
    /// The schedule's name or its file's.
    pub(crate) fn name(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// The schedule.
    ///
    /// # Errors
    /// If it has no known name, and is not a file with a valid schedule.
    pub(crate) fn read(&self) -> Result<Schedule, InputError> {
        if let Some(known) = Schedule::NAMED.iter().find(|known| self.0 == known.name) {
            return Ok((known.schedule)());
        }
        let path = Path::new(&self.0);
        if !path.exists() {
            return Err(InputError::UnknownSchedule(self.name()));
        }
        let bytes = Source::File(path.into()).read(MAX_SCHEDULE_BYTES)?;
        let json = String::from_utf8(bytes).map_err(|_| InputError::ScheduleText { name: self.name() })?;
        Schedule::from_json(&json).map_err(|error| InputError::Schedule { name: self.name(), error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_hexadecimal_a_file_or_standard_input() {
        let parse = |text: &str| text.parse::<Source>();
        assert_eq!(parse("0xAb01"), Ok(Source::Bytes(vec![0xab, 1])));
        assert_eq!(parse("ab01"), Ok(Source::Bytes(vec![0xab, 1])));
        assert_eq!((parse(""), parse("0x")), (Ok(Source::Bytes(vec![])), Ok(Source::Bytes(vec![]))));
        assert_eq!(parse("@a b"), Ok(Source::File("a b".into())));
        assert_eq!(parse("-"), Ok(Source::Stdin));
        assert_eq!(parse("0xabc"), Err(HexError::Odd(3)));
        assert_eq!(parse("0x0g"), Err(HexError::Digit { character: 'g', position: 4 }));
        assert_eq!(parse("é0"), Err(HexError::Digit { character: 'é', position: 1 }));
        assert!(parse("0X00").is_err() && parse("00 ").is_err() && parse("+1").is_err());
    }

    #[test]
    fn accounts_and_roots_are_written_whole() {
        assert_eq!(parse_hash(&"0a".repeat(32)), Ok([10; 32]));
        assert_eq!(parse_hash(&format!("0x{}", "0A".repeat(32))), Ok([10; 32]));
        for digits in [0, 1, 40, 63, 65, 66] {
            let expected = Err(HexError::Length { digits, expected: 64 });
            assert_eq!(parse_hash(&"1".repeat(digits)), expected, "{digits} digits");
        }
    }

    #[test]
    fn the_last_colon_or_a_plus_stands_before_the_length_of_a_range() {
        let claim = Ok(Claim::bytes(0x2_0001_0040, 8));
        for address in ["2:1:0x40", "0x200010040", "[X:2,Y:1,Z:64]"] {
            assert_eq!(parse_range(&format!("{address}:8")), claim);
            assert_eq!(parse_range(&format!("{address}+0x8")), claim);
        }
        let address = |text| matches!(parse_range(text), Err(RangeError::Address { .. }));
        assert!(address("2:1:0x40") && address("2:1") && address("+8") && address("2:1:0x40:8+8"));
        let length = |text| matches!(parse_range(text), Err(RangeError::Length { .. }));
        assert!(length("2:1:0x40:") && length("0x200010040+-8") && length("2:1:0x40+"));
        assert_eq!(parse_range("0x200010040"), Err(RangeError::Form));
        assert!(parse_range("[X:2,Y:1,Z:64]").is_err());
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(parse_number("1_000"), Ok(1000));
        assert_eq!(parse_number("0xff"), Ok(255));
        assert_eq!(parse_number(&u64::MAX.to_string()), Ok(u64::MAX));
        for text in ["", "0x", "-1", "1e3", "ff", "18446744073709551616"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
        assert_eq!((parse_region("0xff"), parse_region("256").is_err()), (Ok(255), true));
        assert_eq!(parse_slot("16_777_215"), Ok((1 << 24) - 1));
        assert!(parse_slot("0x1000000").is_err() && parse_slot("0x100000000").is_err());
    }
}
