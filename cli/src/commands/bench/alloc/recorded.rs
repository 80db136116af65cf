//! The allocations that a call of a program makes, to be asked of other allocators, too.

use std::collections::BTreeMap;
use std::path::Path;

use travertine_memory::AllocationFlags;
use travertine_opcodes::{Opcode, decode};
use travertine_vm::{Call, Cpu, Engine, MAX_INPUT_BYTES, Machine, NoHost, Outcome, RunLimit};

use super::allocator::Session;
use crate::arguments::Source;
use crate::error::InputError;
use crate::program::ProgramFile;

/// The most gas that the call may use.
const GAS_LIMIT: u64 = 1_000_000_000;

/// A request of the program; `block` is its number among the blocks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request {
    Allocate { size: u64, pinned: bool },
    Free { block: usize },
    Resize { block: usize, size: u64 },
}

/// What the program was about to do, if that is an allocation, a release or a resizing.
#[derive(Debug, Clone, Copy)]
struct Instruction {
    opcode: Opcode,
    result: u8,
    first: u64,
    second: u64,
}

/// Runs one call of the program on a new machine, one instruction after the other, and takes down what it asks of the
/// allocator. Requests that the allocator refuses are left out.
pub(super) fn record(program: &Path, input: &Source) -> Result<Vec<Request>, InputError> {
    let engine = Engine::default();
    let file = ProgramFile::read(&Source::File(program.into()), &engine)?;
    let mut machine = engine.instantiate(&file.program);
    let input = input.read(MAX_INPUT_BYTES)?;
    machine.begin(&Call::new(input, GAS_LIMIT))?;
    let mut recorder = Recorder::default();
    loop {
        let before = machine.cpu().and_then(|cpu| next_instruction(&machine, cpu));
        let outcome = machine.run(&mut NoHost, RunLimit::steps(1))?;
        if let (Some(instruction), Some(cpu)) = (before, machine.cpu()) {
            recorder.take(instruction, register(cpu, instruction.result));
        }
        if outcome != Outcome::Stepped {
            return Ok(recorder.requests);
        }
    }
}

fn next_instruction(machine: &Machine, cpu: &Cpu) -> Option<Instruction> {
    let mut word = [0; 4];
    // A compressed instruction may end its segment: none that matters here is compressed.
    machine.peek(cpu.pc(), &mut word).ok()?;
    let instruction = decode(u32::from_le_bytes(word)).ok()?.instruction();
    let opcode = instruction.opcode;
    matches!(opcode, Opcode::M3Alloc | Opcode::M3Free | Opcode::M3Resize).then(|| Instruction {
        opcode,
        result: instruction.rd,
        first: register(cpu, instruction.rs1),
        second: register(cpu, instruction.rs2),
    })
}

fn register(cpu: &Cpu, number: u8) -> u64 {
    cpu.register(number).expect("a decoded register is one of 32")
}

#[derive(Default)]
struct Recorder {
    requests: Vec<Request>,
    /// Live blocks by address.
    blocks: BTreeMap<u64, usize>,
    count: usize,
}

impl Recorder {
    /// Takes down an instruction that was carried out, with this result: a negative one is an error.
    fn take(&mut self, instruction: Instruction, result: u64) {
        let Instruction { opcode, first, second, .. } = instruction;
        if result.cast_signed() < 0 {
            return;
        }
        match opcode {
            Opcode::M3Alloc => {
                let flags = second.to_le_bytes()[1];
                let pinned = flags & AllocationFlags::PINNED.bits() != 0;
                self.requests.push(Request::Allocate { size: first, pinned });
                self.blocks.insert(result, self.count);
                self.count += 1;
            }
            Opcode::M3Free => {
                let freed = self.blocks.remove(&first);
                self.requests.extend(freed.map(|block| Request::Free { block }));
            }
            Opcode::M3Resize => {
                // By any address inside: the block that begins at or before it.
                let Some((&start, &block)) = self.blocks.range(..=first).next_back() else { return };
                self.blocks.remove(&start);
                self.blocks.insert(result, block);
                self.requests.push(Request::Resize { block, size: second });
            }
            _ => unreachable!("nothing else is taken down"),
        }
    }
}

/// Asks the same of another allocator.
pub(super) fn replay(requests: &[Request], session: &mut Session<'_>) {
    let mut blocks = Vec::new();
    for &request in requests {
        match request {
            Request::Allocate { size, pinned: true } => blocks.push(session.allocate_pinned(size)),
            Request::Allocate { size, pinned: false } => blocks.push(session.allocate(size)),
            Request::Free { block } => session.free(blocks[block]),
            Request::Resize { block, size } => blocks[block] = session.resize(blocks[block], size),
        }
    }
}
