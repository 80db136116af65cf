//! The allocator's instructions: what they answer, what they cost, and that nothing is gained by any sequence of them.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use proptest::prelude::*;
use travertine_gas::{Operation, PlaneKind, Refunds, Schedule};
use travertine_memory::{
    AllocationError, AllocationPrices, AllocationRequest, DEFAULT_COMPACTION_MOVES, Memory, PlaneChange,
    Property, RegionKind,
};
use travertine_merkle::Hash;
use travertine_opcodes::Opcode;
use travertine_vm::{Call, Engine, Machine, NoHost, Outcome, Program, Settlement, State, TrapCause};

use crate::assembler::*;

const HEAP: u64 = 4;
const READ_ONLY: u64 = 32;
const TEMPORARY: u64 = 128;
/// Parameters of generative memory, behind the numbers in the input of every script.
const PARAMETERS: [[u64; 2]; 3] = [[7, 1], [8, 0], [9, 2]];
const PARAMETERS_AT: u64 = 0x7_0001_0000 + NUMBERS_BYTES as u64;
/// Bytes of the numbers and what follows them.
const NUMBERS_BYTES: usize = 1024;

/// The word of a request for memory that these parameters make.
fn made_by(parameters: usize) -> u64 {
    9 | (PARAMETERS_AT + 16 * parameters as u64) << 24
}

/// An operand of an instruction: a number, or what an earlier instruction has answered.
#[derive(Debug, Clone, Copy)]
enum Operand {
    Number(u64),
    Answer(usize),
}
use Operand::{Answer, Number};

type Step = (Opcode, Operand, Operand);

fn alloc(size: u64, word: u64) -> Step {
    (Opcode::M3Alloc, Number(size), Number(word))
}

/// A program of these steps, which returns the answers, and its input: the numbers.
fn script(steps: &[Step]) -> (Program, Vec<u8>) {
    let mut numbers = Vec::new();
    let mut code = vec![i(Opcode::Addi, T0, A1, 0), data_address(T1)];
    let mut load = |register, operand| match operand {
        Number(number) => {
            numbers.push(number);
            i(Opcode::Ld, register, T0, 8 * (i32::try_from(numbers.len()).unwrap() - 1))
        }
        Answer(step) => i(Opcode::Ld, register, T1, 8 * i32::try_from(step).unwrap()),
    };
    for (place, &(opcode, a, b)) in (0..).step_by(8).zip(steps) {
        code.push(load(A0, a));
        let is_unary =
            matches!(opcode, Opcode::M3Free | Opcode::M3Size | Opcode::M3Resolve | Opcode::M3Compact);
        if opcode == Opcode::Sd {
            code.extend([load(A2, b), s(Opcode::Sd, A0, A2, 0)]);
        } else if opcode == Opcode::Ld {
            code.push(i(Opcode::Ld, A2, A0, 0));
        } else if is_unary {
            code.push(r(opcode, A2, A0, ZERO));
        } else {
            code.extend([load(A1, b), r(opcode, A2, A0, A1)]);
        }
        code.push(s(Opcode::Sd, T1, A2, place));
    }
    let length = i32::try_from(8 * steps.len()).unwrap();
    code.extend([i(Opcode::Addi, A0, T1, 0), li(A1, length), ecall(0x1000)]);
    let mut input: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
    input.resize(NUMBERS_BYTES, 0);
    input.extend(PARAMETERS.as_flattened().iter().flat_map(|word| word.to_le_bytes()));
    (program(&code), input)
}

fn call(machine: &mut Machine, input: &[u8], gas: u64) -> Settlement {
    machine.call(&Call::new(input.to_vec(), gas), &mut NoHost).unwrap()
}

