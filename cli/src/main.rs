//! The `travertine` command.
fn main() {}
