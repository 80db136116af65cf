//! Operations as they lie in memory, and the pointers that handlers pass on. Nearly all `unsafe` of the engine is here.
//!
//! # Safety
//!
//! - Operations lie in chunks that [`ThreadedCode`](super::code::ThreadedCode) owns and never moves or frees while it lives;
//!   a chain runs while its driver holds the code. So an [`OpPointer`] that a chain meets can be read.
//! - Operations are written before a pointer to them is published (by the decoder's lock, or a release store), and after
//!   that only their two targets change, which are atomic.
//! - Blocks lie in one piece, and end with an operation that does not go on behind itself. So wherever a handler of a
//!   straight operation asks for [`OpPointer::next`], there is one.
//! - Words hold what the operation's handler reads from them: [`block`](super::block) writes them side by side with it.
//! - Behind each `jalr` there is room for [`KNOWN_PLACES`] operations, written with it; it holds pointers to
//!   operations of the same code, which are atomic, too.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

use travertine_memory::{Access, FastPages};
use travertine_opcodes::{GasClass, Instruction, Opcode};

use super::block::Draft;
use super::code::Table;
use crate::code;

/// Carries out one operation or a few, then the next ones in tail position, until the chain ends.
///
/// `gas` is what is left once all operations up to the next branch or jump are paid.
pub(super) type Handler =
    extern "C" fn(OpPointer, Registers<'_>, gas: u64, FastPages<'_>, &mut Context<'_>) -> ChainEnd;

/// A decoded instruction, or one of the few operations that the decoder adds.
#[repr(C)]
pub(super) struct Op {
    pub(super) handler: Handler,
    /// An immediate, a constant, or where a jump or taken branch leads.
    pub(super) first: Word,
    /// Where a branch that is not taken leads, or an `auipc` together with the `jalr` behind it; or the return address.
    pub(super) second: Word,
    /// Address of the instruction.
    pub(super) pc: u64,
    /// What this operation and those behind it cost, up to and including the next branch or jump, in gas.
    pub(super) cost: u32,
    pub(super) rd: Register,
    pub(super) rs1: Register,
    pub(super) rs2: Register,
}

const _: () = assert!(size_of::<Op>() == 40);

/// Where a `jalr` remembers to have led.
type Known = [AtomicPtr<Op>; KNOWN];
/// How many places a `jalr` remembers.
pub(super) const KNOWN: usize = 10;
/// What they take, in operations.
pub(super) const KNOWN_PLACES: usize = 2;

const _: () = assert!(size_of::<Known>() == KNOWN_PLACES * size_of::<Op>());
const _: () = assert!(align_of::<Known>() == align_of::<Op>());

/// A number, or a pointer to an operation that may be set once more.
pub(super) union Word {
    value: u64,
    target: ManuallyDrop<AtomicPtr<Op>>,
}

impl Word {
    pub(super) const fn value(value: u64) -> Self {
        Self { value }
    }

    pub(super) const fn target(target: OpPointer) -> Self {
        Self { target: ManuallyDrop::new(AtomicPtr::new(target.0.as_ptr())) }
    }

    /// The opcode and the length: what the registers and the immediate lack of an [`OpPointer::instruction`].
    pub(super) fn instruction(draft: &Draft) -> Self {
        Self::value(u64::from_le_bytes([draft.instruction.opcode as u8, draft.length, 0, 0, 0, 0, 0, 0]))
    }
}

/// A register's number, 0 to 31.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Register(u8);

impl Register {
    pub(super) const ZERO: Self = Self(0);

    pub(super) fn new(number: u8) -> Self {
        Self(number & 31)
    }

    pub(super) fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// A pointer to an operation of the code that is running. See the module's page for what it can rely on.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct OpPointer(NonNull<Op>);

// SAFETY: operations are shared by threads; all that changes in them is atomic.
#[allow(unsafe_code, reason = "see above")]
unsafe impl Send for OpPointer {}

#[allow(unsafe_code, reason = "the module's page says why each of these can be read")]
impl OpPointer {
    /// A pointer into a chunk, to an operation that is or will be written before the pointer is used.
    pub(super) fn new(pointer: NonNull<Op>) -> Self {
        Self(pointer)
    }

    pub(super) fn as_ptr(self) -> *mut Op {
        self.0.as_ptr()
    }

    /// The pointer that was published as `raw`, unless that is null.
    pub(super) fn published(raw: *mut Op) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    #[inline]
    fn op<'a>(self) -> &'a Op {
        // SAFETY: it points to an operation that is complete.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn handler(self) -> Handler {
        self.op().handler
    }

    #[inline]
    pub(super) fn pc(self) -> u64 {
        self.op().pc
    }

    #[inline]
    pub(super) fn cost(self) -> u64 {
        u64::from(self.op().cost)
    }

    #[inline]
    pub(super) fn rd(self) -> Register {
        self.op().rd
    }

    #[inline]
    pub(super) fn rs1(self) -> Register {
        self.op().rs1
    }

    #[inline]
    pub(super) fn rs2(self) -> Register {
        self.op().rs2
    }

    /// The immediate or constant.
    #[inline]
    pub(super) fn value(self) -> u64 {
        // SAFETY: any bits are a number.
        unsafe { self.op().first.value }
    }

    /// The second number.
    #[inline]
    pub(super) fn second_value(self) -> u64 {
        // SAFETY: any bits are a number.
        unsafe { self.op().second.value }
    }

    /// Where a jump, or a branch that is taken, leads.
    #[inline]
    pub(super) fn first_target(self) -> Self {
        self.target(false)
    }

    /// Where a branch that is not taken leads.
    #[inline]
    pub(super) fn second_target(self) -> Self {
        self.target(true)
    }

    #[inline]
    fn target(self, is_second: bool) -> Self {
        let word = if is_second { &self.op().second } else { &self.op().first };
        // SAFETY: the operations that ask have targets, which are never null.
        unsafe { Self(NonNull::new_unchecked(word.target.load(Ordering::Acquire))) }
    }

    /// Lets the operation lead elsewhere from now on.
    pub(super) fn set_target(self, is_second: bool, target: Self) {
        let word = if is_second { &self.op().second } else { &self.op().first };
        // SAFETY: the caller names an operation that has this target.
        unsafe { word.target.store(target.0.as_ptr(), Ordering::Release) }
    }

    /// What the reference engine executes here, unless that must be found out: of a slow operation, a load or a store, whose
    /// second word is a [`Word::instruction`].
    pub(super) fn instruction(self) -> Option<code::Op> {
        let [opcode, length, ..] = self.second_value().to_le_bytes();
        let opcode = *Opcode::ALL.get(usize::from(opcode)).filter(|_| length > 0)?;
        let [imm @ .., _, _, _, _] = self.value().to_le_bytes();
        let Op { rd, rs1, rs2, .. } = self.op();
        let instruction =
            Instruction { opcode, rd: rd.0, rs1: rs1.0, rs2: rs2.0, imm: i32::from_le_bytes(imm) };
        Some(code::Op::new(instruction, length))
    }

    /// What a load or store does, and to how many bytes.
    pub(super) fn access(self) -> Option<(Access, u64)> {
        let [opcode, ..] = self.second_value().to_le_bytes();
        let opcode = *Opcode::ALL.get(usize::from(opcode))?;
        match opcode.gas_class() {
            GasClass::Load => Some((Access::Read, opcode.access_bytes())),
            GasClass::Store => Some((Access::Write, opcode.access_bytes())),
            _ => None,
        }
    }

    /// One of the operations that a `jalr` has led to; itself, if it has not led to so many. It has the address that it is for.
    #[inline]
    pub(super) fn known(self, place: usize) -> Self {
        // SAFETY: only `jalr` asks, behind which they lie. They are never null.
        unsafe { Self(NonNull::new_unchecked(self.all_known().as_ref()[place].load(Ordering::Acquire))) }
    }

    #[inline]
    fn all_known(self) -> NonNull<Known> {
        // SAFETY: a block that ends with a `jalr` has room for them.
        unsafe { self.0.add(1).cast() }
    }

    /// Lets a `jalr` know nothing. The room for it need not be written yet.
    pub(super) fn clear_known(self) {
        // SAFETY: the block has room for them, and nobody has seen its operations yet.
        unsafe { self.all_known().write(std::array::from_fn(|_| AtomicPtr::new(self.as_ptr()))) }
    }

    /// Lets a `jalr` remember where it has led, if there is still room.
    #[inline]
    pub(super) fn remember(self, target: Self) {
        // SAFETY: only `jalr` asks.
        let known = unsafe { self.all_known().as_ref() };
        if let Some(free) = known.iter().find(|known| known.load(Ordering::Relaxed) == self.as_ptr()) {
            free.store(target.as_ptr(), Ordering::Release);
        }
    }

    /// The operation behind a straight one.
    #[inline]
    pub(super) fn next(self) -> Self {
        // SAFETY: straight operations are never the last of their chunk.
        Self(unsafe { self.0.add(1) })
    }
}

/// The hart's registers.
#[repr(transparent)]
pub(super) struct Registers<'a>(&'a mut [u64; 32]);

impl<'a> Registers<'a> {
    pub(super) fn new(registers: &'a mut [u64; 32]) -> Self {
        Self(registers)
    }

    #[cfg(not(tail_calls))]
    pub(super) fn reborrow(&mut self) -> Registers<'_> {
        Registers(self.0)
    }

    #[inline]
    #[allow(unsafe_code, reason = "the hot path of every operation")]
    pub(super) fn get(&self, register: Register) -> u64 {
        // SAFETY: a `Register` is below 32.
        unsafe { *self.0.get_unchecked(usize::from(register.0)) }
    }

    /// Sets a register that is not `x0`.
    #[inline]
    #[allow(unsafe_code, reason = "the hot path of every operation")]
    pub(super) fn set(&mut self, register: Register, value: u64) {
        // SAFETY: a `Register` is below 32.
        unsafe { *self.0.get_unchecked_mut(usize::from(register.0)) = value }
    }
}

