//! Blocks on the command line: headers, declarations of the substrate, and the ledger beside a machine's state.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;
use travertine_memory::substrate::{BlockStatus, Ledger, MAX_HEADER_BYTES, Substrate, SubstrateConfig};
use travertine_merkle::Hash;
use travertine_vm::Machine;

use crate::arguments::Source;
use crate::error::InputError;
use crate::files;
use crate::output::{Hex, HexNumber};
use crate::state_directory::LockedDirectory;

/// The longest declaration that is read, in bytes.
const MAX_DECLARATION_BYTES: u64 = 1 << 16;
/// The longest ledger that is read, in bytes: 22 million records.
pub(crate) const MAX_LEDGER_BYTES: u64 = 1 << 30;

/// By which substrate.
#[derive(Debug, clap::Args)]
pub(crate) struct SubstrateArgument {
    /// The declaration of the substrate (docs/substrate.md); the documented one if it is not given.
    #[arg(long = "substrate", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl SubstrateArgument {
    /// The substrate.
    ///
    /// # Errors
    /// If the file cannot be read, or its declaration cannot be used.
    pub(crate) fn read(&self) -> Result<Substrate, InputError> {
        self.file.as_ref().map_or_else(|| Ok(Substrate::default()), |path| read_substrate(path))
    }

    pub(crate) fn is_given(&self) -> bool {
        self.file.is_some()
    }
}

/// The substrate that a file declares.
pub(crate) fn read_substrate(path: &std::path::Path) -> Result<Substrate, InputError> {
    let name = path.display().to_string();
    let bytes = Source::File(path.into()).read(MAX_DECLARATION_BYTES)?;
    let Ok(json) = String::from_utf8(bytes) else { return Err(InputError::SubstrateText { name }) };
    let config = SubstrateConfig::from_json(&json);
    config.and_then(|config| config.check()).map_err(|error| InputError::Substrate { name, error })
}

/// A block's header: hexadecimal digits, or else the file that holds it; `@FILE` and `-` as for other bytes.
#[derive(Debug, Clone)]
pub(crate) struct HeaderSource(pub(crate) Source);

impl FromStr for HeaderSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.parse().unwrap_or_else(|_| Source::File(text.into()))))
    }
}

impl HeaderSource {
    /// The header's bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or is longer than any header.
    pub(crate) fn read(&self) -> Result<Vec<u8>, InputError> {
        self.0.read(MAX_HEADER_BYTES)
    }
}

/// What the rule said of a block's header, and the ledger after it.
#[derive(Debug, Serialize)]
pub(crate) struct BlockReport {
    pub(crate) digest: Hex<Hash>,
    pub(crate) modulus: u64,
    pub(crate) remainder: u64,
    pub(crate) allocated: bool,
    pub(crate) base: Option<HexNumber>,
    pub(crate) size: u64,
    pub(crate) header_bytes: u64,
    pub(crate) timestamp: u64,
    pub(crate) substrate: Hex<Hash>,
    pub(crate) ledger_records: u64,
    pub(crate) ledger_root: Hex<Hash>,
}

impl BlockReport {
    pub(crate) fn new(status: &BlockStatus) -> Self {
        let BlockStatus { substrate, evaluation, ledger, .. } = status;
        Self {
            digest: Hex(evaluation.digest),
            modulus: substrate.modulus(),
            remainder: evaluation.remainder,
            allocated: evaluation.allocates(),
            base: status.base().map(HexNumber),
            size: if evaluation.allocates() { substrate.size() } else { 0 },
            header_bytes: status.header_bytes,
            timestamp: status.timestamp,
            substrate: Hex(substrate.root()),
            ledger_records: ledger.length(),
            ledger_root: Hex(ledger.root()),
        }
    }
}

/// Begins a block. In a state directory the ledger's file gets the record, if there is one.
///
/// # Errors
/// If the block cannot begin, or the ledger's file is not that of the machine.
pub(crate) fn begin(
    machine: &mut Machine,
    substrate: &Substrate,
    header: &[u8],
    timestamp: u64,
    directory: Option<&LockedDirectory<'_>>,
) -> Result<(), InputError> {
    let before = machine.state().block().map(|block| block.ledger).unwrap_or_default();
    machine.begin_block(substrate, header, timestamp)?;
    let (Some(directory), Some(record)) = (directory, substrate.record(header, timestamp)) else {
        return Ok(());
    };
    let path = directory.ledger_path();
    let mut records = read_ledger(&path)?.records().to_vec();
    // A run that ended between the two files left a record too many.
    records.truncate(usize::try_from(before.length()).unwrap_or(usize::MAX));
    let ledger = Ledger::new(records.clone());
    if ledger.root() != before.root() {
        return Err(InputError::OtherLedger(path));
    }
    records.push(record);
    files::write_atomically(&path, &Ledger::new(records).to_ssz())
}

/// The ledger in a file; an empty one if there is no such file.
pub(crate) fn read_ledger(path: &std::path::Path) -> Result<Ledger, InputError> {
    let bytes = match Source::File(path.into()).read(MAX_LEDGER_BYTES) {
        Err(InputError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        bytes => bytes?,
    };
    Ledger::from_ssz(&bytes).map_err(|error| InputError::Ledger { path: path.into(), error })
}
