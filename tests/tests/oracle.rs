//! State roots and proofs are judged by Python scripts that know nothing but SHA-256 and the documentation.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Map, Value, json};
use travertine_gas::Schedule;
use travertine_memory::{
    Address, Allocation, AllocationFlags, Fragment, Fragments, Memory, RecordList, Region, RegionKind,
};
use travertine_merkle::layout::{self, PAGE_BYTES, REGION_BYTES, STATE_VERSION, StateField};
use travertine_merkle::{
    Claim, GeneralizedIndex, Hash, MemoryProof, RegionHeader, StateTree, hash_pair, uint64_chunk,
    verify_memory_proof, verify_transition_proof,
};
use travertine_tests::{Random, fixtures};
use travertine_vm::{IMAGE_VERSION, Machine, State};

/// Runs a script of `tests/oracle`; `None`, and a word about it, where there is no Python.
fn python(script: &str, arguments: &[String]) -> Option<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle").join(script);
    match Command::new("python3").arg(script).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: python3 is not installed");
            None
        }
        Err(error) => panic!("python3: {error}"),
    }
}

/// An empty folder for the files of one test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(path: &Path) -> String {
    path.to_str().expect("the target folder's path is UTF-8").to_owned()
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

/// The machine's settled state in the form that `state_root.py` describes.
fn dump(machine: &Machine) -> Value {
    let schedule = Schedule::default();
    let prices = schedule.prices().map(|(_, price)| price);
    let image = machine.program().image();
    let segments = image
        .segments()
        .iter()
        .map(|segment| json!([segment.address, segment.memory_size, segment.permissions.bits()]));
    json!({
        "version": STATE_VERSION,
        "gas_schedule": std::iter::once(schedule.version).chain(prices).collect::<Vec<u64>>(),
        "settlements": machine.state().settlements(),
        "next_allocation": machine.state().memory().next_allocation(),
        "allocations": dump_allocations(machine.state().memory().allocations()),
        "regions": dump_regions(machine.state().memory()),
        "image": {
            "version": IMAGE_VERSION,
            "entry": image.entry(),
            "segments": segments.collect::<Vec<_>>(),
            "regions": dump_regions(machine.program().memory()),
        },
    })
}

fn dump_allocations(records: &RecordList) -> Vec<Value> {
    let dump = |(slot, record): (u32, &Allocation)| {
        let run = |run: &Fragment| json!([run.plane, run.first, run.frames]);
        json!({
            "slot": slot,
            "id": record.id,
            "address": record.address.packed(),
            "size": record.size,
            "kind": record.kind.code(),
            "flags": record.flags.bits(),
            "owner": hex::encode(record.owner),
            "fragments": record.fragments.iter().map(run).collect::<Vec<_>>(),
        })
    };
    records.iter().map(dump).collect()
}

fn dump_regions(memory: &Memory) -> Vec<Value> {
    let dump = |(number, region): (u8, &Region)| {
        json!({
            "number": number,
            "kind": region.kind().code(),
            "permissions": region.permissions().bits(),
            "flags": region.meta() >> 16,
            "size": region.cap().size(),
            "generator": region.cap().backing().generator().map(|made| [made.seed, made.mode]),
            "pages": dump_pages(memory, number, region),
        })
    };
    memory.regions().map(dump).collect()
}

fn dump_pages(memory: &Memory, number: u8, region: &Region) -> Map<String, Value> {
    let mut pages = Map::new();
    for (page, _) in region.cap().pages_in(0..region.cap().page_count()) {
        let mut bytes = vec![0; usize::try_from(PAGE_BYTES).unwrap()];
        memory.peek(u64::from(number) * REGION_BYTES + u64::from(page) * PAGE_BYTES, &mut bytes).unwrap();
        pages.insert(page.to_string(), hex::encode(bytes).into());
    }
    pages
}

#[test]
fn state_roots_are_those_that_python_computes_from_the_memory() {
    let folder = folder("state_root");
    let (mut paths, mut roots) = (Vec::new(), Vec::new());
    for fixture in fixtures::all() {
        for (when, machine) in [("new", fixture.machine()), ("settled", fixture.settled())] {
            let path = folder.join(format!("{}-{when}.json", fixture.name));
            fs::write(&path, dump(&machine).to_string()).unwrap();
            paths.push(text(&path));
            roots.push(hex::encode(machine.root()));
        }
    }
    let Some(output) = python("state_root.py", &paths) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for ((path, root), computed) in paths.iter().zip(&roots).zip(lines(&output)) {
        assert_eq!(&computed, root, "{path}");
    }
    assert_eq!(lines(&output).len(), roots.len());
}

