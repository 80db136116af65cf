//! Proofs that the command wrote, and the golden vectors, before two judges: `remerkleable` (Python) and
//! `@chainsafe/persistent-merkle-tree` (JavaScript), SSZ libraries that share nothing with this project.
//! `tests/oracle/judges/install` installs them.

mod common;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use common::{Sandbox, contract, string, text};
use serde_json::{Value, json};
use travertine_merkle::layout::{CHUNK_BYTES, PAGE_BYTES, REGION_BYTES};
use travertine_merkle::{Claim, Hash, MemoryProof, TransitionProof, ZERO_HASH, verify_memory_proof};
use travertine_tests::{Random, qemu::say_skipped};

/// A library, and the script that asks it. The scripts and their questions are described in `judge.py`.
struct Judge {
    library: &'static str,
    interpreter: &'static str,
    script: &'static str,
    /// The folder with the library, below that of the judges.
    folder: &'static str,
    /// Words in the names of the forged vectors that the library accepts, since it leaves the check to its caller.
    lax: &'static [&'static str],
}

const JUDGES: [Judge; 2] = [
    Judge {
        library: "remerkleable",
        interpreter: "python3",
        script: "judge.py",
        folder: "python",
        lax: &["gindices ascending"],
    },
    Judge {
        library: "@chainsafe/persistent-merkle-tree",
        interpreter: "node",
        script: "judge.mjs",
        folder: "node/node_modules",
        lax: &["surplus sibling", "gindices ascending", "duplicate gindex", "FORGED page leaf above"],
    },
];

/// A question to a judge, and the answer that it must give.
struct Case {
    name: String,
    question: Value,
    accept: bool,
}

impl Judge {
    /// Those that are installed. Which are not is said in words, unless `TRAVERTINE_JUDGES` names the folder in which
    /// all of them must be.
    fn installed() -> impl Iterator<Item = (Self, PathBuf)> {
        let demanded = env::var_os("TRAVERTINE_JUDGES").map(PathBuf::from);
        let default = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("judges");
        JUDGES.into_iter().filter_map(move |judge| {
            let libraries = demanded.clone().unwrap_or_else(default).join(judge.folder);
            let missing = if Command::new(judge.interpreter).arg("--version").output().is_err() {
                judge.interpreter
            } else if !libraries.join(judge.library).is_dir() {
                judge.library
            } else {
                return Some((judge, libraries));
            };
            assert!(demanded.is_none(), "{missing} is not installed");
            say_skipped(&format!("{missing} is not installed"));
            None
        })
    }

    /// Puts all questions to the judge at once, and compares its answers.
    fn hear(&self, libraries: &Path, cases: &[Case]) {
        let questions: Vec<&Value> = cases.iter().map(|case| &case.question).collect();
        let sandbox = Sandbox::new();
        sandbox.write("questions.json", json!(questions).to_string().as_bytes());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/judges").join(self.script);
        let output = Command::new(self.interpreter)
            .args([&script, libraries, &sandbox.path("questions.json")])
            .output()
            .expect("the judge starts");
        assert!(output.status.success(), "{}: {}", self.script, String::from_utf8_lossy(&output.stderr));

        let answers = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(answers.lines().count(), cases.len(), "{}", self.library);
        let wrong: Vec<_> = cases
            .iter()
            .zip(answers.lines())
            .filter(|(case, answer)| {
                let accepted = *answer == "accepted";
                assert!(accepted || answer.starts_with("refused "), "{answer}");
                accepted != case.accept
            })
            .map(|(case, answer)| format!("{}: {answer}", case.name))
            .collect();
        assert!(wrong.is_empty(), "{} is of another opinion:\n{}", self.library, wrong.join("\n"));
    }
}

// ---- Golden vectors ------------------------------------------------------------------------------------------------

/// A list of the golden vectors.
fn vectors(file: &str, list: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/vectors/ssz").join(file);
    let document: Value =
        serde_json::from_slice(&fs::read(path).expect("the vectors are there")).expect("JSON");
    let vectors = document[list].as_array().expect("a list of vectors").clone();
    assert!(!vectors.is_empty(), "{file}, {list}");
    vectors
}

