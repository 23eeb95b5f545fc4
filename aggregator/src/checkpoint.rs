//! The seal: what the log up to here means, as one batch for the disk.
//!
//! In:    a Seal record.
//! Out:   slab blocks of the minutes that close and of late rows; the state, of which only that is written which has
//!        changed since the last checkpoint; the head with `C`. `FORMAT.md` draws all of it.
//! Never: a second rule. Whoever loads this and replays from `C` is where the island is.

use std::collections::BTreeSet;

use model::Minute;
use partition_log::Offset;
use store::{CHECKPOINT_KEY, Cf, KvBatch, KvSnapshot, SlabKey, StoreError};

use crate::accounting::{DropKey, HourRows};
use crate::alerting;
use crate::blocks;
use crate::island::Island;
use crate::open_minutes::Cells;
use crate::saved_series::SealedRows;
use crate::side_rows::SideRow;
use crate::state_bytes::{StateReader, StateWriter};
use crate::{Counters, StateError, state_keys};

/// To be committed before the next record is applied.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// All changes since the last one.
    pub batch: KvBatch,
    /// `C`: where to replay from.
    pub position: Offset,
    /// Slab blocks in it.
    pub blocks: usize,
}

/// The first thing that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointHead {
    /// `C`: where to replay from.
    pub position: Offset,
    /// The newest minute that is closed for good.
    pub sealed_through: Option<Minute>,
    /// How many local series ids were given.
    pub series: u32,
    /// How many metric ids were given.
    pub metrics: u32,
    /// The hour (since 1970) before which the rows applied are forgotten.
    pub forgotten_before: u32,
    /// What became of all rows.
    pub counters: Counters,
}

/// `C` of what a snapshot holds; `None` of a fresh disk.
///
/// # Errors
/// When the disk cannot be read or the head is damaged.
pub fn checkpoint_position(snapshot: &dyn KvSnapshot) -> Result<Option<Offset>, StateError> {
    Ok(CheckpointHead::read(snapshot)?.map(|head| head.position))
}

// === impl CheckpointHead ===

impl CheckpointHead {
    /// Of what a snapshot holds; `None` of a fresh disk.
    ///
    /// # Errors
    /// When the disk cannot be read or the head is damaged.
    pub fn read(snapshot: &dyn KvSnapshot) -> Result<Option<Self>, StateError> {
        let value = snapshot.get(Cf::State, CHECKPOINT_KEY)?;
        value.map(|value| Self::decode(StateReader::new(CHECKPOINT_KEY, &value)?)).transpose()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = StateWriter::new();
        out.u64(self.position);
        out.u8(u8::from(self.sealed_through.is_some())).u32(self.sealed_through.map_or(0, |minute| minute.0));
        out.u32(self.series).u32(self.metrics).u32(self.forgotten_before);
        let counters = &self.counters;
        out.u64(counters.rows_received).u64(counters.rows_applied).u64(counters.rows_late);
        out.u64(counters.rows_duplicate).u64(counters.rows_dropped);
        out.u64(counters.records_undecodable).u64(counters.publishers_evicted);
        out.finish()
    }

    fn decode(mut value: StateReader<'_>) -> Result<Self, StateError> {
        let position = value.u64()?;
        let (sealed, minute) = (value.u8()? != 0, Minute(value.u32()?));
        let (series, metrics, forgotten_before) = (value.u32()?, value.u32()?, value.u32()?);
        let counters = Counters {
            rows_received: value.u64()?,
            rows_applied: value.u64()?,
            rows_late: value.u64()?,
            rows_duplicate: value.u64()?,
            rows_dropped: value.u64()?,
            records_undecodable: value.u64()?,
            publishers_evicted: value.u64()?,
        };
        value.end()?;
        let sealed_through = sealed.then_some(minute);
        Ok(Self { position, sealed_through, series, metrics, forgotten_before, counters })
    }
}

// === impl Island ===

