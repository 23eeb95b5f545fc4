//! `sluice metrics`.

use serde_json::{Value, json};

use super::{AskError, Table, finish, number, post};
use crate::cli::MetricsArgs;
use crate::exit::Exit;

pub(crate) fn run(args: &MetricsArgs) -> Result<Exit, AskError> {
    let mut request = args.window.to_request()?;
    request.insert("prefix".into(), json!(args.prefix));
    let answer = post(&args.read.server, "/v1/metrics/list", &Value::Object(request))?;
    let mut table = Table::new(["metric", "series", "dimensions"]);
    for row in answer["metrics"].as_array().into_iter().flatten() {
        let dims: Vec<&str> =
            row["dims"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        table.row([
            row["metric"].as_str().unwrap_or_default().to_owned(),
            number(&row["series"]),
            dims.join(", "),
        ]);
    }
    Ok(finish(&args.read, &answer, &table))
}
