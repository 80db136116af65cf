//! Peak memory: of a child process that loads one kernel into one machine and runs it.

use std::process::Command;
use std::{env, fs};

use peers_harness::Error;

use crate::kernels::Kernel;
use crate::machines::{self, Machine, Program};

/// The first argument of a child.
const CHILD: &str = "--measure-memory-of";

/// By how much loading and running a kernel raises the peak of a process's resident memory, in bytes.
pub(crate) fn peak(machine: &Machine, kernel: &Kernel) -> Result<u64, Error> {
    let output = Command::new(env::current_exe()?).args([CHILD, machine.name, kernel.name]).output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", machine.name, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Whether this process is such a child; then it has done its work.
pub(crate) fn is_child() -> Result<bool, Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [first, machine, kernel] = arguments.as_slice() else { return Ok(false) };
    if first != CHILD {
        return Ok(false);
    }
    let kernel = Kernel::named(kernel)?;
    let machines = machines::all();
    let machine = machines.iter().find(|one| one.name == machine).ok_or("no such machine")?;
    let Program::Ready(load) = (machine.program)(kernel)? else { return Err("it cannot do that".into()) };
    let before = peak_of_this_process()?;
    let checksum = load()?()?()?;
    if checksum != kernel.checksum()? {
        return Err(format!("the checksum is {checksum:x}").into());
    }
    println!("{}", peak_of_this_process()? - before);
    Ok(true)
}

fn peak_of_this_process() -> Result<u64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    Ok(line.ok_or("the system does not tell the peak")?.trim().parse::<u64>()? * 1024)
}
