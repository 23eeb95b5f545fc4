//! `sluice config`: what counts, and why.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cli::ConfigArgs;
use crate::config;
use crate::exit::Exit;
use crate::read::{Table, format_or_default};

pub(crate) fn run(args: &ConfigArgs, env: &BTreeMap<String, String>) -> anyhow::Result<Exit> {
    let (_, settings) = config::load(&args.serve, env)?;
    let mut table = Table::new(["setting", "value", "from"]);
    let mut answer = Map::new();
    for setting in settings {
        answer.insert(setting.name.to_owned(), json!({"value": setting.value, "from": setting.origin}));
        table.row([setting.name.to_owned(), setting.value, setting.origin]);
    }
    table.print(format_or_default(args.format), &Value::Object(answer));
    Ok(Exit::Good)
}
