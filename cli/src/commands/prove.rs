//! `travertine prove`: a proof of bytes of a settled state, as a file.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use travertine_memory::Address;
use travertine_merkle::{Claim, Hash, verify_memory_proof};

use crate::arguments::{parse_number, parse_region};
use crate::claims::{ClaimReport, write_claim};
use crate::error::InputError;
use crate::files;
use crate::output::{Hex, Output, Verdict, grouped};
use crate::state_directory::StateDirectory;

/// Prove bytes of a machine's memory, or what one of its regions is.
///
/// Whoever has the state root can check the proof with `travertine verify`, without the state.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine prove --state my-counter 2:0:0x0 8 -o counter.proof
  travertine prove --state my-counter 0x200000000 8 -o counter.proof
  travertine prove --state my-counter --region 9 -o no-region-9.proof")]
pub(crate) struct Arguments {
    /// The directory that `run --state` keeps the machine in.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Address of the first byte: 2:1:0x40, 0x200010040 or `[X:2,Y:1,Z:64]`.
    #[arg(required_unless_present = "region", requires = "length")]
    address: Option<Address>,
    /// How many bytes.
    #[arg(value_parser = parse_number)]
    length: Option<u64>,
    /// Prove kind, permissions and size of this region, or that it is absent.
    #[arg(long, value_name = "NUMBER", value_parser = parse_region, conflicts_with_all = ["address", "length"])]
    region: Option<u8>,
    /// The file to write the proof to.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    root: Hex<Hash>,
    claims: Vec<ClaimReport>,
    proof_bytes: u64,
    proof_file: String,
}

impl Report {
    fn write(&self, out: &mut Output) -> io::Result<()> {
        writeln!(out, "root    {}", self.root)?;
        for claim in &self.claims {
            write_claim(out, claim)?;
        }
        writeln!(out, "proof   {} bytes in {}", grouped(self.proof_bytes), self.proof_file)
    }
}

impl Arguments {
    fn claim(&self) -> Claim {
        match (self.region, self.address, self.length) {
            (Some(region), ..) => Claim::region(region),
            (None, Some(address), Some(length)) => Claim::bytes(address.packed(), length),
            (None, ..) => unreachable!("clap demands a region, or an address and a length"),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let claim = arguments.claim();
    let state = StateDirectory(&arguments.state).require()?;
    let root = state.root();
    let proof = state.prove(&[claim])?.encode()?;
    let proven = verify_memory_proof(&proof, &root, &[claim]).map_err(InputError::OwnProof)?;
    files::write_atomically(&arguments.output, &proof)?;
    let report = Report {
        root: Hex(root),
        claims: proven.into_iter().map(|proven| ClaimReport::new(claim, proven)).collect(),
        proof_bytes: proof.len() as u64,
        proof_file: arguments.output.display().to_string(),
    };
    let mut out = Output::new();
    if arguments.json {
        out.json(&report)?;
    } else {
        report.write(&mut out)?;
    }
    out.flush()?;
    Ok(Verdict::Success)
}