/// What a chain needs rarely.
pub(super) struct Context<'a> {
    /// The code that addresses are looked up in.
    pub(super) table: Table<'a>,
    pub(super) reason: Reason,
    /// With [`Reason::Elsewhere`], the address that the chain jumps to. A `jalr` leaves it here before it is looked up.
    pub(super) pc: u64,
    /// Whether the chain ends at a load or store of a page that is not at hand; otherwise it looks for the page.
    pub(super) ends_at_miss: bool,
    /// The prices of near and far recalls, in gas.
    pub(super) recall_prices: [u64; 2],
    /// What has been paid for recalls from the chain's gas.
    pub(super) recall_gas: u64,
}

/// Why a chain has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It has not.
    Running,
    /// The gas does not pay for the operation and those behind it; none of it is charged.
    Unpaid,
    /// The operation is none of this engine; it and those behind it are paid.
    Slow,
    /// The operation is a load or store of a page that is not at hand; it and those behind it are paid.
    Miss,
    /// The operation is a placeholder for code that is not decoded or not known to be; it costs nothing.
    Unresolved,
    /// Control has passed to an address that is not decoded or lies in another segment; nothing is paid there.
    Elsewhere,
}

/// Where a chain has ended, and the gas that is left.
#[repr(C)]
pub(super) struct ChainEnd {
    pub(super) op: OpPointer,
    pub(super) gas: u64,
}

