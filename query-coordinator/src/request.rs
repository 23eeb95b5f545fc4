//! Requests that were checked: what cannot be meant is refused here, with the field, the limit and the way out.

use model::{Limits, Matcher, MinuteRange, Op, Sampling};
use proto::v1;

use crate::QueryError;
use crate::fields::{account, dimension, fits, matchers, metric};
use crate::limits::{HINTS_LIMIT_DEFAULT, HINTS_LIMIT_MAX, N_MAX, PIVOTS_MAX};
use crate::tuple::By;
use crate::window::{Steps, window};

/// Which series, and when.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) account: String,
    pub(crate) metric: String,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) range: MinuteRange,
    pub(crate) include_open: bool,
}

/// The best or worst groups.
#[derive(Clone, Debug)]
pub(crate) struct TopQuery {
    pub(crate) scope: Scope,
    pub(crate) by: By,
    pub(crate) rank: Sampling,
    pub(crate) n: usize,
    pub(crate) bottom: bool,
    pub(crate) pivots: Vec<PivotQuery>,
    /// Absent when no points were asked for.
    pub(crate) points: Option<Steps>,
}

/// Another metric beside the winners.
#[derive(Clone, Debug)]
pub(crate) struct PivotQuery {
    pub(crate) metric: String,
    pub(crate) sampling: Sampling,
    /// As the answer calls it: `metric:sampling`.
    pub(crate) name: String,
}

/// Groups over time.
#[derive(Clone, Debug)]
pub(crate) struct SeriesQuery {
    pub(crate) scope: Scope,
    pub(crate) by: By,
    pub(crate) sampling: Sampling,
    pub(crate) steps: Steps,
}

/// The values of a dimension.
#[derive(Clone, Debug)]
pub(crate) struct HintsQuery {
    pub(crate) scope: Scope,
    pub(crate) of: String,
    pub(crate) prefix: String,
    pub(crate) substring: String,
    pub(crate) limit: usize,
    pub(crate) after: String,
}

/// What exists in an account.
#[derive(Clone, Debug)]
pub(crate) struct MetricsQuery {
    pub(crate) account: String,
    pub(crate) prefix: String,
    pub(crate) range: MinuteRange,
    pub(crate) include_open: bool,
}

const LIMITS: Limits = Limits::DEFAULT;

// === impl Scope ===

impl Scope {
    /// Of these series those that fulfil every condition.
    fn filtered(self, matchers: Vec<Matcher>) -> Self {
        Self { matchers, ..self }
    }
}

// === impl HintsQuery ===

impl HintsQuery {
    /// What a series must fulfil for its value to count: the selections, and that it has one.
    pub(crate) fn conditions(&self) -> Vec<Matcher> {
        let exists = Matcher { dim: self.of.clone(), op: Op::Exists };
        self.scope.matchers.iter().cloned().chain([exists]).collect()
    }
}

// === checks of whole requests ===

