//! A client: builds batches, keeps a ledger of what it has sent, and sends again what nobody has acknowledged.

use std::collections::BTreeMap;

use model::{Aggregate, Bounds, Distinct, Minute, Number, PublisherId, Scalars, Sketches, Stamp};
use proto::{BatchBuilder, v1};

use crate::random::Random;

/// Whose metrics.
pub(crate) const ACCOUNT: &str = "sim";

/// The metrics that are published: numbers, a distribution, a distinct count, a running total.
pub(crate) const METRICS: [&str; 5] = ["requests", "memory", "latency", "users", TOTAL];

/// The metric whose rows are totals since a start.
pub(crate) const TOTAL: &str = "bytes";

/// What publishers say about themselves, as the client library does.
pub(crate) const HEARTBEAT: &str = "sluice.publisher.rows_built";

/// Batches of one publisher that may be under way; far fewer than the protocol's 256.
const IN_FLIGHT_MAX: usize = 16;

/// One row of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) metric: &'static str,
    pub(crate) host: String,
    pub(crate) minute: u32,
    pub(crate) aggregate: Aggregate,
    /// Since when and as of when a running total is, in nanoseconds.
    pub(crate) point: Option<(u64, u64)>,
}

/// One batch of the ledger; its index is its sequence.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) batch: v1::Batch,
    pub(crate) rows: Vec<Row>,
    /// How often it was put on the network.
    pub(crate) copies: usize,
    /// The first answer that came back: the rows that are acknowledged, ascending; all others are refused.
    pub(crate) told: Option<Vec<u32>>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Publisher {
    id: PublisherId,
    epoch: u64,
    /// Seconds by which its clock is wrong.
    skew_s: i64,
    /// Rows of each minute that no heartbeat has declared yet.
    undeclared: BTreeMap<u32, i64>,
    running: Running,
    pub(crate) ledger: Vec<Sent>,
}

/// What the publisher has counted since it, or what it watches, was started.
#[derive(Debug, Default)]
struct Running {
    start_ns: u64,
    time_ns: u64,
    total: i64,
}

// === impl Publisher ===

impl Publisher {
    pub(crate) fn new(random: &mut Random) -> Self {
        let id = PublisherId(u128::from(random.next()) << 64 | u128::from(random.next()));
        // Some were named by a person.
        let (epoch, skew_s) = (u64::from(random.percent(70)), random.between(-150, 150));
        let (undeclared, running) = <_>::default();
        Self { id, epoch, skew_s, undeclared, running, ledger: Vec::new() }
    }

    /// A new batch; its sequence. `None` when too many are under way.
    pub(crate) fn publish(&mut self, now_ms: u64, random: &mut Random) -> Option<usize> {
        if self.unacked().count() >= IN_FLIGHT_MAX {
            return None;
        }
        let sequence = self.ledger.len();
        let built_s = (now_ms / 1000).saturating_add_signed(self.skew_s);
        let now = Minute::of_unix_millis(built_s * 1000);
        let mut rows: Vec<Row> = (0..random.between(1, 6)).map(|_| self.row(now, built_s, random)).collect();
        rows[0].minute = now.0; // so that no batch is so old as a whole that its answer is never known
        rows.iter().for_each(|row| *self.undeclared.entry(row.minute).or_default() += 1);
        if random.percent(40) {
            rows.extend(self.heartbeats());
        }
        let stamp = Stamp { publisher: self.id, epoch: self.epoch, sequence: sequence as u64 };
        // Who was named does not say when it built.
        let built_s = if stamp.is_named() { 0 } else { built_s };
        self.ledger.push(Sent { batch: batch(stamp, built_s, &rows), rows, copies: 0, told: None });
        Some(sequence)
    }

    /// How many rows there are of each minute, these included.
    fn heartbeats(&mut self) -> Vec<Row> {
        let host = self.id.to_string();
        let declare = |(minute, rows): (u32, i64)| {
            let aggregate = Aggregate::of(Scalars::of(Number::Int(rows + 1)));
            Row { metric: HEARTBEAT, host: host.clone(), minute, aggregate, point: None }
        };
        std::mem::take(&mut self.undeclared).into_iter().map(declare).collect()
    }

