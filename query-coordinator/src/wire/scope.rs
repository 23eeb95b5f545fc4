//! Which series, when and by what: the parts that jobs share.

use model::{Limits, Matcher, Minute, MinuteRange, Sampling};
use proto::v1;

use super::{WireError, wrong};
use crate::limits::{MATCHER_VALUES_MAX, MATCHERS_MAX, RANGE_MINUTES_MAX};
use crate::request::Scope;
use crate::tuple::By;

const LIMITS: Limits = Limits::DEFAULT;

pub(super) fn scope_to_wire(scope: &Scope) -> v1::JobScope {
    v1::JobScope {
        account: scope.account.clone(),
        metric: scope.metric.clone(),
        r#where: scope.matchers.iter().map(matcher_to_wire).collect(),
        from: scope.range.from.0,
        to: scope.range.to.0,
    }
}

/// With one condition more than a request may have: that the dimension exists which hints are asked of.
pub(super) fn scope_from_wire(scope: Option<v1::JobScope>) -> Result<Scope, WireError> {
    let scope = scope.ok_or_else(|| wrong("scope", "is missing"))?;
    if scope.r#where.len() > MATCHERS_MAX + 1 {
        let (got, max) = (scope.r#where.len(), MATCHERS_MAX + 1);
        return Err(wrong("where", format!("has {got} conditions, at most {max} fit")));
    }
    Ok(Scope {
        account: scope.account,
        metric: scope.metric,
        matchers: scope.r#where.into_iter().map(matcher_from_wire).collect::<Result<_, _>>()?,
        range: range(scope.from, scope.to)?,
        include_open: false, // the lease has it
    })
}

pub(super) fn range(from: u32, to: u32) -> Result<MinuteRange, WireError> {
    let range = MinuteRange::new(Minute(from), Minute(to));
    if range.is_empty() || range.len() > RANGE_MINUTES_MAX {
        let why = format!("[{from}, {to}) has {} minutes, must be 1 to {RANGE_MINUTES_MAX}", range.len());
        return Err(wrong("range", why));
    }
    Ok(range)
}

pub(super) fn by_to_wire(by: &By) -> v1::Grouping {
    match by {
        By::Whole => v1::Grouping { whole: true, dims: Vec::new() },
        By::Dims(dims) => v1::Grouping { whole: false, dims: dims.clone() },
    }
}

pub(super) fn by_from_wire(by: Option<v1::Grouping>) -> Result<By, WireError> {
    let by = by.ok_or_else(|| wrong("by", "is missing"))?;
    let is_sorted = by.dims.windows(2).all(|pair| pair[0] < pair[1]);
    if by.dims.len() > LIMITS.dims_max || !is_sorted {
        let (got, max) = (by.dims.len(), LIMITS.dims_max);
        return Err(wrong("by", format!("has {got} dimensions, must be at most {max}, sorted, none twice")));
    }
    Ok(if by.whole { By::Whole } else { By::Dims(by.dims) })
}

pub(super) fn sampling(name: &str) -> Result<Sampling, WireError> {
    name.parse().map_err(|_| wrong("sampling", format!("{name:?} is none that this version knows")))
}

fn matcher_to_wire(matcher: &Matcher) -> v1::Matcher {
    let (op, values) = matcher.words();
    v1::Matcher { dim: matcher.dim.clone(), op: op.to_owned(), values }
}

fn matcher_from_wire(matcher: v1::Matcher) -> Result<Matcher, WireError> {
    if matcher.values.len() > MATCHER_VALUES_MAX {
        let got = matcher.values.len();
        return Err(wrong("where.values", format!("has {got} values, at most {MATCHER_VALUES_MAX} fit")));
    }
    Matcher::new(matcher.dim, &matcher.op, matcher.values).map_err(|why| wrong("where", why.to_string()))
}
