//! Several processes on one segment, killed at random points. The test starts itself as its children.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers, on 64-bit systems")]

#[path = "../examples/ring/ring.rs"]
mod ring;
#[path = "../examples/ring/run.rs"]
mod run;

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::Duration;

use travertine_arena::{Arena, Handle};

/// Says what a child does.
const ROLE: &str = "TRAVERTINE_ARENA_CHILD";
const PAGES: u64 = 1024;

/// A command that runs this program as a child.
fn child(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test's own file"));
    command
        .args(["--exact", "as_a_child", "--ignored", "--quiet"])
        .env(ROLE, role)
        .stdout(std::process::Stdio::null());
    command
}

#[test]
#[ignore = "the child process that the other tests start; it does nothing on its own"]
fn as_a_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = role.split(' ').collect();
    match words[..] {
        ["work", seed] => work(seed.parse().unwrap()),
        [role, handle, count] => {
            ring::child(role, Handle::from_bits(handle.parse().unwrap()), count.parse().unwrap()).unwrap();
        }
        _ => panic!("no such role: {role}"),
    }
}

/// Allocates, stamps and gives back, by all ways that there are, until it is killed.
fn work(seed: u64) {
    let stream =
        UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().expect("standard input is a socket"));
    let arena = Arena::receive(&stream).expect("the parent sends a segment");
    let (mut heap, mut live, mut state) = (arena.heap(), Vec::new(), seed);
    loop {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let number = state >> 33;
        let bytes = match number % 16 {
            0..12 => number / 16 % 3000,
            12..15 => number / 16 % 60_000,
            _ => number / 16 % 300_000,
        };
        if let Ok(mut block) = heap.allocate(bytes) {
            let length = bytes.min(8) as usize;
            block.write(0, &state.to_le_bytes()[..length]).expect("what is owned can be used");
            live.push((block, state));
        }
        if live.len() > 60 || number % 3 == 0 && !live.is_empty() {
            let (block, stamp) = live.swap_remove((number % live.len() as u64) as usize);
            let mut bytes = [0; 8];
            let length = block.len().min(8) as usize;
            block.read(0, &mut bytes[..length]).expect("what is owned can be used");
            assert_eq!(bytes[..length], stamp.to_le_bytes()[..length], "somebody else wrote here");
            match number % 7 {
                0 => drop(block),
                1 => arena.coalesce(block.ack()).expect("what is owned can be used"),
                2 => arena.trim(),
                _ => heap.free(block),
            }
        }
    }
}

#[test]
fn processes_that_are_killed_at_random_leak_nothing() {
    let rounds = std::env::var("TRAVERTINE_ARENA_KILLS").map_or(40, |text| text.parse().expect("a number"));
    let arena = Arena::create(PAGES).unwrap();
    let start = |seed: u64| -> Child {
        let (own, other) = UnixStream::pair().unwrap();
        arena.send(&own).unwrap();
        child(&format!("work {seed}")).stdin(OwnedFd::from(other)).spawn().unwrap()
    };
    let mut children: Vec<Child> = (0..3).map(start).collect();
    for round in 0..rounds {
        // Between a fraction of a start and some thousand operations.
        std::thread::sleep(Duration::from_micros(3_000 + round * 7_919 % 20_000));
        let which = round as usize % children.len();
        children[which].kill().unwrap();
        assert_eq!(
            children[which].wait().unwrap().code(),
            None,
            "it has found nothing wrong until it was killed"
        );
        children[which] = start(100 + round);
    }
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    arena.recover();
    arena.trim();
    assert_eq!(arena.processes().unwrap().len(), 1);
    assert!(arena.audit().is_clean(), "{:?}", arena.audit());
    let statistics = arena.statistics();
    assert_eq!((statistics.free_pages, statistics.free_runs), (PAGES, 1), "zero pages are leaked");
    assert!(statistics.allocations > 0, "the children have worked");
    arena.allocate(PAGES * 4096).expect("one block spans the sector");
}

#[test]
fn messages_arrive_once_though_both_ends_are_killed() {
    let count =
        std::env::var("TRAVERTINE_ARENA_MESSAGES").map_or(200_000, |text| text.parse().expect("a number"));
    let kills =
        run::run(count, 12, |role, handle| Ok(child(&format!("{role} {} {count}", handle.to_bits()))));
    assert_eq!(kills.unwrap(), 12);
}
