//! `sluice acknowledge`: somebody looks after what fires now.

use serde_json::json;

use crate::cli::AcknowledgeArgs;
use crate::exit::Exit;
use crate::read::{AskError, Table, conditions_of, format_or_default, post};

pub(crate) fn run(args: &AcknowledgeArgs) -> Result<Exit, AskError> {
    let request = json!({
        "where": conditions_of(&args.filter)?,
        "by": args.said.by,
        "comment": args.said.comment,
    });
    let answer = post(&args.server.server, "/v1/alerts/acknowledge", &request)?;
    let mut table = Table::new(["acknowledged"]);
    table.row([answer["acknowledged"].to_string()]);
    table.print(format_or_default(args.server.format), &answer);
    if answer["acknowledged"] == 0 {
        eprintln!(
            "note: nothing that fires has such labels; `sluice alerts --format json` shows the labels of what does"
        );
    }
    Ok(Exit::Good)
}
