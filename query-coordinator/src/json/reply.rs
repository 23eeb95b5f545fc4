//! Bodies of replies.

use std::collections::BTreeMap;

use proto::v1;
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct TopJson {
    rows: Vec<TopRowJson>,
    others: Option<OthersJson>,
    completeness: CompletenessJson,
    stats: StatsJson,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct TopRowJson {
    dims: BTreeMap<String, String>,
    rank: NumberJson,
    /// `metric:sampling` → value over the whole range.
    pivot: BTreeMap<String, Option<NumberJson>>,
    points: Option<Vec<PointJson>>,
    /// `metric:sampling` → its points, when points were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pivot_points: Option<BTreeMap<String, Vec<PointJson>>>,
}

#[derive(Serialize)]
struct OthersJson {
    groups: u64,
    rank: Option<NumberJson>,
}

#[derive(Serialize)]
struct PointJson {
    time: u64,
    value: Option<NumberJson>,
}

/// An integer with all its digits where the value is one, else a float.
#[derive(Serialize)]
#[serde(untagged)]
enum NumberJson {
    Int(i64),
    Float(f64),
}

#[derive(Serialize)]
pub(crate) struct SeriesJson {
    rows: Vec<SeriesRowJson>,
    completeness: CompletenessJson,
    stats: StatsJson,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct SeriesRowJson {
    dims: BTreeMap<String, String>,
    points: Vec<PointJson>,
}

#[derive(Serialize)]
pub(crate) struct HintsJson {
    values: Vec<HintJson>,
    total: u64,
    /// Pass it as `after` for the next page; null on the last.
    next: Option<String>,
    /// Only when there are no values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why_empty: Vec<HintStepJson>,
    completeness: CompletenessJson,
    stats: StatsJson,
}

#[derive(Serialize)]
struct HintStepJson {
    step: String,
    series: u64,
}

#[derive(Serialize)]
struct HintJson {
    value: String,
    series: u64,
}

#[derive(Serialize)]
pub(crate) struct MetricsJson {
    metrics: Vec<MetricJson>,
    completeness: CompletenessJson,
}

#[derive(Serialize)]
struct MetricJson {
    metric: String,
    series: u64,
    dims: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct DimensionsJson {
    dimensions: Vec<DimensionJson>,
    completeness: CompletenessJson,
}

#[derive(Serialize)]
struct DimensionJson {
    name: String,
    values: u64,
    series: u64,
}

#[derive(Serialize)]
struct CompletenessJson {
    ratio: f64,
    partial: bool,
    reasons: Vec<String>,
    partitions: PartitionsJson,
    minutes: Vec<MinuteJson>,
}

#[derive(Serialize)]
struct PartitionsJson {
    asked: u32,
    answered: u32,
}

#[derive(Serialize)]
struct MinuteJson {
    time: u64,
    ratio: f64,
    state: String,
    rows_declared: u64,
    rows_applied: u64,
}

#[derive(Serialize)]
struct StatsJson {
    series_scanned: u64,
    bytes_read: u64,
    ms: f64,
    partitions_asked: u32,
    rounds: u32,
}

#[derive(Serialize)]
pub(crate) struct HealthJson {
    version: String,
    started: u64,
    partitions: Vec<PartitionJson>,
    counters: Vec<CounterJson>,
}

#[derive(Serialize)]
struct PartitionJson {
    partition: u32,
    state: String,
    detail: String,
    sealed_through: u64,
    log_start: u64,
    log_end: u64,
    position: u64,
    lag_records: u64,
    series: u64,
    rows_applied: u64,
    rows_duplicate: u64,
    rows_dropped: u64,
    rows_late: u64,
    disk_bytes: u64,
    blocks_damaged: u64,
    hints_rebuilt: u64,
}

#[derive(Serialize)]
struct CounterJson {
    hop: String,
    account: String,
    reason: String,
    rows: u64,
}

// === from the wire ===

impl From<v1::TopReply> for TopJson {
    fn from(reply: v1::TopReply) -> Self {
        Self {
            rows: reply.rows.into_iter().map(Into::into).collect(),
            others: reply.others.map(|others| OthersJson {
                groups: others.groups,
                rank: number(others.rank, others.rank_int),
            }),
            completeness: reply.completeness.unwrap_or_default().into(),
            stats: reply.stats.unwrap_or_default().into(),
            warnings: reply.warnings,
        }
    }
}

impl From<v1::TopRow> for TopRowJson {
    fn from(row: v1::TopRow) -> Self {
        let asked = !row.points.is_empty();
        let (mut pivot, mut pivot_points) = (BTreeMap::new(), BTreeMap::new());
        for one in row.pivot {
            pivot_points.insert(one.name.clone(), points(one.points));
            pivot.insert(one.name, number(one.value, one.value_int));
        }
        Self {
            dims: row.dims.into_iter().collect(),
            rank: row.rank_int.map_or(NumberJson::Float(row.rank), NumberJson::Int),
            pivot_points: (asked && !pivot.is_empty()).then_some(pivot_points),
            pivot,
            points: asked.then(|| points(row.points)),
        }
    }
}

impl From<v1::SeriesReply> for SeriesJson {
    fn from(reply: v1::SeriesReply) -> Self {
        let row = |row: v1::SeriesRow| SeriesRowJson {
            dims: row.dims.into_iter().collect(),
            points: points(row.points),
        };
        Self {
            rows: reply.rows.into_iter().map(row).collect(),
            completeness: reply.completeness.unwrap_or_default().into(),
            stats: reply.stats.unwrap_or_default().into(),
            warnings: reply.warnings,
        }
    }
}

impl From<v1::HintsReply> for HintsJson {
    fn from(reply: v1::HintsReply) -> Self {
        let value = |v1::HintValue { value, series }| HintJson { value, series };
        let step = |v1::HintStep { step, series }| HintStepJson { step, series };
        Self {
            values: reply.values.into_iter().map(value).collect(),
            total: reply.total,
            next: Some(reply.next).filter(|next| !next.is_empty()),
            why_empty: reply.why_empty.into_iter().map(step).collect(),
            completeness: reply.completeness.unwrap_or_default().into(),
            stats: reply.stats.unwrap_or_default().into(),
        }
    }
}

impl From<v1::MetricsReply> for MetricsJson {
    fn from(reply: v1::MetricsReply) -> Self {
        let row = |v1::MetricRow { metric, series, dims }| MetricJson { metric, series, dims };
        Self {
            metrics: reply.metrics.into_iter().map(row).collect(),
            completeness: reply.completeness.unwrap_or_default().into(),
        }
    }
}

impl From<v1::DimensionsReply> for DimensionsJson {
    fn from(reply: v1::DimensionsReply) -> Self {
        let row = |v1::DimensionRow { name, values, series }| DimensionJson { name, values, series };
        Self {
            dimensions: reply.dimensions.into_iter().map(row).collect(),
            completeness: reply.completeness.unwrap_or_default().into(),
        }
    }
}

impl From<v1::HealthReply> for HealthJson {
    fn from(reply: v1::HealthReply) -> Self {
        let counter = |v1::Counter { hop, account, reason, rows }| CounterJson { hop, account, reason, rows };
        Self {
            version: reply.version,
            started: reply.started,
            partitions: reply.partitions.into_iter().map(Into::into).collect(),
            counters: reply.counters.into_iter().map(counter).collect(),
        }
    }
}

impl From<v1::PartitionHealth> for PartitionJson {
    fn from(health: v1::PartitionHealth) -> Self {
        Self {
            partition: health.partition,
            state: health.state,
            detail: health.detail,
            sealed_through: health.sealed_through,
            log_start: health.log_start,
            log_end: health.log_end,
            position: health.position,
            lag_records: health.lag_records,
            series: health.series,
            rows_applied: health.rows_applied,
            rows_duplicate: health.rows_duplicate,
            rows_dropped: health.rows_dropped,
            rows_late: health.rows_late,
            disk_bytes: health.disk_bytes,
            blocks_damaged: health.blocks_damaged,
            hints_rebuilt: health.hints_rebuilt,
        }
    }
}

impl From<v1::Completeness> for CompletenessJson {
    fn from(complete: v1::Completeness) -> Self {
        let minute = |minute: v1::MinuteCompleteness| MinuteJson {
            time: minute.time,
            ratio: minute.ratio,
            state: minute.state,
            rows_declared: minute.rows_declared,
            rows_applied: minute.rows_applied,
        };
        Self {
            ratio: complete.ratio,
            partial: complete.partial,
            reasons: complete.reasons,
            partitions: PartitionsJson {
                asked: complete.partitions_asked,
                answered: complete.partitions_answered,
            },
            minutes: complete.minutes.into_iter().map(minute).collect(),
        }
    }
}

impl From<v1::Stats> for StatsJson {
    fn from(stats: v1::Stats) -> Self {
        let v1::Stats { series_scanned, bytes_read, ms, partitions_asked, rounds } = stats;
        Self { series_scanned, bytes_read, ms, partitions_asked, rounds }
    }
}

fn points(points: Vec<v1::Point>) -> Vec<PointJson> {
    let point = |v1::Point { time, value, value_int }| PointJson { time, value: number(value, value_int) };
    points.into_iter().map(point).collect()
}

fn number(value: Option<f64>, int: Option<i64>) -> Option<NumberJson> {
    int.map(NumberJson::Int).or(value.map(NumberJson::Float))
}
