//! `travertine schedule`: a gas schedule and its root, and what operations cost by it.

use std::io::{self, Write};

use serde::Serialize;
use travertine_gas::{Charge, Operation, OperationForm, Schedule};
use travertine_merkle::Hash;
use travertine_opcodes::TABLE;

use crate::arguments::ScheduleSource;
use crate::error::InputError;
use crate::output::{Hex, Output, Verdict, grouped};

/// Print a gas schedule, in the form that --schedule reads; or what operations cost by it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: make multiplications dearer
  travertine schedule > mine.json
  sed -i 's/\"multiply\": 2/\"multiply\": 3/' mine.json
  travertine run counter.elf --schedule mine.json

Example: what operations cost
  travertine schedule --cost 'copy 4096' --cost 'touch first_writes=1' --cost sd
  travertine schedule memory3d --cost 'allocate 256'")]
pub(crate) struct Arguments {
    /// A schedule's name, or a file to be checked and printed.
    #[arg(default_value = "default")]
    schedule: ScheduleSource,
    /// Print what an operation costs: its name and operands, or an instruction; may be given many times.
    #[arg(long = "cost", value_name = "OPERATION")]
    costs: Vec<Operation>,
    /// List all operations with their operands, and what they cost if these are 0.
    #[arg(long, conflicts_with = "costs")]
    operations: bool,
    /// Print one JSON object with the schedule's name, root and prices, and the costs that were asked for.
    #[arg(long, conflicts_with = "operations")]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    name: String,
    root: Hex<Hash>,
    schedule: Schedule,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    costs: Vec<Cost>,
}

/// What an operation costs, in gas.
#[derive(Serialize)]
struct Cost {
    operation: String,
    total: u64,
    #[serde(flatten)]
    by_class: Charge,
}

impl Cost {
    fn new(schedule: &Schedule, operation: &Operation) -> Self {
        let by_class = schedule.cost(operation);
        Self { operation: operation.to_string(), total: by_class.total().unwrap_or(u64::MAX), by_class }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let schedule = arguments.schedule.read()?;
    let costs: Vec<Cost> = arguments.costs.iter().map(|operation| Cost::new(&schedule, operation)).collect();
    let name = arguments.schedule.name();
    let report = Report { name, root: Hex(schedule.root()), schedule, costs };
    Output::new().print(arguments.json, &report, |out| {
        let Report { schedule, costs, .. } = &report;
        if arguments.operations {
            Operation::FORMS.iter().try_for_each(|form| write_form(out, schedule, form))
        } else if costs.is_empty() {
            writeln!(out, "{}", schedule.to_json())
        } else {
            costs.iter().try_for_each(|cost| write_cost(out, cost))
        }
    })?;
    Ok(Verdict::Success)
}

/// The sum, the operation, and the classes if there are several.
fn write_cost(out: &mut Output, cost: &Cost) -> io::Result<()> {
    writeln!(out, "{:>12}  {}", grouped(cost.total), cost.operation)?;
    let Charge { instructions, memory, allocation, host } = cost.by_class;
    let classes = [
        ("instructions", instructions),
        ("memory", memory),
        ("allocation", allocation),
        ("host calls", host),
    ];
    for (class, gas) in classes.into_iter().filter(|&(_, gas)| gas > 0 && gas < cost.total) {
        writeln!(out, "{:>12}    {class}", grouped(gas))?;
    }
    Ok(())
}

/// An operation, what it costs without operands, the instructions that it stands for if they are few, and its operands.
fn write_form(out: &mut Output, schedule: &Schedule, form: &OperationForm) -> io::Result<()> {
    const FEW: usize = 4;
    let operation: Operation = form.name.parse().expect("a form's name is an operation");
    let cost = schedule.cost(&operation).total().unwrap_or(u64::MAX);
    let members = TABLE.iter().filter(|row| Operation::of_class(row.gas_class).name() == form.name);
    let mnemonics: Vec<&str> = members.map(|row| row.mnemonic).collect();
    let about = form.about.trim().trim_end_matches('.');
    match mnemonics.len() {
        1..=FEW => writeln!(out, "{:<14}{cost:>8}  {about}: {}", form.name, mnemonics.join(", "))?,
        _ => writeln!(out, "{:<14}{cost:>8}  {about}", form.name)?,
    }
    for (name, about) in form.operands {
        writeln!(out, "{:24}{name:<16}{}", "", about.trim().trim_end_matches('.'))?;
    }
    Ok(())
}
