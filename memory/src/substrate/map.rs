//! What a checked declaration comes to: the numbers that results depend on, and their root.

use std::fmt;

use travertine_merkle::{Hash, merkleize, uint64_chunk};

use super::config::SubstrateConfig;

/// The version of the words below.
const WORDS_VERSION: u64 = 1;

/// The windows of the region, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowName {
    /// The block's header, and the status page.
    Header,
    /// Transfers between regions.
    EdgeCounters,
    /// A record for each region.
    NodeAccums,
    /// The segment.
    FramesPacked,
    /// The segment, de-interleaved.
    FramesPlanes,
    /// Nothing.
    Reserved,
}

impl WindowName {
    /// All windows, in order.
    pub const ALL: [Self; 6] = [
        Self::Header,
        Self::EdgeCounters,
        Self::NodeAccums,
        Self::FramesPacked,
        Self::FramesPlanes,
        Self::Reserved,
    ];
}

/// The name in the declaration.
impl fmt::Display for WindowName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Header => "header",
            Self::EdgeCounters => "edge_counters",
            Self::NodeAccums => "node_accums",
            Self::FramesPacked => "frames_packed",
            Self::FramesPlanes => "frames_planes",
            Self::Reserved => "reserved",
        })
    }
}

/// A window of the region: whole pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Offset of the first byte in the region.
    pub first: u32,
    /// Offset of the last byte.
    pub last: u32,
}

impl Window {
    /// Its length in bytes: 4,096 to 2^32.
    pub fn bytes(&self) -> u64 {
        u64::from(self.last) - u64::from(self.first) + 1
    }
}

/// A substrate that can be: what results depend on, and nothing else. Made by [`SubstrateConfig::check`] or [`Substrate::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Substrate {
    pub(super) modulus: u64,
    pub(super) allocation_size: u64,
    pub(super) alignment: u64,
    /// The size padded up to the alignment.
    pub(super) size: u64,
    pub(super) windows: [Window; 6],
}

impl Default for Substrate {
    fn default() -> Self {
        SubstrateConfig::default().check().expect("the default declaration is valid")
    }
}

impl Substrate {
    /// A header allocates if its hash is a multiple of this.
    pub fn modulus(&self) -> u64 {
        self.modulus
    }

    /// Bytes of a row, and what the segment's base and size are multiples of.
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Bytes of the segment, padded up to the alignment: whole pages.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Rows of the segment.
    pub fn rows(&self) -> u64 {
        self.size / self.alignment
    }

    /// Where a window lies.
    pub fn window(&self, name: WindowName) -> Window {
        self.windows[name as usize]
    }

    /// All that the substrate is, as words: their version, modulus, size before padding, alignment, and the first and last byte of
    /// each window in order.
    pub fn words(&self) -> [u64; 16] {
        let mut words = [0; 16];
        words[..4].copy_from_slice(&[WORDS_VERSION, self.modulus, self.allocation_size, self.alignment]);
        for (pair, window) in words[4..].as_chunks_mut::<2>().0.iter_mut().zip(&self.windows) {
            *pair = [window.first.into(), window.last.into()];
        }
        words
    }

    /// The substrate of these words, if there can be one.
    pub(super) fn from_words(words: &[u64; 16]) -> Option<Self> {
        let [WORDS_VERSION, modulus, size, alignment, ref bounds @ ..] = *words else { return None };
        let mut pairs = [[0; 2]; 6];
        pairs.as_flattened_mut().copy_from_slice(bounds);
        Self::new(modulus, size, alignment, pairs).ok()
    }

    /// Root of the container of the 16 [`words`](Self::words): nodes with different substrates cannot have the same.
    pub fn root(&self) -> Hash {
        let words = self.words();
        merkleize(&words.map(uint64_chunk), words.len() as u64)
    }
}
