//! The 3D memory instructions: bulk operations and what reads the machine's own figures.

use travertine_opcodes::Opcode;

use crate::assembler::{A0, A1, A2, A3, Code, code};
use crate::measure::{DATA, PAGE, Workload};
use crate::pages::content;

const MIB: u64 = 1 << 20;
/// Where bulk operations write: the source is at the start of the data region.
const TARGET: u64 = DATA + 16 * MIB;

pub(crate) fn workloads() -> Vec<Workload> {
    let mut all = vec![
        fixed("m3.gas", "read_gas", |code| {
            code.push(Opcode::M3Gas, A3, 0, 0, 0);
        }),
        fixed("m3.refund", "read_refund", |code| {
            code.push(Opcode::M3Refund, A3, 0, 0, 0);
        }),
        fixed("m3.root", "read_root", |code| {
            code.push(Opcode::M3Root, A0, A1, 0, 0);
        }),
    ];
    for (price, byte_price, opcode) in
        [("copy", "copy_byte_64ths", Opcode::M3Copy), ("fill", "fill_byte_64ths", Opcode::M3Fill)]
    {
        for (bytes, what) in [(0, "nothing"), (8, "8 bytes"), (PAGE, "4 KiB"), (MIB, "1 MiB")] {
            let (price, units) = if bytes < PAGE { (price, 1) } else { (byte_price, bytes) };
            let name = format!("{}: {what}", opcode.mnemonic());
            all.push(moves(name, price, opcode, (TARGET, DATA, bytes), units, content(MIB / PAGE)));
        }
    }
    for (price, byte_price, opcode) in [
        ("gather_entry", "gather_byte_64ths", Opcode::M3Gather),
        ("scatter_entry", "scatter_byte_64ths", Opcode::M3Scatter),
    ] {
        for (entries, length, what) in [
            (1, 0, "an empty entry"),
            (256, 8, "256 entries of 8 bytes"),
            (256, PAGE, "256 entries of 4 KiB"),
        ] {
            let (price, units) =
                if length < PAGE { (price, entries) } else { (byte_price, entries * length) };
            let name = format!("{}: {what}", opcode.mnemonic());
            all.push(moves(name, price, opcode, (TARGET, DATA, entries), units, entry_list(entries, length)));
        }
    }
    let share = (TARGET, DATA, MIB);
    all.push(moves(
        "m3.share: 1 MiB".to_owned(),
        "share_page",
        Opcode::M3Share,
        share,
        MIB / PAGE,
        content(MIB / PAGE),
    ));
    all
}

/// Entries {address, length}, whose bytes lie a page apart behind the list.
fn entry_list(entries: u64, length: u64) -> Vec<u8> {
    let entry = |number: u64| [DATA + MIB + number * PAGE, length];
    (0..entries).flat_map(entry).flat_map(u64::to_le_bytes).collect()
}

fn fixed(name: &str, price: &'static str, write: impl Fn(&mut Code)) -> Workload {
    let body = code(|code| (0..64).for_each(|_| write(code)));
    let prologue = code(|code| {
        code.li(A0, TARGET).li(A1, 2);
    });
    Workload { prologue, ..Workload::new(name, price, body, 64) }
}

/// A bulk operation with these three operands, over and over on the same bytes.
fn moves(
    name: String,
    price: &'static str,
    opcode: Opcode,
    (rd, rs1, rs2): (u64, u64, u64),
    units: u64,
    data: Vec<u8>,
) -> Workload {
    let body = code(|code| {
        (0..16).for_each(|_| {
            code.r(opcode, A0, A1, A2);
        });
    });
    let prologue = code(|code| {
        code.li(A0, rd).li(A1, rs1).li(A2, rs2);
    });
    let loops = (4 * MIB / (units * 16)).clamp(1, 1000);
    Workload { prologue, loops, data, ..Workload::new(name, price, body, units * 16) }
}
