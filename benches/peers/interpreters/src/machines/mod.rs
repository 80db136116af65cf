//! The machines of the table. Each takes a kernel's file to a module, the module to an instance, and runs that once.

mod ckb;
mod polkavm;
mod revm;
mod stitch;
pub(crate) mod travertine;
mod wasmi;
mod wasmtime;

use peers_harness::Error;

use crate::kernels::Kernel;

/// A virtual machine.
pub(crate) struct Machine {
    /// Name of the column.
    pub(crate) name: &'static str,
    /// The package whose version stands in the table.
    pub(crate) package: &'static str,
    /// How it is used.
    pub(crate) setting: &'static str,
    /// Finds or makes the program of a kernel: what was done before it is loaded.
    pub(crate) program: Box<dyn Fn(&'static Kernel) -> Result<Program, Error>>,
}

/// What a machine has of a kernel.
pub(crate) enum Program {
    Ready(Loader),
    /// The machine cannot do it, for a reason.
    Absent(String),
}

/// Makes a module of the program's bytes.
pub(crate) type Loader = Box<dyn Fn() -> Result<Module, Error>>;

/// Makes an instance, about to execute its first instruction.
pub(crate) type Module = Box<dyn Fn() -> Result<Instance, Error>>;

/// Runs to the end and gives the checksum. It can be called once.
pub(crate) type Instance = Box<dyn FnMut() -> Result<u64, Error>>;

/// A program that is checked in.
fn checked_in(
    load: impl Fn(&'static Kernel) -> Result<Module, Error> + Clone + 'static,
) -> Box<dyn Fn(&'static Kernel) -> Result<Program, Error>> {
    Box::new(move |kernel| {
        let load = load.clone();
        Ok(Program::Ready(Box::new(move || load(kernel))))
    })
}

/// All of them: interpreters first, then compilers.
pub(crate) fn all() -> Vec<Machine> {
    vec![
        travertine::machine(),
        wasmi::machine(true),
        wasmi::machine(false),
        stitch::machine(),
        wasmtime::machine(wasmtime::Target::Pulley),
        ckb::assembly(),
        ckb::rust(),
        polkavm::machine(polkavm::Backend::Interpreter),
        revm::machine(),
        polkavm::machine(polkavm::Backend::Compiler),
        wasmtime::machine(wasmtime::Target::Native),
    ]
}
