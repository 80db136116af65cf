//! stitch, which has no metering.

use makepad_stitch::{Engine, Linker, Module, Store, Val};

use super::{Instance, Machine, checked_in};

/// Column and machine.
pub(crate) fn machine() -> Machine {
    Machine {
        name: "stitch, no metering",
        package: "makepad-stitch",
        setting: "functions are compiled when they are first called",
        program: checked_in(|kernel| {
            let engine = Engine::new();
            let module = Module::new(&engine, kernel.wasm)?;
            Ok(Box::new(move || {
                let mut store = Store::new(engine.clone());
                let instance =
                    Linker::new().instantiate(&mut store, &module).map_err(|error| error.to_string())?;
                let kernel = instance.exported_func("kernel").ok_or("no function `kernel`")?;
                Ok(Box::new(move || {
                    let mut results = [Val::I64(0)];
                    kernel.call(&mut store, &[], &mut results).map_err(|error| error.to_string())?;
                    match results {
                        [Val::I64(checksum)] => Ok(checksum.cast_unsigned()),
                        _ => Err("the result is no integer".into()),
                    }
                }) as Instance)
            }))
        }),
    }
}
