//! What the tests that cross crates share: the fixtures with what they must answer, a writer of ELF files and the places
//! of their fields, a generator of random programs, the runner of `qemu-riscv64` and that of the machine, a model of the places of pages. The tests
//! themselves lie in `tests/`.

pub mod chaos;
pub mod elf;
pub mod fixtures;
pub mod generator;
pub mod hostile_elf;
pub mod lockstep;
pub mod machine;
pub mod places;
pub mod qemu;
mod random;
pub mod wanderer;

pub use random::Random;
