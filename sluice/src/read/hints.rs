//! `sluice hints`.

use serde_json::{Value, json};

use super::{AskError, Table, conditions, finish, number, post};
use crate::cli::HintsArgs;
use crate::exit::Exit;

pub(crate) fn run(args: &HintsArgs) -> Result<Exit, AskError> {
    let mut selections = Vec::new();
    for select in &args.select {
        selections.extend(conditions::parse(select)?);
    }
    let mut request = args.window.to_request()?;
    request.extend([
        ("metric".into(), json!(args.metric)),
        ("select".into(), json!(selections)),
        ("of".into(), json!(args.of)),
        ("prefix".into(), json!(args.prefix)),
        ("substring".into(), json!(args.substring)),
        ("limit".into(), json!(args.limit)),
        ("after".into(), json!(args.after)),
    ]);
    let answer = post(&args.read.server, "/v1/hints", &Value::Object(request))?;
    let mut table = Table::new([args.of.as_str(), "series"]);
    for row in answer["values"].as_array().into_iter().flatten() {
        table.row([row["value"].as_str().unwrap_or_default().to_owned(), number(&row["series"])]);
    }
    table.foot(format!("{} values in all", number(&answer["total"])));
    for step in answer["why_empty"].as_array().into_iter().flatten() {
        table.foot(format!(
            "{} series left: {}",
            number(&step["series"]),
            step["step"].as_str().unwrap_or_default()
        ));
    }
    if let Some(next) = answer["next"].as_str().filter(|next| !next.is_empty()) {
        table.foot(format!("next page: --after {next:?}"));
    }
    Ok(finish(&args.read, &answer, &table))
}
