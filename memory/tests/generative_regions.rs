//! Generative caps and regions: leaves, roots, nodes, resizing, sharing, the host's ways in, and what first touches cost.

use travertine_memory::{
    CapError, DataCap, Memory, MemoryError, Mode, NodeError, Page, PageBytes, PageSlot, Permissions, Region,
    RegionError, RegionKind, Synthesis, Touches,
};
use travertine_merkle::{Hash, WRITTEN_MARK, ZERO_HASH, hash_pair, merkleize, page_leaf, uint64_chunk};

const SYNTHESIS: Synthesis = Synthesis { seed: 0xabcd_ef01_2345, mode: Mode::Vrns };
const BASE: u64 = 0x80 << 32;
const PAGE: u64 = 4096;

fn slot(bytes: &[u8]) -> PageSlot {
    PageSlot::Loaded(Page::new(PageBytes::starting_with(bytes)))
}

fn made(page: u64) -> [u8; 4096] {
    SYNTHESIS.page(page)
}

fn written(content: &[u8; 4096]) -> Hash {
    hash_pair(&page_leaf(content), &uint64_chunk(1))
}

/// The cap root over these page leaves.
fn root(leaves: &[Hash]) -> Hash {
    let pages = merkleize(leaves, leaves.len() as u64);
    let size = uint64_chunk(leaves.len() as u64 * PAGE);
    merkleize(&[size, pages, uint64_chunk(SYNTHESIS.seed), uint64_chunk(1)], 4)
}

fn cap(pages: u64) -> DataCap {
    DataCap::generative(pages * PAGE, SYNTHESIS).expect("the size is one of a cap")
}

fn region(cap: DataCap) -> Region {
    Region::new(RegionKind::Generative, Permissions::READ_WRITE, cap).expect("the cap is generative")
}

fn memory(cap: DataCap) -> Memory {
    let mut memory = Memory::new();
    memory.insert(0x80, region(cap)).expect("there is none yet");
    memory
}

fn peek(memory: &Memory, page: u64) -> [u8; 4096] {
    let mut bytes = [0; 4096];
    memory.peek(BASE + page * PAGE, &mut bytes).expect("the page is there");
    bytes
}

fn load(memory: &mut Memory, address: u64) -> (u64, Touches) {
    let plan = memory.plan_load(address, 8).expect("the address is readable");
    let touches = plan.touches();
    (memory.load(plan), touches)
}

fn store(memory: &mut Memory, address: u64, value: u64) -> Touches {
    let plan = memory.plan_store(address, 8).expect("the address is writable");
    let touches = plan.touches();
    memory.store(plan, value);
    touches
}

fn touches(first_reads: u32, first_writes: u32, synthesized: u32) -> Touches {
    Touches { first_reads, first_writes, synthesized, ..Touches::default() }
}

#[test]
fn a_written_page_stays_written_whatever_it_holds() {
    let mut cap = cap(5);
    assert_eq!(cap.root(), Ok(root(&[ZERO_HASH; 5])));
    // Other bytes, zeros under three names, and what the page holds anyway.
    let writes = [
        (0, slot(b"land")),
        (1, slot(&[])),
        (2, PageSlot::Empty),
        (3, PageSlot::Missing(ZERO_HASH)),
        (4, slot(&made(4))),
    ];
    for (page, slot) in writes {
        cap.write(page, slot).expect("the page is within the cap");
    }
    assert_eq!(cap.root(), Err(CapError { pages: 5 }));
    let changes = cap.flush();
    let mut land = [0; 4096];
    land[..4].copy_from_slice(b"land");
    let leaves = [&land, &[0; 4096], &[0; 4096], &[0; 4096], &made(4)].map(written);
    assert_eq!(cap.root(), Ok(root(&leaves)));
    assert!(changes.iter().map(|change| (change.old, change.new)).eq(leaves.map(|leaf| (ZERO_HASH, leaf))));
    // Written with the same bytes again nothing changes, and it is not written less when it goes back.
    for (page, slot) in [(0, slot(b"land")), (1, slot(&[])), (4, slot(&made(4)))] {
        cap.write(page, slot).expect("the page is within the cap");
    }
    assert_eq!((cap.flush(), cap.root()), (vec![], Ok(root(&leaves))));
    // Zeros in the place of a page that was not zero.
    cap.write(4, PageSlot::Empty).expect("the page is within the cap");
    assert_eq!(cap.flush().len(), 1);
    assert_eq!(cap.root(), Ok(root(&[leaves[0], leaves[1], leaves[2], leaves[3], leaves[1]])));
    cap.write(4, slot(&made(4))).expect("the page is within the cap");
    cap.write(0, slot(&made(0))).expect("the page is within the cap");
    assert_eq!(cap.flush().len(), 2);
    assert_eq!(cap.root(), Ok(root(&[written(&made(0)), leaves[1], leaves[2], leaves[3], leaves[4]])));
}

