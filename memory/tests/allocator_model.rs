//! The allocator against a naive twin, driven by the same random operations: addresses, contents, errors, quantities that gas is
//! charged for, refunds, reports and roots agree, across nested snapshots, settlements and restorations.
//!
//! `TRAVERTINE_ALLOCATOR_CASES` sets the number of sequences.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod allocator_twin;

use allocator_twin::compaction::Compacted;
use allocator_twin::generative::Leaves;
use allocator_twin::{Quantities, Twin};
use std::collections::BTreeSet;

use proptest::prelude::*;
use travertine_memory::{
    ALLOCATABLE_KINDS, AllocationFailure, AllocationFlags, AllocationPrices, AllocationRequest, DataCap,
    DirtyPage, Memory, Permissions, PlaneChange, Property, Region, RegionKind, Touches,
};
use travertine_merkle::{Hash, ZERO_HASH};

const PROGRAM: Hash = [7; 32];
/// The regions that belong to others: a stack, the first of those that are opened when the default one is full, and one of those
/// for generative memory.
const FOREIGN: [u8; 3] = [4, 0x10, 0x81];

/// Quadratic growth, so that either of growth and promotion can be the cheaper one.
#[derive(Debug, Clone, Copy)]
struct Prices {
    linear: u64,
    quadratic: u64,
    promotion: u64,
}

impl Prices {
    fn up_to(&self, planes: u64) -> u64 {
        planes * self.linear + planes * planes * self.quadratic
    }
}

impl AllocationPrices for Prices {
    fn growth(&self, _: RegionKind, before: u64, after: u64) -> u64 {
        self.up_to(after) - self.up_to(before)
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        extra_planes * self.promotion
    }
}

/// Half of what the growth of a plane cost, paid back when it is released: a stack of what was paid for each.
#[derive(Debug, Clone, Default)]
struct Ledger {
    paid: [Vec<u64>; ALLOCATABLE_KINDS.len()],
    charged: u64,
    refunded: u64,
}

impl Ledger {
    fn change(&mut self, prices: &Prices, change: PlaneChange) {
        let kind = ALLOCATABLE_KINDS.iter().position(|kind| *kind == change.kind).unwrap();
        for plane in change.before..change.after {
            let price = prices.growth(change.kind, plane, plane + 1);
            self.paid[kind].push(price);
            self.charged += price;
        }
        for _ in change.after..change.before {
            self.refunded += self.paid[kind].pop().unwrap_or(0) / 2;
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    Allocate { size: u64, kind: u8, flags: u8, region: u8, parameters: [u64; 2], by_host: bool },
    Free { pick: usize, offset: u64, by_host: bool },
    Resize { pick: usize, offset: u64, size: u64, by_host: bool },
    Write { pick: usize, offset: u64, length: u64, value: u8 },
    Query { pick: usize, offset: u64, property: u64 },
    Resolve { pick: usize, stale: u64 },
    Compact { region: u8, limit: u32 },
    Push,
    Revert,
    Settle,
    Restore,
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 1..=64_u64,
        6 => 1..=2048_u64,
        3 => 2049..20_000_u64,
        3 => (1..=70_u64).prop_map(|pages| pages * 4096),
        1 => prop::sample::select(vec![0, 2048, 2049, 4095, 4096, 4097, (1 << 32) + 1, u64::MAX]),
    ]
}

/// Mostly few whole pages.
fn pages() -> impl Strategy<Value = u64> {
    prop_oneof![8 => (1..6_u64).prop_map(|pages| pages * 4096), 3 => (1..40_u64).prop_map(|pages| pages * 4096), 1 => sizes()]
}

fn flags() -> impl Strategy<Value = u8> {
    prop_oneof![8 => Just(0_u8), 2 => prop::sample::select(vec![1, 2, 4, 8, 16, 32, 40, 64, 128]), 1 => any::<u8>()]
}

/// Mostly addresses of allocations, sometimes others.
fn offsets() -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(0_u64), 2 => 0..6000_u64, 1 => any::<u64>()]
}

