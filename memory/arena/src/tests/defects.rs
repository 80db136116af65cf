//! A test for each defect of the allocator that this one replaces, by the numbers of `docs/arena.md`. Number 3 is in
//! `class`, 12 and 13 are in `shared::tests`, 20 and 21 are scenarios of `models`, and 23 is `crashes`.

use proptest::prelude::*;

use super::{ME, PAGE, allocate, assert_healed, sector};
use crate::descriptor::{Descriptor, State};
use crate::memory::Atomic;
use crate::sector::Handle;
use crate::{Arena, ArenaError, HandleError};

/// 1: merging unlinks the neighbour itself, not whatever heads the list of its size.
#[test]
fn a_merge_takes_its_neighbour_and_no_other_run_of_that_size() {
    let sector = sector(12);
    let runs: Vec<_> = (0..6).map(|_| sector.allocate_run(2, ME).unwrap()).collect();
    // Two free runs of one size; the later one would head a list.
    assert!(sector.give_back(&runs[0], ME) && sector.give_back(&runs[4], ME));
    assert!(sector.give_back(&runs[1], ME));
    let lengths: Vec<_> = sector.runs().map(|run| (run.page, run.pages)).collect();
    assert_eq!(lengths, [(0, 4), (4, 2), (6, 2), (8, 2), (10, 2)]);
    // What is allocated next is the merged run and the other one, and no part of either twice.
    let (large, small) = (sector.allocate_run(4, ME).unwrap(), sector.allocate_run(2, ME).unwrap());
    assert_eq!((large.at, small.at), (0, 8));
    for run in [large, small, runs[2], runs[3], runs[5]] {
        assert!(sector.give_back(&run, ME));
    }
    assert_healed(&sector);
}

/// 2: an exact fit writes nothing over the block to its right, neither its words nor its bytes.
#[test]
fn an_exact_fit_leaves_its_right_neighbour_alone() {
    let arena = Arena::private(30).unwrap();
    let left = arena.allocate(10 * PAGE).unwrap();
    let mut right = arena.allocate(10 * PAGE).unwrap();
    right.write(0, &[0xab; 10_000]).unwrap();
    let before = arena.view(right.handle()).unwrap().info();
    drop(left);
    let again = arena.allocate(10 * PAGE).unwrap();
    assert_eq!(again.handle().unit, 0, "the fit is exact");
    assert_eq!(arena.view(right.handle()).unwrap().info(), before);
    let mut bytes = [0; 10_000];
    right.read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0xab; 10_000]);
}

/// 4, 5: what marks the end of a run is no longer believed when the run has been cut, and nothing of the allocator's lies
/// in payload that a stale mark could name.
#[test]
fn stale_tails_and_payload_are_not_taken_for_headers() {
    let sector = sector(8);
    let whole = sector.allocate_run(8, ME).unwrap();
    assert!(sector.give_back(&whole, ME));
    let [one, two] = [1, 7].map(|pages| sector.allocate_run(pages, ME).unwrap());
    // The tail of the last page is made to name a page inside an allocated run, and one in front of it.
    for lie in [3, 0, 7, u64::from(u32::MAX)] {
        sector.memory().truth[sector.geometry().tail(0)].store(lie, std::sync::atomic::Ordering::SeqCst);
        assert!(sector.give_back(&two, ME) || lie != 3);
        assert_eq!(sector.find(one.handle()).unwrap().word, one.word, "the left run is untouched");
    }
    assert!(sector.give_back(&one, ME));
    assert_healed(&sector);
}

/// 4, 5: every byte of every block can be written, and all words stay what they are.
#[test]
fn payload_never_reaches_a_word_of_the_allocator() {
    let arena = Arena::private(4000).unwrap();
    let mut blocks: Vec<_> = (0..200).map(|number| arena.allocate(number * number * 3).unwrap()).collect();
    for (number, block) in blocks.iter_mut().enumerate() {
        let length = usize::try_from(block.len()).unwrap();
        block.words().iter().for_each(|word| Atomic::store(word, u64::MAX));
        block.write(0, &vec![number as u8; length]).unwrap();
    }
    assert!(arena.audit().is_clean());
    for (number, block) in blocks.iter().enumerate() {
        let mut bytes = vec![0; usize::try_from(block.len()).unwrap()];
        block.read(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|&byte| byte == number as u8), "blocks share no byte");
    }
    drop(blocks);
    assert!(arena.allocate(4000 * PAGE).is_ok());
}