#[test]
fn the_kind_the_cap_and_the_permissions_go_together() {
    let plain = || DataCap::empty(PAGE).expect("one page");
    for kind in RegionKind::ALL.into_iter().filter(|kind| *kind != RegionKind::Invalid) {
        let is_generative = kind == RegionKind::Generative;
        let error = RegionError::GenerativeCap { kind };
        assert_eq!(Region::new(kind, Permissions::READ, cap(1)).err(), (!is_generative).then_some(error));
        assert_eq!(Region::new(kind, Permissions::READ, plain()).err(), is_generative.then_some(error));
    }
    for permissions in [Permissions::EXECUTE, Permissions::READ_EXECUTE] {
        let refused = Region::new(RegionKind::Generative, permissions, cap(1)).err();
        assert_eq!(refused, Some(RegionError::GenerativeExecute { permissions }));
    }
}

/// Every node of a region of three pages, found from the top down in a tree that is there as a whole.
#[test]
fn every_node_is_that_of_the_tree() {
    let mut cap = cap(3);
    cap.write(1, slot(&[7; 4096])).expect("the page is within the cap");
    cap.write(2, PageSlot::Empty).expect("the page is within the cap");
    cap.flush();
    let region = region(cap);
    let node = |index| region.node(index, |_| None);
    let pages_at = 13 << 2;
    for (index, value) in [(12, 3 * PAGE), (14, SYNTHESIS.seed), (15, 1), (2, region.meta())] {
        assert_eq!(node(index), Ok(uint64_chunk(value)));
    }
    assert_eq!(node(pages_at), Ok(ZERO_HASH));
    assert_eq!(node(pages_at + 3), Ok(ZERO_HASH), "padding");
    let content = (pages_at + 1) * 2;
    assert_eq!(node(content), Ok(page_leaf(&[7; 4096])));
    assert_eq!(node(content + 1), Ok(WRITTEN_MARK));
    assert_eq!(node((pages_at + 2) * 2), Ok(ZERO_HASH));
    assert!((0..128).all(|chunk| node(content * 128 + chunk) == Ok([7; 32])));
    // What is above hashes what is below, from the chunks of the written page up to the leaf.
    let above = (1..content * 128).filter(|index| node(2 * index).is_ok() && node(2 * index + 1).is_ok());
    let mut count = 0;
    for index in above {
        let halves = [2 * index, 2 * index + 1].map(|child| node(child).expect("it is there"));
        assert_eq!(node(index), Ok(hash_pair(&halves[0], &halves[1])), "node {index}");
        count += 1;
    }
    assert_eq!(count, 2 + 2 + 3 + 2 + 127, "leaf and cap, fields, pages, leaves of written pages, chunks");
    for page in [0, 2] {
        let error = NodeError::BelowEmptyPage { page: u32::try_from(page).expect("small") };
        assert_eq!(node((pages_at + page) * 2 * 128), Err(error));
    }
    for index in [0, 24, 28, (pages_at + 3) * 2, (content + 1) * 2, content * 256, u64::MAX] {
        assert_eq!(node(index), Err(NodeError::OutsideTree { gindex: index, page_count: 3 }));
    }
}

