//! Threads that allocate, stamp, exchange and give back blocks of one arena.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Mutex};

use super::PAGE;
use crate::{Arena, Block, Handle};

const THREADS: u64 = 8;

/// A small generator of numbers: xorshift64*.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }
}

/// Every word of the block gets the stamp.
fn stamp(block: &Block, stamp: u64) {
    block.words().iter().for_each(|word| word.store(stamp, Ordering::Relaxed));
}

fn check(block: &Block, stamp: u64) {
    assert!(
        block.words().iter().all(|word| word.load(Ordering::Relaxed) == stamp),
        "somebody else wrote here"
    );
}

fn size(random: &mut Random) -> u64 {
    match random.below(100) {
        0..85 => 1 + random.below(600),
        85..97 => 1 + random.below(30_000),
        _ => 32_000 + random.below(100_000),
    }
}

fn work(
    arena: &Arena,
    number: u64,
    rounds: u64,
    next: &Sender<(Handle, u64)>,
    own: &Receiver<(Handle, u64)>,
) -> u64 {
    let (mut heap, mut random) = (arena.heap(), Random(number * 77 + 1));
    let (mut live, mut failures) = (Vec::new(), 0);
    for round in 0..rounds {
        let mark = number << 48 | round;
        match random.below(10) {
            0..5 => match heap.allocate(size(&mut random)) {
                Ok(block) => {
                    stamp(&block, mark);
                    live.push((block, mark));
                }
                Err(_) => failures += 1,
            },
            5..8 if !live.is_empty() => {
                let (block, mark) = live.swap_remove(random.below(live.len() as u64) as usize);
                check(&block, mark);
                if random.below(2) == 0 { heap.free(block) } else { drop(block) }
            }
            8 if !live.is_empty() => {
                let (block, mark) = live.swap_remove(random.below(live.len() as u64) as usize);
                // The other thread may have ended.
                if let Err(error) = next.send((block.share(), mark)) {
                    arena.free(error.0.0).unwrap();
                }
            }
            _ => {
                if let Ok((handle, mark)) = own.try_recv() {
                    let block = arena.adopt(handle).unwrap();
                    check(&block, mark);
                    heap.free(block);
                }
            }
        }
        if live.len() > 100 {
            live.clear();
        }
    }
    failures
}

#[test]
fn threads_share_an_arena_and_it_heals_completely() {
    let pages = 2048;
    let arena = Arena::private(pages).unwrap();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel()).unzip();
    let receivers: Vec<_> = receivers.into_iter().map(Mutex::new).collect();
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (arena, own) = (&arena, &receivers[number as usize]);
            let next = senders[((number + 1) % THREADS) as usize].clone();
            scope.spawn(move || work(arena, number, 60_000, &next, &own.lock().unwrap()));
        }
    });
    drop(senders);
    for (handle, mark) in receivers.iter().flat_map(|own| own.lock().unwrap().try_iter().collect::<Vec<_>>())
    {
        let block = arena.adopt(handle).unwrap();
        check(&block, mark);
    }
    assert!(arena.audit().is_clean(), "{:?}", arena.audit());
    arena.trim();
    assert!(arena.audit().is_clean(), "{:?}", arena.audit());
    let statistics = arena.statistics();
    assert_eq!((statistics.free_runs, statistics.allocations), (1, statistics.frees));
    arena.allocate(pages * PAGE).expect("one block spans the sector");
}

/// Threads that only allocate, until each is refused: at rest, a walk finds nothing for any of the refused sizes.
#[test]
fn refusals_under_contention_are_true_at_rest() {
    for seed in 0..20 {
        let arena = Arena::private(200).unwrap();
        let (barrier, refused) = (Barrier::new(4), AtomicU64::new(u64::MAX));
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (arena, barrier, refused) = (&arena, &barrier, &refused);
                scope.spawn(move || {
                    let (mut heap, mut random, mut live) =
                        (arena.heap(), Random(seed * 4 + number + 1), Vec::new());
                    let bytes = loop {
                        let bytes = size(&mut random);
                        match heap.allocate(bytes) {
                            Ok(block) => live.push(block),
                            Err(_) => break bytes,
                        }
                    };
                    refused.fetch_min(bytes, Ordering::Relaxed);
                    barrier.wait();
                    assert!(!arena.sector().could_serve(bytes), "{bytes} bytes were free");
                    barrier.wait();
                });
            }
        });
        assert!(refused.load(Ordering::Relaxed) < u64::MAX);
        assert!(arena.allocate(200 * PAGE).is_ok());
    }
}
