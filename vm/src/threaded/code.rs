//! Code as operations: decoded block by block when it is first entered, shared by all machines and threads that run it.

use std::alloc::Layout;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use travertine_merkle::layout::PAGE_BYTES;

use super::block::{Block, Draft, Kind};
use super::handlers;
use super::op::{KNOWN_PLACES, Op, OpPointer, Register, Word};
use crate::code::Code;
use crate::image::{Image, Segment};
use crate::prices::Prices;

/// What the operations of one program may take, in bytes. When it is used up, a new [`ThreadedCode`] begins empty.
const MAX_BYTES: usize = 64 << 20;
/// Operations of a chunk.
const CHUNK_OPS: usize = 1024;
/// Bytes of code of a window. A larger segment has several.
const WINDOW_BYTES: u64 = 1 << 19;

/// A part of the filled pages of an executable segment, and where its operations are.
pub(super) struct Window {
    start: u64,
    bytes: u64,
    /// A pointer for each position at which an instruction can start, null where none is decoded. Made when the window is
    /// first entered.
    slots: OnceLock<Box<[AtomicPtr<Op>]>>,
}

/// A window that has been entered, for looking up addresses.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    start: u64,
    slots: &'a [AtomicPtr<Op>],
}

impl Table<'_> {
    /// The operation at an even address, if it is decoded.
    #[inline]
    pub(super) fn find(&self, pc: u64) -> Option<OpPointer> {
        let slot = usize::try_from(pc.wrapping_sub(self.start) / 2).ok()?;
        OpPointer::published(self.slots.get(slot)?.load(Ordering::Acquire))
    }

    /// Publishes an operation.
    fn publish(&self, pc: u64, op: OpPointer) {
        let slot = usize::try_from(pc.wrapping_sub(self.start) / 2).unwrap_or(usize::MAX);
        self.slots[slot].store(op.as_ptr(), Ordering::Release);
    }
}

impl Window {
    /// The windows of a segment.
    fn of(segment: &Segment) -> impl Iterator<Item = Self> {
        let (first, bytes) = (segment.address, segment.filled_pages() * PAGE_BYTES);
        (0..bytes.div_ceil(WINDOW_BYTES)).map(move |number| number * WINDOW_BYTES).map(move |offset| Self {
            start: first + offset,
            bytes: (bytes - offset).min(WINDOW_BYTES),
            slots: OnceLock::new(),
        })
    }

    fn contains(&self, pc: u64) -> bool {
        pc.wrapping_sub(self.start) < self.bytes
    }

    /// Its table, if it has been entered.
    fn entered(&self) -> Option<Table<'_>> {
        Some(Table { start: self.start, slots: self.slots.get()? })
    }
}

/// So many null pointers. The memory comes zeroed, and large amounts are not touched before they are used.
#[allow(unsafe_code, reason = "there is no other way to a zeroed slice yet")]
fn null_pointers(count: usize) -> Box<[AtomicPtr<Op>]> {
    const {
        assert!(size_of::<AtomicPtr<Op>>() == size_of::<usize>());
        assert!(align_of::<AtomicPtr<Op>>() == align_of::<usize>());
    }
    let zeros = Box::into_raw(vec![0_usize; count].into_boxed_slice());
    // SAFETY: both have one size and alignment, and zero is the null pointer.
    unsafe { Box::from_raw(zeros as *mut [AtomicPtr<Op>]) }
}

/// Memory for operations, which stay where they are.
struct Chunk(NonNull<Op>);

// SAFETY: a chunk owns its memory; what it holds can be shared, see `OpPointer`.
#[allow(unsafe_code, reason = "see above")]
unsafe impl Send for Chunk {}

#[allow(unsafe_code, reason = "operations must have stable places before all of them are written")]
impl Chunk {
    const LAYOUT: Layout = match Layout::array::<Op>(CHUNK_OPS) {
        Ok(layout) => layout,
        Err(_) => panic!("a chunk is small"),
    };

