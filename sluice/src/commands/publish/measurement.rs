//! One measurement from a line of JSON or a record of CSV, or many that somebody has merged already.
//!
//! JSON: `{"ts":1700000000.5,"metric":"Latency","dims":{"Api":"Get"},"value":300}`, optionally `"as":"distinct"`, and as a
//!       distribution `"bounds":[5,10,200]`; merged: `"count":3,"sum":900,"min":200,"max":400` in place of the value.
//! CSV:  a header with `ts`, `metric` and `value`, optionally `as`; every other column is a dimension.

use std::collections::HashSet;
use std::fmt;

use model::{Bounds, Minute, Number, Scalars};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::cli::As;

/// What was measured, of what, when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measurement {
    pub(crate) minute: Minute,
    pub(crate) metric: String,
    pub(crate) dims: Vec<(String, String)>,
    pub(crate) value: Value,
    pub(crate) kept: Kept,
}

/// What is kept beside sum, count, min and max.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kept {
    pub(crate) what: As,
    /// Of a distribution; absent: cut automatically.
    pub(crate) bounds: Option<Bounds>,
}

/// What was measured: a number, for a distinct any text, or several numbers as one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(Number),
    Text(String),
    Merged(Scalars),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    ts: f64,
    metric: String,
    #[serde(default)]
    dims: Dims,
    value: Option<serde_json::Value>,
    count: Option<u64>,
    sum: Option<serde_json::Number>,
    min: Option<serde_json::Number>,
    max: Option<serde_json::Number>,
    #[serde(rename = "as")]
    kept: Option<String>,
    bounds: Option<Vec<f64>>,
}

/// The pairs as they stand: a map would keep the last of two in silence.
#[derive(Default)]
struct Dims(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Dims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Dims;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("dims as an object, {\"Api\":\"Get\"}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Dims, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Dims(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// A line of JSON; the error says what is wrong with it.
pub(crate) fn from_json(line: &str, default: &Kept) -> Result<Measurement, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| json_error(line, &error))?;
    let kept = kept(line.kept.as_deref(), line.bounds, default)?;
    let mut names = HashSet::new();
    if let Some((twice, _)) = line.dims.0.iter().find(|(name, _)| !names.insert(name)) {
        return Err(format!("has the dimension {twice:?} twice: leave one out"));
    }
    let dims = line.dims.0.into_iter().map(|(name, value)| Ok((name.clone(), dim_text(&name, value)?)));
    let merged = (line.count, line.sum, line.min, line.max);
    let value = match (line.value, merged) {
        (Some(value), (None, None, None, None)) => single(value, kept.what)?,
        (None, (Some(count), Some(sum), Some(min), Some(max))) => {
            merged_value(count, [&sum, &min, &max], kept.what)?
        }
        _ => return Err("must have either value, or count, sum, min and max".to_owned()),
    };
    Ok(Measurement {
        minute: minute(line.ts)?,
        metric: line.metric,
        dims: dims.collect::<Result<_, String>>()?,
        value,
        kept,
    })
}

fn single(value: serde_json::Value, kept: As) -> Result<Value, String> {
    match value {
        serde_json::Value::Number(number) => Ok(Value::Number(number_of(&number)?)),
        serde_json::Value::String(text) if kept == As::Distinct => Ok(Value::Text(text)),
        other => Err(format!("value is {other}: must be a number (text only with \"as\":\"distinct\")")),
    }
}

fn merged_value(count: u64, numbers: [&serde_json::Number; 3], kept: As) -> Result<Value, String> {
    if kept != As::Value {
        return Err(
            "count, sum, min and max say nothing of single measurements: \"as\" must be \"value\"".to_owned()
        );
    }
    let [sum, min, max] = numbers.map(number_of);
    let scalars = Scalars::new(count, sum?, min?, max?);
    scalars.check().map_err(str::to_owned).and_then(|()| scalars.check_sum())?;
    Ok(Value::Merged(scalars))
}

/// Distinguishes what is not JSON at all from JSON with a wrong field.
fn json_error(line: &str, error: &serde_json::Error) -> String {
    if serde_json::from_str::<IgnoredAny>(line).is_err() {
        return format!("is not JSON: {error}");
    }
    error.to_string()
}