fn operations() -> impl Strategy<Value = Op> {
    let pick = any::<usize>();
    prop_oneof![
        24 => (sizes(), prop_oneof![6 => Just(4_u8), 2 => prop::sample::select(vec![3_u8, 6, 7]), 1 => 0..10_u8],
               flags(), prop_oneof![8 => Just(0_u8), 1 => prop::sample::select(vec![3_u8, 0x10, 0x11, 0x7F, 0x80, 1])], any::<bool>())
            .prop_map(|(size, kind, flags, region, by_host)| Op::Allocate { size, kind, flags, region, parameters: [7, 1], by_host }),
        6 => (pages(), flags(), prop_oneof![6 => Just(0_u8), 1 => 0x7E..0x84_u8, 1 => 0xBE..0xC1_u8], any::<bool>(),
              0..3_u64, prop_oneof![8 => Just(1_u64), 3 => Just(0_u64), 1 => 2..u64::MAX])
            .prop_map(|(size, flags, region, by_host, seed, mode)| Op::Allocate {
                size, kind: 9, flags, region, parameters: [seed, mode], by_host,
            }),
        14 => (pick, offsets(), any::<bool>()).prop_map(|(pick, offset, by_host)| Op::Free { pick, offset, by_host }),
        8 => (pick, offsets(), sizes(), any::<bool>())
            .prop_map(|(pick, offset, size, by_host)| Op::Resize { pick, offset, size, by_host }),
        2 => (pick, pages(), any::<bool>()).prop_map(|(pick, size, by_host)| Op::Resize { pick, offset: 0, size, by_host }),
        10 => (pick, offsets(), 1..9000_u64, any::<u8>())
            .prop_map(|(pick, offset, length, value)| Op::Write { pick, offset, length, value }),
        4 => (pick, offsets(), 0..15_u64).prop_map(|(pick, offset, property)| Op::Query { pick, offset, property }),
        2 => (pick, prop_oneof![Just(0_u64), any::<u64>()]).prop_map(|(pick, stale)| Op::Resolve { pick, stale }),
        5 => (prop_oneof![6 => Just(3_u8), 1 => Just(0x11_u8), 1 => Just(6_u8), 1 => Just(0x80_u8), 1 => any::<u8>()],
              prop_oneof![Just(u32::MAX), 0..20_u32])
            .prop_map(|(region, limit)| Op::Compact { region, limit }),
        3 => Just(Op::Push),
        2 => Just(Op::Revert),
        2 => Just(Op::Settle),
        2 => Just(Op::Restore),
    ]
}

#[derive(Clone)]
struct Pair {
    memory: Memory,
    twin: Twin,
    /// One from what the memory says, one from what the twin says.
    ledgers: [Ledger; 2],
    /// The leaves of the written pages of generative regions, as they have settled.
    leaves: Leaves,
}

struct Run {
    now: Pair,
    snapshots: Vec<Pair>,
    prices: Prices,
    limit: u64,
}

fn first_memory(limit: u64) -> Memory {
    let mut memory = Memory::new();
    for number in FOREIGN {
        let cap = DataCap::empty(1 << 16).unwrap();
        memory.insert(number, Region::new(RegionKind::Stack, Permissions::READ_WRITE, cap).unwrap()).unwrap();
    }
    memory.set_frame_limit(limit);
    memory
}

fn is_foreign(address: u64) -> bool {
    FOREIGN.iter().any(|region| u64::from(*region) == address >> 32)
}

