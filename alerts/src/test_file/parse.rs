//! A test file, read and checked.

use std::sync::Arc;

use model::{Dims, Limits, Sampling};

use super::expect::Expected;
use super::script::minutes;
use crate::fields::{At, Fields, number};
use crate::limits::{NAME_BYTES_MAX, RULES_MAX, TEST_SERIES_MAX, TESTS_MAX};
use crate::problem::{Problem, Problems, instead_of};
use crate::rules::{GroupBy, Rule, RuleSet, Signal};
use crate::yaml::{self, Node};
use crate::{State, rules};

/// A test file. Its rules stand in it, or in files that it names.
#[derive(Debug)]
pub struct TestFile {
    root: Node,
    /// Names of rule files, relative to the test file.
    pub rule_files: Vec<String>,
    /// Rules that stand in the file itself.
    pub rules: RuleSet,
}

/// One test, ready to run.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) name: String,
    pub(super) rule: Arc<Rule>,
    pub(super) minutes: usize,
    pub(super) series: Vec<Sample>,
    /// Of a change: what there was before, minute by minute.
    pub(super) before: Vec<Sample>,
    /// By minute: something is missing.
    pub(super) incomplete: Vec<bool>,
    pub(super) expect: Vec<Expected>,
}

/// One series of a test.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) metric: String,
    pub(super) dims: Dims,
    /// By minute: value and how many measurements.
    pub(super) values: Vec<Option<(f64, f64)>>,
    pub(super) at: Problem,
}

// === impl TestFile ===

impl TestFile {
    /// Reads a file; the rules it names are not read yet.
    ///
    /// # Errors
    /// The first thing that is wrong with it, or what is with each of its rules.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let root = yaml::parse(text)?;
        let fields = At::root(&root).fields(&["rules", "alerts", "tests"])?;
        let rule_files = fields.get("rules").map_or(Ok(Vec::new()), |at| names(&at))?;
        let alerts = fields.get("alerts").map(|at| at.list(RULES_MAX)).transpose()?;
        let rules = alerts.map(|list| rules::alerts(&list)).transpose()?.unwrap_or_default();
        Ok(Self { rule_files, rules, root })
    }

    /// The tests, of rules of the file itself and of `others`.
    pub(super) fn tests(&self, others: &RuleSet) -> Result<Vec<Test>, Problems> {
        let fields = At::root(&self.root).fields(&["rules", "alerts", "tests"])?;
        let list = fields.need("tests")?.list(TESTS_MAX)?;
        let known: Vec<&Rule> = self.rules.rules.iter().chain(&others.rules).collect();
        let (mut tests, mut problems) = (Vec::new(), Vec::new());
        for at in &list {
            match test(at, &known) {
                Ok(test) => tests.push(test),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(tests) } else { Err(Problems(problems)) }
    }
}

fn names(at: &At<'_>) -> Result<Vec<String>, Problem> {
    if let Ok(one) = at.text() {
        return Ok(vec![one.to_owned()]);
    }
    at.list(TESTS_MAX)?.iter().map(|one| Ok(one.text()?.to_owned())).collect()
}

fn test(at: &At<'_>, known: &[&Rule]) -> Result<Test, Problem> {
    let fields = at.fields(&["name", "account", "rule", "series", "before", "incomplete", "expect"])?;
    let name = fields.need("name")?.name(NAME_BYTES_MAX)?.to_owned();
    let rule = rule_of(&fields, known)?;
    let series = samples(&fields, "series", &rule)?;
    let before = samples(&fields, "before", &rule)?;
    if let (Some(at), false) = (fields.get("before"), matches!(rule.signal, Signal::Change { .. })) {
        return Err(at.problem("is only for rules with `change`"));
    }
    let expect = expected(&fields.need("expect")?, &rule)?;
    let lengths = series.iter().chain(&before).map(|one| one.values.len());
    let minutes = lengths.chain(expect.iter().map(|one| one.states.len())).max().unwrap_or(0);
    if let Some(short) = expect.iter().find(|one| one.states.len() != minutes) {
        let what = format!("has the states of {} minutes, the test has {minutes}", short.states.len());
        return Err(Problem { what, ..short.at.clone() });
    }
    let incomplete = incomplete(&fields, minutes)?;
    Ok(Test { name, rule, minutes, series, before, incomplete, expect })
}

fn rule_of(fields: &Fields<'_>, known: &[&Rule]) -> Result<Arc<Rule>, Problem> {
    let at = fields.need("rule")?;
    let (name, account) = (at.text()?, fields.get("account").map_or(Ok("default"), |at| at.text())?);
    let found = known.iter().find(|rule| rule.name == name && rule.account == account);
    found.map(|rule| Arc::new((*rule).clone())).ok_or_else(|| {
        let names: Vec<&str> =
            known.iter().filter(|rule| rule.account == account).map(|rule| rule.name.as_str()).collect();
        at.problem(format!("account {account:?} has no rule {name:?}{}", instead_of(name, &names)))
    })
}

