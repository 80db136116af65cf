//! The Python reference as a judge: both sides compute the same random inputs.
//!
//! `TRAVERTINE_GENERATIVE_SAMPLES=10000000 cargo test -p travertine-memory --release --test generative reference` is the long form;
//! without the variable a few thousand inputs of each function are compared.

#![allow(clippy::cast_possible_truncation, reason = "halves and units of words are meant")]

use std::io::{ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use travertine_memory::generative::filter::json_address;
use travertine_memory::generative::hashing::*;
use travertine_memory::generative::trinity::{Grid, crt, inductive, solve};
use travertine_memory::generative::*;

/// The inputs of one question: fewer bytes than a pipe holds, so that neither side waits for the other.
const BLOCK: usize = 1024;

struct Function {
    name: &'static str,
    takes: usize,
    gives: usize,
    compute: fn(&[u64], &mut Vec<u64>),
}

/// Characters of all planes, told by a number.
fn text(word: u64) -> String {
    let character = |shift: u32| {
        let unit = u32::from((word >> shift) as u16);
        let plane = if unit & 1 == 1 { 0x1_0000 } else { 0 };
        char::from_u32(unit % 0xD800 + plane).expect("no surrogate")
    };
    [0, 16, 32].map(character).iter().collect()
}

fn grid(order: u64) -> Grid {
    Grid::new(1 << (order % 33)).expect("a power of two")
}

#[rustfmt::skip]
const FUNCTIONS: [Function; 22] = [
    Function { name: "fnv1a_u64", takes: 1, gives: 1, compute: |x, out| out.push(fnv1a_u64(x[0])) },
    Function { name: "fnv1a_string", takes: 2, gives: 1, compute: |x, out| out.push(fnv1a_string(&text(x[0]), x[1])) },
    Function { name: "djb2", takes: 1, gives: 1, compute: |x, out| out.push(djb2(&text(x[0]))) },
    Function { name: "feistel", takes: 2, gives: 1, compute: |x, out| out.push(feistel(x[0], x[1])) },
    Function { name: "crc32", takes: 2, gives: 1, compute: |x, out| {
        out.push(crc32([x[0].to_le_bytes(), x[1].to_le_bytes()].as_flattened()).into());
    } },
    Function { name: "xi", takes: 2, gives: 1, compute: |x, out| out.push(xi(x[0], x[1])) },
    Function { name: "cell", takes: 2, gives: 1, compute: |x, out| {
        let cells = vrns::Form::ALL.map(|form| form.cell(x[0], x[1]));
        assert_eq!(cells, [cells[0]; 5]);
        out.push(cells[0].into());
    } },
    Function { name: "fraction", takes: 2, gives: 1, compute: |x, out| out.push(vrns::fraction(x[0], x[1])) },
    Function { name: "synthesized_f64", takes: 2, gives: 1, compute: |x, out| out.push(synthesized_f64(x[0], x[1]).to_bits()) },
    Function { name: "to_cell", takes: 1, gives: 1, compute: |x, out| out.push(to_cell(f64::from_bits(x[0])).into()) },
    Function { name: "monotonic", takes: 2, gives: 1, compute: |x, out| out.push(monotonic(x[0], x[1]).to_bits()) },
    Function { name: "search", takes: 2, gives: 1, compute: |x, out| {
        out.push(search(f64::from_bits(x[0]), x[1]).map_or(0, |found| found.index));
    } },
    Function { name: "to_fraction", takes: 1, gives: 2, compute: |x, out| {
        let fraction = to_fraction(f64::from_bits(x[0])).unwrap_or(0);
        out.extend([(fraction >> 64) as u64, fraction as u64]);
    } },
    Function { name: "lower_bound", takes: 3, gives: 2, compute: |x, out| {
        let found = lower_bound(u128::from(x[0]) << 64 | u128::from(x[1]), x[2]);
        out.extend(found.map_or([0, 0], |index| [1, index]));
    } },
    Function { name: "phi", takes: 2, gives: 1, compute: |x, out| out.push(bridge::phi(x[0], x[1])) },
    Function { name: "phi52", takes: 2, gives: 1, compute: |x, out| out.push(bridge::phi52(x[0], x[1])) },
    Function { name: "hilbert", takes: 3, gives: 1, compute: |x, out| {
        let side = grid(x[0]).side();
        out.push(grid(x[0]).place(x[1] % side, x[2] % side).expect("on the grid"));
    } },
    Function { name: "hilbert_inverse", takes: 2, gives: 2, compute: |x, out| {
        let (column, row) = grid(x[0]).point(x[1] & grid(x[0]).last()).expect("on the curve");
        out.extend([column, row]);
    } },
    Function { name: "crt", takes: 3, gives: 3, compute: |x, out| out.extend(crt([x[0], x[1], x[2]]).0) },
    Function { name: "inductive", takes: 4, gives: 1, compute: |x, out| {
        let side = grid(x[1]).side();
        out.push(inductive(grid(x[1]), x[2] % side, x[3] % side, x[0]).expect("on the grid").to_bits());
    } },
    Function { name: "solve", takes: 6, gives: 6, compute: |x, out| {
        let solution = solve(x[0], &text(x[1]), &text(x[2]), (x[3], x[4]), x[5]);
        out.extend(solution.residues.into_iter().chain(solution.value.0));
    } },
    Function { name: "json_address", takes: 2, gives: 1, compute: |x, out| out.push(json_address(&text(x[0]), &text(x[1]))) },
];

/// The reference at work; `None`, and a word about it, where there is no Python.
struct Reference {
    process: Child,
    questions: ChildStdin,
    answers: ChildStdout,
}

impl Reference {
    fn start() -> Option<Self> {
        let root = env!("CARGO_MANIFEST_DIR");
        let started = Command::new("python3")
            .args([
                "-B",
                &format!("{root}/tests/oracle/generative.py"),
                &format!("{root}/../fixtures/vectors/generative"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("skipped: python3 is not installed");
                return None;
            }
            Err(error) => panic!("python3: {error}"),
        };
        let (questions, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Some(Self { process, questions, answers })
    }

    /// What the reference gives for inputs of a function.
    fn ask(&mut self, function: usize, inputs: &[u64]) -> Vec<u64> {
        let Function { takes, gives, .. } = FUNCTIONS[function];
        let count = inputs.len() / takes;
        let mut question = Vec::new();
        question.extend(u32::try_from(function).unwrap().to_le_bytes());
        question.extend(u32::try_from(count).unwrap().to_le_bytes());
        question.extend(inputs.iter().flat_map(|input| input.to_le_bytes()));
        self.questions.write_all(&question).unwrap();
        self.questions.flush().unwrap();
        let mut answers = vec![0; 8 * gives * count];
        self.answers.read_exact(&mut answers).expect("the reference answers");
        answers.as_chunks().0.iter().map(|answer| u64::from_le_bytes(*answer)).collect()
    }

    fn end(mut self) {
        drop(self.questions);
        assert!(self.process.wait().unwrap().success());
    }
}

/// A generator of numbers: three quarters of them with all bits, the others short, or with long runs of zeros or ones, where
/// roundings are hard.
struct Numbers(u64);

impl Numbers {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        vl_mask(self.0, 0x7261_6E64)
    }

    fn next(&mut self) -> u64 {
        let word = self.word();
        match word % 8 {
            0 => self.word() >> (word >> 8 & 63),
            // A power of two, or a number next to the sum or difference of two.
            1 => {
                (1_u64 << (word >> 8 & 63)).wrapping_add(1 << (word >> 16 & 63)).wrapping_sub(word >> 24 & 3)
            }
            _ => word.rotate_left(7),
        }
    }
}

/// For functions that take a binary64 number: between 0 and 1 more often than random bits would be.
fn number_input(numbers: &mut Numbers) -> u64 {
    let bits = numbers.next();
    if bits.is_multiple_of(4) { bits } else { bits % 0x3FF0_0000_0000_0000 }
}

#[test]
fn the_reference_computes_the_same() {
    let Some(mut reference) = Reference::start() else { return };
    let samples = std::env::var("TRAVERTINE_GENERATIVE_SAMPLES").ok();
    let samples: usize = samples.map_or(2 * BLOCK, |count| count.parse().expect("a number"));
    let mut numbers = Numbers(0);
    for (index, function) in FUNCTIONS.iter().enumerate() {
        let takes_a_number = ["to_cell", "search", "to_fraction"].contains(&function.name);
        for start in (0..samples).step_by(BLOCK) {
            let count = BLOCK.min(samples - start);
            let mut inputs: Vec<u64> = (0..count * function.takes).map(|_| numbers.next()).collect();
            if takes_a_number {
                inputs
                    .iter_mut()
                    .step_by(function.takes)
                    .for_each(|input| *input = number_input(&mut numbers));
            }
            let answers = reference.ask(index, &inputs);
            let mut computed = Vec::new();
            for input in inputs.chunks(function.takes) {
                (function.compute)(input, &mut computed);
            }
            assert_eq!(computed.len(), count * function.gives);
            let compared = computed.chunks(function.gives).zip(answers.chunks(function.gives));
            for (input, (computed, answer)) in inputs.chunks(function.takes).zip(compared) {
                assert_eq!(computed, answer, "{} of {input:#x?}", function.name);
            }
        }
    }
    reference.end();
}
