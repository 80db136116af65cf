//! What every instruction costs, computed from the schedule, the instruction and plain sets of touched pages. The meter is
//! not asked.

use std::collections::BTreeSet;

use travertine_gas::{Bill, Schedule};
use travertine_memory::{Mode, Touches};
use travertine_opcodes::{Decoded, GasClass, Instruction, Opcode, decode};
use travertine_tests::places::Places;
use travertine_vm::{Cpu, Machine, Outcome, TrapCause, numbers};

use crate::allocations::Allocations;
use crate::allocator_twin::Twin;
use crate::allocator_twin::placing::{Move, Split};

const PAGE_BYTES: u64 = 4096;

/// An access to memory: its address and length in bytes.
type Range = (u64, u64);

/// The hart before an instruction, and the instruction, if there is one.
pub(crate) struct Before {
    pub(crate) cpu: Cpu,
    pub(crate) instruction: Option<Instruction>,
    /// What a gather or scatter reads and writes one by one, if its list can be read.
    entries: Vec<Range>,
    /// Where an allocation of generative memory reads its parameters, and what stands there if it can be read.
    made_from: Option<Range>,
    pub(crate) parameters: Option<[u64; 2]>,
}

impl Before {
    /// Of the machine's call in progress.
    pub(crate) fn of(machine: &Machine) -> Self {
        let cpu = machine.cpu().unwrap().clone();
        let mut bytes = [0; 4];
        // Behind a compressed instruction the memory may end.
        let read = machine.peek(cpu.pc(), &mut bytes).or_else(|_| machine.peek(cpu.pc(), &mut bytes[..2]));
        let decoded = read.ok().and_then(|()| decode(u32::from_le_bytes(bytes)).ok());
        let instruction = decoded.map(Decoded::instruction);
        let entries = instruction.map_or_else(Vec::new, |instruction| entries(machine, &cpu, instruction));
        let made_from = instruction.and_then(|instruction| made_from(&cpu, instruction));
        let mut words = [[0; 8]; 2];
        let read = made_from.and_then(|(address, _)| machine.peek(address, words.as_flattened_mut()).ok());
        let parameters = read.map(|()| words.map(u64::from_le_bytes));
        Self { cpu, instruction, entries, made_from, parameters }
    }

    /// The instruction, which there is, as it was carried out or charged.
    pub(crate) fn instruction(&self) -> Instruction {
        self.instruction.expect("what was charged is an instruction")
    }

    fn opcode(&self) -> Opcode {
        self.instruction().opcode
    }

    pub(crate) fn register(&self, number: u8) -> u64 {
        self.cpu.register(number).unwrap()
    }

    fn argument(&self, number: u8) -> u64 {
        self.register(10 + number)
    }
}

/// What a call has touched, allocated and reserved so far. Touched pages are the allocator's twin's: they end when they are
/// freed, and move with an allocation.
pub(crate) struct Naive {
    schedule: Schedule,
    allocations: Allocations,
    pub(crate) places: Places,
    reservation: Option<Range>,
}

impl Naive {
    /// For a call of this machine that begins.
    pub(crate) fn of(machine: &Machine) -> Self {
        let mut naive = Self {
            schedule: Schedule::default(),
            allocations: Allocations::of(machine),
            places: Places::default(),
            reservation: None,
        };
        let regions = machine.state().memory().regions();
        for (number, region) in regions.filter(|(_, region)| region.cap().synthesis().is_some()) {
            let twin = &mut naive.allocations.twin;
            twin.made.extend(region.cap().synthesis().map(|synthesis| (number, synthesis)));
        }
        naive
    }

