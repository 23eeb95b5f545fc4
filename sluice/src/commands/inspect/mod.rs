//! `sluice inspect`: what log segments, slabs and checkpoints hold, readable.
//!
//! In:    a data directory, a partition's folder, or one log segment.
//! Out:   tables, or all of it as JSON. What is damaged is named and the rest is shown.
//! Never: a write, a lock: it runs beside a server. Log and store are read one after the other, so the log may be
//!        behind the checkpoint by what came in between.

mod checkpoint;
mod dictionary;
mod log;
mod parts;
mod print;
mod record;
mod slabs;
mod store;
mod target;
#[cfg(test)]
mod tests;
mod verify;

use std::path::Path;

use model::Minute;
use serde::Serialize;
use serde_json::Value;

use self::log::Log;
use self::store::Store;
use self::target::Target;
pub(super) use self::verify::{Family, PartitionVerified, verify_partition};
use crate::cli::InspectArgs;
use crate::exit::Exit;
use crate::read::format_or_default;

/// All that was found.
#[derive(Debug, Serialize)]
struct Report {
    path: String,
    partitions: Vec<Partition>,
    /// One line each; exit status 1 when there are any.
    damage: Vec<String>,
}

/// A partition, or of one segment's only its log.
#[derive(Debug, Serialize)]
struct Partition {
    name: String,
    log: Option<Log>,
    store: Option<Store>,
}

/// How much is shown.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    records: usize,
    rows: usize,
    blocks: bool,
}

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    let wanted = Wanted { records: args.records, rows: args.rows, blocks: args.blocks };
    let report = inspect(&args.path, args.partition, wanted)?;
    print::print(&report, format_or_default(args.format));
    for damage in &report.damage {
        eprintln!("damaged: {damage}");
    }
    Ok(if report.damage.is_empty() { Exit::Good } else { Exit::Bad })
}

fn inspect(path: &Path, partition: Option<u32>, wanted: Wanted) -> anyhow::Result<Report> {
    let mut damage = Vec::new();
    let partitions = match Target::of(path, partition)? {
        Target::Segment(file) => {
            let name = file.display().to_string();
            vec![Partition { name, log: Some(Log::of_segment(&file, wanted, &mut damage)), store: None }]
        }
        Target::Partitions(dirs) => dirs.iter().map(|dir| of_partition(dir, wanted, &mut damage)).collect(),
    };
    Ok(Report { path: path.display().to_string(), partitions, damage })
}

fn of_partition(dir: &Path, wanted: Wanted, damage: &mut Vec<String>) -> Partition {
    let name = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned();
    // The log first: what it begins with then is what the checkpoint needs, however much is released meanwhile.
    let log_dir = dir.join("log");
    let log = log_dir.is_dir().then(|| Log::of_dir(&log_dir, wanted, damage));
    let store_dir = dir.join("store");
    let store = if store_dir.is_dir() { Store::read(&store_dir, wanted, damage) } else { None };
    let position = store.as_ref().and_then(|store| store.checkpoint.as_ref()).map(|head| head.position);
    if let (Some(log), Some(position)) = (&log, position) {
        damage.extend(log.misfit(&log_dir, position));
    }
    Partition { name, log, store }
}

/// `2024-05-01T10:31:00Z`; the bare number of a minute that no calendar shows.
fn time(minute: Minute) -> String {
    const YEAR_10000: u64 = 253_402_300_800;
    match minute.unix_seconds() {
        seconds if seconds < YEAR_10000 => {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            humantime::format_rfc3339_seconds(time).to_string()
        }
        _ => minute.to_string(),
    }
}

/// An integer as such, whatever its size.
fn number(value: model::Number) -> Value {
    match value {
        model::Number::Int(value) => Value::from(value),
        model::Number::Float(value) => Value::from(value),
    }
}
