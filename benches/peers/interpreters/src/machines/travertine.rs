//! This project: the threaded engine.

use peers_harness::Error;
use travertine_vm::{Call, Engine, EngineConfig, EngineKind, Host, Machine as Hart, Outcome, RunLimit};

use super::{Instance, Machine, checked_in};
use crate::kernels::Kernel;

/// The column.
pub(crate) const NAME: &str = "travertine";

/// Column and machine.
pub(crate) fn machine() -> Machine {
    Machine {
        name: NAME,
        package: "travertine-vm",
        setting: "the threaded engine, gas to the instruction, a call on a copy-on-write clone of the settled state",
        program: checked_in(|kernel| {
            let engine = engine()?;
            let hart = engine.instantiate(&engine.load(kernel.rv64)?);
            Ok(Box::new(move || {
                let mut hart = hart.clone();
                hart.begin(&Call::new([], u64::MAX))?;
                Ok(Box::new(move || run(&mut hart)) as Instance)
            }))
        }),
    }
}

/// How many instructions the kernel executes.
pub(crate) fn instructions(kernel: &Kernel) -> Result<u64, Error> {
    let engine = engine()?;
    let mut hart = engine.instantiate(&engine.load(kernel.rv64)?);
    hart.observe(true);
    hart.begin(&Call::new([], u64::MAX))?;
    run(&mut hart)?;
    let observation = hart.statistics().and_then(|statistics| statistics.observation);
    Ok(observation.ok_or("nothing was counted")?.instructions())
}

fn engine() -> Result<Engine, Error> {
    let config = EngineConfig { engine: EngineKind::Threaded };
    Ok(Engine::with_config(Engine::default().schedule().clone(), config)?)
}

fn run(hart: &mut Hart) -> Result<u64, Error> {
    let mut console = Console::default();
    match hart.run(&mut console, RunLimit::NONE)? {
        Outcome::Halted { exit: 0 } => Ok(u64::from_le_bytes(console.0.as_slice().try_into()?)),
        outcome => Err(format!("it ended with {outcome:?}").into()),
    }
}

/// What the kernel wrote.
#[derive(Default)]
struct Console(Vec<u8>);

impl Host for Console {
    fn write(&mut self, _descriptor: u64, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
