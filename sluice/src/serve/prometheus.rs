//! `/metrics`: the health table in Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use frontend::decoding::Memory;
use proto::v1::{HealthReply, PartitionHealth};

use super::notify::Status;

type Read = fn(&PartitionHealth) -> u64;

const OF_PARTITIONS: [(&str, &str, &str, Read); 12] = [
    ("sluice_island_serving", "gauge", "1 when the island has caught up with a log that takes more", |p| {
        u64::from(p.state == "serving")
    }),
    (
        "sluice_island_sealed_through_seconds",
        "gauge",
        "start of the newest sealed minute, unix seconds",
        |p| p.sealed_through,
    ),
    ("sluice_island_lag_records", "gauge", "log records that are not applied yet", |p| p.lag_records),
    ("sluice_island_series", "gauge", "series of the partition", |p| p.series),
    ("sluice_island_rows_applied_total", "counter", "rows merged", |p| p.rows_applied),
    ("sluice_island_rows_duplicate_total", "counter", "rows of batches that were applied before", |p| {
        p.rows_duplicate
    }),
    ("sluice_island_rows_dropped_total", "counter", "rows that could not be merged", |p| p.rows_dropped),
    ("sluice_island_rows_late_total", "counter", "rows merged after their minute was sealed", |p| {
        p.rows_late
    }),
    ("sluice_log_end_offset", "gauge", "one past the newest durable record", |p| p.log_end),
    ("sluice_store_bytes", "gauge", "bytes on disk", |p| p.disk_bytes),
    ("sluice_store_blocks_damaged", "gauge", "damaged blocks that queries left out since the start", |p| {
        p.blocks_damaged
    }),
    (
        "sluice_hints_rebuilt",
        "gauge",
        "1 when the start found the saved hints damaged and made them again",
        |p| p.hints_rebuilt,
    ),
];

pub(super) fn text(health: &HealthReply, memory: &Memory, receivers: &[(String, Status)]) -> String {
    let mut text = String::new();
    head(&mut text, "sluice_build_info", "gauge", "1, with the version");
    line(&mut text, "sluice_build_info", &[("version", &health.version)], 1);
    for (name, kind, help, read) in OF_PARTITIONS {
        head(&mut text, name, kind, help);
        for partition in &health.partitions {
            line(&mut text, name, &[("partition", &partition.partition.to_string())], read(partition));
        }
    }
    head(&mut text, "sluice_rows_total", "counter", "rows taken and lost, by hop, account and reason");
    for counter in &health.counters {
        let labels = [("hop", &counter.hop), ("account", &counter.account), ("reason", &counter.reason)];
        line(&mut text, "sluice_rows_total", &labels, counter.rows);
    }
    of_memory(&mut text, memory);
    of_receivers(&mut text, receivers);
    text
}

fn of_memory(text: &mut String, memory: &Memory) {
    let wide = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    let mut one = |name, kind, help, value| {
        head(text, name, kind, help);
        line(text, name, &[], value);
    };
    one(
        "sluice_publish_memory_bytes",
        "gauge",
        "memory of publish requests at work",
        wide(memory.bytes_used()),
    );
    one("sluice_publish_memory_max_bytes", "gauge", "its bound", wide(memory.bytes_max()));
    let refused = "publish requests refused because there was no memory for them; nobody knows their rows";
    one("sluice_publish_requests_refused_total", "counter", refused, memory.requests_refused());
}

fn of_receivers(text: &mut String, receivers: &[(String, Status)]) {
    let failing = "sluice_receiver_failing";
    head(text, failing, "gauge", "1 while a receiver of notifications does not take any");
    for (name, status) in receivers {
        line(text, failing, &[("receiver", name)], u64::from(status.failing.is_some()));
    }
    let total = "sluice_notifications_total";
    head(
        text,
        total,
        "counter",
        "notifications taken, tries that failed, and those given up to be made anew",
    );
    for (name, Status { count, .. }) in receivers {
        for (result, value) in
            [("taken", count.taken), ("failed", count.failed), ("given_up", count.given_up)]
        {
            line(text, total, &[("receiver", name), ("result", &result.to_owned())], value);
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _strings_take_everything = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(text: &mut String, name: &str, labels: &[(&str, &String)], value: u64) {
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _strings_take_everything = writeln!(text, "{name}{labels} {value}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use proto::v1::Counter;

    use super::*;

    #[test]
    fn labels_are_escaped() {
        let health = HealthReply {
            version: "1".into(),
            partitions: vec![PartitionHealth {
                partition: 3,
                state: "serving".into(),
                ..PartitionHealth::default()
            }],
            counters: vec![Counter {
                hop: "frontend".into(),
                account: "a\"b\\\n".into(),
                reason: "utf8".into(),
                rows: 7,
            }],
            ..HealthReply::default()
        };
        let receivers = [("ops".to_owned(), Status::default())];
        let text = text(&health, &Memory::default(), &receivers);
        assert!(text.contains("sluice_notifications_total{receiver=\"ops\",result=\"taken\"} 0\n"), "{text}");
        assert!(text.contains("sluice_publish_memory_bytes 0\n"), "{text}");
        assert!(text.contains("sluice_island_serving{partition=\"3\"} 1\n"), "{text}");
        assert!(
            text.contains(r#"sluice_rows_total{hop="frontend",account="a\"b\\\n",reason="utf8"} 7"#),
            "{text}"
        );
    }
}
