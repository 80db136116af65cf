//! `travertine prove`: a proof of bytes of a settled state, as a file.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use travertine_memory::Address;
use travertine_merkle::{Claim, Hash};

use crate::arguments::{ClaimArguments, parse_number};
use crate::claims::{ClaimReport, write_claim};
use crate::error::InputError;
use crate::output::{Hex, Output, Verdict};
use crate::proof_file::{Format, Proof, WrittenProof};
use crate::state_directory::StateDirectory;

/// Prove bytes of a machine's memory, what its regions or allocations are, or many of these at once.
///
/// Whoever has the state root can check the proof with `travertine verify`, without the state.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine prove --state my-counter 2:0:0x0 8 -o counter.proof
  travertine prove --state my-counter --range 2:0:0x0+8 --range 0x100000000+4096 --region 2 -o three.proof
  travertine prove --state my-counter --region 9 -o no-region-9.proof
  travertine prove --state my-counter --allocation 0 -o first-allocation.proof")]
pub(crate) struct Arguments {
    /// The directory that `run --state` keeps the machine in.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Address of the first byte: 2:1:0x40, 0x200010040 or `[X:2,Y:1,Z:64]`.
    #[arg(required_unless_present_any = ["ranges", "regions", "allocations"], requires = "length")]
    address: Option<Address>,
    /// How many bytes.
    #[arg(value_parser = parse_number)]
    length: Option<u64>,
    #[command(flatten)]
    claims: ClaimArguments,
    /// The file to write the proof to.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The form of the file.
    #[arg(long, value_enum, value_name = "FORM", default_value = "ssz")]
    format: Format,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    root: Hex<Hash>,
    claims: Vec<ClaimReport>,
    #[serde(flatten)]
    written: WrittenProof,
}

impl Report {
    fn write(&self, out: &mut Output) -> io::Result<()> {
        writeln!(out, "root    {}", self.root)?;
        for claim in &self.claims {
            write_claim(out, claim)?;
        }
        self.written.report(out, "proof   ")
    }
}

impl Arguments {
    fn claims(&self) -> Vec<Claim> {
        let bytes = self.address.zip(self.length);
        let bytes = bytes.map(|(address, length)| Claim::bytes(address.packed(), length));
        bytes.into_iter().chain(self.claims.claims()).collect()
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let claims = arguments.claims();
    let state = StateDirectory(&arguments.state).require()?;
    let root = state.root();
    let proof = state.prove(&claims)?;
    let proven = proof.verify(&root, &claims).map_err(InputError::OwnProof)?;
    let report = Report {
        root: Hex(root),
        claims: claims.into_iter().zip(proven).map(ClaimReport::from).collect(),
        written: Proof::Memory(proof).write(&arguments.output, arguments.format)?,
    };
    Output::new().print(arguments.json, &report, |out| report.write(out))?;
    Ok(Verdict::Success)
}
