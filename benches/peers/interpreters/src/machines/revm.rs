//! The interpreter of revm. No compiler makes its bytecode of C, and its words have 256 bits: what can be compared is written
//! by hand, with the arithmetic of 64 bits masked where it must be, and the product of a field by `MULMOD`.

use revm_interpreter::bytecode::Bytecode;
use revm_interpreter::host::DummyHost;
use revm_interpreter::instructions::{gas_table, instruction_table};
use revm_interpreter::interpreter::{EthInterpreter, ExtBytecode, InputsImpl};
use revm_interpreter::primitives::hardfork::SpecId;
use revm_interpreter::{Interpreter, InterpreterAction, SharedMemory};

use self::programs::program;
use super::{Instance, Machine, Module, Program};

mod programs;

/// Column and machine.
pub(crate) fn machine() -> Machine {
    Machine {
        name: "revm, gas",
        package: "revm-interpreter",
        setting: "bytecode written by hand, on words of 256 bits",
        program: Box::new(|kernel| {
            let Some(program) = program(kernel.name) else {
                return Ok(Program::Absent(
                    "no compiler makes its bytecode of C; not written by hand".to_owned(),
                ));
            };
            Ok(Program::Ready(Box::new(move || Ok(load(program.clone())))))
        }),
    }
}

fn load(program: Vec<u8>) -> Module {
    let bytecode = Bytecode::new_raw(program.into());
    Box::new(move || {
        let mut interpreter = Interpreter::<EthInterpreter>::new(
            SharedMemory::new(),
            ExtBytecode::new(bytecode.clone()),
            InputsImpl::default(),
            false,
            SpecId::default(),
            u64::MAX,
        );
        let (instructions, gas) = (instruction_table::<EthInterpreter, DummyHost>(), gas_table());
        let mut host = DummyHost::default();
        Ok(Box::new(move || match interpreter.run_plain(&instructions, &gas, &mut host) {
            InterpreterAction::Return(end) if end.is_ok() => {
                let word: [u8; 32] = end.output.as_ref().try_into()?;
                Ok(u64::from_be_bytes(*word.last_chunk().expect("a word has 32 bytes")))
            }
            action => Err(format!("it ended with {action:?}").into()),
        }) as Instance)
    })
}
