//! `sluice verify`: everything in a data directory decoded in full, each damaged block by name.
//!
//! In:    a data directory. A server may be running on it.
//! Out:   what was read by partition; exit status 1 when anything is damaged.
//! Never: a write, a lock.

use std::path::Path;

use anyhow::Context as _;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;

use super::inspect::{PartitionVerified, verify_partition};
use crate::cli::VerifyArgs;
use crate::exit::Exit;
use crate::progress;
use crate::read::{Table, format_or_default};
use crate::serve::data_dir::{partition_dir, partitions};

/// All that was found.
#[derive(Debug, Serialize)]
struct Report {
    data: String,
    sound: bool,
    damaged: u64,
    partitions: Vec<PartitionVerified>,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let report = verify(&args.data)?;
    table(&report).print(format_or_default(args.format), &json!(report));
    for damage in report.partitions.iter().flat_map(|partition| &partition.damage) {
        eprintln!("damaged: {damage}");
    }
    Ok(if report.sound { Exit::Good } else { Exit::Bad })
}

fn verify(data: &Path) -> anyhow::Result<Report> {
    let count = partitions(data)?;
    let dirs: Vec<_> = (0..count).map(|partition| partition_dir(data, partition)).collect();
    let bar = progress::bytes(Some(dirs.iter().map(|dir| size(dir)).sum()));
    let verified = dirs.iter().map(|dir| of_partition(dir, &bar)).collect::<anyhow::Result<Vec<_>>>();
    bar.finish_and_clear();
    let partitions = verified?;
    let damaged = partitions.iter().map(|partition| partition.damaged).sum();
    Ok(Report { data: data.display().to_string(), sound: damaged == 0, damaged, partitions })
}

/// What is on disk is packed and what is read is not, so the bar ends each partition where its files end.
fn of_partition(dir: &Path, bar: &ProgressBar) -> anyhow::Result<PartitionVerified> {
    std::fs::metadata(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let end = bar.position() + size(dir);
    let mut moved = |bytes| bar.set_position(end.min(bar.position() + bytes));
    let found = verify_partition(dir, &mut moved);
    bar.set_position(end);
    Ok(found)
}

/// Bytes of the files below; what cannot be read is said by who reads it.
fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(of).sum()
}

fn table(report: &Report) -> Table {
    let mut table =
        Table::new(["partition", "log records", "log bytes", "series", "blocks", "rows", "bytes", "damaged"]);
    for partition in &report.partitions {
        let of = |read: fn(&_) -> u64| partition.families.iter().map(read).sum::<u64>();
        table.row([
            partition.name.clone(),
            partition.records.to_string(),
            partition.log_bytes.to_string(),
            partition.series.to_string(),
            of(|family: &super::inspect::Family| family.keys).to_string(),
            of(|family| family.rows).to_string(),
            of(|family| family.bytes).to_string(),
            partition.damaged.to_string(),
        ]);
    }
    table.foot(match report.damaged {
        0 => format!("{} is sound: everything was decoded.", report.data),
        damaged => format!("{damaged} damaged; each is named below. What to do: docs/backup.md"),
    });
    table
}
