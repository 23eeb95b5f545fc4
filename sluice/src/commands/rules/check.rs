//! `sluice rules check FILE…`: can these files be used, together?
//!
//! In:    rule files, and how many partitions there will be.
//! Out:   how many rules each has; on stderr every problem as `FILE:line:column: field: what`; exit status 1 when any.

use std::path::Path;

use alerts::{Problem, RuleSet};
use model::Placement;
use serde_json::json;

use super::{read, to_json};
use crate::cli::RulesCheckArgs;
use crate::exit::Exit;
use crate::read::{Table, format_or_default};

/// What is known of one file.
struct Checked {
    file: String,
    rules: usize,
    problems: Vec<Problem>,
}

pub(super) fn run(args: &RulesCheckArgs) -> anyhow::Result<Exit> {
    let spread = args.spread.unwrap_or(args.partitions.clamp(1, 4));
    let placement = Placement::new(args.partitions, spread)?;
    let mut all = RuleSet::default();
    let (tests, files): (Vec<_>, Vec<_>) = args.files.iter().partition(|file| is_test(file));
    tests
        .iter()
        .for_each(|file| eprintln!("note: {} is for `sluice rules test`, and passed over", file.display()));
    let checked =
        files.into_iter().map(|file| check(file, placement, &mut all)).collect::<anyhow::Result<Vec<_>>>()?;

    let mut table = Table::new(["file", "rules", "problems"]);
    for one in &checked {
        table.row([one.file.clone(), one.rules.to_string(), one.problems.len().to_string()]);
    }
    let files = checked.iter().map(|one| {
        let problems: Vec<_> = one.problems.iter().map(to_json).collect();
        json!({"file": one.file, "rules": one.rules, "problems": problems})
    });
    table.print(format_or_default(args.format), &json!({"files": files.collect::<Vec<_>>()}));
    for one in &checked {
        one.problems.iter().for_each(|problem| eprintln!("{}:{problem}", one.file));
    }
    Ok(if checked.iter().all(|one| one.problems.is_empty()) { Exit::Good } else { Exit::Bad })
}

/// As a server passes over it in its folder of rules.
fn is_test(file: &Path) -> bool {
    file.to_string_lossy().ends_with(".test.yaml")
}

/// One file, and how it goes together with those before it.
fn check(path: &Path, placement: Placement, all: &mut RuleSet) -> anyhow::Result<Checked> {
    let file = path.display().to_string();
    let rules = match RuleSet::parse(&read(path)?) {
        Ok(rules) => rules,
        Err(problems) => return Ok(Checked { file, rules: 0, problems: problems.0 }),
    };
    let mut problems = rules.beyond_one_island(placement);
    let count = rules.rules.len();
    problems.extend(all.merge(rules).err());
    Ok(Checked { file, rules: count, problems })
}
