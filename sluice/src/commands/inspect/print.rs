//! The report as tables for people; as JSON with everything; as CSV of paths into that JSON.

use serde_json::{Value, json};

use super::checkpoint::Checkpoint;
use super::log::Log;
use super::record::{Batch, Content, LogRecord};
use super::slabs::{MetricSlabs, Slabs};
use super::store::Store;
use super::{Partition, Report};
use crate::cli::Format;
use crate::read::Table;

pub(super) fn print(report: &Report, format: Format) {
    let answer = json!(report);
    match format {
        Format::Table => report.partitions.iter().for_each(partition),
        Format::Json => Table::default().print(format, &answer),
        Format::Csv => {
            let mut table = Table::new(["path", "value"]);
            leaves(String::new(), &answer, &mut table);
            table.print(format, &answer);
        }
    }
}

/// `partitions.0.log.end,17`.
fn leaves(path: String, value: &Value, table: &mut Table) {
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| leaves(under(name), value, table)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(under(&at.to_string()), value, table));
        }
        Value::String(text) => table.row([path, text.clone()]),
        Value::Null => table.row([path, String::new()]),
        other => table.row([path, other.to_string()]),
    }
}

fn show(table: &Table) {
    table.print(Format::Table, &Value::Null);
}

fn lines(head: impl Into<String>, rest: impl IntoIterator<Item = String>) {
    let mut table = Table::new([head]);
    rest.into_iter().for_each(|line| table.foot(line));
    show(&table);
}

fn partition(partition: &Partition) {
    lines(format!("== {} ==", partition.name), []);
    if let Some(log) = &partition.log {
        show(&segments(log));
        records(log);
    }
    if let Some(store) = &partition.store {
        of_store(store);
    }
    if partition.log.is_none() && partition.store.is_none() {
        lines("nothing there yet, or not readable", []);
    }
    lines("", []);
}

// === log ===

fn segments(log: &Log) -> Table {
    let mut table = Table::new(["segment", "base", "records", "bytes", "state"]);
    for segment in &log.segments {
        let file = segment.file.rsplit('/').next().unwrap_or(&segment.file).to_owned();
        let numbers = [segment.base, segment.records, segment.bytes].map(|number| number.to_string());
        table.row(std::iter::once(file).chain(numbers).chain([segment.state.clone()]));
    }
    table.foot(format!("log: records {} to {}, {} bytes", log.start, log.end, log.bytes));
    table.foot("");
    table
}

fn records(log: &Log) {
    if log.newest.is_empty() {
        return;
    }
    let head =
        ["record", "kind", "bytes", "batches", "rows", "minutes", "publishers/epochs/sequences", "metrics"];
    let mut table = Table::new(head);
    for record in &log.newest {
        table.row(record_cells(record));
    }
    for record in &log.newest {
        rows(record, &mut table);
    }
    table.foot("");
    show(&table);
}

fn record_cells(record: &LogRecord) -> [String; 8] {
    let start = |kind: &str| [record.offset.to_string(), kind.to_owned(), record.bytes.to_string()];
    let ([offset, kind, bytes], rest) = match &record.content {
        Content::Seal { time, .. } => (start("seal"), ["", "", time, "", ""].map(str::to_owned)),
        Content::Rules { from, files } => {
            (start("rules"), ["", "", from, "", &files.join(", ")].map(str::to_owned))
        }
        Content::Delete { deletions } => {
            (start("delete"), ["", "", "", "", &deletions.join("; ")].map(str::to_owned))
        }
        Content::Delivered { through } => (
            start("delivered"),
            ["", "", "", "", &format!("seals up to record {through}")].map(str::to_owned),
        ),
        Content::Undecodable { why } => (start("UNDECODABLE"), ["", "", "", "", why].map(str::to_owned)),
        Content::Rows { rows, batches } => {
            let numbers = [batches.len().to_string(), rows.to_string()];
            let [count, rows] = numbers;
            (start("rows"), [count, rows, minutes(batches), stamps(batches), metrics(batches)])
        }
    };
    let [batches, rows, minutes, stamps, metrics] = rest;
    [offset, kind, bytes, batches, rows, minutes, stamps, metrics]
}

/// The first and the last, or one.
fn minutes(batches: &[Batch]) -> String {
    let all = || batches.iter().filter_map(|batch| batch.minutes.as_ref());
    match (all().map(|minutes| &minutes[0]).min(), all().map(|minutes| &minutes[1]).max()) {
        (Some(first), Some(last)) => span(first, last),
        _ => String::new(),
    }
}

fn span(first: &str, last: &str) -> String {
    if first == last { first.to_owned() } else { format!("{first} to {last}") }
}

fn stamps(batches: &[Batch]) -> String {
    let marks = |batch: &Batch| {
        let stamp = batch.stamp.clone().unwrap_or_else(|| "none".to_owned());
        let marks = [(batch.backfill, "backfill"), (batch.declares, "declares")];
        let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, name)| format!(" {name}")).collect();
        stamp + &marks
    };
    batches.iter().map(marks).collect::<Vec<_>>().join(", ")
}

