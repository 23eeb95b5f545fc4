//! One suite for every log: what the trait promises, tried on an implementation.
//!
//! ```
//! use std::sync::Arc;
//! use partition_log::{MemoryLog, PartitionLog, conformance};
//!
//! struct InMemory(Arc<MemoryLog>);
//! impl conformance::Fixture for InMemory {
//!     fn log(&self) -> Arc<dyn PartitionLog> { self.0.clone() }
//!     fn reopen(&mut self) {}
//! }
//! conformance::run(|| Box::new(InMemory(Arc::default())));
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use crate::limits::RECORD_BYTES_MAX;
use crate::log::{
    AppendError, Entry, Offset, PartitionLog, ReadError, ReleaseError, append_async, append_blocking,
};

/// A wait that is long enough on any machine; a good log is done at once.
const LONG: Duration = Duration::from_secs(60);

/// A log under test, empty at first. [`run`] expects that 900 of 1,000 records of 1 KiB being let go frees something.
pub trait Fixture {
    /// The log, open, and known from start to end.
    fn log(&self) -> Arc<dyn PartitionLog>;
    /// Closes the log and opens it again, as after a restart. Nobody else holds it now.
    fn reopen(&mut self);
    /// Lets go of records below `before`, by whatever lets go of them: the reader's release, unless retention is somebody else's.
    /// False where the log cannot be made to.
    fn expire(&self, before: Offset) -> bool {
        self.log().release(before).expect("a release");
        true
    }
    /// The largest record that it can keep.
    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }
}

/// Runs all cases, each on a log of its own.
///
/// # Panics
/// When the log breaks a promise; the message says which.
pub fn run(make: impl Fn() -> Box<dyn Fixture>) {
    let cases: [fn(&mut dyn Fixture); 14] = [
        an_empty_log_is_empty,
        offsets_are_dense_and_records_keep_their_order,
        a_read_begins_anywhere,
        a_read_returns_what_fits_but_at_least_one,
        a_read_at_the_end_waits_for_nothing,
        a_read_at_the_end_wakes,
        beyond_the_end_is_an_error,
        a_release_takes_nothing_that_is_still_needed,
        records_that_are_gone_are_expired,
        records_may_be_empty_and_as_large_as_the_limit,
        a_future_hears_the_ack,
        a_log_at_work_has_not_stopped,
        concurrent_appends_are_acked_exactly_once,
        what_was_acked_is_there_after_a_reopen,
    ];
    for case in cases {
        case(make().as_mut());
    }
}

fn an_empty_log_is_empty(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    assert_eq!((log.start(), log.end()), (0, 0), "an empty log starts and ends at 0");
    assert_eq!(log.read(0, 1, Duration::ZERO).expect("an empty read"), []);
    log.release(0).expect("nothing to release is no error");
}

fn offsets_are_dense_and_records_keep_their_order(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    fill(&*log, 0..100);
    assert_eq!((log.start(), log.end()), (0, 100));
    assert_eq!(read_all(&*log, 0), entries(0..100));
}

fn a_read_begins_anywhere(fixture: &mut dyn Fixture) {
    fill(&*fixture.log(), 0..100);
    for _ in ["as appended", "reopened"] {
        let log = fixture.log();
        for from in 0..=100 {
            assert_eq!(read_all(&*log, from), entries(from..100), "from {from}");
        }
        drop(log);
        fixture.reopen();
    }
}

fn a_read_returns_what_fits_but_at_least_one(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    for _ in 0..10 {
        append(&*log, Bytes::from(vec![7; 100]));
    }
    let count = |bytes_max| log.read(0, bytes_max, Duration::ZERO).expect("a read").len();
    assert_eq!(count(0), 1, "at least one, or a reader stands still");
    assert_eq!(count(99), 1);
    assert!((1..=3).contains(&count(399)), "never more than what fits");
}

fn a_read_at_the_end_waits_for_nothing(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    fill(&*log, 0..3);
    assert_eq!(log.read(3, 1, Duration::from_millis(1)).expect("a read"), []);
    assert_eq!(log.read(3, 1, Duration::ZERO).expect("a read"), []);
}

fn a_read_at_the_end_wakes(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let reader = thread::spawn({
        let log = log.clone();
        move || (0..20).map(|n| log.read(n, 0, LONG).expect("a read")).collect::<Vec<_>>()
    });
    fill(&*log, 0..20);
    let read = reader.join().expect("the reader does not panic");
    assert_eq!(read.concat(), entries(0..20));
}

fn beyond_the_end_is_an_error(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    fill(&*log, 0..3);
    let read = log.read(4, 1, LONG);
    assert!(matches!(read, Err(ReadError::BeyondEnd { from: 4, end: 3 })), "{read:?}");
    let released = log.release(4);
    assert!(matches!(released, Err(ReleaseError::BeyondEnd { before: 4, end: 3 })), "{released:?}");
    assert_eq!(log.start(), 0, "a refused release frees nothing");
}

fn a_release_takes_nothing_that_is_still_needed(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    fill(&*log, 0..200);
    for before in [0, 1, 100, 150, 200] {
        log.release(before).expect("a release");
        assert!(log.start() <= before, "starts at {} after a release of {before}", log.start());
        assert_eq!(read_all(&*log, before), entries(before..200));
    }
}

