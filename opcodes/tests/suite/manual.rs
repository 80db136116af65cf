//! Writes `docs/isa.md` from the table, and fails when the file is stale. `UPDATE_DOCS=1` rewrites it.

use std::fmt::{Display, Write};
use std::fs;
use std::path::Path;

use travertine_opcodes::{
    COMPRESSED_TABLE, CompressedRow, Extension, Extent, Format, GasClass, Hint, Layout, Operand, Pattern,
    REGISTER_NAMES, RESERVED, RegisterField, Row, TABLE,
};

/// Where fixed bits are split into groups: the manual's fields.
const FIELD_STARTS: [u8; 5] = [7, 12, 15, 20, 25];
const COMPRESSED_FIELD_STARTS: [u8; 4] = [2, 7, 12, 13];

#[test]
fn manual_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/isa.md");
    let manual = manual();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(&path, &manual).expect("writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == manual,
        "docs/isa.md is stale: run UPDATE_DOCS=1 cargo test -p travertine-opcodes manual"
    );
}

fn manual() -> String {
    let mut out = include_str!("manual.md").to_owned();
    for &extension in Extension::ALL {
        write_extension(&mut out, extension);
    }
    write_compressed(&mut out);
    write_gas_classes(&mut out);
    write_hints(&mut out);
    write_reserved(&mut out);
    out.push_str(include_str!("aliases.md"));
    out
}

fn heading(out: &mut String, title: &str, columns: &[&str]) {
    write!(out, "\n## {title}\n\n").expect("a string takes all");
    row(out, columns);
    row(out, &vec!["---"; columns.len()]);
}

fn row<T: Display>(out: &mut String, cells: &[T]) {
    for cell in cells {
        // A bar within a cell would end it.
        let cell = cell.to_string().replace('|', "\\|");
        write!(out, "| {cell} ").expect("a string takes all");
    }
    out.push_str("|\n");
}

const fn title(extension: Extension) -> &'static str {
    match extension {
        Extension::I => "RV64I: base",
        Extension::Zifencei => "Zifencei: instruction-fetch fence",
        Extension::M => "M: multiplication and division",
        Extension::A => "A: atomics",
        Extension::Zba => "Zba: address generation",
        Extension::Zbb => "Zbb: basic bit manipulation",
        Extension::Zbs => "Zbs: single bits",
        Extension::Zicond => "Zicond: conditional operations",
        Extension::Xtravertine => "Xtravertine: 3D memory",
    }
}

fn write_extension(out: &mut String, extension: Extension) {
    heading(out, title(extension), &["instruction", "encoding", "format", "gas class", "operation"]);
    for entry in TABLE.iter().filter(|row| row.extension == extension) {
        let Row { mnemonic, aliases, operands, format, pattern, gas_class, prose, .. } = entry;
        let names: Vec<String> = aliases.iter().map(|alias| format!(" (`{alias}`)")).collect();
        row(
            out,
            &[
                format!("`{}`{}", syntax(mnemonic, operands, format.layout()), names.concat()),
                format!("`{}`", picture(*pattern, *format, 32)),
                format.name().to_owned(),
                format!("{gas_class:?}"),
                (*prose).to_owned(),
            ],
        );
    }
}

fn write_compressed(out: &mut String) {
    heading(
        out,
        "C: compressed instructions",
        &["instruction", "encoding", "format", "expansion", "not if", "operation"],
    );
    for entry in &COMPRESSED_TABLE {
        let CompressedRow { mnemonic, operands, format, pattern, except, expansion, prose, .. } = entry;
        let except: Vec<String> =
            except.iter().map(|pattern| format!("`{}`", condition(*pattern, *format))).collect();
        row(
            out,
            &[
                format!("`{}`", syntax(mnemonic, operands, format.layout())),
                format!("`{}`", picture(*pattern, *format, 16)),
                format.name().to_owned(),
                format!("`{}`", syntax(expansion.mnemonic(), expansion.row().operands, format.layout())),
                except.join(", "),
                (*prose).to_owned(),
            ],
        );
    }
}

fn write_gas_classes(out: &mut String) {
    heading(out, "Gas classes", &["class", "instructions"]);
    for class in GasClass::ALL {
        let members =
            TABLE.iter().filter(|row| row.gas_class == *class).map(|row| format!("`{}`", row.mnemonic));
        let members = match class {
            GasClass::Nop => "`addi x0, x0, 0`".to_owned(),
            GasClass::Mv => {
                "`addi rd, rs1, 0` and `add rd, x0, rs2`, of a register other than `x0`".to_owned()
            }
            _ => members.collect::<Vec<_>>().join(", "),
        };
        row(out, &[format!("{class:?}"), members]);
    }
}

fn write_hints(out: &mut String) {
    heading(out, "HINTs", &["instruction", "is a HINT if"]);
    let base = TABLE.iter().map(|row| (row.mnemonic, row.hints()));
    let compressed = COMPRESSED_TABLE.iter().map(|row| (row.mnemonic, row.hints));
    for (mnemonic, hints) in base.chain(compressed).filter(|(_, hints)| !hints.is_empty()) {
        let conditions: Vec<&str> = hints.iter().map(|Hint { prose, .. }| *prose).collect();
        let nop = if mnemonic == "addi" { ", except `nop`: rs1 = x0 and imm = 0, too" } else { "" };
        row(out, &[format!("`{mnemonic}`"), format!("{}{nop}", conditions.join(" or "))]);
    }
}

