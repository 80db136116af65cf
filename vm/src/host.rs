//! The interface between a contract and the world: host calls and the embedder's [`Host`].

/// Numbers of the host calls that the machine itself answers, in register `a7`.
///
/// 64 and 93 are Linux's, so that a program that uses only these runs the same under a user-mode emulator.
pub mod numbers {
    /// `write(fd, pointer, length)`: debug output to file descriptor 1 or 2.
    pub const WRITE: u64 = 64;
    /// `exit(code)`: 0 succeeds, any other code fails.
    pub const EXIT: u64 = 93;
    /// `return(pointer, length)`: succeeds with an output.
    pub const RETURN: u64 = 0x1000;
    /// `revert(pointer, length)`: fails with an output.
    pub const REVERT: u64 = 0x1001;
    /// `log(topics, count, pointer, length)`: appends an event to the receipt.
    pub const LOG: u64 = 0x1002;
    /// The first number of the embedder's range.
    pub const EMBEDDER: u64 = 0x8000;
}

/// The most bytes that one host call reads, and that it writes.
pub const MAX_HOST_BYTES: u64 = 1 << 20;

/// A call into the embedder's range: its number and the argument registers `a0` to `a5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostCall {
    /// The number, at least [`numbers::EMBEDDER`].
    pub number: u64,
    /// The arguments.
    pub arguments: [u64; 6],
}

/// A range of the contract's memory.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct MemoryRange {
    /// Address of the first byte.
    pub address: u64,
    /// Length in bytes, at most [`MAX_HOST_BYTES`].
    pub length: u64,
}

/// What a host call will cost and touch. The machine checks the ranges and charges everything before the host acts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct HostPlan {
    /// What the call costs beyond the schedule's base and bytes, in gas.
    pub gas: u64,
    /// The bytes that the host is given.
    pub reads: MemoryRange,
    /// The bytes that the host fills in; they are zero when it gets them.
    pub writes: MemoryRange,
}

/// What a host answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostReply {
    /// The call is done; the value goes to `a0` and the filled bytes to the contract's memory.
    Return(u64),
    /// The embedder answers later: the run ends with [`Outcome::HostCall`](crate::Outcome::HostCall) and goes on
    /// after [`Machine::answer`](crate::Machine::answer).
    Suspend,
    /// The call is refused: the contract traps with a host error.
    Fail,
}

/// What a node offers to the contracts that it runs.
///
/// Implementations must be deterministic: the same calls get the same plans and replies on every node.
pub trait Host {
    /// Takes debug output, written to file descriptor 1 or 2. It is not part of the state or the receipt.
    fn write(&mut self, descriptor: u64, bytes: &[u8]) {
        let _ = (descriptor, bytes);
    }

    /// Says what `call` will cost and touch, or `None` if there is no such call: the contract then traps.
    fn plan(&self, call: &HostCall) -> Option<HostPlan> {
        let _ = call;
        None
    }

    /// Does what was planned and charged. `input` are the planned reads, `output` the planned writes.
    fn call(&mut self, call: &HostCall, input: &[u8], output: &mut [u8]) -> HostReply {
        let _ = (call, input, output);
        HostReply::Fail
    }
}

/// A host that offers no calls and drops debug output.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoHost;

impl Host for NoHost {}
