//! The fixtures that use only `write` and `exit`. That the machine does with them what is expected, too, is tested with
//! all other fixtures.

use travertine_tests::fixtures;
use travertine_tests::qemu::{self, Qemu, say_skipped};

use crate::compare::folder;

/// The programs that need Zicond.
const WITH_ZICOND: &[&str] = &["conditional"];

#[test]
fn qemu_does_with_the_fixtures_what_is_expected() {
    let Some(qemu) = Qemu::find(folder()) else { return };
    for program in fixtures::programs() {
        let name = program.name.as_str();
        if WITH_ZICOND.contains(&name) && !qemu.has_zicond() {
            say_skipped(&format!("{name} needs Zicond, which this qemu-riscv64 lacks"));
            continue;
        }
        let [expected] = &program.calls[..] else { panic!("{name} is run once") };
        let found = qemu.run(&program.elf).unwrap();
        let qemu::Ending::Exit(code) = found.ending else { panic!("{name} ends by {:?}", found.ending) };
        let ending = fixtures::Ending::Exited(u64::try_from(code).unwrap());
        assert_eq!(
            (ending, found.stdout),
            (expected.ending.clone(), expected.debug.clone().into_bytes()),
            "{name}"
        );
    }
}