#[test]
fn first_touches_say_what_has_to_be_made() {
    let mut memory = memory(cap(1 << 20));
    let word = |page: u64| u64::from_le_bytes(made(page)[..8].try_into().expect("8 bytes"));
    assert_eq!(load(&mut memory, BASE), (word(0), touches(1, 0, 1)));
    assert_eq!(load(&mut memory, BASE + 8).1, touches(0, 0, 0), "it is made once");
    assert_eq!(store(&mut memory, BASE, 1), touches(0, 1, 0), "it was made for the load");
    assert_eq!(store(&mut memory, BASE + PAGE, 2), touches(0, 1, 1));
    assert_eq!(store(&mut memory, BASE + 2 * PAGE - 4, 3), touches(0, 1, 1), "half of it in the next page");
    assert_eq!(memory.settle().len(), 3);
    assert_eq!(load(&mut memory, BASE).1, touches(1, 0, 0), "it is stored now");
    // The host's writes make a page a written one, below the call.
    memory.poke(BASE + 9 * PAGE, &[1]).expect("the host may write");
    assert_eq!(load(&mut memory, BASE + 9 * PAGE + 8).1, touches(1, 0, 0));
    load(&mut memory, BASE + 5 * PAGE);
    // All of the region at once: three pages are stored, one has been poked, one is made already.
    let plan = memory.plan_fill(BASE, 1 << 32, 0).expect("the region is writable");
    let first_placed = 1 << 20;
    assert_eq!(plan.quantities().touches, Touches { first_placed, ..touches(0, 0, (1 << 20) - 5) });
    let plan = memory.plan_fill(BASE + 2 * PAGE, 4 * PAGE, 0).expect("the region is writable");
    assert_eq!(plan.quantities().touches, Touches { first_placed: 4, ..touches(0, 0, 2) });
}

#[test]
fn resizing_drops_what_was_written_behind_the_end() -> Result<(), MemoryError> {
    let mut memory = memory(cap(6));
    for page in [0, 3, 5] {
        store(&mut memory, BASE + page * PAGE, 77);
    }
    memory.settle();
    memory.resize(0x80, 4 * PAGE)?;
    memory.resize(0x80, 8 * PAGE)?;
    let mut first = [made(0), made(3)];
    for page in &mut first {
        page[..8].copy_from_slice(&77_u64.to_le_bytes());
    }
    assert_eq!((peek(&memory, 0), peek(&memory, 3)), (first[0], first[1]));
    assert!((4..8).all(|page| peek(&memory, page) == made(page)), "as if nobody had written them");
    let mut leaves = [ZERO_HASH; 8];
    (leaves[0], leaves[3]) = (written(&first[0]), written(&first[1]));
    assert_eq!(memory.region(0x80).map(|region| region.cap().root()), Some(Ok(root(&leaves))));
    Ok(())
}

#[test]
fn pages_placed_from_and_into_generative_caps_keep_their_bytes() {
    let plain = DataCap::from_pages(3 * PAGE, [(1, slot(b"plain"))]).expect("the pages are within the cap");
    let mut target = DataCap::empty(4 * PAGE).expect("four pages");
    assert_eq!(target.place_shared(1, &cap(2)), 2);
    target.flush();
    let same = DataCap::from_pages(4 * PAGE, [(1, slot(&made(0))), (2, slot(&made(1)))]);
    assert_eq!(target.root(), same.expect("the pages are within the cap").root());
    // Into a generative cap all pages are written, those of zeros, too.
    let mut target = cap(5);
    assert_eq!(target.place_shared(2, &plain), 3);
    target.flush();
    let mut page = [0; 4096];
    page[..5].copy_from_slice(b"plain");
    let zeros = written(&[0; 4096]);
    assert_eq!(target.root(), Ok(root(&[ZERO_HASH, ZERO_HASH, zeros, written(&page), zeros])));
    // Equal caps share what they store; a cap of another seed has another root and keeps its own.
    let mut copy = DataCap::generative_from_pages(
        5 * PAGE,
        SYNTHESIS,
        [(2, PageSlot::Empty), (3, slot(b"plain")), (4, PageSlot::Empty)],
    )
    .expect("the pages are within the cap");
    copy.rebase(&target);
    assert_eq!(copy.root(), target.root());
    let mut plain = DataCap::from_pages(5 * PAGE, [(3, slot(b"plain"))]).expect("the page is within the cap");
    let before = plain.root();
    plain.rebase(&target);
    assert_eq!(plain.root(), before, "a marked page is no plain one");
}
