//! How much of what should be in an answer is in it.
//!
//! In:    which partitions were asked and what they said about themselves; rows declared and rows applied by minute.
//! Out:   one ratio, a list of minutes, and the reasons why the answer is partial, if it is.
//! Never: a clock. The present minute is an argument.
//!
//! A minute's ratio is rows applied / rows declared, at most 1, and 1 when nothing was declared; it is 0 for a minute
//! that is over and not sealed, because nobody knows what it misses. The answer's ratio is the mean of its minutes'
//! ratios, weighted by rows declared (a minute without a declaration, or not sealed, weighs as much as the average of
//! the others), times answered / asked. A minute that is not over yet is no part of what was asked for unless the
//! request includes open minutes.

use std::collections::BTreeMap;

use model::{Minute, MinuteRange};
use proto::v1;

use crate::limits::MINUTES_LISTED_MAX;

/// What is known when an answer is finished.
pub(crate) struct Facts<'a> {
    pub(crate) range: MinuteRange,
    /// The minute that is not over yet.
    pub(crate) now: Minute,
    pub(crate) include_open: bool,
    /// Partitions that the answer's data can be in.
    pub(crate) asked: &'a [u32],
    /// Partitions, asked or not, that did not answer, and why.
    pub(crate) failed: &'a BTreeMap<u32, String>,
    /// What those that answered say may be missing.
    pub(crate) caveats: &'a BTreeMap<u32, String>,
    /// Of those that answered.
    pub(crate) sealed_through: &'a BTreeMap<u32, Option<Minute>>,
    /// Rows declared; minutes without any are left out.
    pub(crate) declared: &'a BTreeMap<Minute, u64>,
    /// Rows applied, by all partitions.
    pub(crate) applied: &'a dyn Fn(Minute) -> u64,
}

/// One minute; or so many of a long range that are alike, with nothing declared.
struct Spell {
    state: State,
    minute: v1::MinuteCompleteness,
    minutes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sealed,
    Open,
    Unsealed,
    /// Not over and not asked for.
    Ahead,
}

