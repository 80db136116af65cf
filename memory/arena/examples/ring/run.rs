//! The parent: starts both processes, kills one now and then and starts it again, and checks what is left.

use std::error::Error;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::Duration;

use travertine_arena::{Arena, Handle};

use crate::ring::{Ring, expected_sum};

/// Pages of the arena: 16 MiB.
const PAGES: u64 = 4096;
const ROLES: [&str; 2] = ["produce", "consume"];

/// Runs `count` messages through a ring, with up to `kills` kills; `command` makes the command of a child with a role. The number of
/// kills.
pub(crate) fn run(
    count: u64,
    kills: u64,
    command: impl Fn(&str, Handle) -> Result<Command, Box<dyn Error>>,
) -> Result<u64, Box<dyn Error>> {
    let arena = Arena::create(PAGES)?;
    let handle = Ring::create(&arena)?;
    let ring = Ring::new(arena.view(handle)?, &arena);
    let start = |role| -> Result<Child, Box<dyn Error>> {
        let (own, other) = UnixStream::pair()?;
        arena.send(&own)?;
        Ok(command(role, handle)?.stdin(OwnedFd::from(other)).spawn()?)
    };
    let mut done = 0;
    let mut children = [start(ROLES[0])?, start(ROLES[1])?];
    // Kills are spread over the messages, at places that have nothing to do with what the children are doing.
    let step = count / (kills + 1);
    while ring.taken() < count && done < kills {
        if ring.taken() < step * (done + 1) {
            for child in &mut children {
                fail_if_failed(child)?;
            }
            std::thread::sleep(Duration::from_micros(200));
            continue;
        }
        let which = usize::from((done * 7 / 3) % 2 == 1);
        children[which].kill()?;
        children[which].wait()?;
        children[which] = start(ROLES[which])?;
        done += 1;
    }
    for child in &mut children {
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("a child ended with {status}").into());
        }
    }
    finish(&arena, handle, count)?;
    Ok(done)
}

fn fail_if_failed(child: &mut Child) -> Result<(), Box<dyn Error>> {
    match child.try_wait()? {
        Some(status) if !status.success() => Err(format!("a child ended with {status}").into()),
        _ => Ok(()),
    }
}

/// Checks that every message had its effect once, and that nothing is left in the arena.
fn finish(arena: &Arena, handle: Handle, count: u64) -> Result<(), Box<dyn Error>> {
    let ring = Ring::new(arena.view(handle)?, arena);
    if (ring.taken(), ring.sum()) != (count, expected_sum(count)) {
        return Err(format!("{} messages with sum {:#x}", ring.taken(), ring.sum()).into());
    }
    arena.free(handle)?;
    arena.recover();
    arena.trim();
    let audit = arena.audit();
    if !audit.is_clean() {
        return Err(format!("{audit:?}").into());
    }
    // Only if no page is leaked does one block span the sector.
    arena.allocate(PAGES * 4096)?;
    Ok(())
}
