//! The fixtures that use only `write` and `exit`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use travertine_tests::machine;
use travertine_tests::qemu::{Ending, Finished, Qemu, say_skipped};
use travertine_vm::{Engine, Outcome};

use crate::compare::folder;

/// The programs that need Zicond.
const WITH_ZICOND: &[&str] = &["conditional"];

struct Program {
    name: String,
    elf: PathBuf,
    expected: Finished,
}

fn programs() -> Vec<Program> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").canonicalize().unwrap();
    let text = std::fs::read_to_string(fixtures.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let program = |one: &Value| {
        let name = one["name"].as_str().unwrap().to_owned();
        let code = i32::try_from(one["exit_code"].as_i64().unwrap()).unwrap();
        let stdout = one["stdout"].as_str().unwrap().as_bytes().to_vec();
        let elf = fixtures.join("contracts").join(&name).join(format!("{name}.elf"));
        Program { name, elf, expected: Finished { ending: Ending::Exit(code), stdout } }
    };
    let programs: Vec<Program> = expected["programs"].as_array().unwrap().iter().map(program).collect();
    assert!(programs.len() >= 7, "expected.json lists the programs");
    programs
}

#[test]
fn fixtures_do_what_is_expected() {
    for program in programs() {
        let loaded = Engine::default().load(&std::fs::read(&program.elf).unwrap()).unwrap();
        let ours = machine::run(&loaded);
        let Outcome::Halted { exit } = ours.outcome else { panic!("{}: it {}", program.name, ours.outcome) };
        let ending = Ending::Exit(i32::try_from(exit).unwrap());
        assert_eq!(Finished { ending, stdout: ours.stdout }, program.expected, "{}", program.name);
    }
}

#[test]
fn qemu_does_with_the_fixtures_what_is_expected() {
    let Some(qemu) = Qemu::find(folder()) else { return };
    for program in programs() {
        if WITH_ZICOND.contains(&program.name.as_str()) && !qemu.has_zicond() {
            say_skipped(&format!("{} needs Zicond, which this qemu-riscv64 lacks", program.name));
            continue;
        }
        assert_eq!(qemu.run_file(&program.elf).unwrap(), program.expected, "{}", program.name);
    }
}
