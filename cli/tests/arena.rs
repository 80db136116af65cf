//! `travertine arena`: a segment under load, seen by another process.
#![cfg(target_os = "linux")]

mod common;

use common::{Sandbox, keys};

#[test]
fn a_segment_under_load_heals_and_says_so() {
    let sandbox = Sandbox::new();
    let arguments = ["arena", "stress", "--pages", "2048", "--threads", "3", "--seconds", "1"];
    let report = sandbox.run(arguments.into_iter().chain(["--json"])).expect(0).json();
    let expected = [
        "healed",
        "loaded",
        "milliseconds",
        "operations",
        "operations_per_second",
        "overwritten",
        "refused",
        "threads",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!((&report["healed"], &report["overwritten"]), (&true.into(), &0.into()));
    let runs = report["loaded"]["runs"].as_array().unwrap();
    let pages: u64 = runs.iter().map(|run| run["pages"].as_u64().unwrap()).sum();
    assert_eq!((pages, report["loaded"]["processes"].as_array().unwrap().len()), (2048, 1));
    let text = sandbox.run(arguments).expect(0).stdout;
    assert!(text.starts_with("ok: every block kept its stamp\n"), "{text}");
    assert!(text.contains("picture, 4 pages to a character\n"), "{text}");
}

#[test]
fn another_process_sees_a_named_segment() {
    let name = format!("travertine-cli-test-{}", std::process::id());
    let arena =
        travertine_arena::Arena::open_or_create(&name, 512, std::time::Duration::from_secs(5)).unwrap();
    let run = arena.allocate(100 * 4096).unwrap();
    let _block = arena.allocate(50).unwrap();
    let sandbox = Sandbox::new();
    let report = sandbox.run(["arena", "inspect", &name, "--json"]).expect(0).json();
    assert_eq!(
        (&report["pages"], &report["slabs"], &report["used_blocks"]),
        (&512.into(), &1.into(), &1.into())
    );
    assert_eq!(report["runs"][0]["kind"], "allocated");
    assert_eq!((&report["runs"][0]["pages"], &report["runs"][0]["owner"]), (&100.into(), &1.into()));
    assert_eq!(report["processes"].as_array().unwrap().len(), 2);
    let text = sandbox.run(["arena", "inspect", &name]).expect(0).stdout;
    assert!(text.contains(&format!("  {}{}", "#".repeat(64), "\n")), "{text}");
    assert!(text.contains(&format!("{:>10}  alive", std::process::id())), "{text}");
    drop(run);
    travertine_arena::Arena::unlink(&name).unwrap();
    sandbox.run(["arena", "inspect", &name]).refused("open: No such file");
    sandbox.run(["arena", "inspect", "a/b"]).refused("a/b");
}
