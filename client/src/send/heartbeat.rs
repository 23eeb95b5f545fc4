//! What a publisher says about itself each minute: how many rows to expect, and what it lost.
//!
//! In:   rows as they are built; the counts of what was sent.
//! Out:  heartbeat rows, by minute.
//! Kept: per minute what was built and is not declared yet.
//!
//! The island counts every applied row of a declaring batch, and completeness is applied / declared. So a heartbeat
//! counts its own rows, too, and rows that are built for a minute after its heartbeat are declared by another one:
//! the values are added up. `rows_sent` and its kin are what happened since the last heartbeat, whatever the minute of
//! those rows was: what became of a minute's rows is known only after that minute, and saying so makes more rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Dims, Minute, PublisherId};

use crate::measure::registry::Series;

/// Rows and measurements of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) rows: u64,
    pub(crate) measurements: u64,
}

/// What happened since the last heartbeat.
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
    pub(crate) value: u64,
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
        let mut values = vec![(&self.measurements, built.measurements)];
        if let Some(events) = events {
            values.push((&self.rows_sent, events.sent));
            values.push((&self.rows_retried, events.retried));
            values.push((&self.rows_sampled, 0)); // this client does not sample
            values.push((&self.rows_dropped, events.dropped));
            if events.overflowed > 0 {
                values.push((&self.overflowed, events.overflowed));
            }
        }
        values.insert(0, (&self.rows_built, built.rows + values.len() as u64 + 1));
        beats.extend(values.into_iter().map(|(series, value)| Beat { series, minute, value }));
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
        let said: Vec<String> =
            beats.iter().map(|beat| format!("{}:{}={}", beat.minute, name(beat), beat.value)).collect();
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
}
