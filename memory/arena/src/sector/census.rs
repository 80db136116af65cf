//! Looking at a sector without changing it: its runs, statistics, and the check of its invariants.

use super::{Sector, slabs::Slab};
use crate::class::PAGE_UNITS;
use crate::descriptor::{Descriptor, NOBODY, State};
use crate::layout::{PAGE_BYTES, UNIT_BYTES};
use crate::memory::{Atomic, Memory};

/// What a run of pages is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunKind {
    /// Free.
    Free,
    /// Allocated to a process, or to nobody (0) while it is handed over.
    Allocated {
        /// The slot of the process.
        owner: u8,
    },
    /// Given back, but not yet made free.
    Acked,
    /// A process is at work on it.
    Busy {
        /// The slot of the process.
        owner: u8,
    },
    /// Divided into blocks.
    Slab {
        /// Bytes in a block.
        block_bytes: u32,
        /// The number of blocks.
        blocks: u32,
        /// Those that are not free.
        used: u32,
    },
    /// Its words make no sense: it was changed while it was looked at, or by a hostile peer.
    Unknown,
}

/// One run of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSummary {
    /// Its first page.
    pub page: u32,
    /// Its length in pages.
    pub pages: u32,
    /// What it is.
    pub kind: RunKind,
}

/// Counts over a sector. Exact at rest; while others are at work each count was true at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    /// Pages of the sector.
    pub pages: u64,
    /// Pages in free runs.
    pub free_pages: u64,
    /// Free runs.
    pub free_runs: u64,
    /// Pages of the largest free run.
    pub largest_free_pages: u64,
    /// Runs that are allocated or acked.
    pub allocated_runs: u64,
    /// Slabs.
    pub slabs: u64,
    /// Blocks of slabs that are not free.
    pub used_blocks: u64,
    /// Blocks of slabs that are free.
    pub free_blocks: u64,
    /// Allocations, as far as they have been reported.
    pub allocations: u64,
    /// Blocks given back, as far as they have been reported.
    pub frees: u64,
    /// Requests that were refused for want of memory.
    pub failures: u64,
}

impl Statistics {
    /// The part of the free pages that is not in the largest free run: 0 is none, and at most below 1.
    #[allow(clippy::cast_precision_loss, reason = "pages have 21 bits")]
    pub fn fragmentation(&self) -> f64 {
        if self.free_pages == 0 {
            return 0.0;
        }
        1.0 - self.largest_free_pages as f64 / self.free_pages as f64
    }
}

/// What [`Arena::audit`](crate::Arena::audit) found wrong, by the number of places. All are zero at rest, unless a hostile
/// peer wrote into the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Audit {
    /// Pages that no run covers.
    pub uncovered: u64,
    /// Free runs behind free runs.
    pub unmerged: u64,
    /// Runs and blocks that somebody is at work on.
    pub busy: u64,
    /// Free runs whose tail does not lead to their head.
    pub bad_tails: u64,
    /// Words inside a run that are not dead.
    pub stray_heads: u64,
    /// Words of blocks that do not belong to their slab.
    pub bad_blocks: u64,
}

