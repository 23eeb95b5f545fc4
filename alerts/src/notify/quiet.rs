//! What people keep quiet while the server runs: silences, by conditions and time; acknowledgements, by alert, until it is over.

use std::collections::BTreeMap;

use model::Matcher;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::alert::{AlertName, Firing};
use super::pairs;
use crate::limits::{
    ACKNOWLEDGED_MAX, COMMENT_BYTES_MAX, MATCHERS_MAX, SILENCE_SECONDS_MAX, SILENCES_KEPT_SECONDS,
    SILENCES_MAX,
};

/// All of them, as they are saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quiet {
    silences: BTreeMap<u64, Silence>,
    #[serde(with = "pairs")]
    acknowledged: BTreeMap<AlertName, Acknowledged>,
    /// Of the newest silence.
    last_id: u64,
}

/// Alerts that fulfil all of these are not told from a time to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// At least one.
    pub r#where: Filter,
    /// Unix seconds.
    pub starts: u64,
    /// Unix seconds; not included.
    pub ends: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub comment: String,
}

/// Somebody looks after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Unix seconds.
    pub at: u64,
    /// Who.
    pub by: String,
    /// What they say.
    pub comment: String,
}

/// Conditions on labels, in the words of the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Condition>", into = "Vec<Condition>")]
pub struct Filter {
    conditions: Vec<Condition>,
    matchers: Vec<Matcher>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// A label.
    pub dim: String,
    /// What it must fulfil.
    pub op: String,
    /// With which values.
    #[serde(default)]
    pub values: Vec<String>,
}

/// Where a silence is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It begins later.
    Pending,
    /// It keeps quiet.
    Active,
    /// It has ended.
    Over,
}

/// Why something cannot be kept quiet. The field, what is wrong, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} {what}")]
pub struct QuietError {
    /// Of the request.
    pub field: &'static str,
    /// What is wrong with it.
    pub what: String,
    /// What would be right.
    pub hint: &'static str,
}

// === impl Quiet ===

impl Quiet {
    /// From now on, or later; its number.
    ///
    /// # Errors
    /// When its time or its words are beyond the limits.
    pub fn add(&mut self, silence: Silence, now: u64) -> Result<u64, QuietError> {
        check_words(&silence.by, &silence.comment)?;
        if silence.ends <= silence.starts.max(now) {
            let hint = "give an end that is ahead of now and of its start";
            return Err(wrong(
                "ends",
                format!("is {}, which is not after its start and now", silence.ends),
                hint,
            ));
        }
        if silence.ends > now + SILENCE_SECONDS_MAX {
            let what = format!("is {} s from now, at most {SILENCE_SECONDS_MAX}", silence.ends - now);
            return Err(wrong("ends", what, "change the rule, or give it a maintenance window in the file"));
        }
        if self.silences.len() >= SILENCES_MAX {
            let what =
                format!("would be the {}th silence, at most {SILENCES_MAX} are kept", SILENCES_MAX + 1);
            return Err(wrong("where", what, "one silence with `in (…)` or =~ does for many"));
        }
        self.last_id += 1;
        self.silences.insert(self.last_id, silence);
        Ok(self.last_id)
    }

    /// Ends a silence now; `None` when there is none of this number, or it is over.
    pub fn end(&mut self, id: u64, now: u64) -> Option<&Silence> {
        let silence = self.silences.get_mut(&id).filter(|one| one.state(now) != SilenceState::Over)?;
        silence.ends = now;
        silence.starts = silence.starts.min(now);
        Some(silence)
    }

    /// What fires and fulfils these is looked after, until it is over. How many alerts that are.
    ///
    /// # Errors
    /// When there would be too many, or the words are too long.
    pub fn acknowledge(
        &mut self,
        firing: &Firing,
        filter: &Filter,
        by: &Acknowledged,
    ) -> Result<usize, QuietError> {
        check_words(&by.by, &by.comment)?;
        let these: Vec<&AlertName> = firing.alerts.keys().filter(|one| one.is_in(&filter.matchers)).collect();
        if self.acknowledged.len() + these.len() > ACKNOWLEDGED_MAX {
            let what = format!("names {} alerts, {ACKNOWLEDGED_MAX} can be acknowledged in all", these.len());
            return Err(wrong("where", what, "silence them instead"));
        }
        let count = these.len();
        self.acknowledged.extend(these.into_iter().map(|name| (name.clone(), by.clone())));
        Ok(count)
    }

    /// Without acknowledgements of what is over, and silences that ended long ago. Has anything gone?
    pub fn tidy(&mut self, firing: &Firing, now: u64) -> bool {
        let before = (self.silences.len(), self.acknowledged.len());
        self.silences.retain(|_, one| now < one.ends + SILENCES_KEPT_SECONDS);
        if firing.all {
            self.acknowledged.retain(|name, _| firing.alerts.contains_key(name));
        }
        before != (self.silences.len(), self.acknowledged.len())
    }

    /// The silence that keeps an alert quiet.
    #[must_use]
    pub fn silenced(&self, alert: &AlertName, now: u64) -> Option<(u64, &Silence)> {
        let covers =
            |one: &Silence| one.state(now) == SilenceState::Active && alert.is_in(&one.r#where.matchers);
        self.silences.iter().find(|(_, one)| covers(one)).map(|(id, one)| (*id, one))
    }

    /// Who looks after an alert.
    #[must_use]
    pub fn acknowledged(&self, alert: &AlertName) -> Option<&Acknowledged> {
        self.acknowledged.get(alert)
    }

    /// All silences that are kept, the newest first.
    pub fn silences(&self) -> impl Iterator<Item = (u64, &Silence)> {
        self.silences.iter().rev().map(|(id, one)| (*id, one))
    }
}

// === impl Silence ===

impl Silence {
    /// At this time.
    #[must_use]
    pub fn state(&self, now: u64) -> SilenceState {
        match () {
            () if now >= self.ends => SilenceState::Over,
            () if now < self.starts => SilenceState::Pending,
            () => SilenceState::Active,
        }
    }
}

// === impl Filter ===

impl TryFrom<Vec<Condition>> for Filter {
    type Error = String;

    /// At least one condition: none would be everything, which nobody says by leaving something out.
    fn try_from(conditions: Vec<Condition>) -> Result<Self, String> {
        if conditions.is_empty() || conditions.len() > MATCHERS_MAX {
            return Err(format!(
                "where has {} conditions, must have from 1 to {MATCHERS_MAX}: [{{\"dim\":\"alertname\",\"op\":\"exists\"}}] is every alert",
                conditions.len()
            ));
        }
        let matcher = |one: &Condition| {
            Matcher::new(&*one.dim, &one.op, one.values.clone())
                .map_err(|why| format!("where: {}: {why}", one.dim))
        };
        let matchers = conditions.iter().map(matcher).collect::<Result<_, _>>()?;
        Ok(Self { conditions, matchers })
    }
}

impl From<Filter> for Vec<Condition> {
    fn from(filter: Filter) -> Self {
        filter.conditions
    }
}

fn check_words(by: &str, comment: &str) -> Result<(), QuietError> {
    let check = |field, text: &str| {
        let fits = text.len() <= COMMENT_BYTES_MAX && !text.chars().any(char::is_control);
        let what =
            format!("has {} bytes, at most {COMMENT_BYTES_MAX} without control characters", text.len());
        if fits { Ok(()) } else { Err(wrong(field, what, "say it shorter")) }
    };
    check("by", by)?;
    check("comment", comment)
}

fn wrong(field: &'static str, what: String, hint: &'static str) -> QuietError {
    QuietError { field, what, hint }
}

#[cfg(test)]
mod tests;