fn samples(fields: &Fields<'_>, key: &str, rule: &Rule) -> Result<Vec<Sample>, Problem> {
    let Some(list) = fields.get(key) else { return Ok(Vec::new()) };
    list.list(TEST_SERIES_MAX)?.iter().map(|at| sample(at, rule)).collect()
}

fn sample(at: &At<'_>, rule: &Rule) -> Result<Sample, Problem> {
    let fields = at.fields(&["metric", "dims", "values"])?;
    let metric = fields.get("metric").map_or(Ok(rule.operand.metric.as_str()), |at| at.text())?;
    let mut metrics = vec![rule.operand.metric.as_str()];
    if let Signal::Ratio(below) = &rule.signal {
        metrics.push(&below.metric);
    }
    if !metrics.contains(&metric) {
        return Err(
            at.problem(format!("the rule does not look at {metric:?}{}", instead_of(metric, &metrics)))
        );
    }
    let values = fields.need("values")?;
    let averages = rule.operand.sampling == Sampling::Avg;
    let values = minutes(values.text()?, |word| value(word, averages)).map_err(|why| values.problem(why))?;
    Ok(Sample { metric: metric.to_owned(), dims: dims(&fields)?, values, at: at.problem("") })
}

/// `12.5`, `_` for nothing, and for averages `12.5@3`: an average of three measurements.
fn value(word: &str, averages: bool) -> Result<Option<(f64, f64)>, String> {
    if word == "_" {
        return Ok(None);
    }
    let (value, count) = word.split_once('@').unwrap_or((word, "1"));
    if value != word && !averages {
        return Err(format!("{word:?}: only averages are of so many measurements"));
    }
    let (value, count) = number(value).zip(number(count).filter(|count| *count >= 1.0)).ok_or_else(|| {
        format!("{word:?} is no value: a number, _ for a minute without data, 5x3 for three minutes of 5")
    })?;
    Ok(Some((value, count)))
}

fn dims(fields: &Fields<'_>) -> Result<Dims, Problem> {
    let Some(at) = fields.get("dims") else { return Ok(Dims::default()) };
    let pair = |(name, at): (&str, At<'_>)| Ok((name.to_owned(), at.text()?.to_owned()));
    let pairs =
        at.entries(Limits::DEFAULT.dims_max)?.into_iter().map(pair).collect::<Result<_, Problem>>()?;
    Ok(Dims::new(pairs).expect("the keys of a mapping are unique"))
}

fn incomplete(fields: &Fields<'_>, minutes: usize) -> Result<Vec<bool>, Problem> {
    let mut incomplete = vec![false; minutes];
    let Some(at) = fields.get("incomplete") else { return Ok(incomplete) };
    for one in at.list(minutes)? {
        let minute = one.text()?.parse::<usize>().ok().filter(|minute| (1..=minutes).contains(minute));
        let minute = minute
            .ok_or_else(|| one.problem(format!("must be a minute of the test, from 1 to {minutes}")))?;
        incomplete[minute - 1] = true;
    }
    Ok(incomplete)
}

fn expected(at: &At<'_>, rule: &Rule) -> Result<Vec<Expected>, Problem> {
    let list = at.list(TEST_SERIES_MAX)?;
    if list.is_empty() {
        return Err(at.problem("is empty: a test must expect something"));
    }
    list.iter().map(|at| one_expected(at, rule)).collect()
}

fn one_expected(at: &At<'_>, rule: &Rule) -> Result<Expected, Problem> {
    let fields = at.fields(&["severity", "dims", "states"])?;
    let severity = fields.need("severity")?;
    let known: Vec<&str> = rule.tiers.iter().map(|tier| tier.severity.as_str()).collect();
    let name = severity.text()?;
    if !known.contains(&name) {
        return Err(
            severity.problem(format!("the rule has no severity {name:?}{}", instead_of(name, &known)))
        );
    }
    let dims = dims(&fields)?;
    if let GroupBy::Dims(by) = &rule.by
        && let Some((wrong, _)) = dims.pairs().iter().find(|(name, _)| !by.contains(name))
    {
        return Err(at.problem(format!("the rule does not group by {wrong:?}, but by [{}]", by.join(", "))));
    }
    let states = fields.need("states")?;
    let names = State::ALL.map(State::name);
    let read = |word: &str| {
        let found = State::ALL.into_iter().find(|state| state.name() == word);
        found.ok_or_else(|| format!("{word:?} is no state{}", instead_of(word, &names)))
    };
    let states = minutes(states.text()?, read).map_err(|why| states.problem(why))?;
    Ok(Expected { severity: name.to_owned(), dims, states, at: at.problem("") })
}
