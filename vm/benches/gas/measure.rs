//! A workload, and running it.

use std::time::Instant;

use travertine_gas::Schedule;
use travertine_memory::{Mode, Permissions, Synthesis};
use travertine_vm::{
    Call, Engine, GenerativeRegion, Image, Machine, NoHost, Outcome, Program, RunLimit, Segment, TrapCause,
};

use crate::assembler::{Code, program};

const CODE: u64 = 0x1_f000_0000;
/// Where the data region starts; it has 4 GiB.
pub(crate) const DATA: u64 = 0x2_0000_0000;
/// Where the generative region starts; it has 4 GiB.
pub(crate) const MADE: u64 = 0x80_0000_0000;
pub(crate) const PAGE: u64 = 4096;
/// How often a workload is run; the fastest run counts, since whatever disturbs one makes it slower.
const RUNS: usize = 7;

/// How much of a call is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    /// The loop alone: a run with twice the loops, less one with as many. What the first round touches cancels out.
    Loop,
    /// The whole call and its settlement.
    Call,
}

/// A program that does one thing over and over.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) name: String,
    /// Workloads of one group next to each other are alike: only the fastest and the slowest are reported.
    pub(crate) group: Option<&'static str>,
    /// The price that the row is about: a field of the schedule.
    pub(crate) price: &'static str,
    pub(crate) prologue: Code,
    pub(crate) body: Code,
    /// Code 4,096 bytes behind the body.
    pub(crate) far: Code,
    pub(crate) loops: u64,
    /// What is priced happens this often in one loop.
    pub(crate) units: u64,
    /// The first bytes of the data region; the rest is zero.
    pub(crate) data: Vec<u8>,
    pub(crate) timed: Timed,
}

/// What a workload took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) nanoseconds: f64,
    pub(crate) gas: u64,
    pub(crate) units: u64,
}

impl Measured {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a figure"
    )]
    pub(crate) fn picoseconds_per_unit(&self) -> u64 {
        (self.nanoseconds * 1000.0 / self.units as f64) as u64
    }
}

impl Workload {
    pub(crate) fn new(name: impl Into<String>, price: &'static str, body: Code, units: u64) -> Self {
        Self {
            name: name.into(),
            group: None,
            price,
            prologue: Code::default(),
            body,
            far: Code::default(),
            loops: 1000,
            units,
            data: Vec::new(),
            timed: Timed::Loop,
        }
    }

    /// The price as it is.
    #[allow(clippy::cast_precision_loss, reason = "prices are small")]
    pub(crate) fn price_now(&self) -> f64 {
        let price = Schedule::default().prices().find(|(name, _)| *name == self.price);
        price.expect("a field of the schedule").1 as f64
    }

    /// How many of the price's units are one gas.
    pub(crate) fn price_scale(&self) -> f64 {
        if self.price.ends_with("_64ths") { 64.0 } else { 1.0 }
    }

    /// Runs it; nothing, if the machine does not have an instruction of it.
    #[allow(clippy::cast_precision_loss, reason = "short times")]
    pub(crate) fn measure(&self) -> Option<Measured> {
        let units = self.units * self.loops;
        let (nanoseconds, gas) = self.fastest(self.loops)?;
        if self.timed == Timed::Call {
            return Some(Measured { nanoseconds: nanoseconds as f64, gas, units });
        }
        let (twice, twice_gas) = self.fastest(2 * self.loops)?;
        Some(Measured {
            nanoseconds: twice.saturating_sub(nanoseconds).max(1) as f64,
            gas: twice_gas - gas,
            units,
        })
    }

    fn fastest(&self, loops: u64) -> Option<(u128, u64)> {
        let machine = self.machine(loops);
        let runs: Option<Vec<_>> = (0..RUNS).map(|_| run(&mut machine.clone(), self.timed)).collect();
        runs?.into_iter().min()
    }

    fn machine(&self, loops: u64) -> Machine {
        let code = program(&self.prologue, &self.body, &self.far, loops).bytes();
        let segment =
            |address, memory_size, data, permissions| Segment { address, memory_size, data, permissions };
        let segments = vec![
            segment(CODE, code.len() as u64, code, Permissions::READ_EXECUTE),
            segment(DATA, 1 << 32, self.data.clone(), Permissions::READ_WRITE),
        ];
        let synthesis = Synthesis { seed: 1, mode: Mode::Vrns };
        let made = GenerativeRegion { number: 0x80, size: 1 << 32, synthesis, is_writable: true };
        let image = Image::new(CODE, segments).and_then(|image| image.with_generative(vec![made]));
        let program = Program::new(image.expect("the segments and the region are valid"));
        Engine::default().instantiate(&program)
    }
}

/// Nanoseconds and gas of one call, or nothing if it has an instruction that is not there.
fn run(machine: &mut Machine, timed: Timed) -> Option<(u128, u64)> {
    let start = Instant::now();
    machine.begin(&Call::new([], u64::MAX)).expect("the machine is idle");
    let start = if timed == Timed::Loop { Instant::now() } else { start };
    let outcome = machine.run(&mut NoHost, RunLimit::NONE).expect("no page is missing");
    let ran = start.elapsed();
    match outcome {
        Outcome::Trapped(trap) if matches!(trap.cause, TrapCause::IllegalInstruction { .. }) => return None,
        outcome => assert!(outcome.is_success(), "it {outcome}"),
    }
    let settlement = machine.finish().expect("the call has ended");
    let elapsed = if timed == Timed::Loop { ran } else { start.elapsed() };
    Some((elapsed.as_nanos(), settlement.receipt.gas_used))
}
