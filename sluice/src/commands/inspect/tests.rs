//! A partition as a server writes it, then looked at while it is still open.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ::store::{Cf, Kv as _, KvBatch, RocksKv};
use aggregator::{Island, IslandLimits};
use model::{Aggregate, Minute, Number, Placement, PublisherId, Scalars, Stamp};
use partition_log::{EmbeddedLog, LogConfig, append_blocking};
use proto::{BatchBuilder, encode_rows, encode_seal};

use super::record::Content;
use super::*;
use crate::serve::data_dir::{DataDir, Given};

const ALL: Wanted = Wanted { records: 100, rows: 100, blocks: true };

/// A data directory of one partition, and what a server keeps open of it.
struct Server {
    dir: tempfile::TempDir,
    _data: DataDir,
    log: EmbeddedLog,
    island: Island,
    kv: RocksKv,
}

// === impl Server ===

impl Server {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path(), Placement::new(1, 1).unwrap(), Given::default()).unwrap();
        let log = EmbeddedLog::open(data.log(0), LogConfig::default()).unwrap().log;
        let kv = RocksKv::open(&data.store(0)).unwrap();
        Self { dir, _data: data, log, island: Island::new(IslandLimits::DEFAULT), kv }
    }

    fn append(&mut self, record: &bytes::Bytes) {
        let offset = append_blocking(&self.log, record.clone()).unwrap();
        if let Some(checkpoint) = self.island.apply(offset, record).unwrap().checkpoint {
            self.kv.commit(checkpoint.batch).unwrap();
        }
    }

    /// One batch: a row of `Latency` for each Api.
    fn rows(&mut self, sequence: u64, minute: u32, apis: &[&str]) {
        let stamp = Stamp { publisher: PublisherId(7), epoch: 1, sequence };
        let mut batch = BatchBuilder::new("shop").publisher(stamp);
        for api in apis {
            let row = Aggregate::of(Scalars::of(Number::Int(300)));
            batch.add("Latency", [("Api", *api)], Minute(minute), &row);
        }
        self.append(&encode_rows(&[batch.build()]));
    }

    fn seal(&mut self, minute: u32) {
        self.append(&encode_seal(Minute(minute)));
    }

    fn inspect(&self) -> Report {
        inspect(self.dir.path(), None, ALL).unwrap()
    }

    fn segment(&self) -> PathBuf {
        self.dir.path().join("partition-0000/log/00000000000000000000.log")
    }
}

/// Two minutes, one of them with a late row, a duplicate, and a minute that is open.
fn served() -> Server {
    let mut server = Server::start();
    server.rows(0, 100, &["Get", "Put"]);
    server.seal(100);
    server.rows(1, 101, &["Get"]);
    server.rows(1, 101, &["Get"]);
    server.rows(2, 100, &["Del"]);
    server.rows(3, 102, &["Get"]);
    server.seal(101);
    server
}

#[test]
fn a_running_server_is_seen_as_it_is() {
    let server = served();
    let report = server.inspect();
    assert_eq!(report.damage, Vec::<String>::new());
    let [partition] = &report.partitions[..] else { panic!("{report:?}") };
    let (log, store) = (partition.log.as_ref().unwrap(), partition.store.as_ref().unwrap());

    assert_eq!((log.start, log.end, log.segments.len(), log.segments[0].state.as_str()), (0, 7, 1, "good"));
    let Content::Rows { rows: 2, batches } = &log.newest[0].content else { panic!("{log:?}") };
    assert_eq!(batches[0].stamp.as_deref(), Some("00000000000000000000000000000007/1/0"));
    assert_eq!(batches[0].first_rows[1].dims, BTreeMap::from([("Api".to_owned(), "Put".to_owned())]));
    assert!(
        matches!(&log.newest[6].content, Content::Seal { minute: 101, time } if time == "1970-01-01T01:41:00Z")
    );

    let (head, counters) = (store.checkpoint.as_ref().unwrap(), server.island.counters());
    assert_eq!((head.version, head.position), (aggregator::STATE_VERSION, server.island.position()));
    assert_eq!(head.sealed_through.as_deref(), Some("1970-01-01T01:41:00Z"));
    assert_eq!((head.series, head.metrics), (u64::from(server.island.series()), 1));
    assert_eq!(
        (head.rows_received, head.rows_applied, head.rows_late, head.rows_duplicate, head.rows_dropped),
        (
            counters.rows_received,
            counters.rows_applied,
            counters.rows_late,
            counters.rows_duplicate,
            counters.rows_dropped
        )
    );
    assert_eq!((head.rows_received, head.rows_late, head.rows_duplicate), (6, 1, 1));
    assert_eq!((head.records_undecodable, head.publishers_evicted), (0, 0));

    let parts: Vec<_> = store.state.iter().map(|part| (part.what, part.keys)).collect();
    assert_eq!(
        parts,
        [("head", 1), ("publishers", 1), ("records to know the log by", 1), ("open minutes", 1)]
    );
    assert_eq!(store.state[3].minutes, [("1970-01-01T01:42:00Z".to_owned(), 1)]);
    assert_eq!(store.dictionary.series, 3);

    let slabs = &store.slabs;
    assert_eq!((slabs.blocks, slabs.blocks_late, slabs.rows), (3, 1, 4));
    let late: Vec<_> =
        slabs.metrics[0].each.iter().map(|block| (block.seal, block.late, block.rows)).collect();
    assert_eq!(late, [(1, false, 2), (6, true, 1), (6, false, 1)]);
    assert_eq!(
        slabs.metrics[0].minutes,
        Some(["1970-01-01T01:40:00Z".to_owned(), "1970-01-01T01:41:00Z".to_owned()])
    );
    print::print(&report, crate::cli::Format::Table);
}

