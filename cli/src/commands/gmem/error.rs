//! What can be wrong with the input of `travertine gmem`.

use std::path::PathBuf;

use thiserror::Error;
use travertine_memory::generative::NanError;
use travertine_memory::generative::archetype::ArchetypeError;
use travertine_memory::generative::persistence::{HeaderError, JournalError, SnapshotError};
use travertine_memory::generative::trinity::GridError;

/// Input that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum GmemError {
    #[error("{name} is no snapshot: {error}")]
    Snapshot { name: String, error: SnapshotError },
    #[error("{} is no log: {error}", .path.display())]
    Header { path: PathBuf, error: HeaderError },
    #[error("{} is no log: it has {length} bytes, and its header alone has 32", .path.display())]
    NoHeader { path: PathBuf, length: usize },
    #[error(
        "{} is damaged: record {record} is wrong, and the {bytes_behind} bytes from there on are more than the {window} that can be torn",
        .path.display()
    )]
    Corrupt { path: PathBuf, record: u64, bytes_behind: u64, window: u64 },
    #[error("{} exists, and would be replaced", .0.display())]
    Exists(PathBuf),
    #[error("{} is new, and a log needs a seed", .0.display())]
    NoSeed(PathBuf),
    #[error("the seed of {} is {of_log:#x}, not {given:#x}", .path.display())]
    OtherSeed { path: PathBuf, of_log: u64, given: u64 },
    #[error("{} is being written by another run", .0.display())]
    Locked(PathBuf),
    #[error("{} cannot be written: {error}", .path.display())]
    Write { path: PathBuf, error: JournalError },
    #[error("{count} cells are more than the {limit} that are {what}")]
    TooManyCells { count: u64, limit: u64, what: &'static str },
    #[error("page {0:#x} is after the last one, 0x3fffffffffffff")]
    Page(u64),
    #[error(transparent)]
    Target(#[from] NanError),
    #[error(transparent)]
    Archetype(#[from] ArchetypeError),
    #[error(transparent)]
    Grid(#[from] GridError),
    #[error("the plot cannot be drawn: {0}")]
    Plot(String),
}

impl GmemError {
    /// What the user can do, if that is not obvious.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Snapshot { error: SnapshotError::Order { .. }, .. } => {
                Some("--any-order takes files of programs that do not sort; the last of an address wins")
            }
            Self::Corrupt { .. } => Some(
                "restore it from a copy. `travertine gmem verify-log LOG --truncate --force` gives up that record and all after it; \
                --window tells how many bytes its writer commits at once",
            ),
            Self::NoSeed(_) => Some("give one with --seed"),
            Self::Exists(_) => Some("give the name of a new file"),
            Self::TooManyCells { what: "printed", .. } => Some("write them to a file with -o"),
            Self::Locked(_) => Some("wait until that run has ended"),
            _ => None,
        }
    }
}
