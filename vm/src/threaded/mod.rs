//! The threaded engine: code is decoded once into operations that carry the address of their handler, and each handler
//! jumps to the next one. It does exactly what the reference engine does, and hands over to it whatever is rare.
//!
//! - [`block`] decodes a block: instructions up to a branch or jump, each with the gas from there to the block's end.
//! - [`code`] keeps blocks where machines and threads find them, and connects them when they are first entered.
//! - [`op`] is an operation in memory, [`handlers`] carry operations out, [`straight`] and [`semantics`] say what those
//!   compute that go on behind themselves, [`select`] is the table that fuses them, [`sequences`] that of longer ones.
//! - [`cache`] keeps the code of an engine's programs.
//!
//! A chain of handlers runs with the program counter and the gas in its arguments alone. When it ends, this module brings
//! the call up to date: what was paid for but not executed is paid back, so that the call is exactly where the reference
//! engine would be, between two instructions.

mod block;
pub(crate) mod cache;
pub(crate) mod code;
mod handlers;
mod op;
mod select;
mod semantics;
mod sequences;
mod straight;

use std::sync::Arc;

use travertine_gas::Charge;
use travertine_memory::Fault;

use crate::host::Host;
use crate::image::Image;
use crate::interpreter::{Run, Stop};
use crate::outcome::Outcome;
use code::ThreadedCode;
use op::{ChainEnd, Context, OpPointer, Reason, Registers, run_chain};

impl<H: Host + ?Sized> Run<'_, H> {
    /// Executes until something stops the run, as [`Run::run`] does. `threaded` is replaced when it is full.
    ///
    /// # Errors
    /// The fault of a page that this node should have, but has not.
    pub(crate) fn run_threaded(
        mut self,
        image: &Image,
        threaded: &mut Arc<ThreadedCode>,
    ) -> Result<Outcome, Fault> {
        if self.limit.steps != u64::MAX {
            // Steps are counted by the reference engine only.
            return self.run();
        }
        loop {
            if let Err(stop) = self.run_chains(image, threaded) {
                return stop.into_outcome();
            }
        }
    }

    /// Runs one chain of handlers, and then what it could not do.
    fn run_chains(&mut self, image: &Image, threaded: &mut Arc<ThreadedCode>) -> Result<(), Stop> {
        let pc = self.call.cpu.pc();
        let Some(table) = threaded.table(pc) else { return self.step() };
        let Ok(op) = threaded.enter(table, pc, self.code, self.prices) else {
            *threaded = Arc::new(ThreadedCode::new(image));
            return Ok(());
        };
        let mut ends_at_miss = false;
        // A store to what is reserved must be seen.
        if let Some((address, width)) = self.call.cpu.reservation() {
            self.call.memory.make_stores_slow(address);
            self.call.memory.make_stores_slow(address + (width - 1));
            ends_at_miss = true;
        }
        let budget = self.budget();
        let Some(gas) = budget.checked_sub(op.cost()) else { return self.step_to_the_end() };
        let schedule = self.prices.schedule();
        let recall_prices = [schedule.page_recall, schedule.page_far_recall];
        let reason = Reason::Running;
        let mut context = Context { table, reason, pc, ends_at_miss, recall_prices, recall_gas: 0 };
        let registers = Registers::new(self.call.cpu.registers_mut());
        let end = run_chain(op, registers, gas, self.call.memory.fast_pages(), &mut context);
        self.settle(budget, &end, &context);
        match context.reason {
            Reason::Running | Reason::Elsewhere => Ok(()),
            Reason::Unpaid => self.step_to_the_end(),
            Reason::Slow => self.step_of(end.op),
            Reason::Miss => self.access_by_step(end.op),
            Reason::Unresolved => {
                self.resolve_target(threaded, end.op);
                Ok(())
            }
        }
    }

    /// What may be spent before the run must stop, in gas.
    fn budget(&self) -> u64 {
        let meter = &self.call.meter;
        meter.remaining().min(self.limit.gas_used.saturating_sub(meter.used()))
    }

    /// Brings program counter and meter to where a chain has ended that began with `budget`.
    fn settle(&mut self, budget: u64, end: &ChainEnd, context: &Context<'_>) {
        let (pc, unused) = match context.reason {
            Reason::Slow | Reason::Miss => (end.op.pc(), end.op.cost()),
            Reason::Unpaid | Reason::Unresolved | Reason::Running => (end.op.pc(), 0),
            Reason::Elsewhere => (context.pc, 0),
        };
        self.call.cpu.set_pc(pc);
        let memory = context.recall_gas;
        let instructions = budget - (end.gas + unused) - memory;
        let charge = Charge { instructions, memory, ..Charge::default() };
        self.call.meter.charge(charge).expect("a chain spends from what is left");
    }

    /// Goes on instruction by instruction where a block cannot be paid: one of its instructions stops the run.
    fn step_to_the_end(&mut self) -> Result<(), Stop> {
        loop {
            self.step()?;
        }
    }

    /// A load or store that touches a page first, or whose page is not at hand. It is then, if there is one.
    fn access_by_step(&mut self, op: OpPointer) -> Result<(), Stop> {
        let address = Registers::new(self.call.cpu.registers_mut()).get(op.rs1()).wrapping_add(op.value());
        self.step_of(op)?;
        self.call.memory.make_fast(address);
        Ok(())
    }

    /// Executes what stands at the pc, which is that of `op`.
    fn step_of(&mut self, op: OpPointer) -> Result<(), Stop> {
        match op.instruction() {
            Some(instruction) => self.execute(instruction),
            None => self.step(),
        }
    }

    /// Connects what led to a placeholder with the code there, unless it is outside of all code.
    fn resolve_target(&self, threaded: &ThreadedCode, placeholder: OpPointer) {
        let pc = placeholder.pc();
        let entered = threaded.table(pc).map(|table| threaded.enter(table, pc, self.code, self.prices));
        if let Some(Ok(op)) = entered {
            ThreadedCode::resolve(placeholder, op);
        }
    }
}

impl Stop {
    fn into_outcome(self) -> Result<Outcome, Fault> {
        match self {
            Self::Outcome(outcome) => Ok(outcome),
            Self::Node(fault) => Err(fault),
        }
    }
}
