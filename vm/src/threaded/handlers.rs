//! The handlers. Each ends by calling the next one in tail position, which the optimizer makes a jump, or by ending the
//! chain. `.ci/check-tail-calls` proves it of a release build.

use travertine_memory::FastPages;

use super::op::{ChainEnd, Context, KNOWN, OpPointer, Reason, Registers, dispatch, keep_apart, stop};
use super::semantics::Condition;
use super::straight::{Sequence, operands};

/// A sequence of straight operations.
pub(super) extern "C" fn straight<S: Sequence>(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    mut pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    match S::run(op, &mut registers, &mut pages) {
        Ok((_, next)) => dispatch(next, registers, gas, pages, context),
        Err(missed) => miss(missed, registers, gas, pages, context),
    }
}

/// A conditional branch.
pub(super) extern "C" fn branch<C: Condition>(
    op: OpPointer,
    registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    decide::<C, { super::straight::NONE }>(op, 0, registers, gas, pages, context)
}

/// A sequence, and behind it a conditional branch.
pub(super) extern "C" fn then_branch<S: Sequence, C: Condition, const FORWARD: u8>(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    mut pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    match S::run(op, &mut registers, &mut pages) {
        Ok((value, branch)) => decide::<C, FORWARD>(branch, value, registers, gas, pages, context),
        Err(missed) => miss(missed, registers, gas, pages, context),
    }
}

#[inline]
fn decide<C: Condition, const FORWARD: u8>(
    op: OpPointer,
    forwarded: u64,
    registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    let (a, b) = operands::<FORWARD>(op, forwarded, &registers);
    if C::holds(a, b) {
        keep_apart();
        enter(op.first_target(), registers, gas, pages, context)
    } else {
        enter(op.second_target(), registers, gas, pages, context)
    }
}

/// `jal x0`, and the way from one block to the next.
pub(super) extern "C" fn jump(
    op: OpPointer,
    registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    enter(op.first_target(), registers, gas, pages, context)
}

/// `jal`.
pub(super) extern "C" fn call(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    registers.set(op.rd(), op.second_value());
    enter(op.first_target(), registers, gas, pages, context)
}

/// A sequence, and behind it `jal x0` or the way to the next block.
pub(super) extern "C" fn then_jump<S: Sequence>(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    mut pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    match S::run(op, &mut registers, &mut pages) {
        Ok((_, jump)) => enter(jump.first_target(), registers, gas, pages, context),
        Err(missed) => miss(missed, registers, gas, pages, context),
    }
}

/// A sequence, and behind it a `jal` that links.
pub(super) extern "C" fn then_call<S: Sequence>(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    mut pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    match S::run(op, &mut registers, &mut pages) {
        Ok((_, jump)) => {
            registers.set(jump.rd(), jump.second_value());
            enter(jump.first_target(), registers, gas, pages, context)
        }
        Err(missed) => miss(missed, registers, gas, pages, context),
    }
}

/// `auipc` and the `jalr` behind it: a call (`LINKS`) or jump to a known address. The first operation has the target.
pub(super) extern "C" fn far<const LINKS: bool>(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    registers.set(op.rd(), op.value());
    if LINKS {
        let jump = op.next();
        registers.set(jump.rd(), jump.second_value());
    }
    enter(op.second_target(), registers, gas, pages, context)
}

/// `jalr`, which links or not.
pub(super) extern "C" fn jump_register<const LINKS: bool>(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    let target = registers.get(op.rs1()).wrapping_add(op.value()) & !1;
    if LINKS {
        registers.set(op.rd(), op.second_value());
    }
    go_to(target, op, registers, gas, pages, context)
}

/// A sequence, and behind it a `jalr x0`: the end of most functions, and of switches.
pub(super) extern "C" fn then_return<S: Sequence, const FORWARD: u8>(
    op: OpPointer,
    mut registers: Registers<'_>,
    gas: u64,
    mut pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    match S::run(op, &mut registers, &mut pages) {
        Ok((value, jump)) => {
            let (base, _) = operands::<FORWARD>(jump, value, &registers);
            let target = base.wrapping_add(jump.value()) & !1;
            go_to(target, jump, registers, gas, pages, context)
        }
        Err(missed) => miss(missed, registers, gas, pages, context),
    }
}

/// Goes from a `jalr` to the operation at `target`. It is searched for among those that it has led to before: the processor predicts
/// these branches, and so goes on with an operation that is known, where otherwise it would have to wait for `target`.
#[inline]
fn go_to(
    target: u64,
    op: OpPointer,
    registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    for place in 0..KNOWN {
        let known = op.known(place);
        if known.pc() == target {
            return enter(known, registers, gas, pages, context);
        }
    }
    context.pc = target;
    look_up(op, registers, gas, pages, context)
}

/// A `jalr` leads to where it is not known to lead.
#[inline(never)]
extern "C" fn look_up(
    op: OpPointer,
    registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    if let Some(found) = context.table.find(context.pc) {
        op.remember(found);
        enter(found, registers, gas, pages, context)
    } else {
        elsewhere(op, registers, gas, pages, context)
    }
}

/// Pays for the operations from `target` to the next branch or jump, and goes there.
#[inline]
fn enter(
    target: OpPointer,
    registers: Registers<'_>,
    gas: u64,
    pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    match gas.checked_sub(target.cost()) {
        Some(gas) => dispatch(target, registers, gas, pages, context),
        None => unpaid(target, registers, gas, pages, context),
    }
}

/// The page of a load or store is not at hand. If the access is not the first of its kind to the page, and a recall that it may owe can be
/// paid, the page is at hand from now on, and the chain goes on with the same operation; else it ends.
#[cold]
#[inline(never)]
pub(super) extern "C" fn miss(
    op: OpPointer,
    registers: Registers<'_>,
    gas: u64,
    mut pages: FastPages<'_>,
    context: &mut Context<'_>,
) -> ChainEnd {
    let Some((access, length)) = op.access().filter(|_| !context.ends_at_miss) else {
        return stop(Reason::Miss, op, gas, context);
    };
    let address = registers.get(op.rs1()).wrapping_add(op.value());
    let [near, far] = context.recall_prices;
    let Some(recalls) = pages.recall(address, length, access, gas >= near.max(far)) else {
        return stop(Reason::Miss, op, gas, context);
    };
    let owed = u64::from(recalls.near) * near + u64::from(recalls.far) * far;
    context.recall_gas += owed;
    dispatch(op, registers, gas - owed, pages, context)
}

macro_rules! ends {
    ($($(#[$doc:meta])* $name:ident: $reason:ident;)*) => {$(
        $(#[$doc])*
        #[cold]
        #[inline(never)]
        pub(super) extern "C" fn $name(
            op: OpPointer,
            _registers: Registers<'_>,
            gas: u64,
            _pages: FastPages<'_>,
            context: &mut Context<'_>,
        ) -> ChainEnd {
            stop(Reason::$reason, op, gas, context)
        }
    )*};
}

ends! {
    /// The block cannot be paid.
    unpaid: Unpaid;
    /// The reference engine carries this one out.
    slow: Slow;
    /// Nobody has decoded the code that this stands for, or told the operation that leads here.
    unresolved: Unresolved;
    /// The chain goes where nothing is decoded.
    elsewhere: Elsewhere;
}
