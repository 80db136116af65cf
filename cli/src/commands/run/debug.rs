//! What a contract writes to debug output, and where it goes.

use std::io::{self, Write};

use serde::Serialize;
use travertine_vm::Host;

use crate::output::{Output, escaped};
use crate::progress::{Progress, write_stderr};

/// Bytes of debug output that are kept for JSON, of each stream.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// The embedder that the command is: it offers no host calls, and takes debug output.
pub(super) struct DebugHost<'a> {
    pub(super) sink: Sink<'a>,
    pub(super) progress: Progress,
    /// The first failure to write to standard output.
    pub(super) failure: Option<io::Error>,
}

/// Where debug output goes.
pub(super) enum Sink<'a> {
    /// To standard output and standard error, at once.
    Streams(&'a mut Output),
    /// Into the report.
    Kept(Kept),
}

/// Debug output for a report, up to a limit.
#[derive(Debug, Default)]
pub(super) struct Kept {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    is_truncated: bool,
}

/// Debug output in a report; bytes that are not UTF-8 are replaced.
#[derive(Debug, Serialize)]
pub(super) struct DebugReport {
    stdout: String,
    stderr: String,
    truncated: bool,
}

impl Kept {
    fn keep(&mut self, is_stderr: bool, bytes: &[u8]) {
        let kept = if is_stderr { &mut self.stderr } else { &mut self.stdout };
        let room = MAX_KEPT_BYTES - kept.len();
        self.is_truncated |= bytes.len() > room;
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn report(&self) -> DebugReport {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        DebugReport { stdout: text(&self.stdout), stderr: text(&self.stderr), truncated: self.is_truncated }
    }
}

impl Host for DebugHost<'_> {
    fn write(&mut self, descriptor: u64, bytes: &[u8]) {
        let is_stderr = descriptor == 2;
        match &mut self.sink {
            Sink::Kept(kept) => kept.keep(is_stderr, bytes),
            Sink::Streams(out) => {
                self.progress.clear();
                let written = if is_stderr { pass_to_stderr(out, bytes) } else { pass_to_stdout(out, bytes) };
                if let Err(error) = written {
                    self.failure.get_or_insert(error);
                }
            }
        }
    }
}

/// Passed on as it is; to a terminal, only what cannot trick it.
fn pass_to_stdout(out: &mut Output, bytes: &[u8]) -> io::Result<()> {
    if Output::is_terminal() {
        out.write_all(escaped(bytes).as_bytes())?;
        return out.flush();
    }
    out.write_all(bytes)
}

/// As for standard output, behind what was written there before.
fn pass_to_stderr(out: &mut Output, bytes: &[u8]) -> io::Result<()> {
    out.flush()?;
    if io::IsTerminal::is_terminal(&io::stderr()) {
        write_stderr(escaped(bytes).as_bytes());
    } else {
        write_stderr(bytes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_kept_apart_and_up_to_a_limit() {
        let sink = Sink::Kept(Kept::default());
        let mut host = DebugHost { sink, progress: Progress::new(), failure: None };
        host.write(1, b"out\xff");
        host.write(2, b"error");
        let report = |host: &DebugHost<'_>| match &host.sink {
            Sink::Kept(kept) => kept.report(),
            Sink::Streams(_) => panic!("debug output is kept"),
        };
        let kept = report(&host);
        assert_eq!(
            (kept.stdout.as_str(), kept.stderr.as_str(), kept.truncated),
            ("out\u{fffd}", "error", false)
        );
        host.write(2, &vec![b'x'; MAX_KEPT_BYTES - 5]);
        assert!(!report(&host).truncated);
        host.write(2, b"y");
        let kept = report(&host);
        assert_eq!(
            (kept.stderr.len(), kept.stderr.ends_with('x'), kept.truncated),
            (MAX_KEPT_BYTES, true, true)
        );
    }
}