/// See the module.
pub(crate) fn completeness(facts: &Facts<'_>) -> v1::Completeness {
    let minutes = facts.spells();
    let answered = facts.asked.iter().filter(|partition| !facts.failed.contains_key(partition)).count();
    let mut reasons = facts.failures();
    reasons.extend(unsealed_reason(&minutes));
    reasons.extend(missing_rows_reason(&minutes));
    let partial = !reasons.is_empty();
    let ratio = rows_ratio(&minutes) * share(answered, facts.asked.len());
    let listed = minutes.len().saturating_sub(MINUTES_LISTED_MAX.min(facts.range.len() as usize));
    v1::Completeness {
        ratio,
        partial,
        reasons,
        partitions_asked: count(facts.asked.len()),
        partitions_answered: count(answered),
        minutes: minutes.into_iter().skip(listed).map(|spell| spell.minute).collect(),
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn share(part: usize, whole: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "partitions are few")]
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn rows_ratio(spells: &[Spell]) -> f64 {
    let counted = || spells.iter().filter(|spell| spell.state != State::Ahead);
    let declared: Vec<f64> =
        counted().map(|spell| rows(spell.minute.rows_declared)).filter(|rows| *rows > 0.0).collect();
    #[expect(clippy::cast_precision_loss, reason = "minutes are few")]
    let usual = if declared.is_empty() { 1.0 } else { declared.iter().sum::<f64>() / declared.len() as f64 };
    let weight = |spell: &Spell| {
        let each = if spell.minute.rows_declared == 0 { usual } else { rows(spell.minute.rows_declared) };
        each * f64::from(spell.minutes)
    };
    let whole: f64 = counted().map(weight).sum();
    let there: f64 = counted().map(|spell| weight(spell) * spell.minute.ratio).sum();
    if whole > 0.0 { there / whole } else { 1.0 }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of 2^53 rows is good to 16 digits")]
fn rows(rows: u64) -> f64 {
    rows as f64
}

fn unsealed_reason(spells: &[Spell]) -> Option<String> {
    let unsealed = || spells.iter().filter(|spell| spell.state == State::Unsealed);
    let first = unsealed().map(|spell| spell.minute.time).min()?;
    Some(format!(
        "{} of {} minutes are over but not sealed, from {first} on: ask again in a few seconds, or include open minutes",
        unsealed().map(|spell| spell.minutes).sum::<u32>(),
        spells.iter().map(|spell| spell.minutes).sum::<u32>()
    ))
}

fn missing_rows_reason(spells: &[Spell]) -> Option<String> {
    let missing = |minute: &v1::MinuteCompleteness| minute.rows_declared.saturating_sub(minute.rows_applied);
    let sealed = || spells.iter().filter(|spell| spell.state == State::Sealed).map(|spell| &spell.minute);
    let (rows, declared) =
        sealed().fold((0, 0), |(rows, all), minute| (rows + missing(minute), all + minute.rows_declared));
    (rows > 0).then(|| {
        format!("{rows} of {declared} rows that publishers declared have not arrived: they may come late, or are lost")
    })
}

/// Said with an answer over a long range.
pub(crate) fn cap_note(range: MinuteRange) -> Option<String> {
    let minutes = range.len() as usize;
    (minutes > MINUTES_LISTED_MAX).then(|| {
        format!("completeness lists the newest {MINUTES_LISTED_MAX} of {minutes} minutes; its ratio counts all of them")
    })
}

// === impl Facts ===

impl Facts<'_> {
    /// The minutes that are listed, one by one, after the older ones of a long range: ten years cost no more than a day.
    fn spells(&self) -> Vec<Spell> {
        let listed = u32::try_from(MINUTES_LISTED_MAX).unwrap_or(u32::MAX).min(self.range.len());
        let older = MinuteRange::new(self.range.from, self.range.to.minus(listed));
        let mut spells = self.older(older);
        spells.extend(MinuteRange::new(older.to, self.range.to).minutes().map(|minute| self.minute(minute)));
        spells
    }

    /// Minutes with a declaration one by one; those without as two spells: sealed, and not.
    fn older(&self, older: MinuteRange) -> Vec<Spell> {
        if older.is_empty() {
            return Vec::new();
        }
        let asked = self.asked.iter().filter_map(|partition| self.sealed_through.get(partition));
        let sealed_to =
            asked.map(|through| through.map_or(Minute(0), Minute::next)).min().unwrap_or(Minute(0));
        let cut = sealed_to.clamp(older.from, older.to);
        let declared = self.declared.range(older.from..older.to).map(|(minute, _)| self.minute(*minute));
        let plain = [MinuteRange::new(older.from, cut), MinuteRange::new(cut, older.to)];
        declared.chain(plain.into_iter().filter_map(|range| self.undeclared(range))).collect()
    }

    /// The minutes of a range that are all sealed, or all not, for which nothing was declared.
    fn undeclared(&self, range: MinuteRange) -> Option<Spell> {
        let declared = self.declared.range(range.from..range.to).count();
        let minutes = range.len().saturating_sub(count(declared));
        (minutes > 0).then(|| Spell { minutes, ..self.spell(range.from, 0, 0) })
    }

    fn minute(&self, minute: Minute) -> Spell {
        self.spell(minute, self.declared.get(&minute).copied().unwrap_or(0), (self.applied)(minute))
    }

    fn spell(&self, minute: Minute, rows_declared: u64, rows_applied: u64) -> Spell {
        let state = self.state(minute);
        let ratio = match state {
            State::Unsealed | State::Ahead => 0.0,
            _ if rows_declared == 0 => 1.0,
            _ => (rows(rows_applied) / rows(rows_declared)).min(1.0),
        };
        let (time, state_name) = (minute.unix_seconds(), state.name().to_owned());
        let minute = v1::MinuteCompleteness { time, ratio, state: state_name, rows_declared, rows_applied };
        Spell { state, minute, minutes: 1 }
    }

    fn state(&self, minute: Minute) -> State {
        let sealed = |partition: &u32| match self.sealed_through.get(partition) {
            Some(through) => through.is_some_and(|through| minute <= through),
            // One that did not answer is missing as a whole; it says nothing about minutes.
            None => true,
        };
        let anyone = self.asked.iter().any(|partition| self.sealed_through.contains_key(partition));
        if anyone && self.asked.iter().all(sealed) {
            State::Sealed
        } else if self.include_open {
            State::Open
        } else if minute < self.now {
            State::Unsealed
        } else {
            State::Ahead
        }
    }

    /// Those that were asked are missing in the answer. What the others miss is only how many rows they applied, which
    /// matters when somebody declared any.
    fn failures(&self) -> Vec<String> {
        let caveats = self.caveats.iter().filter(|(partition, _)| self.asked.contains(partition));
        let caveats = caveats.map(|(partition, what)| format!("partition {partition} may miss rows: {what}"));
        let failed = self.failed.iter();
        let counts = |partition: &u32| self.asked.contains(partition) || !self.declared.is_empty();
        failed
            .filter(|(partition, _)| counts(partition))
            .map(|(partition, why)| {
                let missing =
                    if self.asked.contains(partition) { "" } else { ", so its rows are not counted" };
                format!("partition {partition} did not answer{missing}: {why}")
            })
            .chain(caveats)
            .collect()
    }
}

// === impl State ===

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Open | Self::Ahead => "open",
            Self::Unsealed => "unsealed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_there_is_one() {
        check("sealed 0:12 1:12 | declared 10:5 | applied 10:5 11:9", "1 | sealed 1, sealed 1, sealed 1");
        check("sealed 0:12 1:12 |  | ", "1 | sealed 1, sealed 1, sealed 1");
    }

    #[test]
    fn rows_that_are_missing_make_it_partial() {
        check(
            "sealed 0:12 1:12 | declared 10:4 11:12 12:8 | applied 10:1 11:12 12:99",
            "0.875 | sealed 0.25, sealed 1, sealed 1 | 3 of 24 rows",
        );
    }

    #[test]
    fn a_minute_that_is_not_sealed_is_missing() {
        check(
            "sealed 0:12 1:11 |  | ",
            "0.6666666666666666 | sealed 1, sealed 1, unsealed 0 | 1 of 3 minutes are over",
        );
        check("sealed 0:12 1:- | declared 10:3 |  open", "0.6666666666666666 | open 0, open 1, open 1");
        check("sealed 0:11 1:11 |  |  now=12", "1 | sealed 1, sealed 1, open 0");
        check(
            "sealed 0:11 1:11 | declared 12:4 | 12:2 now=12 open",
            "0.8333333333333334 | sealed 1, sealed 1, open 0.5",
        );
    }

    #[test]
    fn a_partition_that_is_missing_takes_its_share() {
        check(
            "sealed 0:12 | |  failed=1",
            "0.5 | sealed 1, sealed 1, sealed 1 | partition 1 did not answer: gone",
        );
        check(
            "| |  failed=0 failed=1",
            "0 | unsealed 0, unsealed 0, unsealed 0 | partition 0 did not answer: gone | partition 1 did not answer: gone | 3 of 3 minutes",
        );
        check("sealed 0:12 1:12 | |  failed=7", "1 | sealed 1, sealed 1, sealed 1");
        check(
            "sealed 0:12 1:12 | declared 10:1 | 10:1 failed=7",
            "1 | sealed 1, sealed 1, sealed 1 | partition 7 did not answer, so its rows are not counted: gone",
        );
    }

    #[test]
    fn a_partition_with_a_caveat_makes_it_partial() {
        check(
            "sealed 0:12 1:12 | |  slow=1 slow=9",
            "1 | sealed 1, sealed 1, sealed 1 | partition 1 may miss rows: it is slow",
        );
    }

    #[test]
    fn a_long_range_lists_its_newest_minutes() {
        let facts = Facts {
            range: MinuteRange::new(Minute(0), Minute(2_000)),
            now: Minute(9_999),
            include_open: false,
            asked: &[0],
            failed: &BTreeMap::new(),
            caveats: &BTreeMap::new(),
            sealed_through: &[(0, Some(Minute(1_998)))].into(),
            declared: &[(Minute(5), 10)].into(),
            applied: &|_| 0,
        };
        let complete = completeness(&facts);
        assert_eq!(complete.minutes.len(), MINUTES_LISTED_MAX);
        assert_eq!(complete.minutes.last().unwrap().time, 1_999 * 60);
        assert!((complete.ratio - 1_998.0 / 2_000.0).abs() < 1e-12);
        let note = cap_note(facts.range).unwrap();
        assert!(note.starts_with("completeness lists the newest 1440 of 2000"), "{note}");
        assert_eq!(cap_note(MinuteRange::new(Minute(0), Minute(1_440))), None);
    }

    /// Partitions 0 and 1 are asked about minutes 10 to 12. A script is `sealed p:m … | declared m:rows … | applied
    /// m:rows … [open] [now=m] [failed=p]`; the answer is `ratio | minutes | how each reason begins`.
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let words =
            |part: usize| script.split('|').nth(part).unwrap_or("").split_whitespace().map(str::to_owned);
        let pair = |word: String| {
            let (left, right) = word.split_once(':')?;
            Some((left.parse::<u32>().ok()?, right.parse::<u64>().ok()))
        };
        let minutes = |part| -> BTreeMap<Minute, u64> {
            words(part).filter_map(pair).map(|(minute, rows)| (Minute(minute), rows.unwrap())).collect()
        };
        let option = |name: &str| -> Vec<u32> {
            words(2).filter_map(|word| word.strip_prefix(name)?.parse().ok()).collect()
        };
        let applied = minutes(2);
        let sealed = words(0).filter_map(pair);
        let facts = Facts {
            range: MinuteRange::new(Minute(10), Minute(13)),
            now: Minute(option("now=").first().copied().unwrap_or(99)),
            include_open: words(2).any(|word| word == "open"),
            asked: &[0, 1],
            failed: &option("failed=").into_iter().map(|partition| (partition, "gone".to_owned())).collect(),
            caveats: &option("slow=")
                .into_iter()
                .map(|partition| (partition, "it is slow".to_owned()))
                .collect(),
            sealed_through: &sealed
                .map(|(partition, minute)| {
                    (partition, minute.map(|minute| Minute(u32::try_from(minute).unwrap())))
                })
                .collect(),
            declared: &minutes(1),
            applied: &|minute| applied.get(&minute).copied().unwrap_or(0),
        };
        let got = completeness(&facts);
        let mut expected = expected.split(" | ");
        assert_eq!(got.ratio.to_string(), expected.next().unwrap());
        let listed: Vec<_> =
            got.minutes.iter().map(|minute| format!("{} {}", minute.state, minute.ratio)).collect();
        assert_eq!(listed.join(", "), expected.next().unwrap());
        let reasons: Vec<_> = expected.collect();
        assert_eq!(
            (got.partial, got.reasons.len()),
            (!reasons.is_empty(), reasons.len()),
            "{:?}",
            got.reasons
        );
        for (got, expected) in got.reasons.iter().zip(reasons) {
            assert!(got.starts_with(expected), "{got}");
        }
    }
}
