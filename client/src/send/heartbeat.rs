//! What a publisher says about itself each minute: how many rows to expect, and what it lost.
//!
//! In:   rows as they are built; the counts of what was sent.
//! Out:  heartbeat rows, by minute.
//! Kept: per minute what was built and is not declared yet, or was declared by rows that never left the queue.
//!
//! The island counts every applied row of a declaring batch, and completeness is applied / declared. So a heartbeat
//! counts its own rows, too, and rows that are built for a minute after its heartbeat are declared by another one:
//! the values are added up. `rows_sent` and its kin are what happened since the last heartbeat, whatever the minute of
//! those rows was: what became of a minute's rows is known only after that minute, and saying so makes more rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Dims, Minute, PublisherId};

use crate::limits::LOST_MINUTES_MAX;
use crate::measure::registry::Series;

/// Rows and measurements of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) rows: u64,
    pub(crate) measurements: u64,
}

/// What happened since a heartbeat, or since the client was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Events {
    pub(crate) sent: u64,
    pub(crate) retried: u64,
    pub(crate) dropped: u64,
    pub(crate) overflowed: u64,
}

/// One row of a heartbeat.
#[derive(Debug)]
pub(crate) struct Beat<'h> {
    pub(crate) series: &'h Arc<Series>,
    pub(crate) minute: Minute,
    pub(crate) said: Said,
}

/// What a row of a heartbeat says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Built(u64),
    Measurements(u64),
    Sent(u64),
    Retried(u64),
    /// Of rows that were sampled away: this client does not sample.
    Sampled,
    Dropped(u64),
    Overflowed(u64),
}

/// The heartbeat rows of a batch, summed up by minute: what has to be said again when the batch is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    minutes: BTreeMap<Minute, Built>,
    pub(crate) events: Events,
}

#[derive(Debug)]
pub(crate) struct Heartbeat {
    undeclared: BTreeMap<Minute, Built>,
    rows_built: Arc<Series>,
    measurements: Arc<Series>,
    rows_sent: Arc<Series>,
    rows_retried: Arc<Series>,
    rows_sampled: Arc<Series>,
    rows_dropped: Arc<Series>,
    overflowed: Arc<Series>,
}

// === impl Heartbeat ===

impl Heartbeat {
    pub(crate) fn new(publisher: PublisherId, host: &str) -> Self {
        let pairs =
            vec![("publisher".to_owned(), publisher.to_string()), ("host".to_owned(), host.to_owned())];
        let dims = Dims::new(pairs).unwrap_or_default(); // two different names
        let series = |name: &str| {
            let metric = format!("sluice.publisher.{name}").into();
            Arc::new(Series { id: u64::MAX, metric, dims: dims.clone(), overflow: false })
        };
        Self {
            undeclared: BTreeMap::new(),
            rows_built: series("rows_built"),
            measurements: series("measurements"),
            rows_sent: series("rows_sent"),
            rows_retried: series("rows_retried"),
            rows_sampled: series("rows_sampled"),
            rows_dropped: series("rows_dropped"),
            overflowed: series("measurements_overflowed"),
        }
    }

    /// A row was built.
    pub(crate) fn built(&mut self, minute: Minute, measurements: u64) {
        let built = self.undeclared.entry(minute).or_default();
        built.rows += 1;
        built.measurements += measurements;
    }

    /// What a dropped batch declared is declared again, the batch's own heartbeat rows as built and lost. Returns what
    /// happened since the heartbeat before, for the next one. Minutes beyond the bound are not declared again.
    pub(crate) fn lost(&mut self, declared: Declared) -> Events {
        for (minute, lost) in declared.minutes {
            if self.undeclared.len() >= LOST_MINUTES_MAX && !self.undeclared.contains_key(&minute) {
                continue;
            }
            let built = self.undeclared.entry(minute).or_default();
            built.rows += lost.rows;
            built.measurements += lost.measurements;
        }
        declared.events
    }

    /// Minutes that have something to declare.
    pub(crate) fn undeclared(&self) -> usize {
        self.undeclared.len()
    }

