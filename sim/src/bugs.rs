//! Bugs that a simulator worth its name must find. Without the feature `planted-bugs` there are none to choose from.

use std::borrow::Cow;

use bytes::Bytes;
use partition_log::{Entry, Offset};
use proto::v1;
use store::{Chore, KvBatch};

use crate::Wrong;

#[cfg(feature = "planted-bugs")]
use model::{Distribution, Minute};
#[cfg(feature = "planted-bugs")]
use proto::{Record, decode_record, encode_rows};
#[cfg(feature = "planted-bugs")]
use store::{CHECKPOINT_KEY, Cf, KvOp, SlabKey};

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A checkpoint leaves the dedup windows out.
    #[cfg(feature = "planted-bugs")]
    DedupNotPersisted,
    /// `C` is committed first and the state after it, in two batches.
    #[cfg(feature = "planted-bugs")]
    PositionBeforeState,
    /// A part is acknowledged when it is queued, not when it is synced.
    #[cfg(feature = "planted-bugs")]
    AckBeforeLog,
    /// Late rows stay in memory over a seal and are written with the next one.
    #[cfg(feature = "planted-bugs")]
    LateRowsLeftBehind,
    /// A repeated Seal writes the last blocks again.
    #[cfg(feature = "planted-bugs")]
    SealNotIdempotent,
    /// The log is released up to the applied record instead of up to `C`.
    #[cfg(feature = "planted-bugs")]
    ReleasedTooEarly,
    /// A checkpoint leaves out what has come in for minutes that are still open.
    #[cfg(feature = "planted-bugs")]
    OpenMinutesNotPersisted,
    /// A frontend judges the rows of each try anew, by its clock.
    #[cfg(feature = "planted-bugs")]
    JudgedAnew,
    /// A compaction deletes its whole hour, and not the blocks that it has read.
    #[cfg(feature = "planted-bugs")]
    LateSlabCompactedAway,
    /// A checkpoint leaves out where the running totals stand.
    #[cfg(feature = "planted-bugs")]
    TotalsNotPersisted,
    /// What is replayed after a crash has its distributions merged twice.
    #[cfg(feature = "planted-bugs")]
    SketchesMergedTwice,
    /// A query sees the late rows of sealed minutes only after the next seal.
    #[cfg(feature = "planted-bugs")]
    LateRowsUnseen,
    /// A partition whose machine is down answers as if it held nothing.
    #[cfg(feature = "planted-bugs")]
    SilentWhenDown,
}

/// What stands between an island and its disk.
pub(crate) struct Sabotage {
    #[cfg(feature = "planted-bugs")]
    bug: Option<Bug>,
    /// Blocks that a bug holds back, or will write again.
    #[cfg(feature = "planted-bugs")]
    held: Vec<(SlabKey, Vec<u8>)>,
    /// A chore's batch that is not committed yet.
    #[cfg(feature = "planted-bugs")]
    chore: Option<KvBatch>,
    /// One past the newest record that was ever applied.
    #[cfg(feature = "planted-bugs")]
    applied: Offset,
}

#[cfg(not(feature = "planted-bugs"))]
impl Sabotage {
    pub(crate) fn new(_: Option<Bug>) -> Self {
        Self {}
    }

    pub(crate) fn crash(&mut self) {}

    pub(crate) fn batches(&mut self, batch: KvBatch) -> Vec<KvBatch> {
        vec![batch]
    }

    pub(crate) fn seal_without_checkpoint(&mut self, _: Offset) -> Vec<KvBatch> {
        Vec::new()
    }

    pub(crate) fn chore(&mut self, _: Chore, batch: KvBatch) -> Vec<KvBatch> {
        vec![batch]
    }

    pub(crate) fn record(&mut self, entry: &Entry) -> Result<Bytes, Wrong> {
        Ok(entry.record.clone())
    }
}

#[cfg(not(feature = "planted-bugs"))]
impl Bug {
    pub(crate) fn acks_early(_: Option<Self>) -> bool {
        false
    }

    pub(crate) fn releases_early(_: Option<Self>) -> bool {
        false
    }

    pub(crate) fn hides_late_rows(_: Option<Self>) -> bool {
        false
    }

    pub(crate) fn is_silent_when_down(_: Option<Self>) -> bool {
        false
    }

    pub(crate) fn batch_as_seen(_: Option<Self>, batch: &v1::Batch, _: u64) -> Cow<'_, v1::Batch> {
        Cow::Borrowed(batch)
    }
}

