//! `sluice top`.

use serde_json::{Value, json};

use super::{AskError, Table, conditions, exact, finish, format_or_default, number, post};
use crate::cli::{Format, TopArgs};
use crate::exit::Exit;

/// Blocks of a line that still fits beside the names on a terminal.
const SPARK_WIDTH: usize = 60;

pub(crate) fn run(args: &TopArgs) -> Result<Exit, AskError> {
    let answer = post(&args.read.server, "/v1/top", &request(args)?)?;
    Ok(finish(&args.read, &answer, &table(args, &answer)))
}

fn request(args: &TopArgs) -> Result<Value, AskError> {
    let mut request = args.window.to_request()?;
    let pivots: Result<Vec<Value>, AskError> = args.pivot.iter().map(|pivot| parse_pivot(pivot)).collect();
    request.extend([
        ("metric".into(), json!(args.metric)),
        ("by".into(), json!(names(&args.by))),
        ("rank".into(), json!(args.rank)),
        ("n".into(), json!(args.n)),
        ("order".into(), json!(if args.bottom { "bottom" } else { "top" })),
        ("where".into(), json!(conditions::parse(args.filter.as_deref().unwrap_or_default())?)),
        ("pivot".into(), json!(pivots?)),
        ("points".into(), json!(args.points)),
        ("step_seconds".into(), json!(args.step.as_secs())),
    ]);
    Ok(Value::Object(request))
}

/// `a,b` as `["a","b"]`.
pub(super) fn names(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

fn parse_pivot(text: &str) -> Result<Value, AskError> {
    match text.rsplit_once(':') {
        Some((metric, sampling)) if !metric.is_empty() => Ok(json!({"metric": metric, "sampling": sampling})),
        _ => Err(AskError::Call(format!("--pivot {text:?}: write METRIC:SAMPLING, as in Memory:avg"))),
    }
}

fn table(args: &TopArgs, answer: &Value) -> Table {
    let number = if format_or_default(args.read.format) == Format::Csv { exact } else { number };
    let rows: Vec<&Value> = answer["rows"].as_array().into_iter().flatten().collect();
    let dims = dim_names(&names(&args.by), rows.iter().map(|row| &row["dims"]));
    let head = dims.iter().cloned().chain([args.rank.clone()]).chain(args.pivot.iter().cloned());
    let mut table = Table::new(head.chain(args.points.then(|| "points".to_owned())));
    for row in &rows {
        let mut cells: Vec<String> = dims.iter().map(|dim| text(&row["dims"][dim])).collect();
        cells.push(number(&row["rank"]));
        cells.extend(args.pivot.iter().map(|pivot| number(&row["pivot"][pivot])));
        cells.extend(args.points.then(|| spark(&row["points"])));
        table.row(cells);
    }
    table.foot(format!(
        "others: {} groups, {} {}",
        number(&answer["others"]["groups"]),
        args.rank,
        if answer["others"]["rank"].is_null() { "-".to_owned() } else { number(&answer["others"]["rank"]) },
    ));
    table
}

/// The dimensions in the order asked for; for `*` all that occur, by name.
pub(super) fn dim_names<'a>(by: &[&str], dims: impl Iterator<Item = &'a Value>) -> Vec<String> {
    if by != ["*"] {
        return by.iter().map(|name| (*name).to_owned()).collect();
    }
    let names: std::collections::BTreeSet<String> =
        dims.filter_map(Value::as_object).flat_map(|dims| dims.keys().cloned()).collect();
    names.into_iter().collect()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Points as a line of at most [`SPARK_WIDTH`] blocks; a stretch without data is a space.
pub(super) fn spark(points: &Value) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let points: Vec<Option<f64>> =
        points.as_array().into_iter().flatten().map(|point| point["value"].as_f64()).collect();
    let values: Vec<Option<f64>> =
        points.chunks(points.len().div_ceil(SPARK_WIDTH).max(1)).map(mean).collect();
    let known = || values.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
    let block = |value: f64| {
        BLOCKS[if high > low { ((value - low) / (high - low) * 7.0).round() as usize } else { 0 }]
    };
    values.iter().map(|value| value.map_or(' ', block)).collect()
}

/// Of what is known in a stretch: for a picture, not for an answer.
fn mean(stretch: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = stretch.iter().flatten().copied().collect();
    #[expect(clippy::cast_precision_loss, reason = "a few points")]
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_blocks_has_a_bounded_width() {
        let points = |values: &[Option<f64>]| {
            json!(values.iter().map(|value| json!({"time": 0, "value": value})).collect::<Vec<_>>())
        };
        assert_eq!(spark(&points(&[Some(1.0), None, Some(3.0), Some(2.0)])), "▁ █▅");
        assert_eq!(spark(&points(&[Some(5.0); 2])), "▁▁");
        assert_eq!(
            spark(&points(&vec![Some(1.0); 1000])).chars().count(),
            59,
            "1,000 points in stretches of 17"
        );
        assert_eq!(spark(&Value::Null), "");
    }
}
