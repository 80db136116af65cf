//! What the tests that cross crates share: the fixtures with what they must answer. The tests themselves lie in `tests/`.

pub mod fixtures;
mod random;

pub use random::Random;
