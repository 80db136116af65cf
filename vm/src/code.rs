//! Decoded code: every executable page is decoded once per program, when it is first entered.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use travertine_memory::{Memory, Page, PageBytes};
use travertine_merkle::layout::{PAGE_BYTES, REGION_PAGES};
use travertine_opcodes::{Instruction, decode};

use crate::image::Image;
use crate::prices::PriceSlot;

/// Positions of a page at which an instruction can start.
const SLOTS: usize = size_of::<PageBytes>() / 2;

/// An instruction that is ready to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    pub(crate) instruction: Instruction,
    /// Where its base price stands.
    pub(crate) price: PriceSlot,
    /// Bytes to the next instruction: 2 or 4.
    pub(crate) length: u8,
}

impl Op {
    /// An instruction of so many bytes.
    pub(crate) fn new(instruction: Instruction, length: u8) -> Self {
        Self { instruction, price: PriceSlot::of(instruction), length }
    }
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
    /// Page numbers of the executable segments.
    segments: Vec<Range<u64>>,
    /// The pages with content. All others of the segments are zero, which is no instruction: they share one decoded
    /// page, so that a segment costs what it holds, not what it spans.
    pages: BTreeMap<u64, CodeSource>,
    zero: Box<CodePage>,
}

#[derive(Debug)]
struct CodeSource {
    page: Page,
    decoded: OnceLock<Box<CodePage>>,
}

impl Code {
    /// The code of an image that is loaded in `memory`; nothing is decoded yet.
    pub(crate) fn new(image: &Image, memory: &Memory) -> Self {
        let mut code = Self {
            segments: Vec::new(),
            pages: BTreeMap::new(),
            zero: boxed(vec![decode_slot([0, 0], None); SLOTS]),
        };
        for segment in image.executable_segments() {
            let first = segment.address / PAGE_BYTES;
            code.segments.push(first..segment.end() / PAGE_BYTES);
            for number in first..first + segment.filled_pages() {
                let index = u32::try_from(number).expect("an address has 40 bits");
                let page = memory.executable_page(index).expect("the segment is loaded and executable");
                code.pages.insert(number, CodeSource { page, decoded: OnceLock::new() });
            }
        }
        code
    }

    /// The decoded page with this number, or `None` if it is not executable.
    pub(crate) fn page(&self, number: u64) -> Option<&CodePage> {
        match self.pages.get(&number) {
            Some(source) => Some(source.decoded.get_or_init(|| self.decode_page(source, number))),
            None => self.is_executable(number).then_some(&self.zero),
        }
    }

    /// What stands at `pc` alone; `None` if the page is not executable.
    pub(crate) fn slot(&self, pc: u64) -> Option<Slot> {
        let number = pc / PAGE_BYTES;
        let Some(source) = self.pages.get(&number) else {
            return self.is_executable(number).then(|| self.zero[0]);
        };
        let bytes = source.page.bytes();
        let position = 2 * slot_of(pc);
        let half = |position: usize| bytes.get(position..position + 2).map(|bytes| [bytes[0], bytes[1]]);
        let low = half(position).expect("an instruction starts at an even position of its page");
        Some(decode_slot(low, half(position + 2).or_else(|| self.first_half(number + 1))))
    }

    fn is_executable(&self, number: u64) -> bool {
        self.segments.iter().any(|segment| segment.contains(&number))
    }

    fn decode_page(&self, source: &CodeSource, number: u64) -> Box<CodePage> {
        let bytes = source.page.bytes();
        let next = self.first_half(number + 1);
        let mut slots = vec![Slot::Cut; SLOTS];
        for (slot, position) in slots.iter_mut().zip((0..).step_by(2)) {
            let low = [bytes[position], bytes[position + 1]];
            let high = bytes.get(position + 2..position + 4).map(|bytes| [bytes[0], bytes[1]]);
            *slot = decode_slot(low, high.or(next));
        }
        boxed(slots)
    }

    /// The first two bytes of a page, if an instruction can reach into it from the page before.
    fn first_half(&self, number: u64) -> Option<[u8; 2]> {
        // An instruction never crosses from one region into the next.
        if number.is_multiple_of(REGION_PAGES) {
            return None;
        }
        match self.pages.get(&number) {
            Some(source) => Some([source.page.bytes()[0], source.page.bytes()[1]]),
            None => self.is_executable(number).then_some([0, 0]),
        }
    }
}

fn boxed(slots: Vec<Slot>) -> Box<CodePage> {
    slots.try_into().expect("one slot for every other byte of the page")
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
        Ok(decoded) => Slot::Op(Op::new(decoded.instruction(), decoded.length())),
        Err(_) => Slot::Illegal(bits),
    }
}

/// What stands at `pc` on a page that is executable but none of the program's: one that was allocated and that the host has
/// filled. It is not kept, because it may be freed. `None` if the page is not executable.
#[cold]
pub(crate) fn allocated_slot(memory: &Memory, pc: u64) -> Option<Slot> {
    let page = |number: u64| memory.executable_page(u32::try_from(number).ok()?).ok();
    let half = |page: &Page, at: usize| page.bytes().get(at..at + 2).map(|bytes| [bytes[0], bytes[1]]);
    let (number, at) = (pc / PAGE_BYTES, 2 * slot_of(pc));
    let this = page(number)?;
    let next = || page(number + 1).filter(|_| !(number + 1).is_multiple_of(REGION_PAGES));
    let high = half(&this, at + 2).or_else(|| half(&next()?, 0));
    Some(decode_slot(half(&this, at)?, high))
}

/// The slot of a page in which the instruction at `pc` stands.
#[inline]
pub(crate) fn slot_of(pc: u64) -> usize {
    usize::try_from(pc % PAGE_BYTES / 2).unwrap_or(0)
}
