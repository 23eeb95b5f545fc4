//! What the canary waits for, and what it makes of what it sees. Takes time as an argument.
//!
//! In:    the time; answers to probes and to questions.
//! Out:   probes that are due, questions to ask, minutes that are judged.
//! Kept:  the ledger; probes that were not seen yet; minutes that are not judged.

use std::collections::{BTreeMap, BTreeSet};

use model::{Aggregate, Minute, Placement};

use crate::home::Home;
use crate::hops::Hop;
use crate::ledger::Ledger;
use crate::limits::{LOOK_LATE_EVERY_MS, OPEN_WAIT_MS, PROBE_EVERY, TICKS};
use crate::minute::Watched;
use crate::probe::probe;
use crate::seen::Seen;
use crate::verdict::Verdict;

pub(crate) struct Watch {
    homes: Vec<Home>,
    ledger: Ledger,
    /// By partition: its last probe that was acknowledged and not seen yet.
    unseen: BTreeMap<u32, Unseen>,
    minutes: BTreeMap<Minute, Watched>,
    /// Of those before, others may have published a part.
    judged_from: Minute,
    looked_ms: u64,
}

#[derive(Debug)]
struct Unseen {
    minute: Minute,
    /// Measurements that an answer has when it has this probe.
    count: f64,
    acknowledged_ms: u64,
}

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) partition: u32,
    pub(crate) minute: Minute,
    pub(crate) tick: u64,
}

/// How long an acknowledged probe took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    pub(crate) client_ms: f64,
    pub(crate) frontend_ms: f64,
    pub(crate) log_ms: f64,
}

/// What is to be asked now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asks {
    /// Metric and minute, open minutes included.
    pub(crate) open: BTreeSet<(String, Minute)>,
    /// Metric and minute, sealed ones only.
    pub(crate) closed: BTreeSet<(String, Minute)>,
    pub(crate) health: bool,
    pub(crate) alerts: bool,
}

/// What the page of alerts says.
#[derive(Debug, Default)]
pub(crate) struct AlertsSeen {
    /// By partition.
    pub(crate) sealed_through: Vec<Option<Minute>>,
    /// What the pulse was evaluated on, by partition.
    pub(crate) pulses: BTreeMap<u32, f64>,
}

// === impl Watch ===

impl Watch {
    pub(crate) fn new(placement: Placement, now_ms: u64) -> Self {
        Self {
            homes: (0..placement.partitions()).map(|partition| Home::of(placement, partition)).collect(),
            ledger: Ledger::default(),
            unseen: BTreeMap::new(),
            minutes: BTreeMap::new(),
            judged_from: Minute::of_unix_millis(now_ms).next(),
            looked_ms: 0,
        }
    }

