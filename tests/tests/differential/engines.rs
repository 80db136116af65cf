//! The threaded engine against the reference: every fixture, random programs that end for certain, programs without sense,
//! and the kept seeds of the fuzz target; in slices of random size, with changes of engine, with too little gas.
//!
//! `TRAVERTINE_ENGINE_PROGRAMS=100000` runs so many random programs of each sort.

use std::sync::atomic::{AtomicU64, Ordering};

use travertine_tests::generator::{Ending, Fault, Repertoire, generate};
use travertine_tests::lockstep::{check, engine, lockstep};
use travertine_tests::machine::Coverage;
use travertine_tests::{Random, chaos, fixtures, wanderer};
use travertine_vm::{Call, Engine, EngineKind, Outcome, RunLimit};

use crate::compare::check_seeds;

/// How many programs of each sort are run by default.
const PROGRAMS: u64 = 1_200;

fn programs() -> u64 {
    let wanted = std::env::var("TRAVERTINE_ENGINE_PROGRAMS").ok();
    wanted.map_or(PROGRAMS, |count| count.parse().expect("TRAVERTINE_ENGINE_PROGRAMS is a number"))
}

fn engines() -> (Engine, Engine) {
    (engine(EngineKind::Reference), engine(EngineKind::Threaded))
}

#[test]
fn engines_agree_on_random_programs() {
    let engines = engines();
    let repertoire = Repertoire::new(true);
    let slices = AtomicU64::new(0);
    check_seeds("engines_agree", programs(), |seed| {
        let mut random = Random::new(seed);
        let ending = match random.below(3) {
            0 => Ending::Fault(random.pick(Fault::ALL)),
            _ => Ending::Exit,
        };
        let program = generate(seed, &repertoire, ending);
        let loaded = engines.0.load(&program.elf).map_err(|error| error.to_string())?;
        let run = check(&loaded, &engines, &mut random);
        slices.fetch_add(
            u64::from(run.map_err(|what| format!("{what}\n{}", program.listing()))?),
            Ordering::Relaxed,
        );
        Ok(Coverage::default())
    });
    println!("{} programs, {slices:?} slices", programs());
}

#[test]
fn engines_agree_on_programs_that_wander_among_pages() {
    let engines = engines();
    for seed in 0..programs() / 60 {
        let mut random = Random::new(seed);
        let program = engines.0.load(&wanderer::program(&mut random)).unwrap();
        let mut machines = (engines.0.instantiate(&program), engines.1.instantiate(&program));
        for gas_limit in [random.below(4_000_000), u64::MAX] {
            let call = Call::new([], gas_limit);
            let run = lockstep(&mut machines.0, &mut machines.1, &call, &mut random);
            assert!(run.is_ok(), "seed {seed}: {run:?}");
        }
    }
}

#[test]
fn engines_agree_on_programs_without_sense() {
    let engines = engines();
    let slices = AtomicU64::new(0);
    check_seeds("engines_agree", programs(), |seed| {
        let mut random = Random::new(seed);
        let length = random.pick(&[60, 400, 3_000, 9_000]);
        let bytes: Vec<u8> = (0..length).map(|_| random.bits().to_le_bytes()[7]).collect();
        slices.fetch_add(u64::from(check_chaos(&engines, &bytes, &mut random)?), Ordering::Relaxed);
        Ok(Coverage::default())
    });
    println!("{} programs, {slices:?} slices", programs());
}

fn check_chaos(engines: &(Engine, Engine), bytes: &[u8], random: &mut Random) -> Result<u32, String> {
    let loaded = engines.0.load(&chaos::program(bytes)).map_err(|error| error.to_string())?;
    check(&loaded, engines, random)
}

#[test]
fn engines_agree_on_the_seeds_of_the_fuzz_target() {
    let engines = engines();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/engines");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for seed in 0..4 {
            let run = check_chaos(&engines, &bytes, &mut Random::new(seed));
            assert!(run.is_ok(), "{}, random seed {seed}: {run:?}", path.display());
        }
        count += 1;
    }
    assert!(count > 0, "there are seeds");
}

#[test]
fn engines_agree_on_every_fixture() {
    let engines = engines();
    for fixture in fixtures::all() {
        let program = engines.0.load(&fixture.elf).unwrap();
        let machine = |engine: &Engine| fixture.in_block(engine.instantiate(&program));
        let mut machines = (machine(&engines.0), machine(&engines.1));
        for (number, call) in fixture.calls.iter().enumerate() {
            let mut whole = machines.clone();
            for seed in 0..6 {
                let mut random = Random::new(seed);
                let mut sliced = machines.clone();
                let run = lockstep(&mut sliced.0, &mut sliced.1, &call.call, &mut random);
                assert!(run.is_ok(), "{}, call {number}, seed {seed}: {run:?}", fixture.name);
            }
            let settled = [&mut whole.0, &mut whole.1]
                .map(|machine| machine.call(&call.call, &mut fixtures::Console::default()).unwrap());
            assert_eq!(settled[0], settled[1], "{}, call {number}", fixture.name);
            machines = whole;
        }
    }
}

/// The kernels of `benches/kernels`: what native code computes, `checksums` says.
#[test]
fn the_threaded_engine_computes_the_checksums_of_native_kernels() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/kernels");
    let checksums = std::fs::read_to_string(format!("{folder}/checksums")).unwrap();
    let engine = engine(EngineKind::Threaded);
    for line in checksums.lines() {
        let (name, checksum) = line.split_once(' ').unwrap();
        let elf = std::fs::read(format!("{folder}/rv64/{name}.elf")).unwrap();
        let mut machine = engine.instantiate(&engine.load(&elf).unwrap());
        let mut console = fixtures::Console::default();
        machine.begin(&Call::new([], u64::MAX)).unwrap();
        let outcome = machine.run(&mut console, RunLimit::NONE).unwrap();
        assert_eq!(outcome, Outcome::Halted { exit: 0 }, "{name}");
        let expected = u64::from_str_radix(checksum, 16).unwrap();
        assert_eq!(console.text, expected.to_le_bytes(), "{name}");
    }
    assert_eq!(checksums.lines().count(), 10);
}
