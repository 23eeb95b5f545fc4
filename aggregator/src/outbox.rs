//! What the island puts out at its seals, until it has arrived where it is for.
//!
//! In:    batches at a seal; Delivered records.
//! Out:   those that wait, in the order of their seals, in each View; what changed, for the checkpoint.
//! Kept:  at most [`BYTES_MAX`] and [`SEALS_MAX`] seals of them. Beyond that the oldest go, and their rows are counted.
//! Never: an append. Whoever holds the island gives them to the frontend, under a stamp that the partition and the seal
//!        make; so a replay, a replica or a second try is a duplicate wherever it arrives.

use std::collections::VecDeque;
use std::sync::Arc;

use partition_log::Offset;
use proto::{Record, decode_record, encode_rows, v1};
use store::{Cf, KvBatch, KvSnapshot};

use crate::StateError;
use crate::recover::each_of;
use crate::state_bytes::{StateReader, StateWriter};
use crate::state_keys;

/// What may wait, about as it is written: what one seal puts out is bounded (`transitions.rs`) and far smaller.
const BYTES_MAX: usize = 16 << 20;
/// A day of minutes in each of which something happened.
const SEALS_MAX: usize = 1_440;

/// What one seal put out.
#[derive(Clone, Debug, PartialEq)]
pub struct PutOut {
    /// The offset of the Seal record: the sequence of its batches.
    pub seal: Offset,
    /// By account, without stamps.
    pub batches: Vec<v1::Batch>,
    bytes: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Arc<PutOut>>,
    /// Rows that found no room.
    lost: u64,
    /// The newest seal that a checkpoint has written.
    written: Option<Offset>,
    /// Written, and not waiting any more.
    gone: Vec<Offset>,
    lost_changed: bool,
}

// === impl PutOut ===

impl PutOut {
    fn new(seal: Offset, batches: Vec<v1::Batch>) -> Self {
        let bytes = encode_rows(&batches).len();
        Self { seal, batches, bytes }
    }

    /// How many rows these are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.row_series.len() as u64).sum()
    }
}

// === impl Outbox ===

impl Outbox {
    /// What the seal at this offset puts out.
    pub(crate) fn put(&mut self, seal: Offset, batches: Vec<v1::Batch>) {
        if batches.is_empty() {
            return;
        }
        self.waiting.push_back(Arc::new(PutOut::new(seal, batches)));
        let bytes = |waiting: &VecDeque<Arc<PutOut>>| waiting.iter().map(|one| one.bytes).sum::<usize>();
        while self.waiting.len() > SEALS_MAX || (self.waiting.len() > 1 && bytes(&self.waiting) > BYTES_MAX) {
            let rows = self.pop().map_or(0, |oldest| oldest.rows());
            self.lost += rows;
            self.lost_changed = true;
        }
    }

    /// All up to this seal has arrived.
    pub(crate) fn delivered(&mut self, through: Offset) {
        while self.waiting.front().is_some_and(|oldest| oldest.seal <= through) {
            self.pop();
        }
    }

    fn pop(&mut self) -> Option<Arc<PutOut>> {
        let oldest = self.waiting.pop_front()?;
        self.gone.extend((Some(oldest.seal) <= self.written).then_some(oldest.seal));
        Some(oldest)
    }