#[test]
fn judges_confirm_the_golden_vectors() {
    for (judge, libraries) in Judge::installed() {
        let mut cases = Vec::new();
        for (file, list) in [
            ("d_single_proofs.json", "proofs"),
            ("d_single_proofs.json", "other_nodes"),
            ("e_multiproofs.json", "proofs"),
            ("f_negative.json", "single"),
            ("f_negative.json", "multi"),
        ] {
            for (number, question) in vectors(file, list).into_iter().enumerate() {
                let name = format!("{file}, {list} {number}: {}", question["name"]);
                let forged = file == "f_negative.json";
                let lax = judge.lax.iter().any(|words| name.contains(words));
                cases.push(Case { name, question, accept: !forged || lax });
            }
        }
        judge.hear(&libraries, &cases);
    }
}

// ---- Proofs of random states ---------------------------------------------------------------------------------------

/// How much is run of a contract.
struct Run {
    contract: &'static str,
    machines: u64,
    /// Calls of each machine, one after the other; each makes a new state.
    calls: u64,
    /// Proofs of each state.
    proofs: u64,
}

const RUNS: [Run; 6] = [
    Run { contract: "counter", machines: 7, calls: 10, proofs: 3 },
    Run { contract: "guestbook", machines: 7, calls: 10, proofs: 3 },
    Run { contract: "token", machines: 7, calls: 10, proofs: 3 },
    Run { contract: "ledger", machines: 4, calls: 10, proofs: 3 },
    Run { contract: "conditional", machines: 1, calls: 1, proofs: 80 },
    Run { contract: "sieve", machines: 1, calls: 1, proofs: 40 },
];

/// A region of a machine.
#[derive(Clone, Copy)]
struct Region {
    number: u64,
    /// Size in bytes.
    size: u64,
    /// Pages that are not zero.
    filled: u64,
}

/// A proof that the command wrote.
struct Written {
    /// Name of its file.
    name: String,
    proof: MemoryProof,
}

/// An input that changes the contract's state.
fn random_input(contract: &str, call: u64, random: &mut Random) -> String {
    let amount = |amount: u64| hex::encode(amount.to_le_bytes());
    match contract {
        "counter" => amount(1 + random.below(1 << 32)),
        "guestbook" => {
            let letters = (0..=random.below(80)).map(|_| random.pick(b"abcdefghijklmnopqrstuvwxyz ."));
            format!("01{}", hex::encode(letters.collect::<Vec<u8>>()))
        }
        // The caller, account 0, mints to itself at first, and then mints to others or pays them.
        "token" if call == 0 => format!("01{}{}", hex::encode(ZERO_HASH), amount(1 << 50)),
        "token" => {
            let account = hex::encode([(); 4].map(|()| random.bits().to_le_bytes()).concat());
            format!("{}{account}{}", random.pick(&["01", "02"]), amount(1 + random.below(1 << 40)))
        }
        // Ever the same few journals, which grow.
        "ledger" => {
            let length = 1 + random.below(3_000);
            let text = hex::encode(vec![
                random.bits().to_le_bytes()[0] | 1;
                usize::try_from(length).expect("it is small")
            ]);
            format!("01{}{}{text}", amount(random.below(6)), &amount(length)[..4])
        }
        // A moon is discovered, drilled on twice, and left.
        "landmap" => {
            let arguments = |arguments: &[u64]| -> String {
                arguments.iter().map(|&argument| amount(argument)[..4].to_owned()).collect()
            };
            match call % 4 {
                0 => format!("07{}", arguments(&[random.below(1 << 15), 1])),
                3 => format!("0a{}", arguments(&[0, 0])),
                _ => format!("08{}", arguments(&[0, random.below(1 << 14), random.below(1 << 16)])),
            }
        }
        _ => String::new(),
    }
}

/// What is to be proven, as arguments of `prove`: one claim, or several.
fn random_claims(regions: &[Region], random: &mut Random) -> Vec<String> {
    let claims = if random.chance(70) { 1 } else { 2 + random.below(4) };
    let claim = |_| match random.below(10) {
        8 | 9 => format!("--allocation={}", random.below(9)),
        0 => format!("--region={}", random.below(256)),
        1 => format!("--region={}", random.pick(regions).number),
        _ => format!("--range={}", random_range(regions, random)),
    };
    (0..claims).map(claim).collect()
}

