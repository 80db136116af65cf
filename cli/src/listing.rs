//! Disassembly of a program's code: a linear sweep over its executable segments.

use std::ops::Range;

use serde::{Serialize, Serializer};
use travertine_opcodes::{Decoded, Form, Operand, decode};
use travertine_vm::Segment;

use crate::output::HexNumber;
use crate::program::Symbols;

/// One instruction, or bytes that are none.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) address: HexNumber,
    /// Names of the symbols at this address.
    pub(crate) labels: Vec<String>,
    /// Its bits, as long as it is.
    pub(crate) bits: Bits,
    pub(crate) text: String,
    /// Where a branch or jump goes.
    pub(crate) target: Option<HexNumber>,
    /// The target's symbol.
    pub(crate) target_symbol: Option<String>,
}

/// The bytes of a line, as a little-endian number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits {
    pub(crate) value: u32,
    /// In bytes: 1, 2 or 4.
    pub(crate) length: u8,
}

impl Bits {
    /// All hexadecimal digits of the bits, without `0x`.
    pub(crate) fn digits(self) -> String {
        format!("{:0width$x}", self.value, width = 2 * usize::from(self.length))
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("0x{}", self.digits()))
    }
}

/// The lines of the part of `segment` that lies in `range`: its content, without the zeros that follow it.
///
/// No line runs over a symbol: where data stands between functions, the sweep finds the next function again. With `aliases`,
/// instructions have the names of `Memory3D` where there is one.
pub(crate) fn lines<'a>(
    segment: &'a Segment,
    range: &Range<u64>,
    symbols: &'a Symbols,
    aliases: bool,
) -> impl Iterator<Item = Line> + use<'a> {
    let end = (segment.address + segment.data.len() as u64).min(range.end);
    let mut next = segment.address.max(range.start & !1);
    std::iter::from_fn(move || {
        let address = next;
        if address >= end {
            return None;
        }
        let line = line(segment, address, symbols, aliases);
        next += u64::from(line.bits.length);
        Some(line)
    })
}

/// The line at `address`, which lies in the segment.
fn line(segment: &Segment, address: u64, symbols: &Symbols, aliases: bool) -> Line {
    let bits = bits_at(segment, address, symbols);
    let decoded = if bits.length == 1 { None } else { decode(bits.value).ok() };
    // Half a long instruction does not decode: its low two bits say that there is more.
    let decoded = decoded.filter(|decoded| decoded.length() == bits.length);
    let directive = match bits.length {
        1 => ".byte",
        2 => ".half",
        _ => ".word",
    };
    let text = decoded.map_or_else(
        || format!("{directive} 0x{}", bits.digits()),
        |decoded| {
            let text = decoded.disassemble(Some(address));
            if aliases { text.with_aliases() } else { text }.to_string()
        },
    );
    let target = decoded.and_then(|decoded| target(decoded, address));
    Line {
        address: HexNumber(address),
        labels: symbols.at(address).map(|symbol| symbol.name.clone()).collect(),
        bits,
        text,
        target: target.map(HexNumber),
        target_symbol: target.and_then(|target| symbols.describe(target)),
    }
}

/// The bits at `address`: four bytes if they start a long instruction, which no symbol and no segment's end cuts.
fn bits_at(segment: &Segment, address: u64, symbols: &Symbols) -> Bits {
    let room = symbols.next_address(address).unwrap_or(u64::MAX).min(segment.end()) - address;
    let byte = |at: u64| {
        let index = usize::try_from(address - segment.address + at).ok();
        u32::from(index.and_then(|index| segment.data.get(index)).copied().unwrap_or(0))
    };
    let low = byte(0) | byte(1) << 8;
    match (room, low & 3) {
        (0 | 1, _) => Bits { value: byte(0), length: 1 },
        (4.., 3) => Bits { value: low | byte(2) << 16 | byte(3) << 24, length: 4 },
        _ => Bits { value: low, length: 2 },
    }
}

/// Where a branch or jump at `address` goes, if the instruction says it.
fn target(decoded: Decoded, address: u64) -> Option<u64> {
    let operands = match decoded.form() {
        Form::Base(opcode) => opcode.row().operands,
        Form::Compressed(form) => form.row().operands,
    };
    let is_target = operands.contains(&Operand::Target);
    is_target.then(|| address.wrapping_add_signed(i64::from(decoded.instruction().imm)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Source;
    use crate::program::ProgramFile;
    use travertine_vm::Engine;

    #[test]
    fn the_sweep_covers_every_byte_of_code_once() {
        let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/contracts");
        for name in ["counter", "token", "torture", "faults", "guestbook"] {
            let source = Source::File(format!("{contracts}/{name}/{name}.elf").into());
            let file = ProgramFile::read(&source, &Engine::default()).unwrap();
            let symbols = file.symbols();
            for segment in file.program.image().segments() {
                let mut next = segment.address;
                for line in lines(segment, &(0..u64::MAX), &symbols, false) {
                    assert_eq!(line.address.0, next, "{name}");
                    next += u64::from(line.bits.length);
                }
                // The last line may hold some of the zeros that follow the content.
                let end = segment.address + segment.data.len() as u64;
                assert!((end..end + 4).contains(&next), "{name}");
            }
        }
    }
}