    pub(crate) fn partitions(&self) -> u32 {
        u32::try_from(self.homes.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn home(&self, partition: u32) -> &Home {
        &self.homes[partition as usize]
    }

    // === probes ===

    /// The probe of a partition that is due now; none while its last one has no answer.
    pub(crate) fn probe(&mut self, partition: u32, now_ms: u64) -> Option<(Sent, Aggregate)> {
        if self.ledger.is_in_flight(partition) {
            return None;
        }
        let minute = Minute::of_unix_millis(now_ms);
        #[expect(clippy::cast_possible_truncation, reason = "ten thousand")]
        let tick = now_ms / PROBE_EVERY.as_millis() as u64 % TICKS;
        self.ledger.sent(minute, partition);
        if minute >= self.judged_from {
            let partitions = self.homes.len();
            self.minutes.entry(minute).or_insert_with(|| Watched::new(minute, partitions));
        }
        Some((Sent { partition, minute, tick }, probe(partition, minute, tick)))
    }

    /// `Err` says why it is not known whether the probe was taken.
    pub(crate) fn answered(&mut self, sent: Sent, answer: &Result<Took, String>, now_ms: u64) {
        let Sent { partition, minute, tick } = sent;
        self.ledger.answered(minute, partition, tick, answer.as_ref().map(drop));
        let Ok(took) = answer else { return };
        let Some(watched) = self.minutes.get_mut(&minute) else { return };
        for (hop, ms) in
            [(Hop::Client, took.client_ms), (Hop::Frontend, took.frontend_ms), (Hop::Log, took.log_ms)]
        {
            watched.record(partition, hop, ms);
        }
        let count = self.ledger.expected(minute, partition).count();
        self.unseen.insert(partition, Unseen { minute, count, acknowledged_ms: now_ms });
    }

    // === questions ===

    /// What to ask now. Of minutes that are late, only now and then.
    pub(crate) fn asks(&mut self, now_ms: u64) -> Asks {
        let mut asks = Asks::default();
        for (partition, unseen) in &self.unseen {
            asks.open.insert((self.homes[*partition as usize].metric.clone(), unseen.minute));
        }
        let late_too = now_ms.abs_diff(self.looked_ms) >= LOOK_LATE_EVERY_MS;
        let ended = self.minutes.values().filter(|watched| watched.ended_ms(now_ms).is_some());
        for watched in ended.filter(|watched| late_too || !watched.is_late(now_ms)) {
            let open = watched.parts.iter().zip(&self.homes);
            let open = open.filter(|(part, _)| part.verdict != Verdict::Right);
            asks.closed.extend(open.map(|(_, home)| (home.metric.clone(), watched.minute)));
            asks.health |= !watched.is_sealed();
            asks.alerts |= watched.is_sealed() && !watched.is_alerted();
        }
        if late_too {
            self.looked_ms = now_ms;
        }
        asks
    }

    /// An answer that may hold what is open.
    pub(crate) fn seen_open(&mut self, minute: Minute, rows: &BTreeMap<u32, Seen>, now_ms: u64) {
        let minutes = &mut self.minutes;
        self.unseen.retain(|partition, unseen| {
            let here = unseen.minute == minute;
            let seen = here && rows.get(partition).is_some_and(|seen| seen.count() >= unseen.count);
            let waited = now_ms.saturating_sub(unseen.acknowledged_ms);
            if !seen && waited < OPEN_WAIT_MS {
                return true;
            }
            if let Some(watched) = minutes.get_mut(&unseen.minute) {
                watched.record(*partition, Hop::Island, float(waited));
            }
            false
        });
    }

    /// An answer about sealed minutes: the rows of one metric.
    pub(crate) fn seen_closed(
        &mut self,
        metric: &str,
        minute: Minute,
        rows: &BTreeMap<u32, Seen>,
        completeness: f64,
        now_ms: u64,
    ) {
        let Some(watched) = self.minutes.get_mut(&minute) else { return };
        let Some(ended) = watched.ended_ms(now_ms) else { return };
        watched.completeness = Some(completeness);
        for (partition, _) in (0..).zip(&self.homes).filter(|(_, home)| home.metric == metric) {
            let part = &mut watched.parts[partition as usize];
            if part.verdict == Verdict::Right {
                continue;
            }
            part.verdict = self.ledger.judge(minute, partition, rows.get(&partition));
            if part.verdict == Verdict::Right {
                part.hops.record(Hop::Queryable, float(ended));
            }
        }
    }

    /// How long a question took.
    pub(crate) fn asked(&mut self, minute: Minute, ms: f64) {
        if let Some(watched) = self.minutes.get_mut(&minute) {
            watched.asking.record(Hop::Query, ms);
        }
    }

    /// What partitions say that they have sealed.
    pub(crate) fn seen_sealed(&mut self, sealed: &[(u32, Minute)], now_ms: u64) {
        for watched in self.minutes.values_mut() {
            let Some(ended) = watched.ended_ms(now_ms) else { continue };
            for (partition, through) in sealed {
                let Some(part) = watched.parts.get_mut(*partition as usize) else { continue };
                if !part.sealed && *through >= watched.minute {
                    part.sealed = true;
                    part.hops.record(Hop::Sealed, float(ended));
                }
            }
        }
    }

    /// A pulse counts when its partition has evaluated the minute and has seen the right sum.
    pub(crate) fn seen_alerts(&mut self, seen: &AlertsSeen, now_ms: u64) {
        for watched in self.minutes.values_mut() {
            let (minute, Some(ended)) = (watched.minute, watched.ended_ms(now_ms)) else { continue };
            let evaluated = |partition: u32| {
                seen.sealed_through.get(partition as usize).is_some_and(|through| *through >= Some(minute))
            };
            watched.without_pulse = seen.pulses.is_empty() && (0..self.homes.len() as u32).all(evaluated);
            for (partition, part) in (0..).zip(&mut watched.parts) {
                let value = seen.pulses.get(&partition).copied();
                let right = value.is_some() && value == self.ledger.expected(minute, partition).sum();
                if !part.alerted && right && evaluated(partition) {
                    part.alerted = true;
                    part.hops.record(Hop::Alert, float(ended));
                }
            }
        }
    }

    /// Minutes that are judged now; they are not kept.
    pub(crate) fn judged(&mut self, now_ms: u64) -> Vec<Watched> {
        let done: Vec<Minute> =
            self.minutes.values().filter(|one| one.is_judged(now_ms)).map(|one| one.minute).collect();
        let judged: Vec<Watched> = done.iter().filter_map(|minute| self.minutes.remove(minute)).collect();
        if let Some(last) = done.last() {
            // One that hangs may be older than one that is done.
            self.ledger.forget_before(
                self.minutes.keys().next().map_or(last.next(), |kept| (*kept).min(last.next())),
            );
        }
        judged
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a day")]
fn float(ms: u64) -> f64 {
    ms as f64
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
