//! What people are told: the newest judged minute by partition, and two hours by minute.

use std::collections::{BTreeMap, VecDeque};

use model::Minute;
use parking_lot::Mutex;

use crate::hops::{Hop, HopTimes};
use crate::limits::{MINUTES_KEPT, TOLD_MAX};
use crate::minute::Watched;
use crate::verdict::Verdict;

/// Shared by the canary, which writes, and whoever shows it.
#[derive(Debug, Default)]
pub struct Report(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    partitions: Vec<PartitionReport>,
    minutes: VecDeque<MinuteReport>,
}

/// A partition in its newest judged minute.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionReport {
    /// Which.
    pub partition: u32,
    /// The minute.
    pub minute: Minute,
    /// Is what was published what is answered?
    pub verdict: Verdict,
    /// Only hops that were seen.
    pub hops: BTreeMap<Hop, HopTimes>,
}

/// All partitions in one minute.
#[derive(Clone, Debug, PartialEq)]
pub struct MinuteReport {
    /// The minute.
    pub minute: Minute,
    /// Partitions by the name of their verdict.
    pub verdicts: BTreeMap<&'static str, u32>,
    /// Over all partitions, and the query path's.
    pub hops: BTreeMap<Hop, HopTimes>,
    /// Of the last answer about the probes; `None` when there was none.
    pub completeness: Option<f64>,
    /// There is no rule by which the hop to the alert could be seen.
    pub without_pulse: bool,
    /// The first partitions that are not right, in words.
    pub told: Vec<String>,
}

// === impl Report ===

impl Report {
    /// The newest judged minute, by partition; empty until there is one.
    #[must_use]
    pub fn partitions(&self) -> Vec<PartitionReport> {
        self.0.lock().partitions.clone()
    }

    /// The last two hours at most, oldest first.
    #[must_use]
    pub fn minutes(&self) -> Vec<MinuteReport> {
        self.0.lock().minutes.iter().cloned().collect()
    }

    pub(crate) fn add(&self, watched: &Watched) {
        let mut told = self.0.lock();
        told.partitions = PartitionReport::all_of(watched);
        told.minutes.push_back(MinuteReport::of(watched));
        while told.minutes.len() > MINUTES_KEPT {
            told.minutes.pop_front();
        }
    }
}

// === impl PartitionReport ===

impl PartitionReport {
    fn all_of(watched: &Watched) -> Vec<Self> {
        let one = |(partition, part): (u32, &crate::minute::Part)| Self {
            partition,
            minute: watched.minute,
            verdict: part.verdict.clone(),
            hops: part.hops.times(),
        };
        (0..).zip(&watched.parts).map(one).collect()
    }
}

// === impl MinuteReport ===

impl MinuteReport {
    fn of(watched: &Watched) -> Self {
        let mut verdicts = BTreeMap::new();
        for part in &watched.parts {
            *verdicts.entry(part.verdict.name()).or_default() += 1;
        }
        let off = (0_u32..).zip(&watched.parts).filter(|(_, part)| part.verdict != Verdict::Right);
        let told =
            off.take(TOLD_MAX).map(|(partition, part)| format!("partition {partition} is {}", part.verdict));
        Self {
            minute: watched.minute,
            verdicts,
            hops: watched.all_hops().times(),
            completeness: watched.completeness,
            without_pulse: watched.without_pulse,
            told: told.collect(),
        }
    }
}