    pub(crate) fn waiting(&self) -> Arc<[Arc<PutOut>]> {
        self.waiting.iter().map(Arc::clone).collect()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// What changed since the last checkpoint.
    pub(crate) fn checkpoint(&mut self, batch: &mut KvBatch) {
        for seal in std::mem::take(&mut self.gone) {
            batch.delete(Cf::State, state_keys::put_out(seal));
        }
        let newest = self.waiting.back().map(|newest| newest.seal);
        self.waiting.iter().filter(|one| Some(one.seal) > self.written).for_each(|one| write(one, batch));
        self.written = self.written.max(newest);
        if std::mem::take(&mut self.lost_changed) {
            write_lost(self.lost, batch);
        }
    }

    /// All of it, as if all had changed.
    pub(crate) fn image(&self, batch: &mut KvBatch) {
        self.waiting.iter().for_each(|one| write(one, batch));
        if self.lost > 0 {
            write_lost(self.lost, batch);
        }
    }

    /// What checkpoints have written; `position` is `C`.
    pub(crate) fn load(snapshot: &dyn KvSnapshot, position: Offset) -> Result<Self, StateError> {
        let mut outbox = Self::default();
        each_of(snapshot, state_keys::OUTBOX, &mut |key, value| {
            let mut value = StateReader::new(key, value)?;
            if key == [state_keys::OUTBOX] {
                outbox.lost = value.u64()?;
                return value.end();
            }
            let seal = state_keys::read_put_out(key).ok_or_else(|| StateError::bad_key(key))?;
            if seal >= position {
                let what = format!("record {seal} has put something out and is not applied");
                return Err(StateError::Contradiction(what));
            }
            let record = bytes::Bytes::copy_from_slice(value.bytes()?);
            let Ok(Record::Rows(batches)) = decode_record(record) else {
                return Err(value.damaged("is no record of rows"));
            };
            outbox.waiting.push_back(Arc::new(PutOut::new(seal, batches)));
            value.end()
        })?;
        outbox.written = outbox.waiting.back().map(|newest| newest.seal);
        Ok(outbox)
    }
}

fn write(one: &PutOut, batch: &mut KvBatch) {
    let mut value = StateWriter::new();
    value.bytes(&encode_rows(&one.batches));
    batch.put(Cf::State, state_keys::put_out(one.seal), value.finish());
}

fn write_lost(lost: u64, batch: &mut KvBatch) {
    let mut value = StateWriter::new();
    value.u64(lost);
    batch.put(Cf::State, [state_keys::OUTBOX], value.finish());
}

#[cfg(test)]
mod tests {
    use store::{Kv as _, MemoryKv};

    use super::*;

    #[test]
    fn what_waits_comes_back_and_what_has_arrived_does_not() {
        let (mut outbox, disk) = (Outbox::default(), MemoryKv::new());
        for seal in [3, 7, 9] {
            outbox.put(seal, vec![batch(seal)]);
        }
        outbox.put(11, Vec::new());
        commit(&mut outbox, &disk);
        check(&outbox, &disk, &[3, 7, 9]);
        outbox.delivered(8);
        outbox.put(12, vec![batch(2)]);
        outbox.delivered(5);
        commit(&mut outbox, &disk);
        check(&outbox, &disk, &[9, 12]);
        outbox.delivered(u64::MAX);
        commit(&mut outbox, &disk);
        check(&outbox, &disk, &[]);
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room_and_is_counted() {
        let (mut outbox, disk) = (Outbox::default(), MemoryKv::new());
        let seals = SEALS_MAX as u64 + 2;
        (0..seals).for_each(|seal| outbox.put(seal, vec![batch(3)]));
        commit(&mut outbox, &disk);
        assert_eq!((outbox.lost(), outbox.waiting().len()), (6, SEALS_MAX));
        let loaded = Outbox::load(&*disk.snapshot(), seals).unwrap();
        assert_eq!((loaded.lost(), loaded.waiting()), (6, outbox.waiting()));
        let large = v1::Batch { account: "a".repeat(BYTES_MAX), ..batch(1) };
        outbox.put(seals, vec![large.clone()]);
        assert_eq!(outbox.waiting().len(), 1, "one has room however large it is");
        outbox.put(seals + 1, vec![large]);
        assert_eq!(outbox.waiting().len(), 1);
    }

    #[test]
    fn what_an_unapplied_record_put_out_is_a_contradiction() {
        let (mut outbox, disk) = (Outbox::default(), MemoryKv::new());
        outbox.put(7, vec![batch(1)]);
        commit(&mut outbox, &disk);
        let why = Outbox::load(&*disk.snapshot(), 7).unwrap_err().to_string();
        assert!(why.contains("record 7 has put something out and is not applied"), "{why}");
    }

    fn batch(rows: u64) -> v1::Batch {
        v1::Batch { row_series: (0..rows as u32).collect(), ..v1::Batch::default() }
    }

    fn commit(outbox: &mut Outbox, disk: &MemoryKv) {
        let mut changes = KvBatch::new();
        outbox.checkpoint(&mut changes);
        disk.commit(changes).unwrap();
    }

    #[track_caller]
    fn check(outbox: &Outbox, disk: &MemoryKv, expected: &[Offset]) {
        let seals: Vec<Offset> = outbox.waiting().iter().map(|one| one.seal).collect();
        assert_eq!(seals, expected);
        let loaded = Outbox::load(&*disk.snapshot(), 100).unwrap();
        assert_eq!(loaded.waiting(), outbox.waiting());
        let (mut image, mut of_disk) = (KvBatch::new(), KvBatch::new());
        outbox.image(&mut image);
        loaded.image(&mut of_disk);
        assert_eq!(image, of_disk);
    }
}