/// Carries out `op` and what follows.
#[cfg(tail_calls)]
#[inline]
pub(super) fn dispatch(
    op: OpPointer,
    registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    (op.handler())(op, registers, gas, pages, context)
}

/// Lets the loop of [`run_chain`] go on with `op`.
#[cfg(not(tail_calls))]
#[inline]
pub(super) fn dispatch(
    op: OpPointer,
    _registers: Registers<'_>,
    gas: u64,
    _pages: FastPages<'_>,
    _context: &mut Context<'_>,
) -> ChainEnd {
    ChainEnd { op, gas }
}

/// Runs from `op` on until the chain ends.
#[cfg(tail_calls)]
pub(super) fn run_chain(
    op: OpPointer,
    registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    dispatch(op, registers, gas, pages, context)
}

/// Runs from `op` on until the chain ends.
#[cfg(not(tail_calls))]
pub(super) fn run_chain(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    mut pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    let mut end = ChainEnd { op, gas };
    while context.reason == Reason::Running {
        end = (end.op.handler())(end.op, registers.reborrow(), end.gas, pages.reborrow(), context);
    }
    end
}

/// Ends the chain at `op`.
pub(super) fn stop(reason: Reason, op: OpPointer, gas: u64, context: &mut Context<'_>) -> ChainEnd {
    context.reason = reason;
    ChainEnd { op, gas }
}

/// Nothing; but the optimizer does not merge what stands behind it with other code, so that the two ways of a branch keep
/// jumps of their own, which the processor predicts apart.
#[inline]
#[allow(unsafe_code, reason = "an empty assembly has no effect")]
pub(super) fn keep_apart() {
    #[cfg(tail_calls)]
    // SAFETY: it has no instructions.
    unsafe {
        std::arch::asm!("", options(nomem, nostack, preserves_flags));
    }
}
