//! The threaded engine against the reference, on programs without sense: everything that can be seen is equal.
//!
//! `cargo +nightly fuzz run engines fuzz/corpus/engines fuzz/seeds/engines`

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use travertine_tests::lockstep::{check, engine};
use travertine_tests::{Random, chaos};
use travertine_vm::{Engine, EngineKind};

static ENGINES: LazyLock<(Engine, Engine)> =
    LazyLock::new(|| (engine(EngineKind::Reference), engine(EngineKind::Threaded)));

fuzz_target!(|bytes: &[u8]| {
    let program = ENGINES.0.load(&chaos::program(bytes)).expect("the file is well formed");
    let length = u64::try_from(bytes.len()).expect("64 bits");
    if let Err(what) = check(&program, &ENGINES, &mut Random::new(length)) {
        panic!("{what}");
    }
});