fn write_reserved(out: &mut String) {
    heading(out, "Reserved encodings", &["encoding", "reserved", "what it is"]);
    for entry in RESERVED {
        let width = if entry.pattern.bits & 3 == 3 { 32 } else { 16 };
        let extent = match entry.extent {
            Extent::All => "all",
            Extent::Rest => "what no instruction claims",
        };
        row(out, &[&format!("`{}`", bits(entry.pattern, width)), extent, entry.prose]);
    }
}

/// A mnemonic and its operands, where `layout` implies some of them.
fn syntax(mnemonic: &str, operands: &[Operand], layout: &Layout) -> String {
    let Layout { rd, rs1, rs2, immediate } = *layout;
    let register = |field: RegisterField, name: &str| match field {
        RegisterField::Fixed(number) => REGISTER_NAMES[usize::from(number)].to_owned(),
        RegisterField::At(_) | RegisterField::Short(_) => name.to_owned(),
    };
    // Where rd and rs1 share a field, the text has rd only.
    let first = register(rs1, if rd == rs1 { "rd" } else { "rs1" });
    let operands = operands.iter().map(|operand| match operand {
        Operand::Rd => register(rd, "rd"),
        Operand::Rs1 => first.clone(),
        Operand::Rs2 => register(rs2, "rs2"),
        Operand::Memory if immediate.ranges.is_empty() => format!("0({first})"),
        Operand::Memory => format!("imm({first})"),
        other => other.to_string(),
    });
    format!("{mnemonic} {}", operands.collect::<Vec<_>>().join(", ")).trim_end().to_owned()
}

/// What a pattern says about the operands of a format.
fn condition(pattern: Pattern, format: Format) -> String {
    let Layout { rd, rs1, rs2, immediate } = *format.layout();
    let fields = [(rd, "rd"), (rs1, "rs1"), (rs2, "rs2")];
    if pattern.mask == immediate.bits() && pattern.bits == 0 {
        return "imm = 0".to_owned();
    }
    let named = fields.into_iter().find(|(field, _)| field.bits() == pattern.mask);
    let (field, name) = named.expect("an exception concerns one operand");
    let RegisterField::At(low) = field else { panic!("{name} is not a full register") };
    format!("{name} = x{}", pattern.bits >> low)
}

/// A pattern without operands: fixed bits, and dots for those that are open.
fn bits(pattern: Pattern, width: u8) -> String {
    let digits = (0..width).rev().map(|bit| match (pattern.mask >> bit & 1, pattern.bits >> bit & 1) {
        (0, _) => '.',
        (_, 0) => '0',
        (_, _) => '1',
    });
    let starts: &[u8] = if width == 32 { &FIELD_STARTS } else { &COMPRESSED_FIELD_STARTS };
    let mut out = String::new();
    for (bit, digit) in (0..width).rev().zip(digits) {
        out.push(digit);
        if starts.contains(&bit) {
            out.push(' ');
        }
    }
    out
}

/// An encoding: fixed bits, and the names of the operands' fields.
fn picture(pattern: Pattern, format: Format, width: u8) -> String {
    let starts: &[u8] = if width == 32 { &FIELD_STARTS } else { &COMPRESSED_FIELD_STARTS };
    let layout = format.layout();
    let mut groups: Vec<String> = Vec::new();
    let mut next = width;
    while next > 0 {
        let high = next - 1;
        let (label, low) = if pattern.mask >> high & 1 == 1 {
            let ends = |bit: &u8| starts.contains(bit) || *bit == 0 || pattern.mask >> (bit - 1) & 1 == 0;
            let low = (0..=high).rev().find(ends).expect("bit 0 ends");
            (
                bits(pattern, width).replace(' ', "")[usize::from(width - next)..usize::from(width - low)]
                    .to_owned(),
                low,
            )
        } else {
            operand_field(layout, format, high).expect("a bit is fixed or an operand's")
        };
        groups.push(label);
        next = low;
    }
    groups.join(" ")
}

/// Name and lowest bit of the operand field that ends at bit `high`.
fn operand_field(layout: &Layout, format: Format, high: u8) -> Option<(String, u8)> {
    let shared = layout.rd == layout.rs1;
    let names = [(layout.rd, if shared { "rd/rs1" } else { "rd" }), (layout.rs1, "rs1"), (layout.rs2, "rs2")];
    for (field, name) in names {
        match field {
            RegisterField::At(low) if low + 4 == high => return Some((name.to_owned(), low)),
            RegisterField::Short(low) if low + 2 == high => {
                let primed = if shared { "rd'/rs1'".to_owned() } else { format!("{name}'") };
                return Some((if name == "rs2" { "rs2'".to_owned() } else { primed }, low));
            }
            _ => {}
        }
    }
    immediate_field(layout, format, high)
}

/// Name and lowest bit of the run of immediate bits that ends at bit `high`.
fn immediate_field(layout: &Layout, format: Format, high: u8) -> Option<(String, u8)> {
    let ranges = layout.immediate.ranges;
    let first = ranges.iter().position(|range| range.high == high)?;
    let mut parts = Vec::new();
    let mut low = high + 1;
    for range in ranges[first..].iter().take_while(|range| {
        let adjacent = range.high + 1 == low;
        low = if adjacent { range.low } else { low };
        adjacent
    }) {
        let (top, bottom) = (range.imm_high(), range.imm_low);
        parts.push(if top == bottom { top.to_string() } else { format!("{top}:{bottom}") });
    }
    let name = match format {
        Format::Amo | Format::AmoLoad => return Some(("aq rl".to_owned(), low)),
        Format::Fence => return Some(("fm pred succ".to_owned(), low)),
        Format::Shift | Format::ShiftWord | Format::CiShift | Format::CbShift => "shamt",
        _ if layout.immediate.signed => "imm",
        _ => "uimm",
    };
    Some((format!("{name}[{}]", parts.join("|")), low))
}
