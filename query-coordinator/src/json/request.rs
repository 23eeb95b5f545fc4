//! Bodies of requests.

use proto::v1;
use serde::Deserialize;

use crate::limits::N_DEFAULT;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopBody {
    #[serde(default)]
    account: String,
    metric: String,
    #[serde(default)]
    by: Vec<String>,
    #[serde(default = "sum")]
    rank: String,
    #[serde(default = "ten")]
    n: u32,
    #[serde(default)]
    order: String,
    #[serde(default, rename = "where")]
    matchers: Vec<Condition>,
    from: u64,
    to: u64,
    #[serde(default)]
    pivot: Vec<PivotBody>,
    #[serde(default)]
    points: bool,
    #[serde(default)]
    step_seconds: u32,
    #[serde(default)]
    include_open: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeriesBody {
    #[serde(default)]
    account: String,
    metric: String,
    #[serde(default)]
    by: Vec<String>,
    #[serde(default = "sum")]
    sampling: String,
    #[serde(default)]
    step_seconds: u32,
    #[serde(default, rename = "where")]
    matchers: Vec<Condition>,
    from: u64,
    to: u64,
    #[serde(default)]
    include_open: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HintsBody {
    #[serde(default)]
    account: String,
    metric: String,
    #[serde(default)]
    select: Vec<Condition>,
    of: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    substring: String,
    from: u64,
    to: u64,
    #[serde(default)]
    limit: u32,
    #[serde(default)]
    after: String,
    #[serde(default)]
    include_open: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsBody {
    #[serde(default)]
    account: String,
    from: u64,
    to: u64,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    include_open: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DimensionsBody {
    #[serde(default)]
    account: String,
    metric: String,
    from: u64,
    to: u64,
    #[serde(default)]
    include_open: bool,
}

/// A condition on a dimension.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    dim: String,
    #[serde(default = "equals")]
    op: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PivotBody {
    metric: String,
    #[serde(default = "sum")]
    sampling: String,
}

fn sum() -> String {
    "sum".into()
}

fn equals() -> String {
    "=".into()
}

fn ten() -> u32 {
    N_DEFAULT
}

fn matchers(conditions: Vec<Condition>) -> Vec<v1::Matcher> {
    conditions.into_iter().map(Into::into).collect()
}

impl From<Condition> for v1::Matcher {
    fn from(Condition { dim, op, values }: Condition) -> Self {
        Self { dim, op, values }
    }
}

impl From<TopBody> for v1::TopRequest {
    fn from(body: TopBody) -> Self {
        let pivot = |PivotBody { metric, sampling }| v1::Pivot { metric, sampling };
        Self {
            account: body.account,
            metric: body.metric,
            by: body.by,
            rank: body.rank,
            n: body.n,
            order: body.order,
            r#where: matchers(body.matchers),
            from: body.from,
            to: body.to,
            pivot: body.pivot.into_iter().map(pivot).collect(),
            points: body.points,
            step_seconds: body.step_seconds,
            include_open: body.include_open,
        }
    }
}

impl From<SeriesBody> for v1::SeriesRequest {
    fn from(body: SeriesBody) -> Self {
        Self {
            account: body.account,
            metric: body.metric,
            by: body.by,
            sampling: body.sampling,
            step_seconds: body.step_seconds,
            r#where: matchers(body.matchers),
            from: body.from,
            to: body.to,
            include_open: body.include_open,
        }
    }
}

impl From<HintsBody> for v1::HintsRequest {
    fn from(body: HintsBody) -> Self {
        Self {
            account: body.account,
            metric: body.metric,
            select: matchers(body.select),
            of: body.of,
            prefix: body.prefix,
            substring: body.substring,
            from: body.from,
            to: body.to,
            limit: body.limit,
            after: body.after,
            include_open: body.include_open,
        }
    }
}

impl From<MetricsBody> for v1::MetricsRequest {
    fn from(body: MetricsBody) -> Self {
        let MetricsBody { account, from, to, prefix, include_open } = body;
        Self { account, from, to, prefix, include_open }
    }
}

impl From<DimensionsBody> for v1::DimensionsRequest {
    fn from(body: DimensionsBody) -> Self {
        let DimensionsBody { account, metric, from, to, include_open } = body;
        Self { account, metric, from, to, include_open }
    }
}