    /// What it costs to synthesize a page that the call has not touched.
    fn synthesis(&self, page: u64) -> u64 {
        let twin = &self.allocations.twin;
        let synthesis = twin.synthesis(page * PAGE_BYTES);
        let is_made = synthesis.is_some_and(|made| made.mode == Mode::Vrns) && !twin.stored.contains(&page);
        u64::from(is_made) * self.schedule.page_synthesis
    }

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
                    bill.memory = self.listed(before);
                }
                return bill;
            }
            Outcome::Stepped | Outcome::Halted { .. } | Outcome::Returned | Outcome::Reverted => {}
            Outcome::HostCall(_) => panic!("no fixture calls the embedder"),
        }
        bill.instructions = self.base(before.instruction());
        if before.opcode() == Opcode::Ecall {
            (bill.memory, bill.host) = self.host_call(before);
        } else if let Some(range) = before.made_from {
            bill = bill.and(self.generative(before, range));
        } else if let Some(more) = self.allocations.cost(&self.schedule, before) {
            // A compaction moves no bytes, all else ends a reservation.
            if !matches!(before.opcode(), Opcode::M3Compact | Opcode::M3Defrag) {
                self.reservation = None;
            }
            (bill.memory, bill.allocation) = (more.memory, more.allocation);
            let Twin { read, written, .. } = &self.allocations.twin;
            self.places.keep(|page| read.contains(&page) || written.pages.contains(&page));
        } else {
            bill.memory = self.access(before) + self.bulk(before);
        }
        bill
    }

    /// What an allocation of generative memory costs beyond its base: its parameters are a load of 16 bytes, refused or not.
    fn generative(&mut self, before: &Before, parameters: Range) -> Bill {
        let instructions = self.schedule.load + (parameters.1 * self.schedule.load_byte_64ths).div_ceil(64);
        let memory = self.crossing(parameters) + self.reads(&[parameters]);
        let bill = Bill { instructions, memory, ..Bill::default() };
        let Some(more) = self.allocations.cost(&self.schedule, before) else { return bill };
        self.reservation = None;
        bill.and(more)
    }

    fn base(&self, instruction: Instruction) -> u64 {
        let schedule = &self.schedule;
        match instruction.opcode.gas_class() {
            _ if is_nop(instruction) => schedule.nop,
            _ if is_move(instruction) => schedule.mv,
            GasClass::Arithmetic => schedule.arithmetic,
            GasClass::BitCount => schedule.bit_count,
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
            GasClass::Copy => schedule.copy,
            GasClass::Fill => schedule.fill,
            GasClass::Gather => schedule.gather,
            GasClass::Scatter => schedule.scatter,
            GasClass::Share => schedule.share,
            GasClass::ReadGas => schedule.read_gas,
            GasClass::ReadRefund => schedule.read_refund,
            GasClass::ReadRoot => schedule.read_root,
            GasClass::Halt => schedule.halt,
            GasClass::Allocate => schedule.allocate,
            GasClass::Free => schedule.free,
            GasClass::Size => schedule.size,
            GasClass::Query => schedule.query,
            GasClass::Resolve => schedule.resolve,
            GasClass::Resize => schedule.resize,
            GasClass::Compact => schedule.compact,
            GasClass::Nop | GasClass::Mv => unreachable!("no opcode is always one of these"),
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
                let range = (base.wrapping_add_signed(instruction.imm.into()), width(opcode));
                let crossing = self.crossing(range);
                let touched = match second_view(range) {
                    Some(pages) => range.1 * self.schedule.view_byte + self.reads(&pages),
                    None => self.recalls(range, false) + self.reads(&[range]),
                };
                crossing + touched
            }
            GasClass::Store => {
                self.crossing_write((base.wrapping_add_signed(instruction.imm.into()), width(opcode)))
            }
            GasClass::Atomic if matches!(opcode, LrW | LrD) => {
                self.reservation = Some((base, width(opcode)));
                let range = (base, width(opcode));
                self.crossing(range) + self.recalls(range, false) + self.reads(&[range])
            }
            GasClass::Atomic if matches!(opcode, ScW | ScD) => {
                let succeeds = self.reservation.take() == Some((base, width(opcode)));
                if succeeds { self.crossing_write((base, width(opcode))) } else { 0 }
            }
            GasClass::Atomic => self.crossing_write((base, width(opcode))),
            _ => 0,
        }
    }

    fn crossing_write(&mut self, range: Range) -> u64 {
        self.crossing(range) + self.recalls(range, true) + self.writes(range)
    }

    /// What a load or store owes for pages that it does not touch first, before it touches them.
    fn recalls(&mut self, range: Range, is_write: bool) -> u64 {
        let Twin { read, written, .. } = &self.allocations.twin;
        let is_known = |page| {
            if is_write {
                written.to_store(page) == Touches::default()
            } else {
                written.pages.contains(&page) || read.contains(&page)
            }
        };
        let pages: Vec<(u64, bool)> = pages(range).map(|page| (page, !is_known(page))).collect();
        self.places.access(&self.schedule, &pages)
    }

    /// What it costs that the bytes lie in two pages.
    fn crossing(&self, range: Range) -> u64 {
        u64::from(pages(range).count() > 1) * self.schedule.page_crossing
    }

    /// What a bulk instruction or `m3.root` that is carried out costs beyond its base.
    fn bulk(&mut self, before: &Before) -> u64 {
        let Instruction { opcode, rd, rs1, rs2, .. } = before.instruction();
        let [a, b, c] = [rd, rs1, rs2].map(|register| before.register(register));
        let entries = &before.entries[..];
        let joined = [(a, entries.iter().map(|entry| entry.1).sum())];
        let list = (b, c.wrapping_mul(16));
        let (gathered, spread) = ([entries, &[list]].concat(), [joined[0], list]);
        let split = match opcode {
            Opcode::M3Root => return self.crossing((a, 32)) + self.writes((a, 32)),
            Opcode::M3Fill => Split::of(Move::Fill, a, c),
            Opcode::M3Copy => Split::of(Move::Copy(b), a, c),
            Opcode::M3Share => Split::of(Move::Share(b), a, c),
            Opcode::M3Gather | Opcode::M3Scatter => Split::default(),
            _ => return 0,
        };
        let schedule = &self.schedule;
        let named: u64 = entries.iter().map(|&entry| pages(entry).count() as u64).sum();
        let placed = split.placed.len() as u64;
        let copied = [(b, c)];
        // What is read, what begins elsewhere, bytes that are written one by one, and other pages, with their prices.
        let (reads, moved, bytes, byte_price, pages, page_price): (&[Range], &[Range], _, _, _, _) =
            match opcode {
                Opcode::M3Fill => {
                    (&[], &[], split.bytes, schedule.fill_byte_64ths, placed, schedule.fill_page)
                }
                Opcode::M3Copy => {
                    (&copied, &copied, split.bytes, schedule.copy_byte_64ths, placed, schedule.copy_page)
                }
                Opcode::M3Share => (&copied, &copied, 0, 0, placed, schedule.share_page),
                Opcode::M3Gather => {
                    (&gathered, entries, joined[0].1, schedule.gather_byte_64ths, named, schedule.gather_page)
                }
                _ => {
                    (&spread, entries, joined[0].1, schedule.scatter_byte_64ths, named, schedule.scatter_page)
                }
            };
        let change = |&&(address, _): &&Range| match (address >> 32 != a >> 32, address >> 16 != a >> 16) {
            (true, _) => schedule.region_change,
            (false, true) => schedule.plane_change,
            (false, false) => 0,
        };
        let changes: u64 = moved.iter().filter(|range| range.1 > 0).map(|range| change(&range)).sum();
        let fixed = (bytes * byte_price).div_ceil(64) + pages * page_price + changes + self.listed(before);
        let reads: u64 = reads.iter().map(|&range| self.reads(&[range])).sum();
        let writes = match opcode {
            Opcode::M3Gather => self.writes(joined[0]),
            Opcode::M3Scatter => entries.iter().map(|&range| self.writes(range)).sum(),
            _ => self.splits((a, c), &split),
        };
        fixed + reads + writes
    }

    /// What the list of a gather or scatter costs, even if an entry is refused.
    fn listed(&self, before: &Before) -> u64 {
        let instruction = before.instruction();
        let price = match instruction.opcode {
            Opcode::M3Gather => self.schedule.gather_entry,
            Opcode::M3Scatter => self.schedule.scatter_entry,
            _ => return 0,
        };
        let count = before.register(instruction.rs2);
        if count <= 65_536 { count * price } else { 0 }
    }

    /// What an `ecall` that is carried out costs beyond its base: pages, and the host call itself.
    fn host_call(&mut self, before: &Before) -> (u64, u64) {
        self.reservation = None;
        let [a0, a1, a2, a3] = [0, 1, 2, 3].map(|number| before.argument(number));
        let schedule = &self.schedule;
        let per_byte = |bytes: u64, price_64ths: u64| (bytes * price_64ths).div_ceil(64);
        let plain = |bytes| schedule.host_call + per_byte(bytes, schedule.host_byte_64ths);
        let event = |bytes| schedule.log + per_byte(bytes, schedule.log_byte_64ths);
        let (ranges, host) = match before.register(17) {
            numbers::WRITE if a0 == 1 || a0 == 2 => (vec![(a1, a2)], plain(a2)),
            numbers::WRITE | numbers::EXIT => (vec![], plain(0)),
            numbers::RETURN | numbers::REVERT => (vec![(a0, a1)], plain(a1)),
            numbers::LOG => (vec![(a0, 32 * a1), (a2, a3)], event(a3) + a1 * schedule.log_topic),
            number => panic!("host call {number:#x} was carried out"),
        };
        (self.reads(&ranges), host)
    }

    /// The cost of reading these ranges, each judged by what was touched before all of them.
    fn reads(&mut self, ranges: &[Range]) -> u64 {
        let touched: Vec<u64> = ranges.iter().flat_map(|&range| pages(range)).collect();
        let twin = &self.allocations.twin;
        let is_new = |page: &&u64| !twin.read.contains(page) && !twin.written.pages.contains(page);
        let new = touched.iter().filter(is_new);
        let cost = new.map(|&page| self.schedule.page_first_read + self.synthesis(page)).sum();
        self.allocations.twin.read.extend(touched);
        cost
    }

    fn writes(&mut self, range: Range) -> u64 {
        self.splits(range, &Split { stored: pages(range).collect(), ..Split::default() })
    }

    /// The cost of writing a range of which pages may be placed.
    fn splits(&mut self, range: Range, split: &Split) -> u64 {
        let (address, length) = range;
        let overlaps = |(reserved, width): Range| address < reserved + width && reserved < address + length;
        if self.reservation.is_some_and(overlaps) {
            self.reservation = None;
        }
        let twin = &self.allocations.twin;
        let unknown = |page: &u64| !twin.written.pages.contains(page) && !twin.read.contains(page);
        let synthesis: u64 = pages(range).filter(unknown).map(|page| self.synthesis(page)).sum();
        let written = &mut self.allocations.twin.written;
        let Touches { first_writes, copies, first_placed, .. } = split.touches(written);
        split.write(written);
        let Schedule { page_first_write, page_copy, page_first_placed, .. } = self.schedule;
        synthesis
            + u64::from(first_writes) * page_first_write
            + u64::from(copies) * page_copy
            + u64::from(first_placed) * page_first_placed
    }
}

