//! `sluice rules`: rule files checked, run against sample data, and against what a server has.

mod check;
mod replay;
mod test;

use std::path::Path;

use alerts::Problem;
use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cli::{RulesArgs, RulesCommand};
use crate::exit::Exit;

pub(crate) fn run(args: &RulesArgs) -> anyhow::Result<Exit> {
    match &args.command {
        RulesCommand::Check(args) => check::run(args),
        RulesCommand::Test(args) => test::run(args),
        RulesCommand::Replay(args) => replay::run(args),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn to_json(problem: &Problem) -> Value {
    json!({"line": problem.line, "column": problem.column, "field": problem.field, "what": problem.what})
}