/// 6, 7: a second free, a free of what was acked, an ack of what was freed: each is an error, and one block never gets two
/// owners.
#[test]
fn a_handle_works_once() {
    for bytes in [100, 100_000] {
        let arena = Arena::private(100).unwrap();
        let handle = arena.allocate(bytes).unwrap().share();
        arena.free(handle).unwrap();
        for result in
            [arena.free(handle), arena.ack(handle), arena.coalesce(handle), arena.adopt(handle).map(drop)]
        {
            assert!(
                matches!(result, Err(HandleError::Stale { .. } | HandleError::NoBlock { .. })),
                "{result:?}"
            );
        }
        let handle = arena.allocate(bytes).unwrap().ack();
        assert!(matches!(arena.free(handle), Err(HandleError::State { found: State::Acked, .. })));
        assert!(matches!(arena.ack(handle), Err(HandleError::State { found: State::Acked, .. })));
        arena.coalesce(handle).unwrap();
        assert!(arena.coalesce(handle).is_err());
        let (one, other) = (arena.allocate(bytes).unwrap(), arena.allocate(bytes).unwrap());
        assert_ne!(one.handle().unit, other.handle().unit);
        // A guard owns: its handle frees nothing.
        assert!(matches!(arena.free(one.handle()), Err(HandleError::State { owner: 1, .. })));
    }
}

/// 9 to 11: no size wraps, is shifted too far or loses its upper half.
#[test]
fn sizes_that_no_sector_has_are_refused() {
    let arena = Arena::private(3).unwrap();
    let limit = 3 * PAGE;
    let wide = 1 << 32;
    for bytes in [limit + 1, wide - 1, wide, wide + 1, wide * PAGE, 1 << 63, u64::MAX - 1, u64::MAX] {
        for result in [arena.allocate(bytes), arena.heap().allocate(bytes)] {
            assert!(
                matches!(result, Err(ArenaError::TooLarge { bytes: found, limit: of }) if (found, of) == (bytes, limit))
            );
        }
    }
    assert_eq!(arena.allocate(limit).unwrap().len(), limit);
}

proptest! {
    /// 14, 15: numbers that a peer sends, or writes into words, are checked before they are used.
    #[test]
    fn forged_handles_are_errors(units in prop::collection::vec(any::<u64>(), 1..200)) {
        let arena = Arena::private(1000).unwrap();
        let blocks: Vec<_> = (0..40).map(|number| arena.allocate(number * 100).unwrap()).collect();
        for bits in units {
            for handle in [Handle::from_bits(bits), Handle::from_bits(bits % (1 << 34))] {
                let is_real = blocks.iter().any(|block| block.handle() == handle);
                prop_assert_eq!(arena.view(handle).is_ok(), is_real);
                prop_assert!(arena.free(handle).is_err());
            }
        }
    }
}

/// 17: a word that has gone from free to allocated and back is another word.
#[test]
fn an_exchange_is_not_fooled_by_a_word_that_came_back() {
    let sector = sector(16);
    let seen = Descriptor(sector.memory().truth[0].load(std::sync::atomic::Ordering::SeqCst));
    let run = sector.allocate_run(16, ME).unwrap();
    assert!(sector.give_back(&run, ME));
    let now = Descriptor(sector.memory().truth[0].load(std::sync::atomic::Ordering::SeqCst));
    assert_eq!((seen.extent(), seen.state()), (now.extent(), now.state()), "it looks the same");
    assert!(sector.claim_word(0, seen, ME).is_none(), "and is not");
    // The same for blocks, also when their slab was given back and another stands there.
    for bytes in [4096, 32, 4096] {
        let block = allocate(&sector, bytes, ME).unwrap();
        let stale = block.handle();
        assert!(sector.give_back(&block, ME));
        let again = allocate(&sector, bytes, ME).unwrap();
        assert!(again.handle() != stale && sector.find(stale).is_err());
        assert!(sector.give_back(&again, ME));
        sector.reclaim(ME);
        assert!(sector.find(stale).is_err());
    }
    assert_healed(&sector);
}

/// 18, 19: with all hints lost, or all of them wrong, everything is found.
#[test]
fn hints_can_be_lost_and_wrong() {
    for hints in [0, u64::MAX] {
        let arena = Arena::private(1200).unwrap();
        let mut blocks: Vec<_> = (0..100).map(|number| arena.allocate(number * 90).unwrap()).collect();
        let words = arena.sector().memory();
        let forget = || {
            for word in crate::memory::Memory::hints(words) {
                word.store(hints, std::sync::atomic::Ordering::SeqCst);
            }
        };
        blocks.truncate(50);
        forget();
        while let Ok(block) = arena.allocate(700) {
            blocks.push(block);
        }
        assert!(!arena.sector().could_serve(700));
        forget();
        drop(blocks);
        forget();
        assert!(arena.allocate(1200 * PAGE).is_ok(), "nothing is lost");
    }
}
