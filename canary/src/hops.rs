//! The hops of a measurement, and how long they took.

use std::collections::BTreeMap;

use model::{Aggregate, Number, Sampling};

/// A part of the way. Those up to [`Hop::Island`] follow one another; the next three count from the minute's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// From the time a probe was due to its ack, without what the server says that it took: the sender and the network.
    Client,
    /// In the server until the rows were handed to the log.
    Frontend,
    /// Until they were durable.
    Log,
    /// From the ack until an answer with open minutes has it.
    Island,
    /// From the minute's end until its partition says that it is sealed.
    Sealed,
    /// From the minute's end until an answer about sealed minutes has all of it.
    Queryable,
    /// From the minute's end until the pulse's alert shows this minute's value.
    Alert,
    /// One question about the probes, and its answer: the query path's own.
    Query,
}

/// How long a hop took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HopTimes {
    /// Times measured.
    pub count: u64,
    /// The median, within 0.1 %.
    pub p50: f64,
    /// 99 of 100 took no longer, within 0.1 %.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Times by hop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hops(BTreeMap<Hop, Aggregate>);

// === impl Hop ===

impl Hop {
    /// All, in the order of the way.
    pub const ALL: [Self; 8] = [
        Self::Client,
        Self::Frontend,
        Self::Log,
        Self::Island,
        Self::Sealed,
        Self::Queryable,
        Self::Alert,
        Self::Query,
    ];

    /// The word of the API and of the series.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Frontend => "frontend",
            Self::Log => "log",
            Self::Island => "island",
            Self::Sealed => "sealed",
            Self::Queryable => "queryable",
            Self::Alert => "alert",
            Self::Query => "query",
        }
    }
}

// === impl Hops ===

impl Hops {
    pub(crate) fn record(&mut self, hop: Hop, ms: f64) {
        let Some(number) = Number::from_f64(ms.max(0.0)) else { return };
        let aggregate = self.0.entry(hop).or_default();
        aggregate.scalars.record(number);
        aggregate.sketches.get_or_insert_default().record(number.to_f64(), None);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (hop, times) in &other.0 {
            self.0.entry(*hop).or_default().merge(times);
        }
    }

    pub(crate) fn times(&self) -> BTreeMap<Hop, HopTimes> {
        self.0.iter().map(|(hop, aggregate)| (*hop, HopTimes::of(aggregate))).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Hop, &Aggregate)> {
        self.0.iter().map(|(hop, aggregate)| (*hop, aggregate))
    }
}

// === impl HopTimes ===

impl HopTimes {
    fn of(aggregate: &Aggregate) -> Self {
        let read = |p| Sampling::Percentile(p).read(aggregate, 60).unwrap_or_default();
        Self {
            count: aggregate.scalars.count,
            p50: read(50.0),
            p99: read(99.0),
            max: aggregate.scalars.max().to_f64(),
        }
    }
}
