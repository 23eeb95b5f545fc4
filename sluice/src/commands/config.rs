//! `sluice config`: what counts, and why.

use std::collections::BTreeMap;

use model::Retention;
use serde_json::{Map, Value, json};

use crate::cli::ConfigArgs;
use crate::config;
use crate::exit::Exit;
use crate::read::{Table, format_or_default};
use crate::serve::rules;

pub(crate) fn run(args: &ConfigArgs, env: &BTreeMap<String, String>) -> anyhow::Result<Exit> {
    let (config, _, settings) = config::load(&args.serve, &args.cluster, env)?;
    let mut table = Table::new(["setting", "value", "from"]);
    let mut answer = Map::new();
    for setting in settings {
        answer.insert(setting.name.to_owned(), json!({"value": setting.value, "from": setting.origin}));
        table.row([setting.name.to_owned(), setting.value, setting.origin]);
    }
    let elsewhere = config.retention();
    for (at, setting) in rules::of_folder(&config.rules)?.metrics.iter().enumerate() {
        let Retention { minutes, hours, days } = setting.retention.or(elsewhere);
        let name = format!("metrics[{at}]");
        let value = format!(
            "{}/{}: minutes {}, hours {}, days {}",
            setting.account,
            setting.metric,
            reach(minutes),
            reach(hours),
            reach(days)
        );
        let from = format!("rules {}", config.rules.display());
        answer.insert(name.clone(), json!({"value": value, "from": from}));
        table.row([name, value, from]);
    }
    table.print(format_or_default(args.format), &Value::Object(answer));
    Ok(Exit::Good)
}

/// In the largest unit that it is a whole number of.
fn reach(minutes: u32) -> String {
    match minutes {
        days if days.is_multiple_of(1_440) => format!("{}d", days / 1_440),
        hours if hours.is_multiple_of(60) => format!("{}h", hours / 60),
        minutes => format!("{minutes}m"),
    }
}