/// Address and length of bytes near a page's begin, near its end, or anywhere, few of them or some pages.
fn random_range(regions: &[Region], random: &mut Random) -> String {
    let filled: Vec<Region> = regions.iter().copied().filter(|region| region.filled > 0).collect();
    let region = if random.chance(75) { random.pick(&filled) } else { random.pick(regions) };
    let pages = region.size / PAGE_BYTES;
    // Most of the pages that are not zero are among the first and the last.
    let page = match random.below(4) {
        0 => random.below(pages),
        1 => pages - 1 - random.below(pages.min(4)),
        _ => random.below(pages.min(40)),
    };
    let within = match random.below(3) {
        0 => random.below(64),
        1 => PAGE_BYTES - 1 - random.below(64),
        _ => random.below(PAGE_BYTES),
    };
    let start = page * PAGE_BYTES + within;
    let limit = random.pick(&[1, 40, 400, 2 * PAGE_BYTES, 4 * PAGE_BYTES, 8 * PAGE_BYTES]);
    let length = (1 + random.below(limit)).min(region.size - start);
    format!("{:#x}+{length}", region.number * REGION_BYTES + start)
}

fn regions(sandbox: &Sandbox, state: &str) -> Vec<Region> {
    let report = sandbox.run(["root", "--state", state, "--json"]).expect(0).json();
    let region = |region: &Value| {
        let [number, size, filled] =
            ["region", "size", "pages"].map(|key| region[key].as_u64().expect("a number"));
        Region { number, size, filled }
    };
    report["regions"].as_array().expect("a list of regions").iter().map(region).collect()
}

