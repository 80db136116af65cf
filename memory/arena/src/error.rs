//! What can go wrong, with the value and the limit.

use std::io;

use thiserror::Error;

use crate::descriptor::State;
use crate::sector::Handle;

/// Why an arena cannot be made or attached to, or why it has no memory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArenaError {
    /// A sector cannot have this many pages.
    #[error("a sector has 1 to {limit} pages, not {pages}")]
    Pages {
        /// The pages asked for.
        pages: u64,
        /// The most.
        limit: u32,
    },
    /// More bytes than the sector has.
    #[error("{bytes} bytes are more than the {limit} of the sector")]
    TooLarge {
        /// The bytes asked for.
        bytes: u64,
        /// The bytes of all pages.
        limit: u64,
    },
    /// No free run or block is large enough: a walk over the whole sector has found none.
    #[error("no {bytes} bytes are free in one piece; the largest free run has {largest}")]
    OutOfMemory {
        /// The bytes asked for.
        bytes: u64,
        /// The bytes of the largest free run.
        largest: u64,
    },
    /// Every process slot is taken by a live process.
    #[error("all {limit} process slots are taken")]
    TooManyProcesses {
        /// The slots.
        limit: u8,
    },
    /// What was opened is no segment of this version and layout.
    #[error("this is no arena: its {field} is {found:#x}, not {expected:#x}")]
    Format {
        /// The field of the header.
        field: &'static str,
        /// What it holds.
        found: u64,
        /// What it would have to hold.
        expected: u64,
    },
    /// The segment's file has another size than its header or the caller says.
    #[error("the segment has {found} bytes, not {expected}")]
    Size {
        /// The size of the file.
        found: u64,
        /// The size that follows from the number of pages.
        expected: u64,
    },
    /// The size of the segment's file is not sealed, so a peer could cut it short under its readers.
    #[error("the segment can be resized: its seals are {seals:#x}, and {needed:#x} are needed")]
    Unsealed {
        /// The seals of the file.
        seals: i32,
        /// Those that it must have.
        needed: i32,
    },
    /// Nobody has formatted the segment in time.
    #[error("the segment was not formatted within {milliseconds} ms")]
    Timeout {
        /// How long it was waited for.
        milliseconds: u64,
    },
    /// A name with a slash, or an empty one.
    #[error("`{0}` is no name of a segment: a name is one path component")]
    Name(String),
    /// The file of this name is not one that this user made for itself alone.
    #[error("the segment's file belongs to user {uid} with mode {mode:o}; it must be this user's alone")]
    Owner {
        /// The user whose file it is.
        uid: u32,
        /// Its type and permissions.
        mode: u32,
    },
    /// The message that should have brought the segment did not.
    #[error("the socket brought {bytes} bytes and {files} files, not 1 and 1")]
    Message {
        /// Bytes received.
        bytes: usize,
        /// Files received.
        files: usize,
    },
    /// The system refused.
    #[error("{call}: {error}")]
    System {
        /// The system call.
        call: &'static str,
        /// What it said.
        error: io::Error,
    },
}

/// Why a handle leads to no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandleError {
    /// It leads out of the sector.
    #[error("unit {unit} is outside the sector's {limit} units")]
    Outside {
        /// The unit of the handle.
        unit: u32,
        /// The units of the sector.
        limit: u64,
    },
    /// No block begins there.
    #[error("no block begins at unit {unit}")]
    NoBlock {
        /// The unit of the handle.
        unit: u32,
    },
    /// The block was given back; another may stand there by now.
    #[error("the handle to unit {} is stale: generation {}, and the unit has {current}", handle.unit, handle.generation)]
    Stale {
        /// The handle.
        handle: Handle,
        /// The generation of what is there now.
        current: u32,
    },
    /// The block is there, but not in the state that this step begins with.
    #[error("the block at unit {unit} is {found:?}, owner {owner}, not {expected:?} and free to take")]
    State {
        /// The unit of the handle.
        unit: u32,
        /// The state of the block.
        found: State,
        /// The owner of the block; 0 is nobody.
        owner: u8,
        /// The state in which the step finds a block.
        expected: State,
    },
}

/// An access that does not lie within a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{length} bytes at {offset} are not within the block's {limit}")]
pub struct RangeError {
    /// Where the access begins, in bytes from the block's first.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The block's size in bytes.
    pub limit: u64,
}
