//! Compute kernels on this machine and on other virtual machines, side by side with native code: run, load, peak memory.
//!
//! `cargo run --release -p interpreters` prints the table; `--help` tells the options, `../README.md` what each row does.

mod kernels;
mod machines;
mod memory;
mod rows;

use peers_harness::{Column, Error, Options, Table};

fn main() -> Result<(), Error> {
    if memory::is_child()? {
        return Ok(());
    }
    let machines = machines::all();
    let mut columns = vec![Column::unversioned(kernels::NATIVE)];
    columns.extend(machines.iter().map(|machine| Column::package(machine.name, machine.package)));
    let mut table = Table::new(env!("CARGO_PKG_NAME"), &columns, Options::from_arguments())?;
    table.setting("one source in C for all, by clang 22 -O2, for each what its machine can do; a fresh instance for each run");
    for machine in &machines {
        table.setting(format!("{}: {}", machine.name, machine.setting));
    }
    rows::run(&mut table, &machines)?;
    rows::load(&mut table, &machines)?;
    rows::memory(&mut table, &machines)?;
    table.print()
}
