//! wasmtime: the Pulley interpreter, and Cranelift's native code; both with fuel.

use wasmtime::{Config, Engine, Instance as WasmInstance, Module, Store};

use super::{Instance, Machine, checked_in};

/// What Cranelift compiles for.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// The bytecode of the interpreter.
    Pulley,
    Native,
}

/// Column and machine.
pub(crate) fn machine(target: Target) -> Machine {
    let (name, setting) = match target {
        Target::Pulley => ("wasmtime Pulley, fuel", "Cranelift compiles for the interpreter Pulley"),
        Target::Native => ("wasmtime Cranelift, fuel", "a compiler: native code"),
    };
    Machine {
        name,
        package: "wasmtime",
        setting,
        program: checked_in(move |kernel| {
            let mut config = Config::new();
            config.consume_fuel(true);
            if matches!(target, Target::Pulley) {
                config.target("pulley64")?;
            }
            let engine = Engine::new(&config)?;
            let module = Module::new(&engine, kernel.wasm)?;
            Ok(Box::new(move || {
                let mut store = Store::new(&engine, ());
                store.set_fuel(u64::MAX)?;
                let instance = WasmInstance::new(&mut store, &module, &[])?;
                let kernel = instance.get_typed_func::<(), u64>(&mut store, "kernel")?;
                Ok(Box::new(move || Ok(kernel.call(&mut store, ())?)) as Instance)
            }))
        }),
    }
}
