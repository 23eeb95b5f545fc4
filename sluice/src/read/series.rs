//! `sluice series`.

use serde_json::{Value, json};

use super::top::{dim_names, names, spark, text};
use super::{AskError, Table, conditions, finish, format_or_default, number, post};
use crate::cli::{Format, SeriesArgs};
use crate::exit::Exit;

pub(crate) fn run(args: &SeriesArgs) -> Result<Exit, AskError> {
    let mut request = args.window.to_request()?;
    request.extend([
        ("metric".into(), json!(args.metric)),
        ("by".into(), json!(names(&args.by))),
        ("sampling".into(), json!(args.sampling)),
        ("step_seconds".into(), json!(args.step.as_secs())),
        ("where".into(), json!(conditions::parse(args.filter.as_deref().unwrap_or_default())?)),
    ]);
    let answer = post(&args.read.server, "/v1/series", &Value::Object(request))?;
    let rows: Vec<&Value> = answer["rows"].as_array().into_iter().flatten().collect();
    let dims = dim_names(&names(&args.by), rows.iter().map(|row| &row["dims"]));
    let table = match format_or_default(args.read.format) {
        Format::Csv => long(args, &dims, &rows),
        Format::Table | Format::Json => wide(args, &dims, &rows),
    };
    Ok(finish(&args.read, &answer, &table))
}

/// A line a series, for people: the last value, the extremes, and the shape.
fn wide(args: &SeriesArgs, dims: &[String], rows: &[&Value]) -> Table {
    let head =
        dims.iter().cloned().chain(["last", "min", "max"].map(|what| format!("{what} {}", args.sampling)));
    let mut table = Table::new(head.chain(["points".to_owned()]));
    for row in rows {
        let values: Vec<f64> = row["points"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|point| point["value"].as_f64())
            .collect();
        let show = |value: Option<f64>| number(&json!(value));
        let mut cells: Vec<String> = dims.iter().map(|dim| text(&row["dims"][dim])).collect();
        cells.push(show(values.last().copied()));
        cells.push(show(values.iter().copied().reduce(f64::min)));
        cells.push(show(values.iter().copied().reduce(f64::max)));
        cells.push(spark(&row["points"]));
        table.row(cells);
    }
    table
}

/// A line a point, for programs.
fn long(args: &SeriesArgs, dims: &[String], rows: &[&Value]) -> Table {
    let mut table = Table::new(dims.iter().cloned().chain(["time".to_owned(), args.sampling.clone()]));
    for row in rows {
        for point in row["points"].as_array().into_iter().flatten() {
            let dims = dims.iter().map(|dim| text(&row["dims"][dim]));
            let value = point["value"].as_f64().map(|value| value.to_string()).unwrap_or_default();
            table.row(dims.chain([point["time"].to_string(), value]));
        }
    }
    table
}
