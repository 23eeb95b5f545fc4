//! `sluice series`.

use serde_json::{Value, json};

use super::top::{dim_names, names, spark, text};
use super::{AskError, Table, conditions, exact, finish, format_or_default, number, post};
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
        let points = row["points"].as_array().into_iter().flatten();
        let values: Vec<&Value> =
            points.map(|point| &point["value"]).filter(|value| !value.is_null()).collect();
        let size = |value: &&&Value| value.as_f64().unwrap_or_default();
        let by_size = |one: &&&Value, other: &&&Value| size(one).total_cmp(&size(other));
        let show = |value: Option<&&Value>| value.map_or_else(String::new, |value| number(value));
        let mut cells: Vec<String> = dims.iter().map(|dim| text(&row["dims"][dim])).collect();
        cells.push(show(values.last()));
        cells.push(show(values.iter().min_by(by_size)));
        cells.push(show(values.iter().max_by(by_size)));
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
            table.row(dims.chain([point["time"].to_string(), exact(&point["value"])]));
        }
    }
    table
}
