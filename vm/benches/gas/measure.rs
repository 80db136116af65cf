//! A workload, and running it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use travertine_gas::Schedule;
use travertine_memory::{Mode, Permissions, Synthesis};
use travertine_vm::{
    Call, Engine, EngineKind, GenerativeRegion, Image, Machine, NoHost, Program, RunLimit, Segment,
};

use crate::assembler::{Code, program};

const CODE: u64 = 0x1_f000_0000;
/// Where the data region starts; it has 4 GiB.
pub(crate) const DATA: u64 = 0x2_0000_0000;
/// Where the generative region starts; it has 4 GiB.
pub(crate) const MADE: u64 = 0x80_0000_0000;
pub(crate) const PAGE: u64 = 4096;
/// How often a workload is run at least in a pass; the fastest run counts, since whatever disturbs one makes it slower.
const LEAST_RUNS: usize = 3;
/// It is run more often, until it has taken this long or as many times.
const ENOUGH: Duration = Duration::from_millis(100);
const MOST_RUNS: usize = 10;

/// How much of a call is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    /// What it runs.
    Run,
    /// What it runs, by an engine that has not seen the program.
    Cold,
    /// The whole call and its settlement.
    Call,
}

/// What a call does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// What an earlier call has done, which is settled.
    pub(crate) setup: Code,
    pub(crate) prologue: Code,
    pub(crate) body: Code,
    /// Code 4,096 bytes behind the body.
    pub(crate) far: Code,
    /// How often the body runs.
    pub(crate) loops: u64,
    /// The first bytes of the data region; the rest is zero.
    pub(crate) data: Arc<[u8]>,
}

impl Script {
    /// A body that runs 1,000 times.
    pub(crate) fn new(body: Code) -> Self {
        Self { body, loops: 1000, ..Self::default() }
    }

    /// Code that runs once, and may have loops.
    pub(crate) fn once(prologue: Code) -> Self {
        Self { prologue, ..Self::default() }
    }
}

/// Two programs that differ in how often they do one thing, or on how much.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) name: String,
    /// Workloads of one group next to each other are alike: only the fastest and the slowest are reported.
    pub(crate) group: Option<&'static str>,
    /// The price that the row is about: a field of the schedule.
    pub(crate) price: &'static str,
    pub(crate) less: Script,
    pub(crate) more: Script,
    /// What is priced happens this many times more often in `more`.
    pub(crate) units: u64,
    pub(crate) timed: Timed,
    /// Why the row is not counted, if that is so: a guest cannot do as much of it as it pays for, or it pays for something else than time here.
    pub(crate) bound: Option<&'static str>,
}

/// Time and gas of the fastest run of the two scripts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fastest([(Duration, u64); 2]);

impl Fastest {
    /// That of no run.
    pub(crate) const NONE: Self = Self([(Duration::MAX, 0); 2]);
}

/// Time and gas of a unit of a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) nanoseconds: f64,
    pub(crate) gas: f64,
}

impl Workload {
    /// A script, and the same with twice the loops, each of which has so many units.
    pub(crate) fn new(name: impl Into<String>, price: &'static str, script: Script, units: u64) -> Self {
        let (loops, more) = (script.loops, Script { loops: 2 * script.loops, ..script.clone() });
        Self::difference(name, price, script, more, units * loops)
    }

    /// Two scripts of which the second does so many units more.
    pub(crate) fn difference(
        name: impl Into<String>,
        price: &'static str,
        less: Script,
        more: Script,
        units: u64,
    ) -> Self {
        Self { name: name.into(), group: None, price, less, more, units, timed: Timed::Run, bound: None }
    }

    /// The same, timed with the settlement.
    pub(crate) fn settled(self) -> Self {
        Self { timed: Timed::Call, ..self }
    }

    pub(crate) fn bounded(self, bound: &'static str) -> Self {
        Self { bound: Some(bound), ..self }
    }

    /// Changes both scripts.
    pub(crate) fn with(mut self, change: impl Fn(&mut Script)) -> Self {
        change(&mut self.less);
        change(&mut self.more);
        self
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

    /// Runs the two scripts some more times. They run in turn, so that what disturbs one disturbs both.
    pub(crate) fn run(&self, Fastest(fastest): &mut Fastest) {
        let scripts = [&self.less, &self.more].map(|script| Prepared::new(script, self.timed));
        let start = Instant::now();
        let enough = |runs| runs >= LEAST_RUNS && (runs >= MOST_RUNS || start.elapsed() >= ENOUGH);
        let mut runs = 0;
        while !enough(runs) {
            for (fastest, prepared) in fastest.iter_mut().zip(&scripts) {
                *fastest = prepared.run(self.timed).min(*fastest);
            }
            runs += 1;
        }
    }

    /// The difference of the two scripts' fastest runs, for each unit.
    #[allow(clippy::cast_precision_loss, reason = "short times")]
    pub(crate) fn measured(&self, Fastest([(less, less_gas), (more, more_gas)]): Fastest) -> Measured {
        let units = self.units as f64;
        let nanoseconds = more.as_nanos() as f64 - less.as_nanos() as f64;
        Measured { nanoseconds: nanoseconds / units, gas: (more_gas as f64 - less_gas as f64) / units }
    }
}

/// A script's program, and the machine that has done its setup.
struct Prepared {
    program: Program,
    machine: Machine,
}

impl Prepared {
    fn new(script: &Script, timed: Timed) -> Self {
        let code = program(script).bytes();
        let segment =
            |address, memory_size, data, permissions| Segment { address, memory_size, data, permissions };
        let segments = vec![
            segment(CODE, code.len() as u64, code, Permissions::READ_EXECUTE),
            segment(DATA, 1 << 32, script.data.to_vec(), Permissions::READ_WRITE),
        ];
        let synthesis = Synthesis { seed: 1, mode: Mode::Vrns };
        let made = GenerativeRegion { number: 0x80, size: 1 << 32, synthesis, is_writable: true };
        let image = Image::new(CODE, segments).and_then(|image| image.with_generative(vec![made]));
        let program = Program::new(image.expect("the segments and the region are valid"));
        let mut machine = Engine::default().instantiate(&program);
        machine.use_engine(EngineKind::Threaded);
        if script.setup.len() > 0 {
            let settlement = machine.call(&Call::new([], u64::MAX), &mut NoHost).expect("no page is missing");
            assert!(settlement.outcome.is_success(), "the setup {}", settlement.outcome);
        }
        let prepared = Self { program, machine };
        if timed != Timed::Cold {
            // Decodes the code.
            prepared.run(timed);
        }
        prepared
    }

    /// Time and gas of one call.
    fn run(&self, timed: Timed) -> (Duration, u64) {
        let mut machine = match timed {
            Timed::Cold => Engine::default().instantiate(&self.program),
            Timed::Run | Timed::Call => self.machine.clone(),
        };
        machine.use_engine(EngineKind::Threaded);
        let called = Instant::now();
        machine.begin(&Call::new([1], u64::MAX)).expect("the machine is idle");
        let started = Instant::now();
        let outcome = machine.run(&mut NoHost, RunLimit::NONE).expect("no page is missing");
        let ran = started.elapsed();
        assert!(outcome.is_success(), "it {outcome}");
        let settlement = machine.finish().expect("the call has ended");
        let time = if timed == Timed::Call { called.elapsed() } else { ran };
        (time, settlement.receipt.gas_used)
    }
}
