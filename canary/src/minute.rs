//! One minute, from its first probe until it is judged.

use model::Minute;

use crate::hops::{Hop, Hops};
use crate::limits::{JUDGE_WAIT_MS, LATE_AFTER_MS};
use crate::verdict::Verdict;

/// What is known of a minute so far.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) minute: Minute,
    /// By partition.
    pub(crate) parts: Vec<Part>,
    /// The query path's own times.
    pub(crate) asking: Hops,
    /// Of the last answer about it.
    pub(crate) completeness: Option<f64>,
    /// No alert speaks of the canary although its rule would have been evaluated: there is no such rule.
    pub(crate) without_pulse: bool,
}

/// One partition of it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) hops: Hops,
    pub(crate) sealed: bool,
    pub(crate) alerted: bool,
    /// By the last answer.
    pub(crate) verdict: Verdict,
}

// === impl Watched ===

impl Watched {
    pub(crate) fn new(minute: Minute, partitions: usize) -> Self {
        let verdict = Verdict::Unknown("there was no answer".to_owned());
        let part = Part { hops: Hops::default(), sealed: false, alerted: false, verdict };
        Self {
            minute,
            parts: vec![part; partitions],
            asking: Hops::default(),
            completeness: None,
            without_pulse: false,
        }
    }

    /// Since its end; `None` while it lasts.
    pub(crate) fn ended_ms(&self, now_ms: u64) -> Option<u64> {
        now_ms.checked_sub(self.minute.next().unix_millis())
    }

    /// It takes longer than it should.
    pub(crate) fn is_late(&self, now_ms: u64) -> bool {
        self.ended_ms(now_ms).is_some_and(|ended| ended >= LATE_AFTER_MS)
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.parts.iter().all(|part| part.sealed)
    }

    pub(crate) fn is_right(&self) -> bool {
        self.parts.iter().all(|part| part.verdict == Verdict::Right)
    }

    pub(crate) fn is_alerted(&self) -> bool {
        self.without_pulse || self.parts.iter().all(|part| part.alerted)
    }

    /// There is nothing more to wait for, or no more time.
    pub(crate) fn is_judged(&self, now_ms: u64) -> bool {
        let done = self.is_right() && self.is_sealed() && self.is_alerted();
        self.ended_ms(now_ms).is_some_and(|ended| done || ended >= JUDGE_WAIT_MS)
    }

    pub(crate) fn record(&mut self, partition: u32, hop: Hop, ms: f64) {
        if let Some(part) = self.parts.get_mut(partition as usize) {
            part.hops.record(hop, ms);
        }
    }

    /// Of all partitions, and the query path.
    pub(crate) fn all_hops(&self) -> Hops {
        let mut all = self.asking.clone();
        self.parts.iter().for_each(|part| all.merge(&part.hops));
        all
    }
}
