//! What is wanted of a state, and what a state says about itself, as they travel.

use model::{Minute, MinuteRange};
use proto::v1;
use tokio::time::Instant;

use super::VERSION;
use crate::limits::LEASE_MAX;
use crate::worker::{Facts, Wanted};

// === impl Wanted ===

impl Wanted {
    pub(super) fn to_wire(&self, partition: u32) -> v1::Pin {
        let left = self.until.saturating_duration_since(Instant::now());
        let name = |(account, metric): &(String, String)| v1::SeriesName {
            account: account.clone(),
            metric: metric.clone(),
        };
        v1::Pin {
            version: VERSION,
            partition,
            include_open: self.include_open,
            metrics: self.metrics.iter().map(name).collect(),
            account: self.account.clone(),
            from: self.range.from.0,
            to: self.range.to.0,
            time_left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn from_wire(pin: v1::Pin) -> Self {
        let left = std::time::Duration::from_millis(pin.time_left_ms).min(LEASE_MAX);
        Self {
            include_open: pin.include_open,
            metrics: pin.metrics.into_iter().map(|name| (name.account, name.metric)).collect(),
            account: pin.account,
            range: MinuteRange::new(Minute(pin.from), Minute(pin.to)),
            until: Instant::now() + left,
        }
    }
}

// === impl Facts ===

impl Facts {
    pub(super) fn to_wire(&self, caveat: Option<String>) -> v1::Pinned {
        v1::Pinned {
            sealed_through: self.sealed_through.map(|minute| minute.0),
            rows_known_from: self.rows_known_from.0,
            applied_minutes: self.rows_applied.iter().map(|(minute, _)| minute.0).collect(),
            applied_rows: self.rows_applied.iter().map(|(_, rows)| *rows).collect(),
            caveat,
        }
    }

    /// `None` when minutes do not ascend, or are not as many as their rows.
    pub(super) fn from_wire(pinned: v1::Pinned) -> Option<Self> {
        let v1::Pinned { sealed_through, rows_known_from, applied_minutes, applied_rows, .. } = pinned;
        let ascend = applied_minutes.windows(2).all(|pair| pair[0] < pair[1]);
        (ascend && applied_minutes.len() == applied_rows.len()).then(|| Self {
            sealed_through: sealed_through.map(Minute),
            rows_known_from: Minute(rows_known_from),
            rows_applied: applied_minutes.into_iter().map(Minute).zip(applied_rows).collect(),
        })
    }
}
