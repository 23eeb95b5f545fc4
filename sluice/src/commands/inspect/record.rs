//! One log record, decoded.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::Minute;
use partition_log::Offset;
use proto::{BatchView, Record, decode_record, v1};
use serde::Serialize;
use serde_json::Value;

use super::{number, time};

/// A record and where it stands.
#[derive(Debug, Serialize)]
pub(super) struct LogRecord {
    pub(super) offset: Offset,
    pub(super) bytes: usize,
    #[serde(flatten)]
    pub(super) content: Content,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Content {
    Rows {
        rows: usize,
        batches: Vec<Batch>,
    },
    Seal {
        minute: u32,
        time: String,
    },
    Rules {
        /// The first minute that they are for.
        from: String,
        files: Vec<String>,
    },
    /// Series that went.
    Delete {
        deletions: Vec<String>,
    },
    /// What the island put out at seals up to this record has arrived.
    Delivered {
        through: Offset,
    },
    /// Its checksum holds, but it is no record: an island counts it and goes on.
    Undecodable {
        why: String,
    },
}

/// One publisher's batch.
#[derive(Debug, Default, Serialize)]
pub(super) struct Batch {
    pub(super) account: String,
    /// publisher/epoch/sequence; absent of a publisher that does not retry.
    pub(super) stamp: Option<String>,
    pub(super) backfill: bool,
    pub(super) declares: bool,
    pub(super) rows: usize,
    pub(super) series: usize,
    pub(super) minutes: Option<[String; 2]>,
    pub(super) metrics: BTreeSet<String>,
    pub(super) distinct: usize,
    pub(super) distribution: usize,
    pub(super) cumulative: usize,
    /// Why an island drops it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unreadable: Option<String>,
    /// The first ones, as many as were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) first_rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) metric: String,
    pub(super) dims: BTreeMap<String, String>,
    pub(super) time: String,
    pub(super) count: u64,
    pub(super) sum: Value,
    pub(super) min: Value,
    pub(super) max: Value,
}

// === impl LogRecord ===

impl LogRecord {
    /// With this many rows in all.
    pub(super) fn decode(offset: Offset, bytes: &[u8], rows_max: usize) -> Self {
        let content = match decode_record(Bytes::copy_from_slice(bytes)) {
            Ok(Record::Seal(minute)) => Content::Seal { minute: minute.0, time: time(minute) },
            Ok(Record::Delete(delete)) => {
                Content::Delete { deletions: delete.deletions.iter().map(said).collect() }
            }
            Ok(Record::Delivered(through)) => Content::Delivered { through },
            Ok(Record::Rows(batches)) => rows(&batches, rows_max),
            Ok(Record::Rules(rules)) => Content::Rules {
                from: time(Minute(rules.from_minute)),
                files: rules.files.into_iter().map(|file| file.name).collect(),
            },
            Err(why) => Content::Undecodable { why: why.to_string() },
        };
        Self { offset, bytes: bytes.len(), content }
    }

    /// What an island could not read of it.
    pub(super) fn damage(&self) -> Vec<String> {
        let named = |why: &str| format!("log record {}: {why}", self.offset);
        match &self.content {
            Content::Seal { .. }
            | Content::Rules { .. }
            | Content::Delete { .. }
            | Content::Delivered { .. } => Vec::new(),
            Content::Undecodable { why } => vec![named(why)],
            Content::Rows { batches, .. } => {
                batches.iter().filter_map(|batch| batch.unreadable.as_deref()).map(named).collect()
            }
        }
    }
}

/// A deletion in words.
fn said(deletion: &v1::Deletion) -> String {
    let metric = if deletion.metric.is_empty() { "*" } else { &deletion.metric };
    let matchers = deletion.r#where.iter();
    let conditions: Vec<String> =
        matchers.map(|one| format!("{} {} {}", one.dim, one.op, one.values.join("|"))).collect();
    let idle = match deletion.idle_before {
        0 => String::new(),
        minute => format!(" without rows since {}", time(Minute(minute))),
    };
    format!("{}/{metric} [{}]{idle}", deletion.account, conditions.join(", "))
}

fn rows(batches: &[v1::Batch], rows_max: usize) -> Content {
    let mut left = rows_max;
    let batches: Vec<Batch> = batches
        .iter()
        .map(|batch| {
            let shown = Batch::of(batch, left);
            left -= shown.first_rows.len();
            shown
        })
        .collect();
    Content::Rows { rows: batches.iter().map(|batch| batch.rows).sum(), batches }
}

// === impl Batch ===

impl Batch {
    fn of(batch: &v1::Batch, rows_max: usize) -> Self {
        let view = match BatchView::new(batch) {
            Ok(view) => view,
            Err(why) => {
                let (account, rows) = (batch.account.clone(), batch.row_series.len());
                return Self { account, rows, unreadable: Some(why.to_string()), ..Self::default() };
            }
        };
        let minutes = (view.row_minutes().iter().min(), view.row_minutes().iter().max());
        Self {
            account: view.account().to_owned(),
            stamp: view.stamp().map(|stamp| stamp.to_string()),
            backfill: view.backfill(),
            declares: view.declares(),
            rows: view.rows(),
            series: view.series_count(),
            minutes: minutes
                .0
                .zip(minutes.1)
                .map(|(first, last)| [time(Minute(*first)), time(Minute(*last))]),
            metrics: (0..view.series_count()).map(|at| view.metric(at as u32).to_owned()).collect(),
            distinct: view.distinct().len(),
            distribution: view.distribution().len(),
            cumulative: view.cumulative().len(),
            unreadable: None,
            first_rows: (0..view.rows().min(rows_max)).map(|at| Row::of(&view, at)).collect(),
        }
    }
}

// === impl Row ===

impl Row {
    fn of(view: &BatchView<'_>, at: usize) -> Self {
        let row = view.row(at);
        let dims = view.dims(row.series).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self {
            metric: view.metric(row.series).to_owned(),
            dims,
            time: time(row.minute),
            count: row.scalars.count,
            sum: number(row.scalars.sum()),
            min: number(row.scalars.min()),
            max: number(row.scalars.max()),
        }
    }
}
