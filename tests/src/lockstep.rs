//! Two engines side by side: one machine runs on the reference engine, the other on the threaded one or now on this, now on
//! that; in slices of random size. After each slice everything that can be seen is compared.

use travertine_vm::{Call, Engine, EngineConfig, EngineKind, Host, HostCall, HostPlan, HostReply};
use travertine_vm::{Machine, MemoryRange, Outcome, Program, RunLimit};

use crate::random::Random;

/// A call is given up after so many slices, so that loops without end do not take forever.
const MAX_SLICES: u32 = 400;
/// Host calls from this number on are answered later; those below at once.
const SUSPENDED: u64 = 0x8100;

/// A host that keeps debug output and answers embedder calls: it reads 8 bytes at `a0` and writes 8 at `a1`, where asked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Answering {
    text: Vec<u8>,
    calls: Vec<(HostCall, Vec<u8>)>,
}

impl Host for Answering {
    fn write(&mut self, _: u64, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    fn plan(&self, call: &HostCall) -> Option<HostPlan> {
        let [reads, writes, ..] = call.arguments;
        let range = |address, bit: u64| MemoryRange { address, length: 8 * (call.number >> bit & 1) };
        Some(HostPlan { gas: 5, reads: range(reads, 0), writes: range(writes, 1) })
    }

    fn call(&mut self, call: &HostCall, input: &[u8], output: &mut [u8]) -> HostReply {
        self.calls.push((*call, input.to_vec()));
        output.fill(0xa5);
        if call.number < SUSPENDED { HostReply::Return(7) } else { HostReply::Suspend }
    }
}

/// An engine of a kind.
pub fn engine(kind: EngineKind) -> Engine {
    let config = EngineConfig { engine: kind };
    Engine::with_config(travertine_gas::Schedule::default(), config).expect("the default schedule is valid")
}

/// Runs a call on both machines to its end, and settles it. Returns how many slices that took.
///
/// # Errors
/// What differs, and after which slice.
pub fn lockstep(
    reference: &mut Machine,
    other: &mut Machine,
    call: &Call,
    random: &mut Random,
) -> Result<u32, String> {
    let mut hosts = [Answering::default(), Answering::default()];
    let largest = random.pick(&[3, 60, 1_000, 30_000, 1 << 40]);
    reference.begin(call).map_err(|error| error.to_string())?;
    other.begin(call).map_err(|error| error.to_string())?;
    for slice in 1.. {
        let used = reference.meter().map_or(0, travertine_gas::Meter::used);
        let limit = match random.below(20) {
            0 => RunLimit::steps(1 + random.below(40)),
            _ => RunLimit::gas_used(used.saturating_add(random.below(largest))),
        };
        reference.use_engine(EngineKind::Reference);
        let kinds = [EngineKind::Threaded, EngineKind::Threaded, EngineKind::Threaded, EngineKind::Reference];
        other.use_engine(random.pick(&kinds));
        let [one, two] = &mut hosts;
        let outcomes = (reference.run(one, limit), other.run(two, limit));
        let at = |what: &str, a: &dyn std::fmt::Debug, b: &dyn std::fmt::Debug| {
            Err(format!("after slice {slice} ({limit:?}): {what}: {a:?}, threaded {b:?}"))
        };
        if outcomes.0 != outcomes.1 {
            return at("outcome", &outcomes.0, &outcomes.1);
        }
        if reference.cpu() != other.cpu() {
            return at("hart", &reference.cpu(), &other.cpu());
        }
        if reference.meter() != other.meter() {
            return at("meter", &reference.meter(), &other.meter());
        }
        if hosts[0] != hosts[1] {
            return at("host", &hosts[0], &hosts[1]);
        }
        match outcomes.0.map_err(|error| error.to_string())? {
            Outcome::Stepped if slice < MAX_SLICES => continue,
            Outcome::OutOfGas { .. } if random.chance(50) && slice < MAX_SLICES => {
                let gas = random.below(1_000);
                for machine in [&mut *reference, &mut *other] {
                    machine.add_gas(gas).expect("a call is in progress");
                }
                continue;
            }
            Outcome::HostCall(call) => {
                let bytes = vec![0x3c; usize::try_from(8 * (call.number >> 1 & 1)).unwrap_or(0)];
                for machine in [&mut *reference, &mut *other] {
                    machine.answer(11, &bytes).map_err(|error| error.to_string())?;
                }
                continue;
            }
            Outcome::Stepped => {
                reference.abandon();
                other.abandon();
            }
            _ => {
                let settled = (reference.finish(), other.finish());
                if settled.0 != settled.1 {
                    return at("settlement", &settled.0, &settled.1);
                }
            }
        }
        if reference.root() != other.root() {
            return at("root", &reference.root(), &other.root());
        }
        return Ok(slice);
    }
    unreachable!("the number of slices is limited")
}

/// Runs a program three times in lockstep, the second time with code that is decoded; once with little gas.
///
/// # Errors
/// What differs.
pub fn check(program: &Program, engines: &(Engine, Engine), random: &mut Random) -> Result<u32, String> {
    let mut machines = (engines.0.instantiate(program), engines.1.instantiate(program));
    let mut slices = 0;
    for run in 0..3 {
        let gas = match run {
            0 => random.below(40_000),
            _ => 1 << 20,
        };
        let input = random.bits().to_le_bytes();
        slices += lockstep(&mut machines.0, &mut machines.1, &Call::new(input, gas), random)
            .map_err(|what| format!("run {run}, {what}"))?;
    }
    Ok(slices)
}