/// Ranges of bytes of settled fixtures: one chunk, across chunks, pages and planes, zero pages, text.
/// Of a generative region those that nobody has written, those of written pages, and both.
const RANGES: [(&str, u64, u64); 12] = [
    ("counter", 0x2_0000_0000, 8),
    ("counter", 0x1_f000_0000, 200),
    ("token", 0x2_0001_0000, 64),
    ("token", 0x2_0000_ffe0, 64),
    ("token", 0x2_0001_0fff, 4098),
    ("guestbook", 0x2_0000_0001, 300),
    ("guestbook", 0x4_0000_0000, 70_000),
    ("sieve", 0x1_fff0, 0x20),
    ("sieve", 0x2_0123, 5_000),
    ("landmap", 0x80_1234_5677, 70),
    ("landmap", 0x80_0012_0000, 64),
    ("landmap", 0x80_ffff_dfff, 8_000),
];

#[test]
fn python_accepts_and_refuses_the_same_proofs() {
    const FLIPS: usize = 40;
    let folder = folder("check_proof");
    let mut random = Random::new(7);
    for (number, (name, address, length)) in RANGES.into_iter().enumerate() {
        let machine = fixtures::named(name).settled();
        let claim = Claim::bytes(address, length);
        let proof = machine.state().prove(&[claim]).unwrap().encode().unwrap();
        let mut expected = vec![0; usize::try_from(length).unwrap()];
        machine.peek(address, &mut expected).unwrap();

        let mut proofs = vec![proof.clone()];
        for _ in 0..FLIPS {
            let mut flipped = proof.clone();
            let bit = random.below(8 * proof.len() as u64);
            flipped[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
            proofs.push(flipped);
        }
        proofs.push(proof[..proof.len() - 32].to_vec());
        proofs.push([&proof[..], &[0; 32]].concat());

        let mut arguments = vec![hex::encode(machine.root()), address.to_string(), length.to_string()];
        for (index, proof) in proofs.iter().enumerate() {
            let path = folder.join(format!("{number}-{index}.proof"));
            fs::write(&path, proof).unwrap();
            arguments.push(text(&path));
        }
        let Some(output) = python("check_proof.py", &arguments) else { return };
        let verdicts = lines(&output);
        assert_eq!(verdicts.len(), proofs.len(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(verdicts[0], format!("valid {}", hex::encode(&expected)), "{name} {address:#x}");
        assert_eq!(output.status.code(), Some(1), "{name} {address:#x}: some are invalid");
        for (index, (proof, verdict)) in proofs.iter().zip(&verdicts).enumerate() {
            let ours = verify_memory_proof(proof, &machine.root(), &[claim]);
            assert_eq!(
                ours.is_ok(),
                verdict.starts_with("valid "),
                "{name} {address:#x}, {index}: {verdict}, {ours:?}"
            );
            assert_eq!(ours.is_ok(), index == 0, "{name} {address:#x}, {index}: {verdict}");
        }
    }
}

/// A machine's state as if it had these allocations, which its own program has not made.
struct WithAllocations<'a> {
    state: &'a State,
    records: RecordList,
    next: u64,
}

impl StateTree for WithAllocations<'_> {
    fn node(&self, index: GeneralizedIndex) -> Option<Hash> {
        let [list, next] = [StateField::Allocations, StateField::NextAllocation].map(layout::field);
        if index == next {
            return Some(uint64_chunk(self.next));
        }
        if index == list || list.is_ancestor_of(index) {
            let below = index.depth() - list.depth();
            let relative = index.get() - (list.get() << below) + (1 << below);
            return self.records.node(GeneralizedIndex::new(relative).ok()?);
        }
        if index.is_ancestor_of(list) || index.is_ancestor_of(next) {
            return Some(hash_pair(&self.node(index.left().ok()?)?, &self.node(index.right().ok()?)?));
        }
        self.state.node(index)
    }

    fn region(&self, region: u8) -> Option<RegionHeader> {
        self.state.region(region)
    }
}

/// Some of the first slots, some others, and 1 to 40 runs of frames each.
fn random_records(random: &mut Random) -> RecordList {
    let mut records = RecordList::new();
    for id in 1..=random.below(60) {
        let run = |random: &mut Random| Fragment {
            plane: u16::try_from(random.below(1 << 16)).unwrap(),
            first: u8::try_from(random.below(8)).unwrap(),
            frames: u8::try_from(1 + random.below(8)).unwrap(),
        };
        let runs: Vec<Fragment> = (0..random.pick(&[1, 1, 2, 4, 5, 40])).map(|_| run(random)).collect();
        let record = Allocation {
            id,
            address: Address::new(random.below(1 << 40)).unwrap(),
            size: random.bits(),
            kind: random.pick(&RegionKind::ALL),
            flags: AllocationFlags::from_bits(random.bits().to_le_bytes()[0]),
            owner: [random.bits().to_le_bytes()[0]; 32],
            fragments: Fragments::from(&runs[..]),
        };
        let slot = random.pick(&[64, 5_000, 1 << 24]);
        // Where a slot is used already there is one record less.
        let _ = records.insert_at(u32::try_from(random.below(slot)).unwrap(), record);
    }
    records
}

#[test]
fn allocations_have_the_roots_that_python_computes() {
    let folder = folder("allocations");
    let machine = fixtures::named("counter").settled();
    let mut random = Random::new(24);
    let (mut paths, mut roots) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let records = random_records(&mut random);
        let mut dump = dump(&machine);
        dump["next_allocation"] = (1_000 + number).into();
        dump["allocations"] = dump_allocations(&records).into();
        let path = folder.join(format!("{number}.json"));
        fs::write(&path, dump.to_string()).unwrap();
        paths.push(text(&path));
        let tree = WithAllocations { state: machine.state(), records, next: 1_000 + number };
        roots.push(hex::encode(tree.node(GeneralizedIndex::ROOT).unwrap()));
    }
    let Some(output) = python("state_root.py", &paths) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines(&output), roots);
}