    fn new() -> Self {
        // SAFETY: the layout is not empty.
        let memory = unsafe { std::alloc::alloc(Self::LAYOUT) };
        Self(NonNull::new(memory.cast()).unwrap_or_else(|| std::alloc::handle_alloc_error(Self::LAYOUT)))
    }

    fn op(&self, place: usize) -> OpPointer {
        assert!(place < CHUNK_OPS);
        // SAFETY: the place lies within the chunk.
        OpPointer::new(unsafe { self.0.add(place) })
    }
}

impl Drop for Chunk {
    #[allow(unsafe_code, reason = "operations must have stable places before all of them are written")]
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout. Operations own nothing.
        unsafe { std::alloc::dealloc(self.0.as_ptr().cast(), Self::LAYOUT) }
    }
}

/// Where operations are written.
#[derive(Default)]
struct Arena {
    chunks: Vec<Chunk>,
    /// Operations of the last chunk that are taken.
    used: usize,
}

impl Arena {
    /// Places for `count` operations, one behind the other.
    fn reserve(&mut self, count: usize) -> (&Chunk, usize) {
        if self.chunks.is_empty() || self.used + count > CHUNK_OPS {
            self.chunks.push(Chunk::new());
            self.used = 0;
        }
        let first = self.used;
        self.used += count;
        (self.chunks.last().expect("one was pushed"), first)
    }
}

/// The operations of a program, priced by one schedule.
pub(crate) struct ThreadedCode {
    windows: Vec<Window>,
    arena: Mutex<Arena>,
    bytes: AtomicUsize,
}

impl fmt::Debug for ThreadedCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ThreadedCode({} bytes)", self.bytes())
    }
}

/// The code has used up its memory: a new one must begin.
pub(super) struct Full;

impl ThreadedCode {
    /// The code of an image; nothing is decoded yet.
    pub(crate) fn new(image: &Image) -> Self {
        let windows = image.executable_segments().flat_map(Window::of).collect();
        Self { windows, arena: Mutex::default(), bytes: AtomicUsize::new(0) }
    }

