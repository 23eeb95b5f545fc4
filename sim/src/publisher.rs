//! A client: builds batches, keeps a ledger of what it has sent, and sends again what nobody has acknowledged.

use model::{Aggregate, Minute, Number, PublisherId, Scalars, Stamp};
use proto::{BatchBuilder, v1};

use crate::random::Random;

/// Whose metrics.
pub(crate) const ACCOUNT: &str = "sim";

/// Batches of one publisher that may be under way; far fewer than the protocol's 256.
const IN_FLIGHT_MAX: usize = 16;

/// One row of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) metric: &'static str,
    pub(crate) host: String,
    pub(crate) minute: u32,
    pub(crate) value: Number,
}

/// One batch of the ledger; its index is its sequence.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) batch: v1::Batch,
    pub(crate) rows: Vec<Row>,
    pub(crate) acked: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Publisher {
    id: PublisherId,
    epoch: u64,
    pub(crate) ledger: Vec<Sent>,
}

// === impl Publisher ===

impl Publisher {
    pub(crate) fn new(random: &mut Random) -> Self {
        let id = PublisherId(u128::from(random.next()) << 64 | u128::from(random.next()));
        // Some were named by a person.
        Self { id, epoch: u64::from(random.percent(70)), ledger: Vec::new() }
    }

    /// A new batch; its sequence. `None` when too many are under way.
    pub(crate) fn publish(&mut self, now: Minute, random: &mut Random) -> Option<usize> {
        if self.unacked().count() >= IN_FLIGHT_MAX {
            return None;
        }
        let sequence = self.ledger.len();
        let rows: Vec<Row> = (0..random.between(1, 6)).map(|_| row(now, random)).collect();
        let stamp = Stamp { publisher: self.id, epoch: self.epoch, sequence: sequence as u64 };
        self.ledger.push(Sent { batch: batch(stamp, &rows), rows, acked: false });
        Some(sequence)
    }

    /// Sequences that nobody has acknowledged.
    pub(crate) fn unacked(&self) -> impl Iterator<Item = usize> {
        self.ledger.iter().enumerate().filter(|(_, sent)| !sent.acked).map(|(sequence, _)| sequence)
    }
}

/// Most are of this minute, some are late, few are ahead. Whole numbers and eighths add up exactly in any order.
fn row(now: Minute, random: &mut Random) -> Row {
    let minute = match random.below(20) {
        0..=11 => now,
        12..=15 => now.minus(1),
        16..=18 => now.minus(random.between(2, 20).unsigned_abs() as u32),
        _ => now.next(),
    };
    let value = random.between(-1000, 1000);
    let value = if random.percent(80) { Number::Int(value) } else { Number::Float(value as f64 + 0.125) };
    let metric = ["latency", "requests", "errors", "memory"][random.below(4)];
    Row { metric, host: random.below(8).to_string(), minute: minute.0, value }
}

fn batch(stamp: Stamp, rows: &[Row]) -> v1::Batch {
    let mut builder = BatchBuilder::new(ACCOUNT).publisher(stamp).declares(true);
    for row in rows {
        let aggregate = Aggregate::of(Scalars::of(row.value));
        builder.add(row.metric, [("host", row.host.as_str())], Minute(row.minute), &aggregate);
    }
    builder.build()
}
