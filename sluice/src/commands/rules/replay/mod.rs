//! `sluice rules replay FILE…`: what these rules would have said of minutes that are stored.
//!
//! In:    rule files; a server's answers.
//! Out:   every change of state, minute by minute; exit status 3 with `--strict` when some could not be judged.
//! Never: another machine than the islands': the same columns give the same verdicts. What may differ is the data: rows that came after
//!        a minute's seal are in the answers, and were not seen by the alert.

mod columns;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use alerts::{Rule, RuleSet, RuleState, Transition, Turn};
use anyhow::Context as _;
use model::Minute;
use serde_json::{Value, json};

use self::columns::Asker;
use super::read;
use crate::cli::RulesReplayArgs;
use crate::exit::Exit;
use crate::read::{AskError, Table, format_or_default, now, range, words};
use crate::serve::alerts::rfc3339;

/// A day, unless it is said.
const LAST_SECONDS: u64 = 24 * 60 * 60;

/// What one rule would have said.
struct Replayed {
    rule: Arc<Rule>,
    /// With the dimensions of their groups.
    changes: Vec<(Transition, Value)>,
    groups: usize,
    /// Why not all of it can be relied on.
    partial: Vec<String>,
}

pub(super) fn run(args: &RulesReplayArgs) -> anyhow::Result<Exit> {
    let rules = rules(&args.files)?;
    let last = args.last.map_or(LAST_SECONDS, |last| last.as_secs());
    let now = now() / 60 * 60;
    let (from, to) = range((args.from.as_deref(), args.to.as_deref()), last, (now, now))?;
    let named = |rule: &&Rule| args.rule.as_ref().is_none_or(|name| *name == rule.name);
    let chosen: Vec<Rule> = rules.rules.iter().filter(named).cloned().collect();
    if let (true, Some(name)) = (chosen.is_empty(), &args.rule) {
        let names: Vec<&str> = rules.rules.iter().map(|rule| rule.name.as_str()).collect();
        return Err(AskError::Call(format!(
            "there is no rule {name:?}: the files have {}",
            names.join(", ")
        ))
        .into());
    }
    let replay = |rule| replay(&args.server, Arc::new(rule), from / 60..to / 60);
    let replayed = chosen.into_iter().map(replay).collect::<Result<Vec<_>, AskError>>()?;
    show(args, &replayed);
    let partial = replayed.iter().any(|one| !one.partial.is_empty());
    Ok(if partial && args.strict { Exit::Partial } else { Exit::Good })
}

fn rules(files: &[PathBuf]) -> anyhow::Result<RuleSet> {
    let mut all = RuleSet::default();
    for file in files {
        let said = |why: &dyn std::fmt::Display| anyhow::anyhow!("{}:{why}", file.display());
        let rules = RuleSet::parse(&read(file)?).map_err(|why| said(&why))?;
        all.merge(rules).map_err(|why| said(&why)).context("these files do not go together")?;
    }
    Ok(all)
}

/// One rule over these minutes, beginning as long before them as it looks back.
fn replay(server: &str, rule: Arc<Rule>, minutes: Range<u64>) -> Result<Replayed, AskError> {
    let (mut asker, mut state) = (Asker::new(server, &rule), RuleState::new(Arc::clone(&rule)));
    let (mut at, mut changes) = (minutes.start.saturating_sub(rule.looks_back().into()), Vec::new());
    while at < minutes.end {
        for (operand, other) in asker.ask(at..minutes.end)? {
            let minute = Minute(u32::try_from(at).unwrap_or(u32::MAX));
            state.close(minute, &operand, &other, &mut |change| changes.push(change));
            at += 1;
        }
    }
    changes.retain(|change| minutes.contains(&u64::from(change.minute.0)));
    let (names, partial) = asker.end();
    let dims = |group: u32| json!(names.get(group as usize));
    let changes = changes.into_iter().map(|change| (change, dims(change.group))).collect();
    Ok(Replayed { groups: names.len(), partial, changes, rule })
}

fn show(args: &RulesReplayArgs, replayed: &[Replayed]) {
    let mut table = Table::new(["time", "rule", "severity", "from", "to", "value", "series"]);
    for one in replayed {
        for (change, dims) in one.changes.iter().filter(|(change, _)| args.all || change.turn.is_some()) {
            let (rule, severity) = (one.rule.name.clone(), severity(one, change));
            let (from, to) = (change.from.to_string(), change.to.to_string());
            table.row([rfc3339(change.minute), rule, severity, from, to, value(change), words(dims)]);
        }
    }
    let rules: Vec<Value> = replayed.iter().map(|one| to_json(one, args.all)).collect();
    table.print(format_or_default(args.format), &json!({"rules": rules}));
    for one in replayed {
        let turns = |turn| one.changes.iter().filter(|(change, _)| change.turn == Some(turn)).count();
        let (fired, cleared) = (turns(Turn::Fired), turns(Turn::Cleared));
        eprintln!("{}: {} groups, fired {fired} times, cleared {cleared} times", one.rule.name, one.groups);
        one.partial.iter().for_each(|why| eprintln!("note: {}: {why}", one.rule.name));
    }
}

fn to_json(one: &Replayed, all: bool) -> Value {
    let change = |(change, dims): &(Transition, Value)| {
        json!({
            "time": change.minute.unix_seconds(),
            "severity": severity(one, change),
            "from": change.from.name(),
            "to": change.to.name(),
            "turn": change.turn.map(Turn::name),
            "value": change.value,
            "dims": dims,
        })
    };
    let shown = one.changes.iter().filter(|(change, _)| all || change.turn.is_some());
    json!({
        "rule": one.rule.name,
        "account": one.rule.account,
        "groups": one.groups,
        "changes": shown.map(change).collect::<Vec<_>>(),
        "partial": one.partial,
    })
}

fn severity(one: &Replayed, change: &Transition) -> String {
    one.rule.severity(change.tier.into()).to_owned()
}

fn value(change: &Transition) -> String {
    if change.value.is_nan() { "-".to_owned() } else { change.value.to_string() }
}
