//! Our segments against RocksDB as the log of a partition, on this disk, each append fsynced before its ack.
//!
//! `cargo bench -p partition-log` prints a JSON line a run; `--profile dev` spares the rebuild. Both sides have the
//! same queue in front and put what waits, up to 4 MiB, into one synced write. Both write every byte to their log
//! once; RocksDB writes it a second time when its memtable is flushed, and sorts it. `SLUICE_BENCH_DIR` names the disk.
#![allow(clippy::print_stdout)] // the JSON lines are what this program is for

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use partition_log::limits::{GROUP_BYTES_MAX, QUEUE_RECORDS_MAX};
use partition_log::{Ack, EmbeddedLog, LogConfig, PartitionLog};

/// Long enough for RocksDB to flush its memtables, short enough for forty runs.
const RUN: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const RECORDS: [usize; 2] = [256 << 10, 16 << 10];
const APPENDERS: [usize; 2] = [1, 16];

fn main() {
    raw_disk();
    for record_bytes in RECORDS {
        for appenders in APPENDERS {
            // A B A B, so that a disk that changes its mind is seen.
            for _ in 0..ROUNDS {
                run("segments", record_bytes, appenders, |dir| Arc::new(Segments::open(dir)));
                run("rocksdb", record_bytes, appenders, |dir| Arc::new(Rocks::open(dir)));
            }
        }
    }
}

/// The part of a log that is measured.
trait Log: Send + Sync {
    fn append(&self, record: Bytes, ack: Ack);
    /// Reads all records, oldest first, and returns their bytes.
    fn replay(&self) -> u64;
}

// === the two sides ===

struct Segments(EmbeddedLog);

impl Segments {
    fn open(dir: &Path) -> Self {
        Self(EmbeddedLog::open(dir, LogConfig::default()).expect("an empty directory").log)
    }
}

impl Log for Segments {
    fn append(&self, record: Bytes, ack: Ack) {
        self.0.append(record, ack);
    }

    fn replay(&self) -> u64 {
        let (mut next, mut bytes) = (0, 0);
        while next < self.0.end() {
            let entries = self.0.read(next, 4 << 20, Duration::ZERO).expect("a read");
            bytes += entries.iter().map(|entry| entry.record.len() as u64).sum::<u64>();
            next += entries.len() as u64;
        }
        bytes
    }
}

struct Rocks {
    db: Arc<rocksdb::DB>,
    queue: Option<SyncSender<(Bytes, Ack)>>,
    committer: Option<JoinHandle<()>>,
}

impl Rocks {
    fn open(dir: &Path) -> Self {
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        options.set_compression_type(rocksdb::DBCompressionType::None); // the records are compact already
        options.set_write_buffer_size(64 << 20); // as long as a segment
        options.increase_parallelism(2);
        let db = Arc::new(rocksdb::DB::open(&options, dir).expect("an empty directory"));
        let (queue, waiting) = sync_channel(QUEUE_RECORDS_MAX);
        let committer = thread::spawn({
            let db = db.clone();
            move || commit_to_rocks(&db, &waiting)
        });
        Self { db, queue: Some(queue), committer: Some(committer) }
    }
}

fn commit_to_rocks(db: &rocksdb::DB, waiting: &Receiver<(Bytes, Ack)>) {
    let mut synced = rocksdb::WriteOptions::default();
    synced.set_sync(true);
    let mut next = 0u64;
    while let Ok(first) = waiting.recv() {
        let mut bytes = first.0.len();
        let mut group = vec![first];
        while bytes < GROUP_BYTES_MAX {
            let Ok(more) = waiting.try_recv() else { break };
            bytes += more.0.len();
            group.push(more);
        }
        let mut batch = rocksdb::WriteBatch::default();
        for (at, (record, _)) in group.iter().enumerate() {
            batch.put((next + at as u64).to_be_bytes(), record);
        }
        db.write_opt(batch, &synced).expect("a write");
        for (_, ack) in group {
            ack(Ok(next));
            next += 1;
        }
    }
}

impl Log for Rocks {
    fn append(&self, record: Bytes, ack: Ack) {
        let queue = self.queue.as_ref().expect("open until dropped");
        queue.send((record, ack)).expect("the committer runs");
    }