    /// Most are of this minute, some are late, few are ahead, and some of these too far or too late. Whole numbers and
    /// eighths add up exactly in any order.
    fn row(&mut self, now: Minute, built_s: u64, random: &mut Random) -> Row {
        let minute = match random.below(20) {
            0..=11 => now,
            12..=15 => now.minus(1),
            16 | 17 => now.minus(random.between(2, 20).unsigned_abs() as u32),
            18 => now.minus(random.between(55, 65).unsigned_abs() as u32),
            _ => now.plus(random.between(1, 4).unsigned_abs() as u32),
        };
        let metric = METRICS[random.below(METRICS.len())];
        let (host, minute) = (random.below(8).to_string(), minute.0);
        match metric {
            TOTAL => self.total(minute, built_s, random),
            "latency" => Row { metric, host, minute, aggregate: latencies(random), point: None },
            "users" => Row { metric, host, minute, aggregate: users(random), point: None },
            _ => Row {
                metric,
                host,
                minute,
                aggregate: Aggregate::of(Scalars::of(value(random))),
                point: None,
            },
        }
    }

    /// The next reading of a counter that goes up, and sometimes starts anew.
    fn total(&mut self, minute: u32, built_s: u64, random: &mut Random) -> Row {
        let Running { start_ns, time_ns, total } = &mut self.running;
        let now_ns = built_s * 1_000_000_000;
        *time_ns = now_ns.max(*time_ns + 1);
        if *start_ns == 0 || random.percent(5) {
            (*start_ns, *total) = (*time_ns - 1, 0);
        }
        *total += random.between(0, 500);
        let aggregate = Aggregate::of(Scalars::of(Number::Int(*total)));
        Row {
            metric: TOTAL,
            host: self.id.to_string(),
            minute,
            aggregate,
            point: Some((*start_ns, *time_ns)),
        }
    }

    /// One more copy of a batch is on the network.
    pub(crate) fn copied(&mut self, sequence: usize) {
        self.ledger[sequence].copies += 1;
    }

    /// An answer comes back; the first one counts.
    pub(crate) fn told(&mut self, sequence: usize, rows: Vec<u32>) {
        self.ledger[sequence].told.get_or_insert(rows);
    }

    /// Rows of which it was told that they are refused.
    pub(crate) fn refused(&self) -> u64 {
        let refused = |sent: &Sent| sent.told.as_ref().map_or(0, |rows| sent.rows.len() - rows.len());
        self.ledger.iter().map(refused).sum::<usize>() as u64
    }

    /// Sequences without an answer.
    pub(crate) fn unacked(&self) -> impl Iterator<Item = usize> {
        self.ledger.iter().enumerate().filter(|(_, sent)| sent.told.is_none()).map(|(sequence, _)| sequence)
    }
}

fn value(random: &mut Random) -> Number {
    let value = random.between(-1000, 1000);
    if random.percent(80) { Number::Int(value) } else { Number::Float(value as f64 + 0.125) }
}

/// In some bounds, in others, or in none, so that the house merges what is cut alike and what is not.
fn latencies(random: &mut Random) -> Aggregate {
    let (mut aggregate, mut sketches) = (Aggregate::default(), Sketches::default());
    let mut bounds = None;
    for at in 0..random.between(1, 5) {
        let value = value(random);
        if at == 0 {
            bounds = bounds_of(value.to_f64());
        }
        aggregate.scalars.record(value);
        sketches.record(value.to_f64(), bounds.as_ref());
    }
    aggregate.sketches = Some(Box::new(sketches));
    aggregate
}

/// By a value and not by chance, so that a seed's rows are what they were.
fn bounds_of(first: f64) -> Option<Bounds> {
    match first.rem_euclid(4.0) as u8 {
        0 => Bounds::new([-500.0, 0.0, 10.0, 500.0]).ok(),
        1 => Bounds::new([0.0, 200.125]).ok(),
        _ => None,
    }
}

fn users(random: &mut Random) -> Aggregate {
    let (mut aggregate, mut distinct) = (Aggregate::default(), Distinct::default());
    for _ in 0..random.between(1, 5) {
        aggregate.scalars.record(Number::Int(0));
        distinct.observe(&random.below(40).to_string());
    }
    aggregate.sketches = Some(Box::new(Sketches { distinct: Some(distinct), distribution: None }));
    aggregate
}

fn batch(stamp: Stamp, built_s: u64, rows: &[Row]) -> v1::Batch {
    let mut builder = BatchBuilder::new(ACCOUNT).publisher(stamp).declares(true).built_at(built_s);
    for row in rows {
        let (dims, minute) = ([("host", row.host.as_str())], Minute(row.minute));
        match row.point {
            None => builder.add(row.metric, dims, minute, &row.aggregate),
            Some((start, time)) => {
                builder.add_cumulative(row.metric, dims, minute, &row.aggregate, start, time);
            }
        }
    }
    builder.build()
}