/// The records that `ledger` has made itself, each proven on its own.
#[test]
fn python_accepts_the_proofs_of_a_contracts_allocations() {
    let folder = folder("ledger_allocations");
    let machine = fixtures::named("ledger").settled();
    let records = machine.state().memory().allocations();
    assert!(records.len() >= 2);
    for (slot, record) in records.iter() {
        let path = folder.join(format!("{slot}.proof"));
        let claim = Claim::allocation(slot);
        fs::write(&path, machine.state().prove(&[claim]).unwrap().encode().unwrap()).unwrap();
        let arguments = [hex::encode(machine.root()), "allocation".to_owned(), slot.to_string(), text(&path)];
        let Some(output) = python("check_proof.py", &arguments) else { return };
        assert_eq!(lines(&output), [printed(Some(record))], "slot {slot}");
    }
}

/// What `check_proof.py` prints of a record.
fn printed(record: Option<&Allocation>) -> String {
    let Some(record) = record.map(Allocation::record) else { return "valid free".to_owned() };
    let integers = [record.id, record.address, record.size, record.kind, record.flags];
    let integers = integers.map(|integer| integer.to_string()).join(" ");
    let [owner, fragments] = [record.owner, record.fragments].map(hex::encode);
    format!("valid {integers} {owner} {} {fragments}", record.fragment_count)
}