    fn replay(&self) -> u64 {
        let records = self.db.iterator(rocksdb::IteratorMode::Start);
        records.map(|record| record.expect("a read").1.len() as u64).sum()
    }
}

impl Drop for Rocks {
    fn drop(&mut self) {
        self.queue.take();
        self.committer.take().map(JoinHandle::join);
    }
}

// === measuring ===

fn run(side: &str, record_bytes: usize, appenders: usize, open: impl Fn(&Path) -> Arc<dyn Log>) {
    let dir = tempfile::tempdir_in(bench_dir()).expect("a directory");
    let log = open(dir.path());
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let (begun, cpu, written) = (Instant::now(), cpu_seconds(), bytes_written());
    let threads: Vec<_> =
        (0..appenders as u64).map(|n| appender(&log, &latencies, record_bytes, n)).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);

    let mut acks = std::mem::take(&mut *latencies.lock().expect("nobody panicked"));
    acks.sort_unstable();
    let bytes = (acks.len() * record_bytes) as f64;
    drop(log); // RocksDB may still be flushing: that belongs to the bytes it wrote
    let written = (bytes_written() - written) as f64 / bytes;
    // Opening belongs to a replay: neither side has anything in its own memory.
    let begun = Instant::now();
    assert_eq!(open(dir.path()).replay(), bytes as u64, "all that was acked is there");
    let replay = bytes / 1e6 / begun.elapsed().as_secs_f64();
    let ms = |share: f64| acks[(acks.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        r#"{{"stage":"log append, fsynced","side":"{side}","record_bytes":{record_bytes},"appenders":{appenders},"mb_per_s":{:.1},"ack_p50_ms":{:.2},"ack_p99_ms":{:.2},"cpu_s_per_gb":{:.2},"written_per_byte":{written:.2},"open_and_replay_mb_per_s":{replay:.0}}}"#,
        bytes / 1e6 / seconds,
        ms(0.5),
        ms(0.99),
        cpu / (bytes / 1e9),
    );
}

/// Appends, waits for the ack, and appends again. Records differ and do not compress.
fn appender(
    log: &Arc<dyn Log>,
    latencies: &Arc<Mutex<Vec<Duration>>>,
    bytes: usize,
    seed: u64,
) -> JoinHandle<()> {
    let (log, latencies) = (log.clone(), latencies.clone());
    let mut state = seed + 1;
    let noise = std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let record: Bytes = noise.take(bytes).collect::<Vec<u8>>().into();
    thread::spawn(move || {
        let (begun, mut mine) = (Instant::now(), Vec::new());
        while begun.elapsed() < RUN {
            let sent = Instant::now();
            let (tell, told) = sync_channel(1);
            log.append(record.clone(), Box::new(move |acked| tell.send(acked).expect("somebody waits")));
            told.recv().expect("an ack").expect("an append");
            mine.push(sent.elapsed());
        }
        latencies.lock().expect("nobody panicked").extend(mine);
    })
}

/// What the disk gives without any log: 1 MiB a write, an fdatasync behind each.
fn raw_disk() {
    let dir = tempfile::tempdir_in(bench_dir()).expect("a directory");
    let file = File::create(dir.path().join("raw")).expect("a file");
    let (block, begun, mut position) = (vec![7; 1 << 20], Instant::now(), 0);
    while begun.elapsed() < RUN {
        file.write_all_at(&block, position).expect("a write");
        file.sync_data().expect("a sync");
        position += block.len() as u64;
    }
    let speed = position as f64 / 1e6 / begun.elapsed().as_secs_f64();
    println!(r#"{{"stage":"raw disk, 1 MiB a sync","mb_per_s":{speed:.1}}}"#);
}

fn bench_dir() -> PathBuf {
    std::env::var_os("SLUICE_BENCH_DIR").map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from)
}

/// What this process has sent towards the disk.
fn bytes_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").expect("Linux");
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).expect("a kernel that counts");
    line.parse().expect("a number")
}

/// User and system time of this process, all threads: fields 14 and 15 of /proc/self/stat, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let behind_name = stat.rsplit(')').next().expect("a process has a name");
    let ticks: u64 =
        behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
