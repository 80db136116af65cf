//! Two disassemblers that share nothing with ours, `llvm-objdump` and GNU `objdump`, judge legality and text.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use travertine_opcodes::{Decoded, Extension, Instruction, Opcode, decode};

use crate::elf;
use crate::words::{Lcg, compressed_words, structured_words};

/// An independent disassembler.
struct Tool {
    program: &'static str,
    /// The version whose differences are listed here, as `--version` shows it. Others are not asked.
    version: &'static str,
    arguments: &'static [&'static str],
    /// Whether branch targets are hexadecimal without prefix.
    bare_targets: bool,
    /// What it shows for an instruction of ours where that is not our text. The function's list gives the reasons.
    difference: fn(Decoded) -> Option<Expected>,
    /// What it knows and we do not.
    foreign: &'static [Foreign],
}

/// Words that are illegal for us and an instruction for a tool.
struct Foreign {
    mask: u32,
    bits: u32,
    /// The tool's name for them.
    mnemonic: &'static str,
}

/// What a tool shows where it does not show our text.
enum Expected {
    /// It does not know the instruction.
    Illegal,
    /// It has another text.
    Text(String),
}

const LLVM: Tool = Tool {
    program: "llvm-objdump-22",
    version: "LLVM version 22.",
    arguments: &["-d", "-M", "no-aliases", "--mattr=+m,+a,+c,+zba,+zbb,+zbs,+zicond,+zifencei"],
    bare_targets: false,
    difference: llvm_difference,
    foreign: LLVM_FOREIGN,
};

const BINUTILS: Tool = Tool {
    program: "riscv64-unknown-elf-objdump",
    version: "2.40",
    arguments: &["-d", "-z", "-M", "no-aliases"],
    bare_targets: true,
    difference: binutils_difference,
    foreign: BINUTILS_FOREIGN,
};

/// What LLVM knows whichever extensions are chosen: a name for the all-zero word, CSRs, privileged instructions.
const LLVM_FOREIGN: &[Foreign] = &[
    Foreign { mask: 0x0000_ffff, bits: 0x0000_0000, mnemonic: "c.unimp" },
    Foreign { mask: 0x0000_707f, bits: 0x0000_1073, mnemonic: "csrrw" },
    Foreign { mask: 0x0000_707f, bits: 0x0000_2073, mnemonic: "csrrs" },
    Foreign { mask: 0x0000_707f, bits: 0x0000_3073, mnemonic: "csrrc" },
    Foreign { mask: 0x0000_707f, bits: 0x0000_5073, mnemonic: "csrrwi" },
    Foreign { mask: 0x0000_707f, bits: 0x0000_6073, mnemonic: "csrrsi" },
    Foreign { mask: 0x0000_707f, bits: 0x0000_7073, mnemonic: "csrrci" },
    Foreign { mask: 0xffff_ffff, bits: 0x1020_0073, mnemonic: "sret" },
    Foreign { mask: 0xffff_ffff, bits: 0x3020_0073, mnemonic: "mret" },
    Foreign { mask: 0xffff_ffff, bits: 0x7b20_0073, mnemonic: "dret" },
    Foreign { mask: 0xffff_ffff, bits: 0x1050_0073, mnemonic: "wfi" },
    Foreign { mask: 0xfe00_7fff, bits: 0x1200_0073, mnemonic: "sfence.vma" },
];

/// What binutils 2.40 knows whichever extensions are chosen: a name for the all-zero word, `c.addi16sp sp,0` (which the
/// manual reserves), privileged instructions.
const BINUTILS_FOREIGN: &[Foreign] = &[
    Foreign { mask: 0x0000_ffff, bits: 0x0000_0000, mnemonic: "c.unimp" },
    Foreign { mask: 0x0000_ffff, bits: 0x0000_6101, mnemonic: "c.addi16sp" },
    Foreign { mask: 0xffff_ffff, bits: 0x1020_0073, mnemonic: "sret" },
    Foreign { mask: 0xffff_ffff, bits: 0x3020_0073, mnemonic: "mret" },
    Foreign { mask: 0xffff_ffff, bits: 0x7b20_0073, mnemonic: "dret" },
    Foreign { mask: 0xffff_ffff, bits: 0x1050_0073, mnemonic: "wfi" },
    Foreign { mask: 0xfe00_7fff, bits: 0x1200_0073, mnemonic: "sfence.vma" },
    Foreign { mask: 0xffff_ffff, bits: 0x2020_0073, mnemonic: "hret" },
    Foreign { mask: 0xffff_ffff, bits: 0x0020_0073, mnemonic: "uret" },
    Foreign { mask: 0xfff0_7fff, bits: 0x1040_0073, mnemonic: "sfence.vm" },
];

