//! Random work on an arena: against a sequential model, to exhaustion, and with hostile words.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::PAGE;
use crate::{Arena, ArenaError, Block, Handle, HandleError, State};

#[derive(Debug, Clone)]
enum Step {
    Allocate { bytes: u64, cached: bool },
    Free { which: usize, cached: bool },
    Share(usize),
    Ack(usize),
    Adopt(usize),
    Coalesce(usize),
    Stale(usize),
    Trim,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop_oneof![4 => 0_u64..600, 2 => 600_u64..40_000, 1 => 40_000_u64..600_000];
    let step = prop_oneof![
        6 => (bytes, any::<bool>()).prop_map(|(bytes, cached)| Step::Allocate { bytes, cached }),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(which, cached)| Step::Free { which, cached }),
        1 => any::<usize>().prop_map(Step::Share),
        1 => any::<usize>().prop_map(Step::Ack),
        1 => any::<usize>().prop_map(Step::Adopt),
        1 => any::<usize>().prop_map(Step::Coalesce),
        1 => any::<usize>().prop_map(Step::Stale),
        1 => Just(Step::Trim),
    ];
    prop::collection::vec(step, 1..200)
}

/// What the model knows of live blocks: where they begin and end, in bytes.
#[derive(Default)]
struct Model {
    extents: BTreeMap<u64, u64>,
}

impl Model {
    fn add(&mut self, handle: Handle, bytes: u64, pages: u64) {
        let start = u64::from(handle.unit) * 16;
        let end = start + bytes;
        assert!(end <= pages * PAGE, "within the sector");
        let before = self.extents.range(..end).next_back();
        assert!(before.is_none_or(|(_, &other)| other <= start), "blocks do not overlap");
        self.extents.insert(start, end);
    }

    fn remove(&mut self, handle: Handle) {
        assert!(self.extents.remove(&(u64::from(handle.unit) * 16)).is_some());
    }
}

fn pick<T>(from: &mut Vec<T>, which: usize) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(which % from.len()))
}

