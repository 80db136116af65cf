//! A lock-free allocator in memory that processes share.
//!
//! An [`Arena`] is one sector: pages of 4096 bytes, and words beside them that say what each page and block is. It serves
//! page frames and blocks of any size, which processes hand to each other by [`Handle`] without copying. Nothing that it
//! does can change a result of the virtual machine: its contents are never hashed in place, and its addresses never reach
//! a state.
//!
//! ```
//! use travertine_arena::Arena;
//!
//! let arena = Arena::private(256)?;
//! let mut block = arena.allocate(100)?;
//! block.write(0, b"message")?;
//! let handle = block.share(); // a number, to be sent to another thread or process
//!
//! let received = arena.adopt(handle)?;
//! let mut bytes = [0; 7];
//! received.read(0, &mut bytes)?;
//! assert_eq!(&bytes, b"message");
//! drop(received);
//! assert!(arena.adopt(handle).is_err(), "it was given back: the handle is stale");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! On Linux, `Arena::create` makes a segment that other processes receive over a Unix socket, and `Arena::open` one that
//! they find by name. Elsewhere [`Arena::private`] has the same operations within one process.
//!
//! The layout and the protocol are in `docs/arena.md`. Unsafe code is in `segment` (the mapping), `block` (lending plain
//! slices to callers that promise that nobody writes) and `shared::system` (waiting on a word).

mod access;
mod arena;
mod block;
mod class;
mod descriptor;
mod error;
mod heap;
mod index;
mod layout;
mod magazine;
mod memory;
mod sector;
mod segment;
#[cfg(target_os = "linux")]
mod shared;
#[cfg(test)]
mod tests;

pub use arena::Arena;
pub use block::{Block, View};
pub use descriptor::State;
pub use error::{ArenaError, HandleError, RangeError};
pub use heap::Heap;
pub use layout::{MAX_PROCESSES, PAGE_BYTES, UNIT_BYTES};
pub use sector::{Audit, BlockInfo, Handle, Recovered, RunKind, RunSummary, Statistics};
#[cfg(target_os = "linux")]
pub use shared::Process;
