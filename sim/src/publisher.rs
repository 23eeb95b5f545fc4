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
    pub(crate) ledger: Vec<Sent>,
}

// === impl Publisher ===

impl Publisher {
    pub(crate) fn new(random: &mut Random) -> Self {
        let id = PublisherId(u128::from(random.next()) << 64 | u128::from(random.next()));
        // Some were named by a person.
        let (epoch, skew_s) = (u64::from(random.percent(70)), random.between(-150, 150));
        Self { id, epoch, skew_s, ledger: Vec::new() }
    }

    /// A new batch; its sequence. `None` when too many are under way.
    pub(crate) fn publish(&mut self, now_ms: u64, random: &mut Random) -> Option<usize> {
        if self.unacked().count() >= IN_FLIGHT_MAX {
            return None;
        }
        let sequence = self.ledger.len();
        let built_s = (now_ms / 1000).saturating_add_signed(self.skew_s);
        let now = Minute::of_unix_millis(built_s * 1000);
        let mut rows: Vec<Row> = (0..random.between(1, 6)).map(|_| row(now, random)).collect();
        rows[0].minute = now.0; // so that no batch is so old as a whole that its answer is never known
        let stamp = Stamp { publisher: self.id, epoch: self.epoch, sequence: sequence as u64 };
        // Who was named does not say when it built.
        let built_s = if stamp.is_named() { 0 } else { built_s };
        self.ledger.push(Sent { batch: batch(stamp, built_s, &rows), rows, copies: 0, told: None });
        Some(sequence)
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

/// Most are of this minute, some are late, few are ahead, and some of these too far or too late. Whole numbers and eighths add up exactly in any order.
fn row(now: Minute, random: &mut Random) -> Row {
    let minute = match random.below(20) {
        0..=11 => now,
        12..=15 => now.minus(1),
        16 | 17 => now.minus(random.between(2, 20).unsigned_abs() as u32),
        18 => now.minus(random.between(55, 65).unsigned_abs() as u32),
        _ => now.plus(random.between(1, 4).unsigned_abs() as u32),
    };
    let value = random.between(-1000, 1000);
    let value = if random.percent(80) { Number::Int(value) } else { Number::Float(value as f64 + 0.125) };
    let metric = ["latency", "requests", "errors", "memory"][random.below(4)];
    Row { metric, host: random.below(8).to_string(), minute: minute.0, value }
}

fn batch(stamp: Stamp, built_s: u64, rows: &[Row]) -> v1::Batch {
    let mut builder = BatchBuilder::new(ACCOUNT).publisher(stamp).declares(true).built_at(built_s);
    for row in rows {
        let aggregate = Aggregate::of(Scalars::of(row.value));
        builder.add(row.metric, [("host", row.host.as_str())], Minute(row.minute), &aggregate);
    }
    builder.build()
}
