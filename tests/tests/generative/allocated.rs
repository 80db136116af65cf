//! Generative memory that a program allocates, against bytes that are all there from the beginning: random calls that open, resize
//! and close regions and work on them, of which some fail; on both engines in lockstep, with snapshots, proofs and transitions.

use std::collections::{BTreeMap, BTreeSet};

use travertine_memory::{
    Allocation, AllocationError, GENERATIVE_REGIONS, Mode, Permissions, RegionKind, Synthesis,
};
use travertine_merkle::layout::PAGE_BYTES;
use travertine_merkle::{Claim, Proven, verify_memory_proof, verify_transition_proof};
use travertine_opcodes::{Instruction, Opcode, encode};
use travertine_tests::Random;
use travertine_tests::lockstep::{engine, lockstep};
use travertine_vm::{Call, EngineKind, Image, Machine, NoHost, Outcome, Program, Segment};

use crate::restored;

const PROGRAMS: u64 = if cfg!(debug_assertions) { 4 } else { 30 };
const CALLS: u64 = 14;
const STEPS: usize = 12;

const CODE: u64 = 0x1_f000_0000;
/// The answers of the steps.
const DATA: u64 = 0x2_0000_0000;
const INPUT: u64 = 0x7_0001_0000;
/// Where the parameters of the steps stand in the input, at an odd address.
const PARAMETERS: u64 = 24 * STEPS as u64 + 8 + 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Allocate,
    Free,
    Resize,
    Load,
    Store,
    Copy,
    Fill,
    Share,
}

const ACTIONS: [Action; 10] = [
    Action::Allocate,
    Action::Allocate,
    Action::Allocate,
    Action::Free,
    Action::Resize,
    Action::Load,
    Action::Store,
    Action::Copy,
    Action::Fill,
    Action::Share,
];

impl Action {
    /// With the operands in t0, t1 and t2; the answer is in t2.
    fn instruction(self) -> Instruction {
        let [t0, t1, t2] = [5, 6, 7];
        let r = |opcode, rd, rs1, rs2| Instruction { opcode, rd, rs1, rs2, imm: 0 };
        match self {
            Self::Allocate => r(Opcode::M3Alloc, t2, t0, t1),
            Self::Free => r(Opcode::M3Free, t2, t0, 0),
            Self::Resize => r(Opcode::M3Resize, t2, t0, t1),
            Self::Load => r(Opcode::Ld, t2, t0, 0),
            Self::Store => r(Opcode::Sd, 0, t0, t1),
            Self::Copy => r(Opcode::M3Copy, t0, t1, t2),
            Self::Fill => r(Opcode::M3Fill, t0, t1, t2),
            Self::Share => r(Opcode::M3Share, t0, t1, t2),
        }
    }
}

fn program(actions: &[Action]) -> Program {
    let load = |rd, imm| Instruction { opcode: Opcode::Ld, rd, rs1: 11, rs2: 0, imm };
    // The answers' place comes first.
    let mut code = vec![load(8, 24 * i32::try_from(STEPS).unwrap())];
    for (place, action) in (0..).step_by(8).zip(actions) {
        code.extend([load(5, 3 * place), load(6, 3 * place + 8), load(7, 3 * place + 16)]);
        code.push(action.instruction());
        code.push(Instruction { opcode: Opcode::Sd, rd: 0, rs1: 8, rs2: 7, imm: place });
    }
    code.push(Instruction { opcode: Opcode::M3Halt, rd: 0, rs1: 0, rs2: 0, imm: 0 });
    let code: Vec<u8> = code.into_iter().flat_map(|one| encode(one).unwrap().to_le_bytes()).collect();
    let segment =
        |address, data, permissions| Segment { address, memory_size: PAGE_BYTES, data, permissions };
    let segments = vec![
        segment(CODE, code, Permissions::READ_EXECUTE),
        segment(DATA, Vec::new(), Permissions::READ_WRITE),
    ];
    Program::new(Image::new(CODE, segments).unwrap())
}

