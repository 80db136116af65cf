//! What every instruction costs, computed from the schedule, the instruction and plain sets of touched pages. The meter is
//! not asked.

use std::collections::BTreeSet;

use travertine_gas::{Bill, Schedule};
use travertine_opcodes::{Decoded, GasClass, Instruction, Opcode, decode};
use travertine_vm::{Cpu, Machine, Outcome, TrapCause, numbers};

const PAGE_BYTES: u64 = 4096;

/// An access to memory: its address and length in bytes.
type Range = (u64, u64);

/// The hart before an instruction, and the instruction, if there is one.
pub(crate) struct Before {
    pub(crate) cpu: Cpu,
    pub(crate) instruction: Option<Instruction>,
}

impl Before {
    /// Of the machine's call in progress.
    pub(crate) fn of(machine: &Machine) -> Self {
        let cpu = machine.cpu().unwrap().clone();
        let mut bytes = [0; 4];
        // Behind a compressed instruction the memory may end.
        let read = machine.peek(cpu.pc(), &mut bytes).or_else(|_| machine.peek(cpu.pc(), &mut bytes[..2]));
        let decoded = read.ok().and_then(|()| decode(u32::from_le_bytes(bytes)).ok());
        Self { instruction: decoded.map(Decoded::instruction), cpu }
    }

    /// The instruction, which there is, as it was carried out or charged.
    fn instruction(&self) -> Instruction {
        self.instruction.expect("what was charged is an instruction")
    }

    fn opcode(&self) -> Opcode {
        self.instruction().opcode
    }

    fn register(&self, number: u8) -> u64 {
        self.cpu.register(number).unwrap()
    }

    fn argument(&self, number: u8) -> u64 {
        self.register(10 + number)
    }
}

/// What a call has touched and reserved so far.
#[derive(Default)]
pub(crate) struct Naive {
    schedule: Schedule,
    read: BTreeSet<u64>,
    written: BTreeSet<u64>,
    reservation: Option<Range>,
}

impl Naive {
    /// What the instruction costs that a run of one step has begun and that ended with `outcome`.
    pub(crate) fn cost(&mut self, before: &Before, outcome: &Outcome) -> Bill {
        let mut bill = Bill::default();
        match outcome {
            Outcome::OutOfGas { .. } => return bill,
            Outcome::Trapped(trap) => {
                let is_free =
                    matches!(trap.cause, TrapCause::IllegalInstruction { .. } | TrapCause::FetchFault(_));
                if !is_free {
                    bill.instructions = self.base(before.instruction());
                }
                return bill;
            }
            Outcome::Stepped | Outcome::Halted { .. } | Outcome::Returned | Outcome::Reverted => {}
            Outcome::HostCall(_) => panic!("no fixture calls the embedder"),
        }
        bill.instructions = self.base(before.instruction());
        if before.opcode() == Opcode::Ecall {
            (bill.memory, bill.host) = self.host_call(before);
        } else {
            bill.memory = self.access(before);
        }
        bill
    }

    fn base(&self, instruction: Instruction) -> u64 {
        let schedule = &self.schedule;
        match instruction.opcode.gas_class() {
            _ if is_nop(instruction) => schedule.nop,
            _ if is_move(instruction) => schedule.mv,
            GasClass::Arithmetic => schedule.arithmetic,
            GasClass::Multiply => schedule.multiply,
            GasClass::Divide => schedule.divide,
            GasClass::Load => {
                schedule.load + (width(instruction.opcode) * schedule.load_byte_64ths).div_ceil(64)
            }
            GasClass::Store => {
                schedule.store + (width(instruction.opcode) * schedule.store_byte_64ths).div_ceil(64)
            }
            GasClass::Branch => schedule.branch,
            GasClass::Jump => schedule.jump,
            GasClass::JumpRegister => schedule.jump_register,
            GasClass::Atomic => schedule.atomic,
            GasClass::Fence => schedule.fence,
            GasClass::System => schedule.system,
            class => panic!("{class:?}: no 3D memory instruction is available"),
        }
    }

