//! Diagnostics on standard error: what the libraries and the command log, up to the level that was asked for.

use std::io::{self, IsTerminal};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::progress::write_stderr;

/// How much is said on standard error besides the errors that end the command.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// What failed.
    Error,
    /// What may not be as it should be, too.
    Warn,
    /// What was done, too.
    Info,
    /// What happened inside, too.
    Debug,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }
}

/// Standard error, a line for each record.
struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let name = match record.level() {
                Level::Error => "error",
                Level::Warn => "warning",
                Level::Info => "info",
                Level::Debug | Level::Trace => "debug",
            };
            // A progress line may stand there.
            let erase = if io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
            write_stderr(format!("{erase}{name}: {}\n", record.args()).as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Sends what is logged from now on to standard error.
pub(crate) fn start(level: LogLevel) {
    log::set_logger(&StandardError).expect("diagnostics are started once");
    log::set_max_level(level.into());
}