fn records_that_are_gone_are_expired(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    for _ in 0..1_000 {
        log.append(Bytes::from(vec![7; 1_024]), Box::new(drop));
    }
    append(&*log, record(1_000));
    if !fixture.expire(900) {
        eprintln!("SKIPPED: records that are gone, for this log cannot be made to let go of any");
        return;
    }
    let start = log.start();
    assert!(0 < start && start <= 900, "starts at {start} after 900 were let go");
    drop(log);
    for _ in ["as released", "reopened"] {
        let log = fixture.log();
        assert_eq!((log.start(), log.end()), (start, 1_001));
        let expired = log.read(start - 1, 1, LONG);
        assert!(
            matches!(expired, Err(ReadError::Expired { from, start: at }) if from + 1 == at),
            "{expired:?}"
        );
        assert_eq!(read_all(&*log, start).len() as u64, 1_001 - start);
        log.release(1).expect("let go already");
        drop(log);
        fixture.reopen();
    }
    assert_eq!(append(&*fixture.log(), record(1_001)), 1_001, "offsets go on");
}

fn records_may_be_empty_and_as_large_as_the_limit(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let sizes = [0, fixture.record_bytes_max(), 1, 0];
    for size in sizes {
        append(&*log, Bytes::from(vec![7; size]));
    }
    let (bytes, max) = (RECORD_BYTES_MAX + 1, RECORD_BYTES_MAX);
    let refused = append_blocking(&*log, Bytes::from(vec![7; bytes]));
    assert_eq!(refused, Err(AppendError::TooLarge { bytes, max }));
    drop(log);
    fixture.reopen();
    let read = read_all(&*fixture.log(), 0);
    assert!(read.iter().map(|entry| entry.record.len()).eq(sizes));
    assert!(read.iter().all(|entry| entry.record.iter().all(|byte| *byte == 7)));
}

fn a_future_hears_the_ack(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let [first, second] = [0, 1].map(|n| append_async(&*log, record(n)));
    // Queued already, so the second may be awaited first.
    assert_eq!(runtime.block_on(second), Ok(1));
    assert_eq!(runtime.block_on(first), Ok(0));
}

fn a_log_at_work_has_not_stopped(fixture: &mut dyn Fixture) {
    for n in 0..2 {
        let log = fixture.log();
        assert_eq!(log.stopped(), None);
        append(&*log, record(n));
        append_blocking(&*log, Bytes::from(vec![7; RECORD_BYTES_MAX + 1])).expect_err("too large");
        assert_eq!(log.stopped(), None, "a refused record stops nothing");
        drop(log);
        fixture.reopen();
    }
}

fn concurrent_appends_are_acked_exactly_once(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let acked = append_concurrently(&log, 8, 50);
    assert!(acked.keys().copied().eq(0..400), "each offset acked once");
    for entry in read_all(&*log, 0) {
        assert_eq!(acked.get(&entry.offset), Some(&entry.record), "the ack names its own record");
    }
}

fn what_was_acked_is_there_after_a_reopen(fixture: &mut dyn Fixture) {
    let mut acked = BTreeMap::new();
    for _ in 0..3 {
        acked.extend(append_concurrently(&fixture.log(), 4, 25));
        fixture.reopen();
        let log = fixture.log();
        let there: BTreeMap<_, _> = read_all(&*log, 0).into_iter().map(|e| (e.offset, e.record)).collect();
        assert_eq!(there, acked);
    }
}

// === helpers ===

fn append_concurrently(log: &Arc<dyn PartitionLog>, threads: u64, each: u64) -> BTreeMap<Offset, Bytes> {
    let append_some = |thread: u64| {
        let log = log.clone();
        move || {
            let records = (0..each).map(|n| Bytes::from(format!("thread {thread} record {n}")));
            records.map(|record| (append(&*log, record.clone()), record)).collect::<Vec<_>>()
        }
    };
    let appenders: Vec<_> = (0..threads).map(|n| thread::spawn(append_some(n))).collect();
    let acked = appenders.into_iter().flat_map(|appender| appender.join().expect("it does not panic"));
    let acked: Vec<_> = acked.collect();
    let by_offset: BTreeMap<_, _> = acked.iter().cloned().collect();
    assert_eq!(by_offset.len(), acked.len(), "two records were acked at one offset");
    by_offset
}

fn append(log: &dyn PartitionLog, record: Bytes) -> Offset {
    append_blocking(log, record).expect("an append")
}

fn record(n: u64) -> Bytes {
    Bytes::from(format!("record {n}"))
}

fn fill(log: &dyn PartitionLog, offsets: std::ops::Range<Offset>) {
    for n in offsets {
        assert_eq!(append(log, record(n)), n, "offsets are dense");
    }
}

fn entries(offsets: std::ops::Range<Offset>) -> Vec<Entry> {
    offsets.map(|offset| Entry { offset, record: record(offset) }).collect()
}

fn read_all(log: &dyn PartitionLog, from: Offset) -> Vec<Entry> {
    let mut read = Vec::new();
    loop {
        let more = log.read(from + read.len() as u64, 300, Duration::ZERO).expect("a read");
        if more.is_empty() {
            return read;
        }
        read.extend(more);
    }
}
