//! `sluice dimensions`.

use serde_json::{Value, json};

use super::{AskError, Table, finish, number, post};
use crate::cli::DimensionsArgs;
use crate::exit::Exit;

pub(crate) fn run(args: &DimensionsArgs) -> Result<Exit, AskError> {
    let mut request = args.window.to_request()?;
    request.insert("metric".into(), json!(args.metric));
    let answer = post(&args.read.server, "/v1/dimensions/list", &Value::Object(request))?;
    let mut table = Table::new(["dimension", "values", "series"]);
    for row in answer["dimensions"].as_array().into_iter().flatten() {
        table.row([
            row["name"].as_str().unwrap_or_default().to_owned(),
            number(&row["values"]),
            number(&row["series"]),
        ]);
    }
    Ok(finish(&args.read, &answer, &table))
}
