//! The smallest ELF object that a disassembler takes: a code section, and an attribute that names the extensions.

const NAMES: &[u8] = b"\0.text\0.riscv.attributes\0.shstrtab\0";
const HEADER_BYTES: usize = 64;

/// The architecture as attributes name it.
const ARCHITECTURE: &str = "rv64i2p1_m2p0_a2p1_c2p0_zifencei2p0_zba1p0_zbb1p0_zbs1p0";

/// One section header of an ELF64 file.
struct Section {
    name: u32,
    kind: u32,
    flags: u64,
    address: u64,
    offset: usize,
    size: usize,
}

impl Section {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.name.to_le_bytes());
        out.extend(self.kind.to_le_bytes());
        let [offset, size] = [self.offset as u64, self.size as u64];
        for field in [self.flags, self.address, offset, size, 0, 1, 0] {
            out.extend(field.to_le_bytes());
        }
    }
}

/// The contents of `.riscv.attributes`: format version, then one vendor subsection with one file attribute (5, arch).
fn attributes() -> Vec<u8> {
    let size = |length: usize| u32::try_from(length).expect("a few bytes").to_le_bytes();
    let arch = [&[5], ARCHITECTURE.as_bytes(), &[0]].concat();
    let file = [&[1][..], &size(arch.len() + 5), &arch].concat();
    [b"A", &size(file.len() + 10)[..], b"riscv\0", &file].concat()
}

/// An ELF64 object with `code` at `address`.
pub(crate) fn object(code: &[u8], address: u64) -> Vec<u8> {
    let attributes = attributes();
    let attributes_at = HEADER_BYTES + code.len();
    let names_at = attributes_at + attributes.len();
    let headers_at = names_at + NAMES.len();

    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for field in [1_u16, 243] {
        out.extend(field.to_le_bytes()); // relocatable, RISC-V
    }
    out.extend(1_u32.to_le_bytes());
    for field in [0, 0, headers_at as u64] {
        out.extend(field.to_le_bytes()); // entry, program headers, section headers
    }
    out.extend(1_u32.to_le_bytes()); // flags: compressed code
    for field in [64_u16, 0, 0, 64, 4, 3] {
        out.extend(field.to_le_bytes());
    }
    out.extend(code);
    out.extend(&attributes);
    out.extend(NAMES);
    for section in [
        Section { name: 0, kind: 0, flags: 0, address: 0, offset: 0, size: 0 },
        Section { name: 1, kind: 1, flags: 6, address, offset: HEADER_BYTES, size: code.len() },
        Section {
            name: 7,
            kind: 0x7000_0003,
            flags: 0,
            address: 0,
            offset: attributes_at,
            size: attributes.len(),
        },
        Section { name: 25, kind: 3, flags: 0, address: 0, offset: names_at, size: NAMES.len() },
    ] {
        section.write(&mut out);
    }
    out
}
