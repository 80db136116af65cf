//! Decoded code: every executable page is decoded once per program, when it is first entered.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use travertine_memory::PageBytes;
use travertine_merkle::layout::{PAGE_BYTES, REGION_PAGES};
use travertine_opcodes::{Instruction, decode};

use crate::image::Image;

/// Positions of a page at which an instruction can start.
const SLOTS: usize = (PAGE_BYTES / 2) as usize;

/// An instruction that is ready to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    pub(crate) instruction: Instruction,
    /// Bytes to the next instruction: 2 or 4.
    pub(crate) length: u8,
}

/// What stands at a position of a code page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    /// An instruction.
    Op(Op),
    /// Bits that are no instruction.
    Illegal(u32),
    /// The first half of an instruction whose second half lies on a page that cannot be executed.
    Cut,
}

/// A decoded page.
pub(crate) type CodePage = [Slot; SLOTS];

/// The executable pages of a program, by page number (address / page size). Shared by all machines that run it.
#[derive(Debug)]
pub(crate) struct Code {
    pages: BTreeMap<u64, CodeSource>,
}

#[derive(Debug)]
struct CodeSource {
    bytes: Box<PageBytes>,
    decoded: OnceLock<Box<CodePage>>,
}

impl Code {
    /// The executable pages of an image; nothing is decoded yet.
    pub(crate) fn new(image: &Image) -> Self {
        let mut pages = BTreeMap::new();
        for segment in image.executable_segments() {
            let first = segment.address / PAGE_BYTES;
            for number in first..segment.end() / PAGE_BYTES {
                let bytes = segment.page_bytes(number - first);
                pages.insert(number, CodeSource { bytes, decoded: OnceLock::new() });
            }
        }
        Self { pages }
    }

    /// The decoded page with this number, or `None` if it is not executable.
    pub(crate) fn page(&self, number: u64) -> Option<&CodePage> {
        let source = self.pages.get(&number)?;
        Some(source.decoded.get_or_init(|| self.decode_page(source, number)))
    }

    fn decode_page(&self, source: &CodeSource, number: u64) -> Box<CodePage> {
        // An instruction never crosses from one region into the next.
        let is_last_of_region = (number + 1).is_multiple_of(REGION_PAGES);
        let following = if is_last_of_region { None } else { self.pages.get(&(number + 1)) };
        let next = following.map(|next| [next.bytes[0], next.bytes[1]]);
        let mut slots = vec![Slot::Cut; SLOTS];
        for (slot, position) in slots.iter_mut().zip((0..).step_by(2)) {
            let low = [source.bytes[position], source.bytes[position + 1]];
            let high = source.bytes.get(position + 2..position + 4).map(|bytes| [bytes[0], bytes[1]]);
            *slot = decode_slot(low, high.or(next));
        }
        slots.try_into().expect("one slot for every other byte of the page")
    }
}

/// Decodes the instruction that starts with the bytes `low`.
fn decode_slot(low: [u8; 2], high: Option<[u8; 2]>) -> Slot {
    let is_compressed = low[0] & 3 != 3;
    let bits = match (is_compressed, high) {
        (true, _) => u32::from(u16::from_le_bytes(low)),
        (false, Some(high)) => u32::from_le_bytes([low[0], low[1], high[0], high[1]]),
        (false, None) => return Slot::Cut,
    };
    match decode(bits) {
        Ok(decoded) => Slot::Op(Op { instruction: decoded.instruction(), length: decoded.length() }),
        Err(_) => Slot::Illegal(bits),
    }
}

/// The slot of a page in which the instruction at `pc` stands.
#[inline]
pub(crate) fn slot_of(pc: u64) -> usize {
    (pc % PAGE_BYTES / 2) as usize
}
