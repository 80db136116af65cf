//! `travertine verify`: a proof is checked with nothing but a root that the caller trusts.

mod question;
mod transition;

use std::io::{self, Write};

use serde::Serialize;
use travertine_memory::Address;
use travertine_merkle::{Hash, MemoryProof, TransitionProof};

use crate::arguments::{ClaimArguments, FileSource, Source, check_stdin, parse_hash, parse_number};
use crate::claims::{ClaimReport, write_claim};
use crate::error::InputError;
use crate::explain::{self, PathReport, write_paths};
use crate::output::{Hex, Output, Verdict};
use crate::proof_file::{PROOF_FILE_BYTES_LIMIT, Proof};
use question::{Question, Refusal, prove_claims};
use transition::{TransitionReport, prove_transition};

/// Verify a proof offline, against a state root that you trust.
///
/// Without --address, --range or --region the proof itself says what it is about; read what is printed before you believe it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes:
  0  the proof is valid, and proves what was asked
  1  it is not, or does not; also if the file is no proof at all
  2  the file cannot be read, or an argument is malformed

Examples:
  travertine verify counter.proof --root <ROOT>
  travertine verify counter.proof --root <ROOT> --address 2:0:0x0 --length 8
  travertine verify counter.proof --root <ROOT> --address 2:0:0x0 --data 2a00000000000000
  travertine verify three.proof --root <ROOT> --range 2:0:0x0+8 --range 0x100000000+4096 --region 2
  travertine verify first-allocation.proof --root <ROOT> --allocation 0
  travertine verify counter.proof --root <ROOT> --explain
  travertine verify call.proof --root <OLD ROOT> --new-root <NEW ROOT>")]
pub(crate) struct Arguments {
    /// The proof, as `travertine prove` or `travertine run --transition` writes it; - reads it from standard input.
    proof: FileSource,
    /// The state root that you trust: 64 hexadecimal digits, with or without 0x.
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    root: Hash,
    /// The root that must follow from the trusted one: for a proof that `travertine run --transition` wrote.
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    new_root: Option<Hash>,
    /// The address that must be proven: 2:1:0x40, 0x200010040 or `[X:2,Y:1,Z:64]`.
    #[arg(long)]
    address: Option<Address>,
    /// How many bytes must be proven there; if it is not given, as many as --data has, or as the proof says.
    #[arg(long, value_name = "BYTES", value_parser = parse_number, requires = "address")]
    length: Option<u64>,
    /// The bytes that must be proven, in hexadecimal; @FILE reads them from a file as they are, - from standard input.
    #[arg(long, value_name = "HEX|@FILE|-")]
    data: Option<Source>,
    #[command(flatten)]
    claims: ClaimArguments,
    /// Show the nodes on the way from each claim to the root.
    #[arg(long)]
    explain: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    valid: bool,
    reason: Option<String>,
    root: Hex<Hash>,
    /// What the proof proves under the root; empty if the proof is invalid.
    claims: Vec<ClaimReport>,
    /// With --explain, the ways from the claims to the root.
    paths: Option<Vec<PathReport>>,
    /// What a transition proof proves.
    transition: Option<TransitionReport>,
}

impl Report {
    /// A proof that proves nothing, or not what was asked.
    fn refused(root: Hash, refusal: &Refusal) -> Self {
        let reason = Some(refusal.to_string());
        Self { valid: false, reason, root: Hex(root), claims: Vec::new(), paths: None, transition: None }
    }

    fn write(&self, out: &mut Output, arguments: &Arguments, question: &Question) -> io::Result<()> {
        match &self.reason {
            None => writeln!(out, "valid")?,
            Some(reason) => writeln!(out, "invalid: {reason}")?,
        }
        writeln!(out, "root    {}", self.root)?;
        for claim in &self.claims {
            write_claim(out, claim)?;
        }
        if let Some(transition) = &self.transition {
            transition.write(out)?;
            if arguments.new_root.is_none() {
                writeln!(out, "note    the proof chose where it leads; --new-root says where it must lead")?;
            }
        } else if self.valid && question.is_open() {
            writeln!(out, "note    the proof chose what it is about; --address says what must be proven")?;
        }
        self.paths.as_ref().map_or(Ok(()), |paths| write_paths(out, paths))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    if let Some(data) = &arguments.data {
        check_stdin(("the proof", &arguments.proof.0), ("--data", data))?;
    }
    let question = Question::new(arguments)?;
    let bytes = arguments.proof.0.read(PROOF_FILE_BYTES_LIMIT)?;
    let report = match Proof::parse(&bytes) {
        Ok((Proof::Memory(proof), _)) => memory_report(arguments, &question, &proof)?,
        Ok((Proof::Transition(proof), _)) => transition_report(arguments, &question, &proof)?,
        Err(error) => Report::refused(arguments.root, &Refusal::Broken(error)),
    };
    Output::new().print(arguments.json, &report, |out| report.write(out, arguments, &question))?;
    Ok(Verdict::of(report.valid))
}

fn memory_report(
    arguments: &Arguments,
    question: &Question,
    proof: &MemoryProof,
) -> Result<Report, InputError> {
    let root = arguments.root;
    if arguments.new_root.is_some() {
        return Ok(Report::refused(root, &Refusal::NoTransition));
    }
    let proven = match prove_claims(proof, &root) {
        Ok(proven) => proven,
        Err(refusal) => return Ok(Report::refused(root, &refusal)),
    };
    let answer = question.check(&proven)?;
    let nodes = arguments.explain.then(|| proof.nodes(&root).map_err(InputError::Explain)).transpose()?;
    let paths = nodes.map(|nodes| explain::paths(&nodes, &proven)).transpose()?;
    Ok(Report {
        valid: answer.is_ok(),
        reason: answer.err().map(|refusal| refusal.to_string()),
        root: Hex(root),
        claims: proven.into_iter().map(ClaimReport::from).collect(),
        paths,
        transition: None,
    })
}

fn transition_report(
    arguments: &Arguments,
    question: &Question,
    proof: &TransitionProof,
) -> Result<Report, InputError> {
    if arguments.explain {
        return Err(InputError::ExplainTransition);
    }
    let root = arguments.root;
    if question.is_about_memory() {
        return Ok(Report::refused(root, &Refusal::NoMemory));
    }
    Ok(match prove_transition(proof, &root, arguments.new_root.as_ref()) {
        Err(refusal) => Report::refused(root, &refusal),
        Ok(transition) => Report {
            valid: true,
            reason: None,
            root: Hex(root),
            claims: Vec::new(),
            paths: None,
            transition: Some(transition),
        },
    })
}
