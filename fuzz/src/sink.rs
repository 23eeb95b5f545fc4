//! A frontend whose log is looked into.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use frontend::Frontend;
use frontend::decoding::Memory;
use model::{Limits, Placement};
use parking_lot::Mutex;
use partition_log::{Ack, Entry, Offset, PartitionLog, ReadError, ReleaseError};
use proto::{BatchView, Record, decode_record, v1};
use tokio::runtime::{Builder, Runtime};

use crate::check_records;

/// Unix seconds at which everything happens, so that the same input is always the same run.
pub const NOW: u64 = 1_700_000_000;

/// Takes every record.
#[derive(Default)]
struct Sink(Mutex<Vec<Bytes>>);

/// Kept over all inputs of a run, so that what grows without bound is seen.
struct House {
    runtime: Runtime,
    frontend: Arc<Frontend>,
    memory: Memory,
    log: Arc<Sink>,
}

thread_local! {
    static HOUSE: House = House::new();
}

/// Runs `work` with the frontend and the memory of its doors, which is given back at the end.
///
/// # Panics
/// When it is not, or what went into the log is not what an island takes.
pub fn with_frontend<F: Future>(work: impl FnOnce(Arc<Frontend>, Memory) -> F) -> F::Output {
    HOUSE.with(|house| {
        let done = house.runtime.block_on(work(Arc::clone(&house.frontend), house.memory.clone()));
        assert_eq!(house.memory.bytes_used(), 0);
        let records = std::mem::take(&mut *house.log.0.lock());
        check_appended(&records);
        done
    })
}

/// Publishes batches from anybody.
///
/// # Panics
/// When not every row has its fate, or not every accepted row is in the log.
pub async fn check_publish(frontend: &Frontend, batches: &[v1::Batch]) {
    let before = HOUSE.with(|house| house.log.0.lock().len());
    let Ok(reply) = frontend.publish(batches, NOW).await else { return };
    assert_eq!(reply.batches.len(), batches.len());
    for (batch, reply) in batches.iter().zip(&reply.batches) {
        assert_eq!(reply.accepted + reply.refused, batch.row_series.len() as u64, "{reply:?}");
        assert_eq!(reply.refused_by_reason.values().sum::<u64>(), reply.refused, "{reply:?}");
    }
    let accepted: u64 = reply.batches.iter().map(|batch| batch.accepted).sum();
    let appended: u64 = HOUSE.with(|house| house.log.0.lock()[before..].iter().map(rows_of).sum());
    assert_eq!(accepted, appended);
}

/// What a frontend writes, an island takes: each row is applied, known already, or dropped for the island's own limits.
fn check_appended(records: &[Bytes]) {
    let island = check_records(records);
    assert_eq!(island.counters().records_undecodable, 0);
    assert_eq!(island.counters().rows_received, records.iter().map(rows_of).sum::<u64>());
}

/// # Panics
/// When it is no record of rows, each with its hashes.
fn rows_of(record: &Bytes) -> u64 {
    let Ok(Record::Rows(batches)) = decode_record(record.clone()) else { panic!("a frontend writes rows") };
    let rows = |batch| {
        let view = BatchView::new(batch).expect("a frontend writes batches that can be read");
        assert!(view.has_hashes());
        view.rows() as u64
    };
    batches.iter().map(rows).sum()
}

// === impl House ===

impl House {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime without I/O");
        let (log, placement) = (Arc::<Sink>::default(), Placement::new(1, 1).expect("one partition"));
        let logs = vec![Arc::clone(&log) as Arc<dyn PartitionLog>];
        let frontend = runtime.block_on(async { Frontend::new(placement, Limits::DEFAULT, logs) });
        Self { runtime, frontend: Arc::new(frontend.expect("one log")), memory: Memory::default(), log }
    }
}

impl PartitionLog for Sink {
    fn append(&self, record: Bytes, ack: Ack) {
        self.0.lock().push(record);
        ack(Ok(0));
    }

    fn start(&self) -> Offset {
        0
    }

    fn end(&self) -> Offset {
        0
    }

    fn stopped(&self) -> Option<String> {
        None
    }

    fn read(&self, _: Offset, _: usize, _: Duration) -> Result<Vec<Entry>, ReadError> {
        Ok(Vec::new())
    }

    fn release(&self, _: Offset) -> Result<(), ReleaseError> {
        Ok(())
    }
}