/// Every way in which LLVM differs:
/// - it cannot know `Xtravertine`;
/// - it refuses fences with reserved fields, where the manual says "shall ignore" (fm other than 0 and, for
///   `fence.tso`, 8; rd and rs1 other than x0; any operand bit of `fence.i`).
fn llvm_difference(decoded: Decoded) -> Option<Expected> {
    let unknown = is_xtravertine(decoded) || has_reserved_fence_fields(decoded.instruction());
    unknown.then_some(Expected::Illegal)
}

/// Every way in which binutils 2.40 differs:
/// - it cannot know `Xtravertine`, and does not know Zicond;
/// - it refuses fences with reserved fields, as LLVM does;
/// - it calls an empty set of a fence `unknown`;
/// - it calls `c.nop` `c.addi zero,imm`;
/// - it calls the compressed shifts by 0 `c.slli64`, `c.srli64` and `c.srai64`, as the manual did for RV128.
fn binutils_difference(decoded: Decoded) -> Option<Expected> {
    let instruction = decoded.instruction();
    let is_zicond = instruction.opcode.row().extension == Extension::Zicond;
    if is_xtravertine(decoded) || is_zicond || has_reserved_fence_fields(instruction) {
        return Some(Expected::Illegal);
    }
    let text = decoded.to_string();
    match decoded.form().mnemonic() {
        "fence" if decoded.is_hint() => {
            let sets = text.trim_start_matches("fence ").split(", ");
            let sets: Vec<_> = sets.map(|set| if set == "0" { "unknown" } else { set }).collect();
            Some(Expected::Text(format!("fence {}", sets.join(", "))))
        }
        "c.nop" => Some(Expected::Text(format!("c.addi zero, {}", instruction.imm))),
        "c.slli" | "c.srli" | "c.srai" if instruction.imm == 0 => {
            let (operation, _) = text.split_once(", ").expect("two operands");
            let (mnemonic, rd) = operation.split_once(' ').expect("an operand");
            Some(Expected::Text(format!("{mnemonic}64 {rd}")))
        }
        _ => None,
    }
}

fn is_xtravertine(decoded: Decoded) -> bool {
    decoded.instruction().opcode.row().extension == Extension::Xtravertine
}

fn has_reserved_fence_fields(instruction: Instruction) -> bool {
    let Instruction { opcode, rd, rs1, imm, .. } = instruction;
    let has_registers = rd != 0 || rs1 != 0;
    match opcode {
        Opcode::Fence => has_registers || imm >> 8 != 0 && imm != 0x833,
        Opcode::FenceI => has_registers || imm != 0,
        _ => false,
    }
}

/// One instruction as a tool shows it; `text` is `None` where it finds none.
struct Line {
    address: u64,
    bits: u32,
    length: usize,
    text: Option<String>,
}

/// How tools show what the file declares to be data among the code.
const DATA: [&str; 5] = [".byte", ".short", ".half", ".word", ".dword"];

/// Parses a line of output, `address: bits text`. Other lines, and data among the code, give `None`.
fn parse_line(line: &str, bare_targets: bool) -> Option<Line> {
    let (address, rest) = line.split_once(':')?;
    let address = u64::from_str_radix(address.trim(), 16).ok()?;
    if rest.split_whitespace().any(|word| DATA.contains(&word)) {
        return None;
    }
    let (digits, text) = rest.trim().split_once(char::is_whitespace)?;
    let bits = u32::from_str_radix(digits, 16).ok()?;
    let length = digits.len() / 2;
    let text = text.trim();
    let mnemonic = text.split_whitespace().next()?;
    let illegal = mnemonic == "<unknown>" || [".2byte", ".4byte", ".insn"].contains(&mnemonic);
    let text = (!illegal).then(|| normalise(text, bare_targets));
    Some(Line { address, bits, length, text })
}

/// A common spelling: one blank after the mnemonic, operands separated by commas, numbers in decimal, no comments.
fn normalise(text: &str, bare_targets: bool) -> String {
    let text = text.split(['#', '<']).next().unwrap_or_default().trim();
    let Some((mnemonic, operands)) = text.split_once(char::is_whitespace) else {
        return text.to_owned();
    };
    let is_branch =
        ["jal", "beq", "bne", "blt", "bge", "bltu", "bgeu", "c.j", "c.beqz", "c.bnez"].contains(&mnemonic);
    let operands: Vec<String> = operands.split(',').map(|operand| operand.trim().to_owned()).collect();
    let last = operands.len() - 1;
    let numbers = operands.iter().enumerate().map(|(i, operand)| {
        let bare = bare_targets && is_branch && i == last && !operand.starts_with("0x");
        normalise_operand(&if bare { format!("0x{operand}") } else { operand.clone() })
    });
    format!("{mnemonic} {}", numbers.collect::<Vec<_>>().join(","))
}

