//! From code to a block: instructions up to the next branch or jump, what they cost, and which handlers carry them out.

use travertine_opcodes::{GasClass, Instruction, Opcode};

use super::handlers;
use super::op::Handler;
use super::straight::Forward;
use super::{select, sequences};
use crate::code::{Code, Slot};
use crate::prices::{PriceSlot, Prices};

/// The most instructions of a block. What is decoded at once is executed at once, unless it traps.
const MAX_INSTRUCTIONS: usize = 256;
/// The most jumps that a block follows, and the most instructions up to the next branch or jump where one leads.
const MAX_FOLLOWED: u32 = 2;
const MAX_REPEATED: usize = 16;

/// An operation that is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    pub(super) pc: u64,
    /// 2 or 4; 0 if there is no instruction.
    pub(super) length: u8,
    pub(super) instruction: Instruction,
    pub(super) kind: Kind,
    /// The price of the jumps between the operation in front and this one, which have no operations of their own.
    way: u64,
}

/// What an operation is to its block. All but the first kind end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes on behind itself.
    Straight,
    Branch,
    /// `jal`.
    Jump,
    /// `jalr`.
    JumpRegister,
    /// The reference engine carries it out: host calls, atomics, whatever is no instruction.
    Slow,
    /// No instruction: the block goes on elsewhere.
    Link,
}

/// A block, and what each of its operations and those behind it cost, in gas.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) drafts: Vec<Draft>,
    pub(super) costs: Vec<u32>,
}

const NO_INSTRUCTION: Instruction = Instruction { opcode: Opcode::Addi, rd: 0, rs1: 0, rs2: 0, imm: 0 };

impl Draft {
    fn new(pc: u64, slot: Option<Slot>) -> Self {
        match slot {
            Some(Slot::Op(op)) => Self { length: op.length, ..Self::of_instruction(pc, op.instruction) },
            Some(Slot::Illegal(_) | Slot::Cut) | None => Self::without_instruction(pc, Kind::Slow),
        }
    }

    /// An instruction of four bytes.
    pub(super) fn of_instruction(pc: u64, instruction: Instruction) -> Self {
        Self { pc, length: 4, instruction, kind: Kind::of(instruction), way: 0 }
    }

    fn without_instruction(pc: u64, kind: Kind) -> Self {
        Self { pc, length: 0, instruction: NO_INSTRUCTION, kind, way: 0 }
    }

    /// Address behind the instruction.
    pub(super) fn end(&self) -> u64 {
        self.pc.wrapping_add(u64::from(self.length))
    }

    /// The immediate, sign-extended.
    pub(super) fn immediate(&self) -> u64 {
        i64::from(self.instruction.imm).cast_unsigned()
    }

    /// Where the immediate leads from here: a branch's, a `jal`'s, an `auipc`'s.
    pub(super) fn relative(&self) -> u64 {
        self.pc.wrapping_add(self.immediate())
    }

    /// Whether its result goes to `x0`. (Stores and branches have no `rd`, which is then 0.)
    fn drops_result(&self) -> bool {
        self.instruction.rd == 0 && self.instruction.opcode.gas_class() != GasClass::Store
    }

    /// The opcode, if it can be fused with what stands behind it.
    pub(super) fn fusible(&self) -> Option<Opcode> {
        (self.kind == Kind::Straight && !self.drops_result()).then_some(self.instruction.opcode)
    }

    fn price(&self, prices: &Prices) -> u64 {
        match self.kind {
            Kind::Straight | Kind::Branch | Kind::Jump | Kind::JumpRegister => {
                prices.base(PriceSlot::of(self.instruction))
            }
            Kind::Slow | Kind::Link => 0,
        }
    }

    /// How the result of `before`, which stands directly before it, reaches it.
    pub(super) fn forward(&self, before: &Self) -> Forward {
        let result = before.instruction.rd;
        if result == 0 {
            Forward::None
        } else if result == self.instruction.rs1 {
            Forward::Rs1
        } else if result == self.instruction.rs2 {
            Forward::Rs2
        } else {
            Forward::None
        }
    }

    /// The handler that carries it out alone.
    fn single(&self) -> Handler {
        const VALID: &str = "the kind says which table has the opcode";
        let opcode = self.instruction.opcode;
        let links = self.instruction.rd != 0;
        match self.kind {
            Kind::Straight if self.drops_result() => select::NOTHING,
            Kind::Straight => select::single(opcode).expect(VALID),
            Kind::Branch => select::branch_handler(opcode).expect(VALID),
            Kind::Jump if links => handlers::call,
            Kind::Jump | Kind::Link => handlers::jump,
            Kind::JumpRegister if links => handlers::jump_register::<true>,
            Kind::JumpRegister => handlers::jump_register::<false>,
            Kind::Slow => handlers::slow,
        }
    }

    /// The handler that carries out this operation and `next`, which stands behind it, if there is one.
    fn fused(&self, next: &Self) -> Option<Handler> {
        if self.is_far_with(next) {
            let links = next.instruction.rd != 0;
            let far: [Handler; 2] = [handlers::far::<false>, handlers::far::<true>];
            return Some(far[usize::from(links)]);
        }
        let first = self.fusible()?;
        let forward = next.forward(self);
        match next.kind {
            Kind::Straight => select::pair(first, next.fusible()?, forward),
            Kind::Branch => select::with_branch(first, next.instruction.opcode, forward),
            Kind::Jump if next.instruction.rd == 0 => select::with_jump(first),
            Kind::Jump => select::with_call(first),
            Kind::Link => select::with_jump(first),
            Kind::JumpRegister if next.instruction.rd == 0 => select::with_jump_register(first),
            Kind::JumpRegister | Kind::Slow => None,
        }
    }

