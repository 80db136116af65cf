//! The machine's public interface, driven by small programs that the tests assemble themselves.

mod allocation;
mod assembler;
mod engines;
mod execution;
mod generative;
mod host;
mod lifecycle;
mod snapshot;
mod sparse;
mod substrate;
