//! What is said about a call: for people, and as JSON.

use std::io::{self, Write};

use serde::Serialize;
use travertine_gas::Bill;
use travertine_memory::Address;
use travertine_merkle::Hash;
use travertine_merkle::layout::{PAGE_BYTES, REGION_BYTES};
use travertine_vm::{Outcome, Receipt, Settlement};

use super::debug::DebugReport;
use super::measurements::{Profile, StatisticsReport};
use crate::block::BlockReport;
use crate::output::{Hex, HexNumber, Output, counted, grouped, printable, reading};
use crate::program::Symbols;
use crate::proof_file::WrittenProof;

/// Events and pages that are listed for people at most; JSON has all.
const MAX_LISTED: usize = 16;

/// A call that ended.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) success: bool,
    /// How the call ended, in words.
    message: String,
    outcome: OutcomeReport,
    output: Hex<Vec<u8>>,
    output_text: Option<String>,
    gas: GasReport,
    events: Vec<EventReport>,
    old_root: Hex<Hash>,
    new_root: Hex<Hash>,
    dirty_pages: Vec<DirtyPageReport>,
    receipt_root: Hex<Hash>,
    /// How many times the machine has settled, this call included.
    settlements: u64,
    /// The directory that keeps the machine.
    state: Option<String>,
    /// The proof that was asked for, of a successful call.
    transition: Option<WrittenProof>,
    block: Option<BlockReport>,
    debug: Option<DebugReport>,
    statistics: Option<StatisticsReport>,
    profile: Option<Profile>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum OutcomeReport {
    Halted { exit_code: u64 },
    Returned,
    Reverted,
    Trapped(TrapReport),
    OutOfGas { needed: u64, pc: HexNumber, symbol: Option<String> },
}

#[derive(Debug, Serialize)]
struct TrapReport {
    trap: &'static str,
    code: u64,
    pc: HexNumber,
    symbol: Option<String>,
    detail: HexNumber,
    fault: Option<String>,
    /// The entry of a gather or scatter, counted from 0.
    entry: Option<u32>,
}

#[derive(Debug, Serialize)]
struct GasReport {
    limit: u64,
    used: u64,
    #[serde(flatten)]
    by_class: Bill,
    /// What is paid back; the call costs what it used, less this.
    refund: u64,
}

#[derive(Debug, Serialize)]
struct EventReport {
    topics: Vec<Hex<Hash>>,
    data: Hex<Vec<u8>>,
}

#[derive(Debug, Serialize)]
struct DirtyPageReport {
    address: HexNumber,
    old_leaf: Hex<Vec<u8>>,
    new_leaf: Hex<Vec<u8>>,
}

/// What the report needs besides the settlement.
pub(super) struct Circumstances {
    pub(super) gas_limit: u64,
    pub(super) settlements: u64,
    pub(super) state: Option<String>,
    pub(super) transition: Option<WrittenProof>,
    /// The block that the call was in.
    pub(super) block: Option<BlockReport>,
    pub(super) debug: Option<DebugReport>,
    pub(super) statistics: Option<StatisticsReport>,
    pub(super) profile: Option<Profile>,
}

impl Report {
    /// The report of a call that ended. The symbols are asked only where the contract went wrong.
    pub(super) fn new(
        Settlement { outcome, receipt, .. }: &Settlement,
        symbols: impl FnOnce() -> Symbols,
        circumstances: Circumstances,
    ) -> Self {
        let symbol = match outcome {
            Outcome::Trapped(_) | Outcome::OutOfGas { .. } => symbols().describe(receipt.outcome.pc),
            Outcome::Halted { .. }
            | Outcome::Returned
            | Outcome::Reverted
            | Outcome::HostCall(_)
            | Outcome::Stepped => None,
        };
        Self {
            success: outcome.is_success(),
            message: message(outcome, receipt, symbol.as_deref()),
            outcome: OutcomeReport::new(outcome, receipt, symbol),
            output: Hex(receipt.output.to_vec()),
            output_text: printable(&receipt.output).map(str::to_owned),
            gas: GasReport {
                limit: circumstances.gas_limit,
                used: receipt.gas_used,
                by_class: receipt.bill,
                refund: receipt.refund,
            },
            events: receipt.events().map(|(topics, data)| EventReport::new(topics, data)).collect(),
            old_root: Hex(receipt.old_root()),
            new_root: Hex(receipt.new_root()),
            dirty_pages: dirty_pages(receipt),
            receipt_root: Hex(receipt.root()),
            settlements: circumstances.settlements,
            state: circumstances.state,
            transition: circumstances.transition,
            block: circumstances.block,
            debug: circumstances.debug,
            statistics: circumstances.statistics,
            profile: circumstances.profile,
        }
    }