/// A region with all its bytes.
#[derive(Clone)]
struct Made {
    synthesis: Synthesis,
    bytes: Vec<u8>,
    written: BTreeSet<u64>,
}

impl Made {
    fn resize(&mut self, pages: u64) {
        let old = self.bytes.len() as u64 / PAGE_BYTES;
        self.bytes.truncate(usize::try_from(pages * PAGE_BYTES).unwrap());
        (old..pages).for_each(|page| self.bytes.extend(self.synthesis.page(page)));
        self.written.retain(|page| *page < pages);
    }

    fn write(&mut self, start: usize, bytes: &[u8]) {
        self.bytes[start..][..bytes.len()].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.written.extend((start / 4096..=(start + bytes.len() - 1) / 4096).map(|page| page as u64));
        }
    }
}

#[derive(Clone, Default)]
struct Twin(BTreeMap<u8, Made>);

/// A planned step: its operands and parameters, and what it answers.
struct Step {
    operands: [u64; 3],
    parameters: [u64; 2],
    answer: u64,
}

impl Twin {
    fn first_free(&self) -> u8 {
        GENERATIVE_REGIONS.into_iter().find(|region| !self.0.contains_key(region)).unwrap()
    }

    /// A live region, and a place in it with room for so many bytes behind it.
    fn place(&self, random: &mut Random, room: u64) -> Option<(u8, usize)> {
        let fits: Vec<u8> = self
            .0
            .iter()
            .filter(|(_, made)| made.bytes.len() as u64 > room)
            .map(|(&region, _)| region)
            .collect();
        if fits.is_empty() {
            return None;
        }
        let region = random.pick(&fits);
        Some((region, usize::try_from(random.below(self.0[&region].bytes.len() as u64 - room)).unwrap()))
    }

    /// Plans a step and carries it out. What finds no region is refused by the machine, or does nothing.
    fn step(&mut self, action: Action, number: u64, random: &mut Random) -> Step {
        let address = |region: u8, at: usize| u64::from(region) << 32 | at as u64;
        let mut step = Step { operands: [0; 3], parameters: [0; 2], answer: 0 };
        let foreign = AllocationError::ForeignRegion { address: 0 }.code().cast_unsigned();
        match action {
            Action::Allocate => {
                let pages = 1 + random.below(4);
                let mode = random.pick(&[0, 1, 1, 1, 1, 1, 1, 5]);
                step.parameters = [random.below(3), mode];
                let parameters = INPUT + PARAMETERS + 16 * number;
                step.operands = [pages * PAGE_BYTES, 9 | parameters << 24, 0];
                let Some(mode) = Mode::from_code(mode) else {
                    step.answer = AllocationError::UnknownMode { mode }.code().cast_unsigned();
                    return step;
                };
                if self.0.len() == 12 {
                    let error = AllocationError::WrongRegion { region: 1, kind: RegionKind::Generative };
                    step.operands[1] |= 1 << 16;
                    step.answer = error.code().cast_unsigned();
                    return step;
                }
                let region = self.first_free();
                let synthesis = Synthesis { seed: step.parameters[0], mode };
                let mut opened = Made { synthesis, bytes: Vec::new(), written: BTreeSet::new() };
                opened.resize(pages);
                self.0.insert(region, opened);
                step.answer = address(region, 0);
            }
            Action::Free => match self.place(random, 0) {
                Some((region, _)) if self.0.len() > 1 => {
                    self.0.remove(&region);
                    step.operands[0] = address(region, 0);
                }
                _ => step.answer = foreign,
            },
            Action::Resize => {
                (step.operands[1], step.answer) = (PAGE_BYTES, foreign);
                if let Some((region, at)) = self.place(random, 0) {
                    let pages = 1 + random.below(5);
                    step.operands = [address(region, at), pages * PAGE_BYTES, 0];
                    step.answer = address(region, 0);
                    self.0.get_mut(&region).unwrap().resize(pages);
                }
            }
            Action::Load => {
                step.operands[0] = INPUT;
                step.answer = u64::MAX;
                if let Some((region, at)) = self.place(random, 8) {
                    step.operands[0] = address(region, at);
                    step.answer = u64::from_le_bytes(*self.0[&region].bytes[at..].first_chunk().unwrap());
                }
            }
            Action::Store => {
                step.operands = [DATA + 2048, random.bits(), 7];
                step.answer = 7;
                if let Some((region, at)) = self.place(random, 8) {
                    step.operands[0] = address(region, at);
                    self.0.get_mut(&region).unwrap().write(at, &step.operands[1].to_le_bytes());
                }
            }
            Action::Copy | Action::Fill | Action::Share => {
                let length = match action {
                    Action::Share => PAGE_BYTES,
                    _ => random.pick(&[0, 1, 40, 4096, 5000]),
                };
                let (to, from) = (self.place(random, length), self.place(random, length));
                let (Some((target, mut at)), Some((source, mut start))) = (to, from) else { return step };
                if action == Action::Share {
                    (at, start) = (at / 4096 * 4096, start / 4096 * 4096);
                }
                let count = usize::try_from(length).unwrap();
                let value = random.bits().to_le_bytes()[0];
                let bytes = match action {
                    Action::Fill => vec![value; count],
                    _ => self.0[&source].bytes[start..][..count].to_vec(),
                };
                let second = if action == Action::Fill { value.into() } else { address(source, start) };
                step.operands = [address(target, at), second, length];
                step.answer = length;
                self.0.get_mut(&target).unwrap().write(at, &bytes);
            }
        }
        step
    }
}