    /// What the pages cost that a load, store or atomic touches first.
    fn access(&mut self, before: &Before) -> u64 {
        use Opcode::{LrD, LrW, ScD, ScW};
        let instruction = before.instruction();
        let opcode = instruction.opcode;
        let base = before.register(instruction.rs1);
        match opcode.gas_class() {
            GasClass::Load => {
                self.reads(&[(base.wrapping_add_signed(instruction.imm.into()), width(opcode))])
            }
            GasClass::Store => self.writes((base.wrapping_add_signed(instruction.imm.into()), width(opcode))),
            GasClass::Atomic if matches!(opcode, LrW | LrD) => {
                self.reservation = Some((base, width(opcode)));
                self.reads(&[(base, width(opcode))])
            }
            GasClass::Atomic if matches!(opcode, ScW | ScD) => {
                let succeeds = self.reservation.take() == Some((base, width(opcode)));
                if succeeds { self.writes((base, width(opcode))) } else { 0 }
            }
            GasClass::Atomic => self.writes((base, width(opcode))),
            _ => 0,
        }
    }

    /// What an `ecall` that is carried out costs beyond its base: pages, and the host call itself.
    fn host_call(&mut self, before: &Before) -> (u64, u64) {
        self.reservation = None;
        let [a0, a1, a2, a3] = [0, 1, 2, 3].map(|number| before.argument(number));
        let (ranges, bytes, topics) = match before.register(17) {
            numbers::WRITE if a0 == 1 || a0 == 2 => (vec![(a1, a2)], a2, 0),
            numbers::WRITE | numbers::EXIT => (vec![], 0, 0),
            numbers::RETURN | numbers::REVERT => (vec![(a0, a1)], a1, 0),
            numbers::LOG => (vec![(a0, 32 * a1), (a2, a3)], a3, a1),
            number => panic!("host call {number:#x} was carried out"),
        };
        let schedule = &self.schedule;
        let host = schedule.host_call
            + (bytes * schedule.host_byte_64ths).div_ceil(64)
            + topics * schedule.log_topic;
        (self.reads(&ranges), host)
    }

    /// The cost of reading these ranges, each judged by what was touched before all of them.
    fn reads(&mut self, ranges: &[Range]) -> u64 {
        let touched: Vec<u64> = ranges.iter().flat_map(|&range| pages(range)).collect();
        let is_new = |page: &&u64| !self.read.contains(page) && !self.written.contains(page);
        let new = touched.iter().filter(is_new).count() as u64;
        self.read.extend(touched);
        new * self.schedule.page_first_read
    }

    fn writes(&mut self, range: Range) -> u64 {
        let (address, length) = range;
        let overlaps = |(reserved, width): Range| address < reserved + width && reserved < address + length;
        if self.reservation.is_some_and(overlaps) {
            self.reservation = None;
        }
        let new = pages(range).filter(|&page| self.written.insert(page)).count() as u64;
        new * self.schedule.page_first_write
    }
}

/// The numbers of the pages that a range touches.
fn pages((address, length): Range) -> impl Iterator<Item = u64> {
    let end = if length == 0 { address / PAGE_BYTES } else { (address + length - 1) / PAGE_BYTES + 1 };
    address / PAGE_BYTES..end
}

fn is_nop(instruction: Instruction) -> bool {
    instruction == Instruction { opcode: Opcode::Addi, rd: 0, rs1: 0, rs2: 0, imm: 0 }
}

/// `mv`, from a register other than `x0`.
fn is_move(instruction: Instruction) -> bool {
    let Instruction { opcode, rs1, rs2, imm, .. } = instruction;
    (opcode == Opcode::Addi && rs1 != 0 && imm == 0) || (opcode == Opcode::Add && rs1 == 0 && rs2 != 0)
}

/// Bytes that an instruction loads or stores.
fn width(opcode: Opcode) -> u64 {
    use Opcode::{Lb, Lbu, Ld, Lh, Lhu, Lw, Lwu, Sb, Sd, Sh, Sw};
    match opcode {
        Lb | Lbu | Sb => 1,
        Lh | Lhu | Sh => 2,
        Lw | Lwu | Sw => 4,
        Ld | Sd => 8,
        // An atomic: its mnemonic ends with its width.
        _ => match opcode.mnemonic().rsplit_once('.') {
            Some((_, "w")) => 4,
            Some((_, "d")) => 8,
            _ => panic!("{} accesses no memory", opcode.mnemonic()),
        },
    }
}
