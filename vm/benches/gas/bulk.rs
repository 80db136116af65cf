//! The 3D memory instructions: bulk operations and what reads the machine's own figures.

use travertine_opcodes::Opcode;

use crate::assembler::{A0, A1, A2, A3, A4, A5, Code, code};
use crate::measure::{DATA, PAGE, Script, Workload};
use crate::pages::{MIB, content};

/// Where bulk operations write: the source is at the start of the data region.
const TARGET: u64 = DATA + 16 * MIB;
/// Operations in a loop.
const BODY: u64 = 16;

pub(crate) fn workloads() -> Vec<Workload> {
    [figures(), copies_and_fills(), batches(), shares()].concat()
}

fn figures() -> Vec<Workload> {
    let row = |name, price, opcode, rd, rs1| {
        let body = code(|code| (0..64).for_each(|_| _ = code.r(opcode, rd, rs1, 0)));
        let prologue = code(|code| _ = code.li(A0, TARGET).li(A1, 2));
        Workload::new(name, price, Script { prologue, ..Script::new(body) }, 64)
    };
    vec![
        row("m3.gas", "read_gas", Opcode::M3Gas, A3, 0),
        row("m3.refund", "read_refund", Opcode::M3Refund, A3, 0),
        row("m3.root", "read_root", Opcode::M3Root, A0, A1),
    ]
}

/// An operation and its operands: what `rd`, `rs1` and `rs2` hold.
#[derive(Clone, Copy)]
struct Bulk(Opcode, u64, u64, u64);

impl Bulk {
    /// The operation, over and over on the same bytes, and `after` behind each.
    fn script(self, loops: u64, data: Vec<u8>, after: impl Fn(&mut Code)) -> Script {
        let Self(opcode, rd, rs1, rs2) = self;
        let body = code(|code| {
            (0..BODY).for_each(|_| {
                code.r(opcode, A0, A1, A2);
                after(code);
            });
        });
        // The other registers are for what comes after.
        let prologue =
            code(|code| _ = code.li(A0, rd).li(A1, rs1).li(A2, rs2).li(A3, 1).li(A4, rd).li(A5, rs1));
        Script { prologue, loops, data: data.into(), ..Script::new(body) }
    }

    fn each(self, name: &str, price: &'static str, data: Vec<u8>, after: impl Fn(&mut Code)) -> Workload {
        Workload::new(name, price, self.script(200, data, after), BODY)
    }

    /// What more in `rs2` costs, for each of so many units.
    fn more(self, rs2: u64, name: &str, price: &'static str, units: u64, data: &[u8]) -> Workload {
        // So often that touching the pages first does not count.
        let loops = (256 * MIB / units / BODY).clamp(20, 1000);
        let [less, more] =
            [self.3, rs2].map(|rs2| Self(self.0, self.1, self.2, rs2).script(loops, data.to_vec(), |_| {}));
        Workload::difference(name, price, less, more, units * loops * BODY)
    }
}

fn copies_and_fills() -> Vec<Workload> {
    let mut all = Vec::new();
    for (price, byte_price, page_price, opcode) in [
        ("copy", "copy_byte_64ths", "copy_page", Opcode::M3Copy),
        ("fill", "fill_byte_64ths", "fill_page", Opcode::M3Fill),
    ] {
        let name = |what: &str| format!("{}: {what}", opcode.mnemonic());
        // A fill is with the low byte of what is the source of a copy.
        let op = |to: u64, length| Bulk(opcode, TARGET + to, DATA + 1, length);
        let data = || content(MIB / PAGE + 1);
        let store = |code: &mut Code| _ = code.s(Opcode::Sb, A4, A3, 1);
        all.extend([
            op(0, 0).each(&name("nothing"), price, data(), |_| {}),
            op(0, 8).each(&name("8 bytes"), price, data(), |_| {}),
            op(PAGE - 4, 8).each(&name("8 bytes across two pages"), price, data(), |_| {}),
            op(8, 64).more(4000, &name("bytes within a page"), byte_price, 4000 - 64, &data()),
            Bulk(opcode, TARGET, DATA, PAGE).more(MIB, &name("whole pages"), page_price, 255, &data()),
            Bulk(opcode, TARGET, DATA, PAGE).each(&name("a page, and a store to it"), price, data(), store),
        ]);
    }
    let across = Bulk(Opcode::M3Copy, TARGET + 8, DATA + 1, PAGE);
    let data = content(MIB / PAGE + 1);
    all.push(across.more(MIB, "m3.copy: bytes of many pages", "copy_byte_64ths", MIB - PAGE, &data));
    all
}