impl Audit {
    /// Whether nothing was wrong.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl<M: Memory> Sector<M> {
    /// The runs from the first page to the last.
    pub(crate) fn runs(&self) -> impl Iterator<Item = RunSummary> + '_ {
        let mut page = 0;
        std::iter::from_fn(move || {
            (page < self.geometry.pages).then(|| {
                let summary = self.summary(page);
                page += summary.pages;
                summary
            })
        })
    }

    fn summary(&self, page: u32) -> RunSummary {
        let word = self.load(page);
        let Some(pages) = word.run_length(page, self.geometry.pages) else {
            return RunSummary { page, pages: 1, kind: RunKind::Unknown };
        };
        let owner = word.owner();
        let kind = match word.state() {
            State::Free => RunKind::Free,
            State::Allocated => RunKind::Allocated { owner },
            State::Acked => RunKind::Acked,
            State::Coalescing => RunKind::Busy { owner },
            State::Slab | State::Retiring => self.slab_at(page).map_or(RunKind::Unknown, |(slab, _)| {
                let used = self.blocks(&slab).filter(|(_, word)| word.state() != State::Free).count();
                RunKind::Slab {
                    block_bytes: slab.shape.units * UNIT_BYTES,
                    blocks: slab.shape.blocks,
                    used: u32::try_from(used).unwrap_or(u32::MAX),
                }
            }),
            State::Dead => RunKind::Unknown,
        };
        RunSummary { page, pages, kind }
    }

    fn blocks(&self, slab: &Slab) -> impl Iterator<Item = (u32, Descriptor)> + '_ {
        slab.slots().map(|slot| (slot, Descriptor(self.block(slot).load())))
    }

    /// Counts what there is.
    pub(crate) fn statistics(&self) -> Statistics {
        let mut counts = Statistics { pages: u64::from(self.geometry.pages), ..Statistics::default() };
        for RunSummary { pages, kind, .. } in self.runs() {
            match kind {
                RunKind::Free => {
                    counts.free_pages += u64::from(pages);
                    counts.free_runs += 1;
                    counts.largest_free_pages = counts.largest_free_pages.max(u64::from(pages));
                }
                RunKind::Allocated { .. } | RunKind::Acked => counts.allocated_runs += 1,
                RunKind::Slab { blocks, used, .. } => {
                    counts.slabs += 1;
                    counts.used_blocks += u64::from(used);
                    counts.free_blocks += u64::from(blocks - used);
                }
                RunKind::Busy { .. } | RunKind::Unknown => {}
            }
        }
        counts
    }

    /// Checks the invariants that hold at rest.
    pub(crate) fn audit(&self) -> Audit {
        let mut audit = Audit::default();
        let mut was_free = false;
        for RunSummary { page, pages, kind } in self.runs() {
            let is_free = kind == RunKind::Free;
            audit.uncovered += u64::from(kind == RunKind::Unknown);
            audit.busy += u64::from(matches!(kind, RunKind::Busy { .. }));
            audit.unmerged += u64::from(is_free && was_free);
            audit.bad_tails += u64::from(is_free && self.tail(page + pages - 1).0 != page);
            let is_stray = |&inside: &u32| self.load(inside).state() != State::Dead;
            audit.stray_heads += (page + 1..page + pages).filter(is_stray).count() as u64;
            if matches!(kind, RunKind::Slab { .. }) {
                self.audit_slab(page, &mut audit);
            }
            was_free = is_free;
        }
        audit
    }

    fn audit_slab(&self, page: u32, audit: &mut Audit) {
        let Some((slab, word)) = self.slab_at(page) else { return };
        audit.busy += u64::from(word.state() == State::Retiring);
        for (slot, word) in self.blocks(&slab) {
            let is_own =
                self.slab_of(slot, word).is_some_and(|of| (of.page, of.class) == (slab.page, slab.class));
            audit.bad_blocks += u64::from(!is_own || word.state() == State::Dead);
            audit.busy += u64::from(word.state() == State::Coalescing);
        }
    }

    /// Whether a request for so many bytes could be served by what is free now: a plain walk over everything, which
    /// shares nothing with the search.
    #[cfg(test)]
    pub(crate) fn could_serve(&self, bytes: u64) -> bool {
        let pages = bytes.div_ceil(u64::from(PAGE_BYTES)).max(1);
        (0..self.geometry.pages)
            .any(|page| self.free_length(page).is_some_and(|length| u64::from(length) >= pages))
            || (0..self.geometry.pages).filter_map(|page| self.slab_at(page)).any(|(slab, _)| {
                crate::class::class_of(bytes).is_some_and(|class| slab.class >= class)
                    && self.blocks(&slab).any(|(_, word)| word.state() == State::Free)
            })
    }
}

/// What the segment knows about a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockInfo {
    /// Its size in bytes, which is at least what was asked for.
    pub bytes: u64,
    /// Allocated or acked.
    pub state: State,
    /// The slot of the process that owns it; `None` while it is handed over.
    pub owner: Option<u8>,
}

impl super::Allocated {
    pub(crate) fn info(&self) -> BlockInfo {
        let owner = self.word.owner();
        BlockInfo {
            bytes: u64::from(self.units) * u64::from(UNIT_BYTES),
            state: self.word.state(),
            owner: (owner != NOBODY).then_some(owner),
        }
    }
}

const _: () = assert!(PAGE_UNITS * UNIT_BYTES == PAGE_BYTES);
