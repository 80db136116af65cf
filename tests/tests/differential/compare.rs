//! Running one generated program everywhere, and telling what differs.

use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use travertine_opcodes::REGISTER_NAMES;
use travertine_tests::Random;
use travertine_tests::generator::{Ending, Program, REGISTERS_OFFSET, Repertoire, SCRATCH_BYTES, generate};
use travertine_tests::machine::{self, Coverage, Finished};
use travertine_tests::qemu::{self, Qemu};
use travertine_vm::{Engine, Outcome};

/// Where the tests put the programs that qemu runs.
pub(crate) fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Checks every seed below `count`, or the one in the environment variable `TRAVERTINE_SEED`; on all processors.
/// Returns what was executed, unless only one seed ran.
///
/// # Panics
/// With the reports of the first failures.
pub(crate) fn check_seeds(
    name: &str,
    count: u64,
    check: impl Fn(u64) -> Result<Coverage, String> + Sync,
) -> Option<Coverage> {
    let only: Option<u64> =
        std::env::var("TRAVERTINE_SEED").ok().map(|seed| seed.parse().expect("TRAVERTINE_SEED is a number"));
    let (first, end) = only.map_or((0, count), |seed| (seed, seed + 1));
    let next = AtomicU64::new(first);
    let results = Mutex::new((Coverage::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let result = check(seed);
                    let mut results = results.lock().unwrap();
                    match result {
                        Ok(coverage) => results.0.add(&coverage),
                        Err(report) => results.1.push((seed, report)),
                    }
                }
            });
        }
    });
    let (coverage, mut failures) = results.into_inner().unwrap();
    failures.sort();
    let mut text = String::new();
    for (seed, report) in failures.iter().take(2) {
        let hint = format!(
            "TRAVERTINE_SEED={seed} cargo test --release -p travertine-tests --test differential {name}"
        );
        write!(text, "\nseed {seed}: {report}\nto run it alone: {hint}\n").unwrap();
    }
    let seeds: Vec<u64> = failures.iter().map(|failure| failure.0).collect();
    assert!(
        failures.is_empty(),
        "{} of {} programs differ, with seeds {seeds:?}{text}",
        seeds.len(),
        end - first
    );
    only.is_none().then_some(coverage)
}

/// Generates the program of a seed, runs it under qemu and three times on the machine: at once, in slices and in
/// steps, and compares everything that can be seen. `is_same_ending` says whether the ends match.
///
/// # Errors
/// What differs, and the program.
pub(crate) fn check_program(
    qemu: &Qemu,
    repertoire: &Repertoire,
    seed: u64,
    ending: Ending,
    is_same_ending: impl Fn(Outcome, qemu::Ending) -> bool,
) -> Result<Coverage, String> {
    let program = generate(seed, repertoire, ending);
    let with_listing = |what: String| format!("{what}\n{}", program.listing());
    let loaded = Engine::default().load(&program.elf).map_err(|error| with_listing(error.to_string()))?;
    let ours = machine::run(&loaded);
    let oracle = qemu.run(&program.elf).expect("qemu-riscv64 runs");
    if !is_same_ending(ours.outcome, oracle.ending) {
        return Err(with_listing(format!(
            "the program {}, under qemu it ends by {:?}",
            ours.outcome, oracle.ending
        )));
    }
    if oracle.stdout.len() as u64 != SCRATCH_BYTES {
        return Err(with_listing(format!("{} bytes of output, not {SCRATCH_BYTES}", oracle.stdout.len())));
    }
    if ours.stdout != oracle.stdout {
        return Err(with_listing(differences(&program, &ours.stdout, &oracle.stdout)));
    }
    let slices = machine::run_in_slices(&loaded, &mut Random::new(seed));
    let (steps, coverage) = machine::run_in_steps(&loaded);
    for (way, other) in [("slices", &slices), ("steps", &steps)] {
        if (&other.receipt, &other.stdout) != (&ours.receipt, &ours.stdout) {
            return Err(with_listing(format!("run in {way}, it gives another receipt or output")));
        }
    }
    check_settled(&program, &ours).map_err(with_listing)?;
    Ok(coverage)
}

/// The settled memory is what the program wrote last, if it succeeded.
fn check_settled(program: &Program, ours: &Finished) -> Result<(), String> {
    let mut settled = vec![0; ours.stdout.len()];
    let peeked = ours.machine.peek(program.scratch, &mut settled);
    peeked.map_err(|fault| fault.to_string())?;
    if ours.outcome.is_success() && settled != ours.stdout {
        return Err("the settled memory is not what the program had at its end".to_owned());
    }
    Ok(())
}

/// The registers and the first bytes in which two dumps of the scratch memory differ.
fn differences(program: &Program, ours: &[u8], oracle: &[u8]) -> String {
    let mut text = "registers and memory at the end:\n".to_owned();
    if ours.len() != oracle.len() {
        write!(text, "  {} bytes of output, under qemu {}", ours.len(), oracle.len()).unwrap();
        return text;
    }
    let registers =
        usize::try_from(REGISTERS_OFFSET).unwrap()..usize::try_from(REGISTERS_OFFSET + 256).unwrap();
    let word = |dump: &[u8], number: usize| {
        let bytes = &dump[registers.clone()][8 * number..8 * number + 8];
        u64::from_le_bytes(bytes.try_into().unwrap())
    };
    for (number, name) in REGISTER_NAMES.iter().enumerate() {
        let (ours, oracle) = (word(ours, number), word(oracle, number));
        if ours != oracle {
            writeln!(text, "  {name}: {ours:#x}, under qemu {oracle:#x}").unwrap();
        }
    }
    let bytes = ours.iter().zip(oracle).enumerate();
    let differing =
        bytes.filter(|&(position, (ours, oracle))| ours != oracle && !registers.contains(&position));
    for (position, (ours, oracle)) in differing.take(16) {
        writeln!(text, "  {:#x}: {ours:#04x}, under qemu {oracle:#04x}", program.scratch + position as u64)
            .unwrap();
    }
    text
}
