//! The status page: the last one of the header window. It says which block it is, by which substrate, and what the ledger is.

use thiserror::Error;
use travertine_merkle::Hash;

use super::ledger::LedgerFrontier;
use super::map::{Substrate, WindowName};
use super::rule::Evaluation;
use super::{SUBSTRATE_REGION, device};
use crate::fault::FaultReason;
use crate::page::{PAGE_BYTES, PageBytes};

/// Where the fields of the status page begin. Between and behind them is zero.
mod at {
    pub(super) const DIGEST: usize = 0;
    /// Modulus, remainder, allocated, base, size, rows, bytes of the header, timestamp, number of records: `u64` each.
    pub(super) const WORDS: usize = 32;
    pub(super) const SUBSTRATE_ROOT: usize = 128;
    pub(super) const LEDGER_ROOT: usize = 160;
    /// The substrate's words, `u64` each.
    pub(super) const SUBSTRATE: usize = 192;
    /// The ledger's frontier, 32 hashes.
    pub(super) const FRONTIER: usize = 1024;
}

/// The block that region 0xF0 is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockStatus {
    /// The substrate by which the region was made.
    pub substrate: Substrate,
    /// What the rule says of the block's header.
    pub evaluation: Evaluation,
    /// Bytes of the header.
    pub header_bytes: u64,
    /// The block's timestamp, in the chain's own unit.
    pub timestamp: u64,
    /// The ledger, the record of this block included.
    pub ledger: LedgerFrontier,
}

/// Why region 0xF0 is not one that a block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatusError {
    /// It is not of kind Mmio with ranges of pages, or has flags.
    #[error(
        "region {SUBSTRATE_REGION:#x} has another kind, size, flags or permissions than its status page says"
    )]
    Shape,
    /// The page does not say what it must.
    #[error("the status page of region {SUBSTRATE_REGION:#x} is malformed")]
    Page,
    /// This node lacks the page.
    #[error("the status page of region {SUBSTRATE_REGION:#x} cannot be read: {0}")]
    Unreadable(FaultReason),
}

impl BlockStatus {
    /// Address of the segment's first byte; `None` if there is no segment.
    pub fn base(&self) -> Option<u64> {
        let first = self.substrate.window(WindowName::FramesPacked).first;
        self.evaluation.allocates().then(|| device::address(first))
    }

    /// Address of the status page.
    pub fn address(&self) -> u64 {
        device::address(self.substrate.window(WindowName::Header).last) + 1 - PAGE_BYTES as u64
    }

    pub(super) fn to_page(&self) -> Box<PageBytes> {
        let Self { substrate, evaluation, ledger, .. } = self;
        let of_segment = |value: u64| if evaluation.allocates() { value } else { 0 };
        let words = [
            substrate.modulus(),
            evaluation.remainder,
            of_segment(1),
            self.base().unwrap_or(0),
            of_segment(substrate.size()),
            of_segment(substrate.rows()),
            self.header_bytes,
            self.timestamp,
            ledger.length(),
        ];
        let mut page = PageBytes::zeroed();
        let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
        put(at::DIGEST, &evaluation.digest);
        put(at::WORDS, words.map(u64::to_le_bytes).as_flattened());
        put(at::SUBSTRATE_ROOT, &substrate.root());
        put(at::LEDGER_ROOT, &ledger.root());
        put(at::SUBSTRATE, substrate.words().map(u64::to_le_bytes).as_flattened());
        put(at::FRONTIER, ledger.nodes.as_flattened());
        page
    }

    /// Reads a page. Only what [`to_page`](Self::to_page) writes is read.
    pub(super) fn from_page(page: &[u8; PAGE_BYTES]) -> Result<Self, StatusError> {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| page[at + index]));
        let hash = |at: usize| -> Hash { std::array::from_fn(|index| page[at + index]) };
        let words = std::array::from_fn(|index| word(at::SUBSTRATE + 8 * index));
        let substrate = Substrate::from_words(&words).ok_or(StatusError::Page)?;
        let ledger = LedgerFrontier {
            length: word(at::WORDS + 64),
            nodes: std::array::from_fn(|level| hash(at::FRONTIER + 32 * level)),
        };
        let status = Self {
            substrate,
            evaluation: substrate.judge(hash(at::DIGEST)),
            header_bytes: word(at::WORDS + 48),
            timestamp: word(at::WORDS + 56),
            ledger,
        };
        let is_whole =
            status.ledger.is_well_formed() && status.header_bytes <= device::header_limit(&substrate);
        if is_whole && status.to_page()[..] == page[..] { Ok(status) } else { Err(StatusError::Page) }
    }
}
