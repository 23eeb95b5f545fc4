//! Bodies of requests.

use std::fmt;
use std::marker::PhantomData;

use proto::v1;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::limits::N_DEFAULT;

/// A JSON object, and nothing else: serde takes a list for a struct as well, and reads it by position.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with named fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// A list of objects, each by its named fields: for `#[serde(deserialize_with)]`.
///
/// # Errors
/// When one is something else.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let all: Vec<Object<T>> = Vec::deserialize(deserializer)?;
    Ok(all.into_iter().map(|Object(one)| one).collect())
}

/// 0 is how gRPC leaves the field out; here it is left out, and 0 is somebody's mistake.
fn step_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("step_seconds is 0, must be a multiple of 60; left out it is 60")),
        seconds => Ok(seconds),
    }
}

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
    #[serde(default, rename = "where", deserialize_with = "objects")]
    matchers: Vec<Condition>,
    from: u64,
    to: u64,
    #[serde(default, deserialize_with = "objects")]
    pivot: Vec<PivotBody>,
    #[serde(default)]
    points: bool,
    #[serde(default, deserialize_with = "step_seconds")]
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
    #[serde(default, deserialize_with = "step_seconds")]
    step_seconds: u32,
    #[serde(default, rename = "where", deserialize_with = "objects")]
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
    #[serde(default, deserialize_with = "objects")]
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