    /// What it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The part of the code with this address; `None` if nothing there can be decoded.
    pub(super) fn table(&self, pc: u64) -> Option<Table<'_>> {
        let behind = self.windows.partition_point(|window| window.start <= pc);
        let window = self.windows[..behind].last().filter(|window| window.contains(pc))?;
        let slots = window.slots.get_or_init(|| {
            let slots = null_pointers(usize::try_from(window.bytes / 2).unwrap_or(0));
            self.bytes.fetch_add(size_of_val(&*slots), Ordering::Relaxed);
            slots
        });
        Some(Table { start: window.start, slots })
    }

    /// The operation at `pc`, which lies in `table`; decoded now if it is not yet.
    ///
    /// # Errors
    /// If there is no room for it.
    pub(super) fn enter(
        &self,
        table: Table<'_>,
        pc: u64,
        code: &Code,
        prices: &Prices,
    ) -> Result<OpPointer, Full> {
        if let Some(op) = table.find(pc) {
            return Ok(op);
        }
        let mut arena = self.lock();
        // Another thread may have been faster.
        if let Some(op) = table.find(pc) {
            return Ok(op);
        }
        if self.bytes() > MAX_BYTES {
            return Err(Full);
        }
        let block = Block::decode(code, prices, pc, |pc| self.find(pc).is_some());
        Ok(self.write(&mut arena, &block))
    }

    /// Lets the operation that led to a placeholder lead to `op` from now on.
    pub(super) fn resolve(placeholder: OpPointer, op: OpPointer) {
        placeholder.second_target().set_target(!placeholder.rd().is_zero(), op);
    }

    fn find(&self, pc: u64) -> Option<OpPointer> {
        let behind = self.windows.partition_point(|window| window.start <= pc);
        self.windows[..behind].last()?.entered()?.find(pc)
    }

    fn lock(&self) -> MutexGuard<'_, Arena> {
        // What a thread that panicked has left is unpublished and never read.
        self.arena.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes and publishes a block, and returns its first operation.
    fn write(&self, arena: &mut Arena, block: &Block) -> OpPointer {
        let drafts = &block.drafts;
        let jumps = drafts.last().is_some_and(|last| last.kind == Kind::JumpRegister);
        let room = drafts.len() + if jumps { KNOWN_PLACES } else { 0 };
        let (chunk, first) = arena.reserve(room);
        let places: Vec<OpPointer> = (first..first + drafts.len()).map(|place| chunk.op(place)).collect();
        let mut taken = size_of::<Op>() * room;
        let handlers = block.handlers();
        for (place, draft) in drafts.iter().enumerate() {
            let own = places[place];
            // An operation of this block, of another one, or a placeholder.
            let mut target = |pc: u64, is_second: bool| {
                let is_there = |&at: &usize| drafts[at].pc == pc && drafts[at].kind != Kind::Link;
                let here = (place + 1..drafts.len()).chain(0..=place).find(is_there).map(|at| places[at]);
                Word::target(here.or_else(|| self.find(pc)).unwrap_or_else(|| {
                    taken += size_of::<Op>();
                    placeholder(arena, pc, own, is_second)
                }))
            };
            let instruction = || Word::instruction(draft);
            let (first, second) = match draft.kind {
                Kind::Straight => {
                    let far = drafts.get(place + 1).filter(|next| draft.is_far_with(next));
                    let value = straight_value(draft);
                    let target = |jump: &Draft| target(value.wrapping_add(jump.immediate()) & !1, true);
                    (Word::value(value), far.map_or_else(instruction, target))
                }
                Kind::Branch => (target(draft.relative(), false), target(draft.end(), true)),
                Kind::Jump => (target(draft.relative(), false), Word::value(draft.end())),
                Kind::JumpRegister => (Word::value(draft.immediate()), Word::value(draft.end())),
                Kind::Link => (target(draft.pc, false), instruction()),
                Kind::Slow => (Word::value(draft.immediate()), instruction()),
            };
            let instruction = draft.instruction;
            write(
                own,
                Op {
                    handler: handlers[place],
                    first,
                    second,
                    pc: draft.pc,
                    cost: block.costs[place],
                    rd: Register::new(instruction.rd),
                    rs1: Register::new(instruction.rs1),
                    rs2: Register::new(instruction.rs2),
                },
            );
            if draft.kind == Kind::JumpRegister {
                own.clear_known();
            }
        }
        for (draft, &op) in drafts.iter().zip(&places) {
            // A block may run on into the next window, and repeat another one.
            if draft.kind != Kind::Link
                && let Some(table) = self.table(draft.pc)
                && table.find(draft.pc).is_none()
            {
                table.publish(draft.pc, op);
            }
        }
        self.bytes.fetch_add(taken, Ordering::Relaxed);
        places[0]
    }
}

/// What a straight operation computes with: its immediate, or the constant that it is.
fn straight_value(draft: &Draft) -> u64 {
    if draft.instruction.opcode == travertine_opcodes::Opcode::Auipc {
        draft.relative()
    } else {
        draft.immediate()
    }
}

/// An operation that stands for code that is not decoded, to which `from` leads by its first or second target.
fn placeholder(arena: &mut Arena, pc: u64, from: OpPointer, is_second: bool) -> OpPointer {
    let (chunk, place) = arena.reserve(1);
    let own = chunk.op(place);
    write(
        own,
        Op {
            handler: handlers::unresolved,
            first: Word::value(0),
            second: Word::target(from),
            pc,
            cost: 0,
            rd: Register::new(u8::from(is_second)),
            rs1: Register::ZERO,
            rs2: Register::ZERO,
        },
    );
    own
}

#[allow(unsafe_code, reason = "operations must have stable places before all of them are written")]
fn write(place: OpPointer, op: Op) {
    // SAFETY: the place was reserved for this operation alone, and nobody has seen the pointer yet.
    unsafe { place.as_ptr().write(op) }
}
