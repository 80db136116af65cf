//! Straight operations, those that go on behind themselves; and sequences of them that one handler carries out.

use std::marker::PhantomData;

use travertine_memory::FastPages;

use super::op::{OpPointer, Registers};
use super::semantics::{Binary, Unary, Width};

/// A straight operation.
pub(super) trait Straight {
    /// Whether it gives a value for `rd`.
    const WRITES: bool;

    /// Carries it out on the values of `rs1` and `rs2`, and gives the value for `rd`; `None` if the page that it accesses is not
    /// at hand, and then nothing has happened.
    fn run(op: OpPointer, a: u64, b: u64, pages: &mut FastPages<'_>) -> Option<u64>;
}

/// `rd = F(rs1, rs2)`.
pub(super) struct OnRegisters<F>(PhantomData<F>);

impl<F: Binary> Straight for OnRegisters<F> {
    const WRITES: bool = true;

    #[inline]
    fn run(_: OpPointer, a: u64, b: u64, _: &mut FastPages<'_>) -> Option<u64> {
        Some(F::eval(a, b))
    }
}

/// `rd = F(rs1, imm)`.
pub(super) struct OnImmediate<F>(PhantomData<F>);

impl<F: Binary> Straight for OnImmediate<F> {
    const WRITES: bool = true;

    #[inline]
    fn run(op: OpPointer, a: u64, _: u64, _: &mut FastPages<'_>) -> Option<u64> {
        Some(F::eval(a, op.value()))
    }
}

/// `rd = F(rs1)`.
pub(super) struct OnOne<F>(PhantomData<F>);

impl<F: Unary> Straight for OnOne<F> {
    const WRITES: bool = true;

    #[inline]
    fn run(_: OpPointer, a: u64, _: u64, _: &mut FastPages<'_>) -> Option<u64> {
        Some(F::eval(a))
    }
}

/// `rd =` a constant: the immediate of `lui`, or the sum that is `auipc`.
pub(super) struct Constant;

impl Straight for Constant {
    const WRITES: bool = true;

    #[inline]
    fn run(op: OpPointer, _: u64, _: u64, _: &mut FastPages<'_>) -> Option<u64> {
        Some(op.value())
    }
}

/// `rd = memory[rs1 + imm]`.
pub(super) struct Load<W>(PhantomData<W>);

impl<W: Width> Straight for Load<W> {
    const WRITES: bool = true;

    #[inline]
    fn run(op: OpPointer, a: u64, _: u64, pages: &mut FastPages<'_>) -> Option<u64> {
        W::load(pages, a.wrapping_add(op.value()))
    }
}

/// `memory[rs1 + imm] = rs2`.
pub(super) struct Store<W>(PhantomData<W>);

impl<W: Width> Straight for Store<W> {
    const WRITES: bool = false;

    #[inline]
    fn run(op: OpPointer, a: u64, b: u64, pages: &mut FastPages<'_>) -> Option<u64> {
        W::store(pages, a.wrapping_add(op.value()), b).then_some(0)
    }
}

/// Nothing: a fence, or an operation whose result `x0` swallows.
pub(super) struct Nothing;

impl Straight for Nothing {
    const WRITES: bool = false;

    #[inline]
    fn run(_: OpPointer, _: u64, _: u64, _: &mut FastPages<'_>) -> Option<u64> {
        Some(0)
    }
}

/// The operand of an operation that is the result of the one before it, in the same handler: it need not be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Forward {
    None = NONE,
    Rs1 = RS1,
    Rs2 = RS2,
}

pub(super) const NONE: u8 = 0;
pub(super) const RS1: u8 = 1;
pub(super) const RS2: u8 = 2;

/// Straight operations that lie one behind the other.
pub(super) trait Sequence {
    /// Carries them out. Gives the value of the last one, and the operation behind.
    ///
    /// # Errors
    /// The operation whose page is not at hand. Those before it are done.
    fn run(
        op: OpPointer,
        registers: &mut Registers<'_>,
        pages: &mut FastPages<'_>,
    ) -> Result<(u64, OpPointer), OpPointer>;
}

/// A sequence of one operation.
pub(super) struct One<A>(PhantomData<A>);

impl<A: Straight> Sequence for One<A> {
    #[inline]
    fn run(
        op: OpPointer,
        registers: &mut Registers<'_>,
        pages: &mut FastPages<'_>,
    ) -> Result<(u64, OpPointer), OpPointer> {
        step::<A, NONE>(op, 0, registers, pages)
    }
}

/// A sequence, and behind it an operation that may get the sequence's last value.
pub(super) struct Then<S, A, const FORWARD: u8>(PhantomData<(S, A)>);

impl<S: Sequence, A: Straight, const FORWARD: u8> Sequence for Then<S, A, FORWARD> {
    #[inline]
    fn run(
        op: OpPointer,
        registers: &mut Registers<'_>,
        pages: &mut FastPages<'_>,
    ) -> Result<(u64, OpPointer), OpPointer> {
        let (value, op) = S::run(op, registers, pages)?;
        step::<A, FORWARD>(op, value, registers, pages)
    }
}

#[inline]
fn step<A: Straight, const FORWARD: u8>(
    op: OpPointer,
    forwarded: u64,
    registers: &mut Registers<'_>,
    pages: &mut FastPages<'_>,
) -> Result<(u64, OpPointer), OpPointer> {
    let (a, b) = operands::<FORWARD>(op, forwarded, registers);
    let value = A::run(op, a, b, pages).ok_or(op)?;
    if A::WRITES {
        registers.set(op.rd(), value);
    }
    Ok((value, op.next()))
}

/// The values of `rs1` and `rs2`.
#[inline]
pub(super) fn operands<const FORWARD: u8>(
    op: OpPointer,
    forwarded: u64,
    registers: &Registers<'_>,
) -> (u64, u64) {
    let a = if FORWARD == RS1 { forwarded } else { registers.get(op.rs1()) };
    let b = if FORWARD == RS2 { forwarded } else { registers.get(op.rs2()) };
    (a, b)
}