fn batches() -> Vec<Workload> {
    let mut all = Vec::new();
    for (price, entry_price, page_price, byte_price, opcode) in [
        ("gather", "gather_entry", "gather_page", "gather_byte_64ths", Opcode::M3Gather),
        ("scatter", "scatter_entry", "scatter_page", "scatter_byte_64ths", Opcode::M3Scatter),
    ] {
        let name = |what: &str| format!("{}: {what}", opcode.mnemonic());
        let op = |entries| Bulk(opcode, TARGET, DATA, entries);
        all.push(op(0).each(&name("nothing"), price, vec![], |_| {}));
        all.push(op(1).each(&name("an empty entry"), price, entry_list(1, 0, 0), |_| {}));
        for (what, price, offset, length) in [
            ("empty entries", entry_price, 0, 0),
            ("entries of 8 bytes", page_price, 0, 8),
            ("entries of 8 bytes across two pages", page_price, PAGE - 4, 8),
        ] {
            let list = entry_list(257, offset, length);
            all.push(op(1).more(257, &name(what), price, 256, &list));
        }
        for (what, offset, less, more) in
            [("bytes within pages", 8, 64, 4000), ("bytes of whole pages", 0, 0, PAGE)]
        {
            let [less_script, more_script] =
                [less, more].map(|length| op(64).script(40, entry_list(64, offset, length), |_| {}));
            let units = 64 * (more - less) * 40 * BODY;
            all.push(Workload::difference(name(what), byte_price, less_script, more_script, units));
        }
    }
    all
}

/// Entries {address, length}, whose bytes lie two pages apart behind the list, from `offset` on.
fn entry_list(entries: u64, offset: u64, length: u64) -> Vec<u8> {
    let entry = |number: u64| [DATA + MIB + 2 * number * PAGE + offset, length];
    (0..entries).flat_map(entry).flat_map(u64::to_le_bytes).collect()
}

fn shares() -> Vec<Workload> {
    let op = |length| Bulk(Opcode::M3Share, TARGET, DATA, length);
    let data = || content(320);
    let stores = |code: &mut Code| _ = code.s(Opcode::Sb, A4, A3, 1).s(Opcode::Sb, A5, A3, 1);
    vec![
        op(0).each("m3.share: nothing", "share", data(), |_| {}),
        op(PAGE).more(257 * PAGE, "m3.share: pages", "share_page", 256, &data()),
        op(PAGE).each("m3.share: a page, and a store to both", "page_copy", data(), stores),
        shared_and_stored(),
        shared_afresh("m3.share: pages to fresh ones, settled", MIB, MIB, false),
        shared_afresh("m3.share: written pages to fresh ones, a store to each, settled", MIB, MIB, true),
        shared_afresh("m3.share: a page to fresh ones, 2 MiB apart, settled", PAGE, 2 * MIB, false),
    ]
}

/// 32 pages are shared, and each of those that they were shared to is stored to.
fn shared_and_stored() -> Workload {
    const PAGES: u64 = 32;
    let body = code(|code| {
        code.r(Opcode::M3Share, A0, A1, A2).r(Opcode::Add, A4, A0, 0);
        (0..PAGES).for_each(|_| _ = code.s(Opcode::Sb, A4, A3, 1).r(Opcode::Add, A4, A4, A5));
    });
    let prologue =
        code(|code| _ = code.li(A0, TARGET).li(A1, DATA).li(A2, PAGES * PAGE).li(A3, 1).li(A5, PAGE));
    let script = Script { prologue, loops: 100, data: content(320).into(), ..Script::new(body) };
    Workload::new("m3.share: pages, and a store to each", "page_copy", script, PAGES)
}

/// Shares `length` bytes of pages to a place that is `step` further each time; pages to which the call has stored before, and whose
/// other places it stores to, or not.
fn shared_afresh(name: &str, length: u64, step: u64, is_written: bool) -> Workload {
    let written = if is_written { length / PAGE } else { 0 };
    let walk = |code: &mut Code| {
        (0..written).for_each(|_| _ = code.s(Opcode::Sd, A4, A4, 0).r(Opcode::Add, A4, A4, A5));
    };
    let body = code(|code| {
        code.r(Opcode::M3Share, A0, A1, A2).r(Opcode::Add, A4, A0, 0).r(Opcode::Add, A0, A0, A3);
        walk(code);
    });
    let prologue = code(|code| {
        code.li(A4, DATA).li(A5, PAGE);
        walk(code);
        code.li(A0, TARGET).li(A1, DATA).li(A2, length).li(A3, step);
    });
    let loops = (2048 * PAGE / length).min((1 << 31) / step - 16);
    let script = Script { prologue, loops, data: content(320).into(), ..Script::new(body) };
    let price = if is_written { "page_first_write" } else { "page_first_placed" };
    Workload::new(name, price, script, length / PAGE).settled()
}
