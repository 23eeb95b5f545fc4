//! `sluice rules test FILE…`: rules run against sample data, minute by minute.
//!
//! In:    test files, and the rule files that they name.
//! Out:   each test and what became of it; what differs, minute under minute; exit status 1 when anything does.

use std::path::Path;

use alerts::{Outcome, RuleSet, TestFile};
use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};

use super::read;
use crate::cli::RulesTestArgs;
use crate::exit::Exit;
use crate::read::{Table, format_or_default};

pub(super) fn run(args: &RulesTestArgs) -> anyhow::Result<Exit> {
    let (mut table, mut tests, mut good) =
        (Table::new(["file", "test", "states", "result"]), Vec::new(), true);
    for path in &args.files {
        let file = path.display().to_string();
        for outcome in outcomes(path)? {
            let passed = outcome.mismatches.is_empty();
            good &= passed;
            let result = if passed { "good" } else { "FAILED" };
            table.row([file.clone(), outcome.name.clone(), outcome.compared.to_string(), result.to_owned()]);
            outcome.mismatches.iter().for_each(|mismatch| eprintln!("{file}:{mismatch}"));
            tests.push(to_json(&file, &outcome));
        }
    }
    table.print(format_or_default(args.format), &json!({"tests": tests}));
    Ok(if good { Exit::Good } else { Exit::Bad })
}

fn outcomes(path: &Path) -> anyhow::Result<Vec<Outcome>> {
    let say = |file: &Path, why: &dyn std::fmt::Display| {
        // Each problem begins with its line, so the file's name goes before each.
        anyhow!(
            why.to_string()
                .lines()
                .map(|line| format!("{}:{line}", file.display()))
                .collect::<Vec<_>>()
                .join("; ")
        )
    };
    let test = TestFile::parse(&read(path)?).map_err(|why| say(path, &why))?;
    let (folder, mut rules) = (path.parent().unwrap_or(Path::new(".")), RuleSet::default());
    for name in &test.rule_files {
        let named = folder.join(name);
        let text = read(&named).with_context(|| format!("{} names it", path.display()))?;
        let more = RuleSet::parse(&text).map_err(|why| say(&named, &why))?;
        rules.merge(more).map_err(|why| say(&named, &why))?;
    }
    test.run(&rules).map_err(|why| say(path, &why))
}

fn to_json(file: &str, outcome: &Outcome) -> Value {
    let names = |states: &[alerts::State]| states.iter().map(|state| state.name()).collect::<Vec<_>>();
    let mismatches = outcome.mismatches.iter().map(|one| {
        let dims: serde_json::Map<String, Value> =
            one.dims.pairs().iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({"line": one.line, "severity": one.severity, "dims": dims,
               "expected": names(&one.expected), "got": names(&one.got)})
    });
    let mismatches: Vec<Value> = mismatches.collect();
    json!({"file": file, "test": outcome.name, "states": outcome.compared,
           "passed": mismatches.is_empty(), "mismatches": mismatches})
}