fn answers(settlement: &Settlement) -> Vec<u64> {
    assert_eq!(settlement.outcome, Outcome::Returned);
    settlement.receipt.output.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// The machine after a call of these steps, and what the call gave.
fn run_steps(steps: &[Step]) -> (Machine, Settlement) {
    let (program, input) = script(steps);
    let mut machine = Engine::default().instantiate(&program);
    let settlement = call(&mut machine, &input, 1 << 40);
    (machine, settlement)
}

#[test]
fn memory_is_allocated_used_and_kept() {
    let steps = [
        alloc(100, HEAP),
        (Opcode::Sd, Answer(0), Number(0x1122)),
        (Opcode::M3Size, Answer(0), Number(0)),
        alloc(5000, HEAP),
        (Opcode::M3Query, Answer(3), Number(Property::Handle.number().into())),
        (Opcode::M3Resize, Answer(3), Number(1 << 20)),
        (Opcode::M3Resolve, Answer(4), Number(0)),
        (Opcode::M3Query, Answer(0), Number(Property::LiveAllocations.number().into())),
        (Opcode::Ld, Answer(0), Number(0)),
        alloc(8192, HEAP | TEMPORARY << 8),
        alloc(64, RegionKind::Transient.code().into()),
        (Opcode::M3Free, Answer(0), Number(0)),
    ];
    let (machine, settlement) = run_steps(&steps[..11]);
    let got = answers(&settlement);
    assert_eq!(got[0], 3 << 32);
    assert_eq!((got[2], got[6], got[7], got[8]), (100, got[5], 2, 0x1122));
    let state = machine.state();
    let live: Vec<_> =
        state.memory().allocations().iter().map(|(slot, record)| (slot, record.size)).collect();
    assert_eq!(live, [(0, 100), (1, 1 << 20)], "what is temporary or transient is gone");
    assert_eq!(state.memory().allocations().get(0).unwrap().owner, machine.program().root());
    assert!(state.memory().region(5).is_none());

    // A snapshot, restored, goes on like the machine itself.
    let snapshot = State::from_snapshot(&state.to_snapshot().unwrap()).unwrap();
    assert_eq!(snapshot.root(), state.root());
    let mut restored = Engine::default().restore(machine.program(), snapshot).unwrap();
    let mut machine = machine;
    let (_, input) = script(&steps[..11]);
    let (ours, theirs) = (call(&mut machine, &input, 1 << 40), call(&mut restored, &input, 1 << 40));
    assert_eq!(ours, theirs);
    assert_eq!(answers(&ours)[7], 4);

    let (machine, freed) = run_steps(&steps);
    assert_eq!(answers(&freed)[11], 0);
    assert_eq!(machine.state().memory().allocations().len(), 1);
}

#[test]
fn a_refusal_is_an_answer_and_costs_the_base_price() {
    let code = |error: AllocationError| error.code().cast_unsigned();
    let (size, address) = (0, 0);
    let cases: [(Step, u64); 14] = [
        (alloc(0, HEAP), code(AllocationError::ZeroSize)),
        (alloc(u64::MAX, HEAP), code(AllocationError::TooLarge { size })),
        (alloc(1, HEAP | 1 << 24), code(AllocationError::ReservedBits { word: 0 })),
        (alloc(1, 10), code(AllocationError::UnknownKind { code: 10 })),
        (alloc(1, 2), code(AllocationError::Kind { kind: RegionKind::Code })),
        (alloc(1, HEAP | 8 << 8), code(AllocationError::WriteExecute)),
        (alloc(1, HEAP | 2 << 16), code(AllocationError::WrongRegion { region: 2, kind: RegionKind::Heap })),
        ((Opcode::M3Free, Number(DATA), Number(0)), code(AllocationError::ForeignRegion { address })),
        (
            (Opcode::M3Free, Number((3 << 32) + 4096), Number(0)),
            code(AllocationError::NotAllocated { address }),
        ),
        (
            (Opcode::M3Free, Number((3 << 32) + 1), Number(0)),
            code(AllocationError::InteriorPointer { address, start: 0 }),
        ),
        ((Opcode::M3Resolve, Number(7), Number(0)), code(AllocationError::StaleHandle { handle: 7 })),
        (
            (Opcode::M3Query, Number(3 << 32), Number(14)),
            code(AllocationError::UnknownProperty { number: 14 }),
        ),
        ((Opcode::M3Compact, Number(2), Number(0)), code(AllocationError::ForeignRegion { address })),
        ((Opcode::M3Size, Number(DATA), Number(0)), 0),
    ];
    let steps: Vec<Step> = [alloc(64, HEAP)].into_iter().chain(cases.iter().map(|case| case.0)).collect();
    let (machine, settlement) = run_steps(&steps);
    let expected: Vec<u64> = [3 << 32].into_iter().chain(cases.iter().map(|case| case.1)).collect();
    assert_eq!(answers(&settlement), expected);
    assert_eq!(machine.state().memory().allocations().len(), 1);
    let (_, alone) = run_steps(&steps[..1]);
    assert_eq!(settlement.receipt.bill.allocation, alone.receipt.bill.allocation);
}

#[test]
fn what_cannot_be_paid_does_not_happen() {
    let (program, input) = script(&[alloc(300_000, HEAP), (Opcode::M3Free, Answer(0), Number(0))]);
    let fresh = || Engine::default().instantiate(&program);
    let used = call(&mut fresh(), &input, 1 << 40).receipt.gas_used;
    for gas in [used / 2, used - 1] {
        let mut machine = fresh();
        let root = machine.root();
        let settlement = call(&mut machine, &input, gas);
        assert!(matches!(settlement.outcome, Outcome::OutOfGas { .. }));
        assert_eq!((machine.root(), settlement.receipt.refund), (root, 0));
    }
    assert_eq!(call(&mut fresh(), &input, used).outcome, Outcome::Returned);
}

#[test]
fn permissions_of_allocated_pages_are_enforced() {
    for (flags, opcode) in [(READ_ONLY, Opcode::Sd), (0, Opcode::Ld)] {
        let freed: &[Step] = if flags == 0 { &[(Opcode::M3Free, Answer(0), Number(0))] } else { &[] };
        let steps = [&[alloc(5000, HEAP | flags << 8)], freed, &[(opcode, Answer(0), Number(1))]].concat();
        let (_, settlement) = run_steps(&steps);
        assert!(matches!(settlement.outcome, Outcome::Trapped(_)), "{opcode:?}: {}", settlement.outcome);
    }
}

#[test]
fn executable_memory_is_executed() {
    // It is zero, and zeros are no instruction: a page without the permission would be a fetch fault.
    let word = i32::try_from(HEAP | (8 | READ_ONLY) << 8).unwrap();
    let high = (word + 0x800) & !0xfff;
    let steps = [
        li(A0, 1),
        i(Opcode::Lui, A1, 0, high),
        i(Opcode::Addi, A1, A1, word - high),
        r(Opcode::M3Alloc, A2, A0, A1),
        i(Opcode::Jalr, ZERO, A2, 0),
    ];
    let trap = trap(&steps);
    assert_eq!((trap.pc, trap.cause), (3 << 32, TrapCause::IllegalInstruction { bits: 0 }));
}

struct Prices(Schedule);

fn plane_kind(kind: RegionKind) -> PlaneKind {
    match kind {
        RegionKind::Shared => PlaneKind::Shared,
        RegionKind::Transient => PlaneKind::Transient,
        RegionKind::State => PlaneKind::State,
        RegionKind::Generative => PlaneKind::Generative,
        _ => PlaneKind::Heap,
    }
}

impl AllocationPrices for Prices {
    fn growth(&self, kind: RegionKind, before: u64, after: u64) -> u64 {
        self.0.growth(plane_kind(kind), before, after)
    }

    fn promotion(&self, extra_planes: u64) -> u64 {
        extra_planes * self.0.promotion_plane
    }
}

/// What the steps should answer and cost, from the memory's interface and the schedule.
struct Model {
    memory: Memory,
    prices: Prices,
    refunds: Refunds,
    owner: Hash,
    allocation_gas: u64,
    /// Planes of each kind.
    planes: [u64; PlaneKind::ALL.len()],
}

impl Model {
    fn pay(&mut self, operation: &Operation, change: Option<PlaneChange>) {
        self.allocation_gas += self.prices.0.cost(operation).allocation;
        if let Some(PlaneChange { kind, before, after }) = change {
            self.refunds.planes_changed(&self.prices.0, plane_kind(kind), before, after);
            self.planes[plane_kind(kind) as usize] = after;
        }
    }

    fn step(&mut self, opcode: Opcode, a: u64, b: u64) -> Option<u64> {
        match opcode {
            Opcode::M3Alloc => {
                let address = AllocationRequest::parameters_address(b);
                let parameters =
                    address.map(|at| PARAMETERS[usize::try_from(at - PARAMETERS_AT).unwrap() / 16]);
                let request = AllocationRequest::from_registers(a, b, parameters, self.owner).ok()?;
                let plan = self.memory.plan_allocation(&request, &self.prices).ok()?;
                let planes = plan.planes();
                let operation = Operation::Allocate {
                    bytes: a,
                    kind: plane_kind(planes.kind),
                    planes_before: planes.before,
                    planes_after: planes.after,
                    extra_planes: plan.extra_planes(),
                    further_regions: plan.further_regions(),
                };
                self.pay(&operation, Some(planes));
                Some(self.memory.allocate(plan).packed())
            }
            Opcode::M3Free => {
                let plan = self.memory.plan_free(a, &self.owner).ok()?;
                let operation =
                    Operation::Free { pages: plan.pages(), resident_pages: plan.resident_pages() };
                self.pay(&operation, plan.planes());
                self.memory.free(plan);
                Some(0)
            }
            Opcode::M3Resize => {
                let plan = self.memory.plan_resize(a, b, &self.owner, &self.prices).ok()?;
                let planes = plan.planes();
                let operation = Operation::Resize {
                    added_bytes: plan.added_bytes(),
                    copied_bytes: plan.copied_bytes(),
                    moved_pages: plan.moved_pages(),
                    resident_pages: plan.resident_pages(),
                    remaps: plan.remaps(),
                    kind: plane_kind(planes.kind),
                    planes_before: planes.before,
                    planes_after: planes.after,
                    extra_planes: plan.extra_planes(),
                };
                self.pay(&operation, Some(planes));
                Some(self.memory.resize_allocation(plan).packed())
            }
            _ => {
                let limit = u32::try_from(b).unwrap_or(u32::MAX).min(DEFAULT_COMPACTION_MOVES);
                let plan = self.memory.plan_compaction(a, limit).ok()?;
                let operation = Operation::Compact {
                    moved_frames: plan.moved_frames(),
                    scanned_planes: plan.scanned_planes(),
                    written_runs: plan.written_runs(),
                };
                self.pay(&operation, Some(plan.planes()));
                let released = plan.released_bytes();
                self.memory.compact(plan);
                Some(released)
            }
        }
    }
}

fn any_step() -> impl Strategy<Value = (Opcode, u64, u64)> {
    let size = prop_oneof![1..3000_u64, (1..100_u64).prop_map(|pages| pages * 4096)];
    let word = prop_oneof![4 => Just(HEAP), 1 => prop::sample::select(vec![3, 6, 7, HEAP | 4 << 8, HEAP | 1 << 8]),
            1 => (0..PARAMETERS.len()).prop_map(made_by)];
    prop_oneof![
        6 => (size.clone(), word).prop_map(|(size, word)| (Opcode::M3Alloc, size, word)),
        4 => any::<u64>().prop_map(|pick| (Opcode::M3Free, pick, 0)),
        2 => (any::<u64>(), size).prop_map(|(pick, size)| (Opcode::M3Resize, pick, size)),
        2 => (2..5_u64, prop_oneof![Just(u64::MAX), 0..9_u64]).prop_map(|(region, limit)| (Opcode::M3Defrag, region, limit)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The machine answers and charges what the memory and the schedule say, and steps that leave the planes as they were make
    /// no call cheaper.
    #[test]
    fn steps_cost_what_the_schedule_says_and_none_pays_back(picks in prop::collection::vec(any_step(), 1..30)) {
        let steps: Vec<Step> = picks
            .iter()
            .enumerate()
            .map(|(place, &(opcode, a, b))| match opcode {
                Opcode::M3Free | Opcode::M3Resize if place > 0 => {
                    (opcode, Answer(usize::try_from(a % place as u64).unwrap()), Number(b))
                }
                _ => (opcode, Number(a), Number(b)),
            })
            .collect();
        let (program, _) = script(&steps);
        let mut model = Model {
            memory: program.memory().clone(),
            prices: Prices(Schedule::default()),
            refunds: Refunds::default(),
            owner: program.root(),
            allocation_gas: 0,
            planes: [0; PlaneKind::ALL.len()],
        };
        let mut planes = vec![model.planes];
        let mut expected: Vec<Option<u64>> = Vec::new();
        for &(opcode, a, b) in &steps {
            // A refusal is a negative number, which is an address nowhere.
            let value = |operand| match operand { Number(number) => number, Answer(step) => expected[step].unwrap_or(u64::MAX) };
            let answer = model.step(opcode, value(a), value(b));
            expected.push(answer);
            planes.push(model.planes);
        }
        let (_, settlement) = run_steps(&steps);
        let got: Vec<Option<u64>> =
            answers(&settlement).into_iter().map(|answer| (answer < 1 << 63).then_some(answer)).collect();
        prop_assert_eq!(got, expected);
        let receipt = &settlement.receipt;
        prop_assert_eq!(receipt.bill.allocation, model.allocation_gas);
        prop_assert_eq!(receipt.refund, model.refunds.payable(receipt.gas_used));
        prop_assert!(receipt.refund <= receipt.bill.allocation / 2);
        // The last place before which the regions had as many planes as in the end: what follows it gains nothing.
        let end = planes[steps.len()];
        let same = (0..steps.len()).rev().find(|&step| planes[step] == end).unwrap_or(0);
        let before = run_steps(&steps[..same]).1.receipt;
        prop_assert!(receipt.gas_used - receipt.refund >= before.gas_used - before.refund);
    }
}
