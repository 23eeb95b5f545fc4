//! What the process says of itself, every ten seconds for two hours, in memory: still there when islands, logs and disks
//! are not.
//!
//! In:    statuses and counters that are in memory anyway. Out: `GET /v1/self`.
//! Kept:  720 samples of a few numbers. Lost on a crash: all.
//! Never: a question to an island, a query, a file but the kernel's own about this process.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{House, ended, unix_now};

const EVERY: Duration = Duration::from_secs(10);
/// Two hours.
const SAMPLES_MAX: usize = 720;
const _: () = assert!(SAMPLES_MAX as u64 * EVERY.as_secs() == 2 * 60 * 60);

type Figure = (&'static str, fn(&House) -> u64);

/// A figure's name, and where it comes from. Counters go on from the process' start, those of islands from their own.
const FIGURES: [Figure; 13] = [
    ("resident_bytes", |_| resident_bytes()),
    ("cpu_ms", |_| cpu_ms()),
    ("rows_accepted", |house| frontend_rows(house, true)),
    ("rows_refused", |house| frontend_rows(house, false)),
    ("rows_applied", |house| sum(house, |one| one.counters.rows_applied)),
    ("rows_duplicate", |house| sum(house, |one| one.counters.rows_duplicate)),
    ("rows_dropped", |house| sum(house, |one| one.counters.rows_dropped)),
    ("lag_records", |house| sum(house, |one| one.lag_records)),
    ("series", |house| sum(house, |one| one.series)),
    ("sealed_behind_seconds", sealed_behind_seconds),
    ("partitions_not_serving", |house| {
        sum(house, |one| u64::from(one.state != aggregator::IslandState::Serving))
    }),
    ("store_bytes", |house| sum(house, |one| one.disk_bytes)),
    ("publish_memory_bytes", |house| u64::try_from(house.memory.bytes_used()).unwrap_or(u64::MAX)),
];

/// The samples, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Ring(Mutex<VecDeque<Sample>>);

#[derive(Clone, Debug)]
struct Sample {
    unix_seconds: u64,
    figures: [u64; FIGURES.len()],
}

/// Runs until the word to end.
pub(super) async fn keep(house: House, stopped: watch::Receiver<()>) {
    let mut ended = std::pin::pin!(ended(stopped));
    loop {
        house.ring.add(Sample { unix_seconds: unix_now(), figures: FIGURES.map(|(_, read)| read(&house)) });
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

pub(super) fn router() -> Router<House> {
    Router::new().route("/v1/self", get(page))
}

async fn page(State(house): State<House>) -> Json<Value> {
    let samples: Vec<Value> = house.ring.0.lock().iter().map(Sample::to_json).collect();
    let names = FIGURES.map(|(name, _)| name);
    Json(json!({"every_seconds": EVERY.as_secs(), "figures": names, "samples": samples}))
}

// === impl Ring ===

impl Ring {
    fn add(&self, sample: Sample) {
        let mut samples = self.0.lock();
        samples.push_back(sample);
        while samples.len() > SAMPLES_MAX {
            samples.pop_front();
        }
    }
}

// === impl Sample ===

impl Sample {
    fn to_json(&self) -> Value {
        json!({"time": self.unix_seconds, "values": self.figures})
    }
}

fn sum(house: &House, of: fn(&aggregator::IslandStatus) -> u64) -> u64 {
    house.partitions.islands().iter().map(|island| of(&island.status())).sum()
}

fn frontend_rows(house: &House, accepted: bool) -> u64 {
    let counters = house.frontend.iter().flat_map(|frontend| frontend.counters().snapshot());
    counters.filter(|one| (one.reason == "accepted") == accepted).map(|one| one.rows).sum()
}

/// Of the partition that is furthest behind; 0 before the first seal.
fn sealed_behind_seconds(house: &House) -> u64 {
    let sealed = house.partitions.islands().iter().filter_map(|island| island.status().sealed_through).min();
    sealed.map_or(0, |sealed| unix_now().saturating_sub(sealed.next().unix_seconds()))
}

/// The second number of `/proc/self/statm`, in pages; 0 where there is none.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

fn cpu_ms() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(used.tv_sec).unwrap_or(0) * 1000 + u64::try_from(used.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_when_there_are_two_hours() {
        let ring = Ring::default();
        for second in 0..=SAMPLES_MAX as u64 {
            ring.add(Sample { unix_seconds: second, figures: [0; FIGURES.len()] });
        }
        let samples = ring.0.lock();
        assert_eq!((samples.len(), samples[0].unix_seconds), (SAMPLES_MAX, 1));
    }

    #[test]
    fn the_kernel_says_what_this_process_takes() {
        assert!(resident_bytes() > 1 << 20);
    }
}