/// Has the command make states, and prove something of each. The machines are run at the same time: most of it is
/// waiting until files are on the disk.
fn write_proofs(sandbox: &Sandbox) -> Vec<Written> {
    thread::scope(|scope| {
        let machines = RUNS.iter().flat_map(|run| (0..run.machines).map(move |machine| (run, machine)));
        let threads: Vec<_> = machines
            .zip(0..)
            .map(|((run, machine), seed)| {
                scope.spawn(move || run.write_proofs(sandbox, machine, Random::new(seed)))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a machine's thread")).collect()
    })
}

impl Run {
    fn write_proofs(&self, sandbox: &Sandbox, machine: u64, mut random: Random) -> Vec<Written> {
        let (program, state) = (contract(self.contract), format!("{}-{machine}", self.contract));
        let mut written = Vec::new();
        for call in 0..self.calls {
            let input = random_input(self.contract, call, &mut random);
            let run = ["run", text(&program), "--state", &state, "--input", &input, "--json"];
            let report = sandbox.run(run).expect(0).json();
            let regions = regions(sandbox, &state);
            for proof in 0..self.proofs {
                let name = format!("{state}-{call}-{proof}.proof");
                let claims = random_claims(&regions, &mut random);
                let prove = ["prove", "--state", &state, "-o", &name];
                sandbox.run(prove.into_iter().chain(claims.iter().map(String::as_str))).expect(0);
                let proof = MemoryProof::decode(&sandbox.read(&name)).expect("a proof");
                assert_eq!(string(&report, "new_root"), format!("0x{}", hex::encode(proof.root)));
                written.push(Written { name, proof });
            }
        }
        written
    }
}

/// The proofs are of at least 200 states, and among them are some of each kind.
fn check_variety(written: &[Written]) {
    let states: BTreeSet<Hash> = written.iter().map(|written| written.proof.root).collect();
    assert!(states.len() >= 200, "{} states", states.len());

    let (single, several): (Vec<_>, Vec<_>) =
        written.iter().map(|written| &written.proof).partition(|proof| proof.claims.len() == 1);
    let count = |property: fn(&MemoryProof) -> bool| single.iter().filter(|proof| property(proof)).count();
    let kinds = [
        ("several claims", several.len()),
        ("an absent region", count(|proof| proof.leaves == [ZERO_HASH])),
        ("a present region", count(|proof| proof.claims[0].kind == 1 && proof.leaves.len() == 2)),
        ("a used slot", count(|proof| proof.claims[0].kind == 2 && proof.leaves.len() == 9)),
        ("a free slot", count(|proof| proof.claims[0].kind == 2 && proof.leaves.len() <= 2)),
        ("bytes of several pages", count(|proof| touched(proof, PAGE_BYTES) > 1)),
        ("a zero page", count(has_zero_page)),
        (
            "a zero page and another",
            count(|proof| has_zero_page(proof) && data_leaves(proof) > touched(proof, PAGE_BYTES)),
        ),
    ];
    for (kind, count) in kinds {
        assert!(count >= 5, "{kind}: {count}");
    }
}

/// The chunks or pages of so many bytes that the bytes of the only claim touch.
fn touched(proof: &MemoryProof, unit: u64) -> u64 {
    let Claim { address, length, .. } = proof.claims[0];
    if length == 0 { 0 } else { (address + length - 1) / unit - address / unit + 1 }
}

/// The leaves besides the region's meta and size.
fn data_leaves(proof: &MemoryProof) -> u64 {
    (proof.leaves.len() as u64).saturating_sub(2)
}

/// Whether some leaf is that of a page and stands for several chunks.
fn has_zero_page(proof: &MemoryProof) -> bool {
    data_leaves(proof) < touched(proof, CHUNK_BYTES)
}

// ---- Transitions of calls that allocate ----------------------------------------------------------------------------

/// What the judges are asked about a call: its transition, the same with a bit flipped, and the way back.
fn transition_cases(sandbox: &Sandbox, called: &str, call: u64, random: &mut Random) -> Vec<Case> {
    let name = format!("{called}-{call}.transition");
    sandbox.write("input", &hex::decode(random_input(called, call, random)).expect("hexadecimal"));
    let (program, state) = (contract(called), format!("{called}-transitions"));
    let run = ["run", text(&program), "--state", &state, "--input", "@input", "--transition", &name];
    let report = sandbox.run(run.into_iter().chain(["--json"])).expect(0).json();
    let [old, new] = ["old_root", "new_root"].map(|root| string(&report, root)[2..].to_owned());
    let proof = sandbox.read(&name);
    let question = |file: &str, old: &str, new: &str| json!({"transition": text(&sandbox.path(file)), "old_root": old, "root": new});
    let mut cases = vec![
        Case { name: name.clone(), question: question(&name, &old, &new), accept: true },
        Case { name: format!("{name}, the way back"), question: question(&name, &new, &old), accept: false },
    ];
    let decoded = TransitionProof::decode(&proof).expect("a proof");
    assert!(!decoded.records.is_empty() || !decoded.changes.is_empty());
    for flip in 0..4 {
        let mut flipped = proof.clone();
        // Behind version, roots and offsets: a list that is cut elsewhere is not for the judges' libraries to find.
        let at = 136 + index(proof.len() - 136, random);
        flipped[at] ^= 1 << random.below(8);
        let name = format!("{name}, flip {flip} in byte {at}");
        let file = format!("{called}-{call}-{flip}.transition");
        sandbox.write(&file, &flipped);
        cases.push(Case { name, question: question(&file, &old, &new), accept: false });
    }
    cases
}

#[test]
fn judges_accept_the_transitions_of_calls_that_allocate_and_refuse_altered_ones() {
    let judges: Vec<_> = Judge::installed().collect();
    if judges.is_empty() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut random = Random::new(0x7_1a45);
    let calls =
        [("ledger", 20), ("landmap", 8)].map(|(called, calls)| (0..calls).map(move |call| (called, call)));
    let cases: Vec<Case> = calls
        .into_iter()
        .flatten()
        .flat_map(|(called, call)| transition_cases(&sandbox, called, call, &mut random))
        .collect();
    for (judge, libraries) in judges {
        judge.hear(&libraries, &cases);
    }
}

// ---- Alterations ---------------------------------------------------------------------------------------------------

/// Alters a proof so that it proves nothing any more; false if this proof cannot be altered in this way.
type Alteration = fn(&mut MemoryProof, &mut Random) -> bool;

const ALTERATIONS: [(&str, Alteration); 9] = [
    ("a bit of a leaf", |proof, random| flip(&mut proof.leaves, random)),
    ("a bit of a helper", |proof, random| flip(&mut proof.helpers, random)),
    ("two leaves exchanged", |proof, random| exchange(&mut proof.leaves, random)),
    ("two helpers exchanged", |proof, random| exchange(&mut proof.helpers, random)),
    ("a leaf missing", |proof, random| remove(&mut proof.leaves, random)),
    ("a helper missing", |proof, random| remove(&mut proof.helpers, random)),
    ("a helper more", |proof, random| {
        proof.helpers.insert(index(proof.helpers.len() + 1, random), ZERO_HASH);
        true
    }),
    ("a leaf and its index missing", |proof, random| {
        let at = index(proof.leaves.len(), random);
        proof.gindices.remove(at);
        proof.leaves.remove(at);
        true
    }),
    ("a low bit of an index", |proof, random| {
        let at = index(proof.leaves.len(), random);
        proof.gindices[at] ^= 1 << random.below(8);
        // A zero leaf may well have a zero neighbour, and truly lie in the other place, too.
        proof.leaves[at] != ZERO_HASH
    }),
];

fn index(length: usize, random: &mut Random) -> usize {
    usize::try_from(random.below(length as u64)).expect("it is below a usize")
}

fn flip(nodes: &mut [Hash], random: &mut Random) -> bool {
    nodes[index(nodes.len(), random)][index(32, random)] ^= 1 << random.below(8);
    true
}

fn exchange(nodes: &mut [Hash], random: &mut Random) -> bool {
    let first = index(nodes.len(), random);
    let second = nodes.iter().position(|node| *node != nodes[first]);
    second.inspect(|&second| nodes.swap(first, second)).is_some()
}

fn remove(nodes: &mut Vec<Hash>, random: &mut Random) -> bool {
    nodes.remove(index(nodes.len(), random));
    true
}

/// What the judges are asked about a proof: itself, itself under another state's root, and what some alterations made
/// of it. On all of it our own verifier must be of the same opinion.
fn cases(sandbox: &Sandbox, number: usize, written: &[Written], random: &mut Random) -> Vec<Case> {
    const ALTERED: usize = 3;
    let Written { name, proof } = &written[number];
    let root = proof.root;
    let mut cases = vec![case(sandbox, name, proof, true)];

    let other = written.iter().rev().map(|written| written.proof.root).find(|other| *other != root);
    let other = MemoryProof { root: other.expect("there are many states"), ..proof.clone() };
    cases.push(case(sandbox, &format!("{name}, another state's root"), &other, false));

    for (what, alteration) in ALTERATIONS.iter().cycle().skip(ALTERED * number).take(ALTERED) {
        let mut altered = proof.clone();
        if alteration(&mut altered, random) {
            cases.push(case(sandbox, &format!("{name}, {what}"), &altered, false));
        }
    }
    cases
}

/// The question whether the proof, which is put into a file, leads to its root.
fn case(sandbox: &Sandbox, name: &str, proof: &MemoryProof, accept: bool) -> Case {
    let encoded = proof.encode().expect("a short proof");
    assert_eq!(verify_memory_proof(&encoded, &proof.root, &proof.claims).is_ok(), accept, "{name}");
    sandbox.write(name, &encoded);
    let question = json!({"file": text(&sandbox.path(name)), "root": hex::encode(proof.root)});
    Case { name: name.to_owned(), question, accept }
}

#[test]
fn judges_accept_the_proofs_of_random_states_and_refuse_altered_ones() {
    let judges: Vec<_> = Judge::installed().collect();
    if judges.is_empty() {
        return;
    }
    let sandbox = Sandbox::new();
    let written = write_proofs(&sandbox);
    check_variety(&written);
    let mut random = Random::new(0x10_d6e5);
    let cases: Vec<Case> =
        (0..written.len()).flat_map(|number| cases(&sandbox, number, &written, &mut random)).collect();
    for (judge, libraries) in judges {
        judge.hear(&libraries, &cases);
    }
}
