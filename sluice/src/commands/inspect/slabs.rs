//! Slab blocks by metric.
//!
//! Two passes over the family: what an earlier seal had brought must be known before a block can be called late.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ::store::{Cf, Columns, KvSnapshot, SlabColumns, SlabKey, StoreError};
use model::{MetricId, Minute};
use serde::Serialize;

use super::dictionary::Dictionary;
use super::store::unreadable;
use super::time;

#[derive(Debug, Default, Serialize)]
pub(super) struct Slabs {
    pub(super) blocks: u64,
    /// Blocks of a minute that is not after all minutes of earlier seals.
    pub(super) blocks_late: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) bits_per_row: Option<f64>,
    pub(super) metrics: Vec<MetricSlabs>,
}

/// The blocks of one metric.
#[derive(Debug, Default, Serialize)]
pub(super) struct MetricSlabs {
    pub(super) metric_id: MetricId,
    pub(super) account: String,
    pub(super) metric: String,
    pub(super) blocks: u64,
    pub(super) blocks_late: u64,
    pub(super) blocks_damaged: u64,
    pub(super) rows: u64,
    /// Of the values; RocksDB's own keys and indexes come on top.
    pub(super) bytes: u64,
    pub(super) bits_per_row: Option<f64>,
    pub(super) minutes: Option<[String; 2]>,
    /// Each by itself, if that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) each: Vec<Block>,
}

#[derive(Debug, Serialize)]
pub(super) struct Block {
    pub(super) time: String,
    /// The log record that brought it.
    pub(super) seal: u64,
    pub(super) late: bool,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) distinct: usize,
    pub(super) distribution: usize,
}

/// Of each seal the newest minute that seals before it brought.
type Horizons = BTreeMap<u64, Option<Minute>>;

// === impl Slabs ===

impl Slabs {
    pub(super) fn read(
        snapshot: &dyn KvSnapshot,
        dictionary: &Dictionary,
        each: bool,
        damage: &mut Vec<String>,
    ) -> Self {
        let mut reader =
            Reader { snapshot, horizons: horizons(snapshot), each, columns: SlabColumns::new(), damage };
        let end = dictionary.metrics.keys().last().map_or(0, |last| last.saturating_add(1));
        let mut slabs = Self::default();
        for (id, metric) in &dictionary.metrics {
            let mut found = MetricSlabs { metric_id: *id, ..MetricSlabs::default() };
            (found.account, found.metric) = (metric.account.clone(), metric.metric.clone());
            reader.metric(&mut found, &key(*id), &key(id.saturating_add(1)));
            slabs.add(found);
        }
        let mut strangers = MetricSlabs { metric_id: end, ..MetricSlabs::default() };
        reader.metric(&mut strangers, &key(end), &[u8::MAX; SlabKey::BYTES]);
        if strangers.blocks > 0 {
            damage.push(format!(
                "{} slab blocks have a metric id from {end} on, which the dictionary has not",
                strangers.blocks
            ));
        }
        slabs.bits_per_row = bits_per_row(slabs.bytes, slabs.rows);
        slabs
    }

    fn add(&mut self, metric: MetricSlabs) {
        self.blocks += metric.blocks;
        self.blocks_late += metric.blocks_late;
        self.rows += metric.rows;
        self.bytes += metric.bytes;
        if metric.blocks > 0 {
            self.metrics.push(metric);
        }
    }
}

struct Reader<'a> {
    snapshot: &'a dyn KvSnapshot,
    horizons: Horizons,
    each: bool,
    columns: SlabColumns,
    damage: &'a mut Vec<String>,
}

// === impl Reader ===

impl Reader<'_> {
    /// A metric by itself, so that a file that cannot be read costs only the metrics in it.
    fn metric(&mut self, found: &mut MetricSlabs, from: &[u8], to: &[u8]) {
        let mut minutes: Option<(Minute, Minute)> = None;
        let read = self.snapshot.range(Cf::Slabs, from, to, &mut |key, value| {
            let Some(key) = SlabKey::from_bytes(key) else {
                self.damage.push(format!("slab key {key:02x?} is not 16 bytes long"));
                return Ok(ControlFlow::Continue(()));
            };
            let (first, last) = minutes.unwrap_or((key.minute, key.minute));
            minutes = Some((first.min(key.minute), last.max(key.minute)));
            match self.columns.read(value, Columns::ALL) {
                Ok(()) => found.block(self.block(key, value.len() as u64), self.each),
                Err(why) => {
                    found.damaged();
                    self.damage.push(format!("{key} of {} {}: {why}", found.account, found.metric));
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        let name = format!("{} {}", found.account, found.metric);
        self.damage
            .extend(read.err().map(|why: StoreError| format!("{name}: {}", unreadable(Cf::Slabs, &why))));
        found.minutes = minutes.map(|(first, last)| [time(first), time(last)]);
        found.bits_per_row = bits_per_row(found.bytes, found.rows);
    }

    fn block(&self, key: SlabKey, bytes: u64) -> Block {
        let horizon = self.horizons.get(&key.seal_offset).copied().flatten();
        Block {
            time: time(key.minute),
            seal: key.seal_offset,
            late: horizon.is_some_and(|horizon| key.minute <= horizon),
            rows: self.columns.len() as u64,
            bytes,
            distinct: self.columns.distinct_rows().len(),
            distribution: self.columns.distribution_rows().len(),
        }
    }
}

// === impl MetricSlabs ===

impl MetricSlabs {
    fn block(&mut self, block: Block, keep: bool) {
        self.blocks += 1;
        self.blocks_late += u64::from(block.late);
        self.rows += block.rows;
        self.bytes += block.bytes;
        if keep {
            self.each.push(block);
        }
    }

    /// Its bytes are left out, so that bits per row stay those of the rows that are there.
    fn damaged(&mut self) {
        self.blocks += 1;
        self.blocks_damaged += 1;
    }
}

/// What cannot be read here is named by the pass that follows.
fn horizons(snapshot: &dyn KvSnapshot) -> Horizons {
    let mut newest = BTreeMap::<u64, Minute>::new();
    let _named_later = snapshot.range(Cf::Slabs, &[], &[u8::MAX; SlabKey::BYTES], &mut |key, _| {
        if let Some(key) = SlabKey::from_bytes(key) {
            let minute = newest.entry(key.seal_offset).or_insert(key.minute);
            *minute = key.minute.max(*minute);
        }
        Ok(ControlFlow::Continue(()))
    });
    let mut before = None;
    let mut earlier = |minute| {
        let earlier = before;
        before = before.max(Some(minute));
        earlier
    };
    newest.into_iter().map(|(seal, minute)| (seal, earlier(minute))).collect()
}

fn key(metric: MetricId) -> [u8; SlabKey::BYTES] {
    SlabKey::first(metric, Minute(0)).to_bytes()
}

/// To a tenth of a bit.
pub(super) fn bits_per_row(bytes: u64, rows: u64) -> Option<f64> {
    (rows > 0).then(|| (bytes as f64 * 80.0 / rows as f64).round() / 10.0)
}