    /// The handler that carries out this operation and the next two, if there is one.
    fn fused_with_two(&self, next: &Self, last: &Self) -> Option<Handler> {
        let (first, second) = (self.fusible()?, next.fusible()?);
        let forward = next.forward(self);
        match last.kind {
            Kind::Branch => {
                select::loop_end([first, second, last.instruction.opcode], [forward, last.forward(next)])
            }
            Kind::JumpRegister if last.instruction.rd == 0 => {
                select::switch([first, second], [forward, last.forward(next)])
            }
            Kind::Straight | Kind::Jump | Kind::JumpRegister | Kind::Slow | Kind::Link => None,
        }
    }

    /// Whether this is an `auipc` and `next` a `jalr` to the sum.
    pub(super) fn is_far_with(&self, next: &Self) -> bool {
        let rd = self.instruction.rd;
        self.instruction.opcode == Opcode::Auipc
            && rd != 0
            && next.kind == Kind::JumpRegister
            && next.instruction.rs1 == rd
    }
}

impl Kind {
    fn of(instruction: Instruction) -> Self {
        let opcode = instruction.opcode;
        match opcode {
            Opcode::Jal => Self::Jump,
            Opcode::Jalr => Self::JumpRegister,
            // What is loaded is dropped, but the access counts.
            _ if instruction.rd == 0 && opcode.gas_class() == GasClass::Load => Self::Slow,
            _ if select::branch_handler(opcode).is_some() => Self::Branch,
            _ if select::single(opcode).is_some() => Self::Straight,
            _ => Self::Slow,
        }
    }
}

impl Block {
    /// The block that begins at `pc`. It ends before an instruction that `is_known`, unless the block there is so short that
    /// it is better repeated; and it follows jumps to such short ones.
    pub(super) fn decode(code: &Code, prices: &Prices, pc: u64, is_known: impl Fn(u64) -> bool) -> Self {
        let mut drafts: Vec<Draft> = Vec::new();
        let mut next = pc;
        // What the operations cost together must fit into 32 bits; each price does.
        let mut total = 0;
        let (mut way, mut followed, mut is_repeating) = (0, 0, false);
        loop {
            let draft = Draft { way, ..Draft::new(next, code.slot(next)) };
            let price = draft.price(prices);
            let is_full = drafts.len() == MAX_INSTRUCTIONS || total + price > u64::from(u32::MAX);
            let is_first = drafts.is_empty();
            if !is_first && !is_full && !is_repeating && is_known(next) {
                is_repeating = end(code, next).is_some();
            }
            if !is_first && (is_full || !is_repeating && is_known(next)) {
                drafts.push(Draft { way, ..Draft::without_instruction(next, Kind::Link) });
                break;
            }
            total += price;
            let is_followed = draft.kind == Kind::Jump
                && draft.instruction.rd == 0
                && !is_first
                && followed < MAX_FOLLOWED
                && end(code, draft.relative()).is_some();
            if is_followed {
                (followed, is_repeating) = (followed + 1, true);
                way += price;
                next = draft.relative();
                continue;
            }
            way = 0;
            next = draft.end();
            drafts.push(draft);
            if draft.kind == Kind::Branch && is_known(next) && end(code, next) == Some(Kind::JumpRegister) {
                // With a `jalr` of its own, which remembers where it leads from here.
                is_repeating = true;
            } else if draft.kind != Kind::Straight {
                break;
            }
        }
        let costs = costs(&drafts, prices);
        Self { drafts, costs }
    }

    /// The handlers, such that from every operation on the fewest are called.
    pub(super) fn handlers(&self) -> Vec<Handler> {
        let drafts = &self.drafts;
        let mut handlers = vec![handlers::slow as Handler; drafts.len()];
        // How many are called from an operation on. Behind the last there are none.
        let mut calls = vec![0_u32; drafts.len() + 3];
        for (place, draft) in drafts.iter().enumerate().rev() {
            let (next, last) = (drafts.get(place + 1), drafts.get(place + 2));
            let two = next.and_then(|next| draft.fused(next));
            let three = next.zip(last).and_then(|(next, last)| draft.fused_with_two(next, last));
            let ways = [(Some(draft.single()), 1), (two, 2), (three, 3)];
            let ways = ways.into_iter().filter_map(|(handler, count)| Some((handler?, count)));
            let ways = ways.chain(sequences::of(&drafts[place..]));
            let possible = ways.into_iter().map(|(handler, count)| (handler, calls[place + count]));
            // Of equal ways the last one, which does the most at once.
            let best = possible.rev().min_by_key(|&(_, behind)| behind);
            let (handler, behind) = best.expect("one operation alone always has a handler");
            (handlers[place], calls[place]) = (handler, 1 + behind);
        }
        handlers
    }
}

/// What ends the instructions from `pc` on, if it comes soon.
fn end(code: &Code, pc: u64) -> Option<Kind> {
    let mut next = pc;
    let mut kinds = (0..MAX_REPEATED).map(|_| {
        let draft = Draft::new(next, code.slot(next));
        next = draft.end();
        draft.kind
    });
    kinds.find(|&kind| kind != Kind::Straight)
}

fn costs(drafts: &[Draft], prices: &Prices) -> Vec<u32> {
    let mut total = 0;
    let suffixes = drafts.iter().rev().map(|draft| {
        if draft.kind != Kind::Straight {
            total = 0;
        }
        total += draft.price(prices);
        let suffix = u32::try_from(total).expect("the block was cut before");
        total += draft.way;
        suffix
    });
    let mut costs: Vec<u32> = suffixes.collect();
    costs.reverse();
    costs
}