#[test]
fn nothing_is_written() {
    let server = served();
    let before = files(server.dir.path());
    server.inspect();
    assert_eq!(files(server.dir.path()), before);
}

/// Every file with its length and when it was changed.
fn files(dir: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let (path, about) = {
            let entry = entry.unwrap();
            (entry.path(), entry.metadata().unwrap())
        };
        found.insert(path.clone(), (about.len(), about.modified().unwrap()));
        if about.is_dir() {
            found.extend(files(&path));
        }
    }
    found
}

#[test]
fn as_many_records_as_asked_for_from_any_path() {
    let server = served();
    let newest = |path: &Path, records| {
        let wanted = Wanted { records, rows: 0, blocks: false };
        let report = inspect(path, None, wanted).unwrap();
        let log = report.partitions[0].log.as_ref().unwrap();
        (
            log.newest.iter().map(|record| record.offset).collect::<Vec<_>>(),
            report.partitions[0].store.is_some(),
        )
    };
    assert_eq!(newest(server.dir.path(), 2), (vec![5, 6], true));
    assert_eq!(newest(&server.dir.path().join("partition-0000"), 1), (vec![6], true));
    assert_eq!(newest(&server.segment(), 9), ((0..7).collect(), false));
    assert_eq!(newest(&server.segment(), 0), (vec![], false));
}

#[test]
fn a_torn_tail_is_shown_and_is_no_damage() {
    let server = served();
    let mut bytes = fs::read(server.segment()).unwrap();
    bytes.truncate(bytes.len() - 3);
    fs::write(server.segment(), bytes).unwrap();
    let report = inspect(&server.segment(), None, ALL).unwrap();
    let log = report.partitions[0].log.as_ref().unwrap();
    assert!(log.end == 6 && log.segments[0].state.contains("torn"), "{log:?}");
    assert_eq!(report.damage, Vec::<String>::new());
    // The checkpoint says that the record was durable, so of the whole partition it is damage.
    assert!(server.inspect().damage[0].contains("ends at record 6, the checkpoint replays from 7"));
}

#[test]
fn a_damaged_segment_is_named_and_the_store_is_shown() {
    let server = served();
    let mut bytes = fs::read(server.segment()).unwrap();
    bytes[60] ^= 1; // within the first record
    fs::write(server.segment(), bytes).unwrap();
    let report = server.inspect();
    assert!(
        report.damage[0].contains("00000000000000000000.log: at byte 24, after record 0: DAMAGED"),
        "{report:?}"
    );
    assert_eq!(report.partitions[0].store.as_ref().unwrap().slabs.rows, 4);
}

#[test]
fn a_damaged_block_record_and_head_are_named_and_the_rest_is_shown() {
    let mut server = served();
    server.append(&bytes::Bytes::from_static(b"\xff\xff"));
    let mut damage = KvBatch::new();
    let (metric, minute) = (0, Minute(100));
    damage.put(Cf::Slabs, ::store::SlabKey { metric, minute, seal_offset: 1 }.to_bytes(), *b"nonsense");
    damage.put(Cf::Series, ::store::series_key(1), *b"nonsense");
    damage.put(Cf::State, ::store::CHECKPOINT_KEY, *b"nonsense");
    server.kv.commit(damage).unwrap();

    let report = server.inspect();
    let named = |what: &str| report.damage.iter().any(|line| line.contains(what));
    assert!(named("log record 7: the log record cannot be decoded"), "{report:?}");
    assert!(named("slab block (metric id 0, minute 100, seal 1) of shop Latency"), "{report:?}");
    assert!(named("dictionary, key [53, 00, 00, 00, 01]"), "{report:?}");
    assert!(named("checkpoint: state [43] has a wrong checksum"), "{report:?}");
    let slabs = &report.partitions[0].store.as_ref().unwrap().slabs;
    assert_eq!((slabs.blocks, slabs.rows, slabs.metrics[0].blocks_damaged), (3, 2, 1));
}

#[test]
fn compacted_hours_are_shown_and_a_damaged_page_is_named() {
    let server = served();
    let batch = ::store::compact_hour(&*server.kv.snapshot(), 0, 1, ::store::CompactOptions::default());
    server.kv.commit(batch.unwrap().unwrap()).unwrap();
    let report = server.inspect();
    let parts = |report: &Report| -> Vec<(String, u64, u64)> {
        let parts = &report.partitions[0].store.as_ref().unwrap().parts;
        parts.iter().map(|found| (found.what.to_owned(), found.parts, found.parts_damaged)).collect()
    };
    let expected = [("pages".to_owned(), 1, 0), ("hours".to_owned(), 1, 0), ("days".to_owned(), 0, 0)];
    assert_eq!((parts(&report).as_slice(), report.damage.len()), (&expected[..], 0));

    let mut damage = KvBatch::new();
    damage.put(Cf::Pages, ::store::PartKey { metric: 0, period: 1, last: 9 }.to_bytes(), *b"nonsense");
    server.kv.commit(damage).unwrap();
    let report = server.inspect();
    assert_eq!(parts(&report)[0], ("pages".to_owned(), 2, 1));
    assert!(report.damage[0].contains("pages key [00, 00, 00, 00, 00, 00, 00, 01"), "{report:?}");
}

#[test]
fn what_is_nothing_of_ours_is_refused_with_the_way_out() {
    let server = served();
    let refused = |path: &Path, partition| inspect(path, partition, ALL).unwrap_err().to_string();
    let nowhere = server.dir.path().join("nowhere");
    assert!(refused(&nowhere, None).contains("is neither a data directory"));
    assert!(refused(server.dir.path(), Some(1)).contains("has 0 to 0"));
    assert!(refused(&server.segment(), Some(0)).contains("--partition goes with a data directory"));
}
