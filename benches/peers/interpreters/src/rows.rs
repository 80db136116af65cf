//! The rows: kernels run, a kernel loaded, memory at its peak.

use std::fmt::Debug;

use peers_harness::{Error, Row, Table};

use crate::kernels::{self, Kernel, NATIVE};
use crate::machines::travertine::{NAME as OURS, instructions};
use crate::machines::{Loader, Machine, Program};
use crate::memory::peak;

/// A checksum, or what went wrong.
type Checksum = Result<u64, String>;

/// Each kernel on each machine, and the geometric means.
pub(crate) fn run(table: &mut Table, machines: &[Machine]) -> Result<(), Error> {
    for kernel in kernels::ALL {
        table.row::<Checksum>(kernel.name, 1, |row| {
            row.expect(Ok(kernel.checksum()?));
            row.measure(NATIVE, || (), |()| kernel.run_native(), |checksum| Ok(*checksum))?;
            for (machine, load) in able(row, kernel, machines)? {
                let module = load()?;
                drop(module()?);
                row.measure(
                    machine.name,
                    || module().expect("it was made before"),
                    |mut instance| (instance().map_err(|error| error.to_string()), instance),
                    |(checksum, _)| checksum.clone(),
                )?;
            }
            note_instructions(row, instructions(kernel)?);
            Ok(())
        })?;
    }
    table.geometric_mean("geometric mean");
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
fn note_instructions(row: &mut Row<Checksum>, instructions: u64) {
    let Some(nanoseconds) = row.nanoseconds(OURS) else { return };
    let (millions, billions) = (instructions as f64 / 1e6, instructions as f64 / nanoseconds);
    row.note(format!("{OURS} executes {millions:.1} million instructions, {billions:.2} billion per second"));
}

/// From a kernel's bytes to an instance that is about to execute its first instruction.
pub(crate) fn load(table: &mut Table, machines: &[Machine]) -> Result<(), Error> {
    let kernel = Kernel::named("keccak")?;
    table.row::<bool>("load keccak", 1, |row| {
        row.absent(NATIVE, "it is part of the program");
        for (machine, load) in able(row, kernel, machines)? {
            let run = |()| load().and_then(|module| Ok((module()?, module)));
            row.measure(machine.name, || (), run, Result::is_ok)?;
        }
        Ok(())
    })
}

/// What loading and running a kernel adds to a process.
pub(crate) fn memory(table: &mut Table, machines: &[Machine]) -> Result<(), Error> {
    for (name, kernel) in [("memory fib", "fib"), ("memory chase", "chase")] {
        let kernel = Kernel::named(kernel)?;
        table.row::<()>(name, 1, |row| {
            row.absent(NATIVE, "it is part of the program");
            for (machine, _) in able(row, kernel, machines)? {
                row.bytes(machine.name, peak(machine, kernel)?);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The machines that can do the kernel; the others leave their reason in the row.
fn able<'a, R: PartialEq + Debug>(
    row: &mut Row<R>,
    kernel: &'static Kernel,
    machines: &'a [Machine],
) -> Result<Vec<(&'a Machine, Loader)>, Error> {
    let mut able = Vec::new();
    for machine in machines {
        match (machine.program)(kernel)? {
            Program::Ready(load) => able.push((machine, load)),
            Program::Absent(reason) => row.absent(machine.name, reason),
        }
    }
    Ok(able)
}
