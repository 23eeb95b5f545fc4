//! The checkpoint: its head, and how much of what an island keeps lies beside it. `aggregator`'s `state_keys` owns the
//! keys; a test compares.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ::store::{Cf, Columns, KvSnapshot, SlabColumns};
use aggregator::{CheckpointHead, STATE_VERSION};
use model::Minute;
use serde::Serialize;

use super::store::unreadable;
use super::time;

/// What is loaded first.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Checkpoint {
    pub(super) version: u8,
    /// `C`: the log record to replay from.
    pub(super) position: u64,
    pub(super) sealed_through: Option<String>,
    pub(super) series: u64,
    pub(super) metrics: u64,
    pub(super) rows_received: u64,
    pub(super) rows_applied: u64,
    pub(super) rows_late: u64,
    pub(super) rows_duplicate: u64,
    pub(super) rows_dropped: u64,
    pub(super) records_undecodable: u64,
    pub(super) publishers_evicted: u64,
}

/// One kind of state.
#[derive(Debug, Serialize)]
pub(super) struct StatePart {
    pub(super) what: &'static str,
    pub(super) keys: u64,
    pub(super) bytes: u64,
    /// Of minutes that are not sealed: which, and how many rows they have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) minutes: Vec<(String, u64)>,
}

// === impl Checkpoint ===

impl Checkpoint {
    pub(super) fn read(snapshot: &dyn KvSnapshot, damage: &mut Vec<String>) -> Option<Self> {
        let head = match CheckpointHead::read(snapshot) {
            Ok(head) => head?,
            Err(why) => {
                damage.push(format!("checkpoint: {why}"));
                return None;
            }
        };
        let counters = head.counters;
        Some(Self {
            version: STATE_VERSION,
            position: head.position,
            sealed_through: head.sealed_through.map(time),
            series: head.series.into(),
            metrics: head.metrics.into(),
            rows_received: counters.rows_received,
            rows_applied: counters.rows_applied,
            rows_late: counters.rows_late,
            rows_duplicate: counters.rows_duplicate,
            rows_dropped: counters.rows_dropped,
            records_undecodable: counters.records_undecodable,
            publishers_evicted: counters.publishers_evicted,
        })
    }
}

// === impl StatePart ===

impl StatePart {
    pub(super) fn read(snapshot: &dyn KvSnapshot, damage: &mut Vec<String>) -> Vec<Self> {
        let (mut parts, mut columns) = (BTreeMap::<u8, Self>::new(), SlabColumns::new());
        let read = snapshot.range(Cf::State, &[], &[u8::MAX], &mut |key, value| {
            let tag = key.first().copied().unwrap_or_default();
            let what = name_of(tag);
            let part =
                parts.entry(tag).or_insert_with(|| Self { what, keys: 0, bytes: 0, minutes: Vec::new() });
            part.keys += 1;
            part.bytes += (key.len() + value.len()) as u64;
            if let Some(minute) = minute_of(key) {
                match columns.read(value, Columns::ALL) {
                    Ok(()) => part.minutes.push((time(minute), columns.len() as u64)),
                    Err(why) => damage.push(format!("{what}, minute {minute}: {why}")),
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        damage.extend(read.err().map(|why| unreadable(Cf::State, &why)));
        parts.into_values().collect()
    }
}

const OPEN_MINUTE: u8 = b'O';
const AHEAD_MINUTE: u8 = b'P';

fn name_of(tag: u8) -> &'static str {
    match tag {
        b'A' => "rows by account and hour",
        b'C' => "head",
        b'D' => "publishers",
        b'G' => "deleted series",
        b'L' => "records to know the log by",
        OPEN_MINUTE => "open minutes",
        AHEAD_MINUTE => "minutes ahead",
        b'Q' => "batches put out at seals",
        b'R' => "rule files",
        b'S' => "alert states by rule",
        b'T' => "minutes of alert windows",
        b'U' => "cumulative series",
        b'W' => "deletions purged",
        b'X' => "dropped rows by reason",
        _ => "unknown to this version",
    }
}

fn minute_of(key: &[u8]) -> Option<Minute> {
    let (tag, minute) = key.split_first()?;
    let is_minute = [OPEN_MINUTE, AHEAD_MINUTE].contains(tag);
    is_minute.then_some(Minute(u32::from_be_bytes(minute.try_into().ok()?)))
}
