//! Running programs under `qemu-riscv64`, the independent oracle.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use travertine_opcodes::{Instruction, Opcode};

use crate::elf;

/// Linux's numbers of the signals that end a program which does what it may not do.
pub mod signals {
    /// Illegal instruction.
    pub const ILLEGAL: i32 = 4;
    /// Breakpoint.
    pub const TRAP: i32 = 5;
    /// A load, store or fetch where there is no such memory.
    pub const SEGMENTATION: i32 = 11;
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code, of which 8 bits are kept.
    Exit(i32),
    /// It was ended by this signal.
    Signal(i32),
}

/// What a program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to file descriptor 1.
    pub stdout: Vec<u8>,
}

/// The installed `qemu-riscv64`.
#[derive(Debug)]
pub struct Qemu {
    folder: PathBuf,
    has_zicond: bool,
}

impl Qemu {
    /// The oracle, or `None` if it is not installed, which is said in words. Programs are put into `folder` for the
    /// time of their run.
    pub fn find(folder: &Path) -> Option<Self> {
        if Command::new("qemu-riscv64").arg("--version").output().is_err() {
            say_skipped("qemu-riscv64 is not installed");
            return None;
        }
        let mut qemu = Self { folder: folder.to_path_buf(), has_zicond: false };
        let zicond = qemu.run(&zicond_probe()).expect("qemu-riscv64 runs");
        qemu.has_zicond = zicond.ending == Ending::Exit(0);
        Some(qemu)
    }

    /// Whether it knows Zicond; version 7.2 does not.
    pub fn has_zicond(&self) -> bool {
        self.has_zicond
    }

    /// Runs an ELF file's bytes.
    ///
    /// # Errors
    /// If the file cannot be written or qemu not be started.
    pub fn run(&self, elf: &[u8]) -> io::Result<Finished> {
        // Many tests, threads and processes may run programs in one folder.
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("qemu-{}-{run}.elf", std::process::id()));
        std::fs::write(&path, elf)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        let finished = self.run_file(&path);
        std::fs::remove_file(&path)?;
        finished
    }

    fn run_file(&self, path: &Path) -> io::Result<Finished> {
        let output = Command::new("qemu-riscv64")
            .arg(path)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()?;
        let ending = match (output.status.code(), output.status.signal()) {
            (Some(code), _) => Ending::Exit(code),
            (None, signal) => Ending::Signal(signal.expect("a process exits or is ended by a signal")),
        };
        Ok(Finished { ending, stdout: output.stdout })
    }
}

/// A program that executes an instruction of Zicond and exits with code 0.
fn zicond_probe() -> Vec<u8> {
    elf::program(&[
        Instruction { opcode: Opcode::CzeroEqz, rd: 5, rs1: 6, rs2: 7, imm: 0 },
        Instruction { opcode: Opcode::Addi, rd: 10, rs1: 0, rs2: 0, imm: 0 },
        Instruction { opcode: Opcode::Addi, rd: 17, rs1: 0, rs2: 0, imm: 93 },
        Instruction { opcode: Opcode::Ecall, rd: 0, rs1: 0, rs2: 0, imm: 0 },
    ])
}

/// Says that something is left out. It goes past the test harness, which would hide it.
pub fn say_skipped(reason: &str) {
    // A closed stderr is no reason to fail.
    let _ = writeln!(io::stderr(), "skipped: {reason}");
}
