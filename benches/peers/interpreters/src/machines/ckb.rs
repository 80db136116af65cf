//! ckb-vm: the interpreter in assembly, and the one in Rust. They run the same files as ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ckb_vm::cost_model::estimate_cycles;
use ckb_vm::machine::VERSION2;
use ckb_vm::machine::asm::{AsmCoreMachine, AsmMachine};
use ckb_vm::registers::{A1, A7};
use ckb_vm::{
    Bytes, DefaultCoreMachine, DefaultMachineBuilder, DefaultMachineRunner, FlatMemory, ISA_A, ISA_B,
    ISA_IMC, ISA_MOP, Memory, Register, SupportMachine, Syscalls, TraceMachine, WXorXMemory,
};
use peers_harness::Error;

use super::{Instance, Machine, Program, checked_in};
use crate::kernels::Kernel;

const ISA: u8 = ISA_IMC | ISA_A | ISA_B | ISA_MOP;
type RustCore = DefaultCoreMachine<u64, WXorXMemory<FlatMemory<u64>>>;

/// Column and machine of the interpreter in assembly.
pub(crate) fn assembly() -> Machine {
    Machine {
        name: "ckb-vm assembly, cycles",
        package: "ckb-vm",
        setting: "with cycles, and macro operations on",
        program: programs(
            || <Box<AsmCoreMachine> as SupportMachine>::new(ISA, VERSION2, u64::MAX),
            AsmMachine::new,
        ),
    }
}

/// Column and machine of the interpreter in Rust.
pub(crate) fn rust() -> Machine {
    Machine {
        name: "ckb-vm Rust, cycles",
        package: "ckb-vm",
        setting: "its trace machine on flat memory, with cycles, and macro operations on",
        program: programs(|| RustCore::new(ISA, VERSION2, u64::MAX), TraceMachine::new),
    }
}

/// `core` makes a machine, `runner` what runs it. There is no module: programs are parsed into each machine.
fn programs<R>(
    core: impl Fn() -> R::Inner + Copy + 'static,
    runner: impl Fn(ckb_vm::DefaultMachine<R::Inner>) -> R + Copy + 'static,
) -> Box<dyn Fn(&'static Kernel) -> Result<Program, Error>>
where
    R: DefaultMachineRunner + 'static,
{
    checked_in(move |kernel| {
        let program = Bytes::from_static(kernel.rv64);
        Ok(Box::new(move || {
            let written = Arc::new(AtomicU64::new(0));
            let machine = DefaultMachineBuilder::new(core())
                .instruction_cycle_func(Box::new(estimate_cycles))
                .syscall(Box::new(Write(written.clone())))
                .build();
            let mut machine = runner(machine);
            machine.load_program(&program, std::iter::empty())?;
            Ok(Box::new(move || finish(machine.run(), &written)) as Instance)
        }))
    })
}

fn finish(exit: Result<i8, ckb_vm::Error>, written: &AtomicU64) -> Result<u64, Error> {
    match exit? {
        0 => Ok(written.load(Ordering::Relaxed)),
        code => Err(format!("it ended with code {code}").into()),
    }
}

/// Takes down the eight bytes that a kernel writes. (`exit` is the machine's own.)
struct Write(Arc<AtomicU64>);

impl<M: SupportMachine> Syscalls<M> for Write {
    fn initialize(&mut self, _: &mut M) -> Result<(), ckb_vm::Error> {
        Ok(())
    }

    fn ecall(&mut self, machine: &mut M) -> Result<bool, ckb_vm::Error> {
        if machine.registers()[A7].to_u64() != 64 {
            return Ok(false);
        }
        let address = machine.registers()[A1].clone();
        let checksum = machine.memory_mut().load64(&address)?.to_u64();
        self.0.store(checksum, Ordering::Relaxed);
        Ok(true)
    }
}
