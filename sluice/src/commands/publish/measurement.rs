//! One measurement from a line of JSON or a record of CSV, or many that somebody has merged already.
//!
//! JSON: `{"ts":1700000000.5,"metric":"Latency","dims":{"Api":"Get"},"value":300}`, optionally `"as":"distinct"`, and as a
//!       distribution `"bounds":[5,10,200]`; merged: `"count":3,"sum":900,"min":200,"max":400` in place of the value.
//! CSV:  a header with these same names, and every other column is a dimension; an empty cell is a field left out.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use model::{Bounds, Minute, Number, Scalars};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::cli::As;

/// Columns of CSV that are no dimensions: JSON's fields.
const FIELDS: [&str; 9] = ["ts", "metric", "value", "count", "sum", "min", "max", "as", "bounds"];

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
    let value = line.value.map(|value| single(value, kept.what)).transpose()?;
    let ends = [line.sum, line.min, line.max].map(|number| number.as_ref().map(number_of).transpose());
    Ok(Measurement {
        minute: minute(line.ts)?,
        metric: line.metric,
        dims: dims.collect::<Result<_, String>>()?,
        value: one_or_merged(value, line.count, ends, kept.what)?,
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

/// Either one value, or all four of what merging leaves: `ends` are sum, min and max.
fn one_or_merged(
    value: Option<Value>,
    count: Option<u64>,
    ends: [Result<Option<Number>, String>; 3],
    kept: As,
) -> Result<Value, String> {
    let [sum, min, max] = ends;
    match (value, (count, sum?, min?, max?)) {
        (Some(value), (None, None, None, None)) => Ok(value),
        (None, (Some(count), Some(sum), Some(min), Some(max))) => {
            merged(&Scalars::new(count, sum, min, max), kept)
        }
        _ => Err("must have either value, or count, sum, min and max".to_owned()),
    }
}

fn merged(scalars: &Scalars, kept: As) -> Result<Value, String> {
    if kept != As::Value {
        return Err(
            "count, sum, min and max say nothing of single measurements: \"as\" must be \"value\"".to_owned()
        );
    }
    scalars.check().map_err(str::to_owned).and_then(|()| scalars.check_sum())?;
    Ok(Value::Merged(*scalars))
}

/// Distinguishes what is not JSON at all from JSON with a wrong field.
fn json_error(line: &str, error: &serde_json::Error) -> String {
    if serde_json::from_str::<IgnoredAny>(line).is_err() {
        return format!("is not JSON: {error}");
    }
    error.to_string()
}

/// A record of CSV, by the header's columns. An empty cell of a column that JSON knows is a field that is left out.
pub(crate) fn from_csv(
    header: &csv::StringRecord,
    record: &csv::StringRecord,
    default: &Kept,
) -> Result<Measurement, String> {
    let (mut fields, mut dims) = (BTreeMap::new(), Vec::new());
    for (name, cell) in header.iter().zip(record) {
        match name {
            _ if !FIELDS.contains(&name) => dims.push((name.to_owned(), cell.to_owned())),
            _ if cell.is_empty() => {}
            _ => drop(fields.insert(name, cell)),
        }
    }
    let field = |name: &str| fields.get(name).copied();
    let must = |name: &str| field(name).ok_or_else(|| format!("has no {name}"));
    let ts = must("ts")?;
    let ts = ts.parse::<f64>().map_err(|_| format!("ts is {ts:?}: must be unix seconds"))?;
    let kept = kept(field("as"), field("bounds").map(bounds_text).transpose()?, default)?;
    let value = field("value").map(|text| single_text(text, kept.what)).transpose()?;
    let count = field("count").map(|text| {
        text.parse::<u64>().map_err(|_| format!("count is {text:?}: must be a whole number above 0"))
    });
    let ends = ["sum", "min", "max"].map(|name| field(name).map(|text| end_text(name, text)).transpose());
    Ok(Measurement {
        minute: minute(ts)?,
        metric: must("metric")?.to_owned(),
        dims,
        value: one_or_merged(value, count.transpose()?, ends, kept.what)?,
        kept,
    })
}

fn single_text(text: &str, kept: As) -> Result<Value, String> {
    match number_text(text) {
        Some(number) => Ok(Value::Number(number?)),
        None if kept == As::Distinct => Ok(Value::Text(text.to_owned())),
        None => Err(format!("value is {text:?}: must be a number (text only as distinct)")),
    }
}

fn end_text(name: &str, text: &str) -> Result<Number, String> {
    number_text(text).unwrap_or_else(|| Err(format!("{name} is {text:?}: must be a number")))
}

/// As JSON has them, or without its brackets: `5 10 200`.
fn bounds_text(text: &str) -> Result<Vec<f64>, String> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let numbers = inner.split([',', ';', ' ']).filter(|number| !number.is_empty()).map(str::parse);
    numbers
        .collect::<Result<_, _>>()
        .map_err(|_| format!("bounds is {text:?}: must be numbers, as in 5 10 200"))
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
        assert!(show(read(["120", "L", "Get", ""])).contains("either value, or count, sum, min and max"));
        assert!(show(read(["", "L", "Get", "5"])).contains("has no ts"));
    }

    /// The same names mean the same in both forms.
    #[test]
    fn records_of_what_is_merged_and_of_bounds() {
        let header = ["ts", "metric", "count", "sum", "min", "max", "as", "bounds", "value", "Api"];
        let header = csv::StringRecord::from(header.to_vec());
        let read = |cells: &str| {
            show(from_csv(&header, &csv::StringRecord::from_iter(cells.split('|')), &Kept::default()))
        };
        let json = |line: &str| show(from_json(line, &Kept::default()));
        assert_eq!(
            read("120|L|3|900|200|400||||Get"),
            json(r#"{"ts":120,"metric":"L","dims":{"Api":"Get"},"count":3,"sum":900,"min":200,"max":400}"#)
        );
        let bounded = json(
            r#"{"ts":120,"metric":"L","dims":{"Api":"Get"},"value":7,"as":"distribution","bounds":[5,10,200]}"#,
        );
        for bounds in ["5 10 200", "5,10,200", "[5, 10, 200]", "5;10;200"] {
            assert_eq!(read(&format!("120|L|||||distribution|{bounds}|7|Get")), bounded);
        }
        for (cells, said) in [
            ("120|L|3|900|200||||||Get", "either value, or count, sum, min and max"),
            ("120|L|3|900|200|400|||5|Get", "either value, or count, sum, min and max"),
            ("120|L|3.5|900|200|400||||Get", "count is \"3.5\""),
            ("120|L|3|lots|200|400||||Get", "sum is \"lots\""),
            ("120|L|3|9000|200|400||||Get", "3 measurements from 200 to 400 cannot have the sum 9000"),
            ("120|L|3|900|200|400|distinct|||Get", "must be \"value\""),
            ("120|L||||||5 10|7|Get", "only a distribution takes"),
            ("120|L|||||distribution|few|7|Get", "bounds is \"few\""),
        ] {
            assert!(read(cells).contains(said), "{cells}: {}", read(cells));
        }
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
