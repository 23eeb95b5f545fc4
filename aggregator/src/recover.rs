//! Loads what the last checkpoint wrote. The caller then replays the log from [`Island::position`].

use std::ops::ControlFlow;
use std::sync::Arc;

use model::Minute;
use partition_log::Offset;
use store::{Cf, KvSnapshot};

use crate::accounting::HourRows;
use crate::checkpoint::CheckpointHead;
use crate::cumulative::LastPoint;
use crate::dedup::Publisher;
use crate::island::Island;
use crate::outbox::Outbox;
use crate::series_table::SeriesTable;
use crate::state_bytes::StateReader;
use crate::state_keys::{self, end_of};
use crate::witness::Witness;
use crate::{Counters, IslandLimits, StateError, blocks};

/// Records, or rows, of one partition: at a million a second they take 292,000 years.
const COUNTED_MAX: u64 = 1 << 63;

// === impl Island ===

impl Island {
    /// The island at position `C`; a new one when the disk is fresh.
    ///
    /// # Errors
    /// When the disk cannot be read, or what lies on it is damaged, of a later version, or contradicts itself.
    pub fn load(limits: IslandLimits, snapshot: &dyn KvSnapshot) -> Result<Self, StateError> {
        let mut island = Self::new(limits);
        let Some(head) = CheckpointHead::read(snapshot)? else { return Ok(island) };
        check_head(&head)?;
        island.series = SeriesTable::load(limits.series_max, snapshot, head.sealed_through)?;
        let (series, metrics) = (island.series.len(), island.series.metrics());
        if (series, metrics) != (head.series, head.metrics) {
            return Err(contradiction(format!(
                "{series} series of {metrics} metrics in the dictionary, {} of {} in the head",
                head.series, head.metrics
            )));
        }
        check_deleted(&island.series, head.position)?;
        (island.position, island.checkpointed) = (head.position, head.position);
        island.witness = Witness::read(snapshot)?;
        if let Some(seen) = island.witness.seen().find(|seen| seen.offset >= head.position) {
            return Err(contradiction(format!("record {} is remembered and not applied", seen.offset)));
        }
        island.sealed_through = head.sealed_through;
        island.books.counters = head.counters;
        island.books.rows.restore_forgotten(head.forgotten_before);
        island.dedup.evicted = head.counters.publishers_evicted;
        island.load_rows(snapshot)?;
        island.load_memory(snapshot)?;
        island.load_alerts(snapshot)?;
        island.outbox = Outbox::load(snapshot, head.position)?;
        Ok(island)
    }

    fn load_rows(&mut self, snapshot: &dyn KvSnapshot) -> Result<(), StateError> {
        each_of(snapshot, state_keys::OPEN_MINUTE, &mut |key, value| {
            let minute = self.minute_of(key)?;
            let position = self.open.position_of(minute).ok_or_else(|| too_many(minute))?;
            let series = self.series.len();
            blocks::read(value, series, |id, row| {
                self.open.at(position).merge_aggregate(known(id, series)?, &row);
                Ok(())
            })
        })?;
        each_of(snapshot, state_keys::AHEAD_MINUTE, &mut |key, value| {
            let minute = self.minute_of(key)?;
            let series = self.series.len();
            blocks::read(value, series, |id, row| {
                let metric = self.series.metric_of(known(id, series)?);
                self.ahead.merge(minute, metric, id, &row);
                Ok(())
            })
        })
    }

