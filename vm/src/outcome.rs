//! How a run ends: outcomes and traps, as values.

use std::fmt;

use travertine_memory::Fault;

use crate::host::HostCall;

/// Why a run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The contract called `exit`. Code 0 succeeds, any other fails.
    Halted {
        /// The exit code.
        exit: u64,
    },
    /// The contract called `return`: it succeeds with an output.
    Returned,
    /// The contract called `revert`: it fails with an output.
    Reverted,
    /// The contract did what it may not do.
    Trapped(Trap),
    /// The next instruction cannot be paid. Nothing of it has happened; more gas lets the run go on.
    OutOfGas {
        /// What the instruction costs, in gas.
        needed: u64,
    },
    /// The host wants to answer this call later; after the answer the run goes on.
    HostCall(HostCall),
    /// A limit of this run was reached; the run can go on at once.
    Stepped,
}

impl Outcome {
    /// Whether the call has ended for good, well or badly.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Halted { .. } | Self::Returned | Self::Reverted | Self::Trapped(_) => true,
            Self::OutOfGas { .. } | Self::HostCall(_) | Self::Stepped => false,
        }
    }

    /// Whether the call has ended well: its writes are kept.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Halted { exit: 0 } | Self::Returned)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Halted { exit } => write!(f, "halted with exit code {exit}"),
            Self::Returned => f.write_str("returned"),
            Self::Reverted => f.write_str("reverted"),
            Self::Trapped(trap) => write!(f, "trapped: {trap}"),
            Self::OutOfGas { needed } => write!(f, "out of gas: the next instruction needs {needed}"),
            Self::HostCall(call) => write!(f, "waits for host call {:#x}", call.number),
            Self::Stepped => f.write_str("stopped at a limit of the run"),
        }
    }
}

/// What a contract did that it may not do, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap {
    /// Address of the instruction; for a fetch fault, where the program went.
    pub pc: u64,
    /// What was wrong.
    pub cause: TrapCause,
    /// The entry of a gather or scatter that was refused, counted from 0.
    pub entry: Option<u32>,
}

/// What was wrong with a trapped instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrapCause {
    /// No instruction has these bits; 16 bits if the lowest two are not both set.
    IllegalInstruction {
        /// The instruction's bits.
        bits: u32,
    },
    /// A load, of an instruction or by the host, that the memory refused.
    LoadFault(Fault),
    /// A store, by an instruction or by the host, that the memory refused.
    StoreFault(Fault),
    /// There is no executable memory where the program went.
    FetchFault(Fault),
    /// The `ebreak` instruction.
    Breakpoint,
    /// A host call that does not exist, or that was refused.
    HostError {
        /// The host call's number.
        number: u64,
    },
}

impl TrapCause {
    /// The trap's stable number in receipts: 1 to 6.
    pub fn code(&self) -> u64 {
        match self {
            Self::IllegalInstruction { .. } => 1,
            Self::LoadFault(_) => 2,
            Self::StoreFault(_) => 3,
            Self::FetchFault(_) => 4,
            Self::Breakpoint => 5,
            Self::HostError { .. } => 6,
        }
    }

    /// The trap's stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IllegalInstruction { .. } => "IllegalInstruction",
            Self::LoadFault(_) => "LoadFault",
            Self::StoreFault(_) => "StoreFault",
            Self::FetchFault(_) => "FetchFault",
            Self::Breakpoint => "Breakpoint",
            Self::HostError { .. } => "HostError",
        }
    }

    /// The memory fault behind the trap, if there is one.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::LoadFault(fault) | Self::StoreFault(fault) | Self::FetchFault(fault) => Some(fault),
            Self::IllegalInstruction { .. } | Self::Breakpoint | Self::HostError { .. } => None,
        }
    }

    /// The number that goes with the trap in receipts: the instruction's bits, the faulting address, the host
    /// call's number, or 0.
    pub fn detail(&self) -> u64 {
        match self {
            Self::IllegalInstruction { bits } => u64::from(*bits),
            Self::LoadFault(fault) | Self::StoreFault(fault) | Self::FetchFault(fault) => fault.address,
            Self::Breakpoint => 0,
            Self::HostError { number } => *number,
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at pc {:#x}", self.cause.name(), self.pc)?;
        match self.cause {
            TrapCause::IllegalInstruction { bits } => write!(f, ": {bits:#010x}"),
            TrapCause::LoadFault(fault) | TrapCause::StoreFault(fault) | TrapCause::FetchFault(fault) => {
                write!(f, ": {fault}")?;
                self.entry.map_or(Ok(()), |entry| write!(f, " (entry {entry})"))
            }
            TrapCause::Breakpoint => Ok(()),
            TrapCause::HostError { number } => write!(f, ": host call {number:#x}"),
        }
    }
}
