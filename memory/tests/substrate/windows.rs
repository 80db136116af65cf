//! The windows, judged against a twin that does everything byte by byte.

use std::collections::BTreeSet;

use proptest::prelude::*;
use travertine_memory::substrate::{BlockError, StatusError, Substrate, WindowName};
use travertine_memory::{
    Access, DataCap, Fault, FaultReason, Memory, Page, PageBytes, Permissions, Region, RegionKind,
};

use crate::{PAGE, header, small};

const BASE: u64 = 0xF0_0000_0000;

/// The region as one flat array of all its bytes in the packed view.
#[derive(Clone)]
struct Twin {
    substrate: Substrate,
    is_allocated: bool,
    bytes: Vec<u8>,
    read: BTreeSet<usize>,
    written: BTreeSet<usize>,
}

/// The status page as docs/substrate.md draws it.
fn status_page(substrate: &Substrate, header: &[u8], timestamp: u64, records: &[[u8; 32]]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    use travertine_memory::substrate::{Ledger, LedgerRecord};

    let digest = Sha256::digest(header);
    let hash = u64::from_le_bytes(digest[..8].try_into().unwrap());
    let remainder = hash % substrate.modulus();
    let is_allocated = u64::from(remainder == 0);
    let mut page = vec![0; 4096];
    page[..32].copy_from_slice(&digest);
    let base = BASE + u64::from(substrate.window(WindowName::FramesPacked).first);
    let words = [
        (32, substrate.modulus()),
        (40, remainder),
        (48, is_allocated),
        (56, is_allocated * base),
        (64, is_allocated * substrate.size()),
        (72, is_allocated * substrate.rows()),
        (80, header.len() as u64),
        (88, timestamp),
        (96, records.len() as u64),
    ];
    for (at, word) in words {
        page[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    page[128..160].copy_from_slice(&substrate.root());
    let record = |event_hash: &[u8; 32]| LedgerRecord {
        timestamp,
        event_hash: *event_hash,
        bytes_allocated: substrate.size(),
    };
    let ledger = Ledger::new(records.iter().map(record).collect());
    page[160..192].copy_from_slice(&ledger.root());
    for (word, at) in substrate.words().into_iter().zip((192..).step_by(8)) {
        page[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    // One record at most: the first node of the frontier.
    if let [only] = records {
        page[1024..1056].copy_from_slice(&record(only).root());
    }
    page
}

fn event_hash(header: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest([header, &[0; 8]].concat()).into()
}

impl Twin {
    fn new(substrate: Substrate, header: &[u8], timestamp: u64) -> Self {
        let is_allocated = substrate.evaluate(header).allocates();
        let records: Vec<_> = is_allocated.then(|| event_hash(header)).into_iter().collect();
        let mut bytes = vec![0; 1 << 21];
        bytes[..header.len()].copy_from_slice(header);
        bytes[4096..8192].copy_from_slice(&status_page(&substrate, header, timestamp, &records));
        Self { substrate, is_allocated, bytes, read: BTreeSet::new(), written: BTreeSet::new() }
    }

    /// Where a byte is in the array, if the program may do this to it.
    fn place(&self, address: u64, access: Access) -> Option<usize> {
        let offset = u32::try_from(address.checked_sub(BASE)?).ok()?;
        let window = |name| self.substrate.window(name);
        let within = |name, bytes: u64| {
            let first = window(name).first;
            (u64::from(first)..u64::from(first) + bytes).contains(&offset.into()).then(|| offset - first)
        };
        let whole = |name| within(name, window(name).bytes()).is_some();
        if access == Access::Read
            && [WindowName::Header, WindowName::EdgeCounters, WindowName::NodeAccums].into_iter().any(whole)
        {
            return Some(offset as usize);
        }
        if !self.is_allocated {
            return None;
        }
        if within(WindowName::FramesPacked, self.substrate.size()).is_some() {
            return Some(offset as usize);
        }
        let apart = u64::from(within(WindowName::FramesPlanes, self.substrate.size())?);
        let (k, i) = (apart / self.substrate.rows(), apart % self.substrate.rows());
        let packed = u64::from(window(WindowName::FramesPacked).first) + i * self.substrate.alignment() + k;
        Some(packed.try_into().unwrap())
    }

    /// The places of all bytes, or the first one that is refused.
    fn places(&self, address: u64, width: u64, access: Access) -> Result<Vec<usize>, u64> {
        (address..address + width).map(|byte| self.place(byte, access).ok_or(byte)).collect()
    }

    /// The size of the cap, in bytes.
    fn size(&self) -> usize {
        let end = if self.is_allocated {
            u64::from(self.substrate.window(WindowName::FramesPacked).first) + self.substrate.size()
        } else {
            u64::from(self.substrate.window(WindowName::NodeAccums).last) + 1
        };
        end.try_into().unwrap()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Load { address: u64, width: u64 },
    Store { address: u64, width: u64, value: u64 },
    Peek { address: u64, width: u64 },
    Settle,
    Drop,
}

/// Addresses near every border of the small map, and within the segment's views.
fn addresses(pages: u64) -> impl Strategy<Value = u64> {
    let fixed = [0, 1, 2, 258, 262];
    let borders: Vec<u64> = fixed
        .into_iter()
        .chain((0..=2 * pages).map(|page| 262 + page))
        .chain([262 + 2 * pages + 7])
        .map(|page| BASE + page * PAGE)
        .collect();
    let near = (prop::sample::select(borders), 0_u64..24).prop_map(|(border, near)| border + near - 12);
    let within = (0..2 * pages * PAGE).prop_map(|offset| BASE + 262 * PAGE + offset);
    prop_oneof![near, within]
}

fn steps(pages: u64) -> impl Strategy<Value = Vec<Step>> {
    let width = prop::sample::select(vec![1_u64, 2, 4, 8]);
    let step =
        (addresses(pages), width, any::<u64>(), 0..100).prop_map(
            |(address, width, value, kind)| match kind {
                0..40 => Step::Load { address, width },
                40..85 => Step::Store { address, width, value },
                85..93 => Step::Peek { address, width },
                93..97 => Step::Settle,
                _ => Step::Drop,
            },
        );
    prop::collection::vec(step, 1..120)
}

fn run(substrate: Substrate, allocates: bool, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let header = header(&substrate, allocates, 5);
    let mut memory = Memory::new();
    memory.begin_block(&substrate, &header, 77).unwrap();
    let mut twin = Twin::new(substrate, &header, 77);
    let mut settled = (memory.clone(), twin.clone());
    for step in steps {
        match step {
            Step::Load { address, width } => {
                let expected = twin.places(address, width, Access::Read);
                let plan = memory.plan_load(address, width);
                prop_assert_eq!(
                    plan.as_ref().map(drop).map_err(|fault| fault.address),
                    expected.as_ref().map(drop).map_err(|at| *at)
                );
                let (Ok(plan), Ok(places)) = (plan, expected) else { continue };
                let pages: BTreeSet<_> = places.iter().map(|place| place / 4096).collect();
                let first = pages
                    .iter()
                    .filter(|page| !twin.read.contains(page) && !twin.written.contains(page))
                    .count();
                let touches = plan.touches();
                prop_assert_eq!((touches.first_reads as usize, touches.first_writes), (first, 0));
                let in_view = memory.is_second_view(address, width);
                prop_assert_eq!(u64::from(touches.view_bytes), if in_view { width } else { 0 });
                twin.read.extend(pages);
                let value: u64 =
                    places.iter().rev().fold(0, |value, &place| value << 8 | u64::from(twin.bytes[place]));
                prop_assert_eq!(memory.load(plan), value);
            }
            Step::Store { address, width, value } => {
                let expected = twin.places(address, width, Access::Write);
                let plan = memory.plan_store(address, width);
                prop_assert_eq!(
                    plan.as_ref().map(drop).map_err(|fault| fault.address),
                    expected.as_ref().map(drop).map_err(|at| *at)
                );
                let (Ok(plan), Ok(places)) = (plan, expected) else { continue };
                let pages: BTreeSet<_> = places.iter().map(|place| place / 4096).collect();
                let first = pages.iter().filter(|page| !twin.written.contains(page)).count();
                prop_assert_eq!(
                    (plan.touches().first_reads, plan.touches().first_writes as usize),
                    (0, first)
                );
                twin.written.extend(pages);
                for (place, byte) in places.into_iter().zip(value.to_le_bytes()) {
                    twin.bytes[place] = byte;
                }
                memory.store(plan, value);
            }
            Step::Peek { address, width } => {
                let mut bytes = vec![0; usize::try_from(width).unwrap()];
                let read = memory.peek(address, &mut bytes).map_err(|fault| fault.address);
                let expected = twin.places(address, width, Access::Read);
                let expected = expected
                    .map(|places| places.into_iter().map(|place| twin.bytes[place]).collect::<Vec<_>>());
                prop_assert_eq!(read.map(|()| bytes), expected);
            }
            Step::Settle => {
                let changed: BTreeSet<usize> =
                    memory.settle().iter().map(|dirty| dirty.page as usize).collect();
                let page = |bytes: &[u8], page: usize| bytes[page * 4096..][..4096].to_vec();
                let differs = |index: &usize| page(&settled.1.bytes, *index) != page(&twin.bytes, *index);
                prop_assert_eq!(changed, (0..512).filter(differs).collect::<BTreeSet<_>>());
                let cap = DataCap::from_bytes(&twin.bytes[..twin.size()]).unwrap();
                let region = memory.region(0xF0).unwrap();
                prop_assert_eq!(region.cap().root().unwrap(), cap.root().unwrap());
                twin.read.clear();
                twin.written.clear();
                settled = (memory.clone(), twin.clone());
            }
            Step::Drop => (memory, twin) = settled.clone(),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn loads_and_stores_are_those_of_single_bytes(
        (pages, alignment, steps) in (1_u64..5, 0..14_u32).prop_flat_map(|(pages, bit)| {
            // Alignments of up to two pages; the segment is padded to whole rows.
            let alignment = 1_u64 << bit;
            let pages = (pages * PAGE).next_multiple_of(alignment) / PAGE;
            (Just(pages), Just(alignment), steps(pages))
        }),
        allocates in prop::bool::weighted(0.8),
    ) {
        // A small map's frames begin at page 262, a multiple of two pages at most.
        run(small(5, pages, alignment.min(2 * PAGE)), allocates, steps)?;
    }
}

#[test]
fn both_views_are_one_storage_at_full_size() {
    let substrate = Substrate::default();
    let mut memory = Memory::new();
    memory.begin_block(&substrate, &header(&substrate, true, 1), 0).unwrap();
    let (packed, planes) = (BASE + 0x6000_0000, BASE + 0x7000_0000);
    for (row, byte) in [(0, 0), (491_519, 63), (491_519, 0), (0, 63), (300_000, 17)] {
        let plan = memory.plan_store(packed + row * 64 + byte, 1).unwrap();
        memory.store(plan, row ^ byte ^ 0x5a);
        let plan = memory.plan_load(planes + byte * 491_520 + row, 1).unwrap();
        assert_eq!(memory.load(plan), (row ^ byte ^ 0x5a) & 0xff);
    }
    // Eight bytes of eight rows in one load; the last byte of one plane and the first of the next in another.
    for row in 0..8 {
        let plan = memory.plan_store(packed + (1000 + row) * 64 + 3, 1).unwrap();
        memory.store(plan, row + 1);
    }
    let plan = memory.plan_load(planes + 3 * 491_520 + 1000, 8).unwrap();
    assert_eq!(memory.load(plan), 0x0807_0605_0403_0201);
    let plan = memory.plan_store(planes + 491_519, 2).unwrap();
    assert_eq!(plan.touches().view_bytes, 2);
    memory.store(plan, 0xbbaa);
    let mut bytes = [0; 2];
    memory.peek(packed + 491_519 * 64, &mut bytes[..1]).unwrap();
    memory.peek(packed + 1, &mut bytes[1..]).unwrap();
    assert_eq!(bytes, [0xaa, 0xbb]);
    let written = memory.settle().len();
    assert!(written < 10, "{written} pages: what is not written takes no storage");
}

#[test]
fn what_the_second_view_does_not_take_is_refused_by_name() {
    let substrate = Substrate::default();
    let mut memory = Memory::new();
    memory.begin_block(&substrate, &header(&substrate, true, 1), 0).unwrap();
    let heap = Region::new(RegionKind::Heap, Permissions::READ_WRITE, DataCap::empty(1 << 20).unwrap());
    memory.insert(3, heap.unwrap()).unwrap();
    let (view, heap) = (BASE + 0x7000_0000, 0x3_0000_0000);
    let refused = |access| Fault { address: view, access, reason: FaultReason::SecondView };
    assert_eq!(memory.plan_load(view, 9).unwrap_err(), refused(Access::Read));
    assert_eq!(memory.plan_store(view, 32).unwrap_err(), refused(Access::Write));
    assert_eq!(memory.plan_copy(heap, view, 1).unwrap_err().fault, refused(Access::Read));
    assert_eq!(memory.plan_copy(view, heap, 1).unwrap_err().fault, refused(Access::Write));
    assert_eq!(memory.plan_fill(view, 4096, 1).unwrap_err().fault, refused(Access::Write));
    assert_eq!(memory.plan_share(view, heap, 4096).unwrap_err().fault, refused(Access::Write));
    assert_eq!(memory.poke(view, &[1]).unwrap_err(), refused(Access::Write));
    for (entry, at) in [(view, heap), (8, heap + 8)] {
        memory.poke(at, &entry.to_le_bytes()).unwrap();
    }
    let gather = memory.plan_gather(heap + 64, heap, 1).unwrap_err();
    assert_eq!((gather.fault, gather.entry), (refused(Access::Read), Some(0)));
    let scatter = memory.plan_scatter(heap + 64, heap, 1).unwrap_err();
    assert_eq!((scatter.fault, scatter.entry), (refused(Access::Write), Some(0)));
    let page = u32::try_from(view >> 12).unwrap();
    assert_eq!(memory.executable_page(page).unwrap_err(), refused(Access::Execute));
    // The packed view is memory like any other, but nothing is executed there.
    let packed = BASE + 0x6000_0000;
    let plan = memory.plan_share(packed, heap, 4096).unwrap();
    memory.commit(plan);
    let plan = memory.plan_load(packed, 8).unwrap();
    assert_eq!(memory.load(plan), view);
    let page = u32::try_from(packed >> 12).unwrap();
    assert_eq!(memory.executable_page(page).unwrap_err().reason, FaultReason::Permission);
}

#[test]
fn a_new_block_drops_the_segment_and_carries_the_ledger() {
    let substrate = small(5, 2, 64);
    let [first, second] = [1, 2].map(|seed| header(&substrate, true, seed));
    let without = header(&substrate, false, 3);
    let mut memory = Memory::new();
    assert_eq!(memory.block(), None);
    memory.begin_block(&substrate, &first, 10).unwrap();
    let packed = BASE + 262 * PAGE;
    let plan = memory.plan_store(packed, 8).unwrap();
    memory.store(plan, u64::MAX);
    memory.settle();
    let full = memory.region_leaf(0xF0).unwrap();

    let status = memory.begin_block(&substrate, &without, 11).unwrap();
    assert_eq!((status.base(), status.ledger.length()), (None, 1));
    assert_eq!(memory.plan_load(packed, 1).unwrap_err().reason, FaultReason::OutOfRegion);
    assert_ne!(memory.region_leaf(0xF0).unwrap(), full);

    let status = memory.begin_block(&substrate, &second, 12).unwrap();
    assert_eq!((status.base(), status.ledger.length()), (Some(packed), 2));
    let records = [(&first, 10), (&second, 12)].map(|(header, time)| substrate.record(header, time).unwrap());
    let ledger = travertine_memory::substrate::Ledger::new(records.to_vec());
    assert_eq!(status.ledger.root(), ledger.root());
    let plan = memory.plan_load(packed, 8).unwrap();
    assert_eq!(memory.load(plan), 0, "the segment is zero when it appears");
}

#[test]
fn blocks_that_cannot_begin_change_nothing() {
    let substrate = small(5, 2, 64);
    let mut memory = Memory::new();
    let long = vec![0; 4097];
    let limit = BlockError::HeaderTooLong { bytes: 4097, limit: 4096 };
    assert_eq!(memory.begin_block(&substrate, &long, 0), Err(limit));
    memory.begin_block(&substrate, &long[1..], 0).unwrap();
    let leaf = memory.region_leaf(0xF0);
    let (machine, given) = (substrate.root(), Substrate::default().root());
    let other = memory.begin_block(&Substrate::default(), b"", 0);
    assert_eq!(other, Err(BlockError::OtherSubstrate { machine, given }));
    assert_eq!(memory.region_leaf(0xF0), leaf);

    let mut taken = Memory::new();
    let state = Region::new(RegionKind::State, Permissions::READ_WRITE, DataCap::empty(4096).unwrap());
    taken.insert(0xF0, state.unwrap()).unwrap();
    assert_eq!(taken.begin_block(&substrate, b"", 0), Err(BlockError::Occupied));
    assert_eq!(taken.restore_block(), Err(StatusError::Shape));
}

/// Every bit of the status page counts, and the region must have the shape that it says.
#[test]
fn a_loaded_region_is_taken_only_as_a_block_makes_it() {
    let substrate = small(5, 2, 64);
    let mut memory = Memory::new();
    memory.begin_block(&substrate, &header(&substrate, true, 1), 9).unwrap();
    let region = memory.region(0xF0).unwrap().clone();
    let loaded = |region: &Region| {
        let mut loaded = Memory::new();
        loaded.insert(0xF0, region.clone()).unwrap();
        loaded.restore_block().map(|()| loaded.block().cloned())
    };
    assert_eq!(loaded(&region), Ok(memory.block().cloned()));
    let rebuild = |page: &[u8; 4096], ranges: &[travertine_memory::PageRange]| {
        let pages = region.cap().pages_in(0..u32::MAX).filter(|(index, _)| *index != 1);
        let status = (1, Page::new(PageBytes::starting_with(page)).into());
        let cap = DataCap::from_pages(region.cap().size(), pages.chain([status])).unwrap();
        Region::with_page_ranges(RegionKind::Mmio, ranges, cap).unwrap()
    };
    let mut page = [0; 4096];
    memory.peek(memory.block().unwrap().address(), &mut page).unwrap();
    let ranges = region.page_ranges().unwrap().to_vec();
    for bit in (0..4096 * 8).step_by(3) {
        let mut damaged = page;
        damaged[bit / 8] ^= 1 << (bit % 8);
        // What the page does not say twice, the state root guards: the digest but for the hash modulo 5, the
        // header's length and the timestamp.
        if (64..32 * 8).contains(&bit) || (80 * 8..96 * 8).contains(&bit) {
            continue;
        }
        assert_eq!(loaded(&rebuild(&damaged, &ranges)), Err(StatusError::Page), "bit {bit}");
    }
    let mut wider = ranges.clone();
    wider[1].permissions = Permissions::READ_WRITE;
    assert_eq!(loaded(&rebuild(&page, &wider)), Err(StatusError::Shape));
    assert_eq!(loaded(&rebuild(&page, &ranges[..3])), Err(StatusError::Shape));
    assert_eq!(loaded(&region.with_flags(1)), Err(StatusError::Shape));
}