    fn load_memory(&mut self, snapshot: &dyn KvSnapshot) -> Result<(), StateError> {
        each_of(snapshot, state_keys::PUBLISHER, &mut |key, value| {
            let publisher = state_keys::read_publisher(key).ok_or_else(|| StateError::bad_key(key))?;
            self.dedup.restore(publisher, Publisher::decode(StateReader::new(key, value)?)?);
            Ok(())
        })?;
        each_of(snapshot, state_keys::CUMULATIVE, &mut |key, value| {
            let id = state_keys::read_u32(key).ok_or_else(|| StateError::bad_key(key))?;
            let last = LastPoint::decode(StateReader::new(key, value)?)?;
            self.cumulative.restore(known(id, self.series.len())?, last);
            Ok(())
        })?;
        each_of(snapshot, state_keys::ACCOUNT_ROWS, &mut |key, value| {
            let (hour, account) = state_keys::read_hour(key).ok_or_else(|| StateError::bad_key(key))?;
            if hour < self.books.rows.forgotten_before() {
                return Err(contradiction(format!("hour {hour} is forgotten and has rows")));
            }
            self.books.rows.restore(hour, account, decode_hour(StateReader::new(key, value)?)?);
            Ok(())
        })?;
        each_of(snapshot, state_keys::DROPS, &mut |key, value| {
            let mut value = StateReader::new(key, value)?;
            let (account, metric, reason) = (value.text()?, value.text()?, value.text()?);
            let rows = value.u64()?;
            value.end()?;
            let drop_key = state_keys::drop_key(account, metric, reason)
                .filter(|drop_key| state_keys::drops(drop_key) == key)
                .ok_or_else(|| StateError::bad_key(key))?;
            Arc::make_mut(&mut self.books.drops).insert(drop_key, rows);
            Ok(())
        })
    }

    fn minute_of(&self, key: &[u8]) -> Result<Minute, StateError> {
        let minute = state_keys::read_u32(key).map(Minute).ok_or_else(|| StateError::bad_key(key))?;
        match self.sealed_through {
            Some(sealed) if minute <= sealed => {
                Err(contradiction(format!("minute {minute} is open, and sealed through {sealed}")))
            }
            _ => Ok(minute),
        }
    }
}

/// What is done with a key and its value.
pub(crate) type Body<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), StateError>;

/// Every key under a tag. What `body` says outlives the store's own error type.
pub(crate) fn each_of(snapshot: &dyn KvSnapshot, tag: u8, body: Body<'_>) -> Result<(), StateError> {
    each(snapshot, &[tag], &end_of(tag), body)
}

/// Every key in `[from, to)`.
pub(crate) fn each(
    snapshot: &dyn KvSnapshot,
    from: &[u8],
    to: &[u8],
    body: Body<'_>,
) -> Result<(), StateError> {
    let mut failed = Ok(());
    snapshot.range(Cf::State, from, to, &mut |key, value| {
        failed = body(key, value);
        Ok(if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    failed
}

/// Nothing is counted beyond its width later on.
fn check_head(head: &CheckpointHead) -> Result<(), StateError> {
    let Counters { rows_received, records_undecodable, publishers_evicted, .. } = head.counters;
    if !head.counters.balanced() {
        return Err(contradiction(format!("its books do not balance: {:?}", head.counters)));
    }
    match [head.position, rows_received, records_undecodable, publishers_evicted].into_iter().max() {
        Some(most) if most > COUNTED_MAX => {
            Err(contradiction(format!("{most} is more than was ever counted")))
        }
        _ => Ok(()),
    }
}

/// Tombstones are of series that there are, by records that were applied.
fn check_deleted(series: &SeriesTable, position: Offset) -> Result<(), StateError> {
    for (metric, deleted) in series.deleted().iter() {
        if deleted.newest >= position {
            return Err(contradiction(format!("record {} has deleted and is not applied", deleted.newest)));
        }
        if let Some(id) = deleted.ids.iter().find(|id| !series.dictionary.has(*id, metric)) {
            return Err(contradiction(format!("series {id} is deleted, and metric {metric} has no such")));
        }
    }
    Ok(())
}

fn decode_hour(mut value: StateReader<'_>) -> Result<HourRows, StateError> {
    let mut rows = HourRows::from([0; 60]);
    for minute in &mut rows {
        *minute = value.u64()?;
    }
    value.end()?;
    Ok(rows)
}

fn known(id: u32, series: u32) -> Result<u32, StateError> {
    if id < series { Ok(id) } else { Err(contradiction(format!("series {id} of {series} has rows"))) }
}

fn too_many(minute: Minute) -> StateError {
    contradiction(format!("minute {minute} is one open minute too many"))
}

fn contradiction(what: String) -> StateError {
    StateError::Contradiction(what)
}