/// A number, or the offset of an address, in decimal; anything else as it is.
fn normalise_operand(operand: &str) -> String {
    let (number, rest) = operand.split_at(operand.find('(').unwrap_or(operand.len()));
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let value = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    };
    value.map_or_else(|| operand.to_owned(), |value| format!("{sign}{value}{rest}"))
}

impl Tool {
    /// Whether it can be asked; says so if not.
    fn is_installed(&self) -> bool {
        let version = Command::new(self.program).arg("--version").output();
        let installed = version.is_ok_and(|run| String::from_utf8_lossy(&run.stdout).contains(self.version));
        if !installed {
            println!("skipped: {} ({}) not installed", self.program, self.version);
        }
        installed
    }

    /// The code of an ELF file as the tool shows it.
    fn disassemble(&self, file: &Path) -> Vec<Line> {
        let run = Command::new(self.program).args(self.arguments).arg(file).output().expect("the tool runs");
        assert!(run.status.success(), "{}: {}", self.program, String::from_utf8_lossy(&run.stderr));
        let output = String::from_utf8(run.stdout).expect("text");
        output.lines().filter_map(|line| parse_line(line, self.bare_targets)).collect()
    }

    /// Compares all code of an ELF file and returns how many instructions there are.
    fn compare(&self, file: &Path) -> usize {
        let lines = self.disassemble(file);
        let differences: Vec<String> = lines.iter().filter_map(|line| self.difference_in(line)).collect();
        let shown = differences.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(differences.is_empty(), "{}: {} differences:\n{shown}", file.display(), differences.len());
        lines.len()
    }

    /// Whether the list of what only the tool knows has this word, with the mnemonic of `text`.
    fn knows_alone(&self, bits: u32, text: &str) -> bool {
        let mnemonic = text.split(' ').next();
        self.foreign
            .iter()
            .any(|foreign| bits & foreign.mask == foreign.bits && mnemonic == Some(foreign.mnemonic))
    }

    fn difference_in(&self, line: &Line) -> Option<String> {
        let decoded = decode(line.bits).ok();
        let length = if line.bits & 3 == 3 { 4 } else { 2 };
        if decoded.is_none() && line.text.as_deref().is_some_and(|text| self.knows_alone(line.bits, text)) {
            return None;
        }
        let ours = decoded.map(|decoded| decoded.disassemble(Some(line.address)).to_string());
        let expected = match decoded.and_then(self.difference) {
            Some(Expected::Illegal) => None,
            Some(Expected::Text(text)) => Some(text),
            None => ours.clone(),
        };
        let expected = expected.map(|text| normalise(&text, false));
        let agrees = line.length == length && line.text == expected;
        (!agrees).then(|| {
            format!(
                "{:#x}: {:0w$x} tool {:?}, ours {ours:?}",
                line.address,
                line.bits,
                line.text,
                w = 2 * line.length
            )
        })
    }
}

/// All 16-bit words, then 32-bit words: random, close to every row, and all that could be privileged. Longer instructions, whose length the tools
/// know, are left out: they would hide what follows them.
fn sample() -> (Vec<u8>, usize) {
    let mut random = Lcg(3);
    let mut words: Vec<u32> = (0..100_000).map(|_| random.next_long()).collect();
    words.extend(structured_words(30, &mut random));
    words.extend((0..4096).map(|function| function << 20 | 0x73));
    words.retain(|word| word & 0x1f != 0x1f);
    let count = words.len() + compressed_words().count();
    let long = words.iter().flat_map(|word| word.to_le_bytes());
    let short = compressed_words().flat_map(|word| word.to_le_bytes().into_iter().take(2));
    (short.chain(long).collect(), count)
}

fn agrees_on_random_words(tool: &Tool) {
    if !tool.is_installed() {
        return;
    }
    let (code, count) = sample();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.o", tool.program));
    fs::write(&file, elf::object(&code, 0x4000_0000)).expect("writable");
    assert_eq!(tool.compare(&file), count, "words were lost");
    println!("{} agrees on {count} words", tool.program);
}

fn agrees_on_fixtures(tool: &Tool) {
    if !tool.is_installed() {
        return;
    }
    let mut files = Vec::new();
    find_elf_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures"), &mut files);
    assert!(!files.is_empty(), "no fixtures");
    for file in files {
        let count = tool.compare(&file);
        println!("{} agrees on {count} instructions of {}", tool.program, file.display());
    }
}

/// Collects all `*.elf` below a folder, in order.
fn find_elf_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find_elf_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "elf") {
            found.push(path);
        }
    }
}

#[test]
fn llvm_agrees_on_random_words() {
    agrees_on_random_words(&LLVM);
}

#[test]
fn binutils_agrees_on_random_words() {
    agrees_on_random_words(&BINUTILS);
}

#[test]
fn llvm_agrees_on_fixtures() {
    agrees_on_fixtures(&LLVM);
}

#[test]
fn binutils_agrees_on_fixtures() {
    agrees_on_fixtures(&BINUTILS);
}
