//! Three-dimensional, merkleized, copy-on-write memory.
