//! The machine against `qemu-riscv64`: the fixtures that use only `write` and `exit`, random programs that end well, and
//! random programs that trap; and the engines against each other. Where qemu is not installed, what needs it is skipped in words.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod compare;
mod engines;
mod faults;
mod fixtures;
mod fusion;
mod programs;