fn run(arena: &Arena, pages: u64, steps: Vec<Step>) {
    let mut heap = arena.heap();
    let mut model = Model::default();
    let (mut owned, mut shared, mut acked, mut dead) =
        (Vec::<Block>::new(), Vec::new(), Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Allocate { bytes, cached } => {
                match if cached { heap.allocate(bytes) } else { arena.allocate(bytes) } {
                    Ok(block) => {
                        let size = arena.view(block.handle()).unwrap().info().bytes;
                        assert!(block.len() == bytes && size >= bytes);
                        assert!(
                            bytes < PAGE
                                || u64::from(block.handle().unit) * 16 % 4096 == 0
                                || !size.is_multiple_of(PAGE)
                        );
                        model.add(block.handle(), size, pages);
                        owned.push(block);
                    }
                    Err(ArenaError::OutOfMemory { .. }) => {
                        assert!(!arena.sector().could_serve(bytes), "{bytes} bytes were free");
                    }
                    Err(ArenaError::TooLarge { .. }) => assert!(bytes > pages * PAGE),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Free { which, cached } => {
                if let Some(block) = pick(&mut owned, which) {
                    model.remove(block.handle());
                    dead.push(block.handle());
                    if cached { heap.free(block) } else { drop(block) }
                }
            }
            Step::Share(which) => shared.extend(pick(&mut owned, which).map(Block::share)),
            Step::Ack(which) => {
                if let Some(handle) = pick(&mut shared, which) {
                    arena.ack(handle).unwrap();
                    model.remove(handle);
                    acked.push(handle);
                }
            }
            Step::Adopt(which) => {
                owned.extend(pick(&mut shared, which).map(|handle| arena.adopt(handle).unwrap()));
            }
            Step::Coalesce(which) => {
                if let Some(handle) = pick(&mut acked, which) {
                    // A request that found no memory may have made it free before.
                    let result = arena.coalesce(handle);
                    assert!(matches!(
                        result,
                        Ok(()) | Err(HandleError::Stale { .. } | HandleError::NoBlock { .. })
                    ));
                    dead.push(handle);
                }
            }
            Step::Stale(which) => {
                let owned_handle = owned.get(which % owned.len().max(1)).map(Block::handle);
                for handle in dead.iter().copied().chain(acked.iter().copied()).chain(owned_handle) {
                    assert!(
                        arena.adopt(handle).is_err()
                            && arena.free(handle).is_err()
                            && arena.ack(handle).is_err()
                    );
                }
                for &handle in &shared {
                    assert_eq!(arena.view(handle).unwrap().info().state, State::Allocated);
                    assert!(arena.coalesce(handle).is_err());
                }
            }
            Step::Trim => arena.trim(),
        }
    }
    drop((heap, owned));
    for handle in shared {
        arena.free(handle).unwrap();
    }
    assert!(arena.audit().is_clean(), "{:?}", arena.audit());
    arena.trim();
    assert!(arena.audit().is_clean(), "{:?}", arena.audit());
    assert_eq!(arena.allocate(pages * PAGE).unwrap().len(), pages * PAGE, "complete healing");
}

fn hostile(arena: &Arena, steps: Vec<Step>, words: &[(prop::sample::Index, u64, u8)]) {
    let mut blocks = Vec::new();
    let mut heap = arena.heap();
    let all = arena.sector().memory().words();
    let mut words = words.iter().cycle();
    for step in steps {
        let &(at, value, kind) = words.next().unwrap();
        let at = at.index(arena.sector().geometry().data_start());
        // Random bits, and mistakes that are closer to the truth.
        let old = all[at].load(Ordering::Relaxed);
        all[at].store(
            [value, old ^ 1 << (value % 64), u64::from(old == 0), value & 0x7ff][usize::from(kind)],
            Ordering::Relaxed,
        );
        match step {
            Step::Allocate { bytes, cached } => {
                blocks.extend(if cached { heap.allocate(bytes) } else { arena.allocate(bytes) });
            }
            Step::Free { which, cached } => match pick(&mut blocks, which) {
                Some(block) if cached => heap.free(block),
                block => drop(block),
            },
            Step::Share(which) => {
                let _ = pick(&mut blocks, which).map(Block::share);
            }
            Step::Ack(bits) => {
                let _ = arena.ack(Handle::from_bits(bits as u64));
            }
            Step::Adopt(bits) => drop(arena.adopt(Handle::from_bits(bits as u64))),
            Step::Coalesce(bits) => {
                let _ = arena.coalesce(Handle::from_bits(bits as u64 % 5000));
            }
            Step::Stale(which) => {
                if let Some(block) = pick(&mut blocks, which) {
                    let mut bytes = vec![0; usize::try_from(block.len()).unwrap()];
                    block.read(0, &mut bytes).unwrap();
                    let _ = arena.view(block.handle()).map(|view| view.check());
                }
            }
            Step::Trim => {
                arena.trim();
                arena.sector().settle(2, 1);
                let _ = (arena.statistics(), arena.audit(), arena.runs().count());
            }
        }
    }
}

proptest! {
    #[test]
    fn an_arena_does_what_a_sequential_model_does(
        pages in prop_oneof![1_u64..40, 40_u64..400],
        steps in steps(),
    ) {
        run(&Arena::private(pages).unwrap(), pages, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A peer writes anything anywhere, and all operations go on: they may fail, but neither panic nor go on for ever,
    /// and no access leaves the segment.
    #[test]
    fn hostile_words_break_nothing_but_themselves(
        pages in 1_u64..80,
        steps in steps(),
        words in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 0_u8..4), 1..60),
    ) {
        hostile(&Arena::private(pages).unwrap(), steps, &words);
    }
}

/// Every size until none is left: each refusal is true, and the memory that was allocated is nearly all that there is.
#[test]
fn exhaustion_is_only_reported_when_it_is_true() {
    for bytes in [0, 33, 64, 500, 4096, 5000, 32 << 10, 100_000] {
        let pages = 300;
        let arena = Arena::private(pages).unwrap();
        let (mut heap, mut blocks) = (arena.heap(), Vec::new());
        while let Ok(block) = heap.allocate(bytes) {
            blocks.push(block);
        }
        assert!(!arena.sector().could_serve(bytes));
        let used: u64 = blocks.iter().map(|block| arena.view(block.handle()).unwrap().info().bytes).sum();
        assert!(used * 100 >= pages * PAGE * 60, "{bytes}: {used} bytes of {}", pages * PAGE);
        // With one block back there is one more, from whoever asks.
        heap.free(blocks.swap_remove(blocks.len() / 2));
        blocks.push(arena.allocate(bytes).expect("what a magazine has is not withheld"));
        drop((blocks, heap));
        assert!(arena.allocate(pages * PAGE).is_ok());
    }
}
