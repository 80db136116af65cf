//! A segment that processes share: the slots by which they own blocks, who lives, and who settles what the dead have left.

mod bootstrap;
mod system;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use crate::arena::slot_words;
use crate::error::ArenaError;
use crate::layout::{MAX_PROCESSES, slot};
use crate::sector::{Recovered, Sector};
use crate::segment::Segment;

/// What ties an arena to its file. A process lives as long as the lock of its slot is held, and the system ends the lock
/// with the process.
#[derive(Debug)]
pub(crate) struct Link {
    /// The file as it was made or received: to be sent on. No lock is held through it.
    file: File,
    /// The same file, opened anew: the locks of this process.
    locks: File,
    /// Threads of one process share its locks, so these keep them apart.
    recovering: Mutex<()>,
}

/// A process that has a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its slot, by which it owns blocks.
    pub owner: u8,
    /// Its number, as it knew it itself.
    pub pid: u32,
    /// When it was started, in clock ticks since the machine was.
    pub start_time: u64,
    /// Whether it lives. What a dead one owned is still to be recovered.
    pub is_alive: bool,
}

const USED: u64 = 1;
const PID_SHIFT: u32 = 32;

impl Link {
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Takes a slot. One whose process has died is settled first.
    fn enter(file: File, sector: &Sector<Segment>) -> Result<(Self, u8), ArenaError> {
        let locks = system::reopen(&file)?;
        for owner in 1..=MAX_PROCESSES {
            if !system::try_lock(&locks, owner)? {
                continue;
            }
            let words = slot_words(sector.memory(), owner);
            if words[slot::PROCESS].load(Ordering::Acquire) & USED != 0 {
                sector.settle(owner, owner);
            }
            words[slot::START_TIME].store(system::start_time(), Ordering::Relaxed);
            words[slot::PROCESS].store(u64::from(std::process::id()) << PID_SHIFT | USED, Ordering::Release);
            let link = Self { file, locks, recovering: Mutex::new(()) };
            link.recover(sector, owner);
            return Ok((link, owner));
        }
        Err(ArenaError::TooManyProcesses { limit: MAX_PROCESSES })
    }

    /// Leaves the slot. What this process still owns was forgotten, and is settled as if it had died. Its lock ends here.
    pub(crate) fn leave(self, sector: &Sector<Segment>, owner: u8) {
        sector.settle(owner, owner);
        slot_words(sector.memory(), owner)[slot::PROCESS].store(0, Ordering::Release);
        drop(self);
    }

    /// Settles what the processes of other slots have left that have died.
    pub(crate) fn recover(&self, sector: &Sector<Segment>, owner: u8) -> Recovered {
        let _turn = self.recovering.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total = Recovered::default();
        for dead in (1..=MAX_PROCESSES).filter(|&other| other != owner) {
            let process = &slot_words(sector.memory(), dead)[slot::PROCESS];
            let is_used = || process.load(Ordering::Acquire) & USED != 0;
            // A system that cannot lock says nothing about the dead: they are left for later.
            if !is_used() || !system::try_lock(&self.locks, dead).unwrap_or(false) {
                continue;
            }
            // While it was locked by another it may have been settled.
            if is_used() {
                let settled = sector.settle(dead, owner);
                process.store(0, Ordering::Release);
                total.processes += settled.processes;
                total.runs += settled.runs;
                total.blocks += settled.blocks;
            }
            // An error leaves the slot to this process until it ends.
            let _ = system::unlock(&self.locks, dead);
        }
        total
    }

    fn processes(&self, sector: &Sector<Segment>, owner: u8) -> Result<Vec<Process>, ArenaError> {
        let mut processes = Vec::new();
        for other in 1..=MAX_PROCESSES {
            let words = slot_words(sector.memory(), other);
            let process = words[slot::PROCESS].load(Ordering::Acquire);
            if process & USED != 0 {
                #[allow(clippy::cast_possible_truncation, reason = "the upper half")]
                let pid = (process >> PID_SHIFT) as u32;
                let is_alive = other == owner || system::is_locked(&self.locks, other)?;
                let start_time = words[slot::START_TIME].load(Ordering::Relaxed);
                processes.push(Process { owner: other, pid, start_time, is_alive });
            }
        }
        Ok(processes)
    }
}