#[cfg(feature = "planted-bugs")]
impl Sabotage {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, held: Vec::new(), chore: None, applied: 0 }
    }

    pub(crate) fn crash(&mut self) {
        self.held.clear();
        self.chore = None;
    }

    pub(crate) fn batches(&mut self, batch: KvBatch) -> Vec<KvBatch> {
        match self.bug {
            Some(Bug::DedupNotPersisted) => {
                vec![without(&batch, |cf, key| cf == Cf::State && key[0] == b'D')]
            }
            Some(Bug::OpenMinutesNotPersisted) => {
                vec![without(&batch, |cf, key| cf == Cf::State && key[0] == b'O')]
            }
            Some(Bug::TotalsNotPersisted) => {
                vec![without(&batch, |cf, key| cf == Cf::State && key[0] == b'U')]
            }
            Some(Bug::PositionBeforeState) => {
                let is_head = |cf, key: &[u8]| cf == Cf::State && key == CHECKPOINT_KEY;
                vec![without(&batch, |cf, key| !is_head(cf, key)), without(&batch, is_head)]
            }
            Some(Bug::LateRowsLeftBehind) => vec![self.hold_late(&batch)],
            Some(Bug::SealNotIdempotent) => {
                self.held = blocks(&batch);
                vec![batch]
            }
            _ => vec![batch],
        }
    }

    pub(crate) fn seal_without_checkpoint(&mut self, offset: Offset) -> Vec<KvBatch> {
        if self.bug != Some(Bug::SealNotIdempotent) || self.held.is_empty() {
            return Vec::new();
        }
        let mut again = KvBatch::new();
        for (key, block) in &self.held {
            again.put(Cf::Slabs, SlabKey { seal_offset: offset, ..*key }.to_bytes(), block.clone());
        }
        vec![again]
    }

    /// The batch of the chore before, and all of its hour with it.
    pub(crate) fn chore(&mut self, chore: Chore, batch: KvBatch) -> Vec<KvBatch> {
        if self.bug != Some(Bug::LateSlabCompactedAway) {
            return vec![batch];
        }
        let Chore::Hour { metric, hour } = chore else { return vec![batch] };
        if self.chore.is_some() {
            return self.chore.take().into_iter().collect();
        }
        let first = |hour: u32| SlabKey::first(metric, Minute(hour * 60)).to_bytes();
        let mut whole_hour = batch;
        whole_hour.delete_range(Cf::Slabs, first(hour), first(hour + 1));
        self.chore = Some(whole_hour);
        Vec::new()
    }

    pub(crate) fn record(&mut self, entry: &Entry) -> Result<Bytes, Wrong> {
        let is_replay = entry.offset < self.applied;
        self.applied = self.applied.max(entry.offset + 1);
        if self.bug != Some(Bug::SketchesMergedTwice) || !is_replay {
            return Ok(entry.record.clone());
        }
        let Ok(Record::Rows(mut batches)) = decode_record(entry.record.clone()) else {
            return Ok(entry.record.clone());
        };
        for bytes in batches.iter_mut().flat_map(|batch| &mut batch.distribution) {
            let once = Distribution::decode(bytes).map_err(|why| Wrong(why.to_string()))?;
            let (mut twice, mut out) = (once.clone(), Vec::new());
            twice.merge(&once);
            twice.encode(&mut out);
            *bytes = out.into();
        }
        Ok(encode_rows(&batches))
    }

    /// Blocks of all minutes but the newest of this seal wait for the next one.
    fn hold_late(&mut self, batch: &KvBatch) -> KvBatch {
        let all = blocks(batch);
        let newest = all.iter().map(|(key, _)| key.minute).max();
        let mut rest = without(batch, |cf, key| {
            cf == Cf::Slabs && SlabKey::from_bytes(key).map(|key| key.minute) < newest
        });
        for (key, block) in self.held.drain(..) {
            rest.put(Cf::Slabs, key.to_bytes(), block);
        }
        self.held = all.into_iter().filter(|(key, _)| Some(key.minute) < newest).collect();
        rest
    }
}

#[cfg(feature = "planted-bugs")]
impl Bug {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::DedupNotPersisted,
        Self::PositionBeforeState,
        Self::AckBeforeLog,
        Self::LateRowsLeftBehind,
        Self::SealNotIdempotent,
        Self::ReleasedTooEarly,
        Self::OpenMinutesNotPersisted,
        Self::JudgedAnew,
        Self::LateSlabCompactedAway,
        Self::TotalsNotPersisted,
        Self::SketchesMergedTwice,
        Self::LateRowsUnseen,
        Self::SilentWhenDown,
    ];

    pub(crate) fn acks_early(bug: Option<Self>) -> bool {
        bug == Some(Self::AckBeforeLog)
    }

    pub(crate) fn releases_early(bug: Option<Self>) -> bool {
        bug == Some(Self::ReleasedTooEarly)
    }

    pub(crate) fn hides_late_rows(bug: Option<Self>) -> bool {
        bug == Some(Self::LateRowsUnseen)
    }

    pub(crate) fn is_silent_when_down(bug: Option<Self>) -> bool {
        bug == Some(Self::SilentWhenDown)
    }

    /// Built just now, in the eyes of who judges by the clock.
    pub(crate) fn batch_as_seen(bug: Option<Self>, batch: &v1::Batch, now_s: u64) -> Cow<'_, v1::Batch> {
        if bug != Some(Self::JudgedAnew) {
            return Cow::Borrowed(batch);
        }
        Cow::Owned(v1::Batch { built_unix_seconds: now_s, ..batch.clone() })
    }
}

/// The batch without the puts that `is_out` names.
#[cfg(feature = "planted-bugs")]
fn without(batch: &KvBatch, is_out: impl Fn(Cf, &[u8]) -> bool) -> KvBatch {
    let mut rest = KvBatch::new();
    for op in batch.ops() {
        match op {
            KvOp::Put { cf, key, value } if !is_out(*cf, key) => rest.put(*cf, key.clone(), value.clone()),
            KvOp::Put { .. } => {}
            KvOp::Delete { cf, key } => rest.delete(*cf, key.clone()),
            KvOp::DeleteRange { cf, from, to } => rest.delete_range(*cf, from.clone(), to.clone()),
        }
    }
    rest
}

/// The slab blocks of a batch.
#[cfg(feature = "planted-bugs")]
fn blocks(batch: &KvBatch) -> Vec<(SlabKey, Vec<u8>)> {
    let block = |op: &KvOp| match op {
        KvOp::Put { cf: Cf::Slabs, key, value } => Some((SlabKey::from_bytes(key)?, value.clone())),
        _ => None,
    };
    batch.ops().iter().filter_map(block).collect()
}
