//! `travertine substrate`: declarations, the rule, the ledger and the counters of the substrate.

mod audit;
mod check;
mod eval;
mod graph;
mod mine;
mod statistic;

use clap::Subcommand;

use crate::error::InputError;
use crate::output::Verdict;

/// Check declarations of the substrate, apply its rule to headers, audit its ledger, draw its counters.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Eval(eval::Arguments),
    Mine(mine::Arguments),
    Audit(audit::Arguments),
    Statistic(statistic::Arguments),
    Graph(graph::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Mine(arguments) => mine::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Statistic(arguments) => statistic::run(arguments),
        Command::Graph(arguments) => graph::run(arguments),
    }
}