/// The entries of a gather or scatter that is about to be carried out.
fn entries(machine: &Machine, cpu: &Cpu, instruction: Instruction) -> Vec<Range> {
    let [list, count] = [instruction.rs1, instruction.rs2].map(|register| cpu.register(register).unwrap());
    if !matches!(instruction.opcode, Opcode::M3Gather | Opcode::M3Scatter) || count > 65_536 {
        return Vec::new();
    }
    let mut bytes = vec![0; usize::try_from(16 * count).unwrap()];
    if count == 0 || machine.peek(list, &mut bytes).is_err() {
        return Vec::new();
    }
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    bytes.chunks(16).map(|entry| (word(&entry[..8]), word(&entry[8..]))).collect()
}

/// Where an allocation of generative memory reads its parameters.
fn made_from(cpu: &Cpu, instruction: Instruction) -> Option<Range> {
    let word = cpu.register(instruction.rs2).unwrap();
    (instruction.opcode == Opcode::M3Alloc && word & 0xFF == 9).then_some((word >> 24, 16))
}

/// The numbers of the pages that a range touches.
fn pages((address, length): Range) -> impl Iterator<Item = u64> {
    let end = if length == 0 { address / PAGE_BYTES } else { (address + length - 1) / PAGE_BYTES + 1 };
    address / PAGE_BYTES..end
}

/// A byte of each page in which a load finds its bytes, if it goes through the second view of the documented segment.
fn second_view((address, length): Range) -> Option<Vec<Range>> {
    const PACKED: u64 = 0xF0_6000_0000;
    const VIEW: u64 = 0xF0_7000_0000;
    const ROWS: u64 = 491_520;
    let offset = address.checked_sub(VIEW).filter(|&offset| offset < 64 * ROWS)?;
    let packed = |at: u64| PACKED + at % ROWS * 64 + at / ROWS;
    let pages: BTreeSet<u64> = (offset..offset + length).map(|at| packed(at) / PAGE_BYTES).collect();
    Some(pages.into_iter().map(|page| (page * PAGE_BYTES, 1)).collect())
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