pub(crate) fn top(request: v1::TopRequest) -> Result<TopQuery, QueryError> {
    let range = window(request.from, request.to)?;
    let steps = Steps::of(range, request.step_seconds)?;
    Ok(TopQuery {
        scope: scope(request.account, request.metric, range, request.include_open)?
            .filtered(matchers("where", request.r#where)?),
        by: by(request.by)?,
        rank: sampling("rank", &request.rank)?,
        n: n(request.n)?,
        bottom: bottom(&request.order)?,
        pivots: pivots(request.pivot)?,
        points: request.points.then_some(steps),
    })
}

pub(crate) fn series(request: v1::SeriesRequest) -> Result<SeriesQuery, QueryError> {
    let range = window(request.from, request.to)?;
    Ok(SeriesQuery {
        scope: scope(request.account, request.metric, range, request.include_open)?
            .filtered(matchers("where", request.r#where)?),
        by: by(request.by)?,
        sampling: sampling("sampling", &request.sampling)?,
        steps: Steps::of(range, request.step_seconds)?,
    })
}

pub(crate) fn hints(request: v1::HintsRequest) -> Result<HintsQuery, QueryError> {
    let range = window(request.from, request.to)?;
    Ok(HintsQuery {
        scope: scope(request.account, request.metric, range, request.include_open)?
            .filtered(matchers("select", request.select)?),
        of: dimension("of", request.of)?,
        prefix: fits("prefix", request.prefix, LIMITS.value_bytes_max)?,
        substring: fits("substring", request.substring, LIMITS.value_bytes_max)?,
        limit: page(request.limit)?,
        after: fits("after", request.after, LIMITS.value_bytes_max)?,
    })
}

pub(crate) fn metrics(request: v1::MetricsRequest) -> Result<MetricsQuery, QueryError> {
    Ok(MetricsQuery {
        account: account(request.account)?,
        prefix: fits("prefix", request.prefix, LIMITS.metric_bytes_max)?,
        range: window(request.from, request.to)?,
        include_open: request.include_open,
    })
}

pub(crate) fn dimensions(request: v1::DimensionsRequest) -> Result<Scope, QueryError> {
    let range = window(request.from, request.to)?;
    scope(request.account, request.metric, range, request.include_open)
}

/// Every series of a metric.
fn scope(
    account_name: String,
    metric_name: String,
    range: MinuteRange,
    include_open: bool,
) -> Result<Scope, QueryError> {
    let (account, metric) = (account(account_name)?, metric("metric", metric_name)?);
    Ok(Scope { account, metric, matchers: Vec::new(), range, include_open })
}

// === checks of fields ===

fn by(names: Vec<String>) -> Result<By, QueryError> {
    if names == ["*"] {
        return Ok(By::Whole);
    }
    if names.len() > LIMITS.dims_max {
        let message = format!("has {} dimensions, at most {} fit", names.len(), LIMITS.dims_max);
        return Err(QueryError::invalid("by", message, "group by fewer, or by [\"*\"] for the whole tuple"));
    }
    if names.iter().any(|name| name == "*") {
        let hint = "use [\"*\"] alone for the whole tuple, or only names";
        return Err(QueryError::invalid("by", "\"*\" stands beside other dimensions", hint));
    }
    let mut names = names.into_iter().map(|name| dimension("by", name)).collect::<Result<Vec<_>, _>>()?;
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(QueryError::invalid(
            "by",
            format!("{:?} stands twice", twice[0]),
            "name each dimension once",
        ));
    }
    Ok(By::Dims(names))
}

fn sampling(field: &str, name: &str) -> Result<Sampling, QueryError> {
    name.parse().map_err(|_| {
        let message = format!("unknown sampling {name:?}");
        QueryError::invalid(
            field,
            message,
            "use sum, count, min, max, avg, rate, distinct, or a percentile above p0 up to p100, as p99.9",
        )
    })
}

fn n(n: u32) -> Result<usize, QueryError> {
    if (1..=N_MAX).contains(&n) {
        return Ok(n as usize);
    }
    let hint = "all groups over time are in /v1/series";
    Err(QueryError::invalid("n", format!("{n} is not from 1 to {N_MAX}"), hint))
}

fn bottom(order: &str) -> Result<bool, QueryError> {
    match order {
        "" | "top" => Ok(false),
        "bottom" => Ok(true),
        other => Err(QueryError::invalid("order", format!("unknown order {other:?}"), "use top or bottom")),
    }
}

fn page(limit: u32) -> Result<usize, QueryError> {
    match limit {
        0 => Ok(HINTS_LIMIT_DEFAULT as usize),
        1..=HINTS_LIMIT_MAX => Ok(limit as usize),
        more => {
            let message = format!("{more} is above {HINTS_LIMIT_MAX}");
            Err(QueryError::invalid("limit", message, "ask for the next page with `after`"))
        }
    }
}

fn pivots(pivots: Vec<v1::Pivot>) -> Result<Vec<PivotQuery>, QueryError> {
    if pivots.len() > PIVOTS_MAX {
        let message = format!("has {} metrics, at most {PIVOTS_MAX} fit", pivots.len());
        return Err(QueryError::invalid("pivot", message, "ask twice"));
    }
    pivots.into_iter().map(pivot).collect()
}

fn pivot(pivot: v1::Pivot) -> Result<PivotQuery, QueryError> {
    let sampling = sampling("pivot.sampling", &pivot.sampling)?;
    let metric = metric("pivot.metric", pivot.metric)?;
    Ok(PivotQuery { name: format!("{metric}:{sampling}"), metric, sampling })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_request_passes() {
        let query = top(request()).unwrap();
        assert_eq!((query.n, query.bottom, query.points), (10, false, None));
        assert_eq!(query.by, By::Dims(vec!["Api".into(), "Zone".into()]));
        assert_eq!(query.scope.account, "default");
        assert_eq!(query.pivots[0].name, "Requests:sum");
    }

    #[test]
    fn each_field_is_checked() {
        check(|r| r.from = 61, "from: 61 is not a whole minute");
        check(|r| r.to = 3601, "to: 3601 is not a whole minute");
        check(|r| r.to = r.from, "from: 3000 is not before `to`, which is 3000");
        check(|r| r.to = u64::MAX - 15, "to: 18446744073709551600 is after the year 10136");
        check(|r| r.to = r.from + 60 * 5_260_321, "from: the range has 5260321 minutes, at most 5260320 fit");
        check(|r| r.n = 0, "n: 0 is not from 1 to 10000");
        check(|r| r.n = 10_001, "n: 10001 is not from 1 to 10000");
        check(|r| r.rank = "median".into(), "rank: unknown sampling \"median\"");
        check(|r| r.rank = "p100.1".into(), "rank: unknown sampling \"p100.1\"");
        check(|r| r.order = "up".into(), "order: unknown order \"up\"");
        check(|r| r.step_seconds = 90, "step_seconds: 90 is not a whole number of minutes");
        check(|r| r.metric.clear(), "metric: is missing");
        check(|r| r.metric = "m".repeat(257), "metric: has 257 bytes, at most 256 fit");
        check(|r| r.account = "a".repeat(129), "account: has 129 bytes, at most 128 fit");
        check(|r| r.by = vec!["*".into(), "Api".into()], "by: \"*\" stands beside other dimensions");
        check(|r| r.by = vec![String::new()], "by: is missing");
        check(|r| r.by = vec!["a".into(), "b".into(), "a".into()], "by: \"a\" stands twice");
        check(|r| r.by = vec!["d".into(); 65], "by: has 65 dimensions, at most 64 fit");
        check(|r| r.pivot[0].sampling = "p0".into(), "pivot.sampling: unknown sampling \"p0\"");
        check(|r| r.pivot = vec![v1::Pivot::default(); 17], "pivot: has 17 metrics, at most 16 fit");
        check(|r| r.r#where[0].op = "~".into(), "where[0]: unknown operator \"~\"");
        check(|r| r.r#where[0].dim.clear(), "where[0].dim: is missing");
        check(|r| r.r#where[0].values.clear(), "where[0]: operator \"=\" takes one value, got 0");
        check(|r| r.r#where = vec![v1::Matcher::default(); 65], "where: has 65 conditions, at most 64 fit");
        check(
            |r| r.r#where[0].values = vec![String::new(); 10_001],
            "where[0].values: has 10001 values, at most 10000 fit",
        );
    }

    #[test]
    fn a_condition_that_cannot_be_meant_has_its_own_way_out() {
        let hint = |op: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            let matcher = v1::Matcher { dim: "Region".into(), op: op.into(), values };
            top(v1::TopRequest { r#where: vec![matcher], ..request() }).unwrap_err().hint().to_owned()
        };
        assert!(hint("~", &["a"]).starts_with("an `op` is one of"));
        assert!(hint("in", &[]).contains("in and not in a list"));
        assert!(hint("=~", &["Get("]).contains(r"write \( for a parenthesis"));
    }

    #[test]
    fn hints_have_pages() {
        let request = |limit| v1::HintsRequest {
            metric: "m".into(),
            of: "Api".into(),
            to: 60,
            limit,
            ..Default::default()
        };
        assert_eq!(hints(request(0)).unwrap().limit, 1_000);
        assert_eq!(hints(request(7)).unwrap().limit, 7);
        assert!(hints(request(100_001)).unwrap_err().to_string().starts_with("limit: 100001 is above"));
        let nothing = v1::HintsRequest { of: String::new(), ..request(1) };
        assert_eq!(hints(nothing).unwrap_err().to_string(), "of: is missing");
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut v1::TopRequest), expected: &str) {
        let mut request = request();
        change(&mut request);
        let error = top(request).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!error.hint().is_empty());
    }

    fn request() -> v1::TopRequest {
        v1::TopRequest {
            metric: "Latency".into(),
            by: vec!["Zone".into(), "Api".into()],
            rank: "p99".into(),
            n: 10,
            r#where: vec![v1::Matcher { dim: "Region".into(), op: "=".into(), values: vec!["West".into()] }],
            from: 3000,
            to: 3600,
            pivot: vec![v1::Pivot { metric: "Requests".into(), sampling: "sum".into() }],
            ..Default::default()
        }
    }
}