impl Island {
    /// Closes every minute up to `minute`. A minute that is closed already stays so: then this is a checkpoint of
    /// what came in late, and nothing at all when nothing did.
    pub(crate) fn seal(&mut self, offset: Offset, minute: Minute) -> Result<Option<Checkpoint>, StoreError> {
        let closes = self.sealed_through.is_none_or(|sealed| minute > sealed);
        if !closes && self.late.rows() == 0 {
            return Ok(None);
        }
        let (mut batch, mut closed) = (KvBatch::new(), Vec::new());
        if closes {
            let sealed = self.sealed_through.replace(minute);
            closed = self.open.close(minute);
            let ahead = self.ahead.take_through(minute);
            let minutes: BTreeSet<Minute> = ahead.iter().map(|((minute, _, _), _)| *minute).collect();
            for minute in minutes {
                batch.delete(Cf::State, state_keys::minute(state_keys::AHEAD_MINUTE, minute));
            }
            // Of a minute that nobody had opened they are blocks of their own, as late rows are.
            for ((minute, metric, id), row) in ahead.into_iter().filter_map(|row| pour(&mut closed, row)) {
                self.late.merge(minute, metric, id, &row);
            }
            self.evaluate(offset, sealed, minute, &closed);
        }
        self.checkpoint(offset, &closed, batch).map(Some)
    }

    /// Everything that the log up to here means, and these minutes, which are closed.
    pub(crate) fn checkpoint(
        &mut self,
        offset: Offset,
        closed: &[(Minute, Cells)],
        mut batch: KvBatch,
    ) -> Result<Checkpoint, StoreError> {
        self.series.take_unwritten(&mut batch);
        let late = self.late.take_through(Minute(u32::MAX));
        let rows = self.put_slabs(offset, closed, &late, &mut batch)?;
        self.series.seal(offset, self.sealed_through, &rows, &mut batch);
        for (minute, _) in closed {
            batch.delete(Cf::State, state_keys::minute(state_keys::OPEN_MINUTE, *minute));
        }
        self.put_open(&mut batch)?;
        self.put_changes(&mut batch);
        alerting::put(self.watch.checkpoint(), &mut batch);
        self.outbox.checkpoint(&mut batch);
        self.checkpointed = self.position;
        self.witness.put(&mut batch);
        batch.put(Cf::State, CHECKPOINT_KEY, self.head().encode());
        Ok(Checkpoint { batch, position: self.position, blocks: rows.len() })
    }

    /// Closed minutes and late rows, under the offset of the seal that brings them. A late minute is never one that
    /// closes now, so no two blocks have the same key.
    fn put_slabs(
        &self,
        seal_offset: Offset,
        closed: &[(Minute, Cells)],
        late: &[SideRow],
        batch: &mut KvBatch,
    ) -> Result<Vec<SealedRows>, StoreError> {
        let mut sealed = Vec::new();
        for (minute, cells) in closed {
            let metric_of = |id| self.series.metric_of(id);
            blocks::of_cells(cells, metric_of, None, &mut |metric, ids, bytes| {
                sealed.push(SealedRows { metric, minute: *minute, ids: ids.to_vec() });
                batch.put(Cf::Slabs, SlabKey { metric, minute: *minute, seal_offset }.to_bytes(), bytes);
            })?;
        }
        let rows = late.iter().map(|(place, row)| (place, row));
        blocks::of_side(rows, &mut |metric, minute, ids, bytes| {
            sealed.push(SealedRows { metric, minute, ids: ids.to_vec() });
            batch.put(Cf::Slabs, SlabKey { metric, minute, seal_offset }.to_bytes(), bytes);
        })?;
        Ok(sealed)
    }

    /// What has come in for minutes that are not closed: seconds' worth, so all of it is written each time.
    fn put_open(&self, batch: &mut KvBatch) -> Result<(), StoreError> {
        for (minute, cells) in self.open.iter() {
            let key = state_keys::minute(state_keys::OPEN_MINUTE, minute);
            batch.put(Cf::State, key, blocks::whole(cells)?);
        }
        let mut ahead: Vec<SideRow> = Vec::new();
        let mut rows = self.ahead.iter().peekable();
        while let Some((place, row)) = rows.next() {
            ahead.push((*place, row.clone()));
            if rows.peek().is_none_or(|(next, _)| next.0 != place.0) {
                let key = state_keys::minute(state_keys::AHEAD_MINUTE, place.0);
                batch.put(Cf::State, key, blocks::whole_side(std::mem::take(&mut ahead))?);
            }
        }
        Ok(())
    }

