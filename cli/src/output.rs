//! Standard output, and how values are written: for people, and as JSON.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use serde::{Serialize, Serializer};
use travertine_merkle::Hash;

/// How a command ended that had something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The call succeeded, the proof is valid.
    Success,
    /// The contract failed, or the proof is invalid.
    Failure,
}

impl Verdict {
    pub(crate) fn of(success: bool) -> Self {
        if success { Self::Success } else { Self::Failure }
    }
}

/// Buffered standard output. Once its reader has gone, as `head` does, what is written is dropped: the exit code still
/// tells how the command ended.
#[derive(Debug)]
pub(crate) struct Output {
    inner: BufWriter<StdoutLock<'static>>,
    has_reader: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { inner: BufWriter::new(io::stdout().lock()), has_reader: true }
    }

    /// Whether a person reads it.
    pub(crate) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Writes `report` as one line of JSON.
    pub(crate) fn json(&mut self, report: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self, report)?;
        self.write_all(b"\n")
    }

    /// Ends a command: writes `report` as JSON if asked to, otherwise what `text` writes.
    pub(crate) fn print(
        mut self,
        json: bool,
        report: &impl Serialize,
        text: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        if json {
            self.json(report)?;
        } else {
            text(&mut self)?;
        }
        self.flush()
    }

    fn forgive<T>(&mut self, result: io::Result<T>, dropped: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.has_reader = false;
                Ok(dropped)
            }
            result => result,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.has_reader {
            return Ok(bytes.len());
        }
        let written = self.inner.write(bytes);
        self.forgive(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.has_reader {
            return Ok(());
        }
        let flushed = self.inner.flush();
        self.forgive(flushed, ())
    }
}

/// Bytes as `0x` and hexadecimal digits, in text and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex<T>(pub(crate) T);

impl<T: AsRef<[u8]>> fmt::Display for Hex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(&self.0))
    }
}

impl Hex<Hash> {
    /// Enough of a hash to tell it from others, for people.
    pub(crate) fn short(&self) -> String {
        let digits = hex::encode(self.0);
        format!("{}..{}", &digits[..8], &digits[60..])
    }
}

impl<T: AsRef<[u8]>> Serialize for Hex<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number as `0x` and hexadecimal digits: packed addresses and instruction words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HexNumber(pub(crate) u64);

impl fmt::Display for HexNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl Serialize for HexNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number with its digits in groups of three: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
    let head = (!head.is_empty()).then(|| head.into());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// `count` and the noun, which gets an `s` unless the count is 1.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// The bytes as text, if they are not empty and every character of it can be shown.
pub(crate) fn printable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

/// What a person would read in the bytes: their text, or the little-endian `u64` that eight of them make.
pub(crate) fn reading(bytes: &[u8]) -> Option<String> {
    if let Some(text) = printable(bytes) {
        return Some(format!("\"{text}\""));
    }
    let word: [u8; 8] = bytes.try_into().ok()?;
    Some(format!("{} as a little-endian u64", grouped(u64::from_le_bytes(word))))
}

/// The bytes as text in which control characters, with which a terminal could be tricked, are escaped; line feeds and
/// tabs are not. Bytes that are not UTF-8 are replaced.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn only_text_without_control_characters_is_shown_as_text() {
        assert_eq!(reading(b"balance too low").as_deref(), Some("\"balance too low\""));
        assert_eq!(reading(&70_u64.to_le_bytes()).as_deref(), Some("70 as a little-endian u64"));
        assert_eq!((reading(b""), reading(b"a\x1b[2J"), reading(&[0xff])), (None, None, None));
        assert_eq!(escaped(b"a\tb\n\x1b[2J\xff"), "a\tb\n\\u{1b}[2J\u{fffd}");
    }
}
