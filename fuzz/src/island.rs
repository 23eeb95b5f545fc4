//! What holds of an island, whatever its log and its disk have been.

use aggregator::{Island, IslandLimits};
use bytes::Bytes;
use store::{Kv as _, MemoryKv};

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
