//! A rule's columns, minute by minute, from a server's answers.
//!
//! In:    a rule, a range of minutes. Out: the columns of some of them, from the first on.
//! Kept:  the names of groups, in the order in which they turned up.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use alerts::{Column, GroupBy, Operand, Rule, Signal};
use model::{Matcher, Op, Sampling};
use serde_json::{Value, json};

use crate::read::{AskError, post};

/// As many groups as one answer names.
const GROUPS_MAX: usize = 10_000;
/// Minutes of one question: with so many groups as many points as one answer has.
const MINUTES_MAX: u64 = 2_000_000 / GROUPS_MAX as u64;

type Name = BTreeMap<String, String>;

/// Asks for one rule.
pub(super) struct Asker<'a> {
    server: &'a str,
    rule: &'a Rule,
    groups: BTreeMap<Name, usize>,
    /// Why answers are not whole.
    partial: BTreeSet<String>,
}

// === impl Asker ===

impl<'a> Asker<'a> {
    pub(super) fn new(server: &'a str, rule: &'a Rule) -> Self {
        Self { server, rule, groups: BTreeMap::new(), partial: BTreeSet::new() }
    }

    /// The first of these minutes, as many as one question takes: the operand's column, and what it is divided by.
    pub(super) fn ask(&mut self, minutes: Range<u64>) -> Result<Vec<(Column, Column)>, AskError> {
        let some = minutes.start..minutes.end.min(minutes.start + MINUTES_MAX);
        let mut operand = self.columns(&self.rule.operand, &some)?;
        let other = match &self.rule.signal {
            Signal::Ratio(below) => self.columns(below, &some)?,
            Signal::Value | Signal::Change { .. } | Signal::Deviation { .. } => {
                vec![Column::default(); operand.len()]
            }
        };
        operand.iter_mut().for_each(|column| column.values.resize(self.groups.len(), f64::NAN));
        Ok(operand.into_iter().zip(other).collect())
    }

    /// The names of the groups, by number, and what the answers lacked.
    pub(super) fn end(self) -> (Vec<Name>, Vec<String>) {
        let mut names = vec![Name::new(); self.groups.len()];
        self.groups.into_iter().for_each(|(name, group)| names[group] = name);
        (names, self.partial.into_iter().collect())
    }

    fn columns(&mut self, operand: &Operand, minutes: &Range<u64>) -> Result<Vec<Column>, AskError> {
        // What is merged over a window is kept in parts: an average as sum and count.
        let value = match operand.sampling {
            Sampling::Avg | Sampling::Rate => Sampling::Sum,
            sampling => sampling,
        };
        let mut columns = vec![Column::empty(false); (minutes.end - minutes.start) as usize];
        self.fill(operand, value, minutes, &mut columns, |column| &mut column.values)?;
        if operand.sampling == Sampling::Avg {
            self.fill(operand, Sampling::Count, minutes, &mut columns, |column| &mut column.counts)?;
            columns.iter_mut().for_each(|column| {
                column.counts.iter_mut().for_each(|count| *count = if count.is_nan() { 0.0 } else { *count });
            });
        }
        Ok(columns)
    }

    fn fill(
        &mut self,
        operand: &Operand,
        sampling: Sampling,
        minutes: &Range<u64>,
        columns: &mut [Column],
        part: impl Fn(&mut Column) -> &mut Vec<f64>,
    ) -> Result<(), AskError> {
        let answer = post(self.server, "/v1/top", &self.request(operand, sampling, minutes))?;
        self.note(&answer, minutes, columns);
        for row in answer["rows"].as_array().into_iter().flatten() {
            let group = self.group(&row["dims"]);
            for point in row["points"].as_array().into_iter().flatten() {
                let at = point["time"].as_u64().and_then(|time| (time / 60).checked_sub(minutes.start));
                let column = at.and_then(|at| columns.get_mut(usize::try_from(at).ok()?));
                if let (Some(column), Some(value)) = (column, point["value"].as_f64()) {
                    let values = part(column);
                    values.resize(values.len().max(group + 1), f64::NAN);
                    values[group] = value;
                }
            }
        }
        Ok(())
    }

    fn request(&self, operand: &Operand, sampling: Sampling, minutes: &Range<u64>) -> Value {
        let by = match &self.rule.by {
            GroupBy::Tuple => vec!["*".to_owned()],
            GroupBy::Dims(dims) => dims.clone(),
        };
        json!({
            "account": self.rule.account,
            "metric": operand.metric,
            "by": by,
            "rank": sampling.to_string(),
            "n": GROUPS_MAX,
            "where": operand.filter.iter().map(condition).collect::<Vec<_>>(),
            "from": minutes.start * 60,
            "to": minutes.end * 60,
            "points": true,
            "step_seconds": 60,
        })
    }

    /// Which minutes are whole, and why the others are not.
    fn note(&mut self, answer: &Value, minutes: &Range<u64>, columns: &mut [Column]) {
        let completeness = &answer["completeness"];
        let whole = completeness["partial"] != true;
        let reasons = completeness["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.partial.extend(reasons.map(str::to_owned));
        if let Some(groups) = answer["others"]["groups"].as_u64().filter(|groups| *groups > 0) {
            self.partial.insert(format!(
                "{groups} groups beyond {GROUPS_MAX} were not looked at: filter, or group by fewer dimensions"
            ));
        }
        for one in completeness["minutes"].as_array().into_iter().flatten() {
            let at = one["time"].as_u64().and_then(|time| (time / 60).checked_sub(minutes.start));
            if let Some(column) = at.and_then(|at| columns.get_mut(usize::try_from(at).ok()?)) {
                let is_sealed = one["state"] == "sealed";
                column.complete =
                    whole && is_sealed && one["ratio"].as_f64().is_some_and(|ratio| ratio >= 1.0);
            }
        }
    }

    fn group(&mut self, dims: &Value) -> usize {
        let dim =
            |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_owned());
        let name: Name = dims.as_object().into_iter().flatten().map(dim).collect();
        let next = self.groups.len();
        *self.groups.entry(name).or_insert(next)
    }
}

/// As the API has it.
fn condition(matcher: &Matcher) -> Value {
    let (op, values) = match &matcher.op {
        Op::In(values) => ("in", values.clone()),
        Op::NotIn(values) => ("not in", values.clone()),
        Op::Matches(pattern) => ("=~", vec![pattern.as_str().to_owned()]),
        Op::MatchesNot(pattern) => ("!~", vec![pattern.as_str().to_owned()]),
        Op::Exists => ("exists", Vec::new()),
        Op::Absent => ("absent", Vec::new()),
    };
    json!({"dim": matcher.dim, "op": op, "values": values})
}