/// A record of CSV, by the header's columns.
pub(crate) fn from_csv(
    header: &csv::StringRecord,
    record: &csv::StringRecord,
    default: &Kept,
) -> Result<Measurement, String> {
    let (mut ts, mut metric, mut value, mut what, mut dims) = (None, None, None, None, Vec::new());
    for (name, cell) in header.iter().zip(record) {
        match name {
            "ts" => {
                ts = Some(cell.parse::<f64>().map_err(|_| format!("ts is {cell:?}: must be unix seconds"))?);
            }
            "metric" => metric = Some(cell.to_owned()),
            "value" => value = Some(cell),
            "as" if cell.is_empty() => {}
            "as" => what = Some(cell),
            dim => dims.push((dim.to_owned(), cell.to_owned())),
        }
    }
    let missing = |name: &str| format!("has no {name}");
    let kept = kept(what, None, default)?;
    let value = value.ok_or_else(|| missing("value"))?;
    let value = match number_text(value) {
        Some(number) => Value::Number(number?),
        None if kept.what == As::Distinct => Value::Text(value.to_owned()),
        None => return Err(format!("value is {value:?}: must be a number (text only as distinct)")),
    };
    let minute = minute(ts.ok_or_else(|| missing("ts"))?)?;
    Ok(Measurement { minute, metric: metric.ok_or_else(|| missing("metric"))?, dims, value, kept })
}

/// As the line says, else as the command does.
fn kept(name: Option<&str>, bounds: Option<Vec<f64>>, default: &Kept) -> Result<Kept, String> {
    let what = name.map_or(Ok(default.what), named)?;
    let bounds = match (bounds, what) {
        (Some(bounds), As::Distribution) => {
            Some(Bounds::new(bounds).map_err(|why| format!("bounds: {why}"))?)
        }
        (Some(_), _) => return Err("has bounds, which only a distribution takes".to_owned()),
        (None, As::Distribution) => default.bounds.clone(),
        (None, _) => None,
    };
    Ok(Kept { what, bounds })
}

fn named(name: &str) -> Result<As, String> {
    match name {
        "value" => Ok(As::Value),
        "distribution" => Ok(As::Distribution),
        "distinct" => Ok(As::Distinct),
        _ => Err(format!("as is {name:?}: must be value, distribution or distinct")),
    }
}

fn minute(ts: f64) -> Result<Minute, String> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond i64 saturates, and is refused just below"
    )]
    let seconds = ts.floor() as i64;
    match Minute::of_unix_seconds(seconds) {
        Some(minute) if ts.is_finite() => Ok(minute),
        _ => {
            let instead = Minute::instead_of_seconds(ts).map(|way_out| format!("; {way_out}"));
            Err(format!("ts is {ts}: must be unix seconds from 1970 on{}", instead.unwrap_or_default()))
        }
    }
}

fn dim_text(name: &str, value: serde_json::Value) -> Result<String, String> {
    match value {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        serde_json::Value::Bool(bool) => Ok(bool.to_string()),
        serde_json::Value::Null => Ok(String::new()),
        other => Err(format!("dimension {name:?} is {other}: must be a string")),
    }
}

fn number_of(number: &serde_json::Number) -> Result<Number, String> {
    number_text(&number.to_string())
        .unwrap_or_else(|| Err(format!("value is {number}: is no number that can be used")))
}