/// Compares all bytes, which pages are written, and which regions there are.
fn assert_same(machine: &Machine, twin: &Twin, what: &str) {
    let memory = machine.state().memory();
    let open: Vec<u8> =
        memory.regions().filter(|(_, it)| it.kind() == RegionKind::Generative).map(|it| it.0).collect();
    assert!(open.iter().eq(twin.0.keys()), "{what}: {open:x?}");
    for (&region, made) in &twin.0 {
        let mut bytes = vec![0; made.bytes.len()];
        machine.peek(u64::from(region) << 32, &mut bytes).unwrap();
        assert!(bytes == made.bytes, "{what}: the bytes of region {region:#x}");
        let cap = memory.region(region).unwrap().cap();
        assert_eq!(cap.synthesis(), Some(made.synthesis), "{what}");
        let stored = cap.backing().pages().map(|(page, _)| u64::from(page));
        assert!(stored.eq(made.written.iter().copied()), "{what}: written pages of region {region:#x}");
    }
}

/// Bytes of each region, written or not, that the first free number is absent, and all records, from the root alone.
fn assert_proven(machine: &Machine, twin: &Twin, random: &mut Random) {
    let mut claims = vec![Claim::region(twin.first_free())];
    for (&region, made) in &twin.0 {
        let start = random.below(made.bytes.len() as u64);
        let length = 1 + random.below((made.bytes.len() as u64 - start).min(6000));
        claims.push(Claim::bytes(u64::from(region) << 32 | start, length));
    }
    let records = machine.state().memory().allocations();
    claims.extend(records.iter().map(|(slot, _)| Claim::allocation(slot)));
    claims.push(Claim::allocation(1 << 23));
    let proof = machine.state().prove(&claims).unwrap().encode().unwrap();
    let proven = verify_memory_proof(&proof, &machine.root(), &claims).unwrap();
    for (claim, value) in claims.iter().zip(&proven) {
        match value {
            Proven::Region(header) => assert_eq!(*header, None),
            Proven::Bytes { data, region } => {
                let made = &twin.0[&u8::try_from(claim.address >> 32).unwrap()];
                let start = usize::try_from(claim.address & 0xFFFF_FFFF).unwrap();
                assert_eq!(data[..], made.bytes[start..][..data.len()]);
                let generator = region.generator.unwrap();
                assert_eq!((generator.seed, region.size), (made.synthesis.seed, 1 << 32));
            }
            Proven::Allocation(record) => {
                let known = u32::try_from(claim.address).ok().and_then(|slot| records.get(slot));
                assert_eq!(record.as_deref().copied(), known.map(Allocation::record));
                assert!(record.as_ref().is_none_or(|record| record.kind == 9));
            }
        }
    }
}

