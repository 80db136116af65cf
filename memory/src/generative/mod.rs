//! Generative memory: 2^64 cells that a seed makes, of which only those that were written take space.
//!
//! A [`Context`] is a seed and an overlay of written cells; [`travertine_vrns`] makes the rest. Contexts of a [`Space`] can show each other's
//! cells, unchanged or changed. [`persistence`] keeps what was written. The rest are addresses and orders: the seeded order of all
//! indices ([`monotonic`], [`search`]), the [`bridge`], [`filter`]s, the Hilbert curve and residues ([`trinity`]), folders of files
//! ([`archetype`]), tenants ([`Manager`]) and arrays ([`Allocator`]).
//!
//! Content is a linear sequence that tells its seed: **never use it as randomness.** `docs/generative.md` has all rules and formats.
//! What is computed in binary64 (numbers of cells, morphs, [`search`]) is for the host: single operations of IEEE 754, rounded to
//! nearest, in the written order. What the machine relies on is integers.
//!
//! ```
//! use travertine_memory::generative::{Context, to_cell};
//!
//! let mut context = Context::new(12_345);
//! let before = context.fetch(42);
//! context.write(42, to_cell(3.14))?;
//! assert_eq!(context.fetch(42), 0x4048_F5C3);
//! assert_ne!(context.fetch(42), before);
//! assert_eq!(context.overlay().len(), 1);
//! # Ok::<(), travertine_memory::generative::QuotaError>(())
//! ```

mod allocator;
pub mod archetype;
pub mod bridge;
mod cell;
mod context;
pub mod filter;
pub mod hashing;
mod manager;
mod monotonic;
mod morph;
mod overlay;
pub mod persistence;
mod search;
mod space;
pub mod trinity;
mod zmask;

pub use allocator::{Allocator, AllocatorError, seed_of_size};
pub use cell::{NAN_CELL, synthesized_f64, to_cell, to_f64};
pub use context::Context;
pub use manager::{Manager, path as tenant_path};
pub use monotonic::{lower_bound, monotonic, order_key, to_fraction};
pub use morph::{Morph, MorphError, MorphMode};
pub use overlay::{Overlay, QuotaError};
pub use search::{Found, NanError, search};
pub use space::{ContextId, DEPTH_LIMIT, Space, SpaceError, SpaceLimits};
pub use travertine_vrns as vrns;
pub use zmask::{CHUNK_CELLS, CHUNK_PAGES, CHUNKS, TRACKED_CELLS, ZMask, split};