    /// The heartbeats of all minutes up to `through` that have something to declare. `alive`: a live publisher closes
    /// this minute, and says so even when there is nothing else to say.
    pub(crate) fn declare(&mut self, through: Minute, alive: Option<(Minute, Events)>) -> Vec<Beat<'_>> {
        let later = self.undeclared.split_off(&through.next());
        let mut due = std::mem::replace(&mut self.undeclared, later);
        if let Some((minute, _)) = alive {
            due.entry(minute).or_default();
        }
        let mut beats = Vec::new();
        for (minute, built) in due {
            let events = alive.filter(|(closing, _)| *closing == minute).map(|(_, events)| events);
            self.beat(minute, built, events, &mut beats);
        }
        beats
    }

    fn beat<'h>(&'h self, minute: Minute, built: Built, events: Option<Events>, beats: &mut Vec<Beat<'h>>) {
        let mut values = vec![Said::Measurements(built.measurements)];
        if let Some(events) = events {
            values.extend([Said::Sent(events.sent), Said::Retried(events.retried), Said::Sampled]);
            values.push(Said::Dropped(events.dropped));
            if events.overflowed > 0 {
                values.push(Said::Overflowed(events.overflowed));
            }
        }
        values.insert(0, Said::Built(built.rows + values.len() as u64 + 1));
        beats.extend(values.into_iter().map(|said| Beat { series: self.series(said), minute, said }));
    }

    fn series(&self, said: Said) -> &Arc<Series> {
        match said {
            Said::Built(_) => &self.rows_built,
            Said::Measurements(_) => &self.measurements,
            Said::Sent(_) => &self.rows_sent,
            Said::Retried(_) => &self.rows_retried,
            Said::Sampled => &self.rows_sampled,
            Said::Dropped(_) => &self.rows_dropped,
            Said::Overflowed(_) => &self.overflowed,
        }
    }
}

// === impl Events ===

impl Events {
    pub(crate) fn minus(self, before: Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            retried: self.retried - before.retried,
            dropped: self.dropped - before.dropped,
            overflowed: self.overflowed - before.overflowed,
        }
    }
}

// === impl Said ===

impl Said {
    pub(crate) fn value(self) -> u64 {
        match self {
            Self::Sampled => 0,
            Self::Built(value)
            | Self::Measurements(value)
            | Self::Sent(value)
            | Self::Retried(value)
            | Self::Dropped(value)
            | Self::Overflowed(value) => value,
        }
    }
}

// === impl Declared ===

impl Declared {
    pub(crate) fn add(&mut self, minute: Minute, said: Said) {
        let built = self.minutes.entry(minute).or_default();
        match said {
            Said::Built(rows) => built.rows += rows,
            Said::Measurements(measurements) => built.measurements += measurements,
            Said::Sent(rows) => self.events.sent += rows,
            Said::Retried(rows) => self.events.retried += rows,
            Said::Sampled => {}
            Said::Dropped(rows) => self.events.dropped += rows,
            Said::Overflowed(measurements) => self.events.overflowed += measurements,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(built: &[(u32, u64)], through: u32, alive: Option<u32>, expected: &str) {
        let mut heartbeat = Heartbeat::new(PublisherId(1), "h");
        built.iter().for_each(|(minute, measurements)| heartbeat.built(Minute(*minute), *measurements));
        let events = Events { sent: 7, retried: 2, dropped: 1, overflowed: 0 };
        let beats = heartbeat.declare(Minute(through), alive.map(|minute| (Minute(minute), events)));
        let name = |beat: &Beat<'_>| beat.series.metric.trim_start_matches("sluice.publisher.").to_owned();
        let said: Vec<String> = beats
            .iter()
            .map(|beat| format!("{}:{}={}", beat.minute, name(beat), beat.said.value()))
            .collect();
        assert_eq!(said.join(" "), expected);
    }

    #[test]
    fn a_heartbeat_counts_its_own_rows() {
        check(&[(5, 10), (5, 1)], 5, None, "5:rows_built=4 5:measurements=11");
        check(
            &[],
            5,
            Some(5),
            "5:rows_built=6 5:measurements=0 5:rows_sent=7 5:rows_retried=2 5:rows_sampled=0 5:rows_dropped=1",
        );
    }

    #[test]
    fn minutes_to_come_wait() {
        check(&[(9, 1), (4, 1)], 5, None, "4:rows_built=3 4:measurements=1");
    }

    #[test]
    fn what_was_lost_is_declared_again_with_the_lost_heartbeat_in_it() {
        let mut heartbeat = Heartbeat::new(PublisherId(1), "h");
        heartbeat.built(Minute(5), 10);
        let events = Events { sent: 7, retried: 2, dropped: 1, overflowed: 4 };
        let mut declared = Declared::default();
        for beat in heartbeat.declare(Minute(5), Some((Minute(5), events))) {
            declared.add(beat.minute, beat.said);
        }
        heartbeat.built(Minute(5), 3);
        assert_eq!(heartbeat.lost(declared), events);
        let again = heartbeat.declare(Minute(9), None);
        // One row, seven of the lost heartbeat, one more row, and the two that say so now.
        assert_eq!([again[0].said, again[1].said], [Said::Built(11), Said::Measurements(13)]);
        assert_eq!(again.len(), 2);
    }

    #[test]
    fn minutes_that_were_lost_are_bounded() {
        let mut heartbeat = Heartbeat::new(PublisherId(1), "h");
        for minute in 0..LOST_MINUTES_MAX as u32 + 9 {
            let mut declared = Declared::default();
            declared.add(Minute(minute), Said::Built(1));
            heartbeat.lost(declared);
        }
        assert_eq!(heartbeat.undeclared(), LOST_MINUTES_MAX);
    }
}