/// The pages whose leaves differ, in order.
fn changes(before: &Leaves, after: &Leaves) -> Vec<DirtyPage> {
    let places: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let leaf = |leaves: &Leaves, place| leaves.get(&place).copied().unwrap_or(ZERO_HASH);
    let change = |place: (u8, u32)| {
        let (region, page) = place;
        DirtyPage { region, page, old: leaf(before, place), new: leaf(after, place) }
    };
    places.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

fn refused<T>(result: Result<T, AllocationFailure>) -> Result<T, travertine_memory::AllocationError> {
    result.map_err(|failure| match failure {
        AllocationFailure::Refused(error) => error,
        AllocationFailure::MissingPage(fault) => panic!("no page is missing: {fault}"),
    })
}

impl Run {
    fn new(prices: Prices, limit: u64) -> Self {
        let twin = Twin::new(&FOREIGN, limit);
        let now =
            Pair { memory: first_memory(limit), twin, ledgers: Default::default(), leaves: Leaves::new() };
        Self { now, snapshots: Vec::new(), prices, limit }
    }

    /// An address in or near one of the allocations, or of a region where there may be none.
    fn address(&self, pick: usize, offset: u64) -> u64 {
        let live = &self.now.twin.live;
        match live.get(pick % (live.len() + 1)) {
            Some(owned) if offset <= 6000 => owned.address + offset,
            Some(owned) => owned.address + offset % owned.size,
            None if offset <= 6000 => 3 << 32 | offset,
            None => offset,
        }
    }

    fn planned(&mut self, memory: Option<PlaneChange>, twin: Option<PlaneChange>) {
        let prices = self.prices;
        let [ours, theirs] = &mut self.now.ledgers;
        if let Some(change) = memory {
            ours.change(&prices, change);
        }
        if let Some(change) = twin {
            theirs.change(&prices, change);
        }
    }

    #[allow(clippy::too_many_lines, reason = "an arm for each operation")]
    fn apply(&mut self, op: &Op) {
        let prices = self.prices;
        let owner = |by_host: bool| if by_host { ZERO_HASH } else { PROGRAM };
        match *op {
            Op::Allocate { size, kind, flags, region, parameters, by_host } => {
                let word = u64::from(kind) | u64::from(flags) << 8 | u64::from(region) << 16;
                let request = AllocationRequest::from_registers(size, word, Some(parameters), owner(by_host));
                let Ok(request) = request else {
                    assert!(kind == 9 && parameters[1] > 1);
                    return;
                };
                assert_eq!(request.flags, AllocationFlags::from_bits(flags));
                let Pair { memory, twin, .. } = &mut self.now;
                let before = memory.allocations().root();
                let ours = refused(memory.plan_allocation(&request, &prices)).map(|plan| {
                    assert_eq!(memory.allocations().root(), before, "a plan changes nothing");
                    assert!(plan.promotion().is_none_or(|promotion| promotion.fragments.len() >= 2));
                    let quantities = Quantities {
                        planes: Some(plan.planes()),
                        extra_planes: plan.extra_planes(),
                        further_regions: plan.further_regions(),
                        touches: plan.touches(),
                        ..Quantities::default()
                    };
                    (memory.allocate(plan).packed(), quantities)
                });
                let theirs = twin.allocate(&request, &prices);
                assert_eq!(ours, theirs, "{request:?}");
                let planes = |result: &Result<(u64, Quantities), _>| {
                    result.as_ref().ok().and_then(|done| done.1.planes)
                };
                self.planned(planes(&ours), planes(&theirs));
            }
            Op::Free { pick, offset, by_host } => {
                let address = self.address(pick, offset);
                let Pair { memory, twin, .. } = &mut self.now;
                let ours = refused(memory.plan_free(address, &owner(by_host))).map(|plan| {
                    let quantities = Quantities {
                        planes: plan.planes(),
                        pages: plan.pages(),
                        resident: plan.resident_pages(),
                        touches: plan.touches(),
                        ..Quantities::default()
                    };
                    memory.free(plan);
                    quantities
                });
                let theirs = twin.free(address, &owner(by_host));
                assert_eq!(ours, theirs);
                self.planned(ours.ok().and_then(|it| it.planes), theirs.ok().and_then(|it| it.planes));
            }
            Op::Resize { pick, offset, size, by_host } => {
                let address = self.address(pick, offset);
                let Pair { memory, twin, .. } = &mut self.now;
                let ours = refused(memory.plan_resize(address, size, &owner(by_host), &prices)).map(|plan| {
                    let quantities = Quantities {
                        planes: Some(plan.planes()),
                        extra_planes: plan.extra_planes(),
                        pages: plan.moved_pages(),
                        remaps: plan.remaps(),
                        resident: plan.resident_pages(),
                        copied: plan.copied_bytes(),
                        added: plan.added_bytes(),
                        touches: plan.touches(),
                        ..Quantities::default()
                    };
                    (memory.resize_allocation(plan).packed(), quantities)
                });
                let theirs = twin.resize(address, size, &owner(by_host), &prices);
                assert_eq!(ours, theirs, "{address:#x} to {size}");
                let planes = |result: &Result<(u64, Quantities), _>| {
                    result.as_ref().ok().and_then(|done| done.1.planes)
                };
                self.planned(planes(&ours), planes(&theirs));
            }
            Op::Write { pick, offset, length, value } => {
                self.write(self.address(pick, offset), length, value);
            }
            Op::Query { pick, offset, property } => {
                let address = self.address(pick, offset);
                let Ok(property) = Property::from_number(property) else {
                    assert_eq!(property, 14);
                    return;
                };
                let Pair { memory, twin, .. } = &self.now;
                if !is_foreign(address) {
                    assert_eq!(
                        memory.query(address, property),
                        twin.query(address, property),
                        "{property:?}"
                    );
                }
            }
            Op::Resolve { pick, stale } => {
                let Pair { memory, twin, .. } = &self.now;
                let handle = twin
                    .query(self.address(pick, 0), Property::Handle)
                    .map_or(stale, |handle| handle ^ stale);
                assert_eq!(memory.resolve(handle), twin.resolve(handle));
            }
            Op::Compact { region, limit } => {
                let Pair { memory, twin, .. } = &mut self.now;
                if twin.regions.contains_key(&region) {
                    assert_eq!(memory.compaction_report(region.into()), Ok(twin.report(region)));
                }
                let ours = memory.plan_compaction(region.into(), limit).map(|plan| {
                    let done = Compacted {
                        moved: plan.moved_frames(),
                        scanned: plan.scanned_planes(),
                        written: plan.written_runs(),
                        released: plan.released_bytes(),
                        planes: plan.planes(),
                    };
                    memory.compact(plan);
                    done
                });
                let theirs = twin.compact(region, limit);
                assert_eq!(ours, theirs);
                self.planned(ours.ok().map(|done| done.planes), theirs.ok().map(|done| done.planes));
            }
            Op::Push => self.snapshots.push(self.now.clone()),
            Op::Revert => {
                if let Some(snapshot) = self.snapshots.pop() {
                    self.now = snapshot;
                }
            }
            Op::Settle => self.settle(),
            Op::Restore => self.restore(),
        }
    }

    /// A store by the program, where it may; elsewhere both refuse.
    fn write(&mut self, address: u64, length: u64, value: u8) {
        let Pair { memory, twin, .. } = &mut self.now;
        let may_write = |at: u64| twin.permissions_at(at).contains(Permissions::WRITE);
        let region = address >> 32;
        if is_foreign(address) {
            return;
        }
        let allowed = address.checked_add(length).is_some_and(|end| {
            end <= 1 << 40
                && (end - 1) >> 32 == region
                && (address / 4096..=(end - 1) / 4096).all(|page| may_write(page * 4096))
        });
        match memory.plan_store(address, length) {
            Ok(plan) => {
                assert!(allowed, "{address:#x}");
                let touches = plan.touches();
                memory.write(plan, &vec![value; usize::try_from(length).unwrap()]);
                assert_eq!(
                    touches.synthesized,
                    twin.unmade(address / 4096..(address + length).div_ceil(4096))
                );
                let stored = twin.store(address, length, |_| value);
                assert_eq!(Touches { synthesized: 0, ..touches }, stored);
            }
            Err(fault) => assert!(!allowed, "{fault}"),
        }
    }

    fn settle(&mut self) {
        let Pair { memory, twin, leaves, .. } = &mut self.now;
        let dirty: Vec<DirtyPage> =
            memory.settle().into_iter().filter(|dirty| dirty.region >= 0x80).collect();
        twin.settle();
        let before = std::mem::replace(leaves, twin.leaves());
        assert_eq!(dirty, changes(&before, leaves));
        for &region in twin.made.keys() {
            assert_eq!(memory.region_leaf(region), Ok(twin.region_leaf(region)), "region {region:#x}");
        }
        self.now.ledgers = Default::default();
    }

    /// The memory from its regions and records, as a snapshot has them.
    fn restore(&mut self) {
        self.settle();
        let before = &self.now.memory;
        let mut memory = Memory::new();
        memory.set_frame_limit(self.limit);
        for (number, region) in before.regions() {
            memory.insert(number, region.clone()).unwrap();
        }
        memory.set_allocations(before.allocations().clone(), before.next_allocation()).unwrap();
        assert_eq!(memory.region_leaves(), before.region_leaves());
        self.now.memory = memory;
    }

    fn check(&self) {
        let Pair { memory, twin, ledgers, .. } = &self.now;
        assert_eq!(memory.allocations().root(), twin.records_root());
        assert_eq!(memory.next_allocation(), twin.next);
        assert_eq!(memory.frames_in_use(), twin.frames_in_use());
        assert_eq!(ledgers[0].refunded, ledgers[1].refunded);
        assert!(ledgers[0].refunded <= ledgers[0].charged / 2, "nothing is gained");
        for owned in &twin.live {
            for page in owned.pages() {
                let mut bytes = [0; 4096];
                memory.peek(page * 4096, &mut bytes).unwrap();
                assert!(bytes == twin.page(page), "the bytes of page {page:#x}");
            }
            let permissions = memory.query(owned.address, Property::Permissions);
            assert_eq!(permissions, Ok(owned.permissions().bits().into()));
        }
        for (&region, (_, planes)) in &twin.regions {
            assert_eq!(memory.query(u64::from(region) << 32, Property::Planes), Ok((*planes).into()));
        }
    }
}

fn cases() -> u32 {
    std::env::var("TRAVERTINE_ALLOCATOR_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_allocator_does_what_its_twin_does(
        operations in prop::collection::vec(operations(), 1..60),
        linear in 1_u64..2000,
        quadratic in prop_oneof![Just(0_u64), 1..100_u64],
        promotion in prop_oneof![Just(0_u64), 1..1500_u64],
        limit in prop_oneof![4 => Just(u64::MAX), 1 => 1..200_u64],
    ) {
        let mut run = Run::new(Prices { linear, quadratic, promotion }, limit);
        for operation in &operations {
            run.apply(operation);
            run.check();
        }
    }
}