#[test]
fn python_accepts_and_refuses_the_same_proofs_of_allocations() {
    let folder = folder("check_allocation");
    let machine = fixtures::named("counter").settled();
    let mut random = Random::new(25);
    for number in 0..6 {
        let records = random_records(&mut random);
        let tree = WithAllocations { state: machine.state(), records, next: 61 };
        let root = tree.node(GeneralizedIndex::ROOT).unwrap();
        let used: Vec<u32> = tree.records.iter().map(|(slot, _)| slot).collect();
        let slot = match number % 3 {
            0 if !used.is_empty() => random.pick(&used),
            1 => (0..=u32::MAX).find(|slot| tree.records.get(*slot).is_none()).unwrap(),
            _ => (1 << 24) - 1,
        };
        let claim = Claim::allocation(slot);
        let proof = MemoryProof::prove(&tree, &[claim]).unwrap().encode().unwrap();
        let mut proofs = vec![proof.clone()];
        for _ in 0..40 {
            let mut flipped = proof.clone();
            let bit = random.below(8 * proof.len() as u64);
            flipped[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
            proofs.push(flipped);
        }
        let mut arguments = vec![hex::encode(root), "allocation".to_owned(), slot.to_string()];
        for (index, proof) in proofs.iter().enumerate() {
            let path = folder.join(format!("{number}-{index}.proof"));
            fs::write(&path, proof).unwrap();
            arguments.push(text(&path));
        }
        let Some(output) = python("check_proof.py", &arguments) else { return };
        let verdicts = lines(&output);
        assert_eq!(verdicts.len(), proofs.len(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(verdicts[0], printed(tree.records.get(slot)), "slot {slot}");
        for (index, (proof, verdict)) in proofs.iter().zip(&verdicts).enumerate() {
            let ours = verify_memory_proof(proof, &root, &[claim]);
            assert_eq!(
                ours.is_ok(),
                verdict.starts_with("valid "),
                "slot {slot}, {index}: {verdict}, {ours:?}"
            );
            assert_eq!(ours.is_ok(), index == 0, "slot {slot}, {index}: {verdict}");
        }
    }
}

/// Every call of `ledger` and some of `orders` that succeed: regions appear, records of all kinds change.
#[test]
fn python_accepts_and_refuses_the_same_transitions() {
    let folder = folder("check_transition");
    let mut random = Random::new(26);
    let (mut allocating, mut opening) = (0, 0);
    for (name, calls) in [("ledger", usize::MAX), ("orders", 12)] {
        let fixture = fixtures::named(name);
        let mut machine = fixture.machine();
        for (number, expected) in fixture.calls.iter().take(calls).enumerate() {
            let old = machine.state().clone();
            let settlement = machine.call(&expected.call, &mut fixtures::Console::default()).unwrap();
            if !settlement.outcome.is_success() {
                continue;
            }
            let (old_root, new_root) = (old.root(), machine.root());
            let proof = old.prove_transition(machine.state(), &settlement.receipt).unwrap();
            let (regions, pages, records) = (proof.regions.len(), proof.changes.len(), proof.records.len());
            allocating += usize::from(records > 0);
            opening += proof.regions.iter().filter(|region| region.old.size == 0).count();
            let proof = proof.encode().unwrap();
            let mut proofs = vec![proof.clone()];
            for _ in 0..8 {
                let mut flipped = proof.clone();
                let bit = random.below(8 * proof.len() as u64);
                flipped[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
                proofs.push(flipped);
            }
            let mut arguments = vec![hex::encode(old_root), "transition".to_owned(), hex::encode(new_root)];
            for (index, proof) in proofs.iter().enumerate() {
                let path = folder.join(format!("{name}-{number}-{index}.proof"));
                fs::write(&path, proof).unwrap();
                arguments.push(text(&path));
            }
            let Some(output) = python("check_proof.py", &arguments) else { return };
            let verdicts = lines(&output);
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(verdicts.len(), proofs.len(), "{name}, call {number}: {error}");
            let counts = format!("valid {regions} regions {pages} pages {records} records");
            assert_eq!(verdicts[0], counts, "{name}, call {number}");
            for (index, (proof, verdict)) in proofs.iter().zip(&verdicts).enumerate() {
                let ours = verify_transition_proof(proof, &old_root, &new_root);
                let what = format!("{name}, call {number}, {index}: {verdict}, {ours:?}");
                assert_eq!((ours.is_ok(), verdict.starts_with("valid ")), (index == 0, index == 0), "{what}");
            }
        }
    }
    assert!(
        allocating >= 15 && opening >= 3,
        "{allocating} calls that allocate, {opening} regions that appear"
    );
}

#[test]
fn python_refuses_a_proof_under_another_root_or_for_another_range() {
    let machine = fixtures::named("token").settled();
    let path = folder("other_claims").join("token.proof");
    let (address, length) = (0x2_0001_0000, 64);
    let proof = machine.state().prove(&[Claim::bytes(address, length)]).unwrap();
    fs::write(&path, proof.encode().unwrap()).unwrap();
    let check = |root: Hash, address: u64, length: u64| {
        let arguments = [hex::encode(root), address.to_string(), length.to_string(), text(&path)];
        python("check_proof.py", &arguments).map(|output| output.status.code().unwrap())
    };
    let mut other_root = machine.root();
    other_root[31] ^= 1;
    let codes = [
        check(machine.root(), address, length),
        check(other_root, address, length),
        check(machine.root(), address + 32, length),
        check(machine.root(), address, length - 1),
        check(machine.root(), address, 0),
    ];
    if codes[0].is_some() {
        assert_eq!(codes, [Some(0), Some(1), Some(1), Some(1), Some(2)]);
    }
}