fn play(seed: u64, tally: &mut [u64; 5]) {
    let mut random = Random::new(seed ^ 0xa110c);
    let engines = (engine(EngineKind::Reference), engine(EngineKind::Threaded));
    let actions: [Action; STEPS] = std::array::from_fn(|_| random.pick(&ACTIONS));
    let program = program(&actions);
    let mut machine = engines.0.instantiate(&program);
    let mut twin = Twin::default();
    for number in 0..CALLS {
        let what = format!("program {seed}, call {number}");
        let mut after = twin.clone();
        let steps: Vec<Step> =
            (0..).zip(&actions).map(|(place, &action)| after.step(action, place, &mut random)).collect();
        // The last answer cannot be stored, and nothing has happened; or it can.
        let fails = random.chance(25);
        let answers_at = if fails { DATA + PAGE_BYTES - 8 * (STEPS as u64 - 1) } else { DATA };
        let operands = steps.iter().flat_map(|step| step.operands).chain([answers_at]);
        let mut input: Vec<u8> = operands.flat_map(u64::to_le_bytes).collect();
        input.extend([0; 3]);
        input.extend(steps.iter().flat_map(|step| step.parameters).flat_map(u64::to_le_bytes));
        let call = Call::new(input, 1 << 40);
        let mut others = (machine.clone(), engines.1.restore(&program, machine.state().clone()).unwrap());
        lockstep(&mut others.0, &mut others.1, &call, &mut random).unwrap();

        let before = machine.state().clone();
        let settlement = machine.call(&call, &mut NoHost).unwrap();
        if fails {
            assert!(matches!(settlement.outcome, Outcome::Trapped(_)), "{what}: {}", settlement.outcome);
            assert_eq!(machine.root(), before.root(), "{what}: a call that failed leaves no trace");
            tally[0] += 1;
        } else {
            assert!(settlement.outcome.is_success(), "{what}: {}", settlement.outcome);
            twin = after;
            for (place, (step, action)) in (0..).zip(steps.iter().zip(&actions)) {
                let mut answer = [0; 8];
                machine.peek(DATA + 8 * place, &mut answer).unwrap();
                let got = u64::from_le_bytes(answer);
                let is_any = *action == Action::Load && step.answer == u64::MAX;
                assert!(is_any || got == step.answer, "{what}, {action:?}: {got:#x}, not {:#x}", step.answer);
            }
            let proof = before.prove_transition(machine.state(), &settlement.receipt).unwrap();
            let proof = proof.encode().unwrap();
            let proven = verify_transition_proof(&proof, &before.root(), &machine.root()).unwrap();
            let header = |old: bool| {
                let of = |it: &travertine_merkle::ChangedRegion| if old { it.old.size } else { it.new.size };
                proven.regions.iter().filter(|it| it.region >= 0x80 && of(it) == 0).count() as u64
            };
            (tally[1], tally[2]) = (tally[1] + header(true), tally[2] + header(false));
            let remade = |it: &&travertine_merkle::ChangedRegion| {
                it.old.size == it.new.size && (it.old.seed, it.old.mode) != (it.new.seed, it.new.mode)
            };
            tally[3] += proven.regions.iter().filter(remade).count() as u64;
        }
        assert_same(&machine, &twin, &what);
        assert_proven(&machine, &twin, &mut random);
        if random.chance(30) {
            machine = restored(&engines.0, &program, &machine);
            tally[4] += 1;
        }
    }
}

#[test]
fn allocated_regions_are_as_bytes_that_were_there_from_the_beginning() {
    let mut tally = [0; 5];
    for seed in 0..PROGRAMS {
        play(seed, &mut tally);
    }
    // Calls that failed, regions that appeared, vanished or were made anew in one call, and restorations.
    assert!(tally.iter().all(|&count| count >= PROGRAMS / 2), "{tally:?}");
}
