//! The regions of a memory, as `inspect` and `root` list them.

use std::io::{self, Write};

use serde::Serialize;
use travertine_memory::Memory;

use crate::claims::GeneratorReport;
use crate::output::{HexNumber, Output, grouped};

/// A region.
#[derive(Debug, Serialize)]
pub(crate) struct RegionReport {
    region: u8,
    address: HexNumber,
    kind: String,
    permissions: String,
    size: u64,
    /// Pages that are not all zero; of a generative region those that have been written.
    pages: u64,
    #[serde(flatten)]
    generator: Option<GeneratorReport>,
}

/// The regions that are present, in order.
pub(crate) fn region_reports(memory: &Memory) -> Vec<RegionReport> {
    let report = |(number, region): (u8, &travertine_memory::Region)| RegionReport {
        region: number,
        address: HexNumber(u64::from(number) * travertine_merkle::layout::REGION_BYTES),
        kind: region.kind().to_string(),
        permissions: region.permissions().to_string(),
        size: region.cap().size(),
        pages: region.cap().pages_in(0..region.cap().page_count()).count() as u64,
        generator: region.cap().backing().generator().map(GeneratorReport::from),
    };
    memory.regions().map(report).collect()
}

/// Writes the regions as a table.
pub(crate) fn write_regions(out: &mut Output, regions: &[RegionReport]) -> io::Result<()> {
    writeln!(out, "regions")?;
    writeln!(
        out,
        "  {:>6}  {:<12}  {:<10}  {:<5}  {:>14}  {:>9}",
        "region", "from", "kind", "perms", "bytes", "non-zero pages"
    )?;
    for RegionReport { region, address, kind, permissions, size, pages, generator } in regions {
        let (size, pages) = (grouped(*size), grouped(*pages));
        let made = generator.as_ref().map_or_else(String::new, |made| format!(" written; {made}"));
        writeln!(
            out,
            "  {region:>6}  {address:<12}  {kind:<10}  {permissions:<5}  {size:>14}  {pages:>14}{made}"
        )?;
    }
    Ok(())
}