fn metrics(batches: &[Batch]) -> String {
    let names = |batch: &Batch| {
        let metrics = batch.metrics.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let sketches = match (batch.distinct, batch.distribution, batch.cumulative) {
            (0, 0, 0) => String::new(),
            (distinct, distribution, cumulative) => {
                format!(" ({distinct} distinct, {distribution} distributions, {cumulative} cumulative)")
            }
        };
        format!("{}: {metrics}{sketches}{}", batch.account, batch.unreadable.as_deref().unwrap_or_default())
    };
    batches.iter().map(names).collect::<Vec<_>>().join("; ")
}

fn rows(record: &LogRecord, table: &mut Table) {
    let Content::Rows { batches, .. } = &record.content else { return };
    for row in batches.iter().flat_map(|batch| &batch.first_rows) {
        let dims: Vec<String> = row.dims.iter().map(|(name, value)| format!("{name}={value}")).collect();
        table.foot(format!(
            "  {}  {} {}{{{}}} count {} sum {} min {} max {}",
            record.offset,
            row.time,
            row.metric,
            dims.join(","),
            row.count,
            row.sum,
            row.min,
            row.max
        ));
    }
}

// === store ===

fn of_store(store: &Store) {
    lines(format!("store: {} bytes", store.disk_bytes), head(store.checkpoint.as_ref()));
    let mut table = Table::new(["state", "keys", "bytes", "minutes (rows)"]);
    for part in &store.state {
        let minutes: Vec<String> =
            part.minutes.iter().map(|(time, rows)| format!("{time} ({rows})")).collect();
        table.row([part.what.to_owned(), part.keys.to_string(), part.bytes.to_string(), minutes.join(", ")]);
    }
    let dictionary = &store.dictionary;
    table.foot(format!(
        "dictionary: {} series of {} metrics, {} bytes",
        dictionary.series,
        dictionary.metrics.len(),
        dictionary.bytes
    ));
    table.foot("");
    show(&table);
    show(&slabs(store));
    show(&parts(store));
}

fn head(checkpoint: Option<&Checkpoint>) -> Vec<String> {
    let Some(head) = checkpoint else { return vec!["checkpoint: none yet".to_owned()] };
    vec![
        format!(
            "checkpoint: version {}, replays from record {}, sealed through {}, {} series of {} metrics",
            head.version,
            head.position,
            head.sealed_through.as_deref().unwrap_or("nothing"),
            head.series,
            head.metrics
        ),
        format!(
            "rows: {} received = {} applied ({} late) + {} duplicate + {} dropped; {} records undecodable, {} publishers evicted",
            head.rows_received,
            head.rows_applied,
            head.rows_late,
            head.rows_duplicate,
            head.rows_dropped,
            head.records_undecodable,
            head.publishers_evicted
        ),
        String::new(),
    ]
}

fn slabs(store: &Store) -> Table {
    let slabs = &store.slabs;
    let mut table = Table::new([
        "account", "metric", "series", "blocks", "late", "damaged", "rows", "bytes", "bits/row", "minutes",
    ]);
    for metric in &slabs.metrics {
        let series = store.dictionary.metrics.get(&metric.metric_id).map_or(0, |metric| metric.series);
        let numbers =
            [series, metric.blocks, metric.blocks_late, metric.blocks_damaged, metric.rows, metric.bytes];
        let names = [metric.account.clone(), metric.metric.clone()];
        let minutes = metric.minutes.as_ref().map_or_else(String::new, |[first, last]| span(first, last));
        let cells = names.into_iter().chain(numbers.map(|number| number.to_string()));
        table.row(cells.chain([bits(metric.bits_per_row), minutes]));
    }
    table.foot(total(slabs));
    slabs.metrics.iter().for_each(|metric| blocks(metric, &mut table));
    table
}

fn parts(store: &Store) -> Table {
    let mut table =
        Table::new(["compacted", "parts", "damaged", "moved out", "rows", "bytes", "bits/row", "time"]);
    for found in &store.parts {
        let numbers = [found.parts, found.parts_damaged, found.parts_moved_out, found.rows, found.bytes];
        let time = found.from_to.as_ref().map_or_else(String::new, |[from, to]| span(from, to));
        let numbers = numbers.map(|number| number.to_string());
        let cells = std::iter::once(found.what.to_owned()).chain(numbers);
        table.row(cells.chain([bits(found.bits_per_row), time]));
    }
    table
}

fn total(slabs: &Slabs) -> String {
    format!(
        "slabs: {} blocks ({} late), {} rows, {} bytes, {} bits a row",
        slabs.blocks,
        slabs.blocks_late,
        slabs.rows,
        slabs.bytes,
        bits(slabs.bits_per_row)
    )
}

fn bits(bits: Option<f64>) -> String {
    bits.map_or_else(|| "-".to_owned(), |bits| format!("{bits:.1}"))
}

fn blocks(metric: &MetricSlabs, table: &mut Table) {
    for block in &metric.each {
        let late = if block.late { ", late" } else { "" };
        table.foot(format!(
            "  {} {} {}: {} rows, {} bytes, seal {}{late}, {} distinct, {} distributions",
            metric.account,
            metric.metric,
            block.time,
            block.rows,
            block.bytes,
            block.seal,
            block.distinct,
            block.distribution
        ));
    }
}
