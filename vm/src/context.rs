//! What a call is told: the fixed block at the start of the `VmControl` region, and the input behind it.

use travertine_merkle::{Hash, layout::PLANE_BYTES};

/// Address of the call context: region 7, plane 0. Register `a0` holds it at entry.
pub const CONTEXT_ADDRESS: u64 = 7 << 32;
/// Address of the input: region 7, plane 1. Register `a1` holds it at entry, `a2` the length.
pub const INPUT_ADDRESS: u64 = CONTEXT_ADDRESS + PLANE_BYTES;
/// The longest input, in bytes.
pub const MAX_INPUT_BYTES: u64 = 16 << 20;
/// The version of the context's layout.
pub const CONTEXT_VERSION: u64 = 1;
/// Bytes of the context.
pub const CONTEXT_BYTES: usize = 192;

/// Who calls, in which block. All of it is given by the embedder; the machine has no clock of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Number of the block.
    pub block_number: u64,
    /// The block's timestamp, in the chain's own unit.
    pub block_timestamp: u64,
    /// How many contracts called each other before this one.
    pub call_depth: u64,
    /// Which chain this is.
    pub chain_id: u64,
    /// The account that calls.
    pub caller: Hash,
    /// The contract's own account.
    pub contract: Hash,
    /// The account that began the chain of calls.
    pub origin: Hash,
    /// Hash of the block's header.
    pub block_hash: Hash,
}

/// One call of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The bytes that the contract reads, at most [`MAX_INPUT_BYTES`].
    pub input: Vec<u8>,
    /// What the call may use, in gas.
    pub gas_limit: u64,
    /// Who calls, in which block.
    pub context: Context,
}

impl Call {
    /// A call with this input and gas limit, from account zero in block zero.
    pub fn new(input: impl Into<Vec<u8>>, gas_limit: u64) -> Self {
        Self { input: input.into(), gas_limit, context: Context::default() }
    }

    /// The context block, as the contract sees it: eight little-endian `u64`, then four 32-byte values.
    pub fn context_block(&self) -> [u8; CONTEXT_BYTES] {
        let context = &self.context;
        let words = [
            CONTEXT_VERSION,
            self.input.len() as u64,
            INPUT_ADDRESS,
            self.gas_limit,
            context.block_number,
            context.block_timestamp,
            context.call_depth,
            context.chain_id,
        ];
        let hashes = [context.caller, context.contract, context.origin, context.block_hash];
        let mut block = [0; CONTEXT_BYTES];
        let (numbers, accounts) = block.split_at_mut(64);
        for (bytes, word) in numbers.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        for (bytes, hash) in accounts.chunks_exact_mut(32).zip(hashes) {
            bytes.copy_from_slice(&hash);
        }
        block
    }
}
