//! Runs the real `travertine` in a directory of its own.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The token's accounts.
pub(crate) const OWNER: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
pub(crate) const ALICE: &str = "0101010101010101010101010101010101010101010101010101010101010101";
pub(crate) const BOB: &str = "0202020202020202020202020202020202020202020202020202020202020202";

/// What the command left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// It ended with this exit code; anything else fails the test and shows what was printed.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// It refused its input with exit code 2, said why on standard error, and nothing on standard output.
    #[track_caller]
    pub(crate) fn refused(self, why: &str) {
        let ended = self.expect(2);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains(why), "`{why}` is not in:\n{}", ended.stderr);
    }

    /// Standard output is one JSON object on one line.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{}", self.stdout);
        let value: Value = serde_json::from_str(&self.stdout).expect("JSON on standard output");
        assert!(value.is_object());
        value
    }
}

/// A temporary directory in which the command runs.
pub(crate) struct Sandbox(tempfile::TempDir);

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("a file that the command wrote")
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("a file in the temporary directory");
    }

    /// The files and directories in it, sorted.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(directory)).expect("a directory");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ended {
        self.run_with_stdin(arguments, b"")
    }

    pub(crate) fn run_with_stdin<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        stdin: &[u8],
    ) -> Ended {
        let mut child = Command::new(env!("CARGO_BIN_EXE_travertine"))
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        // The command may end before it has read all of it.
        let _ = child.stdin.take().expect("standard input is a pipe").write_all(stdin);
        let ended = child.wait_with_output().expect("the command ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = ended.status.code().expect("an exit code, not a signal");
        assert!(code <= 2, "exit code {code}");
        Ended { code, stdout: text(ended.stdout), stderr: text(ended.stderr) }
    }

    /// Calls the token that is kept in `token`.
    pub(crate) fn token(&self, caller: &str, input: &str) -> Ended {
        let program = contract("token");
        self.run(["run", text(&program), "--state", "token", "--caller", caller, "--input", input, "--json"])
    }

    /// The token after the owner minted 100 to Alice, and she gave 30 to Bob.
    pub(crate) fn with_token() -> Self {
        let sandbox = Self::new();
        sandbox.token(OWNER, &format!("01{ALICE}6400000000000000")).expect(0);
        sandbox.token(ALICE, &format!("02{BOB}1e00000000000000")).expect(0);
        sandbox
    }

    pub(crate) fn root(&self, state: &str) -> String {
        let report = self.run(["root", "--state", state, "--json"]).expect(0).json();
        string(&report, "root").to_owned()
    }
}

/// A shipped contract.
pub(crate) fn contract(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/contracts/{name}/{name}.elf"))
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[track_caller]
pub(crate) fn string<'a>(report: &'a Value, key: &str) -> &'a str {
    report[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {report}"))
}

/// The keys of an object, sorted.
#[track_caller]
pub(crate) fn keys(report: &Value) -> Vec<&str> {
    let object = report.as_object().unwrap_or_else(|| panic!("not an object: {report}"));
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
