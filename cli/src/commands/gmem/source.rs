//! Where a command gets a context from: a seed, a log or a snapshot.

use std::path::{Path, PathBuf};

use travertine_memory::generative::Context;
use travertine_memory::generative::persistence::{Snapshot, SnapshotError};

use super::error::GmemError;
use super::log_file;
use crate::arguments::parse_number;
use crate::error::InputError;
use crate::files;

/// The longest snapshot that is read, in bytes.
const SNAPSHOT_BYTES_LIMIT: u64 = 1 << 34;

/// What is read: exactly one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Source {
    /// The seed of a memory in which nothing is written.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number)]
    seed: Option<u64>,
    /// A log that `travertine gmem write` or `import` made; a torn end is left out.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// A snapshot that `travertine gmem export` made, or another program.
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
}

impl Source {
    /// The context.
    pub(super) fn context(&self) -> Result<Context, InputError> {
        if let Some(path) = &self.log {
            let bytes = log_file::read(path)?;
            let whole = log_file::records(path, &bytes)?;
            return Ok(filled(whole.header.seed, whole.iter()));
        }
        if let Some(path) = &self.snapshot {
            let snapshot = read_snapshot(path, Snapshot::decode)?;
            return Ok(filled(snapshot.seed(), snapshot.cells().iter().copied()));
        }
        Ok(Context::new(self.seed.unwrap_or_default()))
    }
}

fn filled(seed: u64, cells: impl Iterator<Item = (u64, u32)>) -> Context {
    let mut context = Context::new(seed);
    context.replay(cells).expect("there is no quota");
    context
}

/// The snapshot in a file, read by `decode`.
pub(super) fn read_snapshot<T>(
    path: &Path,
    decode: impl FnOnce(&[u8]) -> Result<(Snapshot, T), SnapshotError>,
) -> Result<Snapshot, InputError> {
    let name = || path.display().to_string();
    let bytes = files::read_up_to(path, SNAPSHOT_BYTES_LIMIT)?;
    if bytes.len() as u64 > SNAPSHOT_BYTES_LIMIT {
        return Err(InputError::TooLarge { name: name(), limit: SNAPSHOT_BYTES_LIMIT });
    }
    let (snapshot, _) = decode(&bytes).map_err(|error| GmemError::Snapshot { name: name(), error })?;
    Ok(snapshot)
}
