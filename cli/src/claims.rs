//! What a proof proves, as `prove` and `verify` show it.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use serde::Serialize;
use travertine_memory::{Address, Permissions, RegionKind};
use travertine_merkle::layout::REGION_BYTES;
use travertine_merkle::{Claim, Generator, Proven, RegionHeader};

use crate::allocations::AllocationReport;
use crate::output::{Hex, HexNumber, Output, counted, grouped, reading};

/// Bytes in a line of a dump.
const LINE_BYTES: usize = 16;
/// Lines of a dump at most; JSON has all bytes.
const MAX_LINES: usize = 64;

/// A claim and its proven value.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ClaimReport {
    /// Bytes, and the region that they lie in.
    Bytes { address: HexNumber, length: u64, data: Hex<Vec<u8>>, region: RegionReport },
    /// A region; `null` if it is absent.
    Region { address: HexNumber, region: Option<RegionReport> },
    /// A slot of the list of allocations; `null` if it is free.
    Allocation { slot: u64, allocation: Option<AllocationReport> },
}

/// What the state says of a region.
#[derive(Debug, Serialize)]
pub(crate) struct RegionReport {
    kind: String,
    permissions: String,
    flags: u64,
    size: u64,
    #[serde(flatten)]
    generator: Option<GeneratorReport>,
}

/// What makes the pages of a generative region that nobody has written.
#[derive(Debug, Serialize)]
pub(crate) struct GeneratorReport {
    pub(crate) seed: HexNumber,
    pub(crate) mode: u64,
}

impl From<Generator> for GeneratorReport {
    fn from(Generator { seed, mode }: Generator) -> Self {
        Self { seed: HexNumber(seed), mode }
    }
}

impl fmt::Display for GeneratorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, mode {}", self.seed, self.mode)
    }
}

impl From<RegionHeader> for RegionReport {
    fn from(header: RegionHeader) -> Self {
        let kind = RegionKind::from_code(header.kind());
        let permissions = Permissions::from_bits(header.permissions());
        Self {
            kind: kind.map_or_else(|| format!("kind {}", header.kind()), |kind| kind.to_string()),
            permissions: permissions.map_or_else(
                |_| format!("bits {:#x}", header.permissions()),
                |permissions| permissions.to_string(),
            ),
            flags: header.flags(),
            size: header.size,
            generator: header.generator.map(GeneratorReport::from),
        }
    }
}

impl RegionReport {
    /// What the region's meta chunk says, but for the flags.
    pub(crate) fn kind_and_permissions(&self) -> String {
        format!("{}, {}", self.kind, self.permissions)
    }
}

impl fmt::Display for RegionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flags, size, generator, .. } = self;
        write!(f, "{}, {} bytes", self.kind_and_permissions(), grouped(*size))?;
        if let Some(generator) = generator {
            write!(f, ", {generator}")?;
        }
        if *flags == 0 { Ok(()) } else { write!(f, ", flags {flags:#x}") }
    }
}

/// A claim and what was proven of it.
impl From<(Claim, Proven)> for ClaimReport {
    fn from((claim, proven): (Claim, Proven)) -> Self {
        let address = HexNumber(claim.address);
        match proven {
            Proven::Bytes { data, region } => Self::Bytes {
                address,
                length: claim.length,
                data: Hex(data),
                region: RegionReport::from(region),
            },
            Proven::Region(header) => Self::Region { address, region: header.map(RegionReport::from) },
            Proven::Allocation(record) => Self::Allocation {
                slot: claim.address,
                allocation: record.map(|record| AllocationReport::from(*record)),
            },
        }
    }
}

/// What a claim is about, in words.
pub(crate) fn describe(claim: &Claim) -> String {
    if *claim == Claim::bytes(claim.address, claim.length) {
        return format!("{} at {}", counted(claim.length, "byte"), located(claim.address));
    }
    match u32::try_from(claim.address) {
        Ok(slot) if *claim == Claim::allocation(slot) => format!("slot {slot} of the allocations"),
        _ => format!("region {}", claim.address / REGION_BYTES),
    }
}

/// An address in both forms: `2:1:0x40 (0x200010040)`.
pub(crate) fn located(address: u64) -> String {
    Address::new(address).map_or_else(|_| format!("{address:#x}"), |parts| format!("{parts} ({address:#x})"))
}

/// Writes a proven claim.
pub(crate) fn write_claim(out: &mut Output, claim: &ClaimReport) -> io::Result<()> {
    match claim {
        ClaimReport::Bytes { address, length, data, region } => {
            writeln!(out, "proven  {} at {}", counted(*length, "byte"), located(address.0))?;
            writeln!(out, "        in region {}: {region}", address.0 / REGION_BYTES)?;
            write_dump(out, address.0, &data.0)
        }
        ClaimReport::Region { address, region } => {
            let number = address.0 / REGION_BYTES;
            match region {
                Some(region) => writeln!(out, "proven  region {number} is {region}"),
                None => writeln!(out, "proven  region {number} is absent"),
            }
        }
        ClaimReport::Allocation { slot, allocation: Some(allocation) } => allocation.write_proven(out, *slot),
        ClaimReport::Allocation { slot, allocation: None } => {
            writeln!(out, "proven  slot {slot} of the allocations is free")
        }
    }
}

/// Writes bytes with their addresses, and what they say, if that is short. An asterisk stands for repeated lines.
fn write_dump(out: &mut Output, address: u64, bytes: &[u8]) -> io::Result<()> {
    let mut lines = bytes.chunks(LINE_BYTES).take(MAX_LINES).zip((address..).step_by(LINE_BYTES)).peekable();
    let (mut above, mut repeated) = (None, false);
    while let Some((line, at)) = lines.next() {
        // Lines that repeat the one above are left out, but for the last.
        if above.replace(line) == Some(line) && lines.peek().is_some() {
            if !repeated {
                writeln!(out, "  *")?;
            }
            repeated = true;
            continue;
        }
        repeated = false;
        let place = Address::new(at).map_or_else(|_| format!("{at:#x}"), |at| at.to_string());
        let mut digits = String::new();
        for byte in line {
            // Writing to a string does not fail.
            let _ = write!(digits, "{byte:02x} ");
        }
        let shown = |&byte: &u8| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' };
        let text: String = line.iter().map(shown).collect();
        writeln!(out, "  {place:<14}  {digits:<48} {text}")?;
    }
    let hidden = bytes.len().saturating_sub(MAX_LINES * LINE_BYTES) as u64;
    if hidden > 0 {
        writeln!(out, "  and {} (--json has all)", counted(hidden, "more byte"))?;
    }
    match reading(bytes) {
        Some(reading) if bytes.len() <= LINE_BYTES => writeln!(out, "        {reading}"),
        _ => Ok(()),
    }
}