    /// Writes the report for people, the outcome first.
    pub(super) fn write(&self, out: &mut Output) -> io::Result<()> {
        let verdict = if self.success { "ok" } else { "failed" };
        writeln!(out, "{verdict}: {}", self.message)?;
        if matches!(self.outcome, OutcomeReport::OutOfGas { .. }) {
            writeln!(out, "hint: --gas raises the limit")?;
        }
        if !self.output.0.is_empty() {
            writeln!(out, "output       {}", self.output)?;
            if let Some(reading) = reading(&self.output.0) {
                writeln!(out, "             {reading}")?;
            }
        }
        self.write_gas(out)?;
        self.write_events(out)?;
        writeln!(out, "old root     {}", self.old_root)?;
        writeln!(out, "new root     {}", self.new_root)?;
        if let Some(directory) = &self.state {
            let settlements = counted(self.settlements, "settlement");
            let what = if self.success { "saved" } else { "unchanged" };
            writeln!(out, "state        {what} in {directory}, {settlements}")?;
        }
        if let Some(block) = &self.block {
            let decision = if block.allocated { "allocated" } else { "not allocated" };
            writeln!(out, "block        {decision}: {} modulo {}", block.remainder, block.modulus)?;
        }
        if let Some(transition) = &self.transition {
            transition.report(out, "transition   ")?;
        }
        self.write_dirty_pages(out)?;
        if let Some(statistics) = &self.statistics {
            statistics.write(out)?;
        }
        if let Some(profile) = &self.profile {
            profile.write(out)?;
        }
        Ok(())
    }

    fn write_gas(&self, out: &mut Output) -> io::Result<()> {
        let GasReport { limit, used, by_class: Bill { instructions, memory, allocation, host }, refund } =
            self.gas;
        let used = grouped(used);
        let width = used.len();
        writeln!(out, "gas used     {used} of {}", grouped(limit))?;
        let classes = [
            ("instructions", instructions),
            ("memory", memory),
            ("allocation", allocation),
            ("host calls", host),
        ];
        for (class, gas) in classes.into_iter().filter(|&(class, gas)| gas > 0 || class != "allocation") {
            writeln!(out, "             {:>width$}  {class}", grouped(gas))?;
        }
        if refund > 0 {
            writeln!(out, "refund       {}", grouped(refund))?;
        }
        Ok(())
    }

    fn write_events(&self, out: &mut Output) -> io::Result<()> {
        for (number, event) in self.events.iter().enumerate().take(MAX_LISTED) {
            writeln!(out, "event {number:<6} data     {}", event.data)?;
            if let Some(reading) = reading(&event.data.0) {
                writeln!(out, "                      {reading}")?;
            }
            for (number, topic) in event.topics.iter().enumerate() {
                let name = padded_text(&topic.0).map_or_else(String::new, |name| format!("  \"{name}\""));
                writeln!(out, "             topic {number}  {topic}{name}")?;
            }
        }
        write_hidden(out, self.events.len(), "event")
    }

    fn write_dirty_pages(&self, out: &mut Output) -> io::Result<()> {
        let pages = self.dirty_pages.len();
        writeln!(out, "dirty pages  {}", grouped(pages as u64))?;
        for page in self.dirty_pages.iter().take(MAX_LISTED) {
            let place =
                Address::new(page.address.0).map_or_else(|_| page.address.to_string(), |at| at.to_string());
            writeln!(out, "             {place}")?;
        }
        write_hidden(out, pages, "page")
    }
}

/// Says how many of a list were not shown.
fn write_hidden(out: &mut Output, all: usize, noun: &str) -> io::Result<()> {
    match all.saturating_sub(MAX_LISTED) as u64 {
        0 => Ok(()),
        hidden => {
            writeln!(out, "             and {} (--json has all)", counted(hidden, &format!("more {noun}")))
        }
    }
}

/// How the call ended; for a failure, why.
fn message(outcome: &Outcome, receipt: &Receipt, symbol: Option<&str>) -> String {
    let place = symbol.map_or_else(String::new, |symbol| format!(" (in {symbol})"));
    match outcome {
        Outcome::Reverted => match reading(&receipt.output) {
            Some(reason) => format!("reverted: {reason}"),
            None => "reverted".to_owned(),
        },
        outcome => format!("{outcome}{place}"),
    }
}

impl OutcomeReport {
    fn new(outcome: &Outcome, receipt: &Receipt, symbol: Option<String>) -> Self {
        let pc = HexNumber(receipt.outcome.pc);
        match outcome {
            Outcome::Halted { exit } => Self::Halted { exit_code: *exit },
            Outcome::Returned => Self::Returned,
            Outcome::Reverted => Self::Reverted,
            Outcome::Trapped(trap) => Self::Trapped(TrapReport {
                trap: trap.cause.name(),
                code: trap.cause.code(),
                pc,
                symbol,
                detail: HexNumber(trap.cause.detail()),
                fault: trap.cause.fault().map(|fault| fault.reason.to_string()),
                entry: trap.entry,
            }),
            Outcome::OutOfGas { needed } => Self::OutOfGas { needed: *needed, pc, symbol },
            Outcome::HostCall(_) | Outcome::Stepped => unreachable!("a settlement's call has ended"),
        }
    }
}

impl EventReport {
    fn new(topics: Vec<Hash>, data: &[u8]) -> Self {
        Self { topics: topics.into_iter().map(Hex).collect(), data: Hex(data.to_vec()) }
    }
}

fn dirty_pages(receipt: &Receipt) -> Vec<DirtyPageReport> {
    let report = |page: &travertine_vm::DirtyPageRecord| DirtyPageReport {
        address: HexNumber(page.region * REGION_BYTES + page.page * PAGE_BYTES),
        old_leaf: Hex(page.old.to_vec()),
        new_leaf: Hex(page.new.to_vec()),
    };
    receipt.dirty_pages.iter().map(report).collect()
}

/// The text of a name that was padded with zeros to the length of a topic.
fn padded_text(topic: &Hash) -> Option<&str> {
    let length = topic.iter().rposition(|&byte| byte != 0)? + 1;
    printable(&topic[..length]).filter(|text| text.len() > 1)
}