/// `None` when it is no number at all.
fn number_text(text: &str) -> Option<Result<Number, String>> {
    if let Ok(int) = text.parse::<i64>() {
        return Some(Ok(Number::Int(int)));
    }
    let float: f64 = text.parse().ok()?;
    Some(Number::from_f64(float).ok_or_else(|| format!("value is {text}: must be finite")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        json(
            r#"{"ts":120.5,"metric":"L","dims":{"Api":"Get","N":3},"value":300}"#,
            "2 L Api=Get N=3 Number(Int(300)) Value",
        );
        json(
            r#"{"ts":120,"metric":"L","value":0.5,"as":"distribution"}"#,
            "2 L Number(Float(0.5)) Distribution",
        );
        json(
            r#"{"ts":120,"metric":"L","value":0.5,"as":"distribution","bounds":[-1,0.5,1e3]}"#,
            "2 L Number(Float(0.5)) Distribution [-1.0, 0.5, 1000.0]",
        );
        json(r#"{"ts":120,"metric":"U","value":"ann","as":"distinct"}"#, "2 U Text(\"ann\") Distinct");
        json(r#"{"ts":120,"metric":"U","value":9926554.0}"#, "2 U Number(Int(9926554)) Value");
        json(
            r#"{"ts":120,"metric":"L","count":3,"sum":0.75,"min":0.25,"max":0.25}"#,
            "2 L Merged(Scalars { count: 3, sum: 4604930618986332160, min: 4598175219545276416, max: 4598175219545276416, kinds: Kinds(7) }) Value",
        );
    }

    #[test]
    fn lines_that_cannot_be() {
        json("nonsense", "is not JSON");
        json(r#"{"ts":120,"metric":"L"}"#, "either value, or count, sum, min and max");
        json(r#"{"ts":120,"metric":"L","value":1,"count":2}"#, "either value, or count, sum, min and max");
        json(r#"{"ts":120,"metric":"L","count":0,"sum":1,"min":1,"max":1}"#, "count is 0");
        json(r#"{"ts":120,"metric":"L","count":1,"sum":1,"min":2,"max":1}"#, "min is above max");
        json(
            r#"{"ts":120,"metric":"L","count":1,"sum":1,"min":1,"max":1,"as":"distinct"}"#,
            "must be \"value\"",
        );
        json(r#"{"ts":120,"metric":"L","value":"x"}"#, "must be a number");
        json(r#"{"ts":-1,"metric":"L","value":1}"#, "from 1970 on");
        json(r#"{"ts":1700000000123,"metric":"L","value":1}"#, "looks like milliseconds: divide by 1000");
        json(r#"{"ts":1700000000123456,"metric":"L","value":1}"#, "looks like microseconds");
        json(r#"{"ts":1700000000123456789,"metric":"L","value":1}"#, "looks like nanoseconds");
        json(r#"{"ts":120,"metric":"L","value":1,"extra":2}"#, "unknown field `extra`");
        json(r#"{"ts":120,"metric":"L","value":1,"as":"median"}"#, "must be value, distribution or distinct");
        json(r#"{"ts":120,"metric":"L","value":1,"bounds":[5]}"#, "only a distribution takes");
        json(
            r#"{"ts":120,"metric":"L","value":1,"as":"distribution","bounds":[5,1]}"#,
            "bounds: bound 2 is not above the one before it",
        );
        json(r#"{"ts":120,"metric":"L","value":1e999}"#, "number out of range");
        json(r#"{"ts":120,"metric":"L","dims":{"a":[1]},"value":1}"#, "dimension \"a\" is [1]");
    }

    #[test]
    fn bounds_of_the_command_are_for_distributions_that_do_not_say() {
        let default = Kept { what: As::Distribution, bounds: Some(Bounds::new([5.0, 10.0]).unwrap()) };
        let check = |more: &str, expected: &str| {
            let line = format!(r#"{{"ts":120,"metric":"L","value":1{more}}}"#);
            assert_eq!(show(from_json(&line, &default)), format!("2 L Number(Int(1)) {expected}"));
        };
        check("", "Distribution [5.0, 10.0]");
        check(r#","as":"distribution""#, "Distribution [5.0, 10.0]");
        check(r#","bounds":[7]"#, "Distribution [7.0]");
        check(r#","as":"value""#, "Value");
        let header = csv::StringRecord::from(vec!["ts", "metric", "value", "as"]);
        let read = |what| from_csv(&header, &csv::StringRecord::from(vec!["120", "L", "1", what]), &default);
        assert_eq!(show(read("")), "2 L Number(Int(1)) Distribution [5.0, 10.0]");
        assert_eq!(show(read("distinct")), "2 L Number(Int(1)) Distinct");
    }

    #[test]
    fn records() {
        let header = csv::StringRecord::from(vec!["ts", "metric", "Api", "value"]);
        let read =
            |cells: [&str; 4]| from_csv(&header, &csv::StringRecord::from(cells.to_vec()), &Kept::default());
        assert_eq!(show(read(["120", "L", "Get", "5"])), "2 L Api=Get Number(Int(5)) Value");
        assert!(show(read(["120", "L", "Get", "NaN"])).contains("must be finite"));
        assert!(show(read(["noon", "L", "Get", "5"])).contains("ts is \"noon\""));
        assert!(show(read(["120", "L", "Get", "five"])).contains("value is \"five\""));
    }

    #[track_caller]
    fn json(line: &str, expected: &str) {
        let got = show(from_json(line, &Kept::default()));
        assert!(got.contains(expected), "{got}");
    }

    fn bounds(of: &Measurement) -> String {
        of.kept.bounds.as_ref().map_or_else(String::new, |bounds| format!(" {:?}", bounds.as_slice()))
    }

    fn show(got: Result<Measurement, String>) -> String {
        match got {
            Ok(m) => {
                let dims: String = m.dims.iter().map(|(name, value)| format!("{name}={value} ")).collect();
                format!("{} {} {dims}{:?} {:?}{}", m.minute, m.metric, m.value, m.kept.what, bounds(&m))
            }
            Err(error) => error,
        }
    }
}
