//! Decides whether the threaded engine's handlers may call each other in tail position: only where the optimizer turns
//! such calls into jumps. Everywhere else a loop calls them one by one, so that the host's stack never grows.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tail_calls)");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name| env::var(name).unwrap_or_default();
    let is_optimized = matches!(variable("OPT_LEVEL").as_str(), "2" | "3" | "s" | "z");
    let is_known_target = matches!(variable("CARGO_CFG_TARGET_ARCH").as_str(), "x86_64" | "aarch64")
        && variable("CARGO_CFG_TARGET_FAMILY").contains("unix");
    // Instrumentation puts code behind the calls.
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    let is_instrumented = ["sanitizer", "instrument-coverage", "profile-generate", "opt-level"]
        .iter()
        .any(|flag| flags.contains(flag));
    let is_interpreted = env::var_os("CARGO_CFG_MIRI").is_some();
    if is_optimized && is_known_target && !is_instrumented && !is_interpreted {
        println!("cargo::rustc-cfg=tail_calls");
    }
}
