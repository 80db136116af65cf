//! The workloads that allocators are compared on: each asks an allocator for blocks and gives them back.
//!
//! They are functions, not recorded lists, because an adversary looks at where its blocks are.

use super::allocator::{Block, Session};
use super::random::Random;

/// Bytes of a page and of a plane.
const KIB: u64 = 1024;
const PAGE: u64 = 4 * KIB;

/// A named workload.
#[derive(Clone, Copy)]
pub(super) struct Workload {
    /// As it is given to `--workload`.
    pub(super) name: &'static str,
    /// One line about it.
    pub(super) about: &'static str,
    pub(super) run: fn(&mut Session<'_>),
}

/// All workloads that need no program.
pub(super) const WORKLOADS: [Workload; 9] = [
    Workload { name: "once", about: "2,000 blocks of 64 B to 32 KiB, none freed", run: once },
    Workload { name: "small-churn", about: "20,000 blocks of 16 to 512 B, 200 live", run: small_churn },
    Workload { name: "mixed-churn", about: "10,000 blocks of 16 B to 64 KiB, 200 live", run: mixed_churn },
    Workload {
        name: "holes-32k",
        about: "every other of 1,024 blocks of 8 KiB freed, then 32 to 64 KiB",
        run: holes_32k,
    },
    Workload { name: "holes-100k", about: "the same, then blocks of 100 to 200 KiB", run: holes_100k },
    Workload {
        name: "doubling",
        about: "32 vectors that double from 256 B to 256 KiB in turns",
        run: doubling,
    },
    Workload { name: "steps-4k", about: "16 buffers that grow by 4 KiB to 256 KiB in turns", run: steps },
    Workload {
        name: "generations",
        about: "12 generations of ever larger blocks, one in 16 stays, pinned",
        run: generations,
    },
    Workload {
        name: "adversary",
        about: "after Robson: keeps the block in every 2^i pages that hinders most",
        run: adversary,
    },
];

fn once(session: &mut Session<'_>) {
    let mut random = Random::new(1);
    for _ in 0..2000 {
        session.allocate(random.size(64, 32 * KIB));
    }
}

fn small_churn(session: &mut Session<'_>) {
    churn(session, &mut Random::new(2), 20_000, 200, 512);
}

fn mixed_churn(session: &mut Session<'_>) {
    churn(session, &mut Random::new(3), 10_000, 200, 64 * KIB);
}

/// Allocates `count` blocks of 16 to `largest` bytes; once `live` are, a random one is freed first.
fn churn(session: &mut Session<'_>, random: &mut Random, count: u64, live: usize, largest: u64) {
    let mut blocks = Vec::with_capacity(live);
    for _ in 0..count {
        if blocks.len() == live {
            session.free(blocks.swap_remove(random.index(live)));
        }
        blocks.push(session.allocate(random.size(16, largest)));
    }
}

fn holes_32k(session: &mut Session<'_>) {
    holes(session, 32 * KIB);
}

fn holes_100k(session: &mut Session<'_>) {
    holes(session, 100 * KIB);
}

/// 8 MiB of 8 KiB blocks of which every other one goes, then blocks of `smallest` to twice that for about the bytes that were freed.
fn holes(session: &mut Session<'_>, smallest: u64) {
    const HOLE: u64 = 8 * KIB;
    let blocks: Vec<Block> = (0..1024).map(|_| session.allocate(HOLE)).collect();
    for pair in blocks.chunks(2) {
        session.free(pair[0]);
    }
    let mut random = Random::new(4);
    let mut left = 512 * HOLE;
    while left >= 2 * smallest {
        let size = random.between(smallest, 2 * smallest);
        session.allocate(size);
        left -= size;
    }
}

fn doubling(session: &mut Session<'_>) {
    let mut vectors: Vec<Block> = (0..32).map(|_| session.allocate(256)).collect();
    let mut size = 256;
    while size < 256 * KIB {
        size *= 2;
        grow(session, &mut vectors, size);
    }
}

fn steps(session: &mut Session<'_>) {
    let mut buffers: Vec<Block> = (0..16).map(|_| session.allocate(PAGE)).collect();
    for pages in 2..=64 {
        grow(session, &mut buffers, pages * PAGE);
    }
}

fn grow(session: &mut Session<'_>, blocks: &mut [Block], size: u64) {
    for block in blocks {
        *block = session.resize(*block, size);
    }
}

fn generations(session: &mut Session<'_>) {
    for generation in 0..12 {
        let size = PAGE + generation * 3 * PAGE / 2;
        let blocks: Vec<Block> = (0..256)
            .map(|number| {
                if number % 16 == generation % 16 {
                    session.allocate_pinned(size)
                } else {
                    session.allocate(size)
                }
            })
            .collect();
        for (number, block) in (0..).zip(blocks) {
            if number % 16 != generation % 16 {
                session.free(block);
            }
        }
    }
}

/// Robson's strategy in pages: with 2 MiB live at most, keep of the blocks that were placed those that touch every 2^i-th page, free the rest,
/// and ask for blocks of 2^i pages.
fn adversary(session: &mut Session<'_>) {
    const LIVE_PAGES: u64 = 512;
    let mut live: Vec<(Block, u64)> = (0..LIVE_PAGES).map(|_| (session.allocate(PAGE), 1)).collect();
    for order in 1..=7 {
        let stride = 1 << order;
        let mut pages = 0;
        let mut kept = Vec::new();
        for (block, length) in live {
            let first = session.position(block) / PAGE;
            let touches = first.next_multiple_of(stride) < first + length;
            if touches {
                pages += length;
                kept.push((block, length));
            } else {
                session.free(block);
            }
        }
        while pages + stride <= LIVE_PAGES {
            kept.push((session.allocate(stride * PAGE), stride));
            pages += stride;
        }
        live = kept;
    }
}