    /// Of what grows without end, only what has changed.
    fn put_changes(&mut self, batch: &mut KvBatch) {
        let now = self.sealed_through.unwrap_or_default();
        let changes = self.dedup.checkpoint(now);
        changes.delete.iter().for_each(|key| batch.delete(Cf::State, state_keys::publisher(key)));
        for (key, publisher) in changes.put {
            batch.put(Cf::State, state_keys::publisher(&key), publisher.encode());
        }
        for (id, last) in self.cumulative.checkpoint() {
            batch.put(Cf::State, state_keys::of_id(state_keys::CUMULATIVE, id), last.encode());
        }
        let changes = self.books.checkpoint(now, self.limits.account_hours_max);
        changes.forgotten.iter().for_each(|key| batch.delete(Cf::State, state_keys::hour(key)));
        for (key, rows) in changes.hours {
            batch.put(Cf::State, state_keys::hour(&key), encode_hour(rows));
        }
        for (key, rows) in changes.drops {
            batch.put(Cf::State, state_keys::drops(&key), encode_drops(&key, rows));
        }
    }

    fn head(&self) -> CheckpointHead {
        CheckpointHead {
            position: self.checkpointed,
            sealed_through: self.sealed_through,
            series: self.series.len(),
            metrics: self.series.metrics(),
            forgotten_before: self.books.rows.forgotten_before(),
            counters: self.counters(),
        }
    }

    /// The whole state, as it would be written if all of it had changed: two islands are equal if and only if these
    /// are. For tests and the simulator; it costs as much as the state is large.
    ///
    /// # Errors
    /// When a block cannot be built.
    pub fn image(&self) -> Result<KvBatch, StoreError> {
        let mut image = KvBatch::new();
        image.put(Cf::State, CHECKPOINT_KEY, self.head().encode());
        image.put(Cf::State, *b"position", self.position.to_be_bytes());
        self.witness.put(&mut image);
        self.put_open(&mut image)?;
        blocks::of_side(self.late.iter(), &mut |metric, minute, _, bytes| {
            image.put(Cf::Slabs, SlabKey::first(metric, minute).to_bytes(), bytes);
        })?;
        self.series.image(&mut image);
        for (key, publisher) in self.dedup.iter() {
            image.put(Cf::State, state_keys::publisher(key), publisher.encode());
        }
        self.series.deleted().iter().for_each(|(metric, _)| self.series.deleted().put(metric, &mut image));
        for (id, last) in self.cumulative.sorted() {
            image.put(Cf::State, state_keys::of_id(state_keys::CUMULATIVE, id), last.encode());
        }
        for (key, rows) in self.books.rows.iter() {
            image.put(Cf::State, state_keys::hour(&key), encode_hour(rows));
        }
        alerting::put(self.watch.whole(), &mut image);
        self.outbox.image(&mut image);
        for (key, rows) in self.books.drops.iter() {
            image.put(Cf::State, state_keys::drops(key), encode_drops(key, *rows));
        }
        Ok(image)
    }
}

/// Into the cells of its minute, if that closes too; else it is handed back and becomes a block of its own.
fn pour(closed: &mut [(Minute, Cells)], row: SideRow) -> Option<SideRow> {
    let ((minute, _, id), aggregate) = &row;
    match closed.iter_mut().find(|(of, _)| of == minute) {
        Some((_, cells)) => {
            cells.merge_aggregate(*id, aggregate);
            None
        }
        None => Some(row),
    }
}

fn encode_hour(rows: &HourRows) -> Vec<u8> {
    let mut out = StateWriter::new();
    for minute in rows {
        out.u64(*minute);
    }
    out.finish()
}

fn encode_drops((account, metric, reason): &DropKey, rows: u64) -> Vec<u8> {
    let mut out = StateWriter::new();
    out.bytes(account.as_bytes()).bytes(metric.as_bytes()).bytes(reason.name().as_bytes()).u64(rows);
    out.finish()
}
