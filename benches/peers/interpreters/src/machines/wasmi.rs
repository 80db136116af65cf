//! wasmi, with and without fuel.

use wasmi::{Config, Engine, Linker, Module, Store};

use super::{Instance, Machine, checked_in};

/// Column and machine.
pub(crate) fn machine(has_fuel: bool) -> Machine {
    let mut config = Config::default();
    config.consume_fuel(has_fuel);
    let engine = Engine::new(&config);
    Machine {
        name: if has_fuel { "wasmi, fuel" } else { "wasmi, no fuel" },
        package: "wasmi",
        setting: "modules are translated when they are loaded",
        program: checked_in(move |kernel| {
            let engine = engine.clone();
            let module = Module::new(&engine, kernel.wasm)?;
            Ok(Box::new(move || {
                let mut store = Store::new(&engine, ());
                if has_fuel {
                    store.set_fuel(u64::MAX)?;
                }
                let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module)?;
                let kernel = instance.get_typed_func::<(), u64>(&store, "kernel")?;
                Ok(Box::new(move || Ok(kernel.call(&mut store, ())?)) as Instance)
            }))
        }),
    }
}
