//! What a person at a terminal sees while a long call runs: a line on standard error that is erased again.

use std::io::{self, IsTerminal, Write};

use crate::output::grouped;

/// The line. Nothing of it reaches a result.
#[derive(Debug)]
pub(crate) struct Progress {
    is_wanted: bool,
    is_shown: bool,
}

impl Progress {
    /// Shows nothing unless standard error is a terminal.
    pub(crate) fn new() -> Self {
        Self { is_wanted: io::stderr().is_terminal(), is_shown: false }
    }

    /// Shows how far the call is.
    pub(crate) fn show(&mut self, gas_used: u64, gas_limit: u64) {
        if self.is_wanted {
            self.line(&format!("running: {} of {} gas", grouped(gas_used), grouped(gas_limit)));
        }
    }

    /// Shows this.
    pub(crate) fn line(&mut self, text: &str) {
        if self.is_wanted {
            write_stderr(format!("\r\x1b[K{text}").as_bytes());
            self.is_shown = true;
        }
    }

    /// Erases the line, so that something else can be written.
    pub(crate) fn clear(&mut self) {
        if self.is_shown {
            write_stderr(b"\r\x1b[K");
            self.is_shown = false;
        }
    }
}

/// Writes to standard error, which may be closed.
pub(crate) fn write_stderr(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}
