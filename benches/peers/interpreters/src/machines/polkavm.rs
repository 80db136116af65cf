//! `polkavm`: the interpreter and the compiler, both with gas. Its linker makes programs of the kernels before they are loaded.

use std::convert::Infallible;
use std::rc::Rc;

use peers_harness::Error;
use polkavm::{BackendKind, Config, Engine, GasMeteringKind, Linker, ModuleConfig, ProgramBlob};
use polkavm_linker::{TargetInstructionSet, program_from_elf};

use super::{Instance, Machine, Module, Program};

/// What executes the programs.
pub(crate) type Backend = BackendKind;

/// Column and machine.
pub(crate) fn machine(backend: Backend) -> Machine {
    let (name, setting) = match backend {
        BackendKind::Interpreter => {
            ("polkavm interpreter, gas", "the same source, for 13 registers without Zba and Zbs")
        }
        BackendKind::Compiler => {
            ("polkavm compiler, gas", "a compiler: native code, in a process of its own")
        }
    };
    let mut config = Config::new();
    config.set_backend(Some(backend));
    let engine = Engine::new(&config).map(Rc::new);
    Machine {
        name,
        package: "polkavm",
        setting,
        program: Box::new(move |kernel| {
            let engine = match &engine {
                Ok(engine) => engine.clone(),
                Err(error) => return Ok(Program::Absent(format!("it does not start here: {error}"))),
            };
            let (config, isa) = (polkavm_linker::Config::default(), TargetInstructionSet::Latest);
            let program = program_from_elf(config, isa, kernel.polkavm)?;
            // The compiler needs a system that lets it make its sandbox.
            if let Err(error) = load(&engine, &program).and_then(|module| module()) {
                return Ok(Program::Absent(format!("it does not start here: {error}")));
            }
            Ok(Program::Ready(Box::new(move || load(&engine, &program))))
        }),
    }
}

fn load(engine: &Engine, program: &[u8]) -> Result<Module, Error> {
    let blob = ProgramBlob::parse(program.into()).map_err(|error| error.to_string())?;
    let mut config = ModuleConfig::new();
    config.set_gas_metering(Some(GasMeteringKind::Sync));
    let module = polkavm::Module::from_blob(engine, &config, blob).map_err(|error| error.to_string())?;
    let linker =
        Linker::<(), Infallible>::new().instantiate_pre(&module).map_err(|error| error.to_string())?;
    Ok(Box::new(move || {
        let mut instance = linker.instantiate().map_err(|error| error.to_string())?;
        instance.set_gas(i64::MAX);
        Ok(Box::new(move || {
            let checksum = instance.call_typed_and_get_result::<u64, ()>(&mut (), "kernel", ());
            checksum.map_err(|error| format!("{error:?}").into())
        }) as Instance)
    }))
}
