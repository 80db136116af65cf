//! Running generated programs on the machine: at once, in slices of gas, and step by step.

use std::collections::BTreeMap;

use travertine_opcodes::{Decoded, decode};
use travertine_vm::{Call, Engine, Machine, Outcome, Program, RunLimit, Settlement};

use crate::fixtures::Console;
use crate::random::Random;

/// More gas than any generated program needs. It ends those that run forever, should the machine be wrong.
const GAS_LIMIT: u64 = 1 << 20;

/// What a program did, and the machine on which it did it.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// The receipt's SSZ encoding.
    pub receipt: Vec<u8>,
    /// The machine, settled.
    pub machine: Machine,
}

impl Finished {
    fn new(settlement: &Settlement, console: Console, machine: Machine) -> Self {
        let receipt = settlement.receipt.to_ssz();
        Self { outcome: settlement.outcome, stdout: console.text, receipt, machine }
    }
}

/// How often each instruction was executed, by mnemonic; compressed forms have their own.
#[derive(Debug, Default, Clone)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// How often this one was executed.
    pub fn count(&self, mnemonic: &'static str) -> u64 {
        self.0.get(mnemonic).copied().unwrap_or(0)
    }

    /// How many instructions were executed.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Adds what another run executed.
    pub fn add(&mut self, other: &Self) {
        for (mnemonic, count) in &other.0 {
            *self.0.entry(mnemonic).or_default() += count;
        }
    }
}

/// Runs a program from beginning to end.
pub fn run(program: &Program) -> Finished {
    let mut machine = Engine::default().instantiate(program);
    let mut console = Console::default();
    let settlement = machine.call(&Call::new([], GAS_LIMIT), &mut console).expect("the call is well formed");
    Finished::new(&settlement, console, machine)
}

/// Runs a program in slices of a random size of gas.
pub fn run_in_slices(program: &Program, random: &mut Random) -> Finished {
    let largest = random.pick(&[7, 64, 1_000, 20_000]);
    let mut limit = 0;
    run_while_stepped(program, |_| {
        limit += 1 + random.below(largest);
        RunLimit::gas_used(limit)
    })
}

/// Runs a program one instruction at a time and counts them.
pub fn run_in_steps(program: &Program) -> (Finished, Coverage) {
    let mut coverage = Coverage::default();
    let finished = run_while_stepped(program, |machine| {
        if let Some(decoded) = next_instruction(machine) {
            *coverage.0.entry(decoded.form().mnemonic()).or_default() += 1;
        }
        RunLimit::steps(1)
    });
    (finished, coverage)
}

fn run_while_stepped(program: &Program, mut limit: impl FnMut(&Machine) -> RunLimit) -> Finished {
    let mut machine = Engine::default().instantiate(program);
    let mut console = Console::default();
    machine.begin(&Call::new([], GAS_LIMIT)).expect("the call is well formed");
    loop {
        let limit = limit(&machine);
        if machine.run(&mut console, limit).expect("the call can run") != Outcome::Stepped {
            break;
        }
    }
    let settlement = machine.finish().expect("the call has ended");
    Finished::new(&settlement, console, machine)
}

/// The instruction that is executed next, or `None` if there is none at the program counter.
fn next_instruction(machine: &Machine) -> Option<Decoded> {
    let pc = machine.cpu()?.pc();
    let mut bytes = [0; 4];
    // The last instruction of a page may be compressed and the next page not exist.
    machine.peek(pc, &mut bytes).or_else(|_| machine.peek(pc, &mut bytes[..2])).ok()?;
    decode(u32::from_le_bytes(bytes)).ok()
}
