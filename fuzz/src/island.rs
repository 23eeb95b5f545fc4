//! What holds of an island, whatever its log and its disk have been.

use aggregator::{Island, IslandLimits};
use bytes::Bytes;
use model::{Aggregate, Minute, Number, PublisherId, Scalars, Stamp};
use proto::{BatchBuilder, encode_delete, encode_rows, encode_seal, v1};
use store::{Kv as _, MemoryKv};

/// The account of the seeds.
const ACCOUNT: &str = "shop";

/// A run's memory is small.
pub const LIMITS: IslandLimits = IslandLimits {
    series_max: 256,
    publishers_max: 16,
    ahead_rows_max: 64,
    drop_counters_max: 16,
    account_hours_max: 16,
};

/// The island that these records make, after it was found to be the one that a crash after the last of them leaves.
///
/// # Panics
/// When a record stops it, when its books do not balance, or when recovery makes another island of the same log.
pub fn check_records(records: &[Bytes]) -> Island {
    let (mut live, disk) = (Island::new(LIMITS), MemoryKv::new());
    apply(&mut live, records, &disk);
    assert!(live.counters().balanced());
    let mut recovered = load(&disk).expect("what an island has written is loaded");
    let from = usize::try_from(recovered.position()).expect("a position of these records");
    apply(&mut recovered, &records[from..], &disk);
    assert_eq!(recovered.image(), live.image());
    live
}

/// A disk is refused at the start, or its island goes on: over rows of series that it knows and of new ones, Seals, late
/// rows and a deletion.
///
/// # Panics
/// When an island that was loaded cannot go on, or its books do not balance.
pub fn check_disk(disk: &MemoryKv) {
    let Ok(mut island) = load(disk) else { return };
    island.image().expect("what is in memory fits blocks");
    let sealed = island.sealed_through().unwrap_or_default();
    let [now, next] = [sealed.plus(1), sealed.plus(2)];
    let all =
        v1::Deletion { account: ACCOUNT.to_owned(), metric: "cpu".to_owned(), ..v1::Deletion::default() };
    let records = [
        encode_rows(&[batch(1 << 40, now), batch(1 << 41, next)]),
        encode_seal(now),
        encode_delete(v1::Delete { deletions: vec![all] }),
        encode_rows(&[batch(1 << 42, now), batch(1 << 43, next)]),
        encode_seal(next),
    ];
    apply(&mut island, &records, disk);
    assert!(island.counters().balanced());
}

/// As the seeds have them, and one more.
fn batch(sequence: u64, minute: Minute) -> v1::Batch {
    let stamp = Stamp { publisher: PublisherId(7), epoch: 1, sequence };
    let mut batch = BatchBuilder::new(ACCOUNT).declares(true).publisher(stamp);
    let row = Aggregate::of(Scalars::of(Number::Int(1)));
    for (metric, host) in [("cpu", "a"), ("cpu", "b"), ("cpu", "new"), ("new", "a")] {
        batch.add(metric, [("host", host), ("region", "west")], minute, &row);
    }
    batch.build()
}

fn load(disk: &MemoryKv) -> Result<Island, aggregator::StateError> {
    Island::load(LIMITS, &*disk.snapshot())
}

/// Every checkpoint is committed before the next record.
fn apply(island: &mut Island, records: &[Bytes], disk: &MemoryKv) {
    for record in records {
        let applied = island.apply(island.position(), record).expect("any record is applied or skipped");
        if let Some(checkpoint) = applied.checkpoint {
            disk.commit(checkpoint.batch).expect("a disk in memory takes everything");
        }
    }
}
