//! Fields that every request has, checked: also those of requests that are no questions, as a deletion.

use model::{Limits, Matcher, MatcherError};
use proto::v1;

use crate::QueryError;
use crate::limits::{MATCHER_VALUES_MAX, MATCHERS_MAX};

const LIMITS: Limits = Limits::DEFAULT;

/// Whose data; `default` when nobody is named.
///
/// # Errors
/// When no account can have that name.
pub fn account(name: String) -> Result<String, QueryError> {
    if name.is_empty() {
        return Ok(proto::ACCOUNT_DEFAULT.to_owned());
    }
    fits("account", name, LIMITS.account_bytes_max)
}

/// The name of a metric.
///
/// # Errors
/// When it is missing, or no metric can have it.
pub fn metric(field: &str, name: String) -> Result<String, QueryError> {
    if name.is_empty() {
        return Err(QueryError::invalid(field, "is missing", "name a metric; /v1/metrics/list has them all"));
    }
    fits(field, name, LIMITS.metric_bytes_max)
}

pub(crate) fn dimension(field: &str, name: String) -> Result<String, QueryError> {
    if name.is_empty() {
        let hint = "name a dimension; /v1/dimensions/list has those of a metric";
        return Err(QueryError::invalid(field, "is missing", hint));
    }
    fits(field, name, LIMITS.name_bytes_max)
}

pub(crate) fn fits(field: &str, text: String, max: usize) -> Result<String, QueryError> {
    if text.len() <= max {
        return Ok(text);
    }
    let message = format!("has {} bytes, at most {max} fit", text.len());
    Err(QueryError::invalid(field, message, "no longer name or value is ever stored: shorten it"))
}

/// The conditions of a field.
///
/// # Errors
/// When there are too many, or one of them cannot be meant.
pub fn matchers(field: &str, matchers: Vec<v1::Matcher>) -> Result<Vec<Matcher>, QueryError> {
    if matchers.len() > MATCHERS_MAX {
        let message = format!("has {} conditions, at most {MATCHERS_MAX} fit", matchers.len());
        return Err(QueryError::invalid(field, message, "use `in` for many values of one dimension"));
    }
    let checked = |(at, one): (usize, v1::Matcher)| matcher(&format!("{field}[{at}]"), one);
    matchers.into_iter().enumerate().map(checked).collect()
}

fn matcher(field: &str, matcher: v1::Matcher) -> Result<Matcher, QueryError> {
    if matcher.values.len() > MATCHER_VALUES_MAX {
        let message = format!("has {} values, at most {MATCHER_VALUES_MAX} fit", matcher.values.len());
        return Err(QueryError::invalid(&format!("{field}.values"), message, "use a pattern with =~"));
    }
    let dim = dimension(&format!("{field}.dim"), matcher.dim)?;
    Matcher::new(dim, &matcher.op, matcher.values)
        .map_err(|why| QueryError::invalid(field, why.to_string(), way_out(&why)))
}

fn way_out(why: &MatcherError) -> &'static str {
    match why {
        MatcherError::Op(_) => "an `op` is one of =, !=, in, not in, =~, !~, exists, absent",
        MatcherError::Values { .. } => {
            "= and != take one value, in and not in a list, =~ and !~ one pattern, exists and absent none"
        }
        MatcherError::Pattern { .. } => {
            "write \\( for a parenthesis that is meant as such, likewise . [ { * + ? | ^ $; there are no look-around and no \
             back-references; = and `in` compare whole values"
        }
    }
}
